//! Messages written: what a view says is what its builder takes, so that what was read can be written again.

use super::{Header, QUERY, Query, QueryV3, REPORT_V3, Record, RecordHeader, RecordKind};
use crate::checksum::{Sum, checksum};
use crate::error::place;
use crate::{Error, Ipv4, Protocol, Rule};
use zerocopy::IntoBytes;
use zerocopy::big_endian::U16;

impl Header {
    /// A whole message about `group`: [`REPORT_V1`](super::REPORT_V1), [`REPORT_V2`](super::REPORT_V2) or
    /// [`LEAVE`](super::LEAVE). Its checksum is right as it is.
    ///
    /// ```
    /// use nvo3_wire::build::Layers;
    /// use nvo3_wire::ipv4::{self, Ipv4Option};
    /// use nvo3_wire::{Ipv4, igmp};
    ///
    /// let (host, group) = (Ipv4([192, 0, 2, 1]), Ipv4([239, 1, 2, 3]));
    /// let ip = ipv4::Fields { ttl: 1, ..ipv4::Fields::new(host, group) };
    /// let mut out = [0; 32];
    /// (ip.with_options(&[Ipv4Option::RouterAlert(0)]), igmp::Header::new(igmp::REPORT_V2, group)).write(&mut out)?;
    /// let message = igmp::Message::parse(&ipv4::Packet::parse(&out)?)?;
    /// message.validate()?;
    /// assert_eq!(message.kind, igmp::Kind::Report { version: 2, group });
    /// # Ok::<(), nvo3_wire::Error>(())
    /// ```
    pub const fn new(kind: u8, group: Ipv4) -> Self {
        let sum = Sum::ZERO.word(u16::from_be_bytes([kind, 0])).ipv4(&group);
        Self { kind, response_code: 0, checksum: U16::new(sum.checksum()), group }
    }
}

impl QueryV3 {
    /// The part to be put behind a query; its sources are counted when it is written. A time between general queries of
    /// more than 127 seconds is rounded down to what the code can say, 31,744 seconds at most; a robustness of more than 7
    /// is 0, which says nothing of it (RFC 3376 §4.1.6).
    pub const fn new(suppress: bool, robustness: u8, interval: u16) -> Self {
        let robustness = if robustness > 7 { 0 } else { robustness };
        Self { flags: (suppress as u8) << 3 | robustness, interval_code: to_code(interval as u32), sources: U16::ZERO }
    }
}

impl Query<'_> {
    /// Length of the message in bytes: with [`Query::v3`] its part and the sources too.
    pub const fn wire_len(&self) -> usize {
        match self.v3 {
            Some(_) => size_of::<Header>() + size_of::<QueryV3>() + size_of_val(self.sources),
            None => size_of::<Header>(),
        }
    }

    /// Writes the message with its checksum; how many bytes. The response time is rounded down to tenths of a second and,
    /// with [`Query::v3`], to what its code can say, but is no zero in version 2, which only version 1 has.
    ///
    /// # Errors
    /// [`Rule::NoRoom`]; [`Rule::TooLong`] with more than 65,535 sources.
    pub fn write(&self, out: &mut [u8]) -> Result<usize, Error> {
        let length = self.put(out)?;
        Ok(summed(length, out))
    }

    /// As [`Query::write`] with a checksum of zero.
    pub(crate) fn put(&self, out: &mut [u8]) -> Result<usize, Error> {
        let (length, available) = (self.wire_len(), out.len());
        let Some(out) = out.get_mut(..length) else {
            return Err(Error::no_room(Protocol::Igmp, length, available));
        };
        let tenths = self.response_ms / 100;
        let response_code = match (self.version, self.v3) {
            (_, Some(_)) => to_code(tenths),
            (1, None) => 0,
            (_, None) => tenths.clamp(1, 255) as u8,
        };
        let (header, behind) = place::<Header>(out, Protocol::Igmp)?;
        *header = Header { kind: QUERY, response_code, checksum: U16::ZERO, group: self.group };
        if let Some(v3) = self.v3 {
            let (part, behind) = place::<QueryV3>(behind, Protocol::Igmp)?;
            *part = QueryV3 { sources: count(self.sources.len(), length)?, ..*v3 };
            behind.copy_from_slice(self.sources.as_bytes());
        }
        Ok(length)
    }
}

