//! Messages that promise forwarding and wait for the forwarder.
//!
//! A message that waits has no sequence number yet. Each move has at most one such message: a newer one says more than the older
//! one, which then need not leave any more.

use crate::nve::orders::Row;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use nvo3_nva_proto::{Message, MoveId};

/// The table changes that a message rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::nve) struct Rests {
    /// Every change up to this one must be in force.
    pub(in crate::nve) change: u64,
    /// The forwarder must not have refused the last change of these rows.
    pub(in crate::nve) rows: Vec<Row>,
}

/// The message of each move that waits for its table changes.
#[derive(Debug, Default)]
pub(super) struct Promises {
    waiting: BTreeMap<MoveId, (Rests, Message)>,
}

impl Promises {
    /// Keeps a message, in place of the one of the same move that waits.
    pub(super) fn keep(&mut self, id: MoveId, rests: Rests, message: Message) {
        self.waiting.insert(id, (rests, message));
    }

    /// Forgets the message of a move that waits: it need not leave any more.
    pub(super) fn forget(&mut self, id: MoveId) {
        self.waiting.remove(&id);
    }

    /// Forgets every message: the session is over, and a new one says everything again.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// A message whose table changes are in force.
    pub(super) fn take(&mut self, carries: impl Fn(&Rests) -> bool) -> Option<Message> {
        let (id, _) = self.waiting.iter().find(|(_, (rests, _))| carries(rests))?;
        let id = *id;
        self.waiting.remove(&id).map(|(_, message)| message)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
