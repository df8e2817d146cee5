//! TSIs that move too often without a plan: their address is a duplicate and is frozen (EVM-05, R-20, R-31).

use crate::nva::NvaConfig;
use alloc::collections::{BTreeMap, VecDeque};
use nvo3_nva_proto::{Instant, TsiKey};

/// The meaning of a claim by another NVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// The VM moved.
    None,
    /// There were too many claims: the address is a duplicate, and it is frozen from now on.
    Freezes,
    /// The address is frozen already.
    Frozen,
}

#[derive(Debug, Default)]
struct History {
    unplanned: VecDeque<Instant>,
    frozen_until: Option<Instant>,
}

/// The times at which TSIs moved without a plan.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    histories: BTreeMap<TsiKey, History>,
}

impl Duplicates {
    /// Judges the claim of another NVE for a TSI.
    pub(super) fn suspect(&mut self, now: Instant, config: &NvaConfig, key: TsiKey) -> Suspicion {
        let history = self.histories.entry(key).or_default();
        if history.frozen_until.is_some_and(|until| now < until) {
            return Suspicion::Frozen;
        }
        history.frozen_until = None;
        history.unplanned.retain(|at| now - *at < config.duplicate_window);
        history.unplanned.push_back(now);
        if history.unplanned.len() < config.duplicate_moves as usize {
            return Suspicion::None;
        }
        history.unplanned.clear();
        history.frozen_until = Some(now + config.duplicate_hold);
        Suspicion::Freezes
    }

    /// Forgets a TSI that is gone.
    pub(super) fn forget(&mut self, key: &TsiKey) {
        self.histories.remove(key);
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
    fn the_last_allowed_move_in_the_window_freezes_and_time_thaws() {
        let second = Micros::from_secs(1);
        let config = NvaConfig {
            duplicate_moves: 3,
            duplicate_window: second,
            duplicate_hold: second,
            ..NvaConfig::new(Transport::Trusted)
        };
        let key = TsiKey { vn: Vni::new(1).unwrap(), mac: Mac([2, 0, 0, 0, 0, 1]) };
        let mut duplicates = Duplicates::default();
        let mut at = |micros| duplicates.suspect(Instant(micros), &config, key);

        assert_eq!([at(0), at(400_000), at(1_000_000)], [Suspicion::None; 3]);
        assert_eq!([at(1_100_000), at(2_000_000)], [Suspicion::Freezes, Suspicion::Frozen]);
        assert_eq!(at(2_100_000), Suspicion::None);
    }
}
