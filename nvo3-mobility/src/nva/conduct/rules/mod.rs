//! The state machine of one move at the NVA: its states, inputs, outputs, and the table of steps.
//!
//! The table knows no time, session or journal: a deadline, a session that ends or returns, and the acknowledgement of an outcome
//! are named inputs. The record of an output is durable before any message that depends on it leaves (I6: acknowledged
//! registrations and outcomes survive a restart of the NVA). The table carries out VMM-4.3-08, VMM-7-03, R-03 and R-34; RULES.md
//! has their sentences.
//!
//! An input without a row is out of place: the NVA counts it, and nothing changes.
//!
//! # The table
//!
//! The code generates this table, and a test checks that the file is current. An empty *when* means always. `side` is the NVE that the
//! input is about, `left`: the old NVE has stopped delivering, `resumed`: the VM runs at the old NVE again, `old` and `new`: that NVE has
//! the outcome in force.
//!
#![doc = include_str!("table.md")]

use core::fmt;
use nvo3_nva_proto::{MoveResult, Refusal, Side};

/// The state of one move at the NVA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum State {
    /// The NVA has asked the new NVE to prepare.
    PreparingNew {
        /// True if the old NVE has stopped delivering.
        left: bool,
    },
    /// The new NVE is ready, and the NVA has asked the old NVE to prepare.
    PreparingOld,
    /// Both NVEs are ready. Management may suspend the VM.
    Ready,
    /// The old NVE has stopped delivering, and the NVA told the new NVE so. The VM runs nowhere.
    Suspended,
    /// The NVA has asked the new NVE never to activate the move. The answer of the new NVE decides.
    Revoking {
        /// True if the old NVE has stopped delivering.
        left: bool,
        /// True if the VM runs at the old NVE again.
        resumed: bool,
    },
    /// The move is aborted. The NVA tells the old NVE first.
    AbortingOld {
        /// The answer to the registration that started the move, if one did. It leaves once the old NVE does not tunnel to the new NVE.
        denied: Option<Refusal>,
    },
    /// The move is aborted. The old NVE holds or delivers, and the NVA tells the new NVE.
    AbortingNew,
    /// Nobody planned the move. The NVA has asked the old NVE to stop delivering.
    Yielding {
        /// True if a hypervisor's word claims the TSI. False if a frame does: the old NVE asks its VM first.
        by_word: bool,
    },
    /// The move is committed. The NVA tells both NVEs.
    Committing {
        /// True if the old NVE has the outcome in force.
        old: bool,
        /// True if the new NVE has the outcome in force.
        new: bool,
    },
    /// The move has ended. The next move of its TSIs may start.
    Ended(MoveResult),
}

/// An input of the table for one move. `Side` says which NVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Input {
    /// The NVE is prepared.
    Ready(Side),
    /// The NVE refuses to take part.
    Refused(Side, Refusal),
    /// The old NVE has stopped delivering.
    Suspended,
    /// The VM runs at the new NVE.
    Activated,
    /// The VM runs at the old NVE again.
    Resumed,
    /// The new NVE will never activate the move.
    Revoked,
    /// The deadline has passed, or management cancels the move.
    Deadline,
    /// Management: the new NVE can run no VM any more.
    Fenced,
    /// The NVE has a new session. `true`: it restarted and remembers nothing.
    Returned(Side, bool),
    /// The NVE has no session.
    Lost(Side),
    /// The NVE had no session for a whole deadline.
    GoneForGood(Side),
    /// The NVE has the outcome in force.
    InForce(Side),
}

/// An output of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Output {
    /// Send *Prepare* to the new NVE.
    PrepareNew,
    /// Send *Prepare* to the old NVE. `true`: the old NVE must stop delivering at once.
    PrepareOld(bool),
    /// Send *Prepare* to the old NVE of a claimed TSI. `true`: a hypervisor's word claims it, and the policy says whether the old NVE
    /// must stop delivering at once. `false`: a frame claims it, and the old NVE asks its VM first.
    AskOld(bool),
    /// Send *Revoke* to the new NVE.
    Revoke,
    /// Pass *Suspended* on to the new NVE.
    PassSuspended,
    /// Push the new mapping before the commit, while the VM runs nowhere.
    EarlyPush,
    /// Record the commit and publish the new mapping.
    Commit,
    /// Record the abort. It makes a newer version of the mapping, which names the old NVE.
    Abort,
    /// Publish the mapping that the abort made.
    PublishAbort,
    /// Send *Outcome* to the NVE.
    Outcome(Side),
    /// Accept the registration that started the move.
    Grant,
    /// Refuse the registration that started the move.
    Deny(Refusal),
    /// Tell management that the old NVE did not yield in time, and that the claim wins.
    Alarm,
    /// Tell management that the VM may be suspended.
    MaySuspend,
    /// Record that both NVEs know the outcome, and tell management.
    Close(MoveResult),
}

