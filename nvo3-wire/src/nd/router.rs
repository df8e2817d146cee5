//! The messages of routers: solicitation, advertisement and redirect.

use super::option::{SOURCE_LINK, TARGET_LINK};
use super::{Message, NdOption};
use crate::{Error, Ipv6, Mac, Protocol, Rule, icmpv6};
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A Router Solicitation (RFC 4861 §4.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |  type = 133   |   code = 0    |           checksum            |
/// +---------------+---------------+-------------------------------+
/// |                           reserved                            |
/// +---------------------------------------------------------------+
/// |                           options …                           |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct RouterSolicitation {
    /// Type, 133.
    pub kind: u8,
    /// Code, 0.
    pub code: u8,
    /// Checksum with pseudo-header.
    pub checksum: U16,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 4],
}

/// A Router Advertisement (RFC 4861 §4.2; H: RFC 6275 §7.1, Prf: RFC 4191 §2.2, P: RFC 4389 §4.1.3.3).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |  type = 134   |   code = 0    |           checksum            |
/// +---------------+-+-+-+---+-+---+-------------------------------+
/// | cur hop limit |M|O|H|Prf|P| 0 |      router lifetime (s)      |
/// +---------------+-+-+-+---+-+---+-------------------------------+
/// |                      reachable time (ms)                      |
/// +---------------------------------------------------------------+
/// |                     retransmit timer (ms)                     |
/// +---------------------------------------------------------------+
/// |                           options …                           |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct RouterAdvertisement {
    /// Type, 134.
    pub kind: u8,
    /// Code, 0.
    pub code: u8,
    /// Checksum with pseudo-header.
    pub checksum: U16,
    /// Hop limit that hosts should use. 0: not specified.
    pub cur_hop_limit: u8,
    /// The flags M, O, H, Prf and P from the highest bit on; see [`RouterFlags`].
    pub flags: u8,
    /// Seconds for which hosts may use this router as default router. 0: not a default router.
    pub router_lifetime: U16,
    /// Milliseconds for which a confirmed neighbor counts as reachable. 0: not specified.
    pub reachable_time: U32,
    /// Milliseconds between retransmitted solicitations. 0: not specified.
    pub retrans_timer: U32,
}

/// The flags of a [`RouterAdvertisement`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RouterFlags {
    /// M: hosts get addresses by DHCPv6.
    pub managed: bool,
    /// O: hosts get other configuration by DHCPv6.
    pub other: bool,
    /// H: the router is also a home agent.
    pub home_agent: bool,
    /// P: a proxy forwarded the message.
    pub proxied: bool,
    /// Prf, two bits: 1 high, 0 medium, 3 low. 2 is reserved and counts as 0.
    pub preference: u8,
}

impl RouterFlags {
    /// The flags in the bits of the packet. Only the low two bits of the preference are used.
    #[inline]
    pub const fn bits(self) -> u8 {
        (self.managed as u8) << 7
            | (self.other as u8) << 6
            | (self.home_agent as u8) << 5
            | (self.preference & 3) << 3
            | (self.proxied as u8) << 2
    }
}

/// A Redirect (RFC 4861 §4.5).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |  type = 137   |   code = 0    |           checksum            |
/// +---------------+---------------+-------------------------------+
/// |                           reserved                            |
/// +---------------------------------------------------------------+
/// |                      target address (16)                      |
/// |                   destination address (16)                    |
/// +---------------------------------------------------------------+
/// |                           options …                           |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Redirect {
    /// Type, 137.
    pub kind: u8,
    /// Code, 0.
    pub code: u8,
    /// Checksum with pseudo-header.
    pub checksum: U16,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 4],
    /// The better first hop. Equal to the destination if that is a neighbor.
    pub target: Ipv6,
    /// The destination whose packets should take the better first hop.
    pub destination: Ipv6,
}

impl RouterSolicitation {
    /// Creates a solicitation.
    pub const fn new() -> Self {
        Self { kind: icmpv6::ROUTER_SOLICITATION, code: 0, checksum: U16::ZERO, reserved: [0; 4] }
    }
}

