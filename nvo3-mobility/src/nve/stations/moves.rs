//! The moves that this NVE is a party of. The TSIs of a move send one message together.

use super::Stations;
use super::rules::{Input, Plan, Sign, State, TsiState, Word};
use crate::nve::orders::{Orders, Row};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, MoveId, MoveKind, MoveWord, Place, Prepare, Refusal, Side, Tsi, TsiKey, Version};

/// One move, without the states of its TSIs.
#[derive(Clone, Debug)]
pub(super) struct Move {
    version: Version,
    peer: Place,
    pub(super) tsis: Vec<TsiKey>,
    /// Per message: the TSIs that have said it, until all TSIs of the move have.
    said_by: BTreeMap<Word, BTreeSet<TsiKey>>,
}

/// What an NVE does about *Revoke*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revoking {
    /// Give this input to each TSI of the move.
    Step(Input),
    /// Say that the VM runs here by this move.
    Activated,
    /// Say that the move will never be activated here: it was never prepared here, or is over here.
    Revoked,
    /// Nothing: the VM runs here by a newer statement, which the NVA was told.
    Nothing,
}

/// The moves in hand, bounded.
#[derive(Debug)]
pub(super) struct Moves {
    limit: usize,
    moves: BTreeMap<MoveId, Move>,
}

impl Moves {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, moves: BTreeMap::new() }
    }

    pub(super) fn get(&self, id: MoveId) -> Option<&Move> {
        self.moves.get(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.moves.len()
    }

    /// Enters a move, or replaces it after a new *Prepare*. False if there is no room. A move that none of its TSIs is in any more
    /// makes room: an aborted move gets no *Done*, and a *Done* may be lost with its session.
    fn enter(
        &mut self,
        id: MoveId,
        version: Version,
        peer: Place,
        tsis: Vec<TsiKey>,
        is_in: impl Fn(&TsiKey, MoveId) -> bool,
    ) -> bool {
        if self.moves.len() >= self.limit && !self.moves.contains_key(&id) {
            let over = self.moves.iter().find(|(id, over)| !over.tsis.iter().any(|tsi| is_in(tsi, **id)));
            let Some(over) = over.map(|(id, _)| *id) else { return false };
            self.moves.remove(&over);
        }
        self.moves.insert(id, Move { version, peer, tsis, said_by: BTreeMap::new() });
        true
    }

    /// Notes that a TSI said a message. True if all TSIs of the move have now said it.
    pub(super) fn says(&mut self, id: MoveId, word: Word, key: TsiKey) -> bool {
        let Some(found) = self.moves.get_mut(&id) else { return true };
        let said_by = found.said_by.entry(word).or_default();
        said_by.insert(key);
        let all = found.tsis.iter().all(|tsi| said_by.contains(tsi));
        if all {
            found.said_by.remove(&word);
        }
        all
    }
}

impl Stations {
    /// Takes a *Prepare*. Gives the input for each of its TSIs, or the reason why this NVE refuses the move. `None`: newer statements
    /// about all its TSIs came before, and it changes nothing.
    pub(crate) fn prepare(
        &mut self,
        now: Instant,
        prepare: Prepare,
        orders: &mut Orders,
    ) -> Result<Option<Input>, Refusal> {
        let Prepare { move_id, version, side, kind, suspended, tsis, peer, limits } = prepare;
        if tsis.is_empty() {
            return Err(Refusal::UnknownTsi);
        }
        if !tsis.iter().any(|tsi| self.is_in(move_id, &tsi.key) || version > self.state(&tsi.key).floor) {
            return Ok(None);
        }
        if peer.locators.reachable_from(&self.place.locators).is_none() {
            return Err(Refusal::NoCommonUnderlay);
        }
        let new = tsis.iter().filter(|tsi| !self.tsis.contains_key(&tsi.key)).count();
        let keys = tsis.iter().map(|tsi| tsi.key).collect();
        let room = self.make_room(new);
        let is_in = |key: &TsiKey, id| self.tsis.get(key).and_then(|station| station.move_id()) == Some(id);
        if !(room && self.moves.enter(move_id, version, peer, keys, is_in)) {
            return Err(Refusal::Resource);
        }
        for tsi in tsis {
            self.regain(now, &tsi.key, &tsi.ips, orders);
            self.take_learned(now, &tsi, orders);
            let station = self.station_mut(tsi.key);
            station.limits = limits;
            station.role = match side {
                Side::New => tsi.role.or(station.role),
                Side::Old => station.role.or(tsi.role),
            };
            if station.vap.is_none() {
                station.ips = tsi.ips;
            } else {
                station.readdressed |= station.ips != tsi.ips;
            }
        }
        if side == Side::New {
            self.bind_coming_in(now, move_id, orders);
        }
        let plan = Plan { id: move_id, version, peer };
        Ok(Some(match side {
            Side::New => Input::PrepareNew(plan),
            Side::Old if kind == MoveKind::Failover && suspended => Input::Yield(plan),
            Side::Old if kind == MoveKind::Failover => Input::Confirm(plan),
            Side::Old => Input::PrepareOld(plan, suspended),
        }))
    }

