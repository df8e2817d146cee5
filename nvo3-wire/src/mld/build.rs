//! Messages written: what a view says is what its builder takes, so that what was read can be written again.

use super::{Header, QUERY, Query, QueryV2, REPORT_V2, Record, RecordHeader};
use crate::checksum::Addresses;
use crate::error::place;
use crate::igmp::{aux_words, put_auxiliary, to_code as interval_code};
use crate::{Error, Ipv6, Protocol, Rule, icmpv6, ipv6};
use zerocopy::IntoBytes;
use zerocopy::big_endian::U16;

impl Header {
    /// A whole message about `group`, [`REPORT_V1`](super::REPORT_V1) or [`DONE`](super::DONE), whose checksum is filled
    /// when it is written as a [`Layer`](crate::build::Layer).
    pub const fn new(kind: u8, group: Ipv6) -> Self {
        let icmp = icmpv6::Header { kind, code: 0, checksum: U16::ZERO };
        Self { icmp, response_code: U16::ZERO, reserved: U16::ZERO, group }
    }
}

impl QueryV2 {
    /// The part to be put behind a query; its sources are counted when it is written. A time between general queries of
    /// more than 127 seconds is rounded down to what the code can say, 31,744 seconds at most; a robustness of more than 7
    /// is 0, which says nothing of it (RFC 3810 §5.1.8).
    pub const fn new(suppress: bool, robustness: u8, interval: u16) -> Self {
        let robustness = if robustness > 7 { 0 } else { robustness };
        let flags = (suppress as u8) << 3 | robustness;
        Self { flags, interval_code: interval_code(interval as u32), sources: U16::ZERO }
    }
}

impl Query<'_> {
    /// Length of the message in bytes: with [`Query::v2`] its part and the sources too.
    pub const fn wire_len(&self) -> usize {
        match self.v2 {
            Some(_) => size_of::<Header>() + size_of::<QueryV2>() + size_of_val(self.sources),
            None => size_of::<Header>(),
        }
    }

    /// Writes the message with its checksum; how many bytes. The response time is rounded down to what its code can say:
    /// 65,535 ms at most in version 1, 8,387,584 ms in version 2.
    ///
    /// # Errors
    /// [`Rule::NoRoom`]; [`Rule::TooLong`] with more than 65,535 sources.
    pub fn write(&self, addresses: Addresses<'_>, out: &mut [u8]) -> Result<usize, Error> {
        let length = self.put(out)?;
        Ok(summed(length, addresses, out))
    }

    /// As [`Query::write`] with a checksum of zero.
    pub(crate) fn put(&self, out: &mut [u8]) -> Result<usize, Error> {
        let (length, available) = (self.wire_len(), out.len());
        let Some(out) = out.get_mut(..length) else {
            return Err(Error::no_room(Protocol::Mld, length, available));
        };
        let response_code = match self.v2 {
            Some(_) => to_code(self.response_ms),
            None => u16::try_from(self.response_ms).unwrap_or(u16::MAX),
        };
        let (header, behind) = place::<Header>(out, Protocol::Mld)?;
        *header = Header { response_code: U16::new(response_code), ..Header::new(QUERY, *self.group) };
        if let Some(v2) = self.v2 {
            let (part, behind) = place::<QueryV2>(behind, Protocol::Mld)?;
            *part = QueryV2 { sources: count(self.sources.len(), length)?, ..*v2 };
            behind.copy_from_slice(self.sources.as_bytes());
        }
        Ok(length)
    }
}

/// A version 2 report to be written (RFC 3810 §5.2); it goes to ff02::16 with hop limit 1 and router alert.
///
/// ```
/// use nvo3_wire::build::{HopByHop, Layers};
/// use nvo3_wire::ipv6::{self, Ipv6Option};
/// use nvo3_wire::mld::{Kind, Message, Record, RecordKind, Report};
/// use nvo3_wire::Ipv6;
///
/// let host = Ipv6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
/// let routers = Ipv6([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16]);
/// let group = host.solicited_node();
/// let join = Record { kind: RecordKind::ToExclude, group: &group, sources: &[], auxiliary: &[] };
/// let ip = ipv6::Fields { hop_limit: 1, ..ipv6::Fields::new(host, routers) };
/// let mut out = [0; 76];
/// (ip, HopByHop(&[Ipv6Option::RouterAlert(0)]), Report(&[join])).write(&mut out)?;
///
/// let message = Message::parse(&ipv6::Packet::parse(&out)?)?;
/// message.validate()?;
/// let Kind::Records(records) = message.kind else { panic!("not a report") };
/// assert!(records.iter().eq([join]));
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a>(pub &'a [Record<'a>]);

