//! The moves that this edge is a party of, and how their TSIs speak as one.

use super::Stations;
use super::rules::{Input, Plan, Word};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use nvo3_nva_proto::{MoveId, MoveKind, Place, Prepare, Refusal, Side, TsiKey, Version};

/// What one move is besides its TSIs' states.
#[derive(Clone, Debug)]
pub(super) struct Move {
    version: Version,
    peer: Place,
    pub(super) tsis: Vec<TsiKey>,
    /// Which TSIs have said a word that the others have not said yet.
    said: BTreeMap<Word, BTreeSet<TsiKey>>,
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

    /// Enters a move or what a new Prepare says of it; false where there is no room.
    fn enter(&mut self, id: MoveId, version: Version, peer: Place, tsis: Vec<TsiKey>) -> bool {
        if self.moves.len() >= self.limit && !self.moves.contains_key(&id) {
            return false;
        }
        self.moves.insert(id, Move { version, peer, tsis, said: BTreeMap::new() });
        true
    }

    /// Whether all TSIs of the move have now said the word.
    pub(super) fn says(&mut self, id: MoveId, word: Word, key: TsiKey) -> bool {
        let Some(found) = self.moves.get_mut(&id) else { return true };
        let said = found.said.entry(word).or_default();
        said.insert(key);
        let all = found.tsis.iter().all(|tsi| said.contains(tsi));
        if all {
            found.said.remove(&word);
        }
        all
    }
}

impl Stations {
    /// Takes in a Prepare; gives what it is to each of its TSIs, or why this edge refuses it.
    pub(crate) fn prepare(&mut self, prepare: Prepare) -> Result<Input, Refusal> {
        let Prepare { move_id, version, side, kind, suspended, tsis, peer, limits } = prepare;
        if tsis.is_empty() || tsis.iter().any(|tsi| tsi.ips.is_empty()) {
            return Err(Refusal::UnknownTsi);
        }
        if peer.locators.reachable_from(&self.place.locators).is_none() {
            return Err(Refusal::NoCommonUnderlay);
        }
        let new = tsis.iter().filter(|tsi| !self.tsis.contains_key(&tsi.key)).count();
        let keys = tsis.iter().map(|tsi| tsi.key).collect();
        if !(self.make_room(new) && self.moves.enter(move_id, version, peer, keys)) {
            return Err(Refusal::Resource);
        }
        for tsi in tsis {
            let station = self.station_mut(tsi.key);
            station.limits = limits;
            if station.vap.is_none() {
                station.ips = tsi.ips;
            }
        }
        let plan = Plan { id: move_id, version, peer };
        Ok(match side {
            Side::New => Input::PrepareNew(plan),
            Side::Old if kind == MoveKind::Failover => Input::Yield(plan),
            Side::Old => Input::PrepareOld(plan, suspended),
        })
    }

    /// A move in hand, as its TSIs know it.
    pub(crate) fn plan(&self, id: MoveId) -> Option<Plan> {
        self.moves.get(id).map(|found| Plan { id, version: found.version, peer: found.peer })
    }

    /// The TSIs of a move.
    pub(crate) fn in_move(&self, id: MoveId) -> Vec<TsiKey> {
        self.moves.get(id).map(|found| found.tsis.clone()).unwrap_or_default()
    }

    /// The other TSIs that move with this one.
    pub(crate) fn moving_with(&self, key: &TsiKey) -> Vec<TsiKey> {
        let together = self.tsis.get(key).and_then(|station| station.move_id()).map(|id| self.in_move(id));
        let mut others = together.unwrap_or_default();
        others.retain(|other| other != key);
        others
    }

    /// The move is over for everyone.
    pub(crate) fn forget_move(&mut self, id: MoveId) {
        self.moves.moves.remove(&id);
    }
}
