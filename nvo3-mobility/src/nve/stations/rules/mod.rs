//! The state machine of one TSI at an NVE: its states, inputs, outputs, and the table of steps.
//!
//! The table has three parts: `home` (no move), `old` (the VM leaves) and `new` (the VM comes). It knows no time, session or
//! sequence: timers, answers of the forwarder and new sessions are named inputs. [`entry`] gives the forwarder's entry in each
//! state. The table, the entries and the floor are the whole behaviour of an NVE in a move. VMM-5-01 … VMM-5-17 say how the old
//! and the new NVE treat frames, and SPL-01 … SPL-07 when a VM is associated and active. This suite adds an order of statements,
//! a VM's activation by its own frames, and an end to loops.
//!
//! An input without a row is out of place: the NVE counts it, and nothing changes.
//!
//! # The table
//!
//! The code generates this table, and a test checks that the file is current. An empty *when* means always. `floor` compares the input's
//! version with the TSI's floor. `move` says whether the input names the move in hand.
//!
#![doc = include_str!("table.md")]

mod home;
mod new;
mod old;

use crate::table::{Action, Bum, Entry, Gate, Lane};
use core::fmt;
use nvo3_nva_proto::{MoveId, Place, Refusal, Version};

/// A move as one of its two NVEs knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Plan {
    /// The id of the move.
    pub id: MoveId,
    /// The version that is reserved for the move.
    pub version: Version,
    /// The other NVE of the move.
    pub peer: Place,
}

/// The reason why an NVE believes that the VM runs here, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Sign {
    /// The NVE has no reason.
    None,
    /// The NVE saw a frame of the VM whose source is bound to the port.
    Frame,
    /// The hypervisor said so.
    Word,
}

/// A move at the new NVE, before the VM runs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Target {
    /// The move.
    pub plan: Plan,
    /// A forward entry that an earlier move left.
    pub forward: Option<Place>,
    /// The sign that the VM runs here.
    pub sign: Sign,
    /// True once the new NVE heard that the old NVE has stopped delivering.
    pub left: bool,
}

/// The state of one TSI at one NVE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum State {
    /// The TSI has no VM and no move here.
    #[default]
    Away,
    /// The VM showed up here, and the NVE asked the NVA to register it. All frames for it are held until the NVA answers.
    Claiming {
        /// A forward entry that an earlier move left.
        forward: Option<Place>,
        /// The sign by which the VM showed up.
        sign: Sign,
    },
    /// The VM runs here and the mapping names this NVE.
    Here,
    /// The VM runs here, and the NVE knows where it will go. Delivered frames are remembered, because *Suspend* may come after the
    /// VM stopped.
    Leaving(Plan),
    /// The VM runs here, and a frame at another NVE shows it there. The NVE asks the VM whether it is here. Delivered frames are
    /// remembered until the VM answers.
    Confirming(Plan),
    /// The tunnel to the new NVE is ordered.
    Suspending(Plan),
    /// The tunnel to the new NVE is ordered, and the VM does not run here.
    Vacating(Plan),
    /// The tunnel to the new NVE is in force; nothing is delivered here.
    Suspended(Plan),
    /// The tunnel to the new NVE is in force, and the VM does not run here.
    Vacated(Plan),
    /// The hypervisor resumed the VM here. Tunnelling goes on until the NVA has decided.
    Resuming(Plan),
    /// The move was aborted, and the VM is still suspended here. All frames are held until the hypervisor resumes it.
    Halted {
        /// The other NVE of the aborted move, which sends back the frames that it held; `None` after a restart.
        peer: Option<Place>,
    },
    /// The VM is at another NVE. Late frames are tunnelled there for a while.
    Forwarding {
        /// The NVE where the VM is.
        to: Place,
    },
    /// The prepared attachment is ordered.
    Installing(Target),
    /// The VM still runs at the old NVE. Frames that the old NVE tunnels here are held.
    Prepared(Target),
    /// The VM runs nowhere. All frames for it are held.
    Holding(Target),
    /// The VM runs here. Delivery is ordered.
    Activating(Plan),
    /// The VM runs here and gets its frames. The NVE told the NVA, and the NVA has not answered.
    Active(Plan),
    /// The move will never be activated here. Held frames stay held until the outcome is known.
    Revoked(Target),
}

