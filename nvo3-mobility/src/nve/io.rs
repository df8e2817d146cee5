//! What goes into an edge's control plane and what comes out, besides bytes.

use super::rules::{self, News, State};
use crate::health::Waiting;
use crate::table::VapId;
use crate::words;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::net::IpAddr;
use nvo3_nva_proto::{DownReason, Instant, MoveId, RegistrationResult, Report, SessionTimer, Tsi, TsiKey};
use nvo3_wire::{Mac, Vni};

/// What an owner (a hypervisor's hook, a driver's loop) tells an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Input {
    /// Ask the NVA for a session, and again whenever it is lost. What ran here before is told first.
    Connect,
    /// End the session in order.
    Goodbye,
    /// A port exists. It registers nothing (creating the target's port of a move must hijack nothing).
    Attach {
        /// Its number, the owner's choice.
        vap: VapId,
        /// Its VN.
        vn: Vni,
        /// Which TSIs may be behind it: the binding of MAC and IPs (VMM-10-02).
        tsis: alloc::vec::Vec<Tsi>,
        /// Frames of any source may come in: a gateway or a bridge is behind it.
        trusted: bool,
    },
    /// A port is gone.
    Detach {
        /// Its number.
        vap: VapId,
    },
    /// The VM behind this TSI runs here.
    Activate {
        /// Whose.
        key: TsiKey,
        /// With a move: refused unless prepared for it, and the VM may start only if it is not refused. Without: a
        /// plain fact, also for a VM that its hypervisor resumed here.
        move_id: Option<MoveId>,
    },
    /// The VM will stop here for this move, or has stopped. Better before than after: without `stopped_at` it may stop once
    /// [`News::Suspended`] is heard, and no frame is in question.
    Suspend {
        /// Whose.
        key: TsiKey,
        /// The move.
        move_id: MoveId,
        /// Where the word only comes after the VM stopped: when that was, by the clock of the inputs; a time to come is
        /// taken as now. What was delivered at that time or later goes to the new NVE, before anything newer, also where
        /// the move has been committed meanwhile, as long as that is remembered. This says that
        /// the VM never reads it here: a hypervisor that resumes the VM here after all empties its port first, or the VM
        /// has those frames twice. Group frames delivered since the stop are lost.
        stopped_at: Option<Instant>,
    },
    /// The forwarder has applied every change up to this number that it did not refuse.
    Applied(u64),
    /// The forwarder refused this change.
    Refused {
        /// Its number.
        number: u64,
    },
    /// The forwarder lost its table.
    ForwarderReset,
    /// Have every mapping of a VN pushed, not only those asked for (a gateway does so, DIR-23).
    Subscribe(Vni),
    /// No longer.
    Unsubscribe(Vni),
    /// What the forwarder counted for a move, for the NVA's report.
    Report {
        /// The move.
        move_id: MoveId,
        /// The figures.
        report: Report,
    },
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("connect to the NVA"),
            Self::Goodbye => f.write_str("end the session with the NVA"),
            Self::Attach { vap, vn, tsis, trusted: false } => {
                write!(f, "attach {vap} in VN {vn} for {} TSIs", tsis.len())
            }
            Self::Attach { vap, vn, trusted: true, .. } => write!(f, "attach {vap} in VN {vn} for any source"),
            Self::Detach { vap } => write!(f, "detach {vap}"),
            Self::Activate { key, move_id: Some(id) } => write!(f, "{key} runs here by {id}"),
            Self::Activate { key, move_id: None } => write!(f, "{key} runs here"),
            Self::Suspend { key, move_id, stopped_at: None } => write!(f, "{key} will stop for {move_id}"),
            Self::Suspend { key, move_id, stopped_at: Some(at) } => {
                write!(f, "{key} stopped for {move_id} at {at} s")
            }
            Self::Applied(number) => write!(f, "the forwarder applied the changes up to {number}"),
            Self::Refused { number } => write!(f, "the forwarder refused change {number}"),
            Self::ForwarderReset => f.write_str("the forwarder lost its table"),
            Self::Subscribe(vn) => write!(f, "subscribe to VN {vn}"),
            Self::Unsubscribe(vn) => write!(f, "unsubscribe from VN {vn}"),
            Self::Report { move_id, .. } => write!(f, "report the cost of {move_id}"),
        }
    }
}

