//! The inputs and outputs of an NVA, besides bytes.

use super::policy::Quota;
use super::rules::State;
use crate::health::Waiting;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use nvo3_nva_proto::{
    DownReason, Locators, Micros, MoveId, MoveKind, MoveResult, NveId, Place, Refusal, RegistrationResult, Report,
    SessionTimer, TsiKey, Version,
};
use nvo3_wire::Vni;

/// An input of management or of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Input {
    /// Admit an NVE to the domain, with these locators. An NVE that is not admitted gets no session.
    Admit(Place),
    /// Move TSIs together from one NVE to another. All of them must be at the same NVE.
    Move {
        /// The id of the move, chosen by management: below 2^63 and never used before.
        id: MoveId,
        /// The TSIs that move.
        tsis: alloc::vec::Vec<TsiKey>,
        /// The new NVE.
        to: NveId,
        /// The kind of move; only [`MoveKind::Hot`] is supported.
        kind: MoveKind,
        /// The time after which the NVA revokes the move if the new NVE has not activated it.
        deadline: Micros,
    },
    /// Cancel a move. The new NVE decides whether it is too late: it answers with *Revoked* or *Activated*.
    Cancel(MoveId),
    /// This NVE will not return and runs no VM any more. It holds no TSI and no address from now on, until it has a session again.
    Fenced(NveId),
    /// Take a TSI out of the directory. An NVE where its VM runs registers it again only after its hypervisor's next word.
    Forget(TsiKey),
    /// Release a TSI that was frozen because it moved too often without a plan.
    Release(TsiKey),
    /// Every record up to this one is durable.
    Persisted(Version),
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admit(place) => write!(f, "admit {}", place.nve),
            Self::Move { id, tsis, to, deadline, .. } => {
                write!(f, "{id}: move {} TSIs to {to} within {} ms", tsis.len(), deadline.0.div_ceil(1_000))
            }
            Self::Cancel(id) => write!(f, "cancel {id}"),
            Self::Fenced(nve) => write!(f, "{nve} will not return and runs no VM"),
            Self::Forget(key) => write!(f, "forget {key}"),
            Self::Release(key) => write!(f, "release {key}"),
            Self::Persisted(upto) => write!(f, "every record up to {} is durable", upto.generation),
        }
    }
}

