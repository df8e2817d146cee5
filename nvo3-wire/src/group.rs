//! The parts that IGMPv3 and MLDv2 share: group records, the sources of a query, and 8-bit codes (RFC 3376, RFC 3810).
//!
//! [`igmp`](crate::igmp) uses them with IPv4 addresses, [`mld`](crate::mld) with IPv6 addresses.

use crate::codes::codes;
use crate::error::{place, take};
use crate::{Error, Ipv4, Ipv6, Protocol, Rule};
use core::fmt;
use core::time::Duration;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

codes! {
    /// The meaning of a record's sources (RFC 3376 §4.2.12, RFC 3810 §5.2.12). The text is a packet analyser's, such as
    /// `to_ex`.
    pub enum RecordKind: u8 {
        /// 1: the host wants only these sources. Answers a query.
        IsInclude = 1, "is_in";
        /// 2: the host wants all sources except these. Answers a query.
        IsExclude = 2, "is_ex";
        /// 3: from now on only these sources. Without sources it is a leave.
        ToInclude = 3, "to_in";
        /// 4: from now on all sources except these. Without sources it is a join.
        ToExclude = 4, "to_ex";
        /// 5: these sources too.
        Allow = 5, "allow";
        /// 6: these sources no longer.
        Block = 6, "block";
    }
    /// Any other number; receivers ignore the record.
    else Unknown, "record {}";
}

/// The address type of a record: [`Ipv4`] in IGMP, [`Ipv6`] in MLD.
pub trait Address:
    sealed::Sealed
    + FromBytes
    + IntoBytes
    + KnownLayout
    + Immutable
    + Unaligned
    + Copy
    + fmt::Debug
    + fmt::Display
    + 'static
{
    /// [`Protocol::Igmp`] or [`Protocol::Mld`].
    const PROTOCOL: Protocol;
    /// The message type of a report with records.
    const REPORT: u8;
}

impl Address for Ipv4 {
    const PROTOCOL: Protocol = Protocol::Igmp;
    const REPORT: u8 = crate::igmp::REPORT_V3;
}

impl Address for Ipv6 {
    const PROTOCOL: Protocol = Protocol::Mld;
    const REPORT: u8 = crate::mld::REPORT_V2;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::Ipv4 {}
    impl Sealed for crate::Ipv6 {}
}

/// The first bytes of a record (RFC 3376 §4.2.4, RFC 3810 §5.2.4).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |     type      |  words of aux |       number of sources       |
/// +---------------+---------------+-------------------------------+
/// |                    group address (4 or 16)                    |
/// +---------------------------------------------------------------+
/// |         source addresses (4 or 16 n), auxiliary data          |
/// +---------------------------------------------------------------+
/// ```
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RecordHeader<A> {
    kind: u8,
    aux_words: u8,
    sources: U16,
    group: A,
}

/// A group record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a, A> {
    /// The meaning of the sources.
    pub kind: RecordKind,
    /// The group.
    pub group: A,
    /// The sources.
    pub sources: &'a [A],
    /// Auxiliary data, which no version defines.
    pub auxiliary: &'a [u8],
}

impl<'a, A: Address> Record<'a, A> {
    /// Reads one record. Returns the bytes after it too.
    fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Error> {
        let (header, behind) = take::<RecordHeader<A>>(bytes, A::PROTOCOL)?;
        let (sources, auxiliary) =
            (size_of::<A>() * usize::from(header.sources.get()), 4 * usize::from(header.aux_words));
        let split = behind.split_at_checked(sources).and_then(|(sources, behind)| {
            let (auxiliary, rest) = behind.split_at_checked(auxiliary)?;
            Some((<[A]>::ref_from_bytes(sources).ok()?, auxiliary, rest))
        });
        match split {
            Some((sources, auxiliary, rest)) => {
                Ok((Self { kind: header.kind.into(), group: header.group, sources, auxiliary }, rest))
            }
            None => {
                let needed = size_of::<RecordHeader<A>>() + sources + auxiliary;
                Err(Error::truncated(A::PROTOCOL, needed, bytes.len()))
            }
        }
    }

    /// The length in bytes, with auxiliary data padded to a multiple of 4.
    pub const fn wire_len(&self) -> usize {
        size_of::<RecordHeader<A>>() + size_of_val(self.sources) + self.auxiliary.len().next_multiple_of(4)
    }

