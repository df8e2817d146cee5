//! Moves that NVEs restate and that the book does not have, or has from an old copy of its records (I9).
//!
//! Such a move does not go on by itself. Its parties say what holds at them, and when both have said everything, the room says how the
//! move is taken up: where the VM runs decides, else it is revoked.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;
use nvo3_nva_proto::{MoveId, NveId, PartyState, RestateMove, Side, Tsi, TsiKey, Version};

/// A move as its parties restate it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::nva) struct Stray {
    pub(in crate::nva) version: Version,
    pub(in crate::nva) old: NveId,
    pub(in crate::nva) new: NveId,
    pub(in crate::nva) tsis: Vec<Tsi>,
    /// The NVE that named the move first: it counts for that NVE's quota.
    by: NveId,
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

/// What came of a party's statement about a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nva) enum Noted {
    Taken,
    /// The NVE is not the party that it says.
    NotParty,
    /// The NVE has named as many moves as it may.
    OverQuota,
}

/// The moves that were restated, bounded for each NVE.
#[derive(Debug, Default)]
pub(in crate::nva) struct Strays {
    moves: BTreeMap<MoveId, Stray>,
    shares: BTreeMap<NveId, usize>,
}

impl Strays {
    /// Takes a party's statement about a move. `most`: the moves that an NVE may name first.
    pub(in crate::nva) fn note(&mut self, from: NveId, said: RestateMove, most: u32) -> Noted {
        let RestateMove { move_id, version, side, party, peer, tsis } = said;
        let (old, new) = if side == Side::Old { (from, peer) } else { (peer, from) };
        let stray = match self.moves.entry(move_id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(entry) => {
                let share = self.shares.entry(from).or_default();
                if *share >= most as usize {
                    return Noted::OverQuota;
                }
                *share += 1;
                entry.insert(Stray { version, old, new, tsis, by: from, at_old: None, at_new: None })
            }
        };
        if (stray.old, stray.new, stray.version) != (old, new, version) {
            return Noted::NotParty;
        }
        match side {
            Side::Old => stray.at_old = Some(party),
            Side::New => stray.at_new = Some(party),
        }
        Noted::Taken
    }

    /// An NVE has a new session: what it said of its moves before does not count.
    pub(in crate::nva) fn forget(&mut self, nve: NveId) {
        let mut unnamed = Vec::new();
        for (id, stray) in &mut self.moves {
            if stray.old == nve {
                stray.at_old = None;
            }
            if stray.new == nve {
                stray.at_new = None;
            }
            if stray.at_old.is_none() && stray.at_new.is_none() {
                unnamed.push(*id);
            }
        }
        for id in unnamed {
            self.take(id);
        }
    }

    /// A TSI rests at an NVE under a version. If one of these moves brought it there, the move's VM runs at its new NVE, although the NVE does
    /// not name the move any more. True if one did.
    pub(in crate::nva) fn note_arrival(&mut self, nve: NveId, key: &TsiKey, version: Version) -> bool {
        let came = |stray: &&mut Stray| {
            stray.new == nve && version >= stray.version && stray.tsis.iter().any(|tsi| tsi.key == *key)
        };
        let brought = self.moves.values_mut().find(came);
        brought.map(|stray| stray.at_new = Some(PartyState::Runs)).is_some()
    }

    /// True if both parties said that they take part in a move.
    pub(in crate::nva) fn is_confirmed(&self, id: MoveId) -> bool {
        self.get(id).is_some_and(|stray| stray.at_old.is_some() && stray.at_new.is_some())
    }

    pub(in crate::nva) fn get(&self, id: MoveId) -> Option<&Stray> {
        self.moves.get(&id)
    }

    /// True if a TSI takes part in one of these moves.
    pub(in crate::nva) fn have(&self, key: &TsiKey) -> bool {
        self.moves.values().any(|stray| stray.tsis.iter().any(|tsi| tsi.key == *key))
    }

    pub(in crate::nva) fn take(&mut self, id: MoveId) -> Option<Stray> {
        let stray = self.moves.remove(&id)?;
        if let Some(share) = self.shares.get_mut(&stray.by) {
            *share -= 1;
            if *share == 0 {
                self.shares.remove(&stray.by);
            }
        }
        Some(stray)
    }

    pub(in crate::nva) fn ids(&self) -> Vec<MoveId> {
        self.moves.keys().copied().collect()
    }

    pub(in crate::nva) fn len(&self) -> usize {
        self.moves.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(id: u64, side: Side, peer: u64) -> RestateMove {
        let version = Version { epoch: 1, generation: id };
        let (party, peer) = (PartyState::Stopped, NveId(peer));
        RestateMove { move_id: MoveId(id), version, side, party, peer, tsis: Vec::new() }
    }

    #[test]
    fn an_nve_names_no_more_moves_than_its_quota_and_takes_no_room_from_others() {
        let mut strays = Strays::default();
        let mut note = |from, id, side, peer| strays.note(NveId(from), said(id, side, peer), 2);

        let greedy = [1, 2, 3, 2].map(|id| note(1, id, Side::Old, 9));
        let party = note(9, 1, Side::New, 1);
        let others = [note(2, 4, Side::Old, 9), note(3, 1, Side::Old, 9)];

        assert_eq!(greedy, [Noted::Taken, Noted::Taken, Noted::OverQuota, Noted::Taken]);
        assert_eq!((party, others), (Noted::Taken, [Noted::Taken, Noted::NotParty]));
        assert!(strays.is_confirmed(MoveId(1)) && !strays.is_confirmed(MoveId(2)));

        strays.take(MoveId(2));
        assert_eq!(strays.note(NveId(1), said(3, Side::Old, 9), 2), Noted::Taken, "there is room again");
    }

    #[test]
    fn what_an_nve_named_before_its_new_session_does_not_count() {
        let mut strays = Strays::default();
        strays.note(NveId(1), said(1, Side::Old, 9), 8);
        strays.note(NveId(1), said(2, Side::Old, 9), 8);
        strays.note(NveId(9), said(2, Side::New, 1), 8);

        strays.forget(NveId(1));

        assert_eq!(strays.ids(), [MoveId(2)]);
        assert_eq!(strays.get(MoveId(2)).unwrap().at(Side::Old), None);
        assert_eq!(strays.shares.len(), 1);
    }
}
