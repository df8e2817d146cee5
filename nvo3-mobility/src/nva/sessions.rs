//! Sessions with NVEs: who has one, what their acknowledgements mean, and what may leave now.

use super::io::{Event, Peer};
use super::machine::{Nva, Tracked, Waiting};
use super::rules;
#[cfg(feature = "auth")]
use crate::Transport;
use alloc::vec::Vec;
use nvo3_nva_proto::{
    DecodeError, DownReason, Error, ErrorCode, Header, Hello, HelloAck, Instant, Message, NveId, Session, SessionEvent,
    SessionId,
};

/// How many Hellos of one NVE are remembered as answered.
const ANSWERED_HELLOS: usize = 16;

impl Nva {
    /// A datagram of the control port.
    pub fn handle_datagram(&mut self, now: Instant, from: Peer, datagram: &[u8]) {
        self.clock(now);
        #[cfg(feature = "auth")]
        if matches!(self.config.transport, Transport::Sealed(_)) {
            return self.handle_sealed(from, datagram);
        }
        match Message::decode(datagram) {
            Ok((_, Message::Hello(hello))) => self.handle_hello(from, hello),
            Ok((header, message)) => self.handle_within(from, &header, message),
            Err(error) => {
                if let Some(refused) = Error::refused_hello(datagram, &error) {
                    self.say_to_stranger(from, SessionId(0), &refused);
                }
                self.handle_malformed(&error);
            }
        }
    }

    pub(super) fn handle_malformed(&mut self, error: &DecodeError) {
        self.counters.malformed += 1;
        let Some(nve) = self.by_session.get(&error.session).copied() else { return };
        if let Some(session) = self.session_of(nve) {
            // Whatever it is, the session counts it.
            let _ = session.handle_undecodable(Instant::default(), error);
        }
        self.pump(nve);
    }

    pub(super) fn handle_within(&mut self, from: Peer, header: &Header, message: Message) {
        let Some(nve) = self.by_session.get(&header.session).copied() else {
            self.counters.unknown_session += 1;
            if !matches!(message, Message::Error(_)) {
                self.answer_stranger(from, header.session, ErrorCode::UnknownSession, message.type_code());
            }
            return;
        };
        let now = self.now;
        if let Some(edge) = self.edges.get_mut(&nve)
            && let Some(session) = &mut edge.session
        {
            match session.handle(now, header, message) {
                Ok(()) => edge.peer = Some(from),
                Err(_) => self.counters.rejected += 1,
            }
        }
        self.pump(nve);
    }

    fn answer_stranger(&mut self, to: Peer, session: SessionId, code: ErrorCode, about: u8) {
        let error = Error { code, about, sequence: 0, offset: 0, tlv: 0 };
        self.say_to_stranger(to, session, &Message::Error(error));
    }

    fn say_to_stranger(&mut self, to: Peer, session: SessionId, message: &Message) {
        let header = Header { session, sequence: 0, transaction: 0 };
        let mut bytes = Vec::new();
        let written = message.encode(&header, &mut bytes).is_ok();
        self.enqueue_answer(to, written.then_some(bytes));
    }

    /// Lets an answer leave, if it could be written and there is room.
    pub(super) fn enqueue_answer(&mut self, to: Peer, answer: Option<Vec<u8>>) {
        match answer {
            Some(bytes) if self.answers.len() < self.config.queue as usize => self.answers.push_back((to, bytes)),
            _ => self.counters.shed_answers += 1,
        }
    }

    pub(super) fn handle_hello(&mut self, from: Peer, hello: Hello) {
        let nve = hello.place.nve;
        let Some(edge) = self.edges.get_mut(&nve) else {
            self.counters.unknown_nve += 1;
            return self.answer_stranger(from, SessionId(0), ErrorCode::UnknownNve, Message::Hello(hello).type_code());
        };
        let same = edge.hello.as_ref().is_some_and(|before| before.nonce == hello.nonce);
        if same && let Some(session) = &mut edge.session {
            let header = Header { session: SessionId(0), sequence: 0, transaction: 0 };
            // A repeat of the Hello that made the session is answered again.
            let _ = session.handle(self.now, &header, Message::Hello(hello));
            return self.pump(nve);
        }
        if edge.answered.contains(&hello.nonce) {
            self.counters.old_hellos += 1;
            return;
        }
        self.accept(from, hello);
    }

    pub(super) fn accept(&mut self, from: Peer, hello: Hello) {
        let nve = hello.place.nve;
        self.drop_session(nve);
        let session = self.next_session_id();
        let ack = HelloAck { session, nonce: hello.nonce, epoch: self.config.epoch, published: self.published };
        let restarted = !hello.resumed;
        let Some(edge) = self.edges.get_mut(&nve) else { return };
        edge.session = Some(Session::accept(self.config.session, self.now, &hello, ack));
        edge.peer = Some(from);
        (edge.gone, edge.fenced) = (None, false);
        edge.answered.push_back(hello.nonce);
        if edge.answered.len() > ANSWERED_HELLOS {
            edge.answered.pop_front();
        }
        edge.hello = Some(hello);
        self.by_session.insert(session, nve);
        self.tell(Event::NveUp { nve, restarted });
        for id in self.moves.unheard(nve) {
            self.send_outcome(id, nve);
        }
        for id in self.moves.of(nve) {
            if let Some(side) = self.moves.side(id, nve) {
                self.step_if_it_fits(id, rules::Input::Returned(side, restarted));
            }
        }
        self.pump(nve);
    }

