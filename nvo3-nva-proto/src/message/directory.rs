//! The directory: where an address is (SPEC.md §6.3).

use crate::id::{NveId, Place, RecordNo, TsiKey, Version};
use crate::message::Role;
use crate::time::Lifetime;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_wire::{Mac, Vni};

/// An address of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Address {
    /// A MAC address.
    Mac(Mac),
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
}

/// The body of [`Resync`](crate::Message::Resync): an NVE restates its interest and asks for what it missed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Resync {
    /// The epoch of the newest published record that the NVE has, and its number. The NVA sends what it published later; 0 asks for
    /// everything.
    pub since: Version,
    /// The VNs that the NVE subscribes to.
    pub vns: Vec<Vni>,
    /// The mappings that the NVE queried and still has.
    pub mappings: Vec<(Vni, Address)>,
    /// True if another Resync of the same transaction follows.
    pub more: bool,
}

/// The body of [`Query`](crate::Message::Query): an NVE asks where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Query {
    /// The VN of the address.
    pub vn: Vni,
    /// The queried address.
    pub address: Address,
}

/// A mapping: a TSI, its IP addresses and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Mapping {
    /// The MAC of the TSI. The message names the VN.
    pub mac: Mac,
    /// The IP addresses of the TSI.
    pub ips: Vec<IpAddr>,
    /// What the TSI is for Neighbor Discovery.
    pub role: Role,
    /// The version, which orders mappings of one TSI.
    pub version: Version,
    /// The place of the TSI; `None` once the mapping is withdrawn.
    pub place: Option<Place>,
}

/// The body of [`Response`](crate::Message::Response): the answer to a [`Query`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Response {
    /// The VN of the address.
    pub vn: Vni,
    /// The queried address.
    pub address: Address,
    /// The answer.
    pub answer: Answer,
    /// The time for which the NVE may keep the answer (an answer has a lifetime, DIR-03).
    pub lifetime: Lifetime,
}

/// The NVA's answer about an address.
///
/// Exhaustive: a fourth answer would be a new version of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Answer {
    /// The address belongs to this mapping.
    Found(Mapping),
    /// The VN has no such address.
    NotFound,
    /// The NVE may not know (a prohibited query is not answered as an unknown address, DAP-05).
    Prohibited,
}

/// The body of [`Update`](crate::Message::Update): changed mappings of one VN.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Update {
    /// The VN of every mapping.
    pub vn: Vni,
    /// The update covers the published records after this one …
    pub after: RecordNo,
    /// … up to this one.
    pub upto: RecordNo,
    /// The mappings, in at most [`MAX_PLACES`](crate::MAX_PLACES) different places.
    pub mappings: Vec<Mapping>,
    /// The NVEs that take part in the VN; `None` if they have not changed.
    pub members: Option<Members>,
    /// True if the answer to a Resync ends with this update.
    pub synced: bool,
}

/// The NVEs that take part in a VN: the whole list, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Members {
    /// The NVEs and their locators.
    pub places: Vec<Place>,
    /// True if the list goes on in the next Update of the VN. An NVE uses the list once it is whole.
    pub more: bool,
}

/// The body of [`Invalidate`](crate::Message::Invalidate): a mapping is out of date (an older statement never wins, R-03).
///
/// Between NVEs it is a hint: it can only cause a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Invalidate {
    /// The TSI of the mapping.
    pub tsi: TsiKey,
    /// The mapping is dropped only if it points to this NVE …
    pub nve: NveId,
    /// … and is not newer than this version.
    pub version: Version,
}