    /// Writes the record. Returns the rest of `out`.
    fn put<'o>(&self, out: &'o mut [u8]) -> Result<&'o mut [u8], Error> {
        let (length, available) = (self.wire_len(), out.len());
        let no_room = || Error::no_room(A::PROTOCOL, length, available);
        let too_long = |_| Error::new(A::PROTOCOL, 0, Rule::AuxiliaryTooLong(self.auxiliary.len()));
        let (header, behind) = place::<RecordHeader<A>>(out, A::PROTOCOL)?;
        header.kind = self.kind.value();
        header.aux_words = u8::try_from(self.auxiliary.len().div_ceil(4)).map_err(too_long)?;
        header.sources = count::<A>(self.sources.len(), length)?;
        header.group = self.group;
        let (sources, behind) = behind.split_at_mut_checked(size_of_val(self.sources)).ok_or_else(no_room)?;
        sources.copy_from_slice(self.sources.as_bytes());
        let padded = self.auxiliary.len().next_multiple_of(4);
        let (padded, behind) = behind.split_at_mut_checked(padded).ok_or_else(no_room)?;
        let (auxiliary, padding) = padded.split_at_mut_checked(self.auxiliary.len()).ok_or_else(no_room)?;
        auxiliary.copy_from_slice(self.auxiliary);
        padding.fill(0);
        Ok(behind)
    }
}

/// For example `239.1.2.3 to_ex {}`.
impl<A: fmt::Display> fmt::Display for Record<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {{", self.group, self.kind)?;
        for (n, source) in self.sources.iter().enumerate() {
            write!(f, "{}{source}", if n == 0 { "" } else { " " })?;
        }
        f.write_str("}")
    }
}

/// The records of a report, checked once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Records<'a, A> {
    bytes: &'a [u8],
    count: u16,
    address: core::marker::PhantomData<A>,
}

impl<'a, A: Address> Records<'a, A> {
    /// Reads `count` records. An error counts from the start of the message, whose head has [`HEAD`] bytes.
    pub(crate) fn parse(bytes: &'a [u8], count: u16) -> Result<Self, Error> {
        let mut rest = bytes;
        for _ in 0..count {
            (_, rest) = Record::<A>::parse(rest).map_err(|e| e.at(HEAD + bytes.len() - rest.len()))?;
        }
        Ok(Self { bytes, count, address: core::marker::PhantomData })
    }

    /// The number of records.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// True if there are no records.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = Record<'a, A>> + use<'a, A> {
        let mut rest = self.bytes;
        (0..self.count).map_while(move |_| {
            let (record, behind) = Record::parse(rest).ok()?;
            rest = behind;
            Some(record)
        })
    }
}

/// The length of a report's head in front of its records: type, checksum, and number of records.
pub(crate) const HEAD: usize = 8;

/// A report to write (RFC 3376 §4.2, RFC 3810 §5.2).
///
/// An IGMPv3 report goes to 224.0.0.22 with TTL 1, an MLDv2 report to ff02::16 with hop limit 1. Both need a router
/// alert option.
///
/// ```
/// use nvo3_wire::build::{HopByHop, Layers};
/// use nvo3_wire::igmp::{self, RecordKind, Report};
/// use nvo3_wire::ipv4::{self, Ipv4Option};
/// use nvo3_wire::ipv6::{self, Ipv6Option};
/// use nvo3_wire::{Ipv4, Ipv6, mld};
///
/// let group = Ipv4([239, 1, 2, 3]);
/// let join = igmp::Record { kind: RecordKind::ToExclude, group, sources: &[], auxiliary: &[] };
/// let ip = ipv4::Fields { ttl: 1, ..ipv4::Fields::new(Ipv4([192, 0, 2, 1]), Ipv4([224, 0, 0, 22])) };
/// let mut out = [0; 40];
/// (ip.with_options(&[Ipv4Option::RouterAlert(0)]), Report(&[join])).write(&mut out)?;
///
/// let message = igmp::Message::parse(&ipv4::Packet::parse(&out)?)?;
/// message.validate()?;
/// let igmp::Kind::Records(records) = message.kind else { panic!("not a report") };
/// assert!(records.iter().eq([join]));
///
/// let [host, routers]: [Ipv6; 2] = ["fe80::1", "ff02::16"].map(|address| address.parse().unwrap());
/// let join = mld::Record { kind: RecordKind::ToExclude, group: host.solicited_node(), sources: &[], auxiliary: &[] };
/// let ip = ipv6::Fields { hop_limit: 1, ..ipv6::Fields::new(host, routers) };
/// let mut out = [0; 76];
/// (ip, HopByHop(&[Ipv6Option::RouterAlert(0)]), Report(&[join])).write(&mut out)?;
///
/// let message = mld::Message::parse(&ipv6::Packet::parse(&out)?)?;
/// message.validate()?;
/// let mld::Kind::Records(records) = message.kind else { panic!("not a report") };
/// assert!(records.iter().eq([join]));
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a, A>(pub &'a [Record<'a, A>]);

impl<A: Address> Report<'_, A> {
    /// Length of the message in bytes.
    pub fn wire_len(&self) -> usize {
        HEAD + self.0.iter().map(Record::wire_len).sum::<usize>()
    }

    /// Writes the message with a checksum of zero. Returns the number of bytes written.
    pub(crate) fn put(&self, out: &mut [u8]) -> Result<usize, Error> {
        let (length, available) = (self.wire_len(), out.len());
        let no_room = || Error::no_room(A::PROTOCOL, length, available);
        let out = out.get_mut(..length).ok_or_else(no_room)?;
        let (head, mut behind) = out.split_first_chunk_mut::<HEAD>().ok_or_else(no_room)?;
        let [high, low] = count::<A>(self.0.len(), length)?.to_bytes();
        *head = [A::REPORT, 0, 0, 0, 0, 0, high, low];
        for record in self.0 {
            behind = record.put(behind)?;
        }
        Ok(length)
    }
}

