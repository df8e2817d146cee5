//! The move core of an NVE: what one TSI is to it, what may happen, and what then holds.
//!
//! One table in three leaves: `home` (no move), `old` (the VM leaves) and `new` (the VM comes). It knows no time, no
//! session, no sequence: timers, acknowledgements of the forwarder and new sessions are inputs with a name. [`entry`] says
//! what the forwarder does in each state; together with the floor that is all of the edge's behaviour in a move
//! (VMM-5-01 … VMM-5-17, SPL-01 … SPL-07, R-03, R-35, R-37).
//!
//! No row: the input is out of place, is counted, and changes nothing.
//!
//! # The table
//!
//! Printed from the code; `floor` is that of the input's version, `move` whether it names the move in hand.
//!
//! ```text
#![doc = include_str!("table.txt")]
//! ```

mod home;
mod new;
mod old;

use crate::table::{Action, Bum, Entry, Gate, Lane};
use arrayvec::ArrayVec;
use core::fmt;
use nvo3_nva_proto::{MoveId, Place, Refusal, Version};

/// One move as one of its parties knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Plan {
    /// Its name.
    pub id: MoveId,
    /// The version reserved for it.
    pub version: Version,
    /// The other party.
    pub peer: Place,
}

/// Why an NVE believes that the VM runs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Sign {
    /// It does not.
    None,
    /// An owner-checked frame of it was seen.
    Frame,
    /// Its hypervisor said so.
    Word,
}

/// The new NVE's view before the VM runs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Target {
    /// The move.
    pub plan: Plan,
    /// A forward entry that an earlier move left.
    pub forward: Option<Place>,
    /// What was seen of the VM here.
    pub sign: Sign,
    /// The move's version was heard: the old NVE has stopped delivering.
    pub left: bool,
}

/// What one TSI is to one NVE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum State {
    /// Nothing of it is here.
    #[default]
    Away,
    /// The VM shows up here and the NVA was asked; everything for it is held until the NVA answers.
    Claiming {
        /// A forward entry that an earlier move left.
        forward: Option<Place>,
        /// How it showed up.
        sign: Sign,
    },
    /// The VM runs here and the mapping names this NVE.
    Here,
    /// The VM runs here, and where it will go is known; what is delivered is remembered, since the word that it stopped may
    /// come late.
    Leaving(Plan),
    /// The tunnel to the new NVE is ordered.
    Suspending(Plan),
    /// The tunnel to the new NVE is ordered, and the VM does not run here.
    Vacating(Plan),
    /// The tunnel to the new NVE is in force; nothing is delivered here.
    Suspended(Plan),
    /// The VM runs here again by its hypervisor's decision; tunnelling goes on until the NVA has decided.
    Resuming(Plan),
    /// The move was aborted and the VM is still suspended here; everything is held until its hypervisor speaks.
    Halted {
        /// The other party of the aborted move, which sends back what it held; `None` after a restart.
        peer: Option<Place>,
    },
    /// The VM is elsewhere; what still arrives is tunnelled there for a while.
    Forwarding {
        /// Where it is.
        to: Place,
    },
    /// The prepared attachment is ordered.
    Installing(Target),
    /// The VM still runs at the old NVE; what that one tunnels here is held.
    Prepared(Target),
    /// The VM runs nowhere; everything for it is held.
    Holding(Target),
    /// The VM runs here; delivery is ordered.
    Activating(Plan),
    /// The VM runs here and is delivered to; the NVA has been told and has not answered.
    Active(Plan),
    /// This move will never be activated here; what is held stays held until the outcome is known.
    Revoked(Target),
}

