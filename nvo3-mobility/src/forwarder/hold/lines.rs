//! The frames held for one TSI.

use crate::forwarder::pool::{Pool, Queue};
use crate::forwarder::{HeldFrames, Line, Origin};
use crate::table::Lane;
use nvo3_nva_proto::{HoldLimits, Instant, Locators};

/// The frames held for one TSI, with their limits.
pub(in crate::forwarder) struct Lines {
    tunnelled: Queue,
    direct: Queue,
    kept: Queue,
    limits: HoldLimits,
    /// The other party of the move, while a frame is held: a newer entry may not name it any more.
    party: Option<Locators>,
    /// True once a frame of the direct lane has left: the first pass is over.
    direct_began: bool,
    /// The time at which the age of the frames is checked.
    pub(super) armed: Option<Instant>,
}

impl Lines {
    pub(in crate::forwarder) const fn new(limits: HoldLimits) -> Self {
        let (tunnelled, direct, kept) = (Queue::EMPTY, Queue::EMPTY, Queue::EMPTY);
        Self { tunnelled, direct, kept, limits, party: None, direct_began: false, armed: None }
    }

    /// The lane in which a frame waits if it may leave as soon as the frames before it have left.
    #[inline]
    pub(in crate::forwarder) fn lane(&self, origin: Origin) -> Lane {
        match (origin, &self.party) {
            (Origin::Tunnel(from), Some(party)) if party.contains(from) => Lane::Tunnelled,
            _ => Lane::Direct,
        }
    }

    /// The lane of a frame that comes now. After the first pass, frames of the other party go into the direct lane too.
    pub(in crate::forwarder) fn pass(&self, origin: Origin) -> Lane {
        if self.direct_began { Lane::Direct } else { self.lane(origin) }
    }

    /// True if no frame is held that a frame for the TSI could overtake.
    #[inline]
    pub(in crate::forwarder) const fn lanes_are_empty(&self) -> bool {
        self.tunnelled.is_empty() && self.direct.is_empty()
    }

    #[inline]
    pub(in crate::forwarder) const fn is_empty(&self, line: Line) -> bool {
        self.queue(line).is_empty()
    }

    pub(in crate::forwarder) const fn held(&self) -> HeldFrames {
        HeldFrames {
            frames: self.tunnelled.frames() + self.direct.frames() + self.kept.frames(),
            bytes: self.tunnelled.bytes() + self.direct.bytes() + self.kept.bytes(),
            tunnelled: self.tunnelled.frames(),
            direct: self.direct.frames(),
            kept: self.kept.frames(),
        }
    }

    pub(in crate::forwarder) const fn limits(&self) -> HoldLimits {
        self.limits
    }

    /// Begins the first pass again: another entry or another VAP is in force.
    pub(in crate::forwarder) const fn begin_again(&mut self) {
        self.direct_began = false;
    }

    /// Takes the limits and the party of an order. The party stays if the entry names none.
    pub(in crate::forwarder) fn set(&mut self, limits: HoldLimits, party: Option<Locators>) {
        self.limits = limits;
        self.party = party.or(self.party);
    }

    pub(super) const fn party(&self) -> Option<Locators> {
        self.party
    }

    /// Notes that no frame for the TSI is held any more.
    pub(super) const fn lanes_emptied(&mut self, party: Option<Locators>) {
        self.direct_began = false;
        self.party = party;
    }

    /// Notes that a frame of this line leaves.
    pub(super) fn leaves(&mut self, line: Line) {
        self.direct_began |= line == Line::Direct && self.tunnelled.is_empty();
    }

    pub(super) const fn exceed_limits(&self) -> bool {
        let held = self.held();
        held.frames > self.limits.frames || held.bytes > self.limits.bytes
    }

    /// True if one more frame of this length would exceed the limits.
    pub(super) fn would_exceed(&self, length: u64) -> bool {
        let held = self.held();
        held.frames >= self.limits.frames || u64::from(held.bytes) + length > u64::from(self.limits.bytes)
    }

    pub(super) const fn queue(&self, line: Line) -> &Queue {
        match line {
            Line::Tunnelled => &self.tunnelled,
            Line::Direct => &self.direct,
            Line::Kept => &self.kept,
        }
    }

    pub(super) const fn queue_mut(&mut self, line: Line) -> &mut Queue {
        match line {
            Line::Tunnelled => &mut self.tunnelled,
            Line::Direct => &mut self.direct,
            Line::Kept => &mut self.kept,
        }
    }

    /// Both lanes, the tunnelled one first.
    pub(super) const fn lanes_mut(&mut self) -> (&mut Queue, &mut Queue) {
        (&mut self.tunnelled, &mut self.direct)
    }

    /// The line with the oldest frame.
    pub(super) fn oldest(&self, pool: &Pool) -> Option<Line> {
        let first = Line::ALL.into_iter().filter_map(|line| Some((pool.order(self.queue(line))?, line)));
        first.min_by_key(|(order, _)| *order).map(|(_, line)| line)
    }
}
