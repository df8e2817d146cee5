//! What an NVE believes, held against what the NVA knows (SPEC.md §6.6; VMM-10-07).

use crate::codec::codes;
use crate::id::{NveId, Version};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_wire::{Mac, Vni};

/// See [`crate::Message::CacheReport`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CacheReport {
    /// The VN of every entry.
    pub vn: Vni,
    /// What the NVE has of it, its own TSIs too.
    pub entries: Vec<CacheEntry>,
    /// Another CacheReport of the same transaction follows.
    pub more: bool,
}

/// A mapping as an NVE has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CacheEntry {
    /// Whose.
    pub mac: Mac,
    /// The IP addresses that it has there.
    pub ips: Vec<IpAddr>,
    /// Under which version it was learned.
    pub version: Version,
    /// Where it points.
    pub nve: NveId,
}

/// See [`crate::Message::CacheVerdict`]. What was reported and is in none of the answers is right.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CacheVerdict {
    /// The VN of every entry.
    pub vn: Vni,
    /// What is not right.
    pub wrong: Vec<WrongEntry>,
    /// Another CacheVerdict of the same transaction follows.
    pub more: bool,
}

/// A mapping that an NVE should not have as it reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct WrongEntry {
    /// Why.
    pub verdict: Verdict,
    /// Whose.
    pub mac: Mac,
    /// The version of the mapping as it stands now, 0 where there is none.
    pub version: Version,
}

codes! {
    /// What is wrong with an entry; the first that applies.
    pub enum Verdict {
        /// The VN has no such TSI, or the NVE may not know it.
        Unknown = 1,
        /// There is a newer version.
        Stale = 2,
        /// There is no such version yet: the NVE did not get it from this NVA.
        Ahead = 3,
        /// The version is right and points elsewhere.
        WrongNve = 4,
        /// It has an IP address that is another's, or nobody's.
        WrongAddress = 5,
    }
}