/// The outputs of one step, in order.
pub type Outputs = crate::Outputs<Output>;

macro_rules! outputs {
    ($($output:expr),* $(,)?) => {
        Outputs::from([$($output),*])
    };
}

use Input::{
    Activated, Deadline, Fenced, GoneForGood, InForce, Lost, Refused, Resumed, Returned, Revoked, Suspended as Stopped,
};
use MoveResult::{Aborted, Committed};
use Output::{
    Abort, Alarm, AskOld, Close, Commit, Deny, EarlyPush, Grant, MaySuspend, Outcome, PassSuspended, PrepareNew,
    PrepareOld, PublishAbort, Revoke,
};
use Refusal::{Stale, StillHere};
use Side::{New, Old};
use State::{
    AbortingNew, AbortingOld, Committing, Ended, PreparingNew, PreparingOld, Ready, Revoking, Suspended, Yielding,
};

/// A planned move is aborted: no registration waits for an answer.
const ABORTING_OLD: State = AbortingOld { denied: None };

/// Takes one step of the table. `None`: the input is out of place, and nothing changes.
#[rustfmt::skip]
pub fn step(state: State, input: Input) -> Option<(State, Outputs)> {
    Some(match (state, input) {
        (PreparingNew { left: false },      Input::Ready(New))   => (PreparingOld, outputs![PrepareOld(false)]),
        (PreparingNew { left: true },       Input::Ready(New))   => (Suspended, outputs![PassSuspended, EarlyPush]),
        (PreparingOld,                      Input::Ready(Old))   => (Ready, outputs![MaySuspend]),
        (Ready | Suspended,                 Input::Ready(_))     => (state, outputs![]),
        (PreparingNew { .. },               Stopped)             => (PreparingNew { left: true }, outputs![]),
        (PreparingOld | Ready,              Stopped)             => (Suspended, outputs![PassSuspended, EarlyPush]),
        (Suspended,                         Stopped)             => (Suspended, outputs![]),
        (Revoking { resumed, .. },          Stopped)             => (Revoking { left: true, resumed }, outputs![]),

        (PreparingNew { .. } | PreparingOld | Ready | Suspended | Revoking { .. }, Activated)
                                                                 => (Committing { old: false, new: false }, outputs![Commit, Outcome(Old), Outcome(New)]),
        (Committing { .. },                 Activated)           => (state, outputs![Outcome(New)]),

        (PreparingNew { left },             Deadline)            => (Revoking { left, resumed: false }, outputs![Revoke]),
        (PreparingOld | Ready,              Deadline)            => (Revoking { left: false, resumed: false }, outputs![Revoke]),
        (Suspended,                         Deadline)            => (Revoking { left: true, resumed: false }, outputs![Revoke]),
        (PreparingNew { left },             Resumed)             => (Revoking { left, resumed: true }, outputs![Revoke]),
        (PreparingOld | Ready,              Resumed)             => (Revoking { left: false, resumed: true }, outputs![Revoke]),
        (Suspended,                         Resumed)             => (Revoking { left: true, resumed: true }, outputs![Revoke]),
        (Revoking { left, .. },             Resumed)             => (Revoking { left, resumed: true }, outputs![]),
        (PreparingOld | Ready,              Refused(Old, _))     => (Revoking { left: false, resumed: false }, outputs![Revoke]),
        (Suspended,                         Refused(Old, _))     => (state, outputs![]),

        (PreparingNew { .. } | PreparingOld | Ready | Suspended | Revoking { .. }, Revoked | Fenced)
                                                                 => (ABORTING_OLD, outputs![Abort, Outcome(Old)]),
        (PreparingNew { .. } | Revoking { .. }, Refused(New, _)) => (ABORTING_OLD, outputs![Abort, Outcome(Old)]),
        (Revoking { resumed: true, .. },    Lost(New))           => (ABORTING_OLD, outputs![Abort, Outcome(Old)]),

        (PreparingNew { .. },               Returned(New, _))    => (state, outputs![PrepareNew]),
        (PreparingOld | Ready,              Returned(New, true)) => (PreparingNew { left: false }, outputs![PrepareNew]),
        (Suspended,                         Returned(New, true)) => (PreparingNew { left: true }, outputs![PrepareNew]),
        (Suspended,                         Returned(New, false)) => (state, outputs![PassSuspended]),
        (Revoking { .. },                   Returned(New, _))    => (state, outputs![PrepareNew, Revoke]),
        (PreparingOld,                      Returned(Old, _))    => (state, outputs![PrepareOld(false)]),
        (Ready,                             Returned(Old, true)) => (PreparingOld, outputs![PrepareOld(false)]),
        (PreparingNew { left: true } | Suspended | Revoking { left: true, .. },
                                            Returned(Old, true)) => (state, outputs![PrepareOld(true)]),

        (AbortingOld { .. },                Returned(Old, _))    => (state, outputs![Outcome(Old)]),
        (AbortingOld { denied: None }, InForce(Old) | GoneForGood(Old))
                                                                 => (AbortingNew, outputs![PublishAbort, Outcome(New)]),
        (AbortingOld { denied: Some(why) }, InForce(Old) | GoneForGood(Old))
                                                                 => (AbortingNew, outputs![PublishAbort, Outcome(New), Deny(why)]),
        (AbortingNew,                       Returned(New, _))    => (state, outputs![Outcome(New)]),
        (AbortingNew,            InForce(New) | GoneForGood(New)) => (Ended(Aborted), outputs![Close(Aborted)]),

        (Yielding { by_word },              Returned(Old, _))    => (state, outputs![AskOld(by_word)]),
        (Yielding { .. },                   Stopped | GoneForGood(Old)) => (Committing { old: false, new: true }, outputs![Commit, Outcome(Old), Grant]),
        (Yielding { by_word: true },        Lost(Old))           => (Committing { old: false, new: true }, outputs![Commit, Outcome(Old), Grant]),
        (Yielding { by_word: true },        Deadline)            => (Committing { old: false, new: true }, outputs![Alarm, Commit, Outcome(Old), Grant]),
        // A frame is refused if the old NVE does not say that its VM is gone.
        (Yielding { by_word: false },       Deadline)            => (AbortingOld { denied: Some(StillHere) }, outputs![Abort, Outcome(Old)]),
        // A hypervisor that runs the VM is believed rather than one that may go on with it.
        (Yielding { by_word: true },        Refused(Old, Refusal::Halted)) => (state, outputs![PrepareOld(true)]),
        (Yielding { .. },                   Refused(Old, why))   => (AbortingOld { denied: Some(why) }, outputs![Abort, Outcome(Old)]),
        // The VM has left the new NVE again.
        (Yielding { .. },                   Revoked)             => (AbortingOld { denied: Some(Stale) }, outputs![Abort, Outcome(Old)]),

        (Committing { new: true, .. },      InForce(Old) | Lost(Old) | GoneForGood(Old)) => (Ended(Committed), outputs![Close(Committed)]),
        (Committing { old: true, .. },      InForce(New) | Lost(New) | GoneForGood(New)) => (Ended(Committed), outputs![Close(Committed)]),
        (Committing { old: false, new: false }, InForce(Old) | Lost(Old) | GoneForGood(Old)) => (Committing { old: true, new: false }, outputs![]),
        (Committing { old: false, new: false }, InForce(New) | Lost(New) | GoneForGood(New)) => (Committing { old: false, new: true }, outputs![]),
        (Committing { new, .. },            Returned(Old, _))    => (Committing { old: false, new }, outputs![Outcome(Old)]),
        (Committing { old, .. },            Returned(New, _))    => (Committing { old, new: false }, outputs![Outcome(New)]),
        _ => return None,
    })
}