/// An event for management.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Event {
    /// An NVE has a session.
    NveUp {
        /// The NVE.
        nve: NveId,
        /// True if the NVE remembers no session before: it started for the first time, or again.
        restarted: bool,
    },
    /// An NVE has no session any more.
    NveDown {
        /// The NVE.
        nve: NveId,
        /// The reason.
        reason: DownReason,
    },
    /// The state of a move changed.
    Move {
        /// The move.
        id: MoveId,
        /// The state before.
        from: State,
        /// The state now.
        to: State,
    },
    /// An NVE refused to take part in a move. The NVA is going to abort the move.
    Refused {
        /// The move.
        id: MoveId,
        /// The NVE that refused.
        nve: NveId,
        /// The reason.
        why: Refusal,
    },
    /// Both NVEs are ready: the VM may be suspended.
    MaySuspend(MoveId),
    /// A move has ended, and the next move of its TSIs may start.
    Ended {
        /// The move.
        id: MoveId,
        /// The result.
        result: MoveResult,
    },
    /// Every interested NVE uses the new mapping of a committed move.
    Converged {
        /// The move.
        id: MoveId,
        /// The time since the commit.
        after: Micros,
    },
    /// The report of one NVE about a move.
    Report {
        /// The move.
        id: MoveId,
        /// The NVE that counted.
        nve: NveId,
        /// The report.
        report: Report,
    },
    /// A TSI moved too often without a plan: the NVA takes it as a duplicate address and freezes it (EVM-05).
    Duplicate(TsiKey),
    /// An NVE has seen a record that this NVA does not have: records were lost, or an old copy of them came back. The NVA takes a
    /// higher epoch, and learns again what the NVEs restate.
    Rewound {
        /// The NVE that has seen the record.
        nve: NveId,
        /// The epoch and the number of that record.
        seen: Version,
        /// The epoch and the number of the newest record of the NVA, before it took the higher epoch.
        had: Version,
        /// The epoch from now on.
        epoch: u32,
    },
    /// An NVE restated a TSI that the directory did not have in this way: the directory has it now.
    TakenUp {
        /// The TSI.
        key: TsiKey,
        /// The NVE.
        nve: NveId,
    },
    /// An NVE did not restate a TSI that the directory had there: it is withdrawn.
    Omitted {
        /// The TSI.
        key: TsiKey,
        /// The NVE.
        nve: NveId,
    },
    /// The old NVE of a claimed TSI did not answer in time. The claim, by a hypervisor's word, wins.
    DidNotYield {
        /// The move that nobody planned.
        id: MoveId,
        /// The old NVE.
        nve: NveId,
    },
    /// The owner has not done a duty for [`PATIENCE`](crate::health::PATIENCE). The event comes once, and again after the owner has
    /// done the duty and stopped again.
    Stalled(Waiting),
    /// The forwarder of an NVE refused what a move asked for: its new mapping, or its outcome. Frames from there may go on to the
    /// other NVE of the move. The move never counts as converged, so no *Done* ends its forward entry early.
    NotFollowed {
        /// The move.
        id: MoveId,
        /// The NVE.
        nve: NveId,
    },
    /// An address, or all strangers together, would get more answers outside a session than their rate. At most one event per
    /// [`TOLD_EVERY`](crate::fairness::TOLD_EVERY).
    Limited {
        /// The address of the last answer that was not sent. Anybody can write it into a datagram.
        to: IpAddr,
        /// The number of such answers, to any address, since the last event.
        count: u64,
    },
    /// An NVE claimed a TSI that it may not have. At most one event per NVE and [`TOLD_EVERY`](crate::fairness::TOLD_EVERY).
    ClaimRefused {
        /// The NVE.
        nve: NveId,
        /// The TSI of the last such claim.
        key: TsiKey,
        /// *NotAuthorised*: the rule of the NVE does not allow the TSI. *Policy*: its VM answers at the NVE that has it.
        result: RegistrationResult,
        /// The number of such claims since the last event.
        count: u64,
    },
    /// An NVE named addresses of a TSI that other TSIs of the VN have. The directory has the TSI without these addresses. The event comes
    /// again only if other addresses are contested, or after the TSI was withdrawn. At most one event per NVE and
    /// [`TOLD_EVERY`](crate::fairness::TOLD_EVERY); the NVE names the addresses again later, so each TSI has its event.
    Contested {
        /// The NVE.
        nve: NveId,
        /// The TSI.
        key: TsiKey,
        /// The addresses that the TSI does not have.
        ips: alloc::vec::Vec<IpAddr>,
        /// How often the NVE named such addresses since the last event.
        count: u64,
    },
    /// An NVE wants more than its quota. At most one event per NVE, quota and [`TOLD_EVERY`](crate::fairness::TOLD_EVERY).
    OverQuota {
        /// The NVE.
        nve: NveId,
        /// The quota.
        quota: Quota,
        /// How often it did so since the last event.
        count: u64,
    },
    /// The *Hello* of an NVE named other locators than management, and was refused ([`NvaConfig::locators`](super::NvaConfig)). At most
    /// one event per NVE and [`TOLD_EVERY`](crate::fairness::TOLD_EVERY).
    OtherLocators {
        /// The NVE.
        nve: NveId,
        /// The locators of management.
        admitted: Locators,
        /// The locators of the *Hello*.
        hello: Locators,
        /// The number of such *Hello* messages since the last event.
        count: u64,
    },
    /// The authority took over the locators of an NVE's *Hello* ([`NvaConfig::locators`](super::NvaConfig)).
    Readdressed {
        /// The NVE.
        nve: NveId,
        /// The locators before.
        before: Locators,
        /// The locators from now on.
        now: Locators,
    },
    /// A *Hello* of an NVE came from another address than that of its live session, and was refused: two edges have this id, or the edge
    /// started again elsewhere. At most one event per NVE and [`TOLD_EVERY`](crate::fairness::TOLD_EVERY).
    TwoPlaces {
        /// The NVE.
        nve: NveId,
        /// The address of its session.
        at: IpAddr,
        /// The address of the *Hello*.
        other: IpAddr,
        /// The number of such *Hello* messages since the last event.
        count: u64,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NveUp { nve, restarted: true } => write!(f, "{nve} has a session; it remembers none before"),
            Self::NveUp { nve, restarted: false } => write!(f, "{nve} has a session"),
            Self::NveDown { nve, reason } => write!(f, "{nve} has no session any more: {}", reason),
            Self::Move { id, from, to } => write!(f, "{id}: {} -> {}", from.name(), to.name()),
            Self::Refused { id, nve, why } => write!(f, "{id}: {nve} refused: {}", why),
            Self::MaySuspend(id) => write!(f, "{id}: both NVEs are ready; the VM may be suspended"),
            Self::Ended { id, result } => write!(f, "{id} has ended: {}", result),
            Self::Converged { id, after } => {
                write!(f, "{id}: every interested NVE follows it, {after} after the commit")
            }
            Self::Report { id, nve, report } => write!(
                f,
                "{id}: {nve} reports {}, {} frames held, {} tunnelled, {} dropped, {} stale senders",
                report.duration,
                report.held_frames,
                report.tunnelled_frames,
                report.dropped_frames,
                report.stale_senders
            ),
            Self::Rewound { nve, seen, had, epoch } => write!(
                f,
                "records are lost or old: {nve} has seen record {} of epoch {}, and this NVA has {} of epoch {}; epoch {epoch} begins, and \
                 the NVEs restate what they have",
                seen.generation, seen.epoch, had.generation, had.epoch
            ),
            Self::TakenUp { key, nve } => {
                write!(f, "{key} rests at {nve}; the directory did not have it so, and has it now")
            }
            Self::Omitted { key, nve } => write!(f, "{key} is not at {nve} any more, and is withdrawn"),
            Self::DidNotYield { id, nve } => {
                write!(f, "{id}: {nve} did not yield in time; the claim by a hypervisor's word wins")
            }
            Self::Duplicate(key) => write!(f, "{key} moved too often without a plan and is frozen for a while"),
            Self::Stalled(waiting) => write!(f, "the owner does not do its part: {waiting}"),
            Self::NotFollowed { id, nve } => {
                write!(f, "{id}: the forwarder of {nve} refused it; frames from there may go to the other place")
            }
            Self::Limited { to, count } => {
                write!(f, "{count} answers outside a session were not sent, the last one to {to}: too many")
            }
            Self::ClaimRefused { nve, key, result: RegistrationResult::NotAuthorised, count } => {
                write!(f, "{nve} claimed {key}, which its rule does not allow; {count} such claims were refused")
            }
            Self::ClaimRefused { nve, key, count, .. } => {
                write!(f, "{nve} claimed {key}, whose VM answers where it is; {count} such claims were refused")
            }
            Self::Contested { nve, key, ips, .. } => {
                write!(
                    f,
                    "{nve} named addresses of {key} that other TSIs have; the directory has the TSI without them:"
                )?;
                ips.iter().try_for_each(|ip| write!(f, " {ip}"))
            }
            Self::OverQuota { nve, quota, count } => {
                write!(f, "{nve} has its quota of {quota}, and wanted more {count} times")
            }
            Self::OtherLocators { nve, admitted, hello, .. } => write!(
                f,
                "the session of {nve} is refused: it says that its locators are {hello}, and it is admitted with the locators {admitted}"
            ),
            Self::Readdressed { nve, before, now } => {
                write!(f, "{nve} has the locators {now} now, as it says; before it had {before}")
            }
            Self::TwoPlaces { nve, at, other, .. } => write!(
                f,
                "a session of {nve} from {other} is refused: it has one from {at}; two edges have this id, or it started again elsewhere"
            ),
        }
    }
}

