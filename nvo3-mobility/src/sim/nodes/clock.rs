//! The clock of a node, which may jump, unlike the world's.

use nvo3_nva_proto::Instant;

/// The reading of each clock at the beginning of the world. No clock jumps back by more, so none stands still at 0.
const START: i64 = 10_000_000;

/// The microseconds by which a node's clock is ahead of the world's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(i64);

impl Default for Clock {
    fn default() -> Self {
        Self(START)
    }
}

impl Clock {
    /// The time of the node's clock at the world's time `at`.
    pub(crate) const fn local(self, at: Instant) -> Instant {
        Instant(at.0.saturating_add_signed(self.0))
    }

    /// The world's time at the time `at` of the node's clock.
    pub(crate) const fn world(self, at: Instant) -> Instant {
        Instant(at.0.saturating_add_signed(self.0.saturating_neg()))
    }

    /// Lets the clock jump.
    pub(crate) const fn jump(&mut self, by: i64) {
        self.0 = self.0.saturating_add(by);
    }
}
