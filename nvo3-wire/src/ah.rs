//! The authentication header (RFC 4302).
//!
//! The crate reads the header to find the protocol after it. It neither verifies nor creates an integrity check value
//! (ICV).
//!
//! [`Header`] shows the layout. [`Authentication::parse`] reads the content;
//! [`ipv4::Packet::upper`](crate::ipv4::Packet::upper) and [`ipv6::Packet::upper`](crate::ipv6::Packet::upper) walk
//! over the header.

use crate::error::take;
use crate::{Error, Protocol};
use core::fmt;
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// The number of this header in IPv4's protocol field and IPv6's next-header field.
pub const PROTOCOL: u8 = 51;

/// The fixed part after the next-header and length fields (RFC 4302 §2).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |  next header  | words less 2  |           reserved            |
/// +---------------+---------------+-------------------------------+
/// |                 security parameters index (SPI)               |
/// +---------------------------------------------------------------+
/// |                        sequence number                        |
/// +---------------------------------------------------------------+
/// |                integrity check value (ICV, 4 n)               |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Reserved; receivers ignore it.
    pub reserved: U16,
    /// Security parameters index: names the security association.
    pub spi: U32,
    /// Sequence number: counts the packets of the association.
    pub sequence: U32,
}

/// The content of an authentication header: fixed part and ICV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authentication<'a> {
    /// The fixed part.
    pub header: &'a Header,
    /// Integrity check value with its padding.
    pub icv: &'a [u8],
}

impl<'a> Authentication<'a> {
    /// Reads the bytes after the next-header and length fields.
    ///
    /// # Errors
    /// [`Rule::Truncated`](crate::Rule::Truncated) if there are fewer than 10 bytes.
    pub fn parse(content: &'a [u8]) -> Result<Self, Error> {
        take(content, Protocol::Authentication).map(|(header, icv)| Self { header, icv })
    }
}

/// For example `authentication spi 0x00000100 sequence 7`.
impl fmt::Display for Authentication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "authentication spi {:#010x} sequence {}", self.header.spi.get(), self.header.sequence.get())
    }
}
