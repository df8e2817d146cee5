//! Where an address is: see SPEC.md §6.3.

use crate::id::{NveId, Place, RecordNo, TsiKey, Version};
use crate::time::Lifetime;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_wire::{Mac, Vni};

/// A tenant address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Address {
    /// A MAC.
    Mac(Mac),
    /// An IP of either family.
    Ip(IpAddr),
}

/// See [`crate::Message::Resync`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Resync {
    /// Everything published after this record; 0 asks for all.
    pub since: RecordNo,
    /// The VNs that the NVE takes part in.
    pub vns: Vec<Vni>,
    /// The mappings that it pulled and still holds.
    pub mappings: Vec<(Vni, Address)>,
    /// Another Resync of the same transaction follows.
    pub more: bool,
}

/// See [`crate::Message::Query`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Query {
    /// The VN asked in.
    pub vn: Vni,
    /// The address asked for.
    pub address: Address,
}

/// A TSI, its addresses and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Mapping {
    /// Its MAC; the VN is that of the message.
    pub mac: Mac,
    /// Its IP addresses.
    pub ips: Vec<IpAddr>,
    /// What orders it.
    pub version: Version,
    /// Where it is; `None` once it is withdrawn.
    pub place: Option<Place>,
}

/// See [`crate::Message::Response`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Response {
    /// The VN asked in.
    pub vn: Vni,
    /// The address asked for.
    pub address: Address,
    /// The answer.
    pub answer: Answer,
    /// How long the NVE may keep the answer (an answer says how long it holds, DIR-03).
    pub lifetime: Lifetime,
}

/// What the NVA knows of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Answer {
    /// It is this mapping.
    Found(Mapping),
    /// No such address in the VN.
    NotFound,
    /// The asker may not know (DAP-05).
    Prohibited,
}

/// See [`crate::Message::Update`]: one VN, grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Update {
    /// The VN of every mapping in it.
    pub vn: Vni,
    /// It covers the publishing records after this one …
    pub after: RecordNo,
    /// … up to this one.
    pub upto: RecordNo,
    /// With at most 4 different places.
    pub mappings: Vec<Mapping>,
    /// The NVEs that take part in the VN, where that changed.
    pub members: Option<Members>,
    /// The answer to a Resync ends here.
    pub synced: bool,
}

/// The NVEs that take part in a VN, all of them or a part of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Members {
    /// Where they are.
    pub places: Vec<Place>,
    /// The list goes on in the next Update of the VN, and counts when it is whole.
    pub more: bool,
}

/// See [`crate::Message::Invalidate`]. Between NVEs it is a hint: all it can cause is a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Invalidate {
    /// Whose mapping.
    pub tsi: TsiKey,
    /// Only if it still points there …
    pub nve: NveId,
    /// … and is not newer than this.
    pub version: Version,
}
