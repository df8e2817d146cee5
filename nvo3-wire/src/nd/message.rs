//! Neighbor Solicitation and Neighbor Advertisement in a packet, and the receiver's rules.

use super::option::{NONCE, Options, SOURCE_LINK, TARGET_LINK};
use super::router::{Redirect, RouterAdvertisement, RouterSolicitation};
use crate::error::take;
use crate::{Error, Ipv6, Mac, Protocol, Rule, icmpv6, ipv6};
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A Neighbor Solicitation (RFC 4861 §4.3).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |  type = 135   |   code = 0    |           checksum            |
/// +---------------+---------------+-------------------------------+
/// |                           reserved                            |
/// +---------------------------------------------------------------+
/// |                      target address (16)                      |
/// +---------------------------------------------------------------+
/// |                           options …                           |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Solicitation {
    /// Type, 135.
    pub kind: u8,
    /// Code, 0.
    pub code: u8,
    /// Checksum with pseudo-header.
    pub checksum: U16,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 4],
    /// The address whose link-layer address the sender asks for.
    pub target: Ipv6,
}

/// A Neighbor Advertisement (RFC 4861 §4.4).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |  type = 136   |   code = 0    |           checksum            |
/// +-+-+-+---------+---------------+-------------------------------+
/// |R|S|O|                       reserved                          |
/// +-+-+-+---------------------------------------------------------+
/// |                      target address (16)                      |
/// +---------------------------------------------------------------+
/// |                           options …                           |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Advertisement {
    /// Type, 136.
    pub kind: u8,
    /// Code, 0.
    pub code: u8,
    /// Checksum with pseudo-header.
    pub checksum: U16,
    /// The flags R, S and O in the highest bits; see [`Flags`].
    pub flags: u8,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 3],
    /// The address whose link-layer address is announced.
    pub target: Ipv6,
}

impl Advertisement {
    /// The flags R, S and O.
    #[inline]
    pub const fn flags(&self) -> Flags {
        Flags { router: self.flags & 0x80 != 0, solicited: self.flags & 0x40 != 0, overrides: self.flags & 0x20 != 0 }
    }
}

/// The flags of an advertisement (RFC 4861 §4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Flags {
    /// R: the sender is a router.
    pub router: bool,
    /// S: the message answers a solicitation.
    pub solicited: bool,
    /// O: the message replaces a cached link-layer address.
    pub overrides: bool,
}

impl Flags {
    /// The flags in the bits of the packet.
    #[inline]
    pub const fn bits(self) -> u8 {
        (self.router as u8) << 7 | (self.solicited as u8) << 6 | (self.overrides as u8) << 5
    }
}

/// A message with its body type `T`, such as [`Solicitation`] or [`Advertisement`].
#[derive(Clone, Copy, Debug)]
pub struct Message<'a, T> {
    /// The IPv6 header that carries it.
    pub ip: &'a ipv6::Header,
    /// The fixed part.
    pub body: &'a T,
    /// Its options.
    pub options: Options<'a>,
    message: icmpv6::Message<'a>,
}

