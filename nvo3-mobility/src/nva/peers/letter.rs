//! A message for one NVE, and the meaning of its acknowledgement.

use nvo3_nva_proto::{Message, MoveId, NveId, Side};

/// The meaning of a message that is in force at the NVE. The room that wrote the message understands it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nva) enum Receipt {
    /// The NVE on this side has the outcome of the move in force.
    Outcome(MoveId, Side),
    /// An interested NVE uses the new mapping of the move.
    Update(MoveId),
}

/// A message for one NVE.
#[derive(Debug)]
pub(in crate::nva) struct Letter {
    pub(super) to: NveId,
    pub(super) transaction: u32,
    pub(super) message: Message,
    pub(super) receipt: Option<Receipt>,
    /// True for a part of a list: few of them are on their way at once.
    pub(super) listed: bool,
}

impl Letter {
    /// Makes a letter that answers no message.
    pub(in crate::nva) const fn new(to: NveId, message: Message) -> Self {
        Self { to, transaction: 0, message, receipt: None, listed: false }
    }

    /// Makes the answer to a message of this transaction.
    pub(in crate::nva) const fn answer(to: NveId, transaction: u32, message: Message) -> Self {
        Self { to, transaction, message, receipt: None, listed: false }
    }

    /// Makes a part of a list.
    pub(in crate::nva) const fn list(to: NveId, transaction: u32, message: Message) -> Self {
        Self { to, transaction, message, receipt: None, listed: true }
    }

    /// Adds a receipt. It comes back when the message is in force, or when it cannot be in force any more.
    pub(in crate::nva) fn with_receipt(self, receipt: Receipt) -> Self {
        Self { receipt: Some(receipt), ..self }
    }

    /// The message.
    pub(in crate::nva) const fn message(&self) -> &Message {
        &self.message
    }

    /// True for an answer to a query. It may overtake a message that waits for a record: the version of its mapping puts it in its
    /// place.
    pub(super) const fn is_response(&self) -> bool {
        matches!(self.message, Message::Response(_))
    }

    /// The number of mappings in the letter.
    pub(in crate::nva) fn mappings(&self) -> usize {
        if let Message::Update(update) = &self.message { update.mappings.len() } else { 0 }
    }
}
