//! What waits to be acknowledged: sent in order, kept until the peer has it, sent again when it takes too long.

use super::config::SessionConfig;
use super::rto::Rto;
use super::{Reject, SendError};
use crate::header::Header;
use crate::id::SessionId;
use crate::message::{Ack, Message};
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// A message as it goes out.
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
    /// By sequence without gaps; the first `under_way` were sent.
    queue: VecDeque<Entry>,
    under_way: usize,
    last: u32,
    acked: Ack,
    rto: Rto,
    /// Runs while something is under way.
    expires: Option<Instant>,
    /// When the peer last acknowledged something, or the first under way was sent.
    progress: Instant,
    /// The first under way is to be sent again.
    again: bool,
    /// What was under way when the wait last expired ends here: up to there each acknowledgement that leaves something sends the
    /// next again at once, so that several losses cost one wait and not one each.
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

    /// Queues a message; gives its sequence.
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

    /// The peer's acknowledgement; what it says now, if that is more than before.
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
        self.again = self.under_way > 0 && received < self.recover;
        self.expires = if self.under_way > 0 { Some(now + self.rto.wait(config)) } else { None };
    }

    /// When the wait for an acknowledgement ends.
    pub(super) const fn expires(&self) -> Option<Instant> {
        self.expires
    }

    /// Whether the peer has acknowledged nothing of what is under way for as long as it may be silent (DIR-13).
    pub(super) fn is_stuck(&self, config: &SessionConfig, now: Instant) -> bool {
        self.under_way > 0 && now >= self.progress + config.dead_after
    }

    /// The wait ended.
    pub(super) fn expired(&mut self, config: &SessionConfig, now: Instant) {
        self.rto.expired();
        self.again = true;
        self.recover = self.acked.received.saturating_add(u32::try_from(self.under_way).unwrap_or(u32::MAX));
        self.expires = Some(now + self.rto.wait(config));
    }

    /// Whether [`Outbound::transmit`] has something.
    pub(super) fn is_ready(&self, config: &SessionConfig) -> bool {
        self.again || (self.under_way < self.queue.len() && self.under_way < config.window.into())
    }

    /// The next datagram, and whether it was sent before.
    pub(super) fn transmit(&mut self, config: &SessionConfig, now: Instant, out: &mut Vec<u8>) -> Option<bool> {
        let again = core::mem::take(&mut self.again) && self.under_way > 0;
        let next = if again {
            0
        } else if self.under_way < config.window.into() {
            self.under_way
        } else {
            return None;
        };
        let entry = self.queue.get_mut(next)?;
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
