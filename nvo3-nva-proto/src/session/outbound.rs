//! The sending half of a session: it keeps each message until the peer acknowledges it, and sends it again in time.

use super::config::SessionConfig;
use super::rto::Rto;
use super::{Reject, SendError};
use crate::header::Header;
use crate::id::SessionId;
use crate::message::{Ack, Message};
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// An encoded message.
#[derive(Clone, Debug)]
struct Entry {
    sequence: u32,
    datagram: Vec<u8>,
    sent: Instant,
    again: bool,
}

/// The sending half of a session's reliable order.
#[derive(Clone, Debug)]
pub(super) struct Outbound {
    /// The messages by sequence, without gaps; the first `under_way` were sent.
    queue: VecDeque<Entry>,
    under_way: usize,
    last: u32,
    acked: Ack,
    rto: Rto,
    /// The end of the wait; set while a message is under way.
    expires: Option<Instant>,
    /// The time of the last acknowledgement, or of sending the first message under way.
    progress: Instant,
    /// True if the first message under way must be sent again.
    again: bool,
    /// The last sequence under way when the wait last expired. Up to there each partial acknowledgement sends the next message again at
    /// once, so that several losses cost one wait together.
    recover: u32,
}

impl Outbound {
    pub(super) const fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            under_way: 0,
            last: 0,
            acked: Ack { received: 0, in_force: 0 },
            rto: Rto::new(),
            expires: None,
            progress: Instant(0),
            again: false,
            recover: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Queues a message and returns its sequence.
    pub(super) fn push(
        &mut self,
        config: &SessionConfig,
        session: SessionId,
        transaction: u32,
        message: &Message,
    ) -> Result<u32, SendError> {
        if self.queue.len() >= config.queue.into() {
            return Err(SendError::QueueFull { queue: config.queue });
        }
        let sequence = self.last.checked_add(1).ok_or(SendError::Exhausted)?;
        let mut datagram = Vec::new();
        message.encode(&Header { session, sequence, transaction }, &mut datagram)?;
        self.queue.push_back(Entry { sequence, datagram, sent: Instant::default(), again: false });
        self.last = sequence;
        Ok(sequence)
    }

    /// Takes an Ack of the peer. Returns the state of acknowledgement if it advanced.
    pub(super) fn acknowledged(
        &mut self,
        config: &SessionConfig,
        now: Instant,
        ack: Ack,
    ) -> Result<Option<Ack>, Reject> {
        let sent = self.acked.received.saturating_add(u32::try_from(self.under_way).unwrap_or(u32::MAX));
        if ack.received > sent || ack.in_force > ack.received {
            return Err(Reject::ImpossibleAck { received: ack.received, in_force: ack.in_force, sent });
        }
        let now_acked =
            Ack { received: self.acked.received.max(ack.received), in_force: self.acked.in_force.max(ack.in_force) };
        if now_acked == self.acked {
            return Ok(None);
        }
        if now_acked.received > self.acked.received {
            self.release(config, now, now_acked.received);
        }
        self.acked = now_acked;
        Ok(Some(now_acked))
    }

    fn release(&mut self, config: &SessionConfig, now: Instant, received: u32) {
        let mut newest = None;
        let mut once = true;
        while self.queue.front().is_some_and(|entry| entry.sequence <= received) {
            let Some(entry) = self.queue.pop_front() else { break };
            self.under_way = self.under_way.saturating_sub(1);
            once &= !entry.again;
            newest = Some(entry.sent);
        }
        if let (Some(sent), true) = (newest, once) {
            self.rto.measured(now - sent);
        }
        self.rto.progress();
        self.progress = now;
        self.again = received < self.recover;
        self.expires = if self.under_way > 0 { Some(now + self.rto.wait(config)) } else { None };
    }

    /// The end of the wait for an acknowledgement.
    pub(super) const fn expires(&self) -> Option<Instant> {
        self.expires
    }

    /// True at the end of a wait if the peer acknowledged nothing for `dead_after` (the session of a client that never acknowledges is
    /// ended, DIR-13).
    pub(super) fn is_stuck(&self, config: &SessionConfig, now: Instant) -> bool {
        now >= self.progress + config.dead_after
    }

    /// Orders a retransmission: the wait ended.
    pub(super) fn expired(&mut self, config: &SessionConfig, now: Instant) {
        self.rto.expired();
        self.again = true;
        self.recover = self.acked.received.saturating_add(u32::try_from(self.under_way).unwrap_or(u32::MAX));
        self.expires = Some(now + self.rto.wait(config));
    }

    /// True if [`Outbound::transmit`] has a datagram.
    pub(super) fn is_ready(&self, config: &SessionConfig) -> bool {
        self.again || (self.under_way < self.queue.len() && self.under_way < config.window.into())
    }

    /// Writes the next datagram; returns true if it was sent before.
    pub(super) fn transmit(&mut self, config: &SessionConfig, now: Instant, out: &mut Vec<u8>) -> Option<bool> {
        if !self.is_ready(config) {
            return None;
        }
        let again = core::mem::take(&mut self.again);
        let entry = self.queue.get_mut(if again { 0 } else { self.under_way })?;
        entry.sent = now;
        entry.again = again;
        out.extend_from_slice(&entry.datagram);
        if self.under_way == 0 {
            self.progress = now;
        }
        if !again {
            self.under_way = self.under_way.saturating_add(1);
        }
        if self.expires.is_none() {
            self.expires = Some(now + self.rto.wait(config));
        }
        Some(again)
    }
}
