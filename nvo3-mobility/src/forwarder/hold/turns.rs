//! The turns in which TSIs let held frames leave.

use alloc::collections::BTreeSet;
use core::ops::Bound::{Excluded, Unbounded};
use nvo3_nva_proto::TsiKey;

/// The TSIs whose held frames may leave, served one after the other.
#[derive(Default)]
pub(super) struct Turns {
    ready: BTreeSet<TsiKey>,
    last: Option<TsiKey>,
}

impl Turns {
    pub(super) fn add(&mut self, key: TsiKey) {
        self.ready.insert(key);
    }

    pub(super) fn remove(&mut self, key: &TsiKey) {
        self.ready.remove(key);
    }

    pub(super) fn count(&self) -> usize {
        self.ready.len()
    }

    /// Gives the turn to the next TSI.
    pub(super) fn next(&mut self) -> Option<TsiKey> {
        let after = self.last.and_then(|last| self.ready.range((Excluded(last), Unbounded)).next());
        self.last = Some(*after.or_else(|| self.ready.first())?);
        self.last
    }

    /// The TSI that had the last turn.
    pub(super) const fn last(&self) -> Option<TsiKey> {
        self.last
    }
}
