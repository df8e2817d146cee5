//! The turns in which TSIs, or VNs, let held frames leave.

use alloc::collections::BTreeSet;
use core::ops::Bound::{Excluded, Unbounded};

/// Those whose held frames may leave, served one after the other.
pub(super) struct Turns<K> {
    ready: BTreeSet<K>,
    last: Option<K>,
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self { ready: BTreeSet::new(), last: None }
    }
}

impl<K: Copy + Ord> Turns<K> {
    pub(super) fn add(&mut self, key: K) {
        self.ready.insert(key);
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.ready.remove(key);
    }

    pub(super) fn count(&self) -> usize {
        self.ready.len()
    }

    /// Gives the turn to the next one.
    pub(super) fn next(&mut self) -> Option<K> {
        let after = self.last.and_then(|last| self.ready.range((Excluded(last), Unbounded)).next());
        self.last = Some(*after.or_else(|| self.ready.first())?);
        self.last
    }
}
