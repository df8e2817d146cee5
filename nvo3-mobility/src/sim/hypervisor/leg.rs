//! The notes of management and hypervisors about one move of the scenario.

use crate::sim::net::EdgeNo;
use crate::sim::scenario::Move;
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Micros, MoveId, MoveResult};

/// A move of the scenario: its plan, and the steps that are done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leg {
    pub(super) id: MoveId,
    pub(super) plan: Move,
    /// The old edge: planned at first, and the VM's edge once the authority took the order.
    pub(super) from: EdgeNo,
    /// The time at which the authority took the order.
    pub(super) asked: Option<Instant>,
    /// True if the move does not take place.
    pub(super) skipped: bool,
    /// The time at which management asks for the move, once its turn has come.
    pub(super) due: Option<Instant>,
    /// The interfaces that the old edge reported suspended: bit `n` is the VM's interface `n`.
    pub(super) heard: u32,
    /// True once the VM's stop is scheduled: the old edge reported *suspended*, or the hypervisor tells the edge late.
    pub(super) stopping: bool,
    /// The time at which the VM stopped.
    pub(super) stopped: Option<Instant>,
    /// True if the old edge's hypervisor resumed the VM by itself. Management then starts it nowhere else.
    pub(super) self_resumed: bool,
    /// True once the authority had lost its records of the move.
    pub(super) lost: bool,
    /// True once the old edge keeps the stopped VM for nobody: it said *halted*, or it restarted and forgot the move.
    pub(super) freed: bool,
    /// True once the VM was told to run on at the old edge. This cancels a stop that is still scheduled.
    pub(super) resumed: bool,
    /// The time at which the VM began to run at the new edge.
    pub(super) ran: Option<Instant>,
    /// The time at which management heard the result, and the result.
    pub(super) ended: Option<(Instant, MoveResult)>,
    /// The time at which the authority reported that every interested edge follows.
    pub(super) converged: Option<Instant>,
}

impl Leg {
    /// The moves of a scenario in its order. Move ids count from 1.
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
            lost: false,
            freed: false,
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

    /// True if the move does not take place.
    pub(crate) const fn is_skipped(&self) -> bool {
        self.skipped
    }

    /// The time at which management asks for the move, once its turn has come.
    pub(crate) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The time at which the authority took the order.
    pub(crate) const fn asked(&self) -> Option<Instant> {
        self.asked
    }

    /// The time at which management heard the result, and the result.
    pub(crate) const fn ended(&self) -> Option<(Instant, MoveResult)> {
        self.ended
    }

    /// The time that the move may take.
    pub(crate) const fn deadline(&self) -> Micros {
        self.plan.deadline
    }

    /// The old and the new edge.
    pub(crate) const fn edges(&self) -> (EdgeNo, EdgeNo) {
        (self.from, self.plan.to)
    }

    /// The time from the VM's stop to its start at the new edge.
    pub(crate) const fn pause(&self) -> Micros {
        self.plan.pause
    }

    /// True if the authority took the order and has not reported a result.
    pub(crate) const fn is_in_hand(&self) -> bool {
        self.asked.is_some() && self.ended.is_none()
    }
}
