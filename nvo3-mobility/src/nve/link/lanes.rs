//! Shares of the session's window: lists and questions never take what registrations and moves need (I12).

use alloc::collections::VecDeque;

/// Messages of one kind that are not in force at the NVA yet, bounded.
#[derive(Debug)]
pub(super) struct Lane {
    most: usize,
    open: VecDeque<u32>,
}

impl Lane {
    /// A lane in which this many messages may be on their way.
    pub(super) const fn new(most: usize) -> Self {
        Self { most, open: VecDeque::new() }
    }

    /// True if another message may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.open.len() < self.most
    }

    /// Notes that a message was sent under this sequence.
    pub(super) fn sent(&mut self, sequence: u32) {
        self.open.push_back(sequence);
    }

    /// Notes that each message up to this sequence is in force at the NVA.
    pub(super) fn in_force(&mut self, upto: u32) {
        while self.open.front().is_some_and(|sequence| *sequence <= upto) {
            self.open.pop_front();
        }
    }

    /// Forgets every message: the session is over.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_has_room_again_when_its_messages_are_in_force() {
        let mut lane = Lane::new(2);
        lane.sent(3);
        assert!(lane.has_room());
        lane.sent(7);
        assert!(!lane.has_room());

        lane.in_force(6);

        assert!(lane.has_room() && lane.len() == 1);
    }
}