/// What may happen to a TSI at an NVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Input {
    /// The hypervisor: the VM runs here.
    Runs,
    /// An owner-checked frame by which the VM shows that it is here.
    Frame,
    /// The hypervisor: the VM stops here for this move.
    Suspend(MoveId),
    /// The hypervisor: the VM is gone from here.
    Detach,
    /// The NVA: the VM will leave. `suspended`: it has been suspended already.
    PrepareOld(Plan, bool),
    /// The NVA: the VM has shown up at the peer and may go there; stop delivering.
    Yield(Plan),
    /// The NVA: the VM will come.
    PrepareNew(Plan),
    /// The NVA passes on: the old NVE has stopped delivering.
    Left(MoveId),
    /// The NVA: never activate this move.
    Revoke(Plan),
    /// The NVA: the move is committed, the mapping of this version points to another place.
    Committed(MoveId, Version, Place),
    /// The NVA: the move is committed, the mapping of this version points here.
    CommittedHere(MoveId, Version),
    /// The NVA: the move is aborted, the mapping of this version points to another place.
    Aborted(MoveId, Version, Place),
    /// The NVA: the move is aborted, the mapping of this version points here.
    AbortedHere(MoveId, Version),
    /// The NVA: the registration was accepted.
    Registered(Version),
    /// The NVA: the registration was refused.
    NotRegistered,
    /// An update: the mapping of this version points here.
    MovedHere(Version),
    /// An update: the mapping of this version points there.
    MovedTo(Version, Place),
    /// An update: there is no mapping from this version on.
    Withdrawn(Version),
    /// The NVA: everyone interested follows the move.
    Converged,
    /// The forwarder applied everything ordered for this TSI.
    Applied,
    /// The forwarder refused what was ordered.
    Refused,
    /// The timer of the forward entry.
    ForwardEnds,
    /// A new session: what was not answered must be said again.
    Again,
}

/// What is now to be done. A change of the [`entry`] needs no output: whoever steps compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Output {
    /// Tell the NVA about the move.
    Say(MoveId, Version, Word),
    /// Refuse the move.
    Refuse(MoveId, Version, Refusal),
    /// Ask the NVA to point the mapping here.
    Register,
    /// Tell the NVA that the VM is gone.
    Deregister,
    /// Start the timer of the forward entry.
    ForwardFor(Duration),
    /// Tell the owner.
    Tell(News),
}

/// How long a forward entry stays: which of the configured times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duration {
    /// The in-flight timer (VMM-5-04).
    InFlight,
    /// The linger after convergence.
    Linger,
}

/// What an NVE says about a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// Prepared.
    Ready,
    /// Nothing is delivered here; the tunnel is in force.
    Suspended,
    /// The VM runs here and is delivered to.
    Activated,
    /// The VM runs at the old place again.
    Resumed,
    /// It will never be activated.
    Revoked,
    /// How did it end?
    OutcomeQuery,
}

/// What the owner is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum News {
    /// Prepared to leave: the VM may be suspended once management says so.
    Prepared,
    /// The tunnel entry is in force: the VM may stop now.
    Suspended,
    /// The forwarder refused the tunnel; the VM must go on here.
    SuspendFailed,
    /// The forwarder refused to deliver to the VM, which runs here; the word that it runs is to be said again.
    ActivateFailed,
    /// The VM is delivered to here.
    Running,
    /// The VM was seen here before it may run here; what it sends is kept (R-35).
    Hint,
    /// The VM must not run here: the move was revoked.
    Revoked,
    /// The move was aborted; the VM, suspended here, waits for its hypervisor.
    Halted,
    /// The VM is elsewhere for good.
    Gone,
    /// The mapping was taken away although the VM runs here.
    Displaced,
    /// The NVA refused the VM here.
    NotRegistered,
}

impl News {
    /// The news in a word, as logs write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Suspended => "suspended",
            Self::SuspendFailed => "suspend-failed",
            Self::ActivateFailed => "activate-failed",
            Self::Running => "running",
            Self::Hint => "hint",
            Self::Revoked => "revoked",
            Self::Halted => "halted",
            Self::Gone => "gone",
            Self::Displaced => "displaced",
            Self::NotRegistered => "not-registered",
        }
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prepared => "prepared to leave; the VM may be suspended once management says so",
            Self::Suspended => "the tunnel to the new NVE is in force; the VM may stop",
            Self::SuspendFailed => "the forwarder refused the tunnel; the VM must go on here",
            Self::ActivateFailed => "the forwarder refused to deliver to the VM; say again that the VM runs",
            Self::Running => "the VM runs here and is delivered to",
            Self::Hint => "the VM sent a frame before it may run here; its frames are kept",
            Self::Revoked => "the move was revoked; the VM must not run here",
            Self::Halted => "the move was aborted; the VM is suspended here until its hypervisor resumes it",
            Self::Gone => "the VM has moved away for good",
            Self::Displaced => "the NVA moved the mapping away although the VM runs here",
            Self::NotRegistered => "the NVA refused to register the VM here",
        })
    }
}

