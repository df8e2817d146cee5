//! The deadlines of TSIs: at most one for each.

use alloc::collections::BTreeSet;
use nvo3_nva_proto::{Instant, TsiKey};

/// The deadlines in order of time. The TSI's slot has a copy of its deadline, so that it can be found here.
#[derive(Default)]
pub(super) struct Deadlines(BTreeSet<(Instant, TsiKey)>);

impl Deadlines {
    /// Replaces the TSI's deadline `was` by `due`.
    pub(super) fn set(&mut self, key: TsiKey, was: &mut Option<Instant>, due: Option<Instant>) {
        if *was == due {
            return;
        }
        if let Some(was) = was.take() {
            self.0.remove(&(was, key));
        }
        self.0.extend(due.map(|due| (due, key)));
        *was = due;
    }

    /// Takes the first deadline that has passed. The caller clears the copy in the slot.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<TsiKey> {
        self.0.first().filter(|(due, _)| *due <= now)?;
        self.0.pop_first().map(|(_, key)| key)
    }

    pub(super) fn first(&self) -> Option<Instant> {
        self.0.first().map(|(due, _)| *due)
    }

    #[cfg(test)]
    pub(super) fn has(&self, due: Instant, key: TsiKey) -> bool {
        self.0.contains(&(due, key))
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}