/// A version 3 report to be written (RFC 3376 §4.2); it goes to 224.0.0.22 with TTL 1 and router alert.
///
/// ```
/// use nvo3_wire::igmp::{Kind, Message, Record, RecordKind, Report};
/// use nvo3_wire::build::Layers;
/// use nvo3_wire::ipv4::{self, Ipv4Option};
/// use nvo3_wire::Ipv4;
///
/// let join = Record { kind: RecordKind::ToExclude, group: Ipv4([239, 1, 2, 3]), sources: &[], auxiliary: &[] };
/// let ip = ipv4::Fields { ttl: 1, ..ipv4::Fields::new(Ipv4([192, 0, 2, 1]), Ipv4([224, 0, 0, 22])) };
/// let mut out = [0; 40];
/// (ip.with_options(&[Ipv4Option::RouterAlert(0)]), Report(&[join])).write(&mut out)?;
///
/// let message = Message::parse(&ipv4::Packet::parse(&out)?)?;
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
        size_of::<Header>() + self.0.iter().map(Record::wire_len).sum::<usize>()
    }

    /// Writes the message with its checksum; how many bytes.
    ///
    /// # Errors
    /// [`Rule::NoRoom`]; [`Rule::TooLong`] with more than 65,535 records or sources, [`Rule::AuxiliaryTooLong`] beyond
    /// 1,020 bytes.
    pub fn write(&self, out: &mut [u8]) -> Result<usize, Error> {
        let length = self.put(out)?;
        Ok(summed(length, out))
    }

    /// As [`Report::write`] with a checksum of zero.
    pub(crate) fn put(&self, out: &mut [u8]) -> Result<usize, Error> {
        let (length, available) = (self.wire_len(), out.len());
        let Some(out) = out.get_mut(..length) else {
            return Err(Error::no_room(Protocol::Igmp, length, available));
        };
        let (header, mut behind) = place::<Header>(out, Protocol::Igmp)?;
        let [high, low] = count(self.0.len(), length)?.to_bytes();
        *header = Header { kind: REPORT_V3, response_code: 0, checksum: U16::ZERO, group: Ipv4([0, 0, high, low]) };
        for record in self.0 {
            behind = record.put(behind)?;
        }
        Ok(length)
    }
}

impl Record<'_> {
    /// Length in bytes, auxiliary data padded to a multiple of 4.
    pub const fn wire_len(&self) -> usize {
        size_of::<RecordHeader>() + size_of_val(self.sources) + self.auxiliary.len().next_multiple_of(4)
    }

    /// Writes the record; what is behind it.
    fn put<'o>(&self, out: &'o mut [u8]) -> Result<&'o mut [u8], Error> {
        let (length, available) = (self.wire_len(), out.len());
        let no_room = || Error::no_room(Protocol::Igmp, length, available);
        let (header, behind) = place::<RecordHeader>(out, Protocol::Igmp)?;
        header.kind = self.kind.into();
        header.aux_words = aux_words(self.auxiliary, Protocol::Igmp)?;
        header.sources = count(self.sources.len(), length)?;
        header.group = self.group;
        let (sources, behind) = behind.split_at_mut_checked(size_of_val(self.sources)).ok_or_else(no_room)?;
        sources.copy_from_slice(self.sources.as_bytes());
        put_auxiliary(self.auxiliary, behind).ok_or_else(no_room)
    }
}

/// Writes auxiliary data and zeros up to a multiple of 4 bytes; what is behind, `None` without room.
pub(crate) fn put_auxiliary<'o>(auxiliary: &[u8], out: &'o mut [u8]) -> Option<&'o mut [u8]> {
    let (padded, behind) = out.split_at_mut_checked(auxiliary.len().next_multiple_of(4))?;
    let (data, padding) = padded.split_at_mut_checked(auxiliary.len())?;
    data.copy_from_slice(auxiliary);
    padding.fill(0);
    Some(behind)
}

/// Words of auxiliary data, as a record counts them.
pub(crate) fn aux_words(auxiliary: &[u8], protocol: Protocol) -> Result<u8, Error> {
    let words = u8::try_from(auxiliary.len().div_ceil(4));
    words.map_err(|_| Error::new(protocol, 0, Rule::AuxiliaryTooLong(auxiliary.len())))
}

fn count(number: usize, length: usize) -> Result<U16, Error> {
    let number = u16::try_from(number).map_err(|_| Error::new(Protocol::Igmp, 0, Rule::TooLong(length)))?;
    Ok(U16::new(number))
}

fn summed(length: usize, out: &mut [u8]) -> usize {
    if let Some(message) = out.get_mut(..length) {
        let sum = checksum(message);
        if let Some(field) = message.get_mut(2..).and_then(|bytes| bytes.first_chunk_mut()) {
            *field = sum.to_be_bytes();
        }
    }
    length
}

impl From<RecordKind> for u8 {
    fn from(kind: RecordKind) -> Self {
        match kind {
            RecordKind::IsInclude => 1,
            RecordKind::IsExclude => 2,
            RecordKind::ToInclude => 3,
            RecordKind::ToExclude => 4,
            RecordKind::Allow => 5,
            RecordKind::Block => 6,
            RecordKind::Unknown(other) => other,
        }
    }
}

/// The code of the greatest number that is not above `value`, see [`from_code`](super::from_code).
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
