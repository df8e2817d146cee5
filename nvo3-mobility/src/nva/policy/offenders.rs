//! What NVEs were refused, told once in a while.

use super::Quota;
use crate::fairness::{Bucket, Rate, Refusals};
use alloc::collections::BTreeMap;
use nvo3_nva_proto::{Instant, NveId};

/// Something that an NVE must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::nva) enum Offence {
    /// It claims a TSI that its rule does not allow, or whose VM answers at another NVE.
    Claim,
    /// It names addresses of a TSI that other TSIs have.
    Contested,
    /// It takes more than its quota.
    Quota(Quota),
    /// It says other locators than management.
    Locators,
    /// It is at two addresses.
    TwoPlaces,
}

/// The offences of each NVE that wait to be told, and its bucket of registrations. Only admitted NVEs are noted, so the number is bounded.
#[derive(Debug, Default)]
pub(in crate::nva) struct Offenders {
    refusals: BTreeMap<(NveId, Offence), Refusals>,
    registrations: BTreeMap<NveId, Bucket>,
}

impl Offenders {
    /// Notes an offence. Gives the number of offences since the last event if another event is due.
    pub(in crate::nva) fn note(&mut self, now: Instant, nve: NveId, what: Offence) -> Option<u64> {
        self.refusals.entry((nve, what)).or_default().note(now)
    }

    /// True if an NVE may make one more registration now.
    pub(in crate::nva) fn may_register(&mut self, now: Instant, nve: NveId, rate: Rate) -> bool {
        self.registrations.entry(nve).or_default().take(now, rate)
    }

    pub(in crate::nva) fn len(&self) -> usize {
        self.refusals.len() + self.registrations.len()
    }
}
