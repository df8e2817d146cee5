//! A node's clock, which is not the world's: it may jump.

use nvo3_nva_proto::Instant;

/// How many microseconds a node's clock is ahead of the world's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock(i64);

impl Clock {
    /// What it says when the world's says `at`.
    pub(crate) const fn local(self, at: Instant) -> Instant {
        Instant(at.0.saturating_add_signed(self.0))
    }

    /// What the world's says when it says `at`.
    pub(crate) const fn world(self, at: Instant) -> Instant {
        Instant(at.0.saturating_add_signed(self.0.saturating_neg()))
    }

    /// It jumps.
    pub(crate) const fn jump(&mut self, by: i64) {
        self.0 = self.0.saturating_add(by);
    }
}
