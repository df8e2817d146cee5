//! What goes into an edge's control plane and what comes out, besides bytes.

use super::rules::{News, State};
use crate::health::Waiting;
use crate::table::VapId;
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

/// Why an input was not taken. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A port that is not attached.
    #[error("port {} is not attached", .0.0)]
    UnknownPort(VapId),
    /// A TSI that no port has and no move brings.
    #[error("{0} is not known here")]
    UnknownTsi(TsiKey),
    /// A TSI that is behind another port.
    #[error("{0} is behind another port")]
    Taken(TsiKey),
    /// An activation without a port.
    #[error("{0} has no port")]
    NoPort(TsiKey),
    /// A TSI without addresses, or in another VN than its port (VMM-4.4-01).
    #[error("{0} needs at least one IP address and the VN of its port")]
    Malformed(TsiKey),
    /// The edge is not prepared for that move.
    #[error("{key}, {state}, is not prepared for {move_id}")]
    NotPrepared {
        /// Whose.
        key: TsiKey,
        /// The move.
        move_id: MoveId,
        /// What the TSI is.
        state: &'static str,
    },
    /// The input does not fit the TSI's state.
    #[error("{key}, {state}: out of place")]
    OutOfPlace {
        /// Whose.
        key: TsiKey,
        /// What the TSI is.
        state: &'static str,
    },
    /// A bound of the configuration is reached.
    #[error("no room: {0}")]
    Full(&'static str),
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
