//! One move, from its turn to its end.

use crate::sim::net::EdgeNo;
use crate::sim::scenario::Move;
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Micros, MoveId, MoveResult};

/// One move under way, or to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leg {
    pub(super) id: MoveId,
    pub(super) plan: Move,
    /// From where, once it was asked for.
    pub(super) from: EdgeNo,
    /// When the authority took the order.
    pub(super) asked: Option<Instant>,
    /// It does not take place.
    pub(super) skipped: bool,
    /// Its turn has come.
    pub(super) due: Option<Instant>,
    /// Which interfaces the edge called suspended, a bit each.
    pub(super) heard: u32,
    /// The VM is about to stop: the edge said *suspended*, or its word will come late.
    pub(super) stopping: bool,
    pub(super) stopped: Option<Instant>,
    /// The source's hypervisor resumed it by itself: management starts it nowhere else.
    pub(super) self_resumed: bool,
    /// It was told to run where it was: a stop that was still to come is off.
    pub(super) resumed: bool,
    pub(super) ran: Option<Instant>,
    pub(super) ended: Option<(Instant, MoveResult)>,
    pub(super) converged: Option<Instant>,
}

impl Leg {
    /// Those of a world, in their order.
    pub(super) fn all(moves: &[Move]) -> Vec<Self> {
        let leg = |(id, plan): (u64, &Move)| Self {
            id: MoveId(id),
            plan: *plan,
            from: plan.from.unwrap_or_default(),
            asked: None,
            skipped: false,
            due: None,
            heard: 0,
            stopping: false,
            stopped: None,
            self_resumed: false,
            resumed: false,
            ran: None,
            ended: None,
            converged: None,
        };
        (1..).zip(moves).map(leg).collect()
    }

    pub(crate) const fn id(&self) -> MoveId {
        self.id
    }

    /// Whether it is not to take place.
    pub(crate) const fn is_skipped(&self) -> bool {
        self.skipped
    }

    /// When its turn came.
    pub(crate) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// When the authority took the order.
    pub(crate) const fn asked(&self) -> Option<Instant> {
        self.asked
    }

    /// When and how it ended.
    pub(crate) const fn ended(&self) -> Option<(Instant, MoveResult)> {
        self.ended
    }

    /// How long it may take.
    pub(crate) const fn deadline(&self) -> Micros {
        self.plan.deadline
    }

    /// The old and the new edge.
    pub(crate) const fn edges(&self) -> (EdgeNo, EdgeNo) {
        (self.from, self.plan.to)
    }

    /// How long the VM runs nowhere.
    pub(crate) const fn pause(&self) -> Micros {
        self.plan.pause
    }

    /// Whether the authority has taken it and not ended it.
    pub(crate) const fn is_in_hand(&self) -> bool {
        self.asked.is_some() && self.ended.is_none()
    }
}
