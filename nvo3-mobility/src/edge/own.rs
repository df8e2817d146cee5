//! An edge with its own forwarder.

use super::control::{Control, Peer, Round};
use super::fate::Fate;
use crate::forwarder::{ChangeRefusal, Entrance, Forwarder, Target, Verdict};
use crate::health::{Duty, Health, Waiting, Watch};
use crate::nve::{Error, Event, Handled, Input, Nve, Transmit};
use crate::table::{TableChange, VapId};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use nvo3_nva_proto::Instant;
use nvo3_nva_proto::auth::{KeyError, Keys};
use nvo3_wire::Vni;

/// The next thing to do for an edge, from [`Edge::poll`].
///
/// This enum is exhaustive on purpose: a loop that ignores a kind of work loses frames, so a new kind must not compile in it.
#[derive(Debug)]
#[must_use = "it is handed out once: what the owner does not carry out is lost"]
pub enum Next<'a> {
    /// Send the frame in the buffer to each target. It was held, or it is the edge's ARP or ND answer for a remote TSI.
    Frame(Fate<'a>),
    /// Send the datagram in the buffer to this peer, from the control port.
    Datagram(Peer),
    /// Give this event to the hypervisor or the operator.
    Event(Event),
    /// Nothing to do: the edge has given this change to its forwarder. Use it for a log, or for a copy of the table.
    Changed {
        /// The change.
        change: TableChange,
        /// The reason if the forwarder refused the change. The control plane has been told.
        refused: Option<ChangeRefusal>,
    },
    /// Nothing is left. Poll again after the next input, and at this time at the latest. `None`: there is no deadline.
    Wait(Option<Instant>),
}

/// A [`Next`] before the forwarder is borrowed for the targets of a frame.
enum Step {
    Frame(Verdict),
    Datagram(Peer),
    Event(Event),
    Changed(TableChange, Option<ChangeRefusal>),
    Wait(Option<Instant>),
}

/// A whole edge: an [`Nve`] and a [`Forwarder`] behind one loop.
///
/// Call [`Edge::poll`] until it returns [`Next::Wait`], after each input and at the time of the last `Wait`:
///
/// ```
/// # use nvo3_mobility::edge::{Edge, Next};
/// # use nvo3_mobility::forwarder::Target;
/// # use nvo3_nva_proto::Instant;
/// # fn send(_: &Target, _: &[u8]) {}
/// fn carry_out(now: Instant, edge: &mut Edge, buffer: &mut Vec<u8>) -> Option<Instant> {
///     loop {
///         match edge.poll(now, &mut |_| true, buffer) {
///             Next::Frame(fate) => fate.targets().iter().for_each(|target| send(target, buffer)),
///             Next::Datagram(peer) => println!("{} bytes to {peer}", buffer.len()),
///             Next::Event(event) => println!("{event}"),
///             Next::Changed { .. } => {}
///             Next::Wait(until) => return until,
///         }
///     }
/// }
/// ```
pub struct Edge {
    control: Control,
    forwarder: Forwarder,
    /// The last change that the forwarder has and that the control plane has no answer for.
    handed: Option<u64>,
    /// Watches held frames that may leave and whose targets have no room.
    held: Watch,
}

impl fmt::Debug for Edge {
    /// Its two parts in short.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("nve", self.nve()).field("forwarder", &self.forwarder).finish_non_exhaustive()
    }
}

impl Edge {
    /// Joins two parts to an edge. Both are new, or everything that was polled from them was carried out.
    pub fn new(nve: Nve, forwarder: Forwarder) -> Self {
        Self { control: Control::new(nve), forwarder, handed: None, held: Watch::default() }
    }

