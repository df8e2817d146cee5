//! An edge that forwards its frames itself.

use super::control::{Control, Peer, Round};
use super::fate::Fate;
use crate::forwarder::{ChangeRefusal, Forwarder, Target, Verdict};
use crate::health::{Duty, Health, Waiting, Watch};
use crate::nve::{Error, Event, Handled, Input, Nve, Transmit};
use crate::table::{TableChange, VapId};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use nvo3_nva_proto::Instant;
use nvo3_nva_proto::auth::{KeyError, Keys};
use nvo3_wire::Vni;

/// The next thing to do for an edge, out of [`Edge::poll`].
///
/// This enum is exhaustive on purpose: a loop that ignores a kind of work loses frames, so a new kind must not compile in it.
#[derive(Debug)]
pub enum Next<'a> {
    /// Send the frame in the buffer to each target: it was held, or the edge answers for a station elsewhere.
    Frame(Fate<'a>),
    /// Send the datagram in the buffer.
    Datagram(Peer),
    /// The hypervisor or the operator should know this, or do it.
    Event(Event),
    /// Nothing to do: the edge has handed this change to its forwarder. For a log, or for a copy of the table.
    Changed {
        /// The change.
        change: TableChange,
        /// Why the forwarder refused it; the control plane knows.
        refused: Option<ChangeRefusal>,
    },
    /// Nothing is left. Poll again after the next input, and at this time at the latest.
    Wait(Option<Instant>),
}

/// The same before the forwarder is borrowed for a frame's targets.
enum Step {
    Frame(Verdict),
    Datagram(Peer),
    Event(Event),
    Changed(TableChange, Option<ChangeRefusal>),
    Wait(Option<Instant>),
}

/// An edge whole: an [`Nve`] and a [`Forwarder`] behind one loop.
///
/// After each input, and when the time of the last [`Next::Wait`] has come, call [`Edge::poll`] until it says `Wait`:
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
///             Next::Datagram(peer) => println!("{} bytes to {peer:?}", buffer.len()),
///             Next::Event(event) => println!("{event:?}"),
///             Next::Changed { .. } => {}
///             Next::Wait(until) => return until,
///         }
///     }
/// }
/// ```
pub struct Edge {
    control: Control,
    forwarder: Forwarder,
    /// Changes up to here were handed to the forwarder and are not answered yet.
    handed: Option<u64>,
    /// Held frames that may leave and have no room.
    held: Watch,
}

impl fmt::Debug for Edge {
    /// Its two parts in short.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("nve", self.nve()).field("forwarder", &self.forwarder).finish_non_exhaustive()
    }
}

impl Edge {
    /// An edge of these two parts. Nothing was polled from them or put into them before, or all of it was carried out.
    pub fn new(nve: Nve, forwarder: Forwarder) -> Self {
        Self { control: Control::new(nve), forwarder, handed: None, held: Watch::default() }
    }

