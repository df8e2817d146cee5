//! The NVA's messages that are not in force in the forwarder yet.

use alloc::collections::VecDeque;

/// The messages of a session that are not in force yet, in their order.
#[derive(Debug, Default)]
pub(super) struct InForce {
    /// For each run of messages that wait for the same table change: the last message, and the number of the change.
    waiting: VecDeque<(u32, u64)>,
    upto: u32,
}

impl InForce {
    /// Starts again for a new session, which numbers its messages from the beginning.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// Forgets every message: the session is over.
    pub(super) fn forget_waiting(&mut self) {
        self.waiting.clear();
    }

    /// Notes that a message is in force once this table change and all messages before it are.
    pub(super) fn waits_for(&mut self, sequence: u32, change: u64) {
        match self.waiting.back_mut() {
            Some((last, newest)) if *newest == change => *last = sequence,
            _ => self.waiting.push_back((sequence, change)),
        }
    }

    /// Notes that every change up to this one is in force. Gives the last message that is in force by that.
    pub(super) fn advance(&mut self, change: u64) -> u32 {
        while let Some((sequence, _)) = self.waiting.front().filter(|(_, newest)| *newest <= change) {
            self.upto = *sequence;
            self.waiting.pop_front();
        }
        self.upto
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
