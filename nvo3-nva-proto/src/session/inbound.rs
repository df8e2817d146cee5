//! The receiving half of a session: it orders messages, gives each out once, and acknowledges them.

use super::{Received, Reject};
use crate::message::{Ack, Message};
use alloc::collections::{BTreeMap, BTreeSet};

/// The receiving half of a session's reliable order.
///
/// A sequence is *received* once all earlier ones are, *taken* once the owner polled it, *in force* once the owner says so.
#[derive(Clone, Debug)]
pub(super) struct Inbound {
    window: u16,
    /// Messages above `taken`, at most a window; `None` for one that could not be decoded, of which the peer was told.
    waiting: BTreeMap<u32, Option<Received>>,
    taken: u32,
    ack: Ack,
    /// Sequences above `ack.in_force` that could not be decoded. They never come into force.
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

    /// Takes a message with its sequence; `None` if the message could not be decoded.
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
        while let Some(next) = self.ack.received.checked_add(1).filter(|next| self.waiting.contains_key(next)) {
            self.ack.received = next;
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

    /// True if [`Inbound::take`] has a message.
    pub(super) fn has_message(&self) -> bool {
        self.waiting.range(..=self.ack.received).any(|(_, received)| received.is_some())
    }

    fn is_ready(&self) -> bool {
        self.waiting.first_key_value().is_some_and(|(sequence, _)| *sequence <= self.ack.received)
    }

    /// Notes that every received message up to `upto` is in force or refused.
    pub(super) fn set_in_force(&mut self, upto: u32) {
        let upto = upto.min(self.ack.received);
        if upto > self.ack.in_force {
            self.ack.in_force = upto;
            self.pass_undecodable();
            self.ack_due = true;
        }
    }

    /// Counts undecodable messages as in force, so that they hold up none behind them.
    fn pass_undecodable(&mut self) {
        while let Some(next) = self.undecodable.first().copied() {
            // A message that comes next was received: each one before it was.
            if next > self.ack.in_force.saturating_add(1) {
                return;
            }
            self.undecodable.pop_first();
            self.ack.in_force = self.ack.in_force.max(next);
        }
    }

    pub(super) const fn ack_due(&self) -> bool {
        self.ack_due
    }

    /// The Ack to send now, if one is due or `again` asks for the last one.
    pub(super) fn take_ack(&mut self, again: bool) -> Option<Ack> {
        (core::mem::take(&mut self.ack_due) || again).then_some(self.ack)
    }

    /// True if a message was received.
    pub(super) const fn has_received(&self) -> bool {
        self.ack.received > 0
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.waiting.len().max(self.undecodable.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Option<Message> = Some(Message::Keepalive);
    const UNDECODABLE: Option<Message> = None;

    fn ack(inbound: &mut Inbound) -> (u32, u32) {
        inbound.take_ack(true).map(|ack| (ack.received, ack.in_force)).unwrap()
    }

    #[test]
    fn what_cannot_be_decoded_comes_into_force_behind_all_that_was_sent_before_it_and_not_earlier() {
        let mut inbound = Inbound::new(64);
        for (sequence, message, expected) in [
            (1, GOOD, (1, 0)),
            (2, UNDECODABLE, (2, 0)),
            (3, UNDECODABLE, (3, 0)),
            (5, UNDECODABLE, (3, 0)),
            (6, UNDECODABLE, (3, 0)),
        ] {
            inbound.insert(sequence, 0, message).unwrap();
            assert_eq!(ack(&mut inbound), expected, "after {sequence}");
        }

        inbound.set_in_force(1);
        assert_eq!(ack(&mut inbound), (3, 3));
        inbound.insert(4, 0, GOOD).unwrap();
        assert_eq!(ack(&mut inbound), (6, 3));
        inbound.set_in_force(4);
        assert_eq!(ack(&mut inbound), (6, 6));
    }

    #[test]
    fn what_cannot_be_decoded_stays_within_the_window_while_nothing_comes_into_force() {
        let mut inbound = Inbound::new(4);
        inbound.insert(1, 0, GOOD).unwrap();
        assert!(inbound.take().is_some());

        for sequence in 2..=20 {
            inbound.insert(sequence, 0, UNDECODABLE).unwrap();
            assert_eq!(inbound.take(), None);
        }

        assert_eq!(inbound.held(), 4);
    }

    #[test]
    fn the_last_sequence_ends_the_order() {
        let taken = u32::MAX - 2;
        let mut inbound = Inbound { taken, ack: Ack { received: taken, in_force: taken }, ..Inbound::new(4) };

        for (sequence, message) in [(u32::MAX, UNDECODABLE), (u32::MAX - 1, GOOD)] {
            assert_eq!(inbound.insert(sequence, 0, message), Ok(()));
        }

        assert_eq!(ack(&mut inbound), (u32::MAX, taken));
        assert_eq!(inbound.insert(u32::MAX, 0, GOOD), Err(Reject::Repeated { sequence: u32::MAX }));
        assert_eq!(inbound.take().map(|received| received.sequence), Some(u32::MAX - 1));
        assert_eq!(inbound.take(), None);
    }
}