/// The part of an IGMPv3 (RFC 3376 §4.1) or MLDv2 (RFC 3810 §5.1) query after that of an earlier version.
///
/// ```text
/// +-------+-+-----+---------------+-------------------------------+
/// |  res  |S| QRV |     QQIC      |       number of sources       |
/// +-------+-+-----+---------------+-------------------------------+
/// |                 source addresses (4 or 16 n)                  |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Querier {
    /// Reserved (4 bits), suppress router-side processing (1), querier's robustness (3).
    pub flags: u8,
    /// Querier's query interval code, in seconds. From 128 on it has an exponent.
    pub interval_code: u8,
    /// Number of sources that follow.
    pub sources: U16,
}

impl Querier {
    /// Creates the part after a query. Writing sets the number of sources.
    ///
    /// `interval` is the time between general queries. It is rounded down to a whole second, above 127 s to a value of
    /// the code, and to 31,744 s at most. A `robustness` above 7 is sent as 0, which means "not stated" (RFC 3376 §4.1.6, RFC 3810
    /// §5.1.8).
    pub const fn new(suppress: bool, robustness: u8, interval: Duration) -> Self {
        let robustness = if robustness > 7 { 0 } else { robustness };
        let interval_code = to_code(count_of(interval, Duration::from_secs(1)));
        Self { flags: (suppress as u8) << 3 | robustness, interval_code, sources: U16::ZERO }
    }

    /// Time between general queries; zero if the querier does not state it.
    pub const fn interval(&self) -> Duration {
        Duration::from_secs(from_code(self.interval_code) as u64)
    }

    /// Reads the part with its sources from `behind`, the bytes after the first `head` bytes of a message. Errors count
    /// from there.
    pub(crate) fn parse<A: Address>(behind: &[u8], head: usize) -> Result<(&Self, &[A]), Error> {
        let (querier, behind) = take::<Self>(behind, A::PROTOCOL).map_err(|e| e.at(head))?;
        let (head, length) = (head + size_of::<Self>(), size_of::<A>() * usize::from(querier.sources.get()));
        match behind.get(..length).map(<[A]>::ref_from_bytes) {
            Some(Ok(sources)) => Ok((querier, sources)),
            _ => Err(Error::truncated(A::PROTOCOL, head + length, head + behind.len())),
        }
    }

    /// Writes the part with its sources, which fill `out`, in a message of `length` bytes.
    pub(crate) fn put<A: Address>(&self, sources: &[A], length: usize, out: &mut [u8]) -> Result<(), Error> {
        let (querier, behind) = place::<Self>(out, A::PROTOCOL)?;
        *querier = Self { sources: count::<A>(sources.len(), length)?, ..*self };
        behind.copy_from_slice(sources.as_bytes());
        Ok(())
    }
}

/// The number of records or sources in a message or record of `length` bytes.
fn count<A: Address>(number: usize, length: usize) -> Result<U16, Error> {
    u16::try_from(number).map(U16::new).map_err(|_| Error::new(A::PROTOCOL, 0, Rule::TooLong(length)))
}

/// How many whole units a time has, at most `u32::MAX`.
pub(crate) const fn count_of(time: Duration, unit: Duration) -> u32 {
    let count = time.as_millis() / unit.as_millis();
    if count > u32::MAX as u128 { u32::MAX } else { count as u32 }
}

/// The value of an 8-bit code: a number below 128, otherwise 4 bits of mantissa shifted by a 3-bit exponent (RFC 3376
/// §4.1.1, §4.1.7, RFC 3810 §5.1.9).
pub(crate) const fn from_code(code: u8) -> u16 {
    if code < 128 { code as u16 } else { ((code & 0xf | 0x10) as u16) << ((code >> 4 & 7) + 3) }
}

/// The code of the greatest value that is not above `value`; see [`from_code`].
pub(crate) const fn to_code(value: u32) -> u8 {
    match value {
        0..128 => value as u8,
        128..0x8000 => {
            let exponent = value.ilog2() as u8 - 7;
            0x80 | exponent << 4 | (value >> (exponent + 3)) as u8 & 0xf
        }
        _ => 0xff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_that_of_its_number_and_of_those_up_to_the_next() {
        assert!((0..=u8::MAX).all(|code| to_code(from_code(code).into()) == code));
        assert!((0..=u8::MAX - 1).all(|code| to_code(u32::from(from_code(code + 1)) - 1) == code));
        assert_eq!(to_code(u32::MAX), u8::MAX);
    }
}
