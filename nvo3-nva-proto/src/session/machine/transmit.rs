//! Sending: the next datagram and the next deadline.

use super::{Opening, Session};
use crate::header::Header;
use crate::message::Message;
use crate::session::random::{between_half_and_all, draw};
use crate::session::rto::doubled;
use crate::session::state::{Input, State};
use crate::session::{DownReason, SessionTimer};
use crate::time::Instant;
use alloc::vec::Vec;

impl Session {
    /// Replaces the contents of `out` by the next datagram; false if there is none.
    #[must_use = "the datagram in `out` is to be sent"]
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        out.clear();
        let now = self.clock(now);
        self.run_timers(now);
        let written = self.write(now, out);
        if written {
            self.spoke = now;
        }
        written
    }

    /// Writes the handshake first, then refusals, messages, and one Ack for everything that arrived.
    fn write(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        if core::mem::take(&mut self.goodbye) {
            return self.say(&Message::Goodbye, out);
        }
        if self.write_opening(now, out) {
            self.counters.hellos_sent = self.counters.hellos_sent.saturating_add(1);
            return true;
        }
        if !self.is_up() {
            return false;
        }
        if let Some(error) = self.refusals.pop_front() {
            self.counters.errors_sent = self.counters.errors_sent.saturating_add(1);
            return self.say(&Message::Error(error), out);
        }
        if let Some(again) = self.outbound.transmit(&self.config, now, out) {
            let counter = if again { &mut self.counters.retransmitted } else { &mut self.counters.sent };
            *counter = counter.saturating_add(1);
            return true;
        }
        // The peer does not ask again for a lost Ack of what is in force.
        let again = self.acked_again_at().is_some_and(|at| now >= at);
        if let Some(ack) = self.inbound.take_ack(again) {
            self.acked = now;
            self.counters.acks_sent = self.counters.acks_sent.saturating_add(1);
            return self.say(&Message::Ack(ack), out);
        }
        if now >= self.spoke + self.config.keepalive {
            self.counters.keepalives_sent = self.counters.keepalives_sent.saturating_add(1);
            return self.say(&Message::Keepalive, out);
        }
        false
    }

    fn write_opening(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        match &mut self.opening {
            Opening::Ask { hello, tries, due, until } if self.state == State::Connecting && now >= *due => {
                if *tries > 0 && now >= *until {
                    hello.nonce = draw(&mut self.seed);
                }
                if *tries == 0 || now >= *until {
                    *until = now + self.config.dead_after;
                }
                let wait = doubled(self.config.rto_initial.0, *tries, self.config.rto_max);
                *tries = tries.saturating_add(1);
                *due = now + between_half_and_all(&mut self.seed, wait);
                Message::Hello(*hello).encode(&Header::default(), out).is_ok()
            }
            Opening::Answer { ack, due } if self.state == State::Up && *due => {
                *due = false;
                let header = Header { session: ack.session, ..Header::default() };
                Message::HelloAck(*ack).encode(&header, out).is_ok()
            }
            _ => false,
        }
    }

    fn say(&self, message: &Message, out: &mut Vec<u8>) -> bool {
        message.encode(&Header { session: self.id, ..Header::default() }, out).is_ok()
    }

    /// The time at which the last Ack, if any, is sent again.
    fn acked_again_at(&self) -> Option<Instant> {
        self.inbound.has_received().then(|| self.acked + self.config.keepalive)
    }

    /// The next deadline and its reason. While something waits to be polled it is the latest time seen.
    #[must_use = "the owner has to call `Session::handle_timeout` then"]
    pub fn poll_timeout(&self) -> Option<(Instant, SessionTimer)> {
        if self.has_output() {
            return Some((self.now, SessionTimer::Output));
        }
        let up = |at: Instant, timer| self.is_up().then_some((at, timer));
        let hello = match &self.opening {
            Opening::Ask { due, .. } if self.state == State::Connecting => Some((*due, SessionTimer::Hello)),
            _ => None,
        };
        let deadlines = [
            hello,
            self.outbound.expires().and_then(|at| up(at, SessionTimer::Retransmit)),
            up(self.spoke + self.config.keepalive, SessionTimer::Keepalive),
            self.acked_again_at().and_then(|at| up(at, SessionTimer::Keepalive)),
            up(self.heard + self.config.dead_after, SessionTimer::Dead),
        ];
        let next = deadlines.into_iter().flatten().min_by_key(|(at, _)| *at);
        next.map(|(at, timer)| (at.max(self.now), timer))
    }

    pub(super) fn has_output(&self) -> bool {
        let opening = matches!(&self.opening, Opening::Answer { due: true, .. });
        let transmits =
            !self.refusals.is_empty() || opening || self.inbound.ack_due() || self.outbound.is_ready(&self.config);
        self.goodbye || !self.events.is_empty() || self.inbound.has_message() || (self.is_up() && transmits)
    }

    /// Lets time pass. Hand in received messages first: otherwise a peer that sent in time counts as dead.
    ///
    /// [`Session::poll_transmit`] then gives the datagrams that are due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock(now);
        self.run_timers(now);
    }

    fn run_timers(&mut self, now: Instant) {
        if !self.is_up() {
            return;
        }
        let expired = self.outbound.expires().is_some_and(|at| now >= at);
        if now >= self.heard + self.config.dead_after || (expired && self.outbound.is_stuck(&self.config, now)) {
            self.step(Input::Lost(DownReason::Dead), None);
        } else if expired {
            self.outbound.expired(&self.config, now);
        }
    }
}