    fn is_in(&self, id: MoveId, key: &TsiKey) -> bool {
        self.tsis.get(key).and_then(|station| station.move_id()) == Some(id)
    }

    /// The answer to *Revoke*.
    pub(crate) fn revoke(&self, word: MoveWord) -> Revoking {
        let MoveWord { move_id, version } = word;
        // The NVA has an old copy of its records: the move is committed, and brought the VM.
        if self.tsis.values().any(|station| station.brought_by == Some(move_id)) {
            return Revoking::Activated;
        }
        let Some(plan) = self.plan(move_id) else { return Revoking::Revoked };
        let tsis = self.in_move(move_id);
        let heeds = |key: &TsiKey| {
            let TsiState { state, floor } = self.state(key);
            self.is_in(move_id, key) || version >= floor && state.plan().is_none()
        };
        let runs = |key: &TsiKey| match self.state(key).state {
            State::Claiming { sign, .. } => sign == Sign::Word,
            State::Suspending(_) | State::Suspended(_) => false,
            state => state.is_home(),
        };
        if tsis.iter().any(heeds) {
            Revoking::Step(Input::Revoke(plan))
        } else if tsis.iter().any(runs) {
            // No NVE says that a move is revoked where the VM runs.
            Revoking::Nothing
        } else {
            Revoking::Revoked
        }
    }

    /// A TSI comes to a port: it keeps the addresses that it had before.
    fn take_learned(&mut self, now: Instant, tsi: &Tsi, orders: &mut Orders) {
        let most = self.limits.ips_per_tsi;
        let Some(station) = self.tsis.get_mut(&tsi.key) else { return };
        let Some(vap) = station.vap else { return };
        let own: Vec<_> =
            station.ips.iter().copied().filter(|ip| !station.learned.iter().any(|other| other == *ip)).collect();
        let kept: Vec<_> = tsi.ips.iter().copied().filter(|ip| !own.contains(ip)).collect();
        let kept = kept.get(..most.saturating_sub(own.len())).unwrap_or(&kept);
        if kept.is_empty() {
            return;
        }
        station.learned.take_over(now, kept, &own);
        for ip in kept {
            if !station.ips.contains(ip) {
                station.ips.push(*ip);
            }
            self.local_ips.insert((tsi.key.vn, *ip, tsi.key.mac), vap);
        }
        orders.mark(Row::Port(vap));
        self.watch(now, tsi.key);
    }

    /// The plan of a move in hand, as its TSIs know it.
    pub(crate) fn plan(&self, id: MoveId) -> Option<Plan> {
        self.moves.get(id).map(|found| Plan { id, version: found.version, peer: found.peer })
    }

    /// The TSIs of a move.
    pub(crate) fn in_move(&self, id: MoveId) -> Vec<TsiKey> {
        self.moves.get(id).map(|found| found.tsis.clone()).unwrap_or_default()
    }

    /// The forwarder's rows that this NVE's promises about a TSI rest on: the TSI's own row and, where the VM comes or runs, its port.
    pub(crate) fn rests_on(&self, key: &TsiKey) -> Vec<Row> {
        let station = self.tsis.get(key);
        let needs_port = station.is_some_and(|station| station.tsi.state.needs_port());
        let vap = station.and_then(|station| station.vap).filter(|_| needs_port);
        [Some(Row::Tsi(*key)), vap.map(Row::Port)].into_iter().flatten().collect()
    }

    /// The other TSIs of the move that this TSI is in.
    #[inline]
    pub(crate) fn moving_with(&self, key: &TsiKey) -> Vec<TsiKey> {
        let together = self.tsis.get(key).and_then(|station| station.move_id()).map(|id| self.in_move(id));
        let mut others = together.unwrap_or_default();
        others.retain(|tsi| tsi != key);
        others
    }

    /// Forgets a move that has ended at every NVE.
    pub(crate) fn forget_move(&mut self, id: MoveId) {
        self.moves.moves.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_nva_proto::{Locators, NveId};
    use nvo3_wire::{Mac, Vni};

    #[test]
    fn a_move_that_no_tsi_is_in_any_more_makes_room() {
        let peer = Place { nve: NveId(2), locators: Locators::V4([198, 51, 100, 2].into()) };
        let tsis = || Vec::from([TsiKey { vn: Vni::MAX, mac: Mac::ZERO }]);
        let mut moves = Moves::new(1);
        let mut enter =
            |id, hand: &[u64]| moves.enter(MoveId(id), Version::default(), peer, tsis(), |_, id| hand.contains(&id.0));

        assert!(enter(1, &[]));
        assert!(!enter(2, &[1]), "move 1 is in hand");
        assert!(enter(2, &[]), "move 1 was aborted");

        assert!(moves.get(MoveId(1)).is_none() && moves.len() == 1);
    }
}
