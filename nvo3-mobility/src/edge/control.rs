//! What both kinds of edge do with their control plane, and how far their loop is.

use crate::nve::{Event, Nve, Transmit};
use crate::table::TableChange;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use nvo3_nva_proto::Instant;

/// Who a control datagram is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The NVA.
    Nva,
    /// Another NVE's control port.
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

/// What is polled next. The order is part of what an edge does: see [`super`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Changes,
    Plane,
    Messages,
    Events,
}

/// What follows a round.
pub(super) enum Round {
    /// Another one.
    Again,
    /// Another one, for a deadline has come: the data plane must hear of it too.
    TimePasses,
    /// Nothing until the next deadline or input.
    Last,
}

/// A control plane and the stage of its owner's loop.
pub(super) struct Control {
    nve: Nve,
    stage: Stage,
    /// Something came out in this round, so there is another one.
    busy: bool,
    /// Time has passed since the owner last waited.
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

    /// Whether the data plane has its turn. It ends by [`Self::poll_transmit`].
    pub(super) fn is_planes_turn(&self) -> bool {
        self.stage == Stage::Plane
    }

    /// The data plane gave something: there is another round.
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

    /// Ends the round; `due` is the next deadline. Time passes once in a drain, so every drain ends.
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