    /// A frame that a tenant sent into a VAP, without FCS; what becomes of it. ARP, RARP and ND go through the control plane.
    #[inline]
    pub fn frame(&mut self, now: Instant, vap: VapId, frame: &[u8]) -> Fate<'_> {
        let verdict = self.enter(now, vap, frame);
        Fate::new(verdict, &self.forwarder)
    }

    /// A frame that came out of a tunnel: the outer source, the VN and the inner frame; what becomes of it.
    #[inline]
    pub fn tunnelled(&mut self, now: Instant, from: IpAddr, vn: Vni, frame: &[u8]) -> Fate<'_> {
        let verdict = self.forwarder.tunnel_frame(now, from, vn, frame);
        Fate::new(verdict, &self.forwarder)
    }

    /// A datagram of the control port, from the NVA or another NVE.
    pub fn datagram(&mut self, now: Instant, datagram: &[u8]) {
        self.control.nve_mut().handle_datagram(now, datagram);
    }

    /// What the owner tells. [`Input::ForwarderReset`] resets the forwarder, too. [`Input::Applied`] and [`Input::Refused`] change
    /// nothing: the edge itself answers for its forwarder.
    ///
    /// # Errors
    /// Why the word was not taken; then nothing changed.
    pub fn tell(&mut self, now: Instant, word: Input) -> Result<(), Error> {
        match word {
            Input::Applied(_) | Input::Refused { .. } => return Ok(()),
            Input::ForwarderReset => {
                self.forwarder.reset();
                self.handed = None;
            }
            _ => {}
        }
        self.control.nve_mut().handle(now, word)
    }

    /// The next thing to do. A frame or datagram is written into `out`, which is cleared first; time that is due passes.
    ///
    /// `room` says whether a target takes a held frame. One that does not keeps its frames and their order: poll again
    /// when it may have room.
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

    /// A frame goes in at a VAP, through the control plane where the forwarder wants that.
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
        // An answer to an order is always taken.
        let _ = self.control.nve_mut().handle(now, Input::Refused { number: refused.number });
        Some(refused.reason)
    }

    fn answer(&mut self, now: Instant) {
        if let Some(upto) = self.handed.take() {
            // An answer to an order is always taken.
            let _ = self.control.nve_mut().handle(now, Input::Applied(upto));
        }
    }

    /// Nothing is left, unless the owner is to be told that held frames wait for room.
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

    /// The next held frame that may leave. What its sender's gate kept goes through the VAP again.
    fn poll_held(&mut self, now: Instant, room: &mut dyn FnMut(&Target) -> bool, out: &mut Vec<u8>) -> Option<Verdict> {
        let mut has_room = |target: &Target| matches!(target, Target::Again(_)) || room(target);
        Some(match self.forwarder.poll_flush(now, &mut has_room, out)? {
            Target::Port(vap) => Verdict::Deliver(vap),
            Target::Tunnel { to, vn } => Verdict::Tunnel { to, vn },
            Target::Again(vap) => self.enter(now, vap, out),
        })
    }

    /// The next deadline; now, while the control plane waits to be polled.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.control.poll_timeout(), self.forwarder.poll_timeout(), self.held.deadline()].into_iter().flatten().min()
    }

    /// What waits for the owner: what the control plane waits for, which [`Edge::poll`] gives, and held frames that may leave but
    /// whose targets have no room. Those wait since the last held frame of any TSI left.
    ///
    /// What has waited for [`PATIENCE`](crate::health::PATIENCE) also makes one [`Event::Stalled`].
    pub fn health(&self, now: Instant) -> Health {
        let control = self.control.nve().health(now);
        let due = self.forwarder.poll_timeout().filter(|at| *at <= now);
        let late = due.map(|since| Waiting { duty: Duty::HandleTimeout, count: 1, since });
        let late = late.filter(|late| control.waiting().iter().all(|waiting| waiting.duty != late.duty));
        let held = self.held.waiting(Duty::MakeRoom, self.forwarder.ready_tsis());
        control.waiting().iter().copied().chain(late).chain(held).collect()
    }

    /// Another ring of keys from now on: see [`Nve::set_keys`].
    ///
    /// # Errors
    /// This edge cannot use it; nothing changed.
    pub fn set_keys(&mut self, keys: Keys) -> Result<(), KeyError> {
        self.control.nve_mut().set_keys(keys)
    }

    /// The control plane: its states, mappings and counters.
    pub const fn nve(&self) -> &Nve {
        self.control.nve()
    }

    /// The data plane: what it holds, and its counters.
    pub const fn forwarder(&self) -> &Forwarder {
        &self.forwarder
    }

    /// The control plane, to put something into it that an edge has no call for. What comes of it leaves by [`Edge::poll`].
    pub const fn nve_mut(&mut self) -> &mut Nve {
        self.control.nve_mut()
    }

    /// The data plane, for the same.
    pub const fn forwarder_mut(&mut self) -> &mut Forwarder {
        &mut self.forwarder
    }
}
