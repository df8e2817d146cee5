//! TSIs that move too often without a plan: their address is a duplicate and is frozen (EVM-05, R-20, R-31).

use crate::nva::NvaConfig;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use nvo3_nva_proto::{Instant, TsiKey};

/// The times at which TSIs moved without a plan, and the times at which frozen TSIs are released.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    unplanned: BTreeMap<TsiKey, VecDeque<Instant>>,
    releases: BTreeSet<(Instant, TsiKey)>,
}

impl Duplicates {
    /// True if one more unplanned move of a TSI is one too many: the address is a duplicate.
    pub(super) fn is_last(&mut self, now: Instant, config: &NvaConfig, key: TsiKey) -> bool {
        let times = self.unplanned.get_mut(&key);
        let before = times.map_or(0, |times| {
            times.retain(|at| now - *at < config.duplicate_window);
            times.len()
        });
        let last = before + 1 >= config.duplicate_moves as usize;
        if last {
            self.unplanned.remove(&key);
        }
        last
    }

    /// A TSI moved without a plan. A claim that was refused is no move: it must not let one NVE freeze another one's TSI.
    pub(super) fn note_move(&mut self, now: Instant, config: &NvaConfig, key: TsiKey) {
        if self.unplanned.len() >= config.tsis as usize {
            self.unplanned.retain(|_, times| times.back().is_some_and(|at| now - *at < config.duplicate_window));
        }
        let times = self.unplanned.entry(key).or_default();
        times.retain(|at| now - *at < config.duplicate_window);
        times.push_back(now);
    }

    /// A TSI is frozen from now on.
    pub(super) fn freeze(&mut self, now: Instant, config: &NvaConfig, key: TsiKey) {
        if let Some(hold) = config.duplicate_hold {
            self.releases.insert((now + hold, key));
        }
    }

    /// The time at which the next frozen TSI is released.
    pub(super) fn next(&self) -> Option<Instant> {
        self.releases.first().map(|(at, _)| *at)
    }

    /// A TSI whose release is due; each comes once.
    pub(super) fn pop(&mut self, now: Instant) -> Option<TsiKey> {
        let (_, key) = *self.releases.first().filter(|(at, _)| *at <= now)?;
        self.releases.pop_first();
        Some(key)
    }

    /// Forgets a TSI that is gone or was released.
    pub(super) fn forget(&mut self, key: &TsiKey) {
        self.unplanned.remove(key);
        self.releases.retain(|(_, frozen)| frozen != key);
    }

    pub(super) fn len(&self) -> usize {
        self.unplanned.len() + self.releases.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;
    use nvo3_nva_proto::Micros;
    use nvo3_wire::{Mac, Vni};

    /// Checks EVM-05, R-31.
    #[test]
    fn the_last_allowed_move_in_the_window_freezes_and_time_releases_where_configured() {
        let second = Micros::from_secs(1);
        let mut config =
            NvaConfig { duplicate_moves: 3, duplicate_window: second, ..NvaConfig::new(Transport::Trusted) };
        let key = TsiKey { vn: Vni::new(1).unwrap(), mac: Mac([2, 0, 0, 0, 0, 1]) };
        let mut duplicates = Duplicates::default();

        let mut moves = |at, config: &NvaConfig| {
            let refused = duplicates.is_last(Instant(at), config, key);
            if !refused {
                duplicates.note_move(Instant(at), config, key);
            }
            refused
        };
        assert_eq!([0, 400_000, 1_000_000].map(|at| moves(at, &config)), [false; 3]);
        assert!(moves(1_100_000, &config));
        assert!(!moves(1_200_000, &config), "the count begins anew");
        let claims = [(); 9].map(|()| duplicates.is_last(Instant(1_300_000), &config, key));
        assert_eq!(claims, [false; 9], "a claim that moves nothing does not count");

        duplicates.freeze(Instant(0), &config, key);
        assert_eq!(duplicates.next(), None, "only an operator releases it");
        config.duplicate_hold = Some(second);
        duplicates.freeze(Instant(0), &config, key);
        assert_eq!((duplicates.pop(Instant(999_999)), duplicates.pop(Instant(1_000_000))), (None, Some(key)));
    }

    #[test]
    fn a_tsi_that_is_gone_leaves_nothing_and_another_one_stays() {
        let config = NvaConfig { duplicate_hold: Some(Micros(1)), ..NvaConfig::new(Transport::Trusted) };
        let keys = [1, 2].map(|n| TsiKey { vn: Vni::MAX, mac: Mac([2, 0, 0, 0, 0, n]) });
        let mut duplicates = Duplicates::default();
        for key in keys {
            duplicates.note_move(Instant(0), &config, key);
            duplicates.freeze(Instant(0), &config, key);
        }

        duplicates.forget(&keys[0]);

        assert_eq!(
            (duplicates.len(), duplicates.pop(Instant(1)), duplicates.pop(Instant(1))),
            (2, Some(keys[1]), None)
        );
    }
}
