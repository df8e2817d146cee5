//! The machine around the directory and the move core: sessions, clocks, the journal's order, bounds and counters.

use super::config::NvaConfig;
use super::core::{self, State};
use super::directory::Directory;
use super::io::{Error, Event, Input, NvaCounters, Peer, Timer};
use super::journal::{Journal, Record};
use super::moves::Moves;
use crate::ConfigError;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use nvo3_nva_proto::{
    DecodeError, DownReason, ErrorCode, Header, Hello, HelloAck, Instant, Mapping, Message, MoveId, NveId, Place,
    RecordNo, Session, SessionEvent, SessionId, Side, TsiKey,
};

/// What an acknowledgement of a sent message means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tracked {
    Nothing,
    /// A party has the outcome in force.
    Outcome(MoveId, Side),
    /// Someone interested follows the move.
    Update(MoveId),
}

/// An NVE of the domain.
pub(super) struct Edge {
    pub(super) place: Place,
    pub(super) peer: Option<Peer>,
    pub(super) session: Option<Session>,
    pub(super) hello: Option<Hello>,
    /// It had a session, or a start's grace, and has none any more.
    pub(super) gone: bool,
    /// Nonces of Hellos that were answered: a late copy asks for nothing.
    answered: VecDeque<u64>,
    tracked: VecDeque<(u32, Tracked)>,
    timer: Option<Instant>,
}

/// How many Hellos of one NVE are remembered as answered.
const ANSWERED_HELLOS: usize = 16;

struct Waiting {
    after: RecordNo,
    to: NveId,
    transaction: u32,
    message: Message,
    tracked: Tracked,
}

/// The authority: the directory, who is interested in it, sessions with NVEs, and moves.
///
/// Drive it like an [`Nve`](crate::nve::Nve); besides, make each record of [`Nva::poll_persist`] durable and say so with
/// [`Input::Persisted`]: what depends on a record does not leave before.
pub struct Nva {
    pub(super) config: NvaConfig,
    seed: u64,
    sessions_given: u64,
    pub(super) now: Instant,
    grace: Option<Instant>,
    pub(super) edges: BTreeMap<NveId, Edge>,
    by_session: BTreeMap<SessionId, NveId>,
    /// Edges whose session may have something to send.
    talkative: BTreeSet<NveId>,
    edge_timers: BTreeSet<(Instant, NveId)>,
    pub(super) directory: Directory,
    pub(super) moves: Moves,
    pub(super) journal: Journal,
    /// The newest record that changed what is published.
    pub(super) published: RecordNo,
    outbox: VecDeque<Waiting>,
    answers: VecDeque<(Peer, Vec<u8>)>,
    events: VecDeque<Event>,
    pub(super) counters: NvaCounters,
}

impl Nva {
    /// An authority that knows nothing. `seed` makes its session ids, which nobody outside should be able to guess.
    ///
    /// # Errors
    /// See [`NvaConfig::validate`].
    pub fn new(config: NvaConfig, seed: u64, now: Instant) -> Result<Self, ConfigError> {
        Self::replay(config, seed, now, [])
    }

    /// An authority that goes on where the one that made these records, all of them in order, stopped.
    ///
    /// # Errors
    /// See [`NvaConfig::validate`].
    pub fn replay(
        config: NvaConfig,
        seed: u64,
        now: Instant,
        records: impl IntoIterator<Item = (RecordNo, Record)>,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut nva = Self {
            seed,
            sessions_given: 0,
            now,
            grace: Some(now + config.grace),
            edges: BTreeMap::new(),
            by_session: BTreeMap::new(),
            talkative: BTreeSet::new(),
            edge_timers: BTreeSet::new(),
            directory: Directory::default(),
            moves: Moves::default(),
            journal: Journal::default(),
            published: RecordNo(0),
            outbox: VecDeque::new(),
            answers: VecDeque::new(),
            events: VecDeque::new(),
            counters: NvaCounters::default(),
            config,
        };
        let mut last = RecordNo(0);
        for (number, record) in records {
            nva.redo(number, record);
            last = number;
        }
        nva.journal = Journal::after(last);
        nva.published = last;
        Ok(nva)
    }

