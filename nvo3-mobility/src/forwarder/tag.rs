//! The properties of a held or remembered frame, besides its bytes.

use super::{DropReason, Dropped, Line, Origin};
use nvo3_nva_proto::{Instant, TsiKey};

/// The properties of a frame, besides its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag {
    pub(super) origin: Origin,
    /// True if the frame is one TSI's copy of a group frame.
    pub(super) copy: bool,
    pub(super) arrived: Instant,
    /// True if the frame was taken back from a VM that did not read it: the NVE that sent it here was right to do so.
    pub(super) replayed: bool,
}

impl Tag {
    pub(super) const fn frame(origin: Origin, arrived: Instant) -> Self {
        Self { origin, copy: false, arrived, replayed: false }
    }

    pub(super) const fn copy(origin: Origin, arrived: Instant) -> Self {
        Self { origin, copy: true, arrived, replayed: false }
    }

    pub(super) const fn replayed(origin: Origin, taken_back: Instant) -> Self {
        Self { origin, copy: false, arrived: taken_back, replayed: true }
    }

    /// The description of the frame when it is dropped.
    pub(super) const fn dropped(&self, reason: DropReason, tsi: Option<TsiKey>, line: Option<Line>) -> Dropped {
        let Self { origin, copy, arrived, replayed } = *self;
        Dropped { reason, tsi, origin, line, copy, replayed, arrived }
    }
}
