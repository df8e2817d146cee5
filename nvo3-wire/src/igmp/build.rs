//! IGMP messages to write. A parsed view can be written again.

use super::{Header, QUERY, Query, QueryV3, Report, TENTH};
use crate::checksum::{Sum, checksum};
use crate::error::place;
use crate::group::{count_of, to_code};
use crate::{Error, Ipv4, Protocol};
use zerocopy::big_endian::U16;

impl Header {
    /// Creates a whole message about `group`: [`REPORT_V1`](super::REPORT_V1), [`REPORT_V2`](super::REPORT_V2) or
    /// [`LEAVE`](super::LEAVE). Its checksum is already set.
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

impl Query<'_> {
    /// The length of the message in bytes, with the version 3 part and the sources if [`Query::v3`] is set.
    pub const fn wire_len(&self) -> usize {
        match self.v3 {
            Some(_) => size_of::<Header>() + size_of::<QueryV3>() + size_of_val(self.sources),
            None => size_of::<Header>(),
        }
    }

    /// Writes the message with its checksum. Returns the number of bytes written.
    ///
    /// The response time is rounded down to tenths of a second, and with [`Query::v3`] to a value of the code. Version
    /// 2 never writes 0, because only version 1 has a response time of 0.
    ///
    /// # Errors
    /// [`NoRoom`](crate::Rule::NoRoom); [`TooLong`](crate::Rule::TooLong) with more than 65,535 sources.
    pub fn write(&self, out: &mut [u8]) -> Result<usize, Error> {
        let length = self.put(out)?;
        Ok(summed(length, out))
    }

    /// Writes the message as [`Query::write`] does, with a checksum of zero.
    pub(crate) fn put(&self, out: &mut [u8]) -> Result<usize, Error> {
        let (length, available) = (self.wire_len(), out.len());
        let Some(out) = out.get_mut(..length) else {
            return Err(Error::no_room(Protocol::Igmp, length, available));
        };
        let tenths = count_of(self.response, TENTH);
        let response_code = match (self.version, self.v3) {
            (_, Some(_)) => to_code(tenths),
            (1, None) => 0,
            (_, None) => tenths.clamp(1, 255) as u8,
        };
        let (header, behind) = place::<Header>(out, Protocol::Igmp)?;
        *header = Header { kind: QUERY, response_code, checksum: U16::ZERO, group: self.group };
        if let Some(v3) = self.v3 {
            v3.put(self.sources, length, behind)?;
        }
        Ok(length)
    }
}

impl Report<'_, Ipv4> {
    /// Writes the message with its checksum. Returns the number of bytes written.
    ///
    /// # Errors
    /// [`NoRoom`](crate::Rule::NoRoom); [`TooLong`](crate::Rule::TooLong) with more than 65,535 records or sources,
    /// [`AuxiliaryTooLong`](crate::Rule::AuxiliaryTooLong) beyond 1,020 bytes.
    pub fn write(&self, out: &mut [u8]) -> Result<usize, Error> {
        let length = self.put(out)?;
        Ok(summed(length, out))
    }
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
