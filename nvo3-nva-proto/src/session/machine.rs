//! The session: owns time, handshake and counters around the table and the two halves of the order.

use super::event::Events;
use super::inbound::Inbound;
use super::outbound::Outbound;
use super::rto::doubled;
use super::state::{Input, Output, Role, State, step};
use super::{DownReason, Received, Reject, SendError, SessionConfig, SessionCounters, SessionEvent, SessionTimer};
use crate::codec::type_name;
use crate::error::DecodeError;
use crate::header::Header;
use crate::id::SessionId;
use crate::message::{Error, ErrorCode, Hello, HelloAck, Message};
use crate::time::{Instant, Micros};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The most Errors that wait to be sent.
const REFUSALS: usize = 16;

/// What opens a session: the NVE's word, or the NVA's answer to it.
enum Opening {
    Ask { hello: Hello, tries: u32, due: Instant },
    Answer { ack: HelloAck, due: bool },
}

/// One side of a session. Handed in: messages, time. Polled: messages, events, datagrams, the next deadline.
///
/// The two sides are [`Session::initiate`] and [`Session::accept`]; the crate's first page has both at work.
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
    counters: SessionCounters,
}

impl Session {
    /// The NVE's side: asks for a session with the first poll, and again whenever it has none until it is closed. `hello.nonce`
    /// is replaced by one drawn from `seed`, which nobody outside should be able to guess.
    pub fn initiate(config: SessionConfig, hello: Hello, seed: u64) -> Self {
        let opening = Opening::Ask { hello, tries: 0, due: Instant::default() };
        let mut session = Self::new(config, Role::Initiator, opening, seed, Instant::default());
        session.ask(Instant::default());
        session
    }

