//! The timers of forward entries, and of stopped VMs without a port. A forward entry outlives the frames in flight (VMM-5-04, R-37). A
//! stopped VM whose port is gone ends with its registration, if nobody attaches it again (I10).

use super::Stations;
use super::rules::{Duration, Input, State};
use alloc::collections::BTreeSet;
use nvo3_nva_proto::{Instant, Micros, TsiKey};

/// The end of each forward entry, and the configured times.
#[derive(Debug)]
pub(super) struct ForwardTimers {
    in_flight: Micros,
    linger: Micros,
    without_port: Micros,
    ends: BTreeSet<(Instant, TsiKey)>,
}

impl ForwardTimers {
    pub(super) const fn new(in_flight: Micros, linger: Micros, without_port: Micros) -> Self {
        Self { in_flight, linger, without_port, ends: BTreeSet::new() }
    }

    /// Starts the timer of `key`; `end` is the TSI's copy of it. [`Duration::Linger`] never makes a running timer longer.
    pub(super) fn start(&mut self, now: Instant, which: Duration, key: TsiKey, end: &mut Option<Instant>) {
        let at = match (which, *end) {
            (Duration::Linger, Some(before)) => before.min(now + self.linger),
            (Duration::Linger, None) => now + self.linger,
            (Duration::InFlight, _) => now + self.in_flight,
        };
        self.set(key, end, at);
    }

    /// Starts the timer of a stopped VM without a port, if it does not run.
    pub(super) fn start_without_port(&mut self, now: Instant, key: TsiKey, end: &mut Option<Instant>) {
        if end.is_none() {
            self.set(key, end, now + self.without_port);
        }
    }

    fn set(&mut self, key: TsiKey, end: &mut Option<Instant>, at: Instant) {
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
    /// The time at which the next forward entry, or stopped VM without a port, ends.
    pub(crate) fn next_forward_end(&self) -> Option<Instant> {
        self.forward_timers.ends.first().map(|(at, _)| *at)
    }

    /// A TSI whose forward entry has ended, or whose stopped VM had no port until its end, and the input for it; each comes once.
    pub(crate) fn pop_forward_end(&mut self, now: Instant) -> Option<(TsiKey, Input)> {
        while let Some((_, key)) = self.forward_timers.ends.first().copied().filter(|(at, _)| *at <= now) {
            self.forward_timers.ends.pop_first();
            let Some(station) = self.tsis.get_mut(&key) else { continue };
            station.forward_ends = None;
            match station.tsi.state {
                State::Forwarding { .. } => return Some((key, Input::ForwardEnds)),
                State::Halted { .. } if station.vap.is_none() => return Some((key, Input::Detach)),
                _ => {}
            }
        }
        None
    }
}