impl Default for RouterSolicitation {
    fn default() -> Self {
        Self::new()
    }
}

impl RouterAdvertisement {
    /// Creates an advertisement that leaves hop limit and timers unspecified.
    pub const fn new(flags: RouterFlags, router_lifetime: u16) -> Self {
        Self {
            kind: icmpv6::ROUTER_ADVERTISEMENT,
            code: 0,
            checksum: U16::ZERO,
            cur_hop_limit: 0,
            flags: flags.bits(),
            router_lifetime: U16::new(router_lifetime),
            reachable_time: U32::ZERO,
            retrans_timer: U32::ZERO,
        }
    }

    /// The flags M, O, H, Prf and P.
    #[inline]
    pub const fn flags(&self) -> RouterFlags {
        RouterFlags {
            managed: self.flags & 0x80 != 0,
            other: self.flags & 0x40 != 0,
            home_agent: self.flags & 0x20 != 0,
            preference: self.flags >> 3 & 3,
            proxied: self.flags & 4 != 0,
        }
    }
}

impl Redirect {
    /// Creates a redirect.
    pub const fn new(target: Ipv6, destination: Ipv6) -> Self {
        Self { kind: icmpv6::REDIRECT, code: 0, checksum: U16::ZERO, reserved: [0; 4], target, destination }
    }
}

impl<'a> Message<'a, RouterSolicitation> {
    /// Checks the receiver's rules of RFC 4861 §6.1.1 (ND-01, ND-02): hop limit, code, checksum, source `::`.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn validate(&self) -> Result<(), Error> {
        self.validate_common(Protocol::RouterSolicitation, &self.ip.source)?;
        if self.ip.source.is_unspecified() && self.source_link().is_some() {
            let rule = Rule::SourceOptionFromUnspecified;
            return Err(Error::new(Protocol::RouterSolicitation, self.offset(), rule));
        }
        Ok(())
    }

    /// The link-layer address in the first source link-layer address option.
    pub fn source_link(&self) -> Option<&'a Mac> {
        self.options.link(SOURCE_LINK)
    }
}

impl<'a> Message<'a, RouterAdvertisement> {
    /// Checks the receiver's rules of RFC 4861 §6.1.2 (ND-01, ND-04): hop limit, code, checksum, link-local source.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn validate(&self) -> Result<(), Error> {
        self.validate_common(Protocol::RouterAdvertisement, &self.ip.source)?;
        if !self.ip.source.is_link_local() {
            let rule = Rule::NotLinkLocal(self.ip.source);
            return Err(Error::new(Protocol::RouterAdvertisement, self.offset(), rule));
        }
        Ok(())
    }

    /// The link-layer address in the first source link-layer address option.
    pub fn source_link(&self) -> Option<&'a Mac> {
        self.options.link(SOURCE_LINK)
    }
}

impl<'a> Message<'a, Redirect> {
    /// Checks the receiver's rules of RFC 4861 §8.1 (ND-01, ND-04): hop limit, code, checksum, link-local source,
    /// destination, target.
    ///
    /// The rule that the sender is the present first hop is left to the caller, because only a routing table knows that
    /// hop.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn validate(&self) -> Result<(), Error> {
        self.validate_common(Protocol::Redirect, &self.ip.source)?;
        let Redirect { target, destination, .. } = *self.body;
        let rule = if !self.ip.source.is_link_local() {
            Rule::NotLinkLocal(self.ip.source)
        } else if destination.is_multicast() {
            Rule::MulticastDestination(destination)
        } else if !target.is_link_local() && target != destination {
            Rule::RedirectTarget(target)
        } else {
            return Ok(());
        };
        Err(Error::new(Protocol::Redirect, self.offset(), rule))
    }

    /// The link-layer address in the first target link-layer address option.
    pub fn target_link(&self) -> Option<&'a Mac> {
        self.options.link(TARGET_LINK)
    }

    /// The beginning of the packet that caused the redirect.
    pub fn redirected(&self) -> Option<&'a [u8]> {
        self.options.iter().find_map(|option| match option {
            NdOption::Redirected(packet) => Some(packet),
            _ => None,
        })
    }
}
