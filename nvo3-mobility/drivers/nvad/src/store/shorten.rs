//! The removal of replaced records while new ones are written, a few at a time.

use super::{Error, Store};
use nvo3_mobility::nva::{Book, Record, Sweep};
use nvo3_nva_proto::{RecordNo, Version};

/// The fewest records of a journal that is worth shortening.
const FEWEST: u64 = 4_096;
/// The records that one step looks at.
const STEP: usize = 1_024;

/// A journal's records, as numbers, and the book that they make.
///
/// A pass over the journal begins when it has twice as many records as the last pass left. So each new record pays for a look at two.
pub(super) struct Shortening {
    book: Book,
    /// The number of records in the file.
    records: u64,
    /// The number at which a pass begins.
    begins_at: u64,
    pass: Option<Pass>,
}

struct Pass {
    sweep: Sweep,
    next: RecordNo,
    /// The newest record at the beginning of the pass.
    last: RecordNo,
}

impl Shortening {
    /// For a store with the records that make this book.
    pub(super) fn new(store: &Store, book: Book) -> Result<Self, Error> {
        Ok(Self { book, records: store.count()?, begins_at: FEWEST, pass: None })
    }

    /// Notes records that are in the file now.
    pub(super) fn note(&mut self, new: &[(Version, Record)]) {
        for (at, record) in new {
            self.book.apply(*at, record);
        }
        self.records += new.len() as u64;
        if self.pass.is_none() && self.records >= self.begins_at {
            self.pass = Some(Pass { sweep: Sweep::default(), next: RecordNo(0), last: self.book.last() });
        }
    }

    /// True if a pass goes on.
    pub(super) const fn goes_on(&self) -> bool {
        self.pass.is_some()
    }

    /// Goes on with the pass. Gives the number of records that it removed.
    pub(super) fn step(&mut self, store: &Store) -> Result<u64, Error> {
        let Some(pass) = &mut self.pass else { return Ok(0) };
        let seen = store.records_from(pass.next, STEP)?;
        let mut gone = Vec::new();
        for (at, record) in seen.iter().filter(|(at, _)| at.generation <= pass.last.0) {
            if pass.sweep.is_superseded(&self.book, *at, record) {
                gone.push(RecordNo(at.generation));
            }
        }
        if !gone.is_empty() {
            store.remove(&gone)?;
        }
        self.records = self.records.saturating_sub(gone.len() as u64);
        match seen.last() {
            Some((at, _)) if at.generation < pass.last.0 => pass.next = RecordNo(at.generation + 1),
            _ => {
                self.pass = None;
                self.begins_at = self.records.saturating_mul(2).max(FEWEST);
            }
        }
        Ok(gone.len() as u64)
    }
}
