//! The states of the two tables that a run has seen, by name.

use crate::{nva, nve};
use alloc::collections::BTreeSet;

/// Every state of the NVE's table.
const EDGE: [&str; 18] = [
    "away",
    "claiming",
    "here",
    "leaving",
    "confirming",
    "suspending",
    "vacating",
    "suspended",
    "vacated",
    "resuming",
    "halted",
    "forwarding",
    "installing",
    "prepared",
    "holding",
    "activating",
    "active",
    "revoked",
];
/// Every state of the NVA's table.
const AUTHORITY: [&str; 10] = [
    "preparing-new",
    "preparing-old",
    "ready",
    "suspended",
    "revoking",
    "aborting-old",
    "aborting-new",
    "yielding",
    "committing",
    "ended",
];

/// The states that were seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visited {
    /// The states of the NVE's table.
    pub edge: BTreeSet<&'static str>,
    /// The states of the NVA's table.
    pub authority: BTreeSet<&'static str>,
}

impl Visited {
    pub(super) fn edge(&mut self, from: &nve::rules::State, to: &nve::rules::State) {
        self.edge.extend([from.name(), to.name()]);
    }

    pub(super) fn authority(&mut self, from: &nva::rules::State, to: &nva::rules::State) {
        self.authority.extend([from.name(), to.name()]);
    }

    /// Adds the states that another run has seen.
    pub fn join(&mut self, other: &Self) {
        self.edge.extend(&other.edge);
        self.authority.extend(&other.authority);
    }

    /// The states that were never seen: the NVE's and the NVA's.
    pub fn never(&self) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
        let missing = |all: &[&'static str], seen: &BTreeSet<&'static str>| {
            all.iter().copied().filter(|state| !seen.contains(state)).collect()
        };
        (missing(&EDGE, &self.edge), missing(&AUTHORITY, &self.authority))
    }
}