/// What is to be done, in order.
pub type Outputs = ArrayVec<Output, 3>;

/// A TSI's state and its floor: what is not above the floor changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TsiState {
    /// What the TSI is to this NVE.
    pub state: State,
    /// The newest statement that was accepted about it.
    pub floor: Version,
}

/// One step of the table. `None`: out of place, nothing changes.
pub fn step(before: TsiState, input: Input) -> Option<(TsiState, Outputs)> {
    let TsiState { state, floor } = before;
    let (state, outputs) = old::step(state, floor, input)
        .or_else(|| new::step(state, floor, input))
        .or_else(|| home::step(state, floor, input))?;
    let floor = floor.max(raised_by(input, &state));
    let floor = match state {
        State::Activating(plan) | State::Holding(Target { plan, .. }) => floor.max(plan.version),
        _ => floor,
    };
    Some((TsiState { state, floor }, outputs))
}

/// The floor that an accepted statement sets. A refused Prepare sets none: the mapping of now may still be registered.
fn raised_by(input: Input, state: &State) -> Version {
    match input {
        Input::PrepareOld(plan, _) | Input::Yield(plan) | Input::PrepareNew(plan) if state.plan() == Some(&plan) => {
            just_below(plan.version)
        }
        Input::Revoke(plan) => plan.version,
        Input::Committed(_, version, _)
        | Input::CommittedHere(_, version)
        | Input::Aborted(_, version, _)
        | Input::AbortedHere(_, version)
        | Input::Registered(version)
        | Input::MovedHere(version)
        | Input::MovedTo(version, _)
        | Input::Withdrawn(version) => version,
        _ => Version::default(),
    }
}

fn just_below(version: Version) -> Version {
    Version { generation: version.generation.saturating_sub(1), ..version }
}

impl State {
    /// Whether an [`Input::Applied`] is waited for.
    pub const fn awaits_forwarder(&self) -> bool {
        matches!(self, Self::Suspending(_) | Self::Vacating(_) | Self::Installing(_) | Self::Activating(_))
    }

    /// Whether a VM that was moved may start here: prepared for that move, and not revoked.
    pub fn may_run_for(&self, id: MoveId) -> bool {
        match self {
            Self::Installing(t) | Self::Prepared(t) | Self::Holding(t) => t.plan.id == id,
            Self::Activating(plan) | Self::Active(plan) => plan.id == id,
            _ => false,
        }
    }

    /// The move in hand.
    pub const fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Away | Self::Claiming { .. } | Self::Here | Self::Halted { .. } | Self::Forwarding { .. } => None,
            Self::Leaving(plan)
            | Self::Suspending(plan)
            | Self::Vacating(plan)
            | Self::Suspended(plan)
            | Self::Resuming(plan)
            | Self::Activating(plan)
            | Self::Active(plan) => Some(plan),
            Self::Installing(t) | Self::Prepared(t) | Self::Holding(t) | Self::Revoked(t) => Some(&t.plan),
        }
    }

    /// The state's name, as logs and counters write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Claiming { .. } => "claiming",
            Self::Here => "here",
            Self::Leaving(_) => "leaving",
            Self::Suspending(_) => "suspending",
            Self::Vacating(_) => "vacating",
            Self::Suspended(_) => "suspended",
            Self::Resuming(_) => "resuming",
            Self::Halted { .. } => "halted",
            Self::Forwarding { .. } => "forwarding",
            Self::Installing(_) => "installing",
            Self::Prepared(_) => "prepared",
            Self::Holding(_) => "holding",
            Self::Activating(_) => "activating",
            Self::Active(_) => "active",
            Self::Revoked(_) => "revoked",
        }
    }
}

