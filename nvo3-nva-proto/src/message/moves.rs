//! How a VM moves: see SPEC.md §6.4.

use super::registration::{MoveKind, Tsi};
use crate::codec::codes;
use crate::id::{MoveId, Place, TsiKey, Version};
use crate::time::Micros;
use alloc::vec::Vec;

codes! {
    /// Which side of a move an NVE is on.
    pub enum Side {
        /// The VM leaves it.
        Old = 1,
        /// The VM comes to it.
        New = 2,
    }
}

/// Bounds of the frames that a forwarder holds for one TSI (each hold is bounded in frames, bytes and age, R-36).
///
/// A message carries the age in whole milliseconds: rounded up, and at most 4,294,967.295 s. With `serde` the age is a number of
/// microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct HoldLimits {
    /// The most frames held.
    pub frames: u32,
    /// The most bytes of frames held.
    pub bytes: u32,
    /// The longest that a frame is held.
    #[cfg_attr(feature = "arbitrary", arbitrary(with = Micros::arbitrary_millis))]
    pub age: Micros,
}

/// See [`crate::Message::Prepare`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Prepare {
    /// The move.
    pub move_id: MoveId,
    /// The version reserved for it.
    pub version: Version,
    /// Which side the receiver is on.
    pub side: Side,
    /// How the VM moves.
    pub kind: MoveKind,
    /// To the old NVE: stop delivering now, without the hypervisor's word (it had been given before a restart, or nobody
    /// planned the move).
    pub suspended: bool,
    /// What moves as one.
    pub tsis: Vec<Tsi>,
    /// The other side.
    pub peer: Place,
    /// How much the new NVE may hold for each TSI.
    pub limits: HoldLimits,
}

/// See [`crate::Message::Ready`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Ready {
    /// The move.
    pub move_id: MoveId,
    /// The version that it was prepared for.
    pub version: Version,
    /// Why not, if not.
    pub refused: Option<Refusal>,
}

codes! {
    /// Why an NVE or the NVA will not take part in a move.
    pub enum Refusal {
        /// Below the floor: something newer is known.
        Stale = 1,
        /// The VM is not here (old side), or already here (new side).
        WrongPlace = 2,
        /// The forwarder cannot hold or tunnel.
        Forwarder = 3,
        /// No room for another.
        Resource = 4,
        /// No encapsulation or underlay address family in common.
        NoCommonUnderlay = 5,
        /// The NVE has no session with the NVA.
        NoSession = 6,
        /// Another move of one of the TSIs has not ended.
        Busy = 7,
        /// Policy forbids it.
        Policy = 8,
        /// No such TSI.
        UnknownTsi = 9,
        /// The kind of move is not supported.
        NotSupported = 10,
    }
}

/// A word about a move that says nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct MoveWord {
    /// The move.
    pub move_id: MoveId,
    /// The version reserved for it.
    pub version: Version,
}

/// See [`crate::Message::Outcome`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Outcome {
    /// The move.
    pub move_id: MoveId,
    /// How it ended.
    pub result: MoveResult,
    /// The version of the mappings from now on: the reserved one where committed, a newer one where aborted.
    pub version: Version,
    /// Where the VM is from now on.
    pub place: Place,
    /// What moved.
    pub tsis: Vec<TsiKey>,
}

codes! {
    /// How a move ended.
    pub enum MoveResult {
        /// The VM is at the new NVE.
        Committed = 1,
        /// The VM is at the old NVE.
        Aborted = 2,
        /// The NVA has not decided, or does not know the move.
        Unknown = 3,
    }
}

/// See [`crate::Message::Done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Done {
    /// The move.
    pub move_id: MoveId,
    /// What was counted for it.
    pub report: Report,
}

/// What one side counted for a move (VMM-5-16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Report {
    /// At the old NVE: from *Suspend* to the end of the VM's pause there. At the new NVE: from *Ready* to the end of that pause. At
    /// the NVA: from *Prepare* until every interested NVE follows. With `serde` its name is `duration_us`.
    #[cfg_attr(feature = "serde", serde(rename = "duration_us"))]
    pub duration: Micros,
    /// Frames held.
    pub held_frames: u64,
    /// Frames tunnelled on.
    pub tunnelled_frames: u64,
    /// Frames dropped, for whatever reason.
    pub dropped_frames: u64,
    /// Senders that still had the old mapping.
    pub stale_senders: u64,
}
