//! The messages of routers: solicitation, advertisement and redirect.

use super::option::{SOURCE_LINK, TARGET_LINK};
use super::{Message, NdOption};
use crate::{Error, Ipv6, Mac, Protocol, Rule, icmpv6};
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Router Solicitation (RFC 4861 §4.1).
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
    /// 133.
    pub kind: u8,
    /// 0.
    pub code: u8,
    /// Checksum with pseudo-header.
    pub checksum: U16,
    /// Ignored on receipt.
    pub reserved: [u8; 4],
}

/// Router Advertisement (RFC 4861 §4.2; H: RFC 6275 §7.1, Prf: RFC 4191 §2.2, P: RFC 4389 §4.1.3.3).
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
    /// 134.
    pub kind: u8,
    /// 0.
    pub code: u8,
    /// Checksum with pseudo-header.
    pub checksum: U16,
    /// Hop limit that hosts are to use; 0: unspecified.
    pub cur_hop_limit: u8,
    /// M, O, H, Prf, P from the highest bit on; see [`RouterFlags`].
    pub flags: u8,
    /// Seconds for which this is a default router; 0: it is none.
    pub router_lifetime: U16,
    /// Milliseconds for which a neighbor counts as reachable; 0: unspecified.
    pub reachable_time: U32,
    /// Milliseconds between solicitations; 0: unspecified.
    pub retrans_timer: U32,
}

/// The flags of a [`RouterAdvertisement`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RouterFlags {
    /// M: addresses by DHCPv6.
    pub managed: bool,
    /// O: other configuration by DHCPv6.
    pub other: bool,
    /// H: also a home agent.
    pub home_agent: bool,
    /// P: passed on by a proxy.
    pub proxied: bool,
    /// Prf, two bits: 1 high, 0 medium, 3 low, 2 reserved and to be taken for 0.
    pub preference: u8,
}

impl RouterFlags {
    /// As they lie in the packet; the preference is cut to its two bits.
    #[inline]
    pub const fn bits(self) -> u8 {
        (self.managed as u8) << 7
            | (self.other as u8) << 6
            | (self.home_agent as u8) << 5
            | (self.preference & 3) << 3
            | (self.proxied as u8) << 2
    }
}

/// Redirect (RFC 4861 §4.5).
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
    /// 137.
    pub kind: u8,
    /// 0.
    pub code: u8,
    /// Checksum with pseudo-header.
    pub checksum: U16,
    /// Ignored on receipt.
    pub reserved: [u8; 4],
    /// The better first hop, or the destination itself where that is a neighbor.
    pub target: Ipv6,
    /// Whose packets are to go there.
    pub destination: Ipv6,
}

impl RouterSolicitation {
    /// A solicitation to be built.
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
    /// An advertisement to be built that leaves hop limit and timers unspecified.
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

    /// M, O, H, Prf and P.
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
    /// A redirect to be built.
    pub const fn new(target: Ipv6, destination: Ipv6) -> Self {
        Self { kind: icmpv6::REDIRECT, code: 0, checksum: U16::ZERO, reserved: [0; 4], target, destination }
    }
}

impl<'a> Message<'a, RouterSolicitation> {
    /// The receiver's rules of RFC 4861 §6.1.1 (ND-01, ND-02); the first that fails.
    pub fn validate(&self) -> Result<(), Error> {
        self.validate_common(Protocol::RouterSolicitation, &self.ip.source)?;
        if self.ip.source.is_unspecified() && self.source_link().is_some() {
            let rule = Rule::SourceOptionFromUnspecified;
            return Err(Error::new(Protocol::RouterSolicitation, self.offset(), rule));
        }
        Ok(())
    }

    /// The source link-layer address, the first if there are several.
    pub fn source_link(&self) -> Option<&'a Mac> {
        self.options.link(SOURCE_LINK)
    }
}

impl<'a> Message<'a, RouterAdvertisement> {
    /// The receiver's rules of RFC 4861 §6.1.2 (ND-01, ND-04); the first that fails.
    pub fn validate(&self) -> Result<(), Error> {
        self.validate_common(Protocol::RouterAdvertisement, &self.ip.source)?;
        if !self.ip.source.is_link_local() {
            let rule = Rule::NotLinkLocal(self.ip.source);
            return Err(Error::new(Protocol::RouterAdvertisement, self.offset(), rule));
        }
        Ok(())
    }

    /// The source link-layer address, the first if there are several.
    pub fn source_link(&self) -> Option<&'a Mac> {
        self.options.link(SOURCE_LINK)
    }
}

impl<'a> Message<'a, Redirect> {
    /// The receiver's rules of RFC 4861 §8.1 (ND-01, ND-04) but that the sender is the present first hop, which only
    /// its routing table knows; the first that fails.
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

    /// The target link-layer address, the first if there are several.
    pub fn target_link(&self) -> Option<&'a Mac> {
        self.options.link(TARGET_LINK)
    }

    /// The head of the packet that caused this.
    pub fn redirected(&self) -> Option<&'a [u8]> {
        self.options.iter().find_map(|option| match option {
            NdOption::Redirected(packet) => Some(packet),
            _ => None,
        })
    }
}
