//! The lines in which the frames of a TSI wait.

use crate::table::Lane;

/// A line in which frames of a TSI wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Line {
    /// Frames for the TSI that the other party of its move tunnelled here.
    Tunnelled,
    /// Other frames for the TSI.
    Direct,
    /// Frames that the TSI sent while its gate was closed.
    Kept,
}

impl Line {
    pub(super) const ALL: [Self; 3] = [Self::Tunnelled, Self::Direct, Self::Kept];
}

impl From<Lane> for Line {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Tunnelled => Self::Tunnelled,
            Lane::Direct => Self::Direct,
        }
    }
}

/// The frames that are held for a TSI now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldFrames {
    /// The frames of all lines.
    pub frames: u32,
    /// The bytes of these frames.
    pub bytes: u32,
    /// Frames in [`Line::Tunnelled`].
    pub tunnelled: u32,
    /// Frames in [`Line::Direct`].
    pub direct: u32,
    /// Frames in [`Line::Kept`].
    pub kept: u32,
}

/// The frames that a [`Forwarder`](super::Forwarder) has in memory for all TSIs now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredFrames {
    /// The number of frames.
    pub frames: u32,
    /// The bytes of these frames.
    pub bytes: u32,
}
