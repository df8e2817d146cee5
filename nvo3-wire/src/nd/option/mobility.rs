//! Options of Mobile IPv6: home agents (RFC 6275 §7), fast handover (RFC 5568 §6.4), HMIPv6 (RFC 5380 §4), identifiers
//! (RFC 5271).

use super::{kind, send::unpadded};
use crate::{Ipv6, Mac, Rule};
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Advertisement interval option, type 7 (RFC 6275 §7.3).
///
/// ```text
/// +---------------+---------------+-------------------------------+
/// |   type = 7    |  length = 1   |           reserved            |
/// +---------------+---------------+-------------------------------+
/// |                        interval (ms)                          |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct AdvertisementInterval {
    kind: u8,
    units: u8,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 2],
    /// The most milliseconds between unsolicited router advertisements.
    pub interval: U32,
}

impl AdvertisementInterval {
    /// Creates the option with an interval in milliseconds.
    pub const fn new(interval: u32) -> Self {
        Self { kind: kind::ADVERTISEMENT_INTERVAL, units: 1, reserved: [0; 2], interval: U32::new(interval) }
    }
}

/// Home agent information option, type 8 (RFC 6275 §7.4).
///
/// ```text
/// +---------------+---------------+-------------------------------+
/// |   type = 8    |  length = 1   |           reserved            |
/// +---------------+---------------+-------------------------------+
/// |         preference            |         lifetime (s)          |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct HomeAgent {
    kind: u8,
    units: u8,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 2],
    /// Preference. The agent with the greatest number is the best.
    pub preference: U16,
    /// Lifetime in seconds.
    pub lifetime: U16,
}

impl HomeAgent {
    /// Creates the option with a lifetime in seconds.
    pub const fn new(preference: u16, lifetime: u16) -> Self {
        let (preference, lifetime) = (U16::new(preference), U16::new(lifetime));
        Self { kind: kind::HOME_AGENT, units: 1, reserved: [0; 2], preference, lifetime }
    }
}

/// An address or prefix of a fast handover: IP address/prefix, type 17 (RFC 5568 §6.4.1), or new router prefix, type 18
/// (RFC 4068 §6.4.2).
///
/// ```text
/// +---------------+---------------+---------------+---------------+
/// |   type        |  length = 3   |  option code  | prefix length |
/// +---------------+---------------+---------------+---------------+
/// |                         reserved (4)                          |
/// |                         address (16)                          |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct HandoverAddress {
    kind: u8,
    units: u8,
    /// The role of the address: 1 old care-of, 2 new care-of, 3 new access router, 4 its prefix.
    pub opt_code: u8,
    /// Number of bits of the prefix.
    pub prefix_len: u8,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 4],
    /// Address or prefix.
    pub addr: Ipv6,
}

impl HandoverAddress {
    /// Creates an IP address/prefix option.
    pub const fn new(opt_code: u8, addr: Ipv6, prefix_len: u8) -> Self {
        Self { kind: kind::HANDOVER_ADDRESS, units: 3, opt_code, prefix_len, reserved: [0; 4], addr }
    }

    /// Creates a new router prefix option.
    pub const fn router_prefix(prefix: Ipv6, prefix_len: u8) -> Self {
        Self { kind: kind::ROUTER_PREFIX, ..Self::new(0, prefix, prefix_len) }
    }

    pub(super) fn check(&self) -> Result<(), Rule> {
        if self.prefix_len > 128 { Err(Rule::PrefixLength(self.prefix_len)) } else { Ok(()) }
    }
}

/// Link-layer address option of a fast handover, type 19 (RFC 5568 §6.4.3), with an Ethernet address.
///
/// ```text
/// +---------------+---------------+---------------+---------------+
/// |   type = 19   |  length = 2   |  option code  |      MAC      |
/// +---------------+---------------+---------------+---------------+
/// |                  MAC (continued), zeros (7)                   |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct HandoverLink {
    kind: u8,
    units: u8,
    /// The owner of the address: 0 wildcard, 1 new access point, 2 mobile node, 3 new access router, 4 source. From 5
    /// on an outcome.
    pub opt_code: u8,
    /// The link-layer address.
    pub lladdr: Mac,
    /// Padding.
    pub padding: [u8; 7],
}

