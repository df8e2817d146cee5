//! Moves that NVEs restate and that the book does not have, or has from an old copy of its records (I9).
//!
//! Such a move does not go on by itself. Its parties say what holds at them, and when both have said everything, the room says how the
//! move is taken up: where the VM runs decides, else it is revoked.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use nvo3_nva_proto::{MoveId, NveId, PartyState, RestateMove, Side, Tsi, TsiKey, Version};

/// A move as its parties restate it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::nva) struct Stray {
    pub(in crate::nva) version: Version,
    pub(in crate::nva) old: NveId,
    pub(in crate::nva) new: NveId,
    pub(in crate::nva) tsis: Vec<Tsi>,
    at_old: Option<PartyState>,
    at_new: Option<PartyState>,
}

impl Stray {
    /// What holds at a party; `None` if the party did not name the move.
    pub(in crate::nva) const fn at(&self, side: Side) -> Option<PartyState> {
        match side {
            Side::Old => self.at_old,
            Side::New => self.at_new,
        }
    }

    pub(in crate::nva) const fn party(&self, side: Side) -> NveId {
        match side {
            Side::Old => self.old,
            Side::New => self.new,
        }
    }
}

/// The moves that were restated, bounded.
#[derive(Debug, Default)]
pub(in crate::nva) struct Strays(BTreeMap<MoveId, Stray>);

impl Strays {
    /// Takes a party's statement about a move. False if there is no room for another move, or the NVE is not the party that it says.
    pub(in crate::nva) fn note(&mut self, from: NveId, said: RestateMove, most: usize) -> bool {
        let RestateMove { move_id, version, side, party, peer, tsis } = said;
        let (old, new) = if side == Side::Old { (from, peer) } else { (peer, from) };
        if self.0.len() >= most && !self.0.contains_key(&move_id) {
            return false;
        }
        let stray = self.0.entry(move_id).or_insert(Stray { version, old, new, tsis, at_old: None, at_new: None });
        if (stray.old, stray.new, stray.version) != (old, new, version) {
            return false;
        }
        match side {
            Side::Old => stray.at_old = Some(party),
            Side::New => stray.at_new = Some(party),
        }
        true
    }

    /// An NVE has a new session: what it said of its moves before does not count.
    pub(in crate::nva) fn forget(&mut self, nve: NveId) {
        self.0.retain(|_, stray| {
            if stray.old == nve {
                stray.at_old = None;
            }
            if stray.new == nve {
                stray.at_new = None;
            }
            stray.at_old.is_some() || stray.at_new.is_some()
        });
    }

    /// True if both parties said that they take part in a move.
    pub(in crate::nva) fn is_confirmed(&self, id: MoveId) -> bool {
        self.get(id).is_some_and(|stray| stray.at_old.is_some() && stray.at_new.is_some())
    }

    pub(in crate::nva) fn get(&self, id: MoveId) -> Option<&Stray> {
        self.0.get(&id)
    }

    /// True if a TSI takes part in one of these moves.
    pub(in crate::nva) fn have(&self, key: &TsiKey) -> bool {
        self.0.values().any(|stray| stray.tsis.iter().any(|tsi| tsi.key == *key))
    }

    pub(in crate::nva) fn take(&mut self, id: MoveId) -> Option<Stray> {
        self.0.remove(&id)
    }

    pub(in crate::nva) fn ids(&self) -> Vec<MoveId> {
        self.0.keys().copied().collect()
    }

    pub(in crate::nva) fn len(&self) -> usize {
        self.0.len()
    }
}