    /// What management and the journal tell.
    ///
    /// # Errors
    /// Why the input was not taken; then nothing changed.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<(), Error> {
        self.clock(now);
        match input {
            Input::Admit(place) => return self.admit(place),
            Input::Move { id, tsis, to, kind, deadline } => return self.plan(id, tsis, to, kind, deadline),
            Input::Cancel(id) => return self.cancel(id),
            Input::Fenced(nve) => return self.fenced(nve),
            Input::Persisted(upto) => {
                self.journal.persisted(upto);
                self.release();
            }
        }
        Ok(())
    }

    pub(super) fn clock(&mut self, now: Instant) {
        if now < self.now {
            self.counters.clock_backwards += 1;
        }
        self.now = self.now.max(now);
    }

    fn admit(&mut self, place: Place) -> Result<(), Error> {
        if self.edges.len() >= self.config.nves as usize && !self.edges.contains_key(&place.nve) {
            return Err(Error::Full("NvaConfig.nves"));
        }
        if let Some(edge) = self.edges.get_mut(&place.nve) {
            edge.place = place;
        } else {
            let gone = self.grace.is_none();
            let edge = Edge {
                place,
                peer: None,
                session: None,
                hello: None,
                gone,
                answered: VecDeque::new(),
                tracked: VecDeque::new(),
                timer: None,
            };
            self.edges.insert(place.nve, edge);
        }
        Ok(())
    }

    /// A datagram of the control port.
    pub fn handle_datagram(&mut self, now: Instant, from: Peer, datagram: &[u8]) {
        self.clock(now);
        match Message::decode(datagram) {
            Ok((_, Message::Hello(hello))) => self.handle_hello(from, hello),
            Ok((header, message)) => self.handle_within(from, &header, message),
            Err(error) => self.handle_malformed(&error),
        }
    }

    fn handle_malformed(&mut self, error: &DecodeError) {
        self.counters.malformed += 1;
        let Some(nve) = self.by_session.get(&error.session).copied() else { return };
        if let Some(session) = self.session_of(nve) {
            // Whatever it is, the session counts it.
            let _ = session.handle_undecodable(Instant::default(), error);
        }
        self.pump(nve);
    }

    fn handle_within(&mut self, from: Peer, header: &Header, message: Message) {
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
        let error = nvo3_nva_proto::Error { code, about, sequence: 0, offset: 0, tlv: 0 };
        let header = Header { session, sequence: 0, transaction: 0 };
        let mut bytes = Vec::new();
        let written = Message::Error(error).encode(&header, &mut bytes).is_ok();
        if written && self.answers.len() < self.config.queue as usize {
            self.answers.push_back((to, bytes));
        } else {
            self.counters.shed_answers += 1;
        }
    }

    fn handle_hello(&mut self, from: Peer, hello: Hello) {
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

    fn accept(&mut self, from: Peer, hello: Hello) {
        let nve = hello.place.nve;
        self.drop_session(nve);
        self.forget_early(nve);
        let session = self.next_session_id();
        let ack = HelloAck { session, nonce: hello.nonce, epoch: self.config.epoch, published: self.published };
        let restarted = !hello.resumed;
        let Some(edge) = self.edges.get_mut(&nve) else { return };
        edge.session = Some(Session::accept(self.config.session, self.now, &hello, ack));
        edge.peer = Some(from);
        edge.gone = false;
        edge.answered.push_back(hello.nonce);
        if edge.answered.len() > ANSWERED_HELLOS {
            edge.answered.pop_front();
        }
        edge.hello = Some(hello);
        self.by_session.insert(session, nve);
        self.tell(Event::NveUp { nve, restarted });
        self.send_unheard(nve);
        for id in self.moves.of(nve) {
            if let Some(side) = self.moves.side(id, nve) {
                self.step_if_it_fits(id, core::Input::Returned(side, restarted));
            }
        }
        self.pump(nve);
    }

    fn next_session_id(&mut self) -> SessionId {
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
        let tracked = ::core::mem::take(&mut edge.tracked);
        for (_, of) in tracked {
            if let Tracked::Update(id) = of {
                self.follows(id, nve);
            }
        }
    }

    fn session_of(&mut self, nve: NveId) -> Option<&mut Session> {
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
                        Tracked::Outcome(id, side) => self.step_if_it_fits(id, core::Input::InForce(side)),
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

    fn count_as_gone(&mut self, nve: NveId) {
        let Some(edge) = self.edges.get_mut(&nve) else { return };
        edge.gone = true;
        for id in self.moves.of(nve) {
            if let Some(side) = self.moves.side(id, nve) {
                self.step_if_it_fits(id, core::Input::Lost(side));
            }
        }
    }

    /// Whether an NVE has no session and is not expected to have one.
    pub(super) fn is_gone(&self, nve: NveId) -> bool {
        self.edges.get(&nve).is_none_or(|edge| edge.gone)
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

    fn release(&mut self) {
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

    fn touch(&mut self, nve: NveId) {
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

    /// The next record to make durable, in order. Say so with [`Input::Persisted`].
    pub fn poll_persist(&mut self) -> Option<(RecordNo, Record)> {
        self.journal.poll()
    }

    /// The next datagram to send, written into `out`, which is cleared first.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Peer> {
        self.clock(now);
        out.clear();
        if let Some((to, bytes)) = self.answers.pop_front() {
            out.extend_from_slice(&bytes);
            return Some(to);
        }
        while let Some(nve) = self.talkative.first().copied() {
            let now = self.now;
            let Some(edge) = self.edges.get_mut(&nve) else {
                self.talkative.remove(&nve);
                continue;
            };
            let peer = edge.peer;
            let sent = edge.session.as_mut().is_some_and(|session| session.poll_transmit(now, out));
            if sent && let Some(peer) = peer {
                return Some(peer);
            }
            self.touch(nve);
            self.talkative.remove(&nve);
        }
        None
    }

    /// What management should know or do.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next deadline and what it is for; "now" while something waits to be polled.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        if self.journal.waits() || !self.talkative.is_empty() || !self.answers.is_empty() || !self.events.is_empty() {
            return Some((self.now, Timer::Output));
        }
        let session = self.edge_timers.first().and_then(|(_, nve)| {
            let (at, which) = self.edges.get(nve)?.session.as_ref()?.poll_timeout()?;
            Some((at, Timer::Session(*nve, which)))
        });
        let of_move = self.moves.next_timer().map(|(at, id)| (at, Timer::Move(id)));
        let grace = self.grace.map(|at| (at, Timer::Grace));
        [session, of_move, grace].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock(now);
        let due: Vec<NveId> = self.edge_timers.iter().take_while(|(at, _)| *at <= now).map(|(_, nve)| *nve).collect();
        for nve in due {
            if let Some(session) = self.session_of(nve) {
                session.handle_timeout(now);
            }
            self.pump(nve);
        }
        if self.grace.is_some_and(|at| at <= self.now) {
            self.grace = None;
            let absent: Vec<NveId> =
                self.edges.iter().filter(|(_, edge)| edge.session.is_none()).map(|(nve, _)| *nve).collect();
            for nve in absent {
                self.count_as_gone(nve);
            }
        }
        while let Some((_, id)) = self.moves.next_timer().filter(|(at, _)| *at <= self.now) {
            self.move_timer(id);
        }
        self.release();
    }

    /// The mapping of a TSI as the directory has it.
    pub fn lookup(&self, key: &TsiKey) -> Option<Mapping> {
        let entry = self.directory.get(key)?;
        Some(Mapping { mac: key.mac, ips: entry.ips.clone(), version: entry.version, place: self.place_of(entry.nve) })
    }

    pub(super) fn place_of(&self, nve: NveId) -> Option<Place> {
        self.edges.get(&nve).map(|edge| edge.place)
    }

    /// Every mapping, in order.
    pub fn mappings(&self) -> impl Iterator<Item = (TsiKey, Mapping)> + '_ {
        self.directory.iter().filter_map(|(key, _)| Some((*key, self.lookup(key)?)))
    }

    /// Where a move stands; `None` where it is not remembered.
    pub fn move_state(&self, id: MoveId) -> Option<State> {
        self.moves.get(id).map(|of| of.state)
    }

    /// What was counted.
    pub const fn counters(&self) -> &NvaCounters {
        &self.counters
    }

    /// How many things are kept in all, for a test of bounds.
    pub fn footprint(&self) -> usize {
        let tracked: usize = self.edges.values().map(|edge| edge.tracked.len() + edge.answered.len()).sum();
        self.edges.len()
            + tracked
            + self.by_session.len()
            + self.directory.len()
            + self.moves.len()
            + self.outbox.len()
            + self.answers.len()
            + self.events.len()
            + usize::try_from(self.journal.backlog()).unwrap_or(usize::MAX)
    }

    pub(super) fn tell(&mut self, event: Event) {
        if self.events.len() < self.config.queue as usize {
            self.events.push_back(event);
        } else {
            self.counters.shed_events += 1;
        }
    }
}

/// A bijection of 64 bits that spreads every input bit (the finalizer of SplitMix64).
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