impl HandoverLink {
    /// Creates the option.
    pub const fn new(opt_code: u8, lladdr: Mac) -> Self {
        Self { kind: kind::HANDOVER_LINK, units: 2, opt_code, lladdr, padding: [0; 7] }
    }
}

/// Neighbor advertisement acknowledgment option (NAACK), type 20 (RFC 5568 §6.4.5).
///
/// ```text
/// +---------------+---------------+---------------+---------------+
/// |   type = 20   |  length = 1   |  option code  |    status     |
/// +---------------+---------------+---------------+---------------+
/// |                         reserved (4)                          |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Acknowledgment {
    kind: u8,
    units: u8,
    /// Option code, 0.
    pub opt_code: u8,
    /// Status. 1: address invalid, 2: address and prefix invalid, 3: use the given address, 4: unrecognised; more in
    /// the RFC.
    pub status: u8,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 4],
}

impl Acknowledgment {
    /// Creates the option.
    pub const fn new(status: u8) -> Self {
        Self { kind: kind::ACKNOWLEDGMENT, units: 1, opt_code: 0, status, reserved: [0; 4] }
    }
}

/// Mobility anchor point option, type 23 (RFC 5380 §4.1).
///
/// ```text
/// +---------------+---------------+-------+-------+-+-------------+
/// |   type = 23   |  length = 3   | dist  | pref  |R|      0      |
/// +---------------+---------------+-------+-------+-+-------------+
/// |                      valid lifetime (s)                       |
/// |                         address (16)                          |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct MobilityAnchor {
    kind: u8,
    units: u8,
    dist_pref: u8,
    flags: u8,
    /// Valid lifetime in seconds.
    pub valid_lifetime: U32,
    /// Global address of the anchor.
    pub addr: Ipv6,
}

impl MobilityAnchor {
    /// Creates the option. `dist` and `pref` have 4 bits, the lifetime is in seconds.
    pub const fn new(dist: u8, pref: u8, regional: bool, valid_lifetime: u32, addr: Ipv6) -> Self {
        let (kind, dist_pref, flags) = (kind::MOBILITY_ANCHOR, dist << 4 | pref & 15, (regional as u8) << 7);
        Self { kind, units: 3, dist_pref, flags, valid_lifetime: U32::new(valid_lifetime), addr }
    }

    /// The number of hops to the anchor.
    pub const fn dist(&self) -> u8 {
        self.dist_pref >> 4
    }

    /// Preference, 0–15. 15 is the best.
    pub const fn pref(&self) -> u8 {
        self.dist_pref & 15
    }

    /// Flag R: the mobile node forms regional care-of addresses from the anchor's prefix.
    pub const fn is_regional(&self) -> bool {
        self.flags & 0x80 != 0
    }
}

/// Mobile node identifier option, type 30 (RFC 5271 §4.5).
///
/// ```text
/// +---------------+---------------+---------------+---------------+
/// |   type = 30   |    length     |  option code  |  pad length   |
/// +---------------+---------------+---------------+---------------+
/// |                 identifier …, padding …                       |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MobileNode<'a> {
    /// The form of the identifier. 1: network access identifier (NAI).
    pub opt_code: u8,
    /// The identifier.
    pub mn_id: &'a [u8],
}

impl<'a> MobileNode<'a> {
    pub(super) fn parse(content: &'a [u8]) -> Option<Self> {
        let ([opt_code, pad], mn_id) = content.split_first_chunk()?;
        Some(Self { opt_code: *opt_code, mn_id: unpadded(mn_id, *pad)? })
    }
}
