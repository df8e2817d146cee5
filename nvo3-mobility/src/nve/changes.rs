//! Orders for the forwarder: a bounded set of what changed, numbered when handed out, and how far it is in force.
//!
//! A thing that changes again before it is handed out keeps its place: the newest content leaves in the oldest order. So
//! "everything changed until now is in force" is one comparison.

use crate::table::VapId;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use nvo3_nva_proto::TsiKey;
use nvo3_wire::Vni;

/// A thing in the forwarder's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Port(VapId),
    Members(Vni),
    Tsi(TsiKey),
}

#[derive(Clone, Copy, Debug)]
struct Order {
    number: u64,
    stamp: u64,
    key: Key,
}

#[derive(Debug)]
pub(super) struct Changes {
    limit: usize,
    last_stamp: u64,
    last_number: u64,
    dirty: BTreeMap<u64, Key>,
    stamps: BTreeMap<Key, u64>,
    handed_out: VecDeque<Order>,
    /// How many of `handed_out` are about a TSI.
    pending: BTreeMap<Key, u32>,
}

impl Changes {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            last_stamp: 0,
            last_number: 0,
            dirty: BTreeMap::new(),
            stamps: BTreeMap::new(),
            handed_out: VecDeque::new(),
            pending: BTreeMap::new(),
        }
    }

    pub(super) fn mark(&mut self, key: Key) {
        if !self.stamps.contains_key(&key) {
            self.last_stamp += 1;
            self.dirty.insert(self.last_stamp, key);
            self.stamps.insert(key, self.last_stamp);
        }
    }

    /// Whether anything can be handed out.
    pub(super) fn has_some(&self) -> bool {
        !self.dirty.is_empty() && self.handed_out.len() < self.limit
    }

    pub(super) fn hand_out(&mut self) -> Option<(u64, Key)> {
        if self.handed_out.len() >= self.limit {
            return None;
        }
        let (stamp, key) = self.dirty.pop_first()?;
        self.stamps.remove(&key);
        self.last_number += 1;
        self.handed_out.push_back(Order { number: self.last_number, stamp, key });
        *self.pending.entry(key).or_default() += 1;
        Some((self.last_number, key))
    }

    /// Takes everything up to `number` as in force; gives what it was about.
    pub(super) fn applied(&mut self, number: u64) -> Vec<Key> {
        let mut keys = Vec::new();
        while self.handed_out.front().is_some_and(|order| order.number <= number) {
            if let Some(order) = self.handed_out.pop_front() {
                self.settle(order.key);
                keys.push(order.key);
            }
        }
        keys
    }

    /// Takes one order out; gives what it was about.
    pub(super) fn refused(&mut self, number: u64) -> Option<Key> {
        let at = self.handed_out.iter().position(|order| order.number == number)?;
        let order = self.handed_out.remove(at)?;
        self.settle(order.key);
        Some(order.key)
    }

    fn settle(&mut self, key: Key) {
        if let Some(count) = self.pending.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.pending.remove(&key);
            }
        }
    }

    /// Whether something about it is not in force yet.
    pub(super) fn is_pending(&self, key: Key) -> bool {
        self.stamps.contains_key(&key) || self.pending.contains_key(&key)
    }

    /// The newest change that is not in force yet; 0 where all are.
    pub(super) fn newest_waiting(&self) -> u64 {
        let dirty = self.dirty.last_key_value().map_or(0, |(stamp, _)| *stamp);
        self.handed_out.back().map_or(0, |order| order.stamp).max(dirty)
    }

    /// Every change up to here is in force.
    pub(super) fn in_force(&self) -> u64 {
        let dirty = self.dirty.first_key_value().map(|(stamp, _)| *stamp);
        let handed_out = self.handed_out.front().map(|order| order.stamp);
        [dirty, handed_out].into_iter().flatten().min().map_or(self.last_stamp, |oldest| oldest - 1)
    }

    /// The forwarder knows nothing any more.
    pub(super) fn reset(&mut self) {
        for order in core::mem::take(&mut self.handed_out) {
            self.mark(order.key);
        }
        self.pending.clear();
    }

    /// How much is kept, for bounds.
    pub(super) fn len(&self) -> usize {
        self.dirty.len() + self.handed_out.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(n: u32) -> Key {
        Key::Port(VapId(n))
    }

    #[test]
    fn a_thing_that_changes_again_keeps_its_place() {
        let mut changes = Changes::new(8);
        changes.mark(port(1));
        changes.mark(port(2));
        changes.mark(port(1));

        assert_eq!(changes.hand_out(), Some((1, port(1))));
        assert_eq!(changes.hand_out(), Some((2, port(2))));
        assert_eq!(changes.hand_out(), None);
    }

    #[test]
    fn nothing_is_in_force_before_all_that_was_changed_earlier() {
        let mut changes = Changes::new(8);
        changes.mark(port(1));
        changes.mark(port(2));
        let upto = changes.newest_waiting();
        changes.hand_out();
        assert_eq!(changes.applied(1), [port(1)]);
        assert!(changes.in_force() < upto);

        changes.hand_out();
        assert_eq!(changes.applied(2), [port(2)]);
        assert_eq!(changes.in_force(), upto);
        assert!(!changes.is_pending(port(2)));
    }

    #[test]
    fn what_was_changed_while_handed_out_is_pending_still() {
        let mut changes = Changes::new(8);
        changes.mark(port(1));
        changes.hand_out();
        changes.mark(port(1));

        changes.applied(1);

        assert!(changes.is_pending(port(1)));
    }

    #[test]
    fn a_forwarder_that_never_answers_gets_no_more_than_the_limit() {
        let mut changes = Changes::new(2);
        for n in 0..1_000 {
            changes.mark(port(n % 4));
            changes.hand_out();
        }

        assert!(changes.len() <= 2 + 4);
        assert!(!changes.has_some());
    }

    #[test]
    fn a_reset_orders_again_what_was_not_answered() {
        let mut changes = Changes::new(8);
        changes.mark(port(1));
        changes.hand_out();

        changes.reset();

        assert_eq!(changes.hand_out(), Some((2, port(1))));
        assert_eq!(changes.refused(2), Some(port(1)));
        assert!(!changes.is_pending(port(1)));
    }
}
