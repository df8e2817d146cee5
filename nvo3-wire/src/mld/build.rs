//! MLD messages to write. A parsed view can be written again.

use super::{Header, MILLI, QUERY, Query, QueryV2, Report};
use crate::checksum::Addresses;
use crate::error::place;
use crate::group::count_of;
use crate::{Error, Ipv6, Protocol, icmpv6, ipv6};
use zerocopy::big_endian::U16;

impl Header {
    /// Creates a whole message about `group`: [`REPORT_V1`](super::REPORT_V1) or [`DONE`](super::DONE).
    ///
    /// Writing it as a [`Layer`](crate::build::Layer) fills the checksum.
    pub const fn new(kind: u8, group: Ipv6) -> Self {
        let icmp = icmpv6::Header { kind, code: 0, checksum: U16::ZERO };
        Self { icmp, response_code: U16::ZERO, reserved: U16::ZERO, group }
    }
}

impl Query<'_> {
    /// The length of the message in bytes, with the version 2 part and the sources if [`Query::v2`] is set.
    pub const fn wire_len(&self) -> usize {
        match self.v2 {
            Some(_) => size_of::<Header>() + size_of::<QueryV2>() + size_of_val(self.sources),
            None => size_of::<Header>(),
        }
    }

    /// Writes the message with its checksum. Returns the number of bytes written.
    ///
    /// The response time is rounded down to a value of the code: at most 65,535 ms in version 1, and 8,387,584 ms in
    /// version 2.
    ///
    /// # Errors
    /// [`NoRoom`](crate::Rule::NoRoom); [`TooLong`](crate::Rule::TooLong) with more than 65,535 sources.
    pub fn write(&self, addresses: Addresses<'_>, out: &mut [u8]) -> Result<usize, Error> {
        let length = self.put(out)?;
        Ok(summed(length, addresses, out))
    }

    /// Writes the message as [`Query::write`] does, with a checksum of zero.
    pub(crate) fn put(&self, out: &mut [u8]) -> Result<usize, Error> {
        let (length, available) = (self.wire_len(), out.len());
        let Some(out) = out.get_mut(..length) else {
            return Err(Error::no_room(Protocol::Mld, length, available));
        };
        let millis = count_of(self.response, MILLI);
        let response_code = match self.v2 {
            Some(_) => to_code(millis),
            None => u16::try_from(millis).unwrap_or(u16::MAX),
        };
        let (header, behind) = place::<Header>(out, Protocol::Mld)?;
        *header = Header { response_code: U16::new(response_code), ..Header::new(QUERY, *self.group) };
        if let Some(v2) = self.v2 {
            v2.put(self.sources, length, behind)?;
        }
        Ok(length)
    }
}

impl Report<'_, Ipv6> {
    /// Writes the message with its checksum. Returns the number of bytes written.
    ///
    /// # Errors
    /// [`NoRoom`](crate::Rule::NoRoom); [`TooLong`](crate::Rule::TooLong) with more than 65,535 records or sources,
    /// [`AuxiliaryTooLong`](crate::Rule::AuxiliaryTooLong) beyond 1,020 bytes.
    pub fn write(&self, addresses: Addresses<'_>, out: &mut [u8]) -> Result<usize, Error> {
        let length = self.put(out)?;
        Ok(summed(length, addresses, out))
    }
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

/// The code of the greatest value that is not above `value`; see [`from_code`](super::from_code).
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
