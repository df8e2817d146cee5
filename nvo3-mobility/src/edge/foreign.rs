//! An edge whose frames others forward: a kernel, eBPF, a DPU, a switch, or several forwarders.
//!
//! Each data plane takes the same numbered orders, in order, and answers each. The control plane counts an order as applied
//! once every plane has applied it, and as refused once one of them has refused it.
//!
#![doc = "```"]
#![doc = include_str!("../../examples/foreign_plane.rs")]
#![doc = "```"]

use super::control::{Control, Peer, Round};
use crate::forwarder::Notice;
use crate::health::Health;
use crate::nve::{Error, Event, Handled, Input, Nve, Transmit};
use crate::table::{TableChange, VapId};
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use nvo3_nva_proto::Instant;
use nvo3_nva_proto::auth::{KeyError, Keys};

/// The next thing to do for an edge with foreign planes, out of [`ForeignEdge::poll`].
///
/// This enum is exhaustive on purpose: a loop that ignores a kind of work loses orders, so a new kind must not compile in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Give this order to every plane. Each answers, at any time, by [`ForeignEdge::applied`] or [`ForeignEdge::refused`].
    Change(TableChange),
    /// Send the frame in the buffer out of this VAP: the edge answers for a station elsewhere.
    Frame(VapId),
    /// Send the datagram in the buffer.
    Datagram(Peer),
    /// The hypervisor or the operator should know this, or do it.
    Event(Event),
    /// Nothing is left. Poll again after the next input, and at this time at the latest.
    Wait(Option<Instant>),
}

/// An [`Nve`] that orders one or more data planes of the owner's, behind the same loop as [`Edge`](super::Edge).
pub struct ForeignEdge {
    control: Control,
    /// The last order that was polled.
    ordered: u64,
    /// Up to where each plane has answered.
    answered: Vec<u64>,
    /// Orders that some plane refused and not every plane has answered.
    refused: BTreeSet<u64>,
}

impl fmt::Debug for ForeignEdge {
    /// The control plane in short, and up to which change each data plane has answered.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut edge = f.debug_struct("ForeignEdge");
        edge.field("nve", self.nve()).field("ordered", &self.ordered).field("answered", &self.answered);
        edge.finish_non_exhaustive()
    }
}

impl ForeignEdge {
    /// An edge of this control plane over so many data planes, numbered from 0. Without any, its orders are for a log: each
    /// counts as applied at once.
    pub fn new(nve: Nve, planes: usize) -> Self {
        Self { control: Control::new(nve), ordered: 0, answered: vec![0; planes], refused: BTreeSet::new() }
    }

    /// An ARP, RARP or ND frame that a tenant sent into a VAP. [`Handled::Pass`]: the plane forwards it.
    pub fn punted(&mut self, now: Instant, vap: VapId, frame: &[u8]) -> Handled {
        self.control.nve_mut().handle_frame(now, vap, frame)
    }

    /// A thing that a plane noticed.
    pub fn notice(&mut self, now: Instant, notice: Notice) {
        self.control.nve_mut().handle_notice(now, notice);
    }

    /// A datagram of the control port, from the NVA or another NVE.
    pub fn datagram(&mut self, now: Instant, datagram: &[u8]) {
        self.control.nve_mut().handle_datagram(now, datagram);
    }

    /// What the owner tells. [`Input::Applied`] and [`Input::Refused`] change nothing: planes answer by the calls below.
    /// [`Input::ForwarderReset`]: a plane has lost its table; every plane gets all orders again.
    ///
    /// # Errors
    /// Why the word was not taken; then nothing changed.
    pub fn tell(&mut self, now: Instant, word: Input) -> Result<(), Error> {
        match word {
            Input::Applied(_) | Input::Refused { .. } => return Ok(()),
            Input::ForwarderReset => {
                self.answered.fill(self.ordered);
                self.refused.clear();
            }
            _ => {}
        }
        self.control.nve_mut().handle(now, word)
    }

    /// A plane has applied every order up to this number that it did not refuse. A plane or an order that there is not
    /// changes nothing.
    pub fn applied(&mut self, now: Instant, plane: usize, upto: u64) {
        let before = self.in_force();
        if let Some(answered) = self.answered.get_mut(plane) {
            *answered = upto.min(self.ordered).max(*answered);
            self.settle(now, before);
        }
    }

    /// A plane refused an order; it answers in the order of their numbers. The others need not undo it: the control plane orders what follows from the refusal.
    pub fn refused(&mut self, now: Instant, plane: usize, number: u64) {
        let before = self.in_force();
        let Some(answered) = self.answered.get_mut(plane) else { return };
        if number <= *answered || number > self.ordered {
            return;
        }
        if number == *answered + 1 {
            *answered = number;
        }
        if self.refused.insert(number) {
            self.answer(now, Input::Refused { number });
        }
        self.settle(now, before);
    }

    /// Orders that this plane has not answered.
    pub fn unanswered(&self, plane: usize) -> u64 {
        self.answered.get(plane).map_or(0, |answered| self.ordered - answered)
    }

    /// Up to where every plane has answered.
    fn in_force(&self) -> u64 {
        self.answered.iter().copied().min().unwrap_or(self.ordered)
    }

    fn settle(&mut self, now: Instant, before: u64) {
        let upto = self.in_force();
        if upto > before {
            self.refused = self.refused.split_off(&(upto + 1));
            self.answer(now, Input::Applied(upto));
        }
    }

    fn answer(&mut self, now: Instant, answer: Input) {
        // An answer to an order is always taken.
        let _ = self.control.nve_mut().handle(now, answer);
    }

    /// The next thing to do. A frame or datagram is written into `out`, which is cleared first; time that is due passes.
    pub fn poll(&mut self, now: Instant, out: &mut Vec<u8>) -> Next {
        loop {
            if let Some(change) = self.control.poll_change() {
                let before = self.in_force();
                self.ordered = change.number;
                self.settle(now, before);
                return Next::Change(change);
            }
            if let Some(to) = self.control.poll_transmit(now, out) {
                return match to {
                    Transmit::Nva => Next::Datagram(Peer::Nva),
                    Transmit::Nve(to) => Next::Datagram(Peer::Nve(to)),
                    Transmit::Port(vap) => Next::Frame(vap),
                };
            }
            if let Some(event) = self.control.poll_event() {
                return Next::Event(event);
            }
            let due = self.poll_timeout();
            if matches!(self.control.end_round(now, due), Round::Last) {
                return Next::Wait(due);
            }
        }
    }

    /// The next deadline; now, while the control plane waits to be polled.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.control.poll_timeout()
    }

    /// What waits for the owner: what [`ForeignEdge::poll`] gives, and orders that not every plane has answered.
    ///
    /// What has waited for [`PATIENCE`](crate::health::PATIENCE) also makes one [`Event::Stalled`].
    pub fn health(&self, now: Instant) -> Health {
        self.control.nve().health(now)
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

    /// The control plane, to put something into it that an edge has no call for. What comes of it leaves by
    /// [`ForeignEdge::poll`].
    pub const fn nve_mut(&mut self) -> &mut Nve {
        self.control.nve_mut()
    }
}