/// An ICMPv6 message of Neighbor Discovery by type.
#[derive(Clone, Copy, Debug)]
pub enum Nd<'a> {
    /// Type 133.
    RouterSolicitation(Message<'a, RouterSolicitation>),
    /// Type 134.
    RouterAdvertisement(Message<'a, RouterAdvertisement>),
    /// Type 137.
    Redirect(Message<'a, Redirect>),
    /// Type 135.
    Solicitation(Message<'a, Solicitation>),
    /// Type 136.
    Advertisement(Message<'a, Advertisement>),
    /// Any other type.
    Other(icmpv6::Message<'a>),
}

impl<'a> Nd<'a> {
    /// Finds the message in an IPv6 packet and checks its options.
    ///
    /// # Errors
    /// The errors of [`icmpv6::Message::parse`] and [`Options::parse`], and [`Rule::Truncated`] if there are fewer than
    /// 24 bytes. Offsets count from the first byte of the IPv6 header.
    #[inline(always)]
    pub fn parse(packet: &ipv6::Packet<'a>) -> Result<Self, Error> {
        let nd = match (packet.header.next_header, packet.payload.first_chunk::<24>()) {
            (ipv6::ICMPV6, Some([icmpv6::NEIGHBOR_SOLICITATION, ..])) => {
                Self::Solicitation(Message::parse(icmpv6::Message::parse(packet)?, Protocol::NeighborSolicitation)?)
            }
            (ipv6::ICMPV6, Some([icmpv6::NEIGHBOR_ADVERTISEMENT, ..])) => {
                Self::Advertisement(Message::parse(icmpv6::Message::parse(packet)?, Protocol::NeighborAdvertisement)?)
            }
            _ => Self::parse_any(packet.header, packet.payload)?,
        };
        Ok(nd)
    }

    /// Reads everything except a whole NS or NA directly after the IPv6 header. A function of its own, so that the
    /// usual case stays in registers.
    #[cold]
    fn parse_any(header: &'a ipv6::Header, payload: &'a [u8]) -> Result<Self, Error> {
        let message = icmpv6::Message::parse(&ipv6::Packet { header, payload })?;
        match message.header.kind {
            icmpv6::NEIGHBOR_SOLICITATION => {
                Message::parse(message, Protocol::NeighborSolicitation).map(Self::Solicitation)
            }
            icmpv6::NEIGHBOR_ADVERTISEMENT => {
                Message::parse(message, Protocol::NeighborAdvertisement).map(Self::Advertisement)
            }
            icmpv6::ROUTER_SOLICITATION => {
                Message::parse(message, Protocol::RouterSolicitation).map(Self::RouterSolicitation)
            }
            icmpv6::ROUTER_ADVERTISEMENT => {
                Message::parse(message, Protocol::RouterAdvertisement).map(Self::RouterAdvertisement)
            }
            icmpv6::REDIRECT => Message::parse(message, Protocol::Redirect).map(Self::Redirect),
            _ => Ok(Self::Other(message)),
        }
    }

    /// Checks the receiver's rules of the message. For a message of another type it only verifies the checksum.
    ///
    /// # Errors
    /// The errors of the `validate` of each [`Message`], or [`Rule::Checksum`].
    pub fn validate(&self) -> Result<(), Error> {
        match self {
            Self::RouterSolicitation(message) => message.validate(),
            Self::RouterAdvertisement(message) => message.validate(),
            Self::Redirect(message) => message.validate(),
            Self::Solicitation(message) => message.validate(),
            Self::Advertisement(message) => message.validate(),
            Self::Other(message) => message.validate(),
        }
    }

    /// The options. `None` for a message that RFC 4861 does not define.
    pub fn options(&self) -> Option<Options<'a>> {
        match self {
            Self::RouterSolicitation(message) => Some(message.options),
            Self::RouterAdvertisement(message) => Some(message.options),
            Self::Redirect(message) => Some(message.options),
            Self::Solicitation(message) => Some(message.options),
            Self::Advertisement(message) => Some(message.options),
            Self::Other(_) => None,
        }
    }
}

impl<'a, T: FromBytes + KnownLayout + Immutable + Unaligned> Message<'a, T> {
    #[inline(always)]
    pub(super) fn parse(message: icmpv6::Message<'a>, protocol: Protocol) -> Result<Self, Error> {
        let (body, options) = take::<T>(message.bytes, protocol).map_err(|e| e.at(message.offset))?;
        let options = Options::parse(options)
            .map_err(|e| Error { protocol, ..e.at(message.offset.saturating_add(size_of::<T>())) })?;
        Ok(Self { ip: message.ip, body, options, message })
    }

    /// The offset of the message from the first byte of the IPv6 header.
    #[inline]
    pub fn offset(&self) -> usize {
        self.message.offset
    }

    /// Checks the rules that all messages share: hop limit 255, code, checksum and length (ND-01), no multicast target
    /// (ND-03), no fragment (RFC 6980 §5).
    ///
    /// For a message without a target, `target` is its source, which must not be a group either.
    #[inline(always)]
    pub(super) fn validate_common(&self, protocol: Protocol, target: &Ipv6) -> Result<(), Error> {
        let error = |rule| Err(Error::new(protocol, self.message.offset, rule));
        let icmpv6::Message { header, bytes, fragment_header, .. } = self.message;
        if self.ip.hop_limit != 255 {
            return error(Rule::HopLimit(self.ip.hop_limit));
        }
        if header.code != 0 {
            return error(Rule::Code(header.code));
        }
        if fragment_header {
            return error(Rule::Fragment);
        }
        if self.ip.source.is_multicast() {
            return error(Rule::MulticastSource);
        }
        if target.is_multicast() {
            return error(Rule::MulticastTarget(*target));
        }
        if !icmpv6::checksum_verifies(self.ip, bytes) {
            return error(Rule::Checksum(header.checksum.get()));
        }
        Ok(())
    }
}

impl<'a> Message<'a, Solicitation> {
    /// Checks the receiver's rules of RFC 4861 §7.1.1 (ND-01, ND-02, ND-03): hop limit, code, checksum, source `::`,
    /// target.
    ///
    /// # Errors
    /// The first broken rule.
    #[inline(always)]
    pub fn validate(&self) -> Result<(), Error> {
        self.validate_common(Protocol::NeighborSolicitation, &self.body.target)?;
        let error = |rule| Err(Error::new(Protocol::NeighborSolicitation, self.message.offset, rule));
        if self.ip.source.is_unspecified() {
            if !self.ip.destination.is_solicited_node() {
                return error(Rule::UnspecifiedToOther(self.ip.destination));
            }
            if self.source_link().is_some() {
                return error(Rule::SourceOptionFromUnspecified);
            }
        }
        Ok(())
    }

    /// The link-layer address in the first source link-layer address option.
    #[inline]
    pub fn source_link(&self) -> Option<&'a Mac> {
        self.options.link(SOURCE_LINK)
    }

    /// The nonce of an enhanced DAD (RFC 7527).
    pub fn nonce(&self) -> Option<&'a [u8]> {
        self.options.raw().find_map(|option| match option.bytes {
            [NONCE, _, nonce @ ..] => Some(nonce),
            _ => None,
        })
    }
}

impl<'a> Message<'a, Advertisement> {
    /// Checks the receiver's rules of RFC 4861 §7.1.2 (ND-01, ND-03): hop limit, code, checksum, target, flag S.
    ///
    /// # Errors
    /// The first broken rule.
    #[inline(always)]
    pub fn validate(&self) -> Result<(), Error> {
        self.validate_common(Protocol::NeighborAdvertisement, &self.body.target)?;
        if self.body.flags().solicited && self.ip.destination.is_multicast() {
            let rule = Rule::SolicitedToMulticast(self.ip.destination);
            return Err(Error::new(Protocol::NeighborAdvertisement, self.message.offset, rule));
        }
        Ok(())
    }

    /// The link-layer address in the first target link-layer address option.
    #[inline]
    pub fn target_link(&self) -> Option<&'a Mac> {
        self.options.link(TARGET_LINK)
    }
}
