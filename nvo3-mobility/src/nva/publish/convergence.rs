//! Who does not follow a move yet.

use alloc::collections::{BTreeMap, BTreeSet};
use nvo3_nva_proto::{Instant, MoveId, NveId, TsiKey};

#[derive(Debug, Default)]
struct Following {
    /// When it was planned, and when it was committed.
    committed: Option<(Instant, Instant)>,
    /// Who was pushed the new mapping before the commit.
    early: BTreeSet<(TsiKey, NveId)>,
    /// Who was pushed it and has not said that it is in force.
    awaited: BTreeSet<NveId>,
}

/// The moves whose new mappings were pushed, until everyone who was pushed them follows.
#[derive(Debug, Default)]
pub(super) struct Convergence {
    moves: BTreeMap<MoveId, Following>,
}

impl Convergence {
    /// An NVE was pushed the new mapping of a TSI before the commit.
    pub(super) fn note_early(&mut self, id: MoveId, key: TsiKey, nve: NveId) {
        let following = self.moves.entry(id).or_default();
        following.early.insert((key, nve));
        following.awaited.insert(nve);
    }

    /// A move is committed.
    pub(super) fn commit(&mut self, id: MoveId, planned_at: Instant, now: Instant) {
        self.moves.entry(id).or_default().committed = Some((planned_at, now));
    }

    /// Whether an NVE was pushed the new mapping of this TSI before the commit.
    pub(super) fn is_early(&self, id: MoveId, key: TsiKey, nve: NveId) -> bool {
        self.moves.get(&id).is_some_and(|following| following.early.contains(&(key, nve)))
    }

    /// An NVE was pushed the commit.
    pub(super) fn note_pushed(&mut self, id: MoveId, nve: NveId) {
        if let Some(following) = self.moves.get_mut(&id) {
            following.awaited.insert(nve);
        }
    }

    /// An NVE lost its session, and maybe what it was pushed early: it is pushed the commit too.
    pub(super) fn forget_early(&mut self, nve: NveId) {
        for following in self.moves.values_mut().filter(|following| following.committed.is_none()) {
            following.early.retain(|(_, pushed)| *pushed != nve);
        }
    }

    /// An NVE follows a move, or is gone. True if it was awaited.
    pub(super) fn note_follower(&mut self, id: MoveId, nve: NveId) -> bool {
        self.moves.get_mut(&id).is_some_and(|following| following.awaited.remove(&nve))
    }

    /// When a move was planned and when it was committed, once everyone follows. It is said once.
    pub(super) fn take_converged(&mut self, id: MoveId) -> Option<(Instant, Instant)> {
        let following = self.moves.get(&id)?;
        let committed = following.committed.filter(|_| following.awaited.is_empty())?;
        self.moves.remove(&id);
        Some(committed)
    }

    /// A move is aborted or remembered no more: nobody is waited for.
    pub(super) fn forget(&mut self, id: MoveId) {
        self.moves.remove(&id);
    }
}
