//! The deadlines of TSIs, or of VNs: at most one for each.

use alloc::collections::BTreeSet;
use nvo3_nva_proto::Instant;

/// The deadlines in order of time. The owner of a deadline has a copy of it, so that it can be found here.
pub(super) struct Deadlines<K>(BTreeSet<(Instant, K)>);

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<K: Copy + Ord> Deadlines<K> {
    /// Replaces the deadline `was` by `due`.
    pub(super) fn set(&mut self, key: K, was: &mut Option<Instant>, due: Option<Instant>) {
        if *was == due {
            return;
        }
        if let Some(was) = was.take() {
            self.0.remove(&(was, key));
        }
        self.0.extend(due.map(|due| (due, key)));
        *was = due;
    }

    /// Takes the first deadline that has passed. The caller clears the copy.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<K> {
        self.0.first().filter(|(due, _)| *due <= now)?;
        self.0.pop_first().map(|(_, key)| key)
    }

    pub(super) fn first(&self) -> Option<Instant> {
        self.0.first().map(|(due, _)| *due)
    }

    #[cfg(test)]
    pub(super) fn has(&self, due: Instant, key: K) -> bool {
        self.0.contains(&(due, key))
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}
