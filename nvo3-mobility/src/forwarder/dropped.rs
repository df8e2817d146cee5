//! What the forwarder tells of a frame that it dropped.

use super::{DropReason, Line, Origin};
use nvo3_nva_proto::{Instant, TsiKey};

/// A frame that the forwarder dropped, or one TSI's copy of a group frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
