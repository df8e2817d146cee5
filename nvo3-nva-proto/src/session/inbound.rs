//! What arrives: put in order, given out once, acknowledged.

use super::{Received, Reject};
use crate::message::{Ack, Message};
use alloc::collections::{BTreeMap, BTreeSet};

/// The receiving half of a session's reliable order.
///
/// A sequence is *received* once everything before it is too, *taken* once the owner polled it, *in force* once the owner said so.
#[derive(Clone, Debug)]
pub(super) struct Inbound {
    window: u16,
    /// Above `taken`, at most a window; `None` for one that could not be decoded and that the peer was told of.
    waiting: BTreeMap<u32, Option<Received>>,
    taken: u32,
    ack: Ack,
    /// Of those that could not be decoded, what is above `ack.in_force`: nothing of it can come into force any more.
    undecodable: BTreeSet<u32>,
    ack_due: bool,
}

impl Inbound {
    pub(super) const fn new(window: u16) -> Self {
        Self {
            window,
            waiting: BTreeMap::new(),
            taken: 0,
            ack: Ack { received: 0, in_force: 0 },
            undecodable: BTreeSet::new(),
            ack_due: false,
        }
    }

    /// A message with its place in the order, `None` where it could not be decoded.
    pub(super) fn insert(&mut self, sequence: u32, transaction: u32, message: Option<Message>) -> Result<(), Reject> {
        if sequence <= self.ack.received || self.waiting.contains_key(&sequence) {
            self.ack_due = true;
            return Err(Reject::Repeated { sequence });
        }
        let last = self.taken.saturating_add(self.window.into());
        if sequence > last {
            return Err(Reject::OutOfWindow { sequence, last });
        }
        if message.is_none() && self.undecodable.len() < self.window.into() {
            self.undecodable.insert(sequence);
        }
        self.waiting.insert(sequence, message.map(|message| Received { sequence, transaction, message }));
        while self.waiting.contains_key(&self.ack.received.saturating_add(1)) {
            self.ack.received = self.ack.received.saturating_add(1);
        }
        self.pass_undecodable();
        self.ack_due = true;
        Ok(())
    }

    /// The next message in order.
    pub(super) fn take(&mut self) -> Option<Received> {
        while self.is_ready() {
            let (sequence, received) = self.waiting.pop_first()?;
            self.taken = sequence;
            if received.is_some() {
                return received;
            }
        }
        None
    }

    /// Whether [`Inbound::take`] has something.
    pub(super) fn has_message(&self) -> bool {
        self.waiting.range(..=self.ack.received).any(|(_, received)| received.is_some())
    }

    fn is_ready(&self) -> bool {
        self.waiting.first_key_value().is_some_and(|(sequence, _)| *sequence <= self.ack.received)
    }

    /// Everything up to here is in force or refused, as far as it was received.
    pub(super) fn set_in_force(&mut self, upto: u32) {
        let upto = upto.min(self.ack.received);
        if upto > self.ack.in_force {
            self.ack.in_force = upto;
            self.pass_undecodable();
            self.ack_due = true;
        }
    }

    /// What could not be decoded holds up nothing behind it.
    fn pass_undecodable(&mut self) {
        while let Some(next) = self.undecodable.first().copied() {
            if next > self.ack.in_force.saturating_add(1) || next > self.ack.received {
                return;
            }
            self.undecodable.pop_first();
            self.ack.in_force = self.ack.in_force.max(next);
        }
    }

    pub(super) const fn ack_due(&self) -> bool {
        self.ack_due
    }

    /// The acknowledgement to send now, if one is due or the last is to be said again.
    pub(super) fn take_ack(&mut self, again: bool) -> Option<Ack> {
        (core::mem::take(&mut self.ack_due) || again).then_some(self.ack)
    }

    /// Whether there is anything to acknowledge.
    pub(super) const fn has_received(&self) -> bool {
        self.ack.received > 0
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.waiting.len().max(self.undecodable.len())
    }
}
