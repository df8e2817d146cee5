//! The timers of forward entries. An entry outlives the frames in flight (VMM-5-04, R-37).

use super::Stations;
use super::rules::Duration;
use alloc::collections::BTreeSet;
use nvo3_nva_proto::{Instant, Micros, TsiKey};

/// The end of each forward entry, and the configured times.
#[derive(Debug)]
pub(super) struct ForwardTimers {
    in_flight: Micros,
    linger: Micros,
    ends: BTreeSet<(Instant, TsiKey)>,
}

impl ForwardTimers {
    pub(super) const fn new(in_flight: Micros, linger: Micros) -> Self {
        Self { in_flight, linger, ends: BTreeSet::new() }
    }

    /// Starts the timer of `key`; `end` is the TSI's copy of it. [`Duration::Linger`] never makes a running timer longer.
    pub(super) fn start(&mut self, now: Instant, which: Duration, key: TsiKey, end: &mut Option<Instant>) {
        let at = match (which, *end) {
            (Duration::Linger, Some(before)) => before.min(now + self.linger),
            (Duration::Linger, None) => now + self.linger,
            (Duration::InFlight, _) => now + self.in_flight,
        };
        self.stop(key, end);
        *end = Some(at);
        self.ends.insert((at, key));
    }

    /// Stops the timer of `key`, if it runs.
    pub(super) fn stop(&mut self, key: TsiKey, end: &mut Option<Instant>) {
        if let Some(at) = end.take() {
            self.ends.remove(&(at, key));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

impl Stations {
    /// The time at which the next forward entry ends.
    pub(crate) fn next_forward_end(&self) -> Option<Instant> {
        self.forward_timers.ends.first().map(|(at, _)| *at)
    }

    /// A TSI whose forward entry has ended; each comes once.
    pub(crate) fn pop_forward_end(&mut self, now: Instant) -> Option<TsiKey> {
        let (_, key) = self.forward_timers.ends.first().filter(|(at, _)| *at <= now)?;
        let key = *key;
        self.forward_timers.ends.pop_first();
        if let Some(station) = self.tsis.get_mut(&key) {
            station.forward_ends = None;
        }
        Some(key)
    }
}
