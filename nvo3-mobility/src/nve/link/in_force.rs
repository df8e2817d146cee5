//! The NVA's messages that are not in force in the forwarder yet.

use crate::nve::orders::Row;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use nvo3_nva_proto::{ErrorCode, ErrorMessage};

/// A message of the NVA, with the messages behind it that changed no row.
#[derive(Debug)]
struct Waiting {
    sequence: u32,
    about: u8,
    /// The last message.
    upto: u32,
    /// The table change that the messages wait for.
    change: u64,
    /// The rows that the message changed.
    rows: Vec<Row>,
    /// True if the NVA must hear of a refusal before the message counts as in force.
    refused: bool,
}

/// The messages of a session that are not in force yet, in their order, bounded.
#[derive(Debug)]
pub(super) struct InForce {
    limit: usize,
    waiting: VecDeque<Waiting>,
    upto: u32,
}

impl InForce {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, waiting: VecDeque::new(), upto: 0 }
    }

    /// Starts again for a new session, which numbers its messages from the beginning.
    pub(super) fn restart(&mut self) {
        *self = Self::new(self.limit);
    }

    /// Forgets every message: the session is over.
    pub(super) fn forget_waiting(&mut self) {
        self.waiting.clear();
    }

    /// Notes that a message of type `about`, which changed these rows, is in force once this table change and all messages before it
    /// are. False if there is no room: then nobody could say later that the message was refused.
    pub(super) fn waits_for(&mut self, (sequence, about): (u32, u8), change: u64, rows: Vec<Row>) -> bool {
        let full = self.waiting.len() >= self.limit;
        match self.waiting.back_mut() {
            Some(last) if rows.is_empty() => (last.upto, last.change) = (sequence, last.change.max(change)),
            _ if full => return false,
            _ => self.waiting.push_back(Waiting { sequence, about, upto: sequence, change, rows, refused: false }),
        }
        true
    }

    /// Notes that the forwarder refused the last change of a row. Gives the number of messages that are not carried out by that.
    pub(super) fn refuse(&mut self, row: Row) -> usize {
        let changed = |waiting: &&mut Waiting| waiting.rows.contains(&row) && !waiting.refused;
        self.waiting.iter_mut().filter(changed).map(|waiting| waiting.refused = true).count()
    }

    /// Notes that every change up to this one is in force. Gives the last message that is in force by that.
    ///
    /// `say` takes the Error for each refused message, and is false if it cannot take one now: then the message is not passed.
    pub(super) fn advance(&mut self, change: u64, mut say: impl FnMut(ErrorMessage) -> bool) -> u32 {
        while let Some(first) = self.waiting.front().filter(|first| first.change <= change) {
            let Waiting { sequence, about, .. } = *first;
            let error = ErrorMessage { code: ErrorCode::Forwarder, about, sequence, offset: 0, tlv: 0 };
            if first.refused && !say(error) {
                break;
            }
            self.upto = first.upto;
            self.waiting.pop_front();
        }
        self.upto
    }

    /// True if a message waits for nothing but room for its Error.
    pub(super) fn waits_to_say(&self, change: u64) -> bool {
        self.waiting.front().is_some_and(|first| first.refused && first.change <= change)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::VapId;

    const A: Row = Row::Port(VapId(1));
    const B: Row = Row::Port(VapId(2));

    /// The last message in force, and the messages that an Error named.
    fn advance(in_force: &mut InForce, change: u64) -> (u32, Vec<u32>) {
        let mut named = Vec::new();
        let upto = in_force.advance(change, |error| {
            named.push(error.sequence);
            true
        });
        (upto, named)
    }

    #[test]
    fn each_message_whose_row_was_refused_is_named_before_it_counts() {
        let mut in_force = InForce::new(8);
        in_force.waits_for((1, 9), 1, [A].into());
        in_force.waits_for((2, 9), 2, [B].into());
        in_force.waits_for((3, 9), 2, Vec::new());
        in_force.waits_for((4, 9), 3, [A, B].into());

        assert_eq!(in_force.refuse(A), 2);
        assert_eq!(in_force.advance(3, |_| false), 0);
        assert!(in_force.waits_to_say(3));

        assert_eq!(advance(&mut in_force, 2), (3, [1].into()));
        assert_eq!(advance(&mut in_force, 3), (4, [4].into()));
        assert_eq!(in_force.refuse(A), 0);
    }

    #[test]
    fn a_message_that_changes_a_row_needs_room() {
        let mut in_force = InForce::new(1);
        assert!(in_force.waits_for((1, 9), 1, [A].into()));
        assert!(in_force.waits_for((2, 9), 1, Vec::new()));
        assert!(!in_force.waits_for((3, 9), 2, [B].into()));

        assert_eq!(advance(&mut in_force, 2), (2, Vec::new()));
        assert_eq!(in_force.len(), 0);
    }
}