/// The purpose of the next deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// An output waits to be polled.
    Output,
    /// The session with an NVE is due.
    Session(NveId, SessionTimer),
    /// The deadline of a move.
    Move(MoveId),
    /// The NVEs of a VN get its replication list.
    Members(Vni),
    /// The NVA stops waiting for the reports of a move that has converged.
    Done(MoveId),
    /// The grace after the start ends: NVEs without a session count as gone.
    Grace,
    /// A TSI that its NVE did not restate is withdrawn, or a frozen TSI is released.
    Registrations,
    /// The owner is told about a duty that it has not done.
    Health,
}

/// The reason why an NVA did not take an input. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A check failed.
    #[error("{id} is refused: {why}")]
    Refused {
        /// The move.
        id: MoveId,
        /// The check that failed.
        why: Refusal,
    },
    /// Another move of one of the TSIs has not ended.
    #[error("{id} is refused: {key} still takes part in {other}, which is {state}; {}", end_of(state, left))]
    Busy {
        /// The move that is refused.
        id: MoveId,
        /// The TSI that takes part in both moves.
        key: TsiKey,
        /// The move that has not ended.
        other: MoveId,
        /// The state of that move.
        state: State,
        /// The time until the NVA revokes that move; `None` where no deadline ends it.
        left: Option<Micros>,
    },
    /// The NVA has no such move, or has forgotten how it ended.
    #[error("{0} is not in hand: the NVA has no such move")]
    UnknownMove(MoveId),
    /// The move is being revoked, or it is decided how it ends, so it cannot be cancelled.
    #[error("{id} cannot be cancelled: it is {state}")]
    NotCancellable {
        /// The move.
        id: MoveId,
        /// The state of the move.
        state: State,
    },
    /// A move has had this id.
    #[error("{0} has been used: each move needs an id that was never used before")]
    UsedId(MoveId),
    /// The id is one of those that the NVA gives to moves that nobody planned.
    #[error("{0} is reserved for the NVA: an id must be below 9223372036854775808 (2^63)")]
    ReservedId(MoveId),
    /// The NVE is not admitted.
    #[error("{0} is not admitted: admit it first (Input::Admit)")]
    UnknownNve(NveId),
    /// The move has more TSIs, or more addresses of them, than the message that prepares a move can name.
    #[error("{0} has too many TSIs and addresses for one Prepare message: move them in parts")]
    TooLarge(MoveId),
    /// The directory does not have the TSI.
    #[error("{0} is not in the directory")]
    UnknownTsi(TsiKey),
    /// The TSI takes part in a move, which must end first.
    #[error("{key} takes part in {other}: cancel the move first")]
    InMove {
        /// The TSI.
        key: TsiKey,
        /// The move.
        other: MoveId,
    },
    /// The TSI is not frozen.
    #[error("{0} is not frozen")]
    NotFrozen(TsiKey),
    /// A bound of the configuration is reached.
    #[error("no room: the limit {0} is reached")]
    Full(&'static str),
}

