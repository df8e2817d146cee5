//! How much of the authority's memory one NVE may take.

use crate::fairness::Rate;
use core::fmt;

/// The most that one NVE may take of the authority's memory (I7, I12). Each quota is for each NVE alone, beside the bounds for all in
/// [`NvaConfig`](super::super::NvaConfig).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Quotas {
    /// The most TSIs. Default: 65,536; more than 0. At the bound a registration is refused as *Resource*, and counts in
    /// `over_quota_registrations`; a planned move to the NVE is refused as *Resource*.
    pub tsis: u32,
    /// The most IP addresses of all its TSIs. Default: 262,144; more than 0. At the bound as for `tsis`.
    pub addresses: u32,
    /// The most VNs that it subscribes to. Default: 16,384; more than 0. At the bound a further VN is not subscribed to, and counts in
    /// `over_quota_subscriptions`. The NVE still gets what it queries.
    pub subscriptions: u32,
    /// The most mappings that it queried and is told about when they change. Default: 262,144; more than 0. At the bound the mapping
    /// whose interest ends first makes room, and counts in `over_quota_interest`: the NVE hears of its change only when it asks again.
    pub interest: u32,
    /// The most addresses that it was told do not exist, and is told about when they do. Default: 65,536; more than 0. At the bound as
    /// for `interest`.
    pub absent: u32,
    /// The most moves that it restates and that the authority does not know, or does not trust after a loss of records. Default: 4,096; more
    /// than 0. At the bound a further move is not heard, and counts in `over_quota_moves`: its VM stays suspended until management helps.
    pub moves: u32,
    /// The rate of its registrations that change the directory. Default: 1,000/s, 131,072 at once; more than 0. A registration beyond it is
    /// refused as *Resource*, and counts in `limited_registrations`. The NVE tries again.
    pub registrations: Rate,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            tsis: 65_536,
            addresses: 262_144,
            subscriptions: 16_384,
            interest: 262_144,
            absent: 65_536,
            moves: 4_096,
            registrations: Rate { per_second: 1_000, burst: 131_072 },
        }
    }
}

/// Something of which one NVE may take no more than its quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Quota {
    /// `Quotas.tsis`.
    Tsis,
    /// `Quotas.addresses`.
    Addresses,
    /// `Quotas.subscriptions`.
    Subscriptions,
    /// `Quotas.interest`.
    Interest,
    /// `Quotas.absent`.
    Absent,
    /// `Quotas.moves`.
    Moves,
    /// `Quotas.registrations`.
    Registrations,
}

impl Quota {
    /// The quota's name, as logs and counters write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tsis => "tsis",
            Self::Addresses => "addresses",
            Self::Subscriptions => "subscriptions",
            Self::Interest => "interest",
            Self::Absent => "absent",
            Self::Moves => "moves",
            Self::Registrations => "registrations",
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tsis => "TSIs",
            Self::Addresses => "IP addresses of its TSIs",
            Self::Subscriptions => "VNs that it subscribes to",
            Self::Interest => "mappings that it queried",
            Self::Absent => "addresses that it was told do not exist",
            Self::Moves => "moves that it restates",
            Self::Registrations => "registrations in a time",
        })
    }
}
