//! The interest in mappings that a session begins with, and how much of what the NVA has published is here (DAP-03).
//!
//! The NVE knows everything that concerns it up to the newest record for which the NVA said so, in the epoch of the session. A later
//! session asks for what came since. A VN whose subscription was never answered in full is asked for from the beginning.

use super::Mappings;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use nvo3_nva_proto::{Address, RecordNo, Resync, TsiKey, Version};
use nvo3_wire::Vni;

/// How much of what the NVA has published is here.
#[derive(Debug, Default)]
pub(super) struct Progress {
    epoch: u32,
    /// The newest record up to which everything is here, and its epoch.
    since: Version,
    /// Subscriptions that were not answered in full.
    unsynced: BTreeSet<Vni>,
    /// The transaction of the session's own *Resync*.
    syncing: Option<u32>,
    /// True once that is answered in full.
    synced: bool,
    /// The transactions that ask for one VN.
    asked: BTreeMap<u32, Vni>,
}

impl Progress {
    /// A VN was subscribed to: everything about it is missing.
    pub(super) fn miss(&mut self, vn: Vni) {
        self.unsynced.insert(vn);
    }

    pub(super) fn forget(&mut self, vn: Vni) {
        self.unsynced.remove(&vn);
    }
}

impl Mappings {
    /// A session with the NVA of this epoch begins. A replication list that was cut off comes again.
    pub(crate) fn begin_session(&mut self, epoch: u32) {
        self.lists.forget_partial();
        self.progress.epoch = epoch;
        (self.progress.syncing, self.progress.synced) = (None, false);
        self.progress.asked.clear();
    }

    /// The *Resync* of a VN that was subscribed to in the session.
    pub(crate) fn ask_for(&mut self, vn: Vni, transaction: u32) -> Resync {
        self.progress.miss(vn);
        self.progress.asked.insert(transaction, vn);
        Resync { since: Version::default(), vns: [vn].into(), mappings: Vec::new(), more: false }
    }

    /// The next subscriptions for the session's *Resync*, after `after` if it is given, and the last one of them; at most `most`. A VN
    /// that was never answered in full comes in a message of its own.
    pub(crate) fn resync_subscriptions(
        &mut self,
        after: Option<Vni>,
        most: usize,
        transaction: u32,
    ) -> (Option<Resync>, Option<Vni>) {
        use core::ops::Bound::{Excluded, Unbounded};
        self.progress.syncing = Some(transaction);
        let mut next = self.subscribed.range((after.map_or(Unbounded, Excluded), Unbounded)).copied();
        let Some(first) = next.next() else { return (None, None) };
        let anew = self.progress.unsynced.contains(&first);
        let since = if anew { Version::default() } else { self.progress.since };
        let rest = next.take_while(|vn| !anew && !self.progress.unsynced.contains(vn)).take(most.saturating_sub(1));
        let vns: Vec<Vni> = core::iter::once(first).chain(rest).collect();
        let last = vns.last().copied();
        (Some(Resync { since, vns, mappings: Vec::new(), more: true }), last)
    }

    /// The next mappings for the session's *Resync*, after `after` if it is given, and the last one of them; at most `most`. The part
    /// after the last mapping ends the *Resync*.
    pub(crate) fn resync_interest(&self, after: Option<TsiKey>, most: usize) -> (Resync, Option<TsiKey>) {
        let keys: Vec<TsiKey> = self.cache.keys_after(after).take(most).collect();
        let mappings = keys.iter().map(|key| (key.vn, Address::Mac(key.mac))).collect();
        let last = keys.last().copied();
        (Resync { since: self.progress.since, vns: Vec::new(), mappings, more: last.is_some() }, last)
    }

    /// The NVA has said everything up to this record that concerns this NVE. `synced`: the answer to this transaction ends.
    pub(crate) fn note_progress(&mut self, transaction: u32, upto: RecordNo, synced: bool) {
        let progress = &mut self.progress;
        if synced && let Some(vn) = progress.asked.remove(&transaction) {
            progress.unsynced.remove(&vn);
        }
        let at = Version { epoch: progress.epoch, generation: upto.0 };
        if synced && progress.syncing == Some(transaction) {
            progress.unsynced.retain(|vn| progress.asked.values().any(|asked| asked == vn));
            (progress.synced, progress.since) = (true, at);
        } else if progress.synced {
            progress.since = progress.since.max(at);
        }
    }
}
