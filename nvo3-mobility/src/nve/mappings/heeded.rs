//! The hints of other NVEs that this NVE heeds. Anybody can send a hint, so their rate is kept here too.

use crate::fairness::{Bucket, Pace, Rate};
use crate::nve::NveConfig;
use alloc::collections::{BTreeSet, VecDeque};
use nvo3_nva_proto::{Instant, Micros, TsiKey};

/// The TSIs about which a hint was heeded within the last interval, bounded.
#[derive(Debug)]
pub(super) struct Heeded {
    interval: Micros,
    rate: Rate,
    limit: usize,
    bucket: Bucket,
    recent: BTreeSet<TsiKey>,
    by_time: VecDeque<(Instant, TsiKey)>,
}

impl Heeded {
    pub(super) fn new(config: &NveConfig) -> Self {
        Self {
            interval: config.hint_interval,
            rate: config.hinted_queries,
            limit: config.queue as usize,
            bucket: Bucket::FULL,
            recent: BTreeSet::new(),
            by_time: VecDeque::new(),
        }
    }

    /// Whether a hint about this TSI may cause a query now: at most one in an interval, and no more than the rate in all.
    pub(super) fn heed(&mut self, now: Instant, key: TsiKey) -> Pace {
        while let Some((at, old)) = self.by_time.front().copied()
            && now - at >= self.interval
        {
            self.by_time.pop_front();
            self.recent.remove(&old);
        }
        if self.recent.contains(&key) {
            return Pace::Repeated;
        }
        if self.recent.len() >= self.limit || !self.bucket.take(now, self.rate) {
            return Pace::Limited;
        }
        self.recent.insert(key);
        self.by_time.push_back((now, key));
        Pace::Due
    }

    pub(super) fn len(&self) -> usize {
        self.recent.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;
    use alloc::vec::Vec;
    use nvo3_nva_proto::{Locators, NveId, Place};
    use nvo3_wire::{Mac, Vni};

    const fn key(n: u8) -> TsiKey {
        TsiKey { vn: Vni::MAX, mac: Mac([2, 0, 0, 0, 0, n]) }
    }

    fn heeded(change: impl FnOnce(&mut NveConfig)) -> Heeded {
        let place = Place { nve: NveId(1), locators: Locators::V4([192, 0, 2, 1].into()) };
        let mut config = NveConfig::new(place, Transport::Trusted);
        change(&mut config);
        Heeded::new(&config)
    }

    /// Checks VMM-5-06, I12.
    #[test]
    fn one_hint_about_a_tsi_is_heeded_in_an_interval() {
        let mut heeded = heeded(|config| config.hint_interval = Micros(100));
        let mut heed = |at, n| heeded.heed(Instant(at), key(n));

        use Pace::{Due, Repeated};
        assert_eq!([heed(5, 1), heed(5, 1), heed(104, 1), heed(104, 2)], [Due, Repeated, Repeated, Due]);
        assert_eq!([heed(105, 1), heed(105, 2), heed(204, 2)], [Due, Repeated, Due]);
        assert_eq!(heeded.len(), 2);
    }

    /// Checks VMM-5-06, I12.
    #[test]
    fn hints_about_many_tsis_have_a_rate_and_a_bound() {
        let rate = Rate { per_second: 10, burst: 2 };
        let mut slow = heeded(|config| config.hinted_queries = rate);
        let mut small = heeded(|config| config.queue = 3);
        let count = |heeded: &mut Heeded| {
            let paces: Vec<Pace> = (0..50).map(|n| heeded.heed(Instant(5), key(n))).collect();
            assert!(!paces.contains(&Pace::Repeated));
            paces.into_iter().filter(|pace| *pace == Pace::Due).count()
        };

        assert_eq!((count(&mut slow), count(&mut small)), (2, 3));
        assert_eq!(slow.heed(Instant(100_005), key(60)), Pace::Due);
    }
}
