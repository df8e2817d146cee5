//! The virtual clock: the next event and its time.

use alloc::collections::BTreeMap;
use nvo3_nva_proto::Instant;

/// The future events, in order of time. Events of one instant keep the order in which they were queued.
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

    /// The time of the clock.
    pub(super) const fn now(&self) -> Instant {
        self.now
    }

    /// Queues `event` for the time `at`, or for now if that is past.
    pub(super) fn put(&mut self, at: Instant, event: E) {
        self.put += 1;
        self.events.insert((at.max(self.now), self.put), event);
    }

    /// The time of the next event.
    pub(super) fn due(&self) -> Option<Instant> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next event. The clock jumps to its time.
    pub(super) fn take(&mut self) -> Option<E> {
        let ((at, _), event) = self.events.pop_first()?;
        self.now = at;
        Some(event)
    }

    /// Sets the clock forward to `at` without an event; it never goes back.
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
