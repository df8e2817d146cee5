//! What the forwarder counts, and the dropped frames that it keeps: the place to which all its parts write.

use super::drops::Drops;
use super::{Dropped, ForwarderCounters};
use alloc::vec::Vec;

pub(super) struct Tally {
    pub(super) counters: ForwarderCounters,
    drops: Drops,
}

impl Tally {
    pub(super) fn new(drops: u32) -> Self {
        Self { counters: ForwarderCounters::default(), drops: Drops::new(drops) }
    }

    /// Counts a frame that is dropped as it comes in.
    #[inline]
    pub(super) fn drop_new(&mut self, dropped: Dropped, bytes: &[u8]) {
        self.drops.push_new(dropped, bytes, &mut self.counters);
    }

    /// Counts a held frame that is dropped; gives its buffer back if nobody wants to see the frame.
    pub(super) fn drop_held(&mut self, dropped: Dropped, bytes: Vec<u8>) -> Option<Vec<u8>> {
        self.drops.push_held(dropped, bytes, &mut self.counters)
    }

    pub(super) fn next_drop(&mut self, out: &mut Vec<u8>) -> Option<Dropped> {
        self.drops.pop(out)
    }
}
