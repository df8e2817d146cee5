//! One TSI that is, was or will be here: its state in the table, and everything that depends on the state.

use super::contested::Contested;
use super::learned::Learned;
use super::rules::{self, Sign, State, TsiState};
use crate::table::{Entry, VapId};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{HoldLimits, Instant, Micros, MoveId, Role};

/// One TSI that is, was or will be here.
#[derive(Clone, Debug)]
pub(super) struct Station {
    pub(super) tsi: TsiState,
    pub(super) ips: Vec<IpAddr>,
    /// Those of the addresses that its frames showed.
    pub(super) learned: Learned,
    /// The addresses that it lists and another TSI has.
    pub(super) contested: Contested,
    pub(super) vap: Option<VapId>,
    pub(super) limits: HoldLimits,
    pub(super) forward_ends: Option<Instant>,
    /// The time at which the VM stopped here, if *Suspend* came afterwards. It is cleared when the VM runs here again.
    pub(super) stopped_at: Option<Instant>,
    /// The move that brought the VM here, once it is committed.
    pub(super) brought_by: Option<MoveId>,
    /// The committed move that took the VM away, while late frames are tunnelled after it.
    pub(super) taken_by: Option<MoveId>,
    /// True if a frame of the VM came in here.
    pub(super) heard: bool,
    /// What the TSI said of itself in Neighbor Discovery, and the time at which it last said something else than before.
    pub(super) role: Role,
    pub(super) role_since: Option<Instant>,
    /// True if the addresses or the role are not those that the NVA was told.
    pub(super) readdressed: bool,
    /// The transaction of the newest claim, until the NVA has answered it or the session is lost.
    pub(super) asked: Option<u32>,
    /// The end of the pause after the NVA refused the registration, and the length of the pause.
    pub(super) refused: Option<(Instant, Micros)>,
    /// True if a frame came in that pause.
    pub(super) shown: bool,
    /// True if the hypervisor said that the VM runs here: a refused registration is tried again.
    pub(super) wanted: bool,
    /// True if the session was lost during the move in hand.
    alone: bool,
}

impl Station {
    pub(super) fn new(limits: HoldLimits) -> Self {
        Self {
            tsi: TsiState { state: State::Away, floor: nvo3_nva_proto::Version { epoch: 0, generation: 0 } },
            ips: Vec::new(),
            learned: Learned::new(),
            contested: Contested::default(),
            vap: None,
            limits,
            forward_ends: None,
            stopped_at: None,
            brought_by: None,
            taken_by: None,
            heard: false,
            role: Role::Unknown,
            role_since: None,
            readdressed: false,
            asked: None,
            refused: None,
            shown: false,
            wanted: false,
            alone: false,
        }
    }

    /// The forwarder's entry for the TSI.
    pub(super) const fn entry(&self) -> Option<Entry> {
        if self.alone { rules::entry_alone(self.tsi.state) } else { rules::entry(self.tsi.state) }
    }

    /// True if only the floor of the TSI is left.
    pub(super) fn is_gone(&self) -> bool {
        self.vap.is_none() && self.tsi.state == State::Away
    }

    /// The move in hand.
    pub(super) fn move_id(&self) -> Option<MoveId> {
        self.tsi.state.plan().map(|plan| plan.id)
    }

    /// The session is lost: the NVA may end the move without this NVE. True if the entry changes.
    pub(super) fn go_on_alone(&mut self) -> bool {
        let before = self.entry();
        self.asked = None;
        self.alone |= self.tsi.state.plan().is_some();
        self.entry() != before
    }

    /// Enters the state that the table gave, after the NVA said that this move is committed, if it did. True if the entry changes.
    pub(super) fn enter(&mut self, after: TsiState, committed: Option<MoveId>) -> bool {
        let (before, entry_before) = (self.tsi, self.entry());
        self.tsi = after;
        if rules::entry(after.state).is_none_or(|entry| entry.delivers()) {
            self.stopped_at = None;
        }
        if after.state == State::Here {
            self.refused = None;
        }
        self.heard &= !matches!(after.state, State::Away | State::Forwarding { .. });
        if let State::Claiming { sign, .. } = after.state {
            self.wanted = sign == Sign::Word;
        } else if !matches!(after.state, State::Away | State::Here | State::Forwarding { .. }) {
            self.wanted = false;
        }
        if before.state != after.state {
            // If this NVE missed a message of a move, it still misses the message in that move's next state.
            let in_hand = |tsi: TsiState| tsi.state.plan().map(|plan| plan.id);
            self.alone &= in_hand(before).is_some() && in_hand(before) == in_hand(after);
            self.brought_by = brought_by(before.state, after.state);
            self.taken_by = match (before.state, after.state) {
                (State::Forwarding { .. }, State::Forwarding { .. }) => self.taken_by,
                _ => taken_by(before.state, after, committed),
            };
        }
        self.entry() != entry_before
    }
}

/// The move whose commit brought the VM here.
const fn brought_by(before: State, after: State) -> Option<MoveId> {
    match (before, after) {
        (State::Activating(plan) | State::Active(plan), State::Here) => Some(plan.id),
        _ => None,
    }
}

/// The move whose commit took the VM away. A move that is decided in a later epoch than it was planned in has another version.
fn taken_by(before: State, after: TsiState, committed: Option<MoveId>) -> Option<MoveId> {
    match (before, after.state) {
        (
            State::Leaving(plan)
            | State::Suspending(plan)
            | State::Vacating(plan)
            | State::Suspended(plan)
            | State::Vacated(plan),
            State::Forwarding { .. },
        ) if after.floor == plan.version || committed == Some(plan.id) => Some(plan.id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HoldLimits = HoldLimits { frames: 1, bytes: 1, age: Micros(1) };

    #[test]
    fn a_station_is_gone_once_it_has_no_port_and_its_vm_is_away() {
        let away = Station::new(LIMITS);
        let attached = Station { vap: Some(VapId(1)), ..Station::new(LIMITS) };
        let mut unbound = Station::new(LIMITS);
        unbound.tsi.state = State::Here;

        assert_eq!([away, attached, unbound].map(|station| station.is_gone()), [true, false, false]);
    }
}
