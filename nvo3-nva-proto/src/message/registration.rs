//! What is behind an NVE: see SPEC.md §6.2.

use crate::codec::codes;
use crate::id::{NveId, Place, TsiKey, Version};
use crate::time::Lifetime;
use alloc::vec::Vec;
use core::net::IpAddr;

codes! {
    /// Why a TSI is, or comes to be, behind an NVE (draft-ietf-nvo3-vmm §2).
    pub enum MoveKind {
        /// It runs all along.
        Hot = 1,
        /// Mirrored, then stopped and started.
        Warm = 2,
        /// Stopped, then started.
        Cold = 3,
        /// Nobody planned it: it showed up, or another took over.
        Failover = 4,
    }
}

/// A TSI with its addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Tsi {
    /// VN and MAC.
    pub key: TsiKey,
    /// Its IP addresses.
    pub ips: Vec<IpAddr>,
}

/// See [`crate::Message::RegistrationRequest`] (VMM-6-01). The NVE is the session's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RegistrationRequest {
    /// What is registered.
    pub tsi: Tsi,
    /// Why it shows up; a first start is [`MoveKind::Cold`].
    pub kind: MoveKind,
    /// Where the NVE believes that it was, if it knows.
    pub old: Option<NveId>,
    /// The newest version that the NVE knows, 0 for none; `None` for any. A newer mapping elsewhere refuses it (VMM-6-04).
    pub expected: Option<Version>,
    /// How long the TSI stays registered if the NVE does not refresh it.
    pub lifetime: Lifetime,
}

/// See [`crate::Message::RegistrationReply`] (VMM-6-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RegistrationReply {
    /// What it is about.
    pub tsi: TsiKey,
    /// Accepted, or why not.
    pub result: RegistrationResult,
    /// The version of the mapping as it stands now.
    pub version: Version,
    /// The granted lifetime.
    pub lifetime: Lifetime,
    /// Where the mapping points where the request was refused.
    pub current: Option<Place>,
}

codes! {
    /// The result of a registration.
    pub enum RegistrationResult {
        /// The mapping points to the NVE.
        Accepted = 0,
        /// Policy forbids it.
        Policy = 1,
        /// The NVA does not serve the VN.
        UnknownVn = 2,
        /// The tenant may not share the NVE.
        TenantConflict = 3,
        /// It moved too often without being planned; frozen for a while (RFC 7432 §15.1).
        Duplicate = 4,
        /// A newer mapping exists.
        Stale = 5,
        /// The NVE may not say it.
        NotAuthorised = 6,
        /// No room.
        Resource = 7,
        /// Malformed.
        Malformed = 8,
        /// A planned move of it is under way.
        Moving = 9,
    }
}

/// See [`crate::Message::Deregister`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Deregister {
    /// What leaves.
    pub tsi: TsiKey,
    /// The version under which the NVE had it; a newer mapping is not touched.
    pub version: Version,
}

/// See [`crate::Message::DeregisterReply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct DeregisterReply {
    /// What it is about.
    pub tsi: TsiKey,
    /// The version of the mapping as it stands now.
    pub version: Version,
}
