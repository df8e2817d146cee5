//! The book, and the effect of each record on it.

use super::directory::{Directory, Registration};
use super::moves::{Moves, Outcome, PlannedMove};
use super::record::{Plan, Record};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use nvo3_nva_proto::{Address, MoveId, MoveResult, NveId, RecordNo, Tsi, TsiKey, Version};
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
}

/// The state of an NVA: the directory and the moves, folded from the records.
///
/// ```
/// use nvo3_mobility::nva::{Book, Record};
/// use nvo3_nva_proto::{NveId, RecordNo, Tsi, TsiKey};
/// use nvo3_wire::{Mac, Vni};
///
/// let key = TsiKey { vn: Vni::new(5001).ok_or("24 bits")?, mac: Mac([2, 0, 0, 0, 0, 1]) };
/// let tsi = Tsi { key, ips: vec!["192.0.2.10".parse()?] };
/// let mut standby = Book::new(1, 100);
///
/// standby.apply(RecordNo(1), &Record::Registered { tsi, nve: NveId(7) });
///
/// assert_eq!(standby.get(&key).map(|registration| registration.nve()), Some(NveId(7)));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Book {
    epoch: u32,
    last: RecordNo,
    directory: Directory,
    moves: Moves,
}

impl fmt::Debug for Book {
    /// The epoch, the last record, and how many TSIs and moves there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book")
            .field("epoch", &self.epoch)
            .field("last", &self.last)
            .field("tsis", &self.tsi_count())
            .field("open_moves", &self.open_moves())
            .finish_non_exhaustive()
    }
}

impl Book {
    /// Makes an empty book. Its versions have this `epoch`. It remembers the last `ended_moves` moves that ended, at least one.
    pub fn new(epoch: u32, ended_moves: u32) -> Self {
        let (directory, moves) = (Directory::default(), Moves::remembering(ended_moves.max(1)));
        Self { epoch, last: RecordNo(0), directory, moves }
    }

    /// Makes a book from these records, in order.
    pub fn fold<'a>(epoch: u32, ended_moves: u32, records: impl IntoIterator<Item = &'a (RecordNo, Record)>) -> Self {
        let mut book = Self::new(epoch, ended_moves);
        for (number, record) in records {
            book.apply(*number, record);
        }
        book
    }

    /// Applies a record to the book. Numbers grow from record to record.
    pub fn apply(&mut self, number: RecordNo, record: &Record) -> Effects {
        self.last = number;
        match record {
            Record::Registered { tsi, nve } => {
                self.directory.register(tsi, *nve, self.version_at(number));
                Effects::Registered(tsi.key)
            }
            Record::Withdrawn { tsi } => match self.directory.withdraw(tsi) {
                Some(registration) => Effects::Withdrawn(*tsi, registration),
                None => Effects::Nothing,
            },
            Record::Planned(plan) => {
                for key in &plan.tsis {
                    self.directory.join(key.vn, plan.new);
                }
                self.moves.enter(plan.clone(), self.version_at(number));
                Effects::Planned(plan.id)
            }
            Record::Committed { id } => self.decide(*id, number, Outcome::Committed),
            Record::Aborted { id } => self.decide(*id, number, Outcome::Aborted(self.version_at(number))),
            Record::Closed { id } => self.close(*id, number),
        }
    }

    fn decide(&mut self, id: MoveId, number: RecordNo, outcome: Outcome) -> Effects {
        let Some(decided) = self.moves.decide(id, number, outcome) else { return Effects::Nothing };
        let (nve, version, effects) = match outcome {
            Outcome::Committed => (decided.plan().new, decided.version(), Effects::Committed(id)),
            Outcome::Aborted(version) => (decided.plan().old, version, Effects::Aborted(id)),
        };
        for key in &decided.plan().tsis {
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

    /// The version that the record with this number makes or reserves.
    pub const fn version_at(&self, number: RecordNo) -> Version {
        Version { epoch: self.epoch, generation: number.0 }
    }

    /// The epoch of the book's versions.
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The number of the newest record; 0 if there is none.
    pub const fn last(&self) -> RecordNo {
        self.last
    }

    /// The number of registered TSIs.
    pub fn tsi_count(&self) -> usize {
        self.directory.len()
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

    /// The TSI of a VN that has this address.
    pub fn find(&self, vn: Vni, address: Address) -> Option<TsiKey> {
        self.directory.find(vn, address)
    }

    /// The MAC of another TSI of the same VN that has one of these addresses.
    pub fn conflict(&self, tsi: &Tsi) -> Option<Mac> {
        self.directory.conflict(tsi)
    }

    /// The IP addresses of a TSI; empty if the book does not have the TSI.
    pub fn ips(&self, key: &TsiKey) -> &[IpAddr] {
        self.get(key).map_or(&[], Registration::ips)
    }

    /// The NVEs that take part in a VN, in order: each has a TSI of the VN, or is going to have one.
    pub fn members(&self, vn: Vni) -> impl Iterator<Item = NveId> {
        self.directory.members(vn)
    }

    /// The VNs that an NVE takes part in, in order.
    pub fn vns_with(&self, nve: NveId) -> impl Iterator<Item = Vni> {
        self.directory.vns_with(nve)
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

    /// The numbers of the records that make this book when they are applied in order. A number may come more than once.
    ///
    /// A TSI needs its last registration and the move that put it where it is. A move needs all its records. The last record gives
    /// the next number.
    pub fn rests_on(&self) -> impl Iterator<Item = RecordNo> {
        let moves = self.moves.iter().flat_map(|mv| mv.records().all());
        self.directory.iter().flat_map(|(_, registration)| registration.rests_on()).chain(moves).chain([self.last])
    }
}