/// An input of the table for one TSI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Input {
    /// The hypervisor: the VM runs here.
    Runs,
    /// The forwarder: a frame of the VM, whose source is bound to the port, shows that the VM is here.
    Frame,
    /// The hypervisor: the VM stops here for this move.
    Suspend(MoveId),
    /// The hypervisor: the VM is gone from here.
    Detach,
    /// The NVA: the VM will leave. `true`: it has been suspended already.
    PrepareOld(Plan, bool),
    /// The NVA: the VM showed up at the other NVE and may move there; stop delivering.
    Yield(Plan),
    /// The NVA: a frame at the other NVE shows the VM there; stop delivering unless the VM answers here.
    Confirm(Plan),
    /// The VM did not answer.
    Silent,
    /// The NVA: the VM will come.
    PrepareNew(Plan),
    /// The NVA: the old NVE has stopped delivering.
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
    /// The NVA: an update says that the mapping of this version points here.
    MovedHere(Version),
    /// The NVA: an update says that the mapping of this version points to another place.
    MovedTo(Version, Place),
    /// The NVA: an update says that there is no mapping from this version on.
    Withdrawn(Version),
    /// The NVA: every interested NVE uses the new mapping.
    Converged,
    /// The forwarder applied every change for this TSI.
    Applied,
    /// The forwarder refused the last change for this TSI.
    Refused,
    /// The timer of the forward entry ran out.
    ForwardEnds,
    /// A new session with the NVA: the NVE must send everything unanswered again.
    Again,
}

/// An output of the table. A change of the [`entry`] needs no output: the caller compares the entries before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Output {
    /// Send a message about the move to the NVA.
    Say(MoveId, Version, Word),
    /// Tell the NVA that this NVE refuses the move.
    Refuse(MoveId, Version, Refusal),
    /// Ask the NVA to point the mapping here.
    Register,
    /// Tell the NVA that the VM is gone.
    Deregister,
    /// Ask the VM whether it is here, and start the timer of its answer.
    Probe,
    /// Start the timer of the forward entry.
    ForwardFor(Duration),
    /// Tell the owner the news.
    Tell(News),
}

/// The configured time for which a forward entry stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duration {
    /// `NveConfig.in_flight`: frames in flight to the old NVE still need the entry (VMM-5-04).
    InFlight,
    /// `NveConfig.linger`: the time after every interested NVE uses the new mapping.
    Linger,
}

/// A message of an NVE about a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// This NVE is prepared.
    Ready,
    /// This NVE delivers nothing, and its tunnel to the new NVE is in force.
    Suspended,
    /// The VM runs at the new NVE and gets its frames.
    Activated,
    /// The VM runs at the old NVE again.
    Resumed,
    /// The new NVE will never activate the move.
    Revoked,
    /// The NVE asks how the move ended.
    OutcomeQuery,
}

/// News for the owner about a TSI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum News {
    /// The NVE is prepared for the VM to leave. The VM may be suspended once management says so.
    Prepared,
    /// The tunnel to the new NVE is in force. The VM may stop now.
    Suspended,
    /// The forwarder refused the tunnel. The VM must go on here.
    SuspendFailed,
    /// The forwarder refused to deliver to the VM, which runs here. The owner must give *Activate* again.
    ActivateFailed,
    /// The VM runs here and gets its frames.
    Running,
    /// The VM sent a frame here before it may run here. Its frames are kept until it may.
    Hint,
    /// The move was revoked. The VM must not run here.
    Revoked,
    /// The move was aborted. The VM is suspended here until its hypervisor resumes it.
    Halted,
    /// The move was committed. The VM is at the other NVE.
    Gone,
    /// The NVA moved the mapping to another NVE, although the VM runs here.
    Displaced,
    /// The NVA refused to register the VM here.
    NotRegistered,
}

