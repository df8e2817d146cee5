//! The control plane of both kinds of edge, and the position of their loop.

use crate::nve::{Event, Nve, Transmit};
use crate::table::TableChange;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use nvo3_nva_proto::Instant;

/// The destination of a control datagram.
///
/// This enum is exhaustive on purpose: a loop that ignores a destination loses messages, so a new kind must not compile in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The NVA.
    Nva,
    /// The control port of another NVE, at this address.
    Nve(IpAddr),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nva => f.write_str("the NVA"),
            Self::Nve(to) => write!(f, "the NVE at {to}"),
        }
    }
}

/// The next thing that the loop polls. [`super`] says why the order matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Changes,
    Plane,
    Messages,
    Events,
}

/// The result of a round of the loop.
pub(super) enum Round {
    /// Another round follows.
    Again,
    /// Another round follows, because a deadline has passed: the data plane must hear of the time too.
    TimePasses,
    /// Nothing is left before the next deadline or input.
    Last,
}

/// A control plane, with the stage of the loop around it.
pub(super) struct Control {
    nve: Nve,
    stage: Stage,
    /// True if this round gave something: another round follows.
    busy: bool,
    /// True if time has passed since the owner last waited.
    time_passed: bool,
}

impl Control {
    pub(super) const fn new(nve: Nve) -> Self {
        Self { nve, stage: Stage::Changes, busy: false, time_passed: false }
    }

    pub(super) const fn nve(&self) -> &Nve {
        &self.nve
    }

    pub(super) const fn nve_mut(&mut self) -> &mut Nve {
        &mut self.nve
    }

    /// The next table change of this round.
    pub(super) fn poll_change(&mut self) -> Option<TableChange> {
        if self.stage != Stage::Changes {
            return None;
        }
        let change = self.nve.poll_table_change();
        self.busy |= change.is_some();
        if change.is_none() {
            self.stage = Stage::Plane;
        }
        change
    }

    /// True while it is the data plane's turn; [`Self::poll_transmit`] ends the turn.
    pub(super) fn is_planes_turn(&self) -> bool {
        self.stage == Stage::Plane
    }

    /// Notes that the data plane gave something: another round follows.
    pub(super) const fn stay_busy(&mut self) {
        self.busy = true;
    }

    /// The next message or frame of this round.
    pub(super) fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        if self.stage == Stage::Events {
            return None;
        }
        let to = self.nve.poll_transmit(now, out);
        self.busy |= to.is_some();
        self.stage = if to.is_some() { Stage::Messages } else { Stage::Events };
        to
    }

    /// The next event of this round.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        let event = self.nve.poll_event();
        self.busy |= event.is_some();
        event
    }

    /// Ends the round; `due` is the next deadline. Time passes once per drain, so every drain ends.
    pub(super) fn end_round(&mut self, now: Instant, due: Option<Instant>) -> Round {
        self.stage = Stage::Changes;
        if core::mem::take(&mut self.busy) {
            return Round::Again;
        }
        self.time_passed = !self.time_passed && due.is_some_and(|at| at <= now);
        if !self.time_passed {
            return Round::Last;
        }
        self.nve.handle_timeout(now);
        Round::TimePasses
    }

    /// The control plane's next deadline.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.nve.poll_timeout().map(|(at, _)| at)
    }
}
