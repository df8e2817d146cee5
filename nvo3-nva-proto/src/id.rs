//! Names of things that both sides of the protocol refer to.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use nvo3_wire::{Mac, Vni};

/// An edge, the same across its restarts (RFC 8014 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct NveId(pub u64);

/// One planned or unplanned move, named by management (or by the NVA where nobody planned it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct MoveId(pub u64);

/// The number of a record in the authority's journal; 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RecordNo(pub u64);

/// One session between an NVE and the NVA, given by the NVA; 0 is no session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SessionId(pub u64);

/// What orders statements about a TSI: the authority's epoch, then the journal record that made the statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Version {
    /// The authority's epoch; a new journal has a new one.
    pub epoch: u32,
    /// The number of the record that made it.
    pub generation: u64,
}

/// A tenant system interface: a MAC in one VN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct TsiKey {
    /// The virtual network.
    pub vn: Vni,
    /// The interface's address.
    pub mac: Mac,
}

/// Where an NVE is reached on the underlay; at least one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Locators {
    /// IPv4 only.
    V4(Ipv4Addr),
    /// IPv6 only.
    V6(Ipv6Addr),
    /// Both; a sender uses the family that it has itself, IPv6 first.
    Both(Ipv4Addr, Ipv6Addr),
}

impl Locators {
    /// The IPv4 locator, if there is one.
    pub const fn v4(&self) -> Option<Ipv4Addr> {
        match self {
            Self::V4(a) | Self::Both(a, _) => Some(*a),
            Self::V6(_) => None,
        }
    }

    /// The IPv6 locator, if there is one.
    pub const fn v6(&self) -> Option<Ipv6Addr> {
        match self {
            Self::V6(a) | Self::Both(_, a) => Some(*a),
            Self::V4(_) => None,
        }
    }

    /// The locator that an edge with `own` locators sends to, if they share a family.
    pub fn reachable_from(&self, own: &Self) -> Option<IpAddr> {
        match (self.v6(), own.v6(), self.v4(), own.v4()) {
            (Some(a), Some(_), ..) => Some(IpAddr::V6(a)),
            (_, _, Some(a), Some(_)) => Some(IpAddr::V4(a)),
            _ => None,
        }
    }

    /// Whether `address` is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(a) => self.v4() == Some(a),
            IpAddr::V6(a) => self.v6() == Some(a),
        }
    }
}

/// An NVE with its locators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Place {
    /// The edge.
    pub nve: NveId,
    /// Where it is reached.
    pub locators: Locators,
}

impl fmt::Display for NveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nve{}", self.0)
    }
}

impl fmt::Display for MoveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "move{}", self.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.generation)
    }
}

impl fmt::Display for TsiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.mac, self.vn)
    }
}
