//! Records that were made and are not durable yet.

use super::record::Record;
use alloc::collections::VecDeque;
use nvo3_nva_proto::RecordNo;

/// Records made and not yet handed to the owner, and how far they are durable.
#[derive(Debug)]
pub(in crate::nva) struct Journal {
    last: RecordNo,
    durable: RecordNo,
    waiting: VecDeque<(RecordNo, Record)>,
}

impl Journal {
    /// A journal that ends with this record, which is durable.
    pub(in crate::nva) const fn after(last: RecordNo) -> Self {
        Self { last, durable: last, waiting: VecDeque::new() }
    }

    /// The number of the next record.
    pub(in crate::nva) const fn next(&self) -> RecordNo {
        RecordNo(self.last.0 + 1)
    }

    /// Takes the next record, to be made durable.
    pub(in crate::nva) fn append(&mut self, record: Record) {
        self.last = self.next();
        self.waiting.push_back((self.last, record));
    }

    pub(in crate::nva) fn poll(&mut self) -> Option<(RecordNo, Record)> {
        self.waiting.pop_front()
    }

    /// Every record up to this one is durable.
    pub(in crate::nva) fn persisted(&mut self, upto: RecordNo) {
        self.durable = self.durable.max(upto.min(self.last));
    }

    /// The newest record.
    pub(in crate::nva) const fn last(&self) -> RecordNo {
        self.last
    }

    /// The newest record before which nothing is not durable.
    pub(in crate::nva) const fn durable(&self) -> RecordNo {
        self.durable
    }

    pub(in crate::nva) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How many records are not durable.
    pub(in crate::nva) const fn backlog(&self) -> u64 {
        self.last.0 - self.durable.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_nva_proto::MoveId;

    #[test]
    fn only_what_was_made_can_become_durable() {
        let mut journal = Journal::after(RecordNo(4));
        journal.append(Record::Closed { id: MoveId(1) });
        assert_eq!((journal.durable(), journal.last()), (RecordNo(4), RecordNo(5)));

        journal.persisted(RecordNo(99));
        journal.append(Record::Closed { id: MoveId(2) });

        assert_eq!((journal.durable(), journal.last()), (RecordNo(5), RecordNo(6)));
        assert_eq!(journal.backlog(), 1);
        assert_eq!(journal.poll().map(|(number, _)| number), Some(RecordNo(5)));
    }
}
