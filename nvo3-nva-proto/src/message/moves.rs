//! The messages of a move (SPEC.md §6.4).

use super::registration::{MoveKind, Tsi};
use crate::codec::codes;
use crate::id::{MoveId, Place, TsiKey, Version};
use crate::time::Micros;
use alloc::vec::Vec;
use core::fmt;

codes! {
    /// The side of a move that an NVE is on.
    ///
    /// Exhaustive: an implementation must handle each value, and a new value is a new version of the protocol.
    pub enum Side {
        /// The NVE that the VM leaves.
        Old = 1 "old",
        /// The NVE that the VM comes to.
        New = 2 "new",
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

impl fmt::Display for HoldLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frames, {} bytes, {}", self.frames, self.bytes, self.age)
    }
}

/// The body of [`Prepare`](crate::Message::Prepare): the NVA asks an NVE to take part in a move.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Prepare {
    /// The move.
    pub move_id: MoveId,
    /// The version reserved for it.
    pub version: Version,
    /// The side of the receiver.
    pub side: Side,
    /// The kind of the move.
    pub kind: MoveKind,
    /// True, to the old NVE: stop delivering now, without waiting for the hypervisor.
    ///
    /// The hypervisor said *suspend* before a restart, or the NVA believes the claim of another NVE. False with
    /// [`MoveKind::Failover`]: the old NVE asks its VM first, and refuses with [`Refusal::StillHere`] if the VM answers,
    /// or with [`Refusal::Halted`] if the VM is halted there.
    pub suspended: bool,
    /// The TSIs that move together.
    pub tsis: Vec<Tsi>,
    /// The NVE on the other side.
    pub peer: Place,
    /// The limits on frames that the new NVE holds for each TSI.
    pub limits: HoldLimits,
}

/// The body of [`Ready`](crate::Message::Ready): the answer of an NVE to a [`Prepare`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Ready {
    /// The move.
    pub move_id: MoveId,
    /// The version of the [`Prepare`].
    pub version: Version,
    /// The reason if the NVE refuses; `None` if it is ready.
    pub refused: Option<Refusal>,
}

codes! {
    /// The reason why an NVE or the NVA refuses a move.
    #[non_exhaustive]
    pub enum Refusal {
        /// The version is below the floor: something newer is known of a TSI.
        Stale = 1 "something newer is known of a TSI of the move",
        /// A TSI is not at the old NVE, or is already at the new NVE.
        WrongPlace = 2 "a TSI is not at the old NVE, or is already at the new NVE",
        /// The forwarder cannot hold or tunnel the frames.
        Forwarder = 3 "the forwarder cannot hold or tunnel the frames",
        /// There is no room for another move.
        Resource = 4 "there is no room for another move",
        /// The two NVEs have no encapsulation or no underlay address family in common.
        NoCommonUnderlay = 5 "the two NVEs have no encapsulation or no underlay address family in common",
        /// An NVE of the move has no session with the NVA.
        NoSession = 6 "an NVE of the move has no session with the NVA",
        /// Another move of one of the TSIs has not ended.
        Busy = 7 "another move of one of the TSIs has not ended",
        /// Policy forbids the move.
        Policy = 8 "policy forbids it",
        /// A TSI of the move is not known.
        UnknownTsi = 9 "a TSI of the move is not known",
        /// The kind of move is not supported.
        NotSupported = 10 "this kind of move is not supported",
        /// The VM that was claimed at another NVE answers at this NVE.
        StillHere = 11 "the VM answers at its old NVE",
        /// The VM that a frame claims at another NVE is halted at this NVE, and may go on here.
        Halted = 12 "the VM is halted at its old NVE",
    }
}

/// The body of the messages that name a move and say nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct MoveWord {
    /// The move.
    pub move_id: MoveId,
    /// The version reserved for it.
    pub version: Version,
}

/// The body of [`Outcome`](crate::Message::Outcome): how a move ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Outcome {
    /// The move.
    pub move_id: MoveId,
    /// The result of the move.
    pub result: MoveResult,
    /// The version of the mappings from now on. If committed, the reserved version, or a newer one if the NVA's epoch has risen since.
    /// If aborted, a newer one.
    pub version: Version,
    /// The place of the VM from now on.
    pub place: Place,
    /// The TSIs of the move.
    pub tsis: Vec<TsiKey>,
}

codes! {
    /// The result of a move.
    ///
    /// Exhaustive: an implementation must handle each value, and a new value is a new version of the protocol.
    pub enum MoveResult {
        /// The VM is at the new NVE.
        Committed = 1 "committed",
        /// The VM is at the old NVE.
        Aborted = 2 "aborted",
        /// The NVA does not know the move. The answer about a move that has not ended comes when it ends.
        Unknown = 3 "unknown",
    }
}

/// The body of [`Done`](crate::Message::Done): the cost of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Done {
    /// The move.
    pub move_id: MoveId,
    /// The cost at the sender.
    pub report: Report,
}

/// The cost of a move at one side (each party counts frames and time of a move, VMM-5-16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Report {
    /// At the old NVE: from *Suspend* to the end of the VM's pause there. At the new NVE: from *Ready* to the end of that pause. At
    /// the NVA: from *Prepare* until every interested NVE follows. With `serde` its name is `duration_us`.
    #[cfg_attr(feature = "serde", serde(rename = "duration_us"))]
    pub duration: Micros,
    /// Frames that the forwarder held.
    pub held_frames: u64,
    /// Frames that the forwarder tunnelled to the other NVE.
    pub tunnelled_frames: u64,
    /// Frames that the forwarder dropped, for any reason.
    pub dropped_frames: u64,
    /// Senders that still used the old mapping.
    pub stale_senders: u64,
}
