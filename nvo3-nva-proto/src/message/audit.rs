//! The audit of an NVE's mappings by the NVA (SPEC.md §6.6; caches are checked against the NVA, VMM-10-07).

use crate::codec::codes;
use crate::id::{NveId, Version};
use crate::message::Role;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_wire::{Mac, Vni};

/// The body of [`CacheReport`](crate::Message::CacheReport): the mappings that an NVE has in one VN.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CacheReport {
    /// The VN of every entry.
    pub vn: Vni,
    /// The mappings that the NVE has, those of its own TSIs included.
    pub entries: Vec<CacheEntry>,
    /// True if another CacheReport of the same transaction follows.
    pub more: bool,
}

/// A mapping as an NVE has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CacheEntry {
    /// The MAC of the TSI.
    pub mac: Mac,
    /// The IP addresses of the TSI.
    pub ips: Vec<IpAddr>,
    /// What the TSI is for Neighbor Discovery.
    pub role: Role,
    /// The version of the mapping.
    pub version: Version,
    /// The NVE that the mapping points to.
    pub nve: NveId,
}

/// The body of [`CacheVerdict`](crate::Message::CacheVerdict): the reported mappings that are wrong. The others are right.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CacheVerdict {
    /// The VN of every entry.
    pub vn: Vni,
    /// The entries that are wrong.
    pub wrong: Vec<WrongEntry>,
    /// True if another CacheVerdict of the same transaction follows.
    pub more: bool,
}

/// A reported mapping that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct WrongEntry {
    /// The reason.
    pub verdict: Verdict,
    /// The MAC of the TSI.
    pub mac: Mac,
    /// The version of the current mapping, 0 if there is none.
    pub version: Version,
}

codes! {
    /// The reason why an entry is wrong: the first that applies.
    #[non_exhaustive]
    pub enum Verdict {
        /// The VN has no such TSI, or the NVE may not know it.
        Unknown = 1 "the VN has no such TSI",
        /// The NVA has a newer version.
        Stale = 2 "the NVA has a newer version",
        /// The NVA has not given this version yet: the NVE has it from somewhere else.
        Ahead = 3 "the NVA has not given this version",
        /// The version is right, and its mapping points to another NVE.
        WrongNve = 4 "the mapping points to another NVE",
        /// An IP address of the entry belongs to another TSI, or to none.
        WrongAddress = 5 "an IP address belongs to another TSI, or to none",
    }
}