/// Why an NVE did not take an input. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The port is not attached.
    #[error("{0} is not attached: attach it first (Input::Attach)")]
    UnknownPort(VapId),
    /// No port has the TSI, and no move brings it.
    #[error("{0} is not known here: attach a port for it first (Input::Attach)")]
    UnknownTsi(TsiKey),
    /// The TSI is behind another port.
    #[error("{0} is behind another port: detach that port first")]
    Taken(TsiKey),
    /// The VM was to run here, and its TSI has no port.
    #[error("{0} has no port: attach its port before the VM runs here")]
    NoPort(TsiKey),
    /// The TSI has no address, or is in another VN than its port (VMM-4.4-01 wants both).
    #[error("{0} cannot be attached: it needs at least one IP address, and the VN of its port")]
    Malformed(TsiKey),
    /// The NVE is not prepared for the move, so the VM must not start here by it.
    #[error(
        "{key} is not prepared for {move_id}: it is {state}; the VM must not start here by this move before the NVA has \
         prepared this NVE for it"
    )]
    NotPrepared {
        /// The TSI.
        key: TsiKey,
        /// The move.
        move_id: MoveId,
        /// The TSI's state.
        state: State,
    },
    /// The TSI's state does not take the input.
    #[error("{key} cannot {} now: it is {state}; {}", asked(input), accepted(input))]
    OutOfPlace {
        /// The TSI.
        key: TsiKey,
        /// The TSI's state.
        state: State,
        /// The input that the state does not take.
        input: rules::Input,
    },
    /// A bound of the configuration is reached.
    #[error("no room: the limit {0} is reached")]
    Full(&'static str),
}

/// What an input asks of a TSI.
fn asked(input: &rules::Input) -> String {
    match input {
        rules::Input::Suspend(id) => format!("be suspended for {id}"),
        rules::Input::Detach => "be detached".into(),
        rules::Input::Runs => "run here".into(),
        _ => "take this input".into(),
    }
}

/// When such an input is taken.
const fn accepted(input: &rules::Input) -> &'static str {
    match input {
        rules::Input::Suspend(_) => "Suspend is taken once the NVA has prepared this NVE for the move (News::Prepared)",
        rules::Input::Detach => "Detach is taken once the NVA has answered that the move is committed or aborted",
        _ => "the table of nve::rules says what each state takes",
    }
}

/// What the owner should know or do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Event {
    /// There is a session with the NVA.
    SessionUp,
    /// There is none any more; forwarding goes on as it is.
    SessionDown(DownReason),
    /// A TSI's state changed.
    State {
        /// Whose.
        key: TsiKey,
        /// Before.
        from: State,
        /// Now.
        to: State,
    },
    /// Something of a TSI that its hypervisor waits for.
    News {
        /// Whose.
        key: TsiKey,
        /// The move it is about, if any.
        move_id: Option<MoveId>,
        /// What.
        news: News,
    },
    /// The NVA refused a registration.
    Refused {
        /// Whose.
        key: TsiKey,
        /// Why.
        result: RegistrationResult,
    },
    /// A station claimed an address that is not bound to it (VMM-10-02). At most one per port and interval.
    Spoofed {
        /// The port.
        vap: VapId,
        /// Who claimed.
        mac: Mac,
        /// What.
        ip: Option<IpAddr>,
    },
    /// The owner has done nothing for [`PATIENCE`](crate::health::PATIENCE) about what only it can do: said once, and again after it
    /// has done something and stopped anew.
    Stalled(Waiting),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionUp => f.write_str("the session with the NVA is up"),
            Self::SessionDown(reason) => {
                write!(f, "the session with the NVA is down ({}); forwarding goes on", words::down(*reason))
            }
            Self::State { key, from, to } => write!(f, "{key}: {} -> {}", from.name(), to.name()),
            Self::News { key, move_id: Some(id), news } => write!(f, "{key}, {id}: {news}"),
            Self::News { key, move_id: None, news } => write!(f, "{key}: {news}"),
            Self::Refused { key, result } => {
                write!(f, "{key}: the NVA refused the registration: {}", words::registration(*result))
            }
            Self::Spoofed { vap, mac, ip: Some(ip) } => {
                write!(f, "{vap}: {mac} claimed {ip}, which is not bound to it")
            }
            Self::Spoofed { vap, mac, ip: None } => write!(f, "{vap}: {mac} sent, which is not bound to the port"),
            Self::Stalled(waiting) => write!(f, "the owner does not do its part: {waiting}"),
        }
    }
}

/// Where a message or frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transmit {
    /// To the NVA, a datagram.
    Nva,
    /// To another NVE's control port, a datagram.
    Nve(IpAddr),
    /// Out of a port, an Ethernet frame.
    Port(VapId),
}

/// What the next deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// Something waits to be polled.
    Output,
    /// The session with the NVA.
    Session(SessionTimer),
    /// A forward entry ends.
    Forward,
    /// A mapping's lifetime ends.
    Mapping,
    /// The owner is told what it has not done (see [`Nve::health`](super::Nve::health)).
    Health,
}

/// What happened to a punted frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handled {
    /// Let the forwarder send it on.
    Pass,
    /// It was answered, kept or dropped here.
    Taken,
}
