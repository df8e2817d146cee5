//! A message for one NVE, and what its acknowledgement means.

use nvo3_nva_proto::{Message, MoveId, NveId, Side};

/// What it means that a message is in force. The room that wrote the message understands it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nva) enum Receipt {
    /// A party has the outcome of a move in force.
    Outcome(MoveId, Side),
    /// An NVE that is interested follows a move.
    Update(MoveId),
}

/// A message for one NVE.
#[derive(Debug)]
pub(in crate::nva) struct Letter {
    pub(super) to: NveId,
    pub(super) transaction: u32,
    pub(super) message: Message,
    pub(super) receipt: Option<Receipt>,
}

impl Letter {
    /// A message that answers nothing.
    pub(in crate::nva) const fn new(to: NveId, message: Message) -> Self {
        Self { to, transaction: 0, message, receipt: None }
    }

    /// The answer to a message of this transaction.
    pub(in crate::nva) const fn answer(to: NveId, transaction: u32, message: Message) -> Self {
        Self { to, transaction, message, receipt: None }
    }

    /// The same letter. Its receipt comes back when the message is in force, or when it cannot be any more.
    pub(in crate::nva) fn with_receipt(self, receipt: Receipt) -> Self {
        Self { receipt: Some(receipt), ..self }
    }

    /// How many mappings it publishes.
    pub(in crate::nva) fn mappings(&self) -> usize {
        if let Message::Update(update) = &self.message { update.mappings.len() } else { 0 }
    }
}
