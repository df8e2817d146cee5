//! The description of a frame that the forwarder dropped.

use super::{DropReason, Line, Origin};
use nvo3_nva_proto::{Instant, TsiKey};

/// A frame that the forwarder dropped, or one TSI's copy of a group frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Dropped {
    /// The reason.
    pub reason: DropReason,
    /// The TSI of the frame: its destination, or its sender if [`line`](Self::line) is [`Line::Kept`] or the frame was to be kept.
    /// `None` if the forwarder dropped the frame before it looked for a TSI.
    pub tsi: Option<TsiKey>,
    /// The place where the frame came in.
    pub origin: Origin,
    /// The line in which the frame was held; `None` if it was in no line.
    pub line: Option<Line>,
    /// True if the frame was the TSI's own copy of a group frame. Other receivers may have their copies.
    pub copy: bool,
    /// True if the frame was taken back from a VM that stopped before it read the frame, to be sent after the VM.
    pub replayed: bool,
    /// The time at which the frame came in, or was taken back if it is [`replayed`](Self::replayed).
    pub arrived: Instant,
}