    /// Takes a frame that a tenant sent into a VAP, without FCS. ARP, RARP, ND and DHCP go through the control plane.
    #[inline]
    pub fn frame(&mut self, now: Instant, vap: VapId, frame: &[u8]) -> Fate<'_> {
        let verdict = self.enter(now, vap, frame);
        Fate::new(verdict, &self.forwarder)
    }

    /// Takes a frame that came out of a tunnel. `from` is the outer source address, `frame` the inner frame.
    #[inline]
    pub fn tunnelled(&mut self, now: Instant, from: IpAddr, vn: Vni, frame: &[u8]) -> Fate<'_> {
        let verdict = self.forwarder.tunnel_frame(now, from, vn, frame);
        Fate::new(verdict, &self.forwarder)
    }

    /// Takes a datagram of the control port, from the NVA or another NVE.
    pub fn datagram(&mut self, now: Instant, datagram: &[u8]) {
        self.control.nve_mut().handle_datagram(now, datagram);
    }

    /// Takes an input of the owner. [`Input::ForwarderReset`] also resets the forwarder. [`Input::Applied`] and
    /// [`Input::Refused`] change nothing: the edge itself answers for its forwarder.
    ///
    /// # Errors
    /// The reason why the edge did not take the input. Nothing has changed then.
    pub fn tell(&mut self, now: Instant, input: Input) -> Result<(), Error> {
        match input {
            Input::Applied(_) | Input::Refused { .. } => return Ok(()),
            Input::ForwarderReset => {
                self.forwarder.reset();
                self.handed = None;
            }
            _ => {}
        }
        self.control.nve_mut().handle(now, input)
    }

    /// Gives the next thing to do. Clears `out` and writes a frame or datagram into it. Handles deadlines that have passed.
    ///
    /// `room` says whether a target takes a held frame now. Frames of a target without room stay held, in order. Poll again when
    /// the target may have room.
    pub fn poll(&mut self, now: Instant, room: &mut dyn FnMut(&Target) -> bool, out: &mut Vec<u8>) -> Next<'_> {
        match self.step(now, room, out) {
            Step::Frame(verdict) => Next::Frame(Fate::new(verdict, &self.forwarder)),
            Step::Datagram(peer) => Next::Datagram(peer),
            Step::Event(event) => Next::Event(event),
            Step::Changed(change, refused) => Next::Changed { change, refused },
            Step::Wait(until) => Next::Wait(until),
        }
    }

    fn step(&mut self, now: Instant, room: &mut dyn FnMut(&Target) -> bool, out: &mut Vec<u8>) -> Step {
        loop {
            if let Some(change) = self.control.poll_change() {
                let refused = self.apply(now, &change);
                return Step::Changed(change, refused);
            }
            if self.control.is_planes_turn() {
                self.answer(now);
                if let Some(verdict) = self.poll_held(now, room, out) {
                    self.control.stay_busy();
                    self.held.served(now);
                    return Step::Frame(verdict);
                }
                while let Some(notice) = self.forwarder.poll_notice() {
                    self.control.stay_busy();
                    self.control.nve_mut().handle_notice(now, notice);
                }
            }
            if let Some(to) = self.control.poll_transmit(now, out) {
                return match to {
                    Transmit::Nva => Step::Datagram(Peer::Nva),
                    Transmit::Nve(to) => Step::Datagram(Peer::Nve(to)),
                    Transmit::Port(vap) => Step::Frame(Verdict::Deliver(vap)),
                };
            }
            if let Some(event) = self.control.poll_event() {
                return Step::Event(event);
            }
            let due = self.poll_timeout();
            match self.control.end_round(now, due) {
                Round::Again => {}
                Round::TimePasses => self.forwarder.handle_timeout(now),
                Round::Last => return self.rest(now),
            }
        }
    }

    /// Takes a frame at a VAP, through the control plane if the forwarder punts it.
    fn enter(&mut self, now: Instant, vap: VapId, frame: &[u8]) -> Verdict {
        let verdict = self.forwarder.vap_frame(now, vap, frame);
        if verdict == Verdict::Punt && self.control.nve_mut().handle_frame(now, vap, frame) == Handled::Pass {
            return self.forwarder.vap_frame_passed(now, vap, frame);
        }
        verdict
    }

    fn apply(&mut self, now: Instant, change: &TableChange) -> Option<ChangeRefusal> {
        self.handed = Some(change.number);
        let refused = self.forwarder.apply(change).err()?;
        // The control plane always takes an answer to a change.
        let _ = self.control.nve_mut().handle(now, Input::Refused { number: refused.number });
        Some(refused.reason)
    }

    fn answer(&mut self, now: Instant) {
        if let Some(upto) = self.handed.take() {
            // The control plane always takes an answer to a change.
            let _ = self.control.nve_mut().handle(now, Input::Applied(upto));
        }
    }

    /// Ends a drain: waits, or tells the owner that held frames wait for room.
    fn rest(&mut self, now: Instant) -> Step {
        let tsis = self.forwarder.ready_tsis();
        self.held.note(now, tsis);
        if self.held.is_due(now)
            && let Some(waiting) = self.held.waiting(Duty::MakeRoom, tsis)
        {
            return Step::Event(Event::Stalled(waiting));
        }
        Step::Wait(self.poll_timeout())
    }

    /// The next held frame that may leave. A frame that its sender's gate kept goes through the VAP again, and a frame that came before
    /// its sender was known through the tunnel.
    fn poll_held(&mut self, now: Instant, room: &mut dyn FnMut(&Target) -> bool, out: &mut Vec<u8>) -> Option<Verdict> {
        let mut has_room = |target: &Target| matches!(target, Target::Again(_)) || room(target);
        Some(match self.forwarder.poll_flush(now, &mut has_room, out)? {
            Target::Port(vap) => Verdict::Deliver(vap),
            Target::Tunnel { to, vn } => Verdict::Tunnel { to, vn },
            Target::Again(Entrance::Vap(vap)) => self.enter(now, vap, out),
            Target::Again(Entrance::Tunnel { from, vn }) => self.forwarder.tunnel_frame(now, from, vn, out),
        })
    }

    /// The next deadline. While the control plane waits to be polled, this is the current time.
    #[must_use = "the edge must be polled at this time at the latest"]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.control.poll_timeout(), self.forwarder.poll_timeout(), self.held.deadline()].into_iter().flatten().min()
    }

    /// The duties that wait for the owner: those of the control plane, which [`Edge::poll`] carries out, and held frames that may
    /// leave and whose targets have no room. Held frames wait since the last held frame of any TSI left.
    ///
    /// A duty that has waited for [`PATIENCE`](crate::health::PATIENCE) also makes one [`Event::Stalled`].
    pub fn health(&self, now: Instant) -> Health {
        let control = self.control.nve().health(now);
        let due = self.forwarder.poll_timeout().filter(|at| *at <= now);
        let late = due.map(|since| Waiting { duty: Duty::HandleTimeout, count: 1, since });
        let late = late.filter(|late| control.waiting().iter().all(|waiting| waiting.duty != late.duty));
        let held = self.held.waiting(Duty::MakeRoom, self.forwarder.ready_tsis());
        control.waiting().iter().copied().chain(late).chain(held).collect()
    }

    /// Replaces the keys: see [`Nve::set_keys`].
    ///
    /// # Errors
    /// The reason why this edge cannot use the keys. Nothing has changed then.
    pub fn set_keys(&mut self, keys: Keys) -> Result<(), KeyError> {
        self.control.nve_mut().set_keys(keys)
    }

    /// The control plane, for its states, mappings and counters.
    pub const fn nve(&self) -> &Nve {
        self.control.nve()
    }

    /// The data plane, for its held frames and counters.
    pub const fn forwarder(&self) -> &Forwarder {
        &self.forwarder
    }

    /// The control plane, for inputs that an edge has no call for. The results leave by [`Edge::poll`].
    pub const fn nve_mut(&mut self) -> &mut Nve {
        self.control.nve_mut()
    }

    /// The data plane, for inputs that an edge has no call for. The results leave by [`Edge::poll`].
    pub const fn forwarder_mut(&mut self) -> &mut Forwarder {
        &mut self.forwarder
    }
}
