//! The time of a machine: it never goes back, and never stands still while its owner's clock runs.

use nvo3_nva_proto::Instant;

/// A machine's time, made from the readings of its owner's clock.
///
/// If the owner's clock is set back, the machine's time goes on from where it was. It does not wait for the clock to come there again:
/// until then no timer would run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    now: Instant,
    /// The microseconds by which the time is ahead of the owner's clock.
    ahead: u64,
}

impl Clock {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { now, ahead: 0 }
    }

    pub(crate) const fn now(self) -> Instant {
        self.now
    }

    /// The time at a reading of the owner's clock; the time now if the clock went back.
    pub(crate) fn at(self, reading: Instant) -> Instant {
        Instant(reading.0.saturating_add(self.ahead)).max(self.now)
    }

    /// Takes a reading of the owner's clock. False if the clock went back.
    pub(crate) const fn read(&mut self, reading: Instant) -> bool {
        let at = reading.0.saturating_add(self.ahead);
        let forward = at >= self.now.0;
        if forward {
            self.now = Instant(at);
        } else {
            self.ahead = self.now.0 - reading.0;
        }
        forward
    }

    /// The reading of the owner's clock at which a time comes.
    pub(crate) const fn reading(self, at: Instant) -> Instant {
        Instant(at.0.saturating_sub(self.ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;
    use nvo3_nva_proto::Instant;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn time_goes_by_as_on_the_owners_clock_but_never_back(readings in prop::collection::vec(0u64..2_000, 1..40)) {
            let first = readings[0];
            let mut clock = Clock::new(Instant(first));
            let mut at = first;
            for pair in readings.windows(2) {
                let gone = pair[1].saturating_sub(pair[0]);
                prop_assert_eq!(clock.at(Instant(pair[1])), Instant(at + gone));
                prop_assert_eq!(clock.read(Instant(pair[1])), pair[1] >= pair[0]);
                at += gone;
                prop_assert_eq!(clock.now(), Instant(at));
                prop_assert_eq!(clock.reading(Instant(at + 7)), Instant(pair[1] + 7));
            }
        }
    }
}