impl News {
    /// True if the news promises what the forwarder does. It comes out once the forwarder does so.
    pub const fn promises_forwarding(self) -> bool {
        matches!(self, Self::Prepared | Self::Suspended | Self::Running)
    }

    /// The name of the news, as logs and counters write it.
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

/// The outputs of one step, in order.
pub type Outputs = crate::Outputs<Output>;

/// The state of a TSI, and its floor: a statement below the floor is older than one that was accepted, and changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TsiState {
    /// The state.
    pub state: State,
    /// The version of the newest statement of the NVA that this NVE accepted about the TSI.
    pub floor: Version,
}

/// Takes one step of the table. `None`: the input is out of place, and nothing changes.
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

/// The floor that an accepted statement sets. A refused *Prepare* sets none, because the current mapping may still be registered.
fn raised_by(input: Input, state: &State) -> Version {
    match input {
        Input::PrepareOld(plan, _) | Input::Yield(plan) | Input::Confirm(plan) | Input::PrepareNew(plan)
            if state.plan() == Some(&plan) =>
        {
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
    /// True if the state waits for [`Input::Applied`].
    pub const fn awaits_forwarder(&self) -> bool {
        matches!(self, Self::Suspending(_) | Self::Vacating(_) | Self::Installing(_) | Self::Activating(_))
    }

    /// True if what this NVE promises in this state rests on the TSI's port too: the VM will run or runs behind it.
    pub const fn needs_port(&self) -> bool {
        matches!(
            self,
            Self::Claiming { .. }
                | Self::Here
                | Self::Installing(_)
                | Self::Prepared(_)
                | Self::Holding(_)
                | Self::Activating(_)
                | Self::Active(_)
        )
    }

    /// True if the VM runs here, or has stopped here and no other NVE has it: this NVE then answers for the addresses of the VM
    /// without asking the NVA.
    pub const fn is_home(&self) -> bool {
        match self {
            Self::Here
            | Self::Leaving(_)
            | Self::Confirming(_)
            | Self::Suspending(_)
            | Self::Suspended(_)
            | Self::Resuming(_)
            | Self::Halted { .. }
            | Self::Activating(_)
            | Self::Active(_) => true,
            Self::Away
            | Self::Claiming { .. }
            | Self::Vacating(_)
            | Self::Vacated(_)
            | Self::Forwarding { .. }
            | Self::Installing(_)
            | Self::Prepared(_)
            | Self::Holding(_)
            | Self::Revoked(_) => false,
        }
    }

    /// True if the VM may start here by this move: the NVE is prepared for the move, and the move is not revoked.
    pub fn may_run_for(&self, id: MoveId) -> bool {
        match self {
            Self::Installing(t) | Self::Prepared(t) | Self::Holding(t) => t.plan.id == id,
            Self::Activating(plan) | Self::Active(plan) => plan.id == id,
            _ => false,
        }
    }

    /// The move in hand, if any.
    pub const fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Away | Self::Claiming { .. } | Self::Here | Self::Halted { .. } | Self::Forwarding { .. } => None,
            Self::Leaving(plan)
            | Self::Confirming(plan)
            | Self::Suspending(plan)
            | Self::Vacating(plan)
            | Self::Suspended(plan)
            | Self::Vacated(plan)
            | Self::Resuming(plan)
            | Self::Activating(plan)
            | Self::Active(plan) => Some(plan),
            Self::Installing(t) | Self::Prepared(t) | Self::Holding(t) | Self::Revoked(t) => Some(&t.plan),
        }
    }

    /// The NVE that may tunnel frames of the TSI here because of a move in hand, or of the last one.
    pub(crate) const fn party(&self) -> Option<Place> {
        match self {
            Self::Halted { peer } => *peer,
            Self::Claiming { forward, .. } => *forward,
            _ => match self.plan() {
                Some(plan) => Some(plan.peer),
                None => None,
            },
        }
    }

    /// The state's name, as logs and counters write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Claiming { .. } => "claiming",
            Self::Here => "here",
            Self::Leaving(_) => "leaving",
            Self::Confirming(_) => "confirming",
            Self::Suspending(_) => "suspending",
            Self::Vacating(_) => "vacating",
            Self::Suspended(_) => "suspended",
            Self::Vacated(_) => "vacated",
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

/// A [`State`] in short, for a person: its name, its meaning and the move in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The name of the state, as [`State::name`] gives it.
    pub name: &'static str,
    /// The meaning of the state.
    pub meaning: &'static str,
    /// The move in hand, if any.
    pub move_id: Option<MoveId>,
}

