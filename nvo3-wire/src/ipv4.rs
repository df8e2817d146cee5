//! IPv4: the fixed header, options kept as bytes, payload bounded by the total length.

use crate::checksum::{Sum, verify};
use crate::error::take;
use crate::{Error, Ipv4, Protocol, Rule};
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Don't Fragment, in [`Header::fragment`].
pub const DONT_FRAGMENT: u16 = 0x4000;
/// More Fragments, in [`Header::fragment`].
pub const MORE_FRAGMENTS: u16 = 0x2000;
/// Protocol number of UDP.
pub const UDP: u8 = 17;
/// Protocol number of TCP.
pub const TCP: u8 = 6;

/// IPv4 (RFC 791).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------+-------+-----------+---+-------------------------------+
/// |  v=4  | words |   DSCP    |ECN|         total length          |
/// +-------+-------+-----------+---+-----+-------------------------+
/// |        identification         |0 D M|     fragment offset     |
/// +---------------+---------------+-----+-------------------------+
/// | time to live  |   protocol    |        header checksum        |
/// +---------------+---------------+-------------------------------+
/// |                        source address                         |
/// +---------------------------------------------------------------+
/// |                      destination address                      |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Version (4) and header length in 32-bit words.
    pub version_words: u8,
    /// DSCP (6 bits) and ECN (2 bits).
    pub traffic_class: u8,
    /// Header, options and payload, in bytes.
    pub total_length: U16,
    /// Identification.
    pub identification: U16,
    /// Flags (3 bits) and fragment offset in units of 8 bytes.
    pub fragment: U16,
    /// Time to live.
    pub ttl: u8,
    /// Upper protocol.
    pub protocol: u8,
    /// Checksum over header and options.
    pub checksum: U16,
    /// Source.
    pub source: Ipv4,
    /// Destination.
    pub destination: Ipv4,
}

impl Header {
    /// Length of header and options in bytes, as the header says.
    #[inline]
    pub const fn header_len(&self) -> usize {
        (self.version_words & 0xf) as usize * 4
    }

    /// A fragment, first or later.
    #[inline]
    pub fn is_fragment(&self) -> bool {
        self.fragment.get() & 0x3fff != 0
    }
}

/// A packet: fixed header, options, payload.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The fixed header.
    pub header: &'a Header,
    /// Options with their padding, 0–40 bytes.
    pub options: &'a [u8],
    /// Payload as the total length bounds it.
    pub payload: &'a [u8],
    head: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads header and options; what lies behind the total length is padding.
    ///
    /// # Errors
    /// [`Rule::Version`], [`Rule::HeaderLength`], [`Rule::Length`] or [`Rule::Truncated`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (header, behind) = take::<Header>(bytes, Protocol::Ipv4)?;
        if header.version_words == 0x45 {
            let length = usize::from(header.total_length.get());
            if let Some(payload) = length.checked_sub(20).and_then(|n| behind.get(..n)) {
                return Ok(Self { header, options: &[], payload, head: header.as_bytes() });
            }
        }
        Self::parse_options(header, bytes)
    }

    #[cold]
    fn parse_options(header: &'a Header, bytes: &'a [u8]) -> Result<Self, Error> {
        let error = |rule| Err(Error::new(Protocol::Ipv4, 0, rule));
        if header.version_words >> 4 != 4 {
            return error(Rule::Version(header.version_words >> 4));
        }
        if header.header_len() < 20 {
            return error(Rule::HeaderLength(header.version_words & 0xf));
        }
        let total = usize::from(header.total_length.get());
        if total < header.header_len() {
            return error(Rule::Length(total));
        }
        let Some((head, payload)) = bytes.get(..total).and_then(|packet| packet.split_at_checked(header.header_len()))
        else {
            return error(Rule::Truncated { needed: total, available: bytes.len() });
        };
        Ok(Self { header, options: head.get(20..).unwrap_or_default(), payload, head })
    }

    /// The receiver's rules of RFC 1122 §3.2.1: header checksum, source not a group; the first that fails.
    pub fn validate(&self) -> Result<(), Error> {
        let error = |rule| Err(Error::new(Protocol::Ipv4, 0, rule));
        if !verify(self.head) {
            return error(Rule::Checksum(self.header.checksum.get()));
        }
        if self.header.source.is_multicast() || self.header.source == Ipv4::BROADCAST {
            return error(Rule::MulticastSource);
        }
        Ok(())
    }

    /// Length of header and options: where the payload begins.
    #[inline]
    pub fn header_len(&self) -> usize {
        self.head.len()
    }

    /// The pseudo-header sum for an upper protocol that fills the payload up to `length` bytes.
    #[inline]
    pub fn pseudo_header(&self, length: u16) -> Sum {
        crate::checksum::pseudo_ipv4(&self.header.source, &self.header.destination, self.header.protocol, length)
    }
}