impl State {
    /// True once it is decided how the move ends.
    pub const fn is_decided(&self) -> bool {
        matches!(self, Self::AbortingOld { .. } | Self::AbortingNew | Self::Committing { .. } | Self::Ended(_))
    }

    /// The state's name, as logs and counters write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PreparingNew { .. } => "preparing-new",
            Self::PreparingOld => "preparing-old",
            Self::Ready => "ready",
            Self::Suspended => "suspended",
            Self::Revoking { .. } => "revoking",
            Self::AbortingOld { .. } => "aborting-old",
            Self::AbortingNew => "aborting-new",
            Self::Yielding { .. } => "yielding",
            Self::Committing { .. } => "committing",
            Self::Ended(_) => "ended",
        }
    }

    const fn meaning(&self) -> &'static str {
        match self {
            Self::PreparingNew { .. } => "the NVA has asked the new NVE to prepare",
            Self::PreparingOld => "the new NVE is ready, and the NVA has asked the old NVE to prepare",
            Self::Ready => "both NVEs are ready, and the VM may be suspended",
            Self::Suspended => "the old NVE has stopped delivering, and the VM runs nowhere",
            Self::Revoking { .. } => "the NVA has asked the new NVE never to activate the move",
            Self::AbortingOld { .. } => "aborted, and the old NVE has not acknowledged that",
            Self::AbortingNew => "aborted, and the new NVE has not acknowledged that",
            Self::Yielding { .. } => "nobody planned it, and the old NVE is asked to stop delivering",
            Self::Committing { .. } => "committed, and the NVEs have not acknowledged that",
            Self::Ended(result) => result.as_str(),
        }
    }
}

impl fmt::Display for State {
    /// The state's name, and what it means in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.meaning())
    }
}

#[cfg(test)]
mod tests;
