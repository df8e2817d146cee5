//! Which frames were dropped, for whoever wants to see them: one event for each, with its bytes.

use super::classify::MAX_FRAME;
use super::{DropReason, ForwarderCounters, Line, Origin};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, TsiKey};

/// A frame that the forwarder dropped, or one TSI's copy of a group frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dropped {
    /// Why.
    pub reason: DropReason,
    /// The TSI whose frame it was: its destination, or its sender where [`line`](Self::line) is [`Line::Kept`] or the
    /// frame was to be kept. `None` if it was dropped before the forwarder looked for one.
    pub tsi: Option<TsiKey>,
    /// Where it came in.
    pub origin: Origin,
    /// The line that it left; `None` if it was never held.
    pub line: Option<Line>,
    /// It was the TSI's own copy of a group frame; other receivers may have theirs.
    pub copy: bool,
    /// It had been delivered to a VM that stopped before it could read it, and was to go after the VM.
    pub replayed: bool,
    /// When it came in; when it was taken back, if it is [`replayed`](Self::replayed).
    pub arrived: Instant,
}

/// The dropped frames that wait to be polled: none, unless the configuration asks for some.
pub(super) struct Drops {
    waiting: VecDeque<(Dropped, Vec<u8>)>,
    bound: usize,
}

impl Drops {
    pub(super) const fn new(bound: u32) -> Self {
        Self { waiting: VecDeque::new(), bound: bound as usize }
    }

    /// Counts a frame that was dropped when it came, and keeps a copy of it where there is room. A frame that is too long
    /// for any port is cut to the longest length.
    #[inline]
    pub(super) fn push_new(&mut self, dropped: Dropped, bytes: &[u8], counters: &mut ForwarderCounters) {
        counters.count_drop(dropped.reason);
        if self.has_room(counters) {
            let bytes = bytes.get(..MAX_FRAME).unwrap_or(bytes);
            self.waiting.push_back((dropped, bytes.into()));
        }
    }

    /// Counts a frame that was held, and keeps it where there is room; otherwise gives its buffer back.
    pub(super) fn push_held(
        &mut self,
        dropped: Dropped,
        bytes: Vec<u8>,
        counters: &mut ForwarderCounters,
    ) -> Option<Vec<u8>> {
        counters.count_drop(dropped.reason);
        if !self.has_room(counters) {
            return Some(bytes);
        }
        self.waiting.push_back((dropped, bytes));
        None
    }

    pub(super) fn pop(&mut self, out: &mut Vec<u8>) -> Option<Dropped> {
        let (dropped, bytes) = self.waiting.pop_front()?;
        *out = bytes;
        Some(dropped)
    }

    #[inline]
    fn has_room(&self, counters: &mut ForwarderCounters) -> bool {
        let room = self.waiting.len() < self.bound;
        counters.shed_drops += u64::from(!room && self.bound > 0);
        room
    }
}
