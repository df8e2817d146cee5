//! The book, and the effect of each record on it.

use super::directory::{Directory, Registration, Share};
use super::moves::{Moves, Outcome, PlannedMove};
use super::record::{Plan, Record};
use super::tombstones::{Tombstone, Tombstones};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use nvo3_nva_proto::{Address, MoveId, MoveResult, NveId, RecordNo, TsiKey, Version};
use nvo3_wire::{Mac, Vni};

/// The change that a record made in the book.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effects {
    /// No change: the record names a TSI or a move that the book does not have.
    Nothing,
    /// A TSI is new, or has other addresses, or is at another NVE.
    Registered(TsiKey),
    /// A TSI is gone. The registration is the one that the book had.
    Withdrawn(TsiKey, Registration),
    /// A move has begun.
    Planned(MoveId),
    /// A move's TSIs are at the new NVE, under the version that was reserved.
    Committed(MoveId),
    /// A move's TSIs stay at the old NVE, under a newer version.
    Aborted(MoveId),
    /// A move has ended and its TSIs are free.
    Closed {
        /// The move.
        id: MoveId,
        /// The result.
        result: MoveResult,
        /// The oldest ended move, if the book forgot it to stay within its bound.
        forgotten: Option<PlannedMove>,
    },
    /// A new epoch has begun.
    Epoch,
    /// A new epoch has begun, and every mapping has a new version.
    Rewound,
    /// An NVE is fenced.
    Fenced(NveId),
    /// An NVE is not fenced any more.
    Returned(NveId),
    /// A TSI is frozen.
    Frozen(TsiKey),
    /// A TSI is not frozen any more.
    Released(TsiKey),
}

/// The state of an NVA: the directory and the moves, folded from the records.
///
/// ```
/// use nvo3_mobility::nva::{Book, Record};
/// use nvo3_nva_proto::{NveId, Role, Tsi, TsiKey, Version};
/// use nvo3_wire::{Mac, Vni};
///
/// let key = TsiKey { vn: Vni::new(5001).ok_or("24 bits")?, mac: Mac([2, 0, 0, 0, 0, 1]) };
/// let tsi = Tsi { key, ips: vec!["192.0.2.10".parse()?], role: Role::Unknown };
/// let mut standby = Book::new(100, 100);
///
/// standby.apply(Version { epoch: 1, generation: 1 }, &Record::Registered { tsi, nve: NveId(7) });
///
/// assert_eq!(standby.get(&key).map(|registration| registration.nve()), Some(NveId(7)));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Book {
    last: Version,
    /// The last epochs, each with the record that began it.
    epochs: VecDeque<Version>,
    directory: Directory,
    moves: Moves,
    tombstones: Tombstones,
    fenced: BTreeMap<NveId, RecordNo>,
    frozen: BTreeMap<TsiKey, RecordNo>,
}

/// The number of epochs whose beginning is remembered.
const EPOCHS: usize = 16;

impl fmt::Debug for Book {
    /// The epoch, the last record, and how many TSIs and moves there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book")
            .field("epoch", &self.epoch())
            .field("last", &self.last())
            .field("tsis", &self.tsi_count())
            .field("open_moves", &self.open_moves())
            .finish_non_exhaustive()
    }
}

impl Book {
    /// Makes an empty book. It remembers the last `ended_moves` moves that ended, and the last `tombstones` TSIs that went; at least one
    /// of each.
    pub fn new(ended_moves: u32, tombstones: u32) -> Self {
        Self {
            last: Version::default(),
            epochs: VecDeque::new(),
            directory: Directory::default(),
            moves: Moves::remembering(ended_moves.max(1)),
            tombstones: Tombstones::remembering(tombstones),
            fenced: BTreeMap::new(),
            frozen: BTreeMap::new(),
        }
    }

