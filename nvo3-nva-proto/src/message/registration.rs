//! Registration: an NVE says which TSIs are behind it (SPEC.md §6.2).

use crate::codec::codes;
use crate::id::{NveId, Place, TsiKey, Version};
use crate::time::Lifetime;
use alloc::vec::Vec;
use core::net::IpAddr;

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

/// A TSI with its IP addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Tsi {
    /// The VN and the MAC.
    pub key: TsiKey,
    /// The IP addresses of the TSI.
    pub ips: Vec<IpAddr>,
}

/// The body of [`RegistrationRequest`](crate::Message::RegistrationRequest): a TSI is behind the NVE of the session.
///
/// VMM-6-01 lists the fields that a registration request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RegistrationRequest {
    /// The TSI to register.
    pub tsi: Tsi,
    /// The kind of move by which the TSI came to the NVE; a first start is [`MoveKind::Cold`].
    pub kind: MoveKind,
    /// The NVE where the TSI was before, if the sender knows.
    pub old: Option<NveId>,
    /// The newest version of the mapping that the NVE knows, 0 for none; `None` accepts any.
    ///
    /// The NVA refuses a request that expects an older version than its mapping at another NVE has (VMM-6-04).
    pub expected: Option<Version>,
    /// The time for which the TSI stays registered if the NVE does not refresh it.
    pub lifetime: Lifetime,
}

/// The body of [`RegistrationReply`](crate::Message::RegistrationReply): the result of a registration (each request gets one,
/// VMM-6-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RegistrationReply {
    /// The TSI.
    pub tsi: TsiKey,
    /// The result: accepted, or the reason for the refusal.
    pub result: RegistrationResult,
    /// The version of the current mapping.
    pub version: Version,
    /// The granted lifetime.
    pub lifetime: Lifetime,
    /// The place of the current mapping if the request was refused.
    pub current: Option<Place>,
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

/// The body of [`Deregister`](crate::Message::Deregister): a TSI has left the NVE of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Deregister {
    /// The TSI that left.
    pub tsi: TsiKey,
    /// The version of the mapping that the NVE had. The NVA keeps a newer mapping as it is.
    pub version: Version,
}

/// The body of [`DeregisterReply`](crate::Message::DeregisterReply).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct DeregisterReply {
    /// The TSI.
    pub tsi: TsiKey,
    /// The version of the current mapping.
    pub version: Version,
}
