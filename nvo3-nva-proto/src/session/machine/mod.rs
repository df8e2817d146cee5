//! The session: owns time, handshake and counters around the table and the two halves of the order.

mod receive;
mod transmit;

use super::event::Events;
use super::inbound::Inbound;
use super::outbound::Outbound;
use super::random::{draw, up_to};
use super::state::{Input, Output, Role, State, step};
use super::{DownReason, Received, SendError, SessionConfig, SessionCounters, SessionEvent};
use crate::id::SessionId;
use crate::message::{Error, Hello, HelloAck, Message};
use crate::time::Instant;
use alloc::collections::VecDeque;

/// The most Errors that wait to be sent.
const REFUSALS: usize = 16;

/// What opens a session: the NVE's word, or the NVA's answer to it.
#[derive(Clone, Debug)]
enum Opening {
    /// `until`: whoever answered this nonce has given that session up by then.
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

/// One side of a session. Handed in: messages, time. Polled: messages, events, datagrams, the next deadline.
///
/// The two sides are [`Session::initiate`] and [`Session::accept`]; the crate's first page has both at work.
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
    refusals: VecDeque<Error>,
    goodbye: bool,
    now: Instant,
    heard: Instant,
    spoke: Instant,
    acked: Instant,
    counters: SessionCounters,
}

impl Session {
    /// The NVE's side: asks for a session with the first poll, and again whenever it has none until it is closed. `hello.nonce`
    /// is replaced by one drawn from `seed`, which nobody outside should be able to guess.
    pub fn initiate(config: SessionConfig, hello: Hello, seed: u64) -> Self {
        let opening = Opening::Ask { hello, tries: 0, due: Instant::default(), until: Instant::default() };
        let mut session = Self::new(config, Role::Initiator, opening, seed, Instant::default());
        session.ask(Instant::default());
        session
    }

    /// The NVA's side: `ack` grants what `hello` asks for, under an id that is not 0, was not used before and cannot be guessed. It is
    /// over when the peer is; a later Hello is a new one's.
    pub fn accept(config: SessionConfig, now: Instant, hello: &Hello, ack: HelloAck) -> Self {
        let ack = HelloAck { nonce: hello.nonce, ..ack };
        let opening = Opening::Answer { ack, due: true };
        let mut session = Self::new(config, Role::Acceptor, opening, 0, now);
        session.establish(ack);
        session.events.known_up();
        session
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

    /// The session, the last one once it is over; 0 while one is asked for.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Whether there is one.
    pub const fn is_up(&self) -> bool {
        matches!(self.state, State::Up)
    }

    /// Whether there is none and there will be none, and nothing is left to poll: the owner may drop it.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over) && !self.has_output()
    }

    /// What was counted.
    pub const fn counters(&self) -> &SessionCounters {
        &self.counters
    }

    /// The next message of the peer in its turn, once; what the session says for itself does not come out.
    ///
    /// At the NVE, those of a new session come after its [`SessionEvent::Up`] was polled.
    pub fn poll_message(&mut self) -> Option<Received> {
        if self.role == Role::Initiator && self.events.up_waits() { None } else { self.inbound.take() }
    }

    /// Queues a message to the peer, who will get it unless the session ends; gives the sequence that an Ack will count.
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

    /// How many messages wait to be acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.outbound.len()
    }

    /// Everything up to here is in force, or refused by an Error that names it; the peer is told. Going back changes nothing.
    pub fn set_in_force(&mut self, upto: u32) {
        if self.is_up() {
            self.inbound.set_in_force(upto);
        }
    }

    /// Tells the peer, once and unreliably, that something could not be taken.
    pub fn refuse(&mut self, error: Error) {
        if self.is_up() && self.refusals.len() < REFUSALS {
            self.refusals.push_back(error);
        } else {
            self.counters.errors_shed = self.counters.errors_shed.saturating_add(1);
        }
    }

    /// Ends it with a Goodbye. What was not acknowledged is dropped.
    pub fn close(&mut self) {
        self.step(Input::Close, None);
    }

    /// What the owner should know.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.poll()
    }

    /// Takes a step of the table and does what it says.
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
        }
        self.counters.established = self.counters.established.saturating_add(1);
        self.events.up(ack);
    }

    /// What arrived in order stays to be polled; what was to be sent does not.
    fn down(&mut self, reason: DownReason) {
        if reason != DownReason::Closed {
            self.counters.lost = self.counters.lost.saturating_add(1);
        }
        self.outbound = Outbound::new();
        self.refusals.clear();
        self.events.down(reason);
    }

    /// Begins a series of Hellos with a nonce of its own.
    fn ask(&mut self, at: Instant) {
        let drawn = draw(&mut self.seed);
        if let Opening::Ask { hello, tries, due, .. } = &mut self.opening {
            hello.nonce = drawn;
            *tries = 0;
            *due = at;
        }
    }

    fn peer_error(&mut self, error: Error) {
        if !self.events.peer_error(error) {
            self.counters.peer_errors_shed = self.counters.peer_errors_shed.saturating_add(1);
        }
    }

    /// Time never goes back here.
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

/// What a session says for itself, outside the order.
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
