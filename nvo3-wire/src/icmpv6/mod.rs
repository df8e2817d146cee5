//! ICMPv6 (RFC 4443): the header of every message, its checksum, echo, errors, and errors to send.
//!
//! [`Header`] shows the layout. [`Message::parse`] reads a message, [`Message::kind`] decodes echo and errors, and
//! [`error`] writes an error about a packet. Neighbor Discovery is [`nd`](crate::nd), MLD is [`mld`](crate::mld).

mod echo;
mod error;

pub use crate::icmpv4::Echo;
pub use echo::{
    ECHO_REPLY, ECHO_REQUEST, Kind, MINIMUM_MTU, PACKET_TOO_BIG, PARAMETER_PROBLEM, Quote, TIME_EXCEEDED, UNREACHABLE,
};
pub use error::{Report, answerable, error};

use crate::error::take;
use crate::ipv6::{self, Upper};
use crate::{Error, Protocol, Rule};
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Type of a Router Solicitation.
pub const ROUTER_SOLICITATION: u8 = 133;
/// Type of a Router Advertisement.
pub const ROUTER_ADVERTISEMENT: u8 = 134;
/// Type of a Neighbor Solicitation.
pub const NEIGHBOR_SOLICITATION: u8 = 135;
/// Type of a Neighbor Advertisement.
pub const NEIGHBOR_ADVERTISEMENT: u8 = 136;
/// Type of a Redirect.
pub const REDIRECT: u8 = 137;

/// The header of every ICMPv6 message (RFC 4443 §2.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |     type      |     code      |           checksum            |
/// +---------------+---------------+-------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Checksum with pseudo-header.
    pub checksum: U16,
}

/// A message and the IPv6 header in front of it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The IPv6 header.
    pub ip: &'a ipv6::Header,
    /// The fixed header.
    pub header: &'a Header,
    /// The whole message, header included.
    pub bytes: &'a [u8],
    /// The offset of the message from the first byte of the IPv6 header.
    pub offset: usize,
    /// True if a fragment header is in front, even that of an atomic fragment. ND forbids it (RFC 6980 §5).
    pub fragment_header: bool,
}

impl<'a> Message<'a> {
    /// Finds the message in an IPv6 packet, after any extension headers.
    ///
    /// # Errors
    /// [`Rule::NextHeader`] if the packet carries another protocol, [`Rule::Fragment`], the errors of
    /// [`ipv6::Packet::upper`], [`Rule::Truncated`] if the message has fewer than 4 bytes.
    #[inline(always)]
    pub fn parse(packet: &ipv6::Packet<'a>) -> Result<Self, Error> {
        match packet.header.next_header {
            ipv6::ICMPV6 => Self::at(packet.header, packet.payload, 40, false),
            _ => Self::behind_extensions(packet.header, packet.upper()?),
        }
    }

    #[inline(always)]
    fn at(ip: &'a ipv6::Header, bytes: &'a [u8], offset: usize, fragment_header: bool) -> Result<Self, Error> {
        let (header, _) = take(bytes, Protocol::Icmpv6).map_err(|e| e.at(offset))?;
        Ok(Self { ip, header, bytes, offset, fragment_header })
    }

    #[cold]
    fn behind_extensions(ip: &'a ipv6::Header, upper: Upper<'a>) -> Result<Self, Error> {
        if upper.protocol != ipv6::ICMPV6 {
            return Err(Error::new(Protocol::Ipv6, 0, Rule::NextHeader(upper.protocol)));
        }
        if upper.fragment {
            return Err(Error::new(Protocol::Icmpv6, upper.offset, Rule::Fragment));
        }
        Self::at(ip, upper.payload, upper.offset, upper.fragment_header)
    }

    /// Verifies the checksum with its pseudo-header (RFC 4443 §2.3).
    ///
    /// # Errors
    /// [`Rule::Checksum`] if the checksum does not verify.
    #[inline]
    pub fn validate(&self) -> Result<(), Error> {
        if checksum_verifies(self.ip, self.bytes) {
            return Ok(());
        }
        Err(Error::new(Protocol::Icmpv6, self.offset, Rule::Checksum(self.header.checksum.get())))
    }
}

/// True if the checksum of the message `bytes` after `ip` verifies.
#[inline(always)]
pub(crate) fn checksum_verifies(ip: &ipv6::Header, bytes: &[u8]) -> bool {
    let pseudo = crate::checksum::pseudo_ipv6(&ip.source, &ip.destination, ipv6::ICMPV6, bytes.len() as u32);
    match <&[u8; 32]>::try_from(bytes) {
        Ok(one_option) => pseudo.eights(one_option).verifies(), // nearly every ND message; no loop, no remainder
        Err(_) => pseudo.bytes(bytes).verifies(),
    }
}
