//! The session: it owns time, handshake and counters, around the table of states and the two halves of the order.

mod receive;
mod transmit;

use super::event::Events;
use super::inbound::Inbound;
use super::outbound::Outbound;
use super::random::{draw, up_to};
use super::state::{Input, Output, Role, State, step};
use super::{ConfigError, DownReason, Received, SendError, SessionConfig, SessionCounters, SessionEvent};
use crate::id::SessionId;
use crate::message::{ErrorMessage, Hello, HelloAck, Message, Seen};
use crate::time::Instant;
use alloc::collections::VecDeque;

/// The most Errors that wait to be sent.
const REFUSALS: usize = 16;

/// The message that opens a session: the Hello of the NVE, or the HelloAck of the NVA.
#[derive(Clone, Debug)]
enum Opening {
    /// `until`: an NVA that answered this nonce has given up that session by then.
    Ask {
        hello: Hello,
        tries: u32,
        due: Instant,
        until: Instant,
    },
    Answer {
        ack: HelloAck,
        due: bool,
    },
}

/// One side of a session between an NVE and the NVA.
///
/// The owner hands in messages and the time, and polls messages, events, datagrams and the next deadline. An NVE uses
/// [`Session::initiate`], an NVA [`Session::accept`]; the front page of the crate shows both.
#[derive(Clone, Debug)]
pub struct Session {
    config: SessionConfig,
    role: Role,
    state: State,
    id: SessionId,
    opening: Opening,
    seed: u64,
    outbound: Outbound,
    inbound: Inbound,
    events: Events,
    refusals: VecDeque<ErrorMessage>,
    goodbye: bool,
    now: Instant,
    heard: Instant,
    spoke: Instant,
    acked: Instant,
    counters: SessionCounters,
}

impl Session {
    /// The side of an NVE. It asks for a session at the first poll, and again each time the session is lost, until it is closed.
    ///
    /// The session draws `hello.nonce` from `seed`. Give a seed that nobody outside can guess.
    ///
    /// # Errors
    /// The error of [`SessionConfig::validate`].
    pub fn initiate(config: SessionConfig, hello: Hello, seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        let opening = Opening::Ask { hello, tries: 0, due: Instant::default(), until: Instant::default() };
        let mut session = Self::new(config, Role::Initiator, opening, seed, Instant::default());
        session.ask(Instant::default());
        Ok(session)
    }

    /// The side of an NVA: `ack` grants the session that `hello` asks for.
    ///
    /// The session id in `ack` must not be 0, must not have been used before, and nobody outside may be able to guess it. The session
    /// ends when it is lost; a later Hello begins a new one.
    ///
    /// # Errors
    /// The error of [`SessionConfig::validate`].
    pub fn accept(config: SessionConfig, now: Instant, hello: &Hello, ack: HelloAck) -> Result<Self, ConfigError> {
        config.validate()?;
        let ack = HelloAck { nonce: hello.nonce, ..ack };
        let opening = Opening::Answer { ack, due: true };
        let mut session = Self::new(config, Role::Acceptor, opening, 0, now);
        session.establish(ack);
        session.events.granted();
        Ok(session)
    }

    fn new(config: SessionConfig, role: Role, opening: Opening, seed: u64, now: Instant) -> Self {
        Self {
            config,
            role,
            state: State::Connecting,
            id: SessionId(0),
            opening,
            seed,
            outbound: Outbound::new(),
            inbound: Inbound::new(config.window),
            events: Events::default(),
            refusals: VecDeque::new(),
            goodbye: false,
            now,
            heard: now,
            spoke: now,
            acked: now,
            counters: SessionCounters::default(),
        }
    }

    /// The id of the session, of the last one once it is over; 0 while the NVE asks for one.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// True if there is a session.
    pub const fn is_up(&self) -> bool {
        matches!(self.state, State::Up)
    }

