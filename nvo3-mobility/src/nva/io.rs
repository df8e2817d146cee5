//! What goes into an authority and what comes out, besides bytes.

use super::rules::State;
use crate::health::Waiting;
use core::net::SocketAddr;
use nvo3_nva_proto::{
    DownReason, Micros, MoveId, MoveKind, MoveResult, NveId, Place, RecordNo, Refusal, Report, SessionTimer, TsiKey,
    Version,
};
use nvo3_wire::Vni;

/// What management and the journal tell an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Input {
    /// An NVE belongs to the domain and is reached there.
    Admit(Place),
    /// Move TSIs that are all at one NVE to another, as one.
    Move {
        /// Management's name for it, never used before.
        id: MoveId,
        /// What moves.
        tsis: alloc::vec::Vec<TsiKey>,
        /// Where to.
        to: NveId,
        /// How.
        kind: MoveKind,
        /// How long until it is revoked if it is not activated.
        deadline: Micros,
    },
    /// Call a move off; the new NVE decides whether it is too late.
    Cancel(MoveId),
    /// This NVE will not return and runs nothing any more. Not in the journal: to be told again after a restart, until the NVE says
    /// *Hello* again.
    Fenced(NveId),
    /// Every record up to this one is durable.
    Persisted(RecordNo),
}

/// What management should know or do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Event {
    /// An NVE has a session; `restarted` if it remembers nothing.
    NveUp {
        /// Which.
        nve: NveId,
        /// It remembers nothing.
        restarted: bool,
    },
    /// An NVE has none any more.
    NveDown {
        /// Which.
        nve: NveId,
        /// Why.
        reason: DownReason,
    },
    /// A move's state changed.
    Move {
        /// Which.
        id: MoveId,
        /// Before.
        from: State,
        /// Now.
        to: State,
    },
    /// A party will not take part: the move is going to be aborted.
    Refused {
        /// The move.
        id: MoveId,
        /// Who.
        nve: NveId,
        /// Why.
        why: Refusal,
    },
    /// Both parties are ready: the VM may be suspended.
    MaySuspend(MoveId),
    /// A move has ended and the TSIs' next one may start.
    Ended {
        /// Which.
        id: MoveId,
        /// How.
        result: MoveResult,
    },
    /// Everyone interested follows a committed move.
    Converged {
        /// Which.
        id: MoveId,
        /// The time since the commit.
        after: Micros,
    },
    /// An NVE's part of a move's report.
    Report {
        /// The move.
        id: MoveId,
        /// Who counted.
        nve: NveId,
        /// What.
        report: Report,
    },
    /// A TSI moved too often without being planned and is frozen (EVM-05).
    Duplicate(TsiKey),
    /// The owner of the authority has forgotten a call of its loop for a while. It is said once, until the owner makes the call.
    Stalled(Waiting),
}

/// What the next deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Something waits to be polled.
    Output,
    /// The session with an NVE.
    Session(NveId, SessionTimer),
    /// A move's deadline.
    Move(MoveId),
    /// The NVEs of a VN are told who they are.
    Members(Vni),
    /// A move that has converged is done, whether its parties have reported or not.
    Done(MoveId),
    /// NVEs that have not come back since the start count as gone.
    Grace,
    /// The owner is told what it forgot.
    Health,
}

/// Why an input was not taken. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The move is refused; the reason names the check.
    #[error("{id} is refused: {why}")]
    Refused {
        /// Which.
        id: MoveId,
        /// Why.
        why: Refusal,
    },
    /// A planned move has an id that is reserved for unplanned moves ([`MoveId::FIRST_RESERVED`]).
    #[error("{0} has a reserved id: the id of a planned move must be less than 2^63")]
    ReservedId(MoveId),
    /// No such move, or one that is decided.
    #[error("{0} is not in hand")]
    UnknownMove(MoveId),
    /// No such NVE.
    #[error("{0} is not admitted")]
    UnknownNve(NveId),
    /// More TSIs, or more addresses of them, than the message that prepares a move can name.
    #[error("{0} has too many TSIs and addresses for one message")]
    TooLarge(MoveId),
    /// A bound of the configuration is reached.
    #[error("no room: {0}")]
    Full(&'static str),
}

/// What [`Nva::moves`](super::Nva::moves) says of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// Which.
    pub id: MoveId,
    /// What is waited for, or how it ended.
    pub state: State,
    /// How it moves.
    pub kind: MoveKind,
    /// What moves.
    pub tsis: &'a [TsiKey],
    /// From where.
    pub old: NveId,
    /// To where.
    pub new: NveId,
    /// The version that is reserved for it.
    pub version: Version,
}

/// Counters of an [`Nva`](super::Nva); they only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NvaCounters {
    /// Datagrams that are no message.
    pub malformed: u64,
    /// Datagrams without the seal that they should have.
    pub unsealed: u64,
    /// Datagrams under a key that is not known.
    pub unknown_key: u64,
    /// Datagrams whose seal is not that of their key.
    pub wrong_seal: u64,
    /// Messages under one NVE's key that say that they are another's.
    pub not_bound: u64,
    /// Datagrams that came before.
    pub replayed: u64,
    /// Hellos answered by a challenge: the first of each start, and old ones.
    pub challenges: u64,
    /// Messages of sessions that it does not have.
    pub unknown_session: u64,
    /// Hellos of NVEs that are not admitted.
    pub unknown_nve: u64,
    /// Hellos that were sent before one that was answered.
    pub old_hellos: u64,
    /// Messages that came before: a network repeats, an acknowledgement is late.
    pub repeated: u64,
    /// Messages that the session refused.
    pub rejected: u64,
    /// Messages that an NVE may not send.
    pub unexpected: u64,
    /// Words about a move by an NVE that is not the party that may say them, or about another version.
    pub not_party: u64,
    /// Inputs that no row of the move core takes.
    pub out_of_place: u64,
    /// Registrations refused.
    pub refused_registrations: u64,
    /// Questions answered.
    pub queries: u64,
    /// Mappings pushed.
    pub updates: u64,
    /// Events dropped because nobody took them.
    pub shed_events: u64,
    /// Answers to strangers not given.
    pub shed_answers: u64,
    /// Sessions closed because the NVE or the journal did not keep up.
    pub shed_sessions: u64,
    /// Calls with a time before that of an earlier one.
    pub clock_backwards: u64,
}

impl NvaCounters {
    /// Datagrams that were not believed: their seal said so, or they came before.
    pub const fn unbelieved(&self) -> u64 {
        let sealed = self.unknown_key.saturating_add(self.wrong_seal).saturating_add(self.not_bound);
        sealed.saturating_add(self.unsealed).saturating_add(self.replayed)
    }
}

/// Where a datagram goes.
pub type Peer = SocketAddr;