impl fmt::Display for State {
    /// The state's name, and what it means in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", self.name())?;
        match self {
            Self::Away => f.write_str("no VM of it is here"),
            Self::Claiming { .. } => f.write_str("the VM showed up here, and the NVA has not answered"),
            Self::Here => f.write_str("the VM runs here, and the mapping names this NVE"),
            Self::Leaving(p) => write!(f, "the VM runs here, and {} will move it to {}", p.id, p.peer.nve),
            Self::Suspending(p) => write!(f, "the tunnel to {} is ordered for {}", p.peer.nve, p.id),
            Self::Vacating(p) => {
                write!(f, "the VM does not run here, and the tunnel to {} is ordered for {}", p.peer.nve, p.id)
            }
            Self::Suspended(p) => write!(f, "the tunnel to {} is in force for {}", p.peer.nve, p.id),
            Self::Resuming(p) => write!(f, "the VM was resumed here, and the NVA has not decided {}", p.id),
            Self::Halted { .. } => f.write_str("the move was aborted, and the VM is suspended here"),
            Self::Forwarding { to } => write!(f, "the VM is at {}, and late frames are tunnelled there", to.nve),
            Self::Installing(t) => write!(f, "the attachment for {} is ordered", t.plan.id),
            Self::Prepared(t) => write!(f, "prepared for {}, and the VM still runs at {}", t.plan.id, t.plan.peer.nve),
            Self::Holding(t) => write!(f, "the VM runs nowhere, and frames are held for {}", t.plan.id),
            Self::Activating(p) => write!(f, "the VM runs here by {}, and delivery is ordered", p.id),
            Self::Active(p) => write!(f, "the VM runs here by {}, and the NVA has not answered", p.id),
            Self::Revoked(t) => write!(f, "{} will never be activated here", t.plan.id),
        }?;
        f.write_str(")")
    }
}

/// What the forwarder does for a TSI in this state; `None` leaves it to the mapping.
pub const fn entry(state: State) -> Option<Entry> {
    Some(match state {
        State::Away => return None,
        State::Here | State::Activating(_) | State::Active(_) => Entry::DELIVER,
        State::Leaving(_) => Entry::DELIVER_AND_REMEMBER,
        State::Suspending(plan) | State::Vacating(plan) | State::Suspended(plan) | State::Resuming(plan) => {
            tunnel(plan.peer)
        }
        State::Forwarding { to } => tunnel(to),
        State::Claiming { forward, .. } => hold(forward, Bum::Skip, Gate::Hold),
        State::Halted { peer } => hold(peer, Bum::Skip, Gate::Open),
        State::Holding(target) => hold(Some(target.plan.peer), Bum::Hold, Gate::Hold),
        State::Revoked(target) if target.left => hold(Some(target.plan.peer), Bum::Hold, Gate::Hold),
        State::Installing(target) | State::Prepared(target) | State::Revoked(target) => Entry {
            party: Some(target.plan.peer),
            vap: Action::Tunnel(target.plan.peer),
            from_party: Action::Hold(Lane::Tunnelled),
            tunnel: Action::Tunnel(match target.forward {
                Some(to) => to,
                None => target.plan.peer,
            }),
            bum: Bum::Skip,
            gate: Gate::Hold,
            remember: false,
        },
    })
}

/// The same where the NVA has not been heard for so long that it may have ended the move without this NVE. The new NVE then
/// sends back what is tunnelled to it: that is kept, not tunnelled there again (R-37).
pub const fn entry_alone(state: State) -> Option<Entry> {
    let Some(entry) = entry(state) else { return None };
    Some(match state {
        State::Suspending(plan) | State::Vacating(plan) | State::Suspended(plan) | State::Resuming(plan) => {
            Entry { party: Some(plan.peer), from_party: Action::Hold(Lane::Tunnelled), ..entry }
        }
        _ => entry,
    })
}

const fn tunnel(to: Place) -> Entry {
    Entry::all(Action::Tunnel(to), Bum::Skip, Gate::Open)
}

const fn hold(party: Option<Place>, bum: Bum, gate: Gate) -> Entry {
    Entry {
        party,
        vap: Action::Hold(Lane::Direct),
        from_party: Action::Hold(Lane::Tunnelled),
        tunnel: Action::Hold(Lane::Direct),
        bum,
        gate,
        remember: false,
    }
}

macro_rules! outputs {
    ($($output:expr),* $(,)?) => {
        $crate::nve::rules::Outputs::from_iter([$($output),*])
    };
}
use outputs;

#[cfg(test)]
mod tests;
