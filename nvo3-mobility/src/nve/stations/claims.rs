//! The time between two attempts to register a TSI that the NVA refused. So a VM that talks does not ask at the rate of its frames
//! (nothing is said again faster than its timer, I12), and a VM that the hypervisor started is not forgotten (I10).

use super::Stations;
use super::rules::{Input, State};
use nvo3_nva_proto::{Instant, Micros, TsiKey};

/// The longest time between two attempts, as a multiple of the first.
pub(super) const MOST: u64 = 32;

impl Stations {
    /// The NVA refused to register a TSI: the next attempt comes after a while, and each further one after twice the time.
    pub(crate) fn refused(&mut self, now: Instant, key: TsiKey) {
        let Some(station) = self.tsis.get_mut(&key) else { return };
        let longest = Micros(self.claim_interval.0.saturating_mul(MOST));
        let wait =
            station.refused.map_or(self.claim_interval, |(_, wait)| Micros(wait.0.saturating_mul(2))).min(longest);
        if let Some((at, _)) = station.refused.replace((now + wait, wait)) {
            self.claim_ends.remove(&(at, key));
        }
        self.claim_ends.insert((now + wait, key));
    }

    /// The NVA has no room now for other addresses of a VM that is here: they are claimed again after a while.
    pub(crate) fn readdress_later(&mut self, now: Instant, key: TsiKey) {
        if let Some(station) = self.tsis.get_mut(&key) {
            station.readdressed = true;
        }
        self.refused(now, key);
    }

    /// True if an input changes nothing now: a frame of a TSI whose registration was refused a short while ago. It counts at the next
    /// attempt.
    pub(super) fn is_quiet(&mut self, now: Instant, key: &TsiKey, input: Input) -> bool {
        if input != Input::Frame {
            return false;
        }
        let Some(station) = self.tsis.get_mut(key) else { return false };
        let waits = station.refused.is_some_and(|(at, _)| now < at);
        let quiet = waits && matches!(station.tsi.state, State::Away | State::Forwarding { .. });
        station.shown |= quiet;
        quiet
    }

    /// The time at which the next refused TSI may be tried again.
    pub(crate) fn next_claim_end(&self) -> Option<Instant> {
        self.claim_ends.first().map(|(at, _)| *at)
    }

    /// A refused TSI that may be tried again, and the input for it; each comes once per refusal.
    pub(crate) fn pop_claim_end(&mut self, now: Instant) -> Option<(TsiKey, Input)> {
        while let Some((at, key)) = self.claim_ends.first().copied().filter(|(at, _)| *at <= now) {
            self.claim_ends.pop_first();
            let Some(station) = self.tsis.get_mut(&key).filter(|station| station.vap.is_some()) else { continue };
            if station.refused.is_none_or(|(end, _)| end != at) {
                continue;
            }
            let shown = core::mem::take(&mut station.shown);
            if station.wanted || shown || station.readdressed {
                return Some((key, if station.wanted { Input::Runs } else { Input::Frame }));
            }
        }
        None
    }
}