    pub(super) fn next_session_id(&mut self) -> SessionId {
        loop {
            self.sessions_given += 1;
            let id = SessionId(mix(self.seed ^ mix(self.sessions_given)));
            if id.0 != 0 && !self.by_session.contains_key(&id) {
                return id;
            }
        }
    }

    /// Forgets a session and what was to be learned from its acknowledgements.
    fn drop_session(&mut self, nve: NveId) {
        let Some(edge) = self.edges.get_mut(&nve) else { return };
        if let Some(session) = edge.session.take() {
            self.by_session.remove(&session.id());
        }
        if let Some(at) = edge.timer.take() {
            self.edge_timers.remove(&(at, nve));
        }
        self.talkative.remove(&nve);
        self.moves.forget_early(nve);
        let tracked = core::mem::take(&mut edge.tracked);
        for (_, of) in tracked {
            if let Tracked::Update(id) = of {
                self.follows(id, nve);
            }
        }
    }

    pub(super) fn session_of(&mut self, nve: NveId) -> Option<&mut Session> {
        self.edges.get_mut(&nve).and_then(|edge| edge.session.as_mut())
    }

    /// Takes everything that a session has to say.
    pub(super) fn pump(&mut self, nve: NveId) {
        while let Some(session) = self.session_of(nve) {
            if let Some(event) = session.poll_event() {
                self.handle_session_event(nve, event);
            } else if let Some(received) = session.poll_message() {
                let sequence = received.sequence;
                self.handle_message(nve, received.transaction, received.message);
                if let Some(session) = self.session_of(nve) {
                    session.set_in_force(sequence);
                }
            } else {
                break;
            }
        }
        self.touch(nve);
        self.release();
    }

    fn handle_session_event(&mut self, nve: NveId, event: SessionEvent) {
        match event {
            SessionEvent::Up(_) | SessionEvent::PeerError(_) => {}
            SessionEvent::Down(reason) => self.lose(nve, reason),
            SessionEvent::Acked(ack) => {
                let Some(edge) = self.edges.get_mut(&nve) else { return };
                let mut done = Vec::new();
                while let Some((_, of)) =
                    edge.tracked.front().copied().filter(|(sequence, _)| *sequence <= ack.in_force)
                {
                    edge.tracked.pop_front();
                    done.push(of);
                }
                for of in done {
                    match of {
                        Tracked::Nothing => {}
                        Tracked::Outcome(id, side) => {
                            self.moves.note_heard(nve, id);
                            self.step_if_it_fits(id, rules::Input::InForce(side));
                        }
                        Tracked::Update(id) => self.follows(id, nve),
                    }
                }
            }
        }
    }

    fn lose(&mut self, nve: NveId, reason: DownReason) {
        self.drop_session(nve);
        self.tell(Event::NveDown { nve, reason });
        self.count_as_gone(nve);
    }

    pub(super) fn count_as_gone(&mut self, nve: NveId) {
        let Some(edge) = self.edges.get_mut(&nve) else { return };
        edge.gone = edge.gone.or(Some(self.now));
        for id in self.moves.of(nve) {
            if let Some(side) = self.moves.side(id, nve) {
                self.step_if_it_fits(id, rules::Input::Lost(side));
            }
        }
    }

    /// Whether an NVE has no session and is not expected to have one.
    pub(super) fn is_gone(&self, nve: NveId) -> bool {
        self.edges.get(&nve).is_none_or(|edge| edge.gone.is_some())
    }

    /// Lets a message leave once every record made until now is durable.
    pub(super) fn send(&mut self, to: NveId, transaction: u32, message: Message, tracked: Tracked) {
        let after = self.journal.last();
        if self.outbox.len() >= self.config.unpersisted as usize {
            self.shed(to);
            return;
        }
        self.outbox.push_back(Waiting { after, to, transaction, message, tracked });
    }

    /// An NVE that cannot be told everything is told so: its next session begins with all it missed (DIR-13).
    fn shed(&mut self, nve: NveId) {
        self.counters.shed_sessions += 1;
        if let Some(session) = self.session_of(nve) {
            session.close();
            self.talkative.insert(nve);
        }
    }

    pub(super) fn release(&mut self) {
        while self.outbox.front().is_some_and(|waiting| self.journal.is_durable(waiting.after)) {
            let Some(Waiting { to, transaction, message, tracked, .. }) = self.outbox.pop_front() else { return };
            let Some(edge) = self.edges.get_mut(&to) else { continue };
            let Some(session) = edge.session.as_mut().filter(|session| session.is_up()) else {
                if let Tracked::Update(id) = tracked {
                    self.follows(id, to);
                }
                continue;
            };
            match session.send(transaction, &message) {
                Ok(sequence) if tracked != Tracked::Nothing => edge.tracked.push_back((sequence, tracked)),
                Ok(_) => {}
                Err(_) => {
                    if let Tracked::Update(id) = tracked {
                        self.follows(id, to);
                    }
                    self.shed(to);
                }
            }
            self.touch(to);
        }
    }

    pub(super) fn touch(&mut self, nve: NveId) {
        let Some(edge) = self.edges.get_mut(&nve) else { return };
        let next = edge.session.as_ref().and_then(Session::poll_timeout).map(|(at, _)| at);
        if edge.timer != next {
            if let Some(before) = edge.timer {
                self.edge_timers.remove(&(before, nve));
            }
            if let Some(at) = next {
                self.edge_timers.insert((at, nve));
            }
            edge.timer = next;
        }
        if edge.session.is_some() {
            self.talkative.insert(nve);
        }
    }
}

/// A bijection of 64 bits that spreads every input bit (the finalizer of SplitMix64).
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
