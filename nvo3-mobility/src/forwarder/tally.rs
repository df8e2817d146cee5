//! The counters, and the dropped frames that wait to be polled. Every room writes here.

use super::classify::MAX_FRAME;
use super::{Dropped, ForwarderCounters};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

pub(super) struct Tally {
    pub(super) counters: ForwarderCounters,
    /// The dropped frames with their bytes: none, unless `ForwarderConfig.drops` asks for some.
    dropped: VecDeque<(Dropped, Vec<u8>)>,
    bound: usize,
}

impl Tally {
    pub(super) fn new(drops: u32) -> Self {
        Self { counters: ForwarderCounters::default(), dropped: VecDeque::new(), bound: drops as usize }
    }

    /// Counts a frame that is dropped as it comes in, and keeps a copy if there is room. A frame that is too long is cut to the longest
    /// length.
    #[inline]
    pub(super) fn drop_new(&mut self, dropped: Dropped, bytes: &[u8]) {
        if self.count_drop(&dropped) {
            let bytes = bytes.get(..MAX_FRAME).unwrap_or(bytes);
            self.dropped.push_back((dropped, bytes.into()));
        }
    }

    /// Counts a held frame that is dropped, and keeps it if there is room. Otherwise gives its buffer back.
    pub(super) fn drop_held(&mut self, dropped: Dropped, bytes: Vec<u8>) -> Option<Vec<u8>> {
        if !self.count_drop(&dropped) {
            return Some(bytes);
        }
        self.dropped.push_back((dropped, bytes));
        None
    }

    pub(super) fn next_drop(&mut self, out: &mut Vec<u8>) -> Option<Dropped> {
        let (dropped, bytes) = self.dropped.pop_front()?;
        *out = bytes;
        Some(dropped)
    }

    /// True if there is room to keep the frame.
    #[inline]
    fn count_drop(&mut self, dropped: &Dropped) -> bool {
        self.counters.count_drop(dropped.reason);
        let room = self.dropped.len() < self.bound;
        self.counters.shed_drops += u64::from(!room && self.bound > 0);
        room
    }
}