impl Report<'_> {
    /// Length of the message in bytes.
    pub fn wire_len(&self) -> usize {
        HEAD + self.0.iter().map(Record::wire_len).sum::<usize>()
    }

    /// Writes the message with its checksum; how many bytes.
    ///
    /// # Errors
    /// [`Rule::NoRoom`]; [`Rule::TooLong`] with more than 65,535 records or sources, [`Rule::AuxiliaryTooLong`] beyond
    /// 1,020 bytes.
    pub fn write(&self, addresses: Addresses<'_>, out: &mut [u8]) -> Result<usize, Error> {
        let length = self.put(out)?;
        Ok(summed(length, addresses, out))
    }

    /// As [`Report::write`] with a checksum of zero.
    pub(crate) fn put(&self, out: &mut [u8]) -> Result<usize, Error> {
        let (length, available) = (self.wire_len(), out.len());
        let no_room = || Error::no_room(Protocol::Mld, length, available);
        let out = out.get_mut(..length).ok_or_else(no_room)?;
        let (head, mut behind) = out.split_first_chunk_mut::<HEAD>().ok_or_else(no_room)?;
        let [high, low] = count(self.0.len(), length)?.to_bytes();
        *head = [REPORT_V2, 0, 0, 0, 0, 0, high, low];
        for record in self.0 {
            behind = record.put(behind)?;
        }
        Ok(length)
    }
}

/// What a report has in front of its records.
const HEAD: usize = 8;

impl Record<'_> {
    /// Length in bytes, auxiliary data padded to a multiple of 4.
    pub const fn wire_len(&self) -> usize {
        size_of::<RecordHeader>() + size_of_val(self.sources) + self.auxiliary.len().next_multiple_of(4)
    }

    /// Writes the record; what is behind it.
    fn put<'o>(&self, out: &'o mut [u8]) -> Result<&'o mut [u8], Error> {
        let (length, available) = (self.wire_len(), out.len());
        let no_room = || Error::no_room(Protocol::Mld, length, available);
        let (header, behind) = place::<RecordHeader>(out, Protocol::Mld)?;
        header.kind = self.kind.into();
        header.aux_words = aux_words(self.auxiliary, Protocol::Mld)?;
        header.sources = count(self.sources.len(), length)?;
        header.group = *self.group;
        let (sources, behind) = behind.split_at_mut_checked(size_of_val(self.sources)).ok_or_else(no_room)?;
        sources.copy_from_slice(self.sources.as_bytes());
        put_auxiliary(self.auxiliary, behind).ok_or_else(no_room)
    }
}

fn count(number: usize, length: usize) -> Result<U16, Error> {
    let number = u16::try_from(number).map_err(|_| Error::new(Protocol::Mld, 0, Rule::TooLong(length)))?;
    Ok(U16::new(number))
}

fn summed(length: usize, addresses: Addresses<'_>, out: &mut [u8]) -> usize {
    if let Some(message) = out.get_mut(..length) {
        let sum = addresses.pseudo_header(ipv6::ICMPV6, length as u32).bytes(message).checksum();
        if let Some(field) = message.get_mut(2..).and_then(|bytes| bytes.first_chunk_mut()) {
            *field = sum.to_be_bytes();
        }
    }
    length
}

/// The code of the greatest number that is not above `value`, see [`from_code`](super::from_code).
pub(super) const fn to_code(value: u32) -> u16 {
    match value {
        0..0x8000 => value as u16,
        0x8000..0x80_0000 => {
            let exponent = value.ilog2() as u16 - 15;
            0x8000 | exponent << 12 | (value >> (exponent + 3)) as u16 & 0xfff
        }
        _ => 0xffff,
    }
}
