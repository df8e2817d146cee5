//! How far the NVA's messages are in force in the forwarder.

use alloc::collections::VecDeque;

/// The messages of a session that are not in force yet, in their order.
#[derive(Debug, Default)]
pub(super) struct InForce {
    /// The newest message of a run, with the newest change of the table that the run waits for.
    waiting: VecDeque<(u32, u64)>,
    upto: u32,
}

impl InForce {
    /// A new session numbers from the beginning.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// Nobody wants to know any more.
    pub(super) fn forget_waiting(&mut self) {
        self.waiting.clear();
    }

    /// This message is in force once this change is, and those before it are.
    pub(super) fn waits_for(&mut self, sequence: u32, change: u64) {
        match self.waiting.back_mut() {
            Some((last, newest)) if *newest == change => *last = sequence,
            _ => self.waiting.push_back((sequence, change)),
        }
    }

    /// Every change up to this one is in force; gives up to which message that makes it.
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
