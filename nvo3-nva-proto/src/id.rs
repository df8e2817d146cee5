//! The names that both sides of the protocol use.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;
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
    /// The epoch of the NVA when it made the statement. It rises at each start of the NVA.
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

/// The error that a text is not an id or a key as `Display` writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {expected}")]
pub struct ParseIdError {
    expected: &'static str,
}

/// Ids are written as a word and a number.
macro_rules! numbered {
    ($($id:ident $word:literal $expected:literal;)*) => {
        $(impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($word, "{}"), self.0)
            }
        }

        impl FromStr for $id {
            type Err = ParseIdError;

            /// Reads what `Display` writes.
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let number = text.strip_prefix($word).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
                number.and_then(|digits| digits.parse().ok()).map(Self).ok_or(ParseIdError { expected: $expected })
            }
        })*
    };
}

numbered! {
    NveId "nve" "`nve` and a number, such as nve7";
    MoveId "move" "`move` and a number, such as move7";
}

impl fmt::Display for RecordNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SessionId {
    /// Writes 16 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for Locators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(a) => a.fmt(f),
            Self::V6(a) => a.fmt(f),
            Self::Both(v4, v6) => write!(f, "{v4} and {v6}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.nve, self.locators)
    }
}

impl FromStr for TsiKey {
    type Err = ParseIdError;

    /// Reads what `Display` writes: the MAC, `@` and the VN.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let key =
            text.split_once('@').and_then(|(mac, vn)| Some(Self { vn: vn.parse().ok()?, mac: mac.parse().ok()? }));
        key.ok_or(ParseIdError { expected: "a MAC, `@` and a VNI, such as 02:00:00:00:00:0a@5001" })
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(number: u64, vn in 0..1_u32 << 24, mac: [u8; 6]) {
            let key = TsiKey { vn: Vni::new(vn).unwrap(), mac: Mac(mac) };
            prop_assert_eq!(NveId(number).to_string().parse(), Ok(NveId(number)));
            prop_assert_eq!(MoveId(number).to_string().parse(), Ok(MoveId(number)));
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }
    }

    #[test]
    fn a_text_that_is_no_id_is_refused_with_an_example() {
        for text in ["", "7", "nve", "nve+7", "nve18446744073709551616", "move7"] {
            assert_eq!(text.parse::<NveId>().unwrap_err().to_string(), "must be `nve` and a number, such as nve7");
        }
        assert!("02:00:00:00:00:0a".parse::<TsiKey>().is_err());
        assert!("02:00:00:00:00:0a@16777216".parse::<TsiKey>().is_err());
    }

    #[test]
    fn a_place_is_written_with_its_locators() {
        let (v4, v6) = (Ipv4Addr::new(192, 0, 2, 1), Ipv6Addr::LOCALHOST);
        let place = Place { nve: NveId(1), locators: Locators::Both(v4, v6) };
        assert_eq!(place.to_string(), "nve1 at 192.0.2.1 and ::1");
        assert_eq!(SessionId(0xa1).to_string(), "00000000000000a1");
    }
}
