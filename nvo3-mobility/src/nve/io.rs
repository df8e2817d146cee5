//! The inputs and outputs of an NVE's control plane, besides bytes.

use super::rules::{self, News, State, Summary};
use crate::fairness::Limit;
use crate::health::Waiting;
use crate::table::{PortPolicy, VapId};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use nvo3_nva_proto::{DownReason, ErrorCode, Instant, MoveId, RegistrationResult, Report, SessionTimer, Tsi, TsiKey};
use nvo3_wire::{Mac, Vni};

/// An input of the owner of an NVE: a hypervisor's hook or a driver's loop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Input {
    /// Open the session with the NVA, and open it again whenever it is lost. Attach and activate the VMs that run here before this.
    Connect,
    /// Close the session with the NVA.
    Goodbye,
    /// A port exists. This registers no TSI with the NVA: creating the port at the new NVE must not move the mapping.
    ///
    /// A port that is attached already gets these TSIs and addresses in place of its old ones, also while a VM runs: a TSI that is not
    /// named any more is detached, and other addresses of a VM that runs here are registered.
    Attach {
        /// The number of the port, chosen by the owner.
        vap: VapId,
        /// The VN of the port.
        vn: Vni,
        /// The TSIs behind the port, with the IP addresses that each may claim.
        tsis: alloc::vec::Vec<Tsi>,
        /// What may come in at the port. [`PortPolicy::untrusted`]: a frame from another MAC, and a frame that claims another
        /// address, is dropped (VMM-10-02).
        policy: PortPolicy,
    },
    /// What a port had learned before this NVE restarted ([`Nve::learned`](super::Nve::learned)): addresses of its TSIs, and TSIs that
    /// were learned themselves, whose VMs run here. Give it after *Attach* and before *Connect*. What the port's policy does not allow,
    /// and a port that is not attached, is left out.
    Learned {
        /// The number of the port.
        vap: VapId,
        /// The TSIs with their learned addresses.
        tsis: alloc::vec::Vec<Tsi>,
    },
    /// A port is gone.
    Detach {
        /// The number of the port.
        vap: VapId,
    },
    /// The VM behind this TSI runs here.
    Activate {
        /// The TSI.
        key: TsiKey,
        /// `Some`: the VM is about to start here by this move. The NVE refuses the input unless it is prepared for the move, and
        /// the VM may start only if the NVE takes it. `None`: the VM runs here, for instance because its hypervisor resumed it.
        move_id: Option<MoveId>,
    },
    /// The VM will stop here for this move, or has stopped.
    ///
    /// Give this before the VM stops, without `stopped_at`, and stop the VM after [`News::Suspended`]: then no frame is at risk.
    Suspend {
        /// The TSI.
        key: TsiKey,
        /// The move.
        move_id: MoveId,
        /// The time at which the VM stopped, for a hypervisor that can give *Suspend* only afterwards. It is a time of the
        /// inputs' clock; a time in the future counts as now.
        ///
        /// The NVE sends the frames that it delivered at that time or later to the new NVE, before newer frames, as long as the
        /// forwarder remembers them. This also works after the move was committed. Group frames that were delivered since the
        /// stop are lost. A hypervisor that resumes the VM here must empty the VM's port first: otherwise the VM gets those
        /// frames twice.
        stopped_at: Option<Instant>,
    },
    /// The forwarder has applied every change up to this number that it did not refuse.
    Applied(u64),
    /// The forwarder refused this change.
    Refused {
        /// The number of the change.
        number: u64,
    },
    /// The forwarder lost its table; it gets every change again.
    ForwarderReset,
    /// Ask the NVA to push every mapping of a VN, not only those that this NVE queried. A gateway does so (DIR-23).
    Subscribe(Vni),
    /// End the subscription to a VN.
    Unsubscribe(Vni),
    /// The cost of a move at this NVE, for the NVA's report. [`MoveTally`](crate::edge::MoveTally) computes it.
    Report {
        /// The move.
        move_id: MoveId,
        /// The report.
        report: Report,
    },
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("connect to the NVA"),
            Self::Goodbye => f.write_str("end the session with the NVA"),
            Self::Attach { vap, vn, policy, .. } if policy.trusted => {
                write!(f, "attach {vap} in VN {vn} for any source")
            }
            Self::Attach { vap, vn, tsis, .. } => write!(f, "attach {vap} in VN {vn} for {} TSIs", tsis.len()),
            Self::Learned { vap, tsis } => write!(f, "{vap} had learned {} TSIs or their addresses", tsis.len()),
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

/// The reason why an NVE did not take an input. Nothing has changed.
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
        state: Summary,
    },
    /// The TSI's state does not take the input.
    #[error("{key} does not take {input}{} now: it is {state}; {input} is taken {accepted}", for_move(*move_id))]
    OutOfPlace {
        /// The TSI.
        key: TsiKey,
        /// The TSI's state.
        state: Summary,
        /// The name of the input.
        input: &'static str,
        /// The move that the input names, if any.
        move_id: Option<MoveId>,
        /// The time at which such an input is taken, as the end of a sentence.
        accepted: &'static str,
    },
    /// A bound of the configuration is reached.
    #[error("no room: the limit {0} is reached")]
    Full(&'static str),
}