    /// Makes a book from these records, in order.
    pub fn fold<'a>(
        ended_moves: u32,
        tombstones: u32,
        records: impl IntoIterator<Item = &'a (Version, Record)>,
    ) -> Self {
        let mut book = Self::new(ended_moves, tombstones);
        for (at, record) in records {
            book.apply(*at, record);
        }
        book
    }

    /// Applies a record to the book. `at` is the epoch and the number of the record. Both grow from record to record.
    pub fn apply(&mut self, at: Version, record: &Record) -> Effects {
        self.last = at;
        match record {
            Record::Registered { tsi, nve } => {
                self.directory.register(tsi, *nve, at);
                self.tombstones.remove(&tsi.key);
                Effects::Registered(tsi.key)
            }
            Record::Withdrawn { tsi } => self.bury(tsi, at, false),
            Record::Forgotten { tsi } => self.bury(tsi, at, true),
            Record::Planned(plan) => self.enter(plan, at, at),
            Record::Restored { plan, version } => self.enter(plan, *version, at),
            Record::Committed { id } => self.decide(*id, at, MoveResult::Committed),
            Record::Aborted { id } => self.decide(*id, at, MoveResult::Aborted),
            Record::Closed { id } => self.close(*id, RecordNo(at.generation)),
            Record::Epoch => {
                self.begin_epoch(at);
                Effects::Epoch
            }
            Record::Rewound { kept } => {
                self.epochs.retain(|began| began.epoch <= *kept);
                self.directory.restamp(*kept, at);
                self.begin_epoch(at);
                Effects::Rewound
            }
            Record::Fenced { nve } => {
                self.fenced.insert(*nve, RecordNo(at.generation));
                Effects::Fenced(*nve)
            }
            Record::Returned { nve } => {
                self.fenced.remove(nve);
                Effects::Returned(*nve)
            }
            Record::Frozen { tsi } => {
                self.frozen.insert(*tsi, RecordNo(at.generation));
                Effects::Frozen(*tsi)
            }
            Record::Released { tsi } => {
                self.frozen.remove(tsi);
                Effects::Released(*tsi)
            }
        }
    }

    fn begin_epoch(&mut self, at: Version) {
        self.epochs.push_back(at);
        if self.epochs.len() > EPOCHS {
            self.epochs.pop_front();
        }
    }

    fn bury(&mut self, tsi: &TsiKey, at: Version, forgotten: bool) -> Effects {
        self.tombstones.bury(*tsi, at, forgotten);
        self.frozen.remove(tsi);
        match self.directory.withdraw(tsi) {
            Some(registration) => Effects::Withdrawn(*tsi, registration),
            None => Effects::Nothing,
        }
    }

    fn enter(&mut self, plan: &Plan, version: Version, at: Version) -> Effects {
        for key in &plan.tsis {
            self.directory.join(key.vn, plan.new);
        }
        self.moves.enter(plan.clone(), version, RecordNo(at.generation));
        Effects::Planned(plan.id)
    }

    /// Decides a move. The version of its mappings is the reserved one if the move commits in the epoch of its plan, else that of the
    /// decision.
    fn decide(&mut self, id: MoveId, at: Version, result: MoveResult) -> Effects {
        let Some(decided) = self.moves.decide(id, at, result) else { return Effects::Nothing };
        let (Some(outcome), plan) = (decided.outcome(), decided.plan()) else { return Effects::Nothing };
        let (nve, version, effects) = match outcome {
            Outcome::Committed(version) => (plan.new, version, Effects::Committed(id)),
            Outcome::Aborted(version) => (plan.old, version, Effects::Aborted(id)),
        };
        for key in &plan.tsis {
            self.directory.settle(key, nve, version, decided.records());
        }
        effects
    }

    fn close(&mut self, id: MoveId, number: RecordNo) -> Effects {
        let Some(closed) = self.moves.close(id, number) else { return Effects::Nothing };
        for key in &closed.plan().tsis {
            self.directory.leave(key.vn, closed.plan().new);
            self.directory.note_closed(key, closed.records());
        }
        let result = closed.result();
        Effects::Closed { id, result, forgotten: self.moves.forget_oldest() }
    }

    /// The epoch of the newest record; 0 if there is none.
    pub const fn epoch(&self) -> u32 {
        self.last.epoch
    }

    /// The number of the newest record; 0 if there is none.
    pub const fn last(&self) -> RecordNo {
        RecordNo(self.last.generation)
    }

    /// The epoch and the number of the newest record.
    pub const fn newest(&self) -> Version {
        self.last
    }

    /// The number of the record that began the epoch; 0 if there is none.
    pub fn epoch_began(&self) -> RecordNo {
        self.epochs.back().map_or(RecordNo(0), |began| RecordNo(began.generation))
    }

    /// The newest epoch before that of the newest record; 0 if there is none.
    pub(in crate::nva) fn epoch_before(&self) -> u32 {
        self.epochs.iter().rev().nth(1).map_or(0, |began| began.epoch)
    }

    /// True if the book would remember this epoch if it had had it.
    pub fn remembers_epoch(&self, epoch: u32) -> bool {
        self.epochs.len() < EPOCHS || self.epochs.front().is_some_and(|oldest| oldest.epoch <= epoch)
    }

    /// True if this is a record of the book, as far as the book remembers its epochs.
    pub fn has_made(&self, at: Version) -> bool {
        let begun = self.epochs.iter().rposition(|began| began.epoch == at.epoch);
        let until =
            |next: Option<&Version>| next.map_or(self.last.generation, |next| next.generation.saturating_sub(1));
        begun.is_some_and(|index| at.generation <= until(self.epochs.get(index + 1)))
    }

    /// The record after which the book knows each change, for an NVE that has everything up to `since`; `None` if the book has not
    /// made that record, or has forgotten TSIs that went after it.
    pub fn known_since(&self, since: Version) -> Option<RecordNo> {
        let complete = self.has_made(since) && since.generation >= self.tombstones.complete_since().0;
        complete.then_some(RecordNo(since.generation))
    }

    /// The number of registered TSIs.
    pub fn tsi_count(&self) -> usize {
        self.directory.len()
    }

    /// The number of TSIs at an NVE, and of their addresses.
    pub(in crate::nva) fn share(&self, nve: NveId) -> Share {
        self.directory.share(nve)
    }

    /// The registration of a TSI.
    pub fn get(&self, key: &TsiKey) -> Option<&Registration> {
        self.directory.get(key)
    }

    /// Every TSI with its registration, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&TsiKey, &Registration)> {
        self.directory.iter()
    }

    /// The TSIs of a VN with their registrations, in order.
    pub fn in_vn(&self, vn: Vni) -> impl Iterator<Item = (&TsiKey, &Registration)> {
        self.directory.in_vn(vn)
    }

    /// The TSIs at an NVE, in order, after `after` if it is given.
    pub fn at_nve(&self, nve: NveId, after: Option<TsiKey>) -> impl Iterator<Item = TsiKey> {
        self.directory.at_nve(nve, after)
    }

    /// The reason why a TSI is not in the directory, if the book remembers it.
    pub fn tombstone(&self, key: &TsiKey) -> Option<&Tombstone> {
        self.tombstones.get(key)
    }

    /// The TSIs that went after a record and did not come back, each with the record, in the order of the records.
    pub fn gone_since(&self, number: RecordNo) -> impl Iterator<Item = (RecordNo, TsiKey)> {
        self.tombstones.since(number)
    }

    /// True if management said that an NVE will not return.
    pub fn is_fenced(&self, nve: NveId) -> bool {
        self.fenced.contains_key(&nve)
    }

    /// True if a TSI moved too often without a plan and is frozen.
    pub fn is_frozen(&self, key: &TsiKey) -> bool {
        self.frozen.contains_key(key)
    }

    /// The frozen TSIs, in order.
    pub fn frozen(&self) -> impl Iterator<Item = TsiKey> {
        self.frozen.keys().copied()
    }

    /// The TSIs of a VN with their registrations, in order, after this MAC if it is given.
    pub fn in_vn_after(&self, vn: Vni, after: Option<Mac>) -> impl Iterator<Item = (&TsiKey, &Registration)> {
        self.directory.in_vn_after(vn, after)
    }

    /// The TSI of a VN that has this address.
    pub fn find(&self, vn: Vni, address: Address) -> Option<TsiKey> {
        self.directory.find(vn, address)
    }

    /// The MAC of another TSI of the same VN that has one of these addresses.
    pub fn conflict(&self, key: TsiKey, ips: &[IpAddr]) -> Option<Mac> {
        self.directory.conflict(key, ips)
    }

    /// The IP addresses of a TSI; empty if the book does not have the TSI.
    pub fn ips(&self, key: &TsiKey) -> &[IpAddr] {
        self.get(key).map_or(&[], Registration::ips)
    }

    /// The NVEs that take part in a VN, in order: each has a TSI of the VN, or is going to have one.
    pub fn members(&self, vn: Vni) -> impl Iterator<Item = NveId> {
        self.directory.members(vn)
    }

    /// The VNs that an NVE takes part in, in order, after `after` if it is given.
    pub fn vns_with(&self, nve: NveId, after: Option<Vni>) -> impl Iterator<Item = Vni> {
        self.directory.vns_with(nve, after)
    }

    /// The moves in hand and the last moves that ended, in the order of their ids.
    pub fn moves(&self) -> impl ExactSizeIterator<Item = &PlannedMove> {
        self.moves.iter()
    }

    /// The number of moves in hand.
    pub fn open_moves(&self) -> usize {
        self.moves.open()
    }

    /// A move that is in hand, or that ended and is remembered.
    pub fn get_move(&self, id: MoveId) -> Option<&PlannedMove> {
        self.moves.get(id)
    }

    /// The plan of a move that is in hand, or that ended and is remembered.
    pub fn plan(&self, id: MoveId) -> Option<&Plan> {
        self.get_move(id).map(PlannedMove::plan)
    }

    /// The move in hand that a TSI takes part in.
    pub fn move_with(&self, key: &TsiKey) -> Option<MoveId> {
        self.moves.with_tsi(key)
    }

    /// The moves in hand that an NVE is a party of, in the order of their ids.
    pub fn moves_with(&self, nve: NveId) -> Vec<MoveId> {
        self.moves.with_nve(nve)
    }

    /// The moves in hand of the TSIs of a move that has ended, in the order of their ids.
    pub fn moves_after(&self, id: MoveId) -> BTreeSet<MoveId> {
        let ended = self.get_move(id).filter(|mv| mv.is_closed());
        ended.iter().flat_map(|ended| &ended.plan().tsis).filter_map(|key| self.move_with(key)).collect()
    }

    /// True if the book is another one without this record. A record of a move is given with the move's TSIs.
    ///
    /// A TSI needs its last registration and the move that put it where it is. A move needs all its records. The last record gives
    /// the next number.
    pub(super) fn rests_on(&self, number: RecordNo, record: &Record, tsis: &[TsiKey]) -> bool {
        let is_of_tsi = |key: &TsiKey| self.get(key).is_some_and(|tsi| tsi.rests_on().any(|on| on == number));
        let is_of_move = |id: &MoveId| {
            let of_move = |mv: &PlannedMove| mv.records().all().any(|on| on == number);
            self.get_move(*id).is_some_and(of_move) || tsis.iter().any(is_of_tsi)
        };
        let begins_epoch = || self.epochs.iter().any(|began| began.generation == number.0);
        number == self.last()
            || match record {
                Record::Registered { tsi, .. } => is_of_tsi(&tsi.key),
                Record::Withdrawn { .. } | Record::Forgotten { .. } => self.tombstones.has(number),
                Record::Planned(plan) | Record::Restored { plan, .. } => is_of_move(&plan.id),
                Record::Committed { id } | Record::Aborted { id } | Record::Closed { id } => is_of_move(id),
                Record::Epoch => begins_epoch(),
                Record::Rewound { .. } => begins_epoch() || self.iter().any(|(key, _)| is_of_tsi(key)),
                Record::Fenced { nve } => self.fenced.get(nve) == Some(&number),
                Record::Frozen { tsi } => self.frozen.get(tsi) == Some(&number),
                Record::Returned { .. } | Record::Released { .. } => false,
            }
    }
}
