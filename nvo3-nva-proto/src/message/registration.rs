//! Registration: an NVE says which TSIs are behind it (SPEC.md §6.2).

use crate::codec::codes;
use crate::id::{MoveId, NveId, Place, TsiKey, Version};
use crate::message::Side;
use crate::time::Lifetime;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_wire::{Mac, Vni};

codes! {
    /// The kind of move by which a TSI comes to be behind an NVE (draft-ietf-nvo3-vmm §2).
    ///
    /// Exhaustive: an implementation must handle each value, and a new value is a new version of the protocol.
    pub enum MoveKind {
        /// The VM runs during the move.
        Hot = 1 "hot",
        /// The VM is mirrored, then stopped at the old NVE and started at the new NVE.
        Warm = 2 "warm",
        /// The VM is stopped at the old NVE, then started at the new NVE. A first start is cold too.
        Cold = 3 "cold",
        /// Nobody planned the move: the TSI appeared, or a stand-by took over.
        Failover = 4 "failover",
    }
}

/// What a TSI is for IPv6 Neighbor Discovery: the Router flag of its own Neighbor Advertisements (RFC 4861 §4.4). An answer on behalf
/// of the TSI has the same flag (PXY-10), and 1 if the flag is unknown (PXY-05): a neighbour that hears 0 gives up its routes by the TSI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Role {
    /// The TSI has not said so far. The default.
    #[default]
    Unknown,
    /// The TSI has said that it is no router.
    Host,
    /// The TSI has said that it is a router.
    Router,
}

impl Role {
    /// The role that a Router flag says.
    pub const fn from_flag(router: bool) -> Self {
        if router { Self::Router } else { Self::Host }
    }

    /// The Router flag of an answer on behalf of the TSI: 0 for a host, else 1.
    pub const fn flag(self) -> bool {
        !matches!(self, Self::Host)
    }

    /// This role, or the other one if this one is unknown.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        if matches!(self, Self::Unknown) { other } else { self }
    }
}

/// A TSI with its IP addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Tsi {
    /// The VN and the MAC.
    pub key: TsiKey,
    /// The IP addresses of the TSI.
    pub ips: Vec<IpAddr>,
    /// What the TSI is for Neighbor Discovery.
    pub role: Role,
}

/// The body of [`RegistrationRequest`](crate::Message::RegistrationRequest): TSIs of one VN are behind the NVE of the session.
///
/// VMM-6-01 lists the fields that a registration request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RegistrationRequest {
    /// The VN of every TSI.
    pub vn: Vni,
    /// The time for which the TSIs stay protected after the NVE's session has ended.
    pub lifetime: Lifetime,
    /// The TSIs to register.
    pub claims: Vec<Claim>,
}

/// The claim of an NVE that a TSI is behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Claim {
    /// The MAC of the TSI.
    pub mac: Mac,
    /// The kind of move by which the TSI came to the NVE; a first start is [`MoveKind::Cold`].
    pub kind: MoveKind,
    /// True if the hypervisor said that the VM runs here; false if only a frame of the VM shows it.
    pub by_word: bool,
    /// The NVE where the TSI was before, if the sender knows.
    pub old: Option<NveId>,
    /// The newest version of the mapping that the NVE knows, 0 for none; `None` accepts any.
    ///
    /// The NVA refuses a claim that expects an older version than its mapping at another NVE has (VMM-6-04).
    pub expected: Option<Version>,
    /// The IP addresses of the TSI.
    pub ips: Vec<IpAddr>,
    /// What the TSI is for Neighbor Discovery.
    pub role: Role,
}

/// The body of [`RegistrationReply`](crate::Message::RegistrationReply): the result of registrations (each claim gets one, VMM-6-02).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RegistrationReply {
    /// The VN of every TSI.
    pub vn: Vni,
    /// The result for every TSI: accepted, or the reason for the refusal.
    pub result: RegistrationResult,
    /// The granted lifetime.
    pub lifetime: Lifetime,
    /// The TSIs, each with the version of its current mapping.
    pub tsis: Vec<TsiVersion>,
    /// The place of the current mappings if the claims were refused.
    pub current: Option<Place>,
}