/// The end of a move in this state, as the end of a sentence.
fn end_of(state: &State, left: &Option<Micros>) -> String {
    match (state, left) {
        (_, Some(left)) => format!("the NVA revokes it in {} ms at the latest", left.0.div_ceil(1_000)),
        (State::Revoking { .. }, None) => "it ends after the new NVE has answered Revoke".into(),
        (State::Yielding { .. }, None) => "it ends after the old NVE has stopped delivering".into(),
        (_, None) => "it ends after its NVEs have acknowledged the outcome".into(),
    }
}

/// A move as [`Nva::moves`](super::Nva::moves) gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing<'a> {
    /// The id of the move.
    pub id: MoveId,
    /// The state of the move.
    pub state: State,
    /// The kind of the move.
    pub kind: MoveKind,
    /// The TSIs that move.
    pub tsis: &'a [TsiKey],
    /// The old NVE.
    pub old: NveId,
    /// The new NVE.
    pub new: NveId,
    /// The version that is reserved for the move.
    pub version: Version,
}

/// The counters of an [`Nva`](super::Nva). They start at 0 and only grow.
///
/// "Healthy: 0" marks a counter that stays 0 while every part works and nobody attacks.
///
/// With the feature `serde`, a stored form of an older version of this crate reads: a counter that it lacks is 0. The format must
/// name the fields, as JSON does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct NvaCounters {
    /// Datagrams that are not a message of the protocol. Healthy: 0.
    pub malformed: u64,
    /// Datagrams without a seal, where the configuration demands one. Healthy: 0.
    pub unsealed: u64,
    /// Datagrams sealed under a key that this NVA does not have. Healthy: 0, except while keys change.
    pub unknown_key: u64,
    /// Datagrams whose seal does not fit the key that they name. Healthy: 0.
    pub wrong_seal: u64,
    /// Messages sealed under the key of one NVE that name another NVE as the sender. Healthy: 0.
    pub not_bound: u64,
    /// Sealed datagrams that arrived a second time. A network that duplicates raises it.
    pub replayed: u64,
    /// *Hello* messages answered by a challenge: the first after each start of an NVE, and replayed ones.
    pub challenges: u64,
    /// Messages of a session that this NVA does not have. A restart of the NVA raises it.
    pub unknown_session: u64,
    /// *Hello* messages of NVEs that are not admitted ([`Input::Admit`]). Healthy: 0.
    pub unknown_nve: u64,
    /// *Hello* messages that the NVE sent before a *Hello* that was answered. A network that reorders raises it.
    pub old_hellos: u64,
    /// Messages that arrived again: the network duplicated them, or the NVE did not get the acknowledgement in time.
    pub repeated: u64,
    /// Messages that the session refused: of another session, or outside the window.
    pub rejected: u64,
    /// Messages that an NVE must not send to an NVA. Healthy: 0.
    pub unexpected: u64,
    /// Messages about a move from an NVE that must not send them, or with another version than the move's.
    pub not_party: u64,
    /// Inputs that the table of [`rules`](super::rules) has no row for. A lossy network can raise it.
    pub out_of_place: u64,
    /// Registrations that the NVA refused.
    pub refused_registrations: u64,
    /// Queries that the NVA answered.
    pub queries: u64,
    /// Mappings that the NVA pushed to NVEs.
    pub updates: u64,
    /// Events dropped because the owner did not poll them. Healthy: 0.
    pub shed_events: u64,
    /// Answers to senders without a session that were not sent, because the queue was full. Healthy: 0.
    pub shed_answers: u64,
    /// Sessions closed because the NVE or the journal did not keep up. Healthy: 0.
    pub shed_sessions: u64,
    /// Times that an NVE had seen a record which this NVA did not have: records were lost or old. Healthy: 0.
    pub rewinds: u64,
    /// TSIs that NVEs restated and the directory did not have in this way. Healthy: 0.
    pub taken_up: u64,
    /// TSIs that were withdrawn because their NVE did not restate them. A restart of an NVE raises it.
    pub omitted: u64,
    /// Datagrams dropped because too many came before the record of the NVA's epoch was durable. Healthy: 0.
    pub shed_early: u64,
    /// Restatements that were not in order. Healthy: 0.
    pub disordered: u64,
    /// Calls with an earlier time than a call before. The machine's time went on from the later one. Healthy: 0.
    pub clock_backwards: u64,
    /// Messages that an NVE's forwarder did not follow ([`Event::NotFollowed`] if one was about a move). Healthy: 0.
    pub not_followed: u64,
    /// Answers to senders without a session that were not sent, because there were too many to one address or to strangers
    /// (`NvaConfig.answers`, `strangers`). Healthy: 0.
    pub limited_answers: u64,
    /// Answers to senders without a session that were not sent, because their address would have got more bytes than came from it. The
    /// bytes that came count for the next answer. A restart of the NVA raises it.
    pub withheld_answers: u64,
    /// Registrations refused because the NVE's rule does not allow them ([`Event::ClaimRefused`]). Healthy: 0.
    pub unauthorised_registrations: u64,
    /// Registrations refused because the VM answers at the NVE that has it ([`Event::ClaimRefused`]). Healthy: 0.
    pub still_here_registrations: u64,
    /// Addresses that an NVE named of a TSI and that other TSIs have: the TSI is in the directory without them ([`Event::Contested`]). The
    /// same addresses count until the event has told them. Healthy: 0.
    pub contested_addresses: u64,
    /// Registrations refused because the NVE has its quota of TSIs or addresses ([`Event::OverQuota`]). Healthy: 0.
    pub over_quota_registrations: u64,
    /// Registrations refused because the NVE makes too many in a time ([`Event::OverQuota`]). Healthy: 0.
    pub limited_registrations: u64,
    /// VNs that an NVE could not subscribe to because of its quota ([`Event::OverQuota`]). Healthy: 0.
    pub over_quota_subscriptions: u64,
    /// Interests of an NVE that ended early to make room for another one of it ([`Event::OverQuota`]). Healthy: 0.
    pub over_quota_interest: u64,
    /// *Hello* messages refused because they named other locators than management ([`Event::OtherLocators`]). Healthy: 0.
    pub other_locators: u64,
    /// *Hello* messages refused because the NVE has a live session from another address ([`Event::TwoPlaces`]). Healthy: 0.
    pub two_places: u64,
    /// Times that the authority took over other locators from a *Hello* ([`Event::Readdressed`]).
    pub readdressed: u64,
    /// Moves that an NVE restated and that were not heard because of its quota ([`Event::OverQuota`]). Healthy: 0.
    pub over_quota_moves: u64,
}

impl NvaCounters {
    /// The datagrams that this NVA did not believe: the sum of `unsealed`, `unknown_key`, `wrong_seal`, `not_bound` and `replayed`.
    pub const fn unbelieved(&self) -> u64 {
        let sealed = self.unknown_key.saturating_add(self.wrong_seal).saturating_add(self.not_bound);
        sealed.saturating_add(self.unsealed).saturating_add(self.replayed)
    }
}

/// The address and UDP port of an NVE, where a datagram goes to or comes from.
pub type Peer = SocketAddr;
