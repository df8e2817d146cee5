//! The records that were made and are not durable yet.

use super::record::Record;
use alloc::collections::VecDeque;
use nvo3_nva_proto::{RecordNo, Version};

/// The records that the owner has not polled, and the number up to which records are durable.
#[derive(Debug)]
pub(in crate::nva) struct Journal {
    last: RecordNo,
    durable: RecordNo,
    waiting: VecDeque<(Version, Record)>,
}

impl Journal {
    /// Makes a journal whose last record, which is durable, has this number.
    pub(in crate::nva) const fn after(last: RecordNo) -> Self {
        Self { last, durable: last, waiting: VecDeque::new() }
    }

    /// The number of the next record.
    pub(in crate::nva) const fn next(&self) -> RecordNo {
        RecordNo(self.last.0 + 1)
    }

    /// Appends the next record, which was made in this epoch and waits to be polled.
    pub(in crate::nva) fn append(&mut self, epoch: u32, record: Record) {
        self.last = self.next();
        self.waiting.push_back((Version { epoch, generation: self.last.0 }, record));
    }

    pub(in crate::nva) fn poll(&mut self) -> Option<(Version, Record)> {
        self.waiting.pop_front()
    }

    /// Notes that every record up to this number is durable. True if that is new.
    pub(in crate::nva) fn persisted(&mut self, upto: RecordNo) -> bool {
        let before = self.durable;
        self.durable = before.max(upto.min(self.last));
        before < self.durable
    }

    /// The number of the newest record.
    pub(in crate::nva) const fn last(&self) -> RecordNo {
        self.last
    }

    /// The number up to which every record is durable.
    pub(in crate::nva) const fn durable(&self) -> RecordNo {
        self.durable
    }

    pub(in crate::nva) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The number of records that the owner has not polled.
    pub(in crate::nva) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The number of records that the owner has polled and not reported as durable.
    pub(in crate::nva) fn polled(&self) -> usize {
        usize::try_from(self.backlog()).unwrap_or(usize::MAX).saturating_sub(self.waiting.len())
    }

    /// The number of records that are not durable.
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
        journal.append(1, Record::Closed { id: MoveId(1) });
        assert_eq!((journal.durable(), journal.last()), (RecordNo(4), RecordNo(5)));

        journal.persisted(RecordNo(99));
        journal.append(1, Record::Closed { id: MoveId(2) });

        assert_eq!((journal.durable(), journal.last()), (RecordNo(5), RecordNo(6)));
        assert_eq!(journal.backlog(), 1);
        assert_eq!(journal.poll().map(|(at, _)| at), Some(Version { epoch: 1, generation: 5 }));
    }
}