/// A TSI of a VN and a version of its mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct TsiVersion {
    /// The MAC of the TSI.
    pub mac: Mac,
    /// The version.
    pub version: Version,
}

/// The body of [`Restate`](crate::Message::Restate): TSIs of one VN that rest at the NVE. It claims nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Restate {
    /// The VN of every TSI.
    pub vn: Vni,
    /// True if more follows in this session. After the last one, the NVE has no other TSI.
    pub more: bool,
    /// The TSIs.
    pub tsis: Vec<Resting>,
}

/// A TSI that rests at an NVE: the NVA accepted its registration before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Resting {
    /// The MAC of the TSI.
    pub mac: Mac,
    /// The version of the mapping that the NVE knows.
    pub version: Version,
    /// The IP addresses of the TSI.
    pub ips: Vec<IpAddr>,
    /// What the TSI is for Neighbor Discovery.
    pub role: Role,
}

/// The body of [`RestateMove`](crate::Message::RestateMove): a move that the NVE is a party of and whose outcome it does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RestateMove {
    /// The move.
    pub move_id: MoveId,
    /// The version that is reserved for the move.
    pub version: Version,
    /// The side of the sender.
    pub side: Side,
    /// What holds at the sender.
    pub party: PartyState,
    /// The NVE on the other side.
    pub peer: NveId,
    /// The TSIs that move together.
    pub tsis: Vec<Tsi>,
}

codes! {
    /// What holds at a party of a move.
    ///
    /// Exhaustive: the NVA must handle each value, and a new value is a new version of the protocol.
    pub enum PartyState {
        /// The VM runs here.
        Runs = 1 "the VM runs here",
        /// The VM does not run here.
        Stopped = 2 "the VM does not run here",
        /// The new NVE said that it will never activate the move.
        Revoked = 3 "the move was revoked here",
    }
}

codes! {
    /// The result of a registration.
    #[non_exhaustive]
    pub enum RegistrationResult {
        /// The mapping points to the NVE.
        Accepted = 0 "accepted",
        /// Policy forbids the registration.
        Policy = 1 "policy forbids it",
        /// The NVA does not serve the VN.
        UnknownVn = 2 "the NVA does not serve the VN",
        /// The tenant may not share the NVE.
        TenantConflict = 3 "the tenant may not share the NVE",
        /// Another TSI has one of the IP addresses, or the TSI moved too often without a plan and is frozen for a while (RFC 7432 §15.1).
        Duplicate = 4 "another TSI has one of its IP addresses, or it moved too often without a plan",
        /// The NVA has a newer mapping.
        Stale = 5 "the NVA has a newer mapping",
        /// The NVE may not register this TSI.
        NotAuthorised = 6 "the NVE may not register this TSI",
        /// The NVA has no room for another TSI or address.
        Resource = 7 "the NVA has no room for it",
        /// The request is malformed.
        Malformed = 8 "the request is malformed",
        /// A planned move of the TSI has not ended.
        Moving = 9 "a planned move of the TSI has not ended",
    }
}

/// The body of [`Deregister`](crate::Message::Deregister): TSIs of one VN have left the NVE of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Deregister {
    /// The VN of every TSI.
    pub vn: Vni,
    /// The TSIs that left, each with the version of the mapping that the NVE had. The NVA keeps a newer mapping as it is.
    pub tsis: Vec<TsiVersion>,
}

/// The body of [`DeregisterReply`](crate::Message::DeregisterReply).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct DeregisterReply {
    /// The VN of every TSI.
    pub vn: Vni,
    /// The TSIs of the Deregister, each with the version of its current mapping.
    pub tsis: Vec<TsiVersion>,
}