impl Error {
    pub(super) fn out_of_place(key: TsiKey, state: &State, input: &rules::Input) -> Self {
        let (input, move_id, accepted) = match input {
            rules::Input::Suspend(id) => {
                ("Suspend", Some(*id), "once the NVA has prepared this NVE for the move (News::Prepared)")
            }
            rules::Input::Detach => ("Detach", None, "once the NVA has said how the move ended"),
            _ => ("this input", None, "in the states that the table of nve::rules names"),
        };
        Self::OutOfPlace { key, state: state.summary(), input, move_id, accepted }
    }
}

fn for_move(move_id: Option<MoveId>) -> String {
    move_id.map(|id| format!(" for {id}")).unwrap_or_default()
}

/// An event for the owner of an NVE.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Event {
    /// The session with the NVA is up.
    SessionUp,
    /// The session with the NVA is down. Forwarding goes on unchanged.
    SessionDown(DownReason),
    /// The state of a TSI changed.
    State {
        /// The TSI.
        key: TsiKey,
        /// The state before.
        from: State,
        /// The state now.
        to: State,
    },
    /// News about a TSI that its hypervisor waits for.
    News {
        /// The TSI.
        key: TsiKey,
        /// The move that the news is about, if any.
        move_id: Option<MoveId>,
        /// The news.
        news: News,
    },
    /// The NVA refused to register a TSI.
    Refused {
        /// The TSI.
        key: TsiKey,
        /// The reason.
        result: RegistrationResult,
    },
    /// A station claimed a MAC or an IP address that is not bound to it, in an announcement or in data; its frame was dropped
    /// (VMM-10-02). At most one event per port and `NveConfig.hint_interval`.
    Spoofed {
        /// The port.
        vap: VapId,
        /// The MAC of the station.
        mac: Mac,
        /// The IP address that the station claimed, if any.
        ip: Option<IpAddr>,
    },
    /// The owner has not done a duty for [`PATIENCE`](crate::health::PATIENCE). The event comes once, and again after the owner has
    /// done the duty and stopped again.
    Stalled(Waiting),
    /// The forwarder has answered no table change for `NveConfig.session.dead_after` (or more changes wait than
    /// `NveConfig.unapplied`). The NVE closes its session and promises nothing more; forwarding goes on unchanged.
    ForwarderSilent {
        /// The time since which changes wait.
        since: Instant,
    },
    /// The forwarder has answered again. The NVE opens its session again.
    ForwarderAnswers,
    /// A port does something more often than it may. At most one event per port, limit and
    /// [`TOLD_EVERY`](crate::fairness::TOLD_EVERY).
    Limited {
        /// The port.
        vap: VapId,
        /// The limit that it exceeds.
        what: Limit,
        /// How often it did so since the last event.
        count: u64,
    },
    /// An NVE sends more than it may. At most one event per NVE and [`TOLD_EVERY`](crate::fairness::TOLD_EVERY).
    LimitedNve {
        /// The outer source address of its frames.
        from: IpAddr,
        /// The limit that it exceeds.
        what: Limit,
        /// How often it did so since the last event.
        count: u64,
    },
    /// Frames of a VN came out of a tunnel from an address where no NVE of the VN is, and were dropped (TUN-10). At most one event per
    /// VN and `NveConfig.hint_interval`.
    Stranger {
        /// The VN of the frames.
        vn: Vni,
        /// The outer source address of one of the frames.
        from: IpAddr,
    },
    /// The NVA refuses a session. The NVE goes on asking. At most one event per [`TOLD_EVERY`](crate::fairness::TOLD_EVERY).
    HelloRefused {
        /// The reason. *NotAllowed*: the NVA has other locators for this NVE than `NveConfig.place`, or the NVE has a session from
        /// another address.
        code: ErrorCode,
    },
    /// Addresses that the port of a TSI lists and that the NVA gave to other TSIs. The TSI runs without them: they are not bound to it. The
    /// NVE claims them again after `NveConfig.claim_interval`, then after twice the time, up to 32 times. The event comes when they
    /// change, and with none when the TSI has all that are listed.
    Contested {
        /// The TSI.
        key: TsiKey,
        /// The addresses that the TSI does not have.
        ips: Vec<IpAddr>,
    },
    /// A station did not answer the scan after another VM had left ([`Scan`](super::Scan)). It is withdrawn, unless only a hypervisor's
    /// word counts.
    Silent(TsiKey),
    /// A TSI that came by a move has addresses that its port does not list. It keeps them while its VM uses them, as learned ones. An
    /// attach of the port after the move ends them.
    Unlisted {
        /// The TSI.
        key: TsiKey,
        /// The addresses.
        ips: Vec<IpAddr>,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionUp => f.write_str("the session with the NVA is up"),
            Self::SessionDown(reason) => {
                write!(f, "the session with the NVA is down ({}); forwarding goes on", reason)
            }
            Self::State { key, from, to } => write!(f, "{key}: {} -> {}", from.name(), to.name()),
            Self::News { key, move_id: Some(id), news } => write!(f, "{key}, {id}: {news}"),
            Self::News { key, move_id: None, news } => write!(f, "{key}: {news}"),
            Self::Refused { key, result } => {
                write!(f, "{key}: the NVA refused the registration: {}", result)
            }
            Self::Spoofed { vap, mac, ip: Some(ip) } => {
                write!(f, "{vap}: {mac} claimed {ip}, which is not bound to it")
            }
            Self::Spoofed { vap, mac, ip: None } => {
                write!(f, "{vap}: {mac} sent a frame, and it is not bound to the port")
            }
            Self::Stranger { vn, from } => {
                write!(f, "frames of VN {vn} came from {from}, where no NVE of the VN is; they were dropped")
            }
            Self::HelloRefused { code: ErrorCode::NotAllowed } => f.write_str(
                "the NVA refuses a session: it has other locators for this NVE, or another NVE with this id has a session",
            ),
            Self::HelloRefused { code } => write!(f, "the NVA refuses a session: {code}"),
            Self::Stalled(waiting) => write!(f, "the owner does not do its part: {waiting}"),
            Self::ForwarderSilent { since } => {
                write!(
                    f,
                    "the forwarder has answered no table change since {since} s; the session with the NVA is closed"
                )
            }
            Self::ForwarderAnswers => {
                f.write_str("the forwarder answers again; the session with the NVA is opened again")
            }
            Self::Contested { key, ips } if ips.is_empty() => write!(f, "{key} has all addresses that its port lists"),
            Self::Contested { key, ips } => {
                write!(f, "{key} runs without addresses that other TSIs have:")?;
                ips.iter().try_for_each(|ip| write!(f, " {ip}"))
            }
            Self::Silent(key) => write!(f, "{key} does not answer"),
            Self::Unlisted { key, ips } => {
                write!(f, "{key} came by a move with addresses that its port does not list, and keeps them:")?;
                ips.iter().try_for_each(|ip| write!(f, " {ip}"))
            }
            Self::Limited { vap, what, count } => write!(f, "{vap} makes too many {what}: {count} were refused"),
            Self::LimitedNve { from, what, count } => {
                write!(f, "the NVE at {from} makes too many {what}: {count} were refused")
            }
        }
    }
}