impl State {
    /// The state in short.
    pub fn summary(&self) -> Summary {
        let meaning = match self {
            Self::Away => "no VM of it is here",
            Self::Claiming { .. } => "the VM showed up here, and the NVA has not answered",
            Self::Here => "the VM runs here, and the mapping names this NVE",
            Self::Leaving(_) => "the VM runs here, and will move to the new NVE",
            Self::Confirming(_) => "a frame elsewhere shows the VM there, and the VM is asked whether it is here",
            Self::Suspending(_) => "the tunnel to the new NVE is ordered",
            Self::Vacating(_) => "the VM does not run here, and the tunnel to the new NVE is ordered",
            Self::Suspended(_) => "the tunnel to the new NVE is in force",
            Self::Vacated(_) => "the VM does not run here, and the tunnel to the new NVE is in force",
            Self::Resuming(_) => "the VM was resumed here, and the NVA has not decided",
            Self::Halted { .. } => "the move was aborted, and the VM is suspended here",
            Self::Forwarding { .. } => "the VM is at another NVE, and late frames are tunnelled there",
            Self::Installing(_) => "the attachment is ordered",
            Self::Prepared(_) => "this NVE is prepared, and the VM still runs at the old NVE",
            Self::Holding(_) => "the VM runs nowhere, and its frames are held",
            Self::Activating(_) => "the VM runs here, and delivery is ordered",
            Self::Active(_) => "the VM runs here, and the NVA has not answered",
            Self::Revoked(_) => "the move will never be activated here",
        };
        Summary { name: self.name(), meaning, move_id: self.plan().map(|plan| plan.id) }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, meaning, move_id } = self;
        match move_id {
            Some(id) => write!(f, "{name} in {id} ({meaning})"),
            None => write!(f, "{name} ({meaning})"),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.summary().fmt(f)
    }
}

/// The forwarder's entry for a TSI in this state; `None`: the mapping decides.
pub const fn entry(state: State) -> Option<Entry> {
    Some(match state {
        State::Away => return None,
        State::Here | State::Activating(_) | State::Active(_) => Entry::DELIVER,
        State::Leaving(_) | State::Confirming(_) => Entry::DELIVER_AND_REMEMBER,
        State::Suspending(plan)
        | State::Vacating(plan)
        | State::Suspended(plan)
        | State::Vacated(plan)
        | State::Resuming(plan) => tunnel(plan.peer),
        State::Forwarding { to } => tunnel(to),
        // Also where only a frame shows the VM: after a restart in a move, the old NVE tunnels its frames here and must not get them
        // back.
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

/// The entry while this NVE has no session: the NVA may have ended the move without it. The new NVE then sends back the frames
/// that this NVE tunnels to it. This NVE holds them and does not tunnel them again, so that no frame loops.
pub const fn entry_alone(state: State) -> Option<Entry> {
    let Some(entry) = entry(state) else { return None };
    Some(match state {
        State::Suspending(plan)
        | State::Vacating(plan)
        | State::Suspended(plan)
        | State::Vacated(plan)
        | State::Resuming(plan) => Entry { party: Some(plan.peer), from_party: Action::Hold(Lane::Tunnelled), ..entry },
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
        $crate::nve::rules::Outputs::from([$($output),*])
    };
}
use outputs;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
