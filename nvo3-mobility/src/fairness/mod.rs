//! Limits on what one port, sender or NVE may cause, so that a flood of one costs another nothing (I12).
//!
//! Each limit is a [`Rate`] of a token bucket, or a share of a bound that all use. What exceeds it is dropped or not done, and counts. An
//! event names the offender, at most once per [`TOLD_EVERY`].
//!
//! | what | limit of | field, default | what exceeds it | counted as |
//! |---|---|---|---|---|
//! | announcements, other frames to a group that the control plane lets pass, and DHCP that it reads | each port | [`NveConfig::announcements`]: 100/s, burst 200 | is dropped | `limited_announcements` |
//! | questions to a group: ARP requests, NS, probes | each port | [`NveConfig::questions`]: 200/s, burst 400 | is dropped | `limited_questions` |
//! | open queries, and stations that wait for an answer | each port | [`NveConfig::queries_per_port`]: 256 | is not queried | `limited_queries` |
//! | frames to a MAC that makes a query | each port | [`ForwarderConfig::misses`]: 200/s, burst 400 | is dropped | drop reason `miss_limited` |
//! | frames to a MAC that makes a query, out of tunnels | each NVE, by its address | [`ForwarderConfig::tunnel_misses`]: 1,000/s, burst 2,000 | is dropped | drop reason `tunnel_miss_limited` |
//! | frames to groups | each port | [`ForwarderConfig::groups`]: 5,000/s, burst 10,000 | is dropped | drop reason `group_limited` |
//! | TSIs that are learned | each port | [`PortPolicy::learn_macs`] | is not registered | `limited_stations` |
//! | addresses that are learned | each TSI | [`PortPolicy::learn_addresses`] | is not bound | `shed_addresses` |
//! | addresses that end by the word of a DHCP client | each TSI | [`NveConfig::claim_interval`]: one message in 1 s | ends nothing | `limited_leases` |
//! | destinations that are being resolved | each port | [`ForwarderConfig::asked_per_port`]: 256 | is dropped | drop reason `miss_limited` |
//! | hints received, about one TSI | each TSI | [`NveConfig::hint_interval`]: 100 ms | causes no query | `repeated_hints` |
//! | hints received, in all | the NVE | [`NveConfig::hinted_queries`]: 1,000/s, burst 1,000 | causes no query | `limited_hints` |
//! | hints sent | each NVE of a VN that is here; all strangers together | [`NveConfig::hints`]: 1,000/s, burst 1,000 | is not sent | `shed_hints` |
//! | answers of the authority outside a session | each address | [`NvaConfig::answers`]: 100/s, burst 200 | is not sent | `limited_answers` |
//! | the same | all addresses of no admitted NVE together | [`NvaConfig::strangers`]: 1,000/s, burst 1,000 | is not sent | `limited_answers` |
//! | registrations that change the directory | each NVE | [`Quotas::registrations`]: 1,000/s, burst 131,072 | is refused, and the NVE tries again | `limited_registrations` |
//! | TSIs, addresses, subscriptions, interest at the authority | each NVE | [`Quotas`]: 65,536 TSIs and more | is refused, or the NVE's oldest makes room | `over_quota_…` |
//!
//! A VM that behaves does not come near them. The defaults are for one VM behind a port; for a gateway or a bridge with thousands of
//! stations behind one port, raise `announcements`, `questions` and `misses`.
//!
//! [`NveConfig::announcements`]: crate::nve::NveConfig::announcements
//! [`NveConfig::questions`]: crate::nve::NveConfig::questions
//! [`NveConfig::queries_per_port`]: crate::nve::NveConfig::queries_per_port
//! [`NveConfig::claim_interval`]: crate::nve::NveConfig::claim_interval
//! [`NveConfig::hint_interval`]: crate::nve::NveConfig::hint_interval
//! [`NveConfig::hinted_queries`]: crate::nve::NveConfig::hinted_queries
//! [`NveConfig::hints`]: crate::nve::NveConfig::hints
//! [`ForwarderConfig::misses`]: crate::forwarder::ForwarderConfig::misses
//! [`ForwarderConfig::asked_per_port`]: crate::forwarder::ForwarderConfig::asked_per_port
//! [`ForwarderConfig::tunnel_misses`]: crate::forwarder::ForwarderConfig::tunnel_misses
//! [`ForwarderConfig::groups`]: crate::forwarder::ForwarderConfig::groups
//! [`NvaConfig::answers`]: crate::nva::NvaConfig::answers
//! [`NvaConfig::strangers`]: crate::nva::NvaConfig::strangers
//! [`Quotas`]: crate::nva::Quotas
//! [`Quotas::registrations`]: crate::nva::Quotas::registrations
//! [`PortPolicy::learn_macs`]: crate::table::PortPolicy::learn_macs
//! [`PortPolicy::learn_addresses`]: crate::table::PortPolicy::learn_addresses

mod bucket;
mod recent;
mod refusals;
mod senders;

pub use bucket::Rate;
pub use refusals::TOLD_EVERY;

pub(crate) use bucket::Bucket;
pub(crate) use recent::Recent;
pub(crate) use refusals::{Limiter, Refusals};
pub(crate) use senders::{Sender, Senders};

use core::fmt;

/// The verdict of a limit on something that is said about a subject at most once in an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Due,
    /// It was said within the interval. In a healthy fabric this happens.
    Repeated,
    /// A rate or a bound forbids it.
    Limited,
}

/// Something that a port does more often than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Limit {
    /// Announcements of its stations.
    Announcements,
    /// Questions for addresses.
    Questions,
    /// Frames to MACs that this NVE does not know.
    Misses,
    /// Queries to the NVA that are open at the same time.
    Queries,
    /// Stations behind a bridge.
    Stations,
    /// Frames to broadcast and multicast groups.
    Groups,
}

impl Limit {
    /// The limit's name, as logs and counters write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Announcements => "announcements",
            Self::Questions => "questions",
            Self::Misses => "misses",
            Self::Queries => "queries",
            Self::Stations => "stations",
            Self::Groups => "groups",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Announcements => "announcements of its stations",
            Self::Questions => "questions for addresses",
            Self::Misses => "frames to destinations that this NVE does not know",
            Self::Queries => "open queries to the NVA",
            Self::Stations => "stations that this NVE learns behind it",
            Self::Groups => "frames to groups",
        })
    }
}
