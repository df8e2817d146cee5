//! The requests and replies of the daemons.

use crate::Port;
use nvo3_nva_proto::{Instant, Micros, MoveId, MoveResult, NveId, TsiKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request to a daemon. Each daemon refuses the requests for the other daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Show which daemon it is, whether it is connected, and its main counts: [`Reply::Shown`], an object.
    Status,
    /// Show a part of what the daemon knows: [`Reply::Shown`].
    Show(What),
    /// Send a [`Reply::Event`] for each event, until the connection ends.
    Watch,
    /// nved: open a port, or give a port of this name these stations, addresses and rights in place of its own. Its TSIs are registered
    /// only if it is [`Port::active`].
    Attach(Port),
    /// nved: close a port, or wait no more for its interface. An interface that nved made is removed.
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
        /// The time at which the VM stopped, if it has. Frames that were delivered since then go to the new NVE too.
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
    /// nved: tell what else is behind the ports of these TSIs now, and moves with them: shared addresses, and TSIs that were learned.
    /// [`Reply::Shown`], an array of objects with `vn` and `mac`.
    Along {
        /// The TSIs of a VM.
        tsis: Vec<TsiKey>,
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
    /// nvad: tell how a move ended. The reply comes when the move has ended.
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
    /// nvad: take a TSI out of the directory. Where its VM still runs, only its hypervisor's next word registers it again.
    Forget {
        /// The TSI.
        tsi: TsiKey,
    },
    /// nvad: release a TSI that is frozen because it moved too often without a plan.
    Release {
        /// The TSI.
        tsi: TsiKey,
    },
}

/// The parts that a daemon can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The TSIs, an array: at nved the state and the mapping of each, and `refused` if the NVA refused to register it; at nvad its NVE, and
    /// whether it is frozen.
    Tables,
    /// The moves, an array: those in hand, then the last that ended. nved keeps 16, each with the frames that it held, tunnelled and
    /// dropped for the move.
    Moves,
    /// All counters, an object; dropped frames by reason.
    Counters,
}

/// A reply of a daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The request is carried out.
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
        /// The result of the move.
        result: MoveResult,
    },
    /// The part that was asked for: an object, or an array of objects with the same keys.
    Shown(Value),
    /// An event, for [`Request::Watch`].
    Event {
        /// The time of the event, in microseconds of the daemon's CLOCK_MONOTONIC.
        at: Instant,
        /// A flat object. Its key `event` has the event's name, its key `time` the time of day (UTC, RFC 3339).
        what: Value,
    },
    /// The request is refused, and nothing changed.
    Refused {
        /// The reason, as a sentence for people.
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
