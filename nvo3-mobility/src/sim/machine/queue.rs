//! The virtual clock: what happens next, and when.

use alloc::collections::BTreeMap;
use nvo3_nva_proto::Instant;

/// What will happen, in order of time and, at one instant, in the order in which it was put down.
#[derive(Debug)]
pub(super) struct Queue<E> {
    now: Instant,
    put: u64,
    events: BTreeMap<(Instant, u64), E>,
}

impl<E> Queue<E> {
    pub(super) const fn new() -> Self {
        Self { now: Instant(0), put: 0, events: BTreeMap::new() }
    }

    /// What the clock says.
    pub(super) const fn now(&self) -> Instant {
        self.now
    }

    /// `event` happens at `at`, or now where that is past.
    pub(super) fn put(&mut self, at: Instant, event: E) {
        self.put += 1;
        self.events.insert((at.max(self.now), self.put), event);
    }

    /// When the next event is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next event; the clock jumps there.
    pub(super) fn take(&mut self) -> Option<E> {
        let ((at, _), event) = self.events.pop_first()?;
        self.now = at;
        Some(event)
    }

    /// The clock goes on to `at` without an event; never back.
    pub(super) fn advance(&mut self, at: Instant) {
        self.now = self.now.max(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_instant_keep_their_order_and_the_clock_never_goes_back() {
        let mut queue = Queue::new();
        queue.put(Instant(20), "third");
        queue.put(Instant(10), "first");
        queue.put(Instant(10), "second");

        assert_eq!((queue.take(), queue.now()), (Some("first"), Instant(10)));
        assert_eq!((queue.take(), queue.now()), (Some("second"), Instant(10)));
        queue.put(Instant(3), "late");
        assert_eq!((queue.take(), queue.now()), (Some("late"), Instant(10)));
        assert_eq!((queue.take(), queue.now()), (Some("third"), Instant(20)));
        assert_eq!((queue.take(), queue.due()), (None, None));
    }
}