    /// The NVA's side: `ack` grants what `hello` asks for, under an id that is not 0, was not used before and cannot be guessed. It is
    /// over when the peer is; a later Hello is a new one's.
    pub fn accept(config: SessionConfig, now: Instant, hello: &Hello, ack: HelloAck) -> Self {
        let ack = HelloAck { nonce: hello.nonce, ..ack };
        let opening = Opening::Answer { ack: ack.clone(), due: true };
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

    /// One message of the peer.
    pub fn handle(&mut self, now: Instant, header: &Header, message: Message) -> Result<(), Reject> {
        let now = self.clock(now);
        let result = match message {
            Message::Hello(hello) => self.handle_hello(&hello),
            Message::HelloAck(ack) => self.handle_hello_ack(header, ack),
            Message::Error(error) if header.session.0 == 0 => self.handle_refused_hello(error),
            message => self.check_session(header.session).and_then(|()| {
                self.heard = now;
                self.handle_within(now, header, message)
            }),
        };
        result.inspect_err(|reject| self.count(reject))
    }

    /// One message of the peer that could not be decoded: it is refused by an Error and, where it has a place in the order, passed over.
    pub fn handle_undecodable(&mut self, now: Instant, error: &DecodeError) -> Result<(), Reject> {
        let now = self.clock(now);
        let result = self.check_session(error.session).and_then(|()| {
            self.heard = now;
            if error.sequence == 0 { Ok(()) } else { self.inbound.insert(error.sequence, 0, None) }
        });
        match &result {
            Ok(()) => {
                self.counters.undecodable = self.counters.undecodable.saturating_add(1);
                self.refuse_undecodable(error);
            }
            // The Error that told the peer may have been lost.
            Err(Reject::Repeated { .. }) => self.refuse_undecodable(error),
            Err(_) => {}
        }
        result.inspect_err(|reject| self.count(reject))
    }

    /// An Error is not answered by an Error: two peers that do not understand each other would never end.
    fn refuse_undecodable(&mut self, error: &DecodeError) {
        if type_name(error.about) != Some("Error") {
            self.refuse(error.reply());
        }
    }

    fn check_session(&self, found: SessionId) -> Result<(), Reject> {
        if self.is_up() && found == self.id { Ok(()) } else { Err(Reject::WrongSession { found }) }
    }

    fn handle_hello(&mut self, hello: &Hello) -> Result<(), Reject> {
        let up = self.is_up();
        match &mut self.opening {
            Opening::Answer { ack, due } if up && ack.nonce == hello.nonce => *due = true,
            Opening::Answer { .. } => return Err(Reject::NewHello { nonce: hello.nonce }),
            Opening::Ask { .. } => return Err(Reject::Unexpected { name: "Hello" }),
        }
        Ok(())
    }

    fn handle_hello_ack(&mut self, header: &Header, ack: HelloAck) -> Result<(), Reject> {
        let Opening::Ask { hello, .. } = &self.opening else {
            return Err(Reject::Unexpected { name: "HelloAck" });
        };
        if ack.nonce != hello.nonce {
            return Err(Reject::OldNonce { nonce: ack.nonce });
        }
        if ack.session.0 == 0 || ack.session != header.session || self.state != State::Connecting {
            return Err(Reject::Unexpected { name: "HelloAck" });
        }
        self.step(Input::Granted, Some(ack));
        Ok(())
    }

    /// What an NVA says that will not, or cannot, grant a session.
    fn handle_refused_hello(&mut self, error: Error) -> Result<(), Reject> {
        if self.role != Role::Initiator || self.state != State::Connecting {
            return Err(Reject::Unexpected { name: "Error" });
        }
        self.peer_error(error);
        Ok(())
    }

    fn handle_within(&mut self, now: Instant, header: &Header, message: Message) -> Result<(), Reject> {
        let internal = is_internal(&message);
        if internal != (header.sequence == 0) {
            return Err(Reject::Unexpected { name: message.name() });
        }
        match message {
            Message::Keepalive => {}
            Message::Goodbye => self.step(Input::Lost(DownReason::PeerClosed), None),
            Message::Ack(ack) => {
                self.counters.acks_received = self.counters.acks_received.saturating_add(1);
                if let Some(ack) = self.outbound.acknowledged(&self.config, now, ack)? {
                    self.events.acked(ack);
                }
            }
            Message::Error(error) if error.code == ErrorCode::UnknownSession && self.role == Role::Initiator => {
                self.step(Input::Lost(DownReason::UnknownSession), None);
            }
            Message::Error(error) => self.peer_error(error),
            message => {
                self.inbound.insert(header.sequence, header.transaction, Some(message))?;
                self.counters.received = self.counters.received.saturating_add(1);
            }
        }
        Ok(())
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

    /// Writes the next datagram into `out`, if there is one.
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

    /// Handshake, refusals, data, then one Ack for all that arrived meanwhile.
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
        if let Some(ack) = self.inbound.take_ack() {
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
            Opening::Ask { hello, tries, due } if self.state == State::Connecting && now >= *due => {
                let wait = doubled(self.config.rto_initial.0, *tries, self.config.rto_max);
                *tries = tries.saturating_add(1);
                *due = now + jitter(&mut self.seed, wait);
                Message::Hello(hello.clone()).encode(&Header::default(), out).is_ok()
            }
            Opening::Answer { ack, due } if self.state == State::Up && *due => {
                *due = false;
                let header = Header { session: ack.session, ..Header::default() };
                Message::HelloAck(ack.clone()).encode(&header, out).is_ok()
            }
            _ => false,
        }
    }

    fn say(&self, message: &Message, out: &mut Vec<u8>) -> bool {
        message.encode(&Header { session: self.id, ..Header::default() }, out).is_ok()
    }

    /// The next deadline and what it is; the latest time seen where something waits to be polled.
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
            up(self.heard + self.config.dead_after, SessionTimer::Dead),
        ];
        let next = deadlines.into_iter().flatten().min_by_key(|(at, _)| *at);
        next.map(|(at, timer)| (at.max(self.now), timer))
    }

    fn has_output(&self) -> bool {
        let opening = matches!(&self.opening, Opening::Answer { due: true, .. });
        let transmits =
            !self.refusals.is_empty() || opening || self.inbound.ack_due() || self.outbound.is_ready(&self.config);
        self.goodbye || !self.events.is_empty() || self.inbound.has_message() || (self.is_up() && transmits)
    }

    /// Time passed; what has arrived should be handed in first, or a peer that spoke in time is taken for dead. What is then to be
    /// sent comes out of [`Session::poll_transmit`].
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock(now);
        self.run_timers(now);
    }

    fn run_timers(&mut self, now: Instant) {
        if !self.is_up() {
            return;
        }
        if now >= self.heard + self.config.dead_after {
            self.step(Input::Lost(DownReason::Dead), None);
        } else if self.outbound.expires().is_some_and(|at| now >= at) {
            self.outbound.expired(&self.config, now);
        }
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
        if let Opening::Ask { hello, tries, due } = &mut self.opening {
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

    fn count(&mut self, reject: &Reject) {
        let c = &mut self.counters;
        let counter = match reject {
            Reject::WrongSession { .. } => &mut c.wrong_session,
            Reject::OutOfWindow { .. } => &mut c.out_of_window,
            Reject::Repeated { .. } => &mut c.repeated,
            _ => &mut c.unexpected,
        };
        *counter = counter.saturating_add(1);
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

/// The next number of a sequence that `state` begins (SplitMix64).
const fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Between a half of `wait` and all of it, so that edges that lost one authority do not all return at once.
fn jitter(seed: &mut u64, wait: Micros) -> Micros {
    let half = wait.0 / 2;
    Micros(half.saturating_add(up_to(seed, Micros(wait.0.saturating_sub(half))).0))
}

/// Up to `wait`.
const fn up_to(seed: &mut u64, wait: Micros) -> Micros {
    Micros(draw(seed) % wait.0.saturating_add(1))
}
