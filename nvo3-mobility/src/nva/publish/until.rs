//! What NVEs want until a time, each with a share of the room.

use alloc::collections::{BTreeMap, BTreeSet};
use core::ops::RangeBounds;
use nvo3_nva_proto::{Instant, NveId};

/// The least number of wishes at which those that have ended are looked for.
const SWEEP: usize = 1_024;

/// For each key, the NVEs that want it, and until when. Each NVE has a share: at its bound, what it wants the shortest makes room.
#[derive(Debug)]
pub(super) struct Until<K> {
    wanted: BTreeMap<K, BTreeMap<NveId, Instant>>,
    by_nve: BTreeMap<NveId, BTreeSet<(Instant, K)>>,
    count: usize,
    /// The number of wishes at which those that have ended are forgotten: twice what was left the last time.
    sweep_at: usize,
}

impl<K> Default for Until<K> {
    fn default() -> Self {
        Self { wanted: BTreeMap::new(), by_nve: BTreeMap::new(), count: 0, sweep_at: SWEEP }
    }
}

impl<K: Copy + Ord> Until<K> {
    /// The time until which an NVE wants a key.
    pub(super) fn get(&self, key: &K, nve: NveId) -> Option<Instant> {
        self.wanted.get(key)?.get(&nve).copied()
    }

    /// Notes that an NVE wants a key until this time. False if another key of the NVE had to make room, because it has `most`.
    pub(super) fn set(&mut self, now: Instant, key: K, nve: NveId, until: Instant, most: u32) -> bool {
        if self.count >= self.sweep_at {
            self.forget_before(now);
            self.sweep_at = SWEEP.max(self.count * 2);
        }
        self.remove(&key, nve);
        let full = self.by_nve.get(&nve).filter(|wants| wants.len() >= most as usize);
        let shortest = full.and_then(|wants| wants.first().copied());
        if let Some((_, shortest)) = shortest {
            self.remove(&shortest, nve);
        }
        self.wanted.entry(key).or_default().insert(nve, until);
        self.by_nve.entry(nve).or_default().insert((until, key));
        self.count += 1;
        shortest.is_none()
    }

    fn remove(&mut self, key: &K, nve: NveId) {
        let Some(nves) = self.wanted.get_mut(key) else { return };
        let Some(until) = nves.remove(&nve) else { return };
        if nves.is_empty() {
            self.wanted.remove(key);
        }
        self.forget(nve, until, *key);
    }

    fn forget(&mut self, nve: NveId, until: Instant, key: K) {
        self.count -= 1;
        if let Some(wants) = self.by_nve.get_mut(&nve) {
            wants.remove(&(until, key));
            if wants.is_empty() {
                self.by_nve.remove(&nve);
            }
        }
    }

    /// Forgets a key. Gives the NVEs that wanted it.
    pub(super) fn take(&mut self, key: &K) -> BTreeMap<NveId, Instant> {
        let nves = self.wanted.remove(key).unwrap_or_default();
        for (nve, until) in &nves {
            self.forget(*nve, *until, *key);
        }
        nves
    }

    /// The NVEs that want a key now.
    pub(super) fn at(&self, now: Instant, key: &K) -> impl Iterator<Item = NveId> {
        let nves = self.wanted.get(key).into_iter().flatten();
        nves.filter(move |(_, until)| **until > now).map(|(nve, _)| *nve)
    }

    /// The keys of a range that an NVE wants now, in order.
    pub(super) fn of(&self, now: Instant, range: impl RangeBounds<K>, nve: NveId) -> impl Iterator<Item = &K> {
        let wanted = self.wanted.range(range);
        wanted.filter(move |(_, nves)| nves.get(&nve).is_some_and(|until| *until > now)).map(|(key, _)| key)
    }

    /// Forgets what nobody wants any more.
    fn forget_before(&mut self, now: Instant) {
        let ended = |wants: &BTreeSet<(Instant, K)>| wants.first().copied().filter(|(until, _)| *until <= now);
        let nves: alloc::vec::Vec<NveId> =
            self.by_nve.iter().filter(|(_, wants)| ended(wants).is_some()).map(|(nve, _)| *nve).collect();
        for nve in nves {
            while let Some((_, key)) = self.by_nve.get(&nve).and_then(ended) {
                self.remove(&key, nve);
            }
        }
    }

    /// The number of all wishes.
    pub(super) const fn len(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_its_share_an_nve_loses_what_it_wants_the_shortest_and_another_nve_nothing() {
        let (mut wanted, one, other) = (Until::default(), NveId(1), NveId(2));
        let now = Instant(0);
        wanted.set(now, 'x', other, Instant(1), 2);

        let kept =
            [('a', 30), ('b', 20), ('b', 25), ('c', 40)].map(|(key, at)| wanted.set(now, key, one, Instant(at), 2));

        assert_eq!(kept, [true, true, true, false]);
        assert_eq!(['a', 'b', 'c'].map(|key| wanted.get(&key, one).map(|at| at.0)), [Some(30), None, Some(40)]);
        assert_eq!((wanted.get(&'x', other), wanted.len()), (Some(Instant(1)), 3));
    }

    #[test]
    fn what_ends_makes_room_without_a_timer() {
        let mut wanted = Until::default();

        for n in 0..10_000 {
            wanted.set(Instant(n), n, NveId(n % 7), Instant(n + 10), u32::MAX);
            assert!(wanted.len() <= SWEEP + 10, "{}", wanted.len());
        }
    }

    #[test]
    fn what_has_ended_leaves_nothing_behind() {
        let mut wanted = Until::default();
        for (key, nve, until) in [('a', 1, 10), ('a', 2, 20), ('b', 1, 10), ('c', 2, 30)] {
            wanted.set(Instant(0), key, NveId(nve), Instant(until), 9);
        }

        wanted.forget_before(Instant(10));
        assert_eq!((wanted.len(), wanted.at(Instant(10), &'a').collect()), (2, [NveId(2)].to_vec()));
        assert_eq!(wanted.take(&'c').len(), 1);
        wanted.forget_before(Instant(20));

        assert!(wanted.wanted.is_empty() && wanted.by_nve.is_empty() && wanted.len() == 0);
    }
}
