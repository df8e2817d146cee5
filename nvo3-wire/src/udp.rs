//! UDP.

use crate::checksum::Sum;
use crate::error::take;
use crate::{Error, Protocol, Rule};
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// UDP (RFC 768).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------------------------------+-------------------------------+
/// |          source port          |       destination port        |
/// +-------------------------------+-------------------------------+
/// |            length             |   checksum, 0 means none      |
/// +-------------------------------+-------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Source port.
    pub source_port: U16,
    /// Destination port.
    pub destination_port: U16,
    /// Header and payload, in bytes.
    pub length: U16,
    /// Checksum with pseudo-header; 0 means none (CKS-04).
    pub checksum: U16,
}

/// A datagram: header and payload as its length bounds it.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The header.
    pub header: &'a Header,
    /// Payload as the length field bounds it.
    pub payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Reads the header; what lies behind the length field is no part of the datagram.
    ///
    /// # Errors
    /// [`Rule::Truncated`], or [`Rule::Length`] for a length field below 8.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (header, behind) = take::<Header>(bytes, Protocol::Udp)?;
        let length = usize::from(header.length.get());
        let Some(payload_len) = length.checked_sub(size_of::<Header>()) else {
            return Err(Error::new(Protocol::Udp, 0, Rule::Length(length)));
        };
        match behind.get(..payload_len) {
            Some(payload) => Ok(Self { header, payload }),
            None => Err(Error::truncated(Protocol::Udp, length, bytes.len())),
        }
    }

    /// As [`Datagram::validate`], but a zero checksum is refused: the rule over IPv6 (RFC 8200 §8.1, U6-03).
    ///
    /// # Errors
    /// [`Rule::ZeroChecksum`] or [`Rule::Checksum`].
    #[inline]
    pub fn validate_checked(&self, pseudo: Sum) -> Result<(), Error> {
        if self.header.checksum.get() == 0 {
            return Err(Error::new(Protocol::Udp, 0, Rule::ZeroChecksum));
        }
        self.validate(pseudo)
    }

    /// Verifies a non-zero checksum against the pseudo-header sum `pseudo`. Whether zero is fine is the caller's rule.
    ///
    /// # Errors
    /// [`Rule::Checksum`].
    #[inline]
    pub fn validate(&self, pseudo: Sum) -> Result<(), Error> {
        let checksum = self.header.checksum.get();
        if checksum == 0 || pseudo.bytes(self.header.as_bytes()).bytes(self.payload).verifies() {
            return Ok(());
        }
        Err(Error::new(Protocol::Udp, 0, Rule::Checksum(checksum)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_field_bounds_the_payload() {
        let datagram = [0xc0, 0, 0x12, 0xb5, 0, 10, 0, 0, 1, 2, 3, 4];
        let with_length = |length: u8| {
            let mut datagram = datagram;
            datagram[5] = length;
            Datagram::parse(&datagram).map(|datagram| datagram.payload.len())
        };

        assert_eq!((with_length(8), with_length(10), with_length(12)), (Ok(0), Ok(2), Ok(4)));
        assert_eq!(with_length(7).unwrap_err().rule, Rule::Length(7));
        assert_eq!(with_length(13).unwrap_err().rule, Rule::Truncated { needed: 13, available: 12 });
        assert!(matches!(Datagram::parse(&datagram[..7]).unwrap_err().rule, Rule::Truncated { needed: 8, .. }));
    }

    /// Checks CKS-04.
    #[test]
    fn a_payload_whose_sum_is_ffff_travels_as_ffff() {
        let mut datagram = [0, 1, 0, 2, 0, 10, 0, 0, 0, 0];
        let filler = !Sum::ZERO.bytes(&datagram).fold();
        datagram[8..10].copy_from_slice(&filler.to_be_bytes());
        let checksum = Sum::ZERO.bytes(&datagram).udp_checksum();
        datagram[6..8].copy_from_slice(&checksum.to_be_bytes());

        assert_eq!(checksum, 0xffff);
        assert_eq!(Datagram::parse(&datagram).unwrap().validate(Sum::ZERO), Ok(()));
    }
}
