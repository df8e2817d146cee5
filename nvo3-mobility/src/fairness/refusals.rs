//! What was refused to somebody, told once in a while.

use super::bucket::{Bucket, Rate};
use nvo3_nva_proto::{Instant, Micros};

/// The shortest time between two events that name the same offender for the same thing: 10 seconds.
pub const TOLD_EVERY: Micros = Micros::from_secs(10);

/// Refusals that wait to be told, and the time of the last event about them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Refusals {
    untold: u64,
    told: Option<Instant>,
}

impl Refusals {
    /// Notes a refusal. Gives the number of refusals since the last event if another event is due.
    pub(crate) fn note(&mut self, now: Instant) -> Option<u64> {
        self.untold = self.untold.saturating_add(1);
        if self.told.is_some_and(|told| now - told < TOLD_EVERY) {
            return None;
        }
        self.told = Some(now);
        Some(core::mem::take(&mut self.untold))
    }
}

/// A bucket, and what it refused.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limiter {
    bucket: Bucket,
    refusals: Refusals,
}

impl Limiter {
    /// Takes a token.
    ///
    /// # Errors
    /// The bucket is empty. If an event is due, the number of refusals since the last one.
    pub(crate) fn take(&mut self, now: Instant, rate: Rate) -> Result<(), Option<u64>> {
        if self.bucket.take(now, rate) { Ok(()) } else { Err(self.refuse(now)) }
    }

    /// Notes a refusal for another reason than the rate.
    pub(crate) fn refuse(&mut self, now: Instant) -> Option<u64> {
        self.refusals.note(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_due_at_the_first_refusal_and_then_once_in_an_interval() {
        let mut refusals = Refusals::default();
        let second = Instant(1_000_000);
        let later = second + TOLD_EVERY;

        assert_eq!(refusals.note(second), Some(1));
        assert_eq!([refusals.note(second), refusals.note(Instant(later.0 - 1))], [None; 2]);
        assert_eq!([refusals.note(later), refusals.note(later)], [Some(3), None]);
    }
}