/// The destination of a datagram or frame from [`Nve::poll_transmit`](super::Nve::poll_transmit).
///
/// This enum is exhaustive on purpose: a loop that ignores a destination loses messages or frames, so a new kind must not compile in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transmit {
    /// A datagram to the NVA.
    Nva,
    /// A datagram to the control port of the NVE at this address.
    Nve(IpAddr),
    /// An Ethernet frame out of a port.
    Port(VapId),
}

/// The purpose of the next deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// An output waits to be polled.
    Output,
    /// The session with the NVA is due.
    Session(SessionTimer),
    /// A forward entry ends.
    Forward,
    /// The registration of a TSI that the NVA refused, or an address that another TSI has, is tried again.
    Claim,
    /// A VM that was asked whether it is here has not answered.
    Probe,
    /// A mapping's lifetime ends.
    Mapping,
    /// The frames of an NVE that left a VN are not accepted any more.
    Departure,
    /// The owner is told about a duty that it has not done (see [`Nve::health`](super::Nve::health)).
    Health,
    /// The session ends because the forwarder does not answer.
    Forwarder,
    /// A TSI or an address that was learned was not heard for a while.
    Learned,
    /// The scan of the stations that remain goes on.
    Scan,
    /// A VM that runs here is announced.
    Announcement,
}

/// The control plane's decision about a punted frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a frame that the control plane lets pass is lost unless it is forwarded"]
pub enum Handled {
    /// The forwarder forwards the frame.
    Pass,
    /// The control plane answered, kept or dropped the frame.
    Taken,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_written_as_a_sentence() {
        let (vap, key, id) = (VapId(1), TsiKey { vn: Vni::MAX, mac: Mac([2, 0, 0, 0, 0, 1]) }, MoveId(7));
        for (input, sentence) in [
            (Input::Connect, String::from("connect to the NVA")),
            (Input::Detach { vap }, format!("detach {vap}")),
            (Input::Activate { key, move_id: Some(id) }, format!("{key} runs here by {id}")),
            (Input::Applied(9), String::from("the forwarder applied the changes up to 9")),
        ] {
            assert_eq!(format!("{input}"), sentence);
        }
    }
}
