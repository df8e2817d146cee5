//! The moves of the book: those in hand, and the last ones that ended.

use super::record::Plan;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use nvo3_nva_proto::{MoveId, MoveResult, NveId, RecordNo, TsiKey, Version};

/// The decision about a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The TSIs are at the new NVE, under this version.
    Committed(Version),
    /// The TSIs stay at the old NVE, under this version.
    Aborted(Version),
}

/// The numbers of a move's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Records {
    planned: RecordNo,
    decided: Option<RecordNo>,
    closed: Option<RecordNo>,
}

impl Records {
    pub(super) fn all(self) -> impl Iterator<Item = RecordNo> {
        [Some(self.planned), self.decided, self.closed].into_iter().flatten()
    }

    /// True if both are records of one move. A move id may name two moves long after each other; a record number names one.
    pub(super) fn is_same_move(&self, other: &Self) -> bool {
        self.planned == other.planned
    }
}

/// A move of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedMove {
    plan: Plan,
    version: Version,
    outcome: Option<Outcome>,
    records: Records,
}

impl PlannedMove {
    /// The plan.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The version that is reserved for the move.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The decision; `None` before it, and for a move that was over in records that are lost.
    pub const fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// The version of the TSIs' mappings as decided so far; before that, the one that is reserved.
    pub const fn decided_version(&self) -> Version {
        match self.outcome {
            Some(Outcome::Committed(version) | Outcome::Aborted(version)) => version,
            None => self.version,
        }
    }

    /// The NVE of the TSIs as decided so far.
    pub(in crate::nva) const fn decided_nve(&self) -> NveId {
        match self.outcome {
            Some(Outcome::Committed(_)) => self.plan.new,
            Some(Outcome::Aborted(_)) | None => self.plan.old,
        }
    }

    /// True once the move has ended.
    pub const fn is_closed(&self) -> bool {
        self.records.closed.is_some()
    }

    /// The result of the move, as decided so far. An undecided move counts as aborted.
    pub const fn result(&self) -> MoveResult {
        match self.outcome {
            Some(Outcome::Committed(_)) => MoveResult::Committed,
            Some(Outcome::Aborted(_)) | None => MoveResult::Aborted,
        }
    }

    pub(super) const fn records(&self) -> Records {
        self.records
    }
}

/// The moves in hand, and the last ones that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moves {
    remembered: usize,
    moves: BTreeMap<MoveId, PlannedMove>,
    by_tsi: BTreeMap<TsiKey, MoveId>,
    by_nve: BTreeSet<(NveId, MoveId)>,
    ended: VecDeque<MoveId>,
}

impl Moves {
    /// Makes an empty set of moves. It keeps the last `remembered` moves that end.
    pub(super) fn remembering(remembered: u32) -> Self {
        Self {
            remembered: remembered as usize,
            moves: BTreeMap::new(),
            by_tsi: BTreeMap::new(),
            by_nve: BTreeSet::new(),
            ended: VecDeque::new(),
        }
    }

    pub(super) fn get(&self, id: MoveId) -> Option<&PlannedMove> {
        self.moves.get(&id)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &PlannedMove> {
        self.moves.values()
    }

    pub(super) fn open(&self) -> usize {
        self.moves.len() - self.ended.len()
    }

    pub(super) fn with_tsi(&self, key: &TsiKey) -> Option<MoveId> {
        self.by_tsi.get(key).copied()
    }

    pub(super) fn with_nve(&self, nve: NveId) -> Vec<MoveId> {
        self.by_nve.range((nve, MoveId(0))..=(nve, MoveId(u64::MAX))).map(|(_, id)| *id).collect()
    }

    pub(super) fn enter(&mut self, plan: Plan, version: Version, planned: RecordNo) {
        let id = plan.id;
        self.by_tsi.extend(plan.tsis.iter().map(|key| (*key, id)));
        self.by_nve.extend([(plan.old, id), (plan.new, id)]);
        let records = Records { planned, decided: None, closed: None };
        if self.moves.insert(id, PlannedMove { plan, version, outcome: None, records }).is_some() {
            // The book still remembered an older move of this id, because a compaction made the journal shorter.
            self.ended.retain(|ended| *ended != id);
        }
    }

    fn open_mut(&mut self, id: MoveId) -> Option<&mut PlannedMove> {
        self.moves.get_mut(&id).filter(|mv| !mv.is_closed())
    }

    pub(super) fn decide(&mut self, id: MoveId, at: Version, result: MoveResult) -> Option<&PlannedMove> {
        let decided = self.open_mut(id)?;
        decided.outcome = Some(match result {
            MoveResult::Committed if decided.version.epoch == at.epoch => Outcome::Committed(decided.version),
            MoveResult::Committed => Outcome::Committed(at),
            _ => Outcome::Aborted(at),
        });
        decided.records.decided = Some(RecordNo(at.generation));
        Some(decided)
    }

    pub(super) fn close(&mut self, id: MoveId, number: RecordNo) -> Option<&PlannedMove> {
        self.open_mut(id)?.records.closed = Some(number);
        let closed = self.moves.get(&id)?;
        for key in &closed.plan.tsis {
            if self.by_tsi.get(key) == Some(&id) {
                self.by_tsi.remove(key);
            }
        }
        self.by_nve.remove(&(closed.plan.old, id));
        self.by_nve.remove(&(closed.plan.new, id));
        self.ended.push_back(id);
        Some(closed)
    }

    /// Forgets the move that ended first, if more moves than the bound have ended.
    pub(super) fn forget_oldest(&mut self) -> Option<PlannedMove> {
        if self.ended.len() <= self.remembered {
            return None;
        }
        let oldest = self.ended.pop_front()?;
        self.moves.remove(&oldest)
    }
}