    /// True once the session is closed, cannot return, and nothing is left to poll: the owner may drop it.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over) && !self.has_output()
    }

    /// The counters.
    pub const fn counters(&self) -> &SessionCounters {
        &self.counters
    }

    /// The next reliable message of the peer, in order and once. Messages of the session itself are not given out.
    ///
    /// At the NVE, poll the [`SessionEvent::Up`] first: messages of the new session come after it.
    #[must_use = "the session gives each message once"]
    pub fn poll_message(&mut self) -> Option<Received> {
        if self.role == Role::Initiator && self.events.up_waits() { None } else { self.inbound.take() }
    }

    /// Queues a message to the peer and returns its sequence. The peer gets the message unless the session ends.
    ///
    /// # Errors
    /// There is no session, the queue is full, the session sends this message itself, or the message cannot be encoded.
    pub fn send(&mut self, transaction: u32, message: &Message) -> Result<u32, SendError> {
        if !self.is_up() {
            return Err(SendError::NotUp);
        }
        if is_internal(message) {
            return Err(SendError::Internal { name: message.name() });
        }
        let result = self.outbound.push(&self.config, self.id, transaction, message);
        if matches!(result, Err(SendError::QueueFull { .. })) {
            self.counters.queue_full = self.counters.queue_full.saturating_add(1);
        }
        result
    }

    /// The number of messages that wait to be acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.outbound.len()
    }

    /// Tells the peer that every message up to `upto` is in force, or was refused by an Error that names it. A smaller number than
    /// before changes nothing.
    pub fn set_in_force(&mut self, upto: u32) {
        if self.is_up() {
            self.inbound.set_in_force(upto);
        }
    }

    /// Tells the peer, once and unreliably, that a message could not be taken. The Error leaves before an Ack that is due. False if
    /// there is no session or no room: nothing leaves, and `errors_shed` counts it.
    pub fn refuse(&mut self, error: ErrorMessage) -> bool {
        let room = self.is_up() && self.refusals.len() < REFUSALS;
        if room {
            self.refusals.push_back(error);
        } else {
            self.counters.errors_shed = self.counters.errors_shed.saturating_add(1);
        }
        room
    }

    /// Closes the session with a Goodbye. Messages that were not acknowledged are dropped.
    pub fn close(&mut self) {
        self.step(Input::Close, None);
    }

    /// The next event.
    #[must_use = "the session gives each event once"]
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.poll()
    }

    /// Looks up the row of the table and carries out its output.
    fn step(&mut self, input: Input, ack: Option<HelloAck>) {
        let Some((state, output)) = step(self.role, self.state, input) else { return };
        match output {
            Output::Establish => {
                if let Some(ack) = ack {
                    self.establish(ack);
                }
            }
            Output::DownAndAgain(reason) => {
                self.down(reason);
                self.id = SessionId(0);
                let pause = up_to(&mut self.seed, self.config.rto_initial);
                self.ask(self.now + pause);
            }
            Output::Down(reason) => self.down(reason),
            Output::Goodbye => {
                self.goodbye = true;
                self.down(DownReason::Closed);
            }
            Output::Nothing => {}
        }
        self.state = state;
    }

    fn establish(&mut self, ack: HelloAck) {
        self.state = State::Up;
        self.id = ack.session;
        self.outbound = Outbound::new();
        self.inbound = Inbound::new(self.config.window);
        self.heard = self.now;
        self.spoke = self.now;
        if let Opening::Ask { hello, .. } = &mut self.opening {
            hello.resumed = true;
            let newest = |seen: &Seen| (seen.epoch, seen.record);
            hello.seen = [hello.seen, ack.seen].into_iter().flatten().max_by_key(newest);
        }
        self.counters.established = self.counters.established.saturating_add(1);
        self.events.up(ack);
    }

    /// Drops the messages to send. Messages that arrived in order can still be polled.
    fn down(&mut self, reason: DownReason) {
        if reason != DownReason::Closed {
            self.counters.lost = self.counters.lost.saturating_add(1);
        }
        self.outbound = Outbound::new();
        self.refusals.clear();
        self.events.down(reason);
    }

    /// Begins a new series of Hellos with a new nonce.
    fn ask(&mut self, at: Instant) {
        let drawn = draw(&mut self.seed);
        if let Opening::Ask { hello, tries, due, .. } = &mut self.opening {
            hello.nonce = drawn;
            *tries = 0;
            *due = at;
        }
    }

    fn peer_error(&mut self, error: ErrorMessage) {
        if !self.events.peer_error(error) {
            self.counters.peer_errors_shed = self.counters.peer_errors_shed.saturating_add(1);
        }
    }

    /// Advances the time; an earlier time than before is counted and ignored.
    fn clock(&mut self, now: Instant) -> Instant {
        if now < self.now {
            self.counters.clock_backwards = self.counters.clock_backwards.saturating_add(1);
        }
        self.now = self.now.max(now);
        self.now
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.inbound.held().max(self.refusals.len())
    }
}

/// Checks if the session itself sends this message, outside the order.
const fn is_internal(message: &Message) -> bool {
    matches!(
        message,
        Message::Hello(_)
            | Message::HelloAck(_)
            | Message::Keepalive
            | Message::Goodbye
            | Message::Error(_)
            | Message::Ack(_)
    )
}
