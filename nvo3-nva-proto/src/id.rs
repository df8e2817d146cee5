//! The names that both sides of the protocol use.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use nvo3_wire::{Mac, Vni};

/// The id of an edge (NVE). It stays the same when the edge restarts (RFC 8014 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct NveId(pub u64);

/// The id of a move.
///
/// Management gives the id of a planned move, below [`MoveId::FIRST_RESERVED`] and never used before. Ids from there on are reserved:
/// the NVA gives them to moves that nobody planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct MoveId(pub u64);

/// The number of a record in the journal of the NVA, from 1; 0 stands before the first record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RecordNo(pub u64);

/// The id of a session between an NVE and the NVA, given by the NVA; 0 is no session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SessionId(pub u64);

/// The version of a statement about a TSI. Versions are ordered by epoch, then by generation; the newer statement wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Version {
    /// The epoch of the NVA. A new journal has a new epoch.
    pub epoch: u32,
    /// The number of the journal record that made the statement.
    pub generation: u64,
}

/// The key of a tenant system interface (TSI): a MAC in one VN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct TsiKey {
    /// The virtual network.
    pub vn: Vni,
    /// The MAC of the interface.
    pub mac: Mac,
}

/// The underlay addresses of an NVE: one of each family at most, and at least one.
///
/// Exhaustive: there are no other families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Locators {
    /// IPv4 only.
    V4(Ipv4Addr),
    /// IPv6 only.
    V6(Ipv6Addr),
    /// Both families. A sender uses a family that it has too, IPv6 first.
    Both(Ipv4Addr, Ipv6Addr),
}

impl MoveId {
    /// The first reserved id, 2⁶³. Management uses smaller ids; the NVA uses this one and larger ones for unplanned moves.
    pub const FIRST_RESERVED: Self = Self(1 << 63);

    /// Checks if the id is reserved for a move that nobody planned.
    pub const fn is_reserved(self) -> bool {
        self.0 >= Self::FIRST_RESERVED.0
    }
}

impl Locators {
    /// The IPv4 locator, if any.
    pub const fn v4(&self) -> Option<Ipv4Addr> {
        match self {
            Self::V4(a) | Self::Both(a, _) => Some(*a),
            Self::V6(_) => None,
        }
    }

    /// The IPv6 locator, if any.
    pub const fn v6(&self) -> Option<Ipv6Addr> {
        match self {
            Self::V6(a) | Self::Both(_, a) => Some(*a),
            Self::V4(_) => None,
        }
    }

    /// The locator to which an NVE with the locators `own` sends; `None` if the two share no family.
    pub fn reachable_from(&self, own: &Self) -> Option<IpAddr> {
        match (self.v6(), own.v6(), self.v4(), own.v4()) {
            (Some(a), Some(_), ..) => Some(IpAddr::V6(a)),
            (_, _, Some(a), Some(_)) => Some(IpAddr::V4(a)),
            _ => None,
        }
    }

    /// Checks if `address` is one of these locators.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(a) => self.v4() == Some(a),
            IpAddr::V6(a) => self.v6() == Some(a),
        }
    }
}

/// An NVE and its locators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Place {
    /// The NVE.
    pub nve: NveId,
    /// The locators of the NVE.
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
