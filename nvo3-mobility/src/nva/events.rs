//! The events for management. An event that rests on a record comes out once the record is durable.

use super::io::Event;
use alloc::collections::{BTreeMap, VecDeque};
use nvo3_nva_proto::RecordNo;

/// The events that wait to be polled, and those that wait for a record, together bounded.
#[derive(Debug)]
pub(super) struct Events {
    limit: usize,
    ready: VecDeque<Event>,
    /// By record, and by the order in which they happened.
    waiting: BTreeMap<(RecordNo, u64), Event>,
    told: u64,
}

impl Events {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, ready: VecDeque::new(), waiting: BTreeMap::new(), told: 0 }
    }

    /// Adds an event that rests on this record; 0: on none. False if there is no room.
    pub(super) fn tell(&mut self, after: RecordNo, durable: RecordNo, event: Event) -> bool {
        if self.len() >= self.limit {
            return false;
        }
        if after <= durable {
            self.ready.push_back(event);
        } else {
            self.told += 1;
            self.waiting.insert((after, self.told), event);
        }
        true
    }

    /// Lets the events out whose records are durable.
    pub(super) fn release(&mut self, durable: RecordNo) {
        while let Some(first) = self.waiting.first_entry().filter(|first| first.key().0 <= durable) {
            self.ready.push_back(first.remove());
        }
    }

    pub(super) fn poll(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// The number of events that wait to be polled.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The number of all events that wait.
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.waiting.len()
    }
}
