//! Requests and replies.

use crate::Port;
use nvo3_nva_proto::{Instant, Micros, MoveId, MoveResult, NveId, TsiKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a daemon is asked for; each answers what is its own and refuses the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Who it is, whom it is connected to, how much there is of what.
    Status,
    /// What it knows.
    Show(What),
    /// [`Reply::Event`]s as they come, until the connection ends.
    Watch,
    /// nved: open a port. It registers nothing, but for [`Port::active`].
    Attach(Port),
    /// nved: close a port; one that nved made is gone then.
    Detach {
        /// The interface.
        port: String,
    },
    /// nved: the VM will stop here, or has stopped. The reply comes when nothing is delivered to it any more and what comes
    /// for it goes to the new NVE.
    Suspend {
        /// Whose.
        tsi: TsiKey,
        /// The move; without, the one in hand.
        move_id: Option<MoveId>,
        /// The late word: when it stopped. What was delivered since goes to the new NVE too.
        stopped_at: Option<Instant>,
    },
    /// nved: the VM runs here. With a move it may start only if this is not refused.
    Activate {
        /// Whose.
        tsi: TsiKey,
        /// The move that brought it.
        move_id: Option<MoveId>,
    },
    /// nved: the VM that was to leave runs on here.
    Resume {
        /// Whose.
        tsi: TsiKey,
    },
    /// nvad: plan a move. The reply comes when the VM may be suspended, or when the move is refused or has ended.
    Prepare {
        /// A name never used before; nvad finds one where there is none.
        move_id: Option<MoveId>,
        /// What moves, as one.
        tsis: Vec<TsiKey>,
        /// Where to.
        to: NveId,
        /// How long until it is revoked if the VM does not run there.
        deadline: Micros,
    },
    /// nvad: the reply comes when the move has ended.
    Outcome {
        /// Which.
        move_id: MoveId,
    },
    /// nvad: call a move off, unless it is too late.
    Cancel {
        /// Which.
        move_id: MoveId,
    },
    /// Read the file of keys again: what is in it now is what is believed from now on.
    ReloadKeys,
    /// nvad: this NVE will not return and runs nothing any more.
    Fence {
        /// Which.
        nve: NveId,
    },
}

/// What is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The TSIs: at nved with state, entry and mapping; at nvad where they are.
    Tables,
    /// The moves in hand, and the last ones at nvad.
    Moves,
    /// Everything that is counted; drops by reason.
    Counters,
}

/// What a daemon answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// It is so now.
    Done,
    /// Both parties are ready: the VM may be suspended.
    Prepared {
        /// The move.
        move_id: MoveId,
    },
    /// A move has ended.
    Ended {
        /// Which.
        move_id: MoveId,
        /// How.
        result: MoveResult,
    },
    /// An object, or an array of objects with the same keys.
    Shown(Value),
    /// Something happened.
    Event {
        /// When, microseconds of CLOCK_MONOTONIC.
        at: Instant,
        /// What: an object with the key `event`.
        what: Value,
    },
    /// Nothing changed.
    Refused {
        /// Why, a sentence.
        why: String,
    },
}
