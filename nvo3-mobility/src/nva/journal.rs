//! What an authority makes durable, and what waits for that.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use nvo3_nva_proto::{Micros, MoveId, MoveKind, NveId, RecordNo, Tsi, TsiKey};

/// One change of the authority's state. Its number is the version of what it makes or reserves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Record {
    /// A TSI is behind an NVE.
    Registered {
        /// What.
        tsi: Tsi,
        /// Where.
        nve: NveId,
    },
    /// A TSI is gone.
    Withdrawn {
        /// What.
        tsi: TsiKey,
    },
    /// A move is under way; its version is reserved.
    Planned {
        /// Which.
        id: MoveId,
        /// What moves.
        tsis: Vec<TsiKey>,
        /// From where.
        old: NveId,
        /// To where.
        new: NveId,
        /// How.
        kind: MoveKind,
        /// Until when, counted from its start or the authority's.
        deadline: Micros,
    },
    /// A move is committed under its reserved version.
    Committed {
        /// Which.
        id: MoveId,
    },
    /// A move is aborted; the record's number is the mapping's new version.
    Aborted {
        /// Which.
        id: MoveId,
    },
    /// Both parties know.
    Closed {
        /// Which.
        id: MoveId,
    },
}

/// Records made and not yet handed to the owner, and how far they are durable.
#[derive(Debug, Default)]
pub(super) struct Journal {
    last: u64,
    persisted: u64,
    waiting: VecDeque<(RecordNo, Record)>,
}

impl Journal {
    /// A journal that ends with this record, which is durable.
    pub(super) const fn after(last: RecordNo) -> Self {
        Self { last: last.0, persisted: last.0, waiting: VecDeque::new() }
    }

    pub(super) fn append(&mut self, record: Record) -> RecordNo {
        self.last += 1;
        let number = RecordNo(self.last);
        self.waiting.push_back((number, record));
        number
    }

    pub(super) fn poll(&mut self) -> Option<(RecordNo, Record)> {
        self.waiting.pop_front()
    }

    pub(super) fn persisted(&mut self, upto: RecordNo) {
        self.persisted = self.persisted.max(upto.0.min(self.last));
    }

    /// The newest record.
    pub(super) const fn last(&self) -> RecordNo {
        RecordNo(self.last)
    }

    pub(super) const fn is_durable(&self, number: RecordNo) -> bool {
        number.0 <= self.persisted
    }

    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How many records are not durable.
    pub(super) const fn backlog(&self) -> u64 {
        self.last - self.persisted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_can_become_durable() {
        let mut journal = Journal::after(RecordNo(4));
        let number = journal.append(Record::Closed { id: MoveId(1) });
        assert!(journal.is_durable(RecordNo(4)) && !journal.is_durable(number));

        journal.persisted(RecordNo(99));
        let next = journal.append(Record::Closed { id: MoveId(2) });

        assert!(journal.is_durable(number) && !journal.is_durable(next));
        assert_eq!(journal.backlog(), 1);
        assert_eq!(journal.poll().map(|(number, _)| number), Some(RecordNo(5)));
    }
}
