//! Requests and replies.

use crate::Port;
use nvo3_nva_proto::{Instant, Micros, MoveId, MoveResult, NveId, TsiKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a daemon is asked for. Each daemon refuses the requests of the other one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Which daemon it is, whom it is connected to, and its main counts: [`Reply::Shown`], an object.
    Status,
    /// What the daemon knows: [`Reply::Shown`].
    Show(What),
    /// A [`Reply::Event`] for each event, until the connection ends.
    Watch,
    /// nved: open a port. Its TSIs are registered only if it is [`Port::active`].
    Attach(Port),
    /// nved: close a port. An interface that nved made is removed.
    Detach {
        /// The interface's name.
        port: String,
    },
    /// nved, the old NVE: the VM will stop here, or has stopped. The reply comes when no frame is delivered to it any more and its
    /// frames go to the new NVE.
    Suspend {
        /// One TSI of the VM; it stands for all that move with it.
        tsi: TsiKey,
        /// The move; `None` is the move in hand.
        move_id: Option<MoveId>,
        /// When the VM stopped, if it has. Frames that were delivered since then go to the new NVE too.
        stopped_at: Option<Instant>,
    },
    /// nved: the VM runs here. A VM that a move brings may start only once this is [`Reply::Done`].
    Activate {
        /// One TSI of the VM; it stands for all that move with it.
        tsi: TsiKey,
        /// The move that brings the VM, if one does.
        move_id: Option<MoveId>,
    },
    /// nved, the old NVE: the VM does not leave and runs on here.
    Resume {
        /// The TSI.
        tsi: TsiKey,
    },
    /// nvad: plan a move. The reply comes when the VM may be suspended, or when the move is refused or has ended.
    Prepare {
        /// An id that was never used before, below 2^63; `None` lets nvad choose one.
        move_id: Option<MoveId>,
        /// The TSIs that move as one.
        tsis: Vec<TsiKey>,
        /// The new NVE.
        to: NveId,
        /// If the VM does not run there after this time, in microseconds, the move is revoked.
        deadline: Micros,
    },
    /// nvad: how a move ended. The reply comes when it has ended.
    Outcome {
        /// The move.
        move_id: MoveId,
    },
    /// nvad: call a move off, unless it is too late.
    Cancel {
        /// The move.
        move_id: MoveId,
    },
    /// Read the file of keys again. From then on the daemon believes only the keys that are in it now.
    ReloadKeys,
    /// nvad: an NVE will not return, and no VM runs there any more.
    Fence {
        /// The NVE.
        nve: NveId,
    },
}

/// What a daemon can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The TSIs, an array: nved says each one's state and mapping, nvad says where each one is.
    Tables,
    /// The moves, an array: those in hand; at nvad also the last ones that ended.
    Moves,
    /// All counters, an object; dropped frames by reason.
    Counters,
}

/// What a daemon answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// What was asked for is done.
    Done,
    /// Both NVEs are ready: the VM may be suspended.
    Prepared {
        /// The move.
        move_id: MoveId,
    },
    /// A move has ended.
    Ended {
        /// The move.
        move_id: MoveId,
        /// How it ended.
        result: MoveResult,
    },
    /// What was to be shown: an object, or an array of objects with the same keys.
    Shown(Value),
    /// Something happened.
    Event {
        /// When, in microseconds of CLOCK_MONOTONIC.
        at: Instant,
        /// A flat object; its key `event` has the event's name.
        what: Value,
    },
    /// The request is refused, and nothing changed.
    Refused {
        /// Why, for people.
        why: String,
    },
}

impl Reply {
    /// [`Reply::Refused`], with the reason for people.
    pub fn refused(why: impl Into<String>) -> Self {
        Self::Refused { why: why.into() }
    }
}

impl<E: ToString> From<Result<(), E>> for Reply {
    /// [`Reply::Done`], or [`Reply::Refused`] with the error's words.
    fn from(result: Result<(), E>) -> Self {
        match result {
            Ok(()) => Self::Done,
            Err(error) => Self::refused(error.to_string()),
        }
    }
}
