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
