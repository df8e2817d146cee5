//! The moves in hand and the last ones that ended, by id, by TSI and by NVE, with their timers.

use super::rules::State;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Micros, MoveId, MoveKind, NveId, Side, TsiKey, Version};

/// One move besides its state.
#[derive(Clone, Debug)]
pub(super) struct Move {
    pub(super) state: State,
    pub(super) tsis: Vec<TsiKey>,
    pub(super) old: NveId,
    pub(super) new: NveId,
    pub(super) kind: MoveKind,
    pub(super) version: Version,
    /// The version that an abort made.
    pub(super) aborted: Option<Version>,
    pub(super) deadline: Micros,
    pub(super) timer: Option<Instant>,
    pub(super) planned_at: Instant,
    pub(super) committed_at: Option<Instant>,
    /// Who was pushed the new mapping before the commit.
    pub(super) early: BTreeSet<(TsiKey, NveId)>,
    /// Who was pushed it and has not said that it is in force.
    pub(super) converging: BTreeSet<NveId>,
}

/// What [`Nva::moves`](super::Nva::moves) says of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// Which.
    pub id: MoveId,
    /// What is waited for, or how it ended.
    pub state: State,
    /// How it moves.
    pub kind: MoveKind,
    /// What moves.
    pub tsis: &'a [TsiKey],
    /// From where.
    pub old: NveId,
    /// To where.
    pub new: NveId,
    /// The version that is reserved for it.
    pub version: Version,
}

/// Moves that are under way, and the last ones that ended.
#[derive(Debug, Default)]
pub(super) struct Moves {
    pub(super) moves: BTreeMap<MoveId, Move>,
    of_tsi: BTreeMap<TsiKey, MoveId>,
    of_nve: BTreeSet<(NveId, MoveId)>,
    timers: BTreeSet<(Instant, MoveId)>,
    ended: VecDeque<MoveId>,
    /// Moves that ended while a party of theirs was gone: it hears of them before anything newer.
    unheard: BTreeSet<(NveId, MoveId)>,
}

impl Moves {
    pub(super) fn get(&self, id: MoveId) -> Option<&Move> {
        self.moves.get(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.moves.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Standing<'_>> {
        self.moves.iter().map(|(id, of)| Standing {
            id: *id,
            state: of.state,
            kind: of.kind,
            tsis: &of.tsis,
            old: of.old,
            new: of.new,
            version: of.version,
        })
    }

    /// The move that a TSI is in.
    pub(super) fn of_tsi(&self, key: &TsiKey) -> Option<MoveId> {
        self.of_tsi.get(key).copied()
    }

    /// The moves that an NVE is a party of and that have not ended.
    pub(super) fn of(&self, nve: NveId) -> Vec<MoveId> {
        self.of_nve.range((nve, MoveId(0))..=(nve, MoveId(u64::MAX))).map(|(_, id)| *id).collect()
    }

    /// Which party of a move an NVE is.
    pub(super) fn side(&self, id: MoveId, nve: NveId) -> Option<Side> {
        let of = self.moves.get(&id)?;
        if of.new == nve {
            Some(Side::New)
        } else if of.old == nve {
            Some(Side::Old)
        } else {
            None
        }
    }

    pub(super) fn next_timer(&self) -> Option<(Instant, MoveId)> {
        self.timers.first().copied()
    }

    pub(super) fn set_timer(&mut self, id: MoveId, at: Option<Instant>) {
        let Some(of) = self.moves.get_mut(&id) else { return };
        if let Some(before) = of.timer.take() {
            self.timers.remove(&(before, id));
        }
        of.timer = at;
        if let Some(at) = at {
            self.timers.insert((at, id));
        }
    }

    pub(super) fn enter(&mut self, id: MoveId, of: Move) {
        for key in &of.tsis {
            self.of_tsi.insert(*key, id);
        }
        self.of_nve.insert((of.old, id));
        self.of_nve.insert((of.new, id));
        if let Some(at) = of.timer {
            self.timers.insert((at, id));
        }
        if self.moves.insert(id, of).is_some() {
            // An outcome that is still remembered only because the journal is shorter now.
            self.ended.retain(|ended| *ended != id);
        }
    }

    /// What it was pushed early may have gone with its session: it is pushed the commit too.
    pub(super) fn forget_early(&mut self, nve: NveId) {
        let open: BTreeSet<MoveId> = self.of_nve.iter().map(|(_, id)| *id).collect();
        for id in open {
            if let Some(of) = self.moves.get_mut(&id).filter(|of| !of.state.decided()) {
                of.early.retain(|(_, pushed)| *pushed != nve);
            }
        }
    }

    /// A party was gone when the move ended.
    pub(super) fn note_unheard(&mut self, nve: NveId, id: MoveId) {
        self.unheard.insert((nve, id));
    }

    /// The moves that ended while this party was gone, and of which it has not the outcome in force yet.
    pub(super) fn unheard(&self, nve: NveId) -> Vec<MoveId> {
        let of_nve = self.unheard.range((nve, MoveId(0))..=(nve, MoveId(u64::MAX)));
        of_nve.map(|(_, id)| *id).collect()
    }

    /// A party has the outcome in force.
    pub(super) fn note_heard(&mut self, nve: NveId, id: MoveId) {
        self.unheard.remove(&(nve, id));
    }

    /// Its TSIs are free again; the outcome is remembered for a while.
    pub(super) fn close(&mut self, id: MoveId, remembered: usize) {
        self.set_timer(id, None);
        let Some(of) = self.moves.get(&id) else { return };
        for key in &of.tsis {
            if self.of_tsi.get(key) == Some(&id) {
                self.of_tsi.remove(key);
            }
        }
        self.of_nve.remove(&(of.old, id));
        self.of_nve.remove(&(of.new, id));
        self.ended.push_back(id);
        if self.ended.len() > remembered
            && let Some(oldest) = self.ended.pop_front()
            && let Some(of) = self.moves.remove(&oldest)
        {
            self.unheard.remove(&(of.old, oldest));
            self.unheard.remove(&(of.new, oldest));
        }
    }

    pub(super) fn open(&self) -> usize {
        self.moves.len() - self.ended.len()
    }
}
