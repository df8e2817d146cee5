//! Something that is done for many stations, one after the other at a pace, and several times for each.

use alloc::collections::{BTreeMap, BTreeSet};
use nvo3_nva_proto::{Instant, Micros, TsiKey};

/// The stations for which something is to be done, in the order of its times.
#[derive(Debug)]
pub(super) struct Rounds {
    /// The time between the first turns of two stations.
    pace: Micros,
    due: BTreeSet<(Instant, TsiKey)>,
    /// For each station the time of its next turn, and how many it has had.
    turns: BTreeMap<TsiKey, (Instant, u32)>,
    /// The time of the next free place in the pace.
    free: Instant,
}

impl Rounds {
    pub(super) const fn new(pace: Micros) -> Self {
        Self { pace, due: BTreeSet::new(), turns: BTreeMap::new(), free: Instant(0) }
    }

    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    /// Gives a station its first turn, unless it waits for one.
    pub(super) fn enter(&mut self, now: Instant, key: TsiKey) {
        if !self.turns.contains_key(&key) {
            let at = self.free.max(now);
            self.free = at + self.pace;
            self.again(key, at, 0);
        }
    }

    /// Gives a station another turn, at a time of its own.
    pub(super) fn again(&mut self, key: TsiKey, at: Instant, had: u32) {
        self.turns.insert(key, (at, had));
        self.due.insert((at, key));
    }

    /// A station gets no more turns. Gives how many it has had.
    pub(super) fn remove(&mut self, key: &TsiKey) -> Option<u32> {
        let (at, had) = self.turns.remove(key)?;
        self.due.remove(&(at, *key));
        Some(had)
    }

    /// The time of the next turn.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The station whose turn it is, and how many turns it has had.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(TsiKey, u32)> {
        let key = self.due.first().filter(|(at, _)| *at <= now).map(|(_, key)| *key)?;
        self.remove(&key).map(|had| (key, had))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_wire::{Mac, Vni};

    #[test]
    fn first_turns_keep_the_pace_and_a_station_has_one_turn_at_a_time() {
        let key = |n| TsiKey { vn: Vni::MAX, mac: Mac([2, 0, 0, 0, 0, n]) };
        let mut rounds = Rounds::new(Micros(10));
        for (now, n) in [(100, 1), (101, 2), (102, 1), (103, 3)] {
            rounds.enter(Instant(now), key(n));
        }
        assert_eq!((rounds.len(), rounds.next()), (3, Some(Instant(100))));

        assert_eq!((rounds.pop(Instant(100)), rounds.pop(Instant(109))), (Some((key(1), 0)), None));
        rounds.again(key(1), Instant(115), 1);
        assert_eq!(rounds.remove(&key(3)), Some(0));
        let turns = core::array::from_fn(|_| rounds.pop(Instant(120)));
        assert_eq!(turns, [Some((key(2), 0)), Some((key(1), 1)), None]);

        // A place that was not used is not kept.
        rounds.enter(Instant(500), key(4));
        assert_eq!((rounds.next(), rounds.len()), (Some(Instant(500)), 1));
    }
}
