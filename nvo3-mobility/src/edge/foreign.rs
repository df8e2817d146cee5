//! An edge with foreign data planes: a kernel, eBPF, a DPU, a switch, or several forwarders.
//!
//! Each data plane takes the same numbered table changes, in order, and answers each. The control plane takes a change as
//! applied once every data plane has applied it, and as refused once one data plane has refused it.
//!
//! A data plane judges the frames of each port by the port's bindings, and gives ARP, RARP, NS, NA and RA to [`ForeignEdge::punted`]. So
//! it does with DHCP to a server (UDP to port 67 or 547) from a port whose policy has `learn_addresses`. The
//! [guide](crate::guide::trust) has the rules.
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

/// The next thing to do for an edge with foreign data planes, from [`ForeignEdge::poll`].
///
/// This enum is exhaustive on purpose: a loop that ignores a kind of work loses orders, so a new kind must not compile in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it is handed out once: what the owner does not carry out is lost"]
pub enum Next {
    /// Give this change to every data plane. Each one answers, at any time, by [`ForeignEdge::applied`] or
    /// [`ForeignEdge::refused`].
    Change(TableChange),
    /// Send the frame in the buffer out of this VAP: the edge's ARP or ND answer for a remote TSI.
    Frame(VapId),
    /// Send the datagram in the buffer to this peer, from the control port.
    Datagram(Peer),
    /// Give this event to the hypervisor or the operator.
    Event(Event),
    /// Nothing is left. Poll again after the next input, and at this time at the latest. `None`: there is no deadline.
    Wait(Option<Instant>),
}

/// An [`Nve`] that programs the owner's data planes, behind the same loop as [`Edge`](super::Edge).
pub struct ForeignEdge {
    control: Control,
    /// The number of the last change that was polled.
    ordered: u64,
    /// For each data plane: the number up to which it has answered every change.
    answered: Vec<u64>,
    /// Changes that a data plane refused and that not every data plane has answered.
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
    /// Joins this control plane to `planes` data planes, numbered from 0. With 0 planes, each change counts as applied at once.
    pub fn new(nve: Nve, planes: usize) -> Self {
        Self { control: Control::new(nve), ordered: 0, answered: vec![0; planes], refused: BTreeSet::new() }
    }

    /// Takes an ARP, RARP, ND or DHCP frame that a tenant sent into a VAP. [`Handled::Pass`]: the data plane forwards the frame.
    pub fn punted(&mut self, now: Instant, vap: VapId, frame: &[u8]) -> Handled {
        self.control.nve_mut().handle_frame(now, vap, frame)
    }

    /// Takes a notice of a data plane.
    pub fn notice(&mut self, now: Instant, notice: Notice) {
        self.control.nve_mut().handle_notice(now, notice);
    }

    /// Takes a datagram of the control port, from the NVA or another NVE.
    pub fn datagram(&mut self, now: Instant, datagram: &[u8]) {
        self.control.nve_mut().handle_datagram(now, datagram);
    }

    /// Takes an input of the owner. [`Input::Applied`] and [`Input::Refused`] change nothing: data planes answer by
    /// [`ForeignEdge::applied`] and [`ForeignEdge::refused`]. [`Input::ForwarderReset`] says that a data plane has lost its table:
    /// every data plane gets all changes again.
    ///
    /// # Errors
    /// The reason why the edge did not take the input. Nothing has changed then.
    pub fn tell(&mut self, now: Instant, input: Input) -> Result<(), Error> {
        match input {
            Input::Applied(_) | Input::Refused { .. } => return Ok(()),
            Input::ForwarderReset => {
                self.answered.fill(self.ordered);
                self.refused.clear();
            }
            _ => {}
        }
        self.control.nve_mut().handle(now, input)
    }

    /// A data plane has applied every change up to `upto` that it did not refuse. An unknown plane or number changes nothing.
    pub fn applied(&mut self, now: Instant, plane: usize, upto: u64) {
        let before = self.in_force();
        if let Some(answered) = self.answered.get_mut(plane) {
            *answered = upto.min(self.ordered).max(*answered);
            self.settle(now, before);
        }
    }

    /// A data plane refused a change. It answers changes in the order of their numbers. The other data planes need not undo the
    /// change: the control plane orders whatever follows from the refusal.
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

    /// The number of changes that this data plane has not answered.
    pub fn unanswered(&self, plane: usize) -> u64 {
        self.answered.get(plane).map_or(0, |answered| self.ordered - answered)
    }

    /// The number up to which every data plane has answered every change.
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
        // The control plane always takes an answer to a change.
        let _ = self.control.nve_mut().handle(now, answer);
    }

    /// Gives the next thing to do. Clears `out` and writes a frame or datagram into it. Handles deadlines that have passed.
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

    /// The next deadline. While the control plane waits to be polled, this is the current time.
    #[must_use = "the edge must be polled at this time at the latest"]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.control.poll_timeout()
    }

    /// The duties that wait for the owner: those that [`ForeignEdge::poll`] carries out, and changes that not every data plane has
    /// answered.
    ///
    /// A duty that has waited for [`PATIENCE`](crate::health::PATIENCE) also makes one [`Event::Stalled`].
    pub fn health(&self, now: Instant) -> Health {
        self.control.nve().health(now)
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

    /// The control plane, for inputs that an edge has no call for. The results leave by [`ForeignEdge::poll`].
    pub const fn nve_mut(&mut self) -> &mut Nve {
        self.control.nve_mut()
    }
}
