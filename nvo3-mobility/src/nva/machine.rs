//! The machine around the directory and the move core: sessions, clocks, the journal's order, bounds and counters.

use super::config::NvaConfig;
use super::directory::Directory;
use super::io::{Error, Event, Input, NvaCounters, Peer, Timer};
use super::journal::{Journal, Record};
use super::members::MemberPushes;
use super::moves::{Moves, Standing};
use super::rules::State;
use crate::ConfigError;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
#[cfg(feature = "auth")]
use nvo3_nva_proto::auth::NvaSeals;
use nvo3_nva_proto::{
    Hello, Instant, Mapping, Message, MoveId, NveId, Place, RecordNo, Session, SessionId, Side, TsiKey,
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
    /// Since when it has no session any more, or had a start's grace and has none.
    pub(super) gone: Option<Instant>,
    /// Management says that it will not return; a session says otherwise.
    pub(super) fenced: bool,
    /// Nonces of Hellos that were answered: a late copy asks for nothing.
    pub(super) answered: VecDeque<u64>,
    pub(super) tracked: VecDeque<(u32, Tracked)>,
    pub(super) timer: Option<Instant>,
    #[cfg(feature = "auth")]
    pub(super) seals: NvaSeals,
}

pub(super) struct Waiting {
    pub(super) after: RecordNo,
    pub(super) to: NveId,
    pub(super) transaction: u32,
    pub(super) message: Message,
    pub(super) tracked: Tracked,
}

/// The authority: the directory, who is interested in it, sessions with NVEs, and moves.
///
/// Drive it like an [`Nve`](crate::nve::Nve); besides, make each record of [`Nva::poll_persist`] durable and say so with
/// [`Input::Persisted`]: what depends on a record does not leave before.
pub struct Nva {
    pub(super) config: NvaConfig,
    pub(super) seed: u64,
    pub(super) sessions_given: u64,
    pub(super) now: Instant,
    pub(super) grace: Option<Instant>,
    pub(super) edges: BTreeMap<NveId, Edge>,
    pub(super) by_session: BTreeMap<SessionId, NveId>,
    /// Edges whose session may have something to send.
    pub(super) talkative: BTreeSet<NveId>,
    pub(super) edge_timers: BTreeSet<(Instant, NveId)>,
    pub(super) directory: Directory,
    pub(super) moves: Moves,
    pub(super) member_pushes: MemberPushes,
    pub(super) journal: Journal,
    /// The newest record that changed what is published.
    pub(super) published: RecordNo,
    pub(super) outbox: VecDeque<Waiting>,
    pub(super) answers: VecDeque<(Peer, Vec<u8>)>,
    pub(super) events: VecDeque<Event>,
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
            member_pushes: MemberPushes::default(),
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
        // Nobody was there to be told; a session begins with the list.
        nva.member_pushes = MemberPushes::default();
        nva.published = last;
        Ok(nva)
    }

    /// What management and the journal tell.
    ///
    /// # Errors
    /// Why the input was not taken; then nothing changed.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<(), Error> {
        self.clock(now);
        let taken = match input {
            Input::Admit(place) => self.admit(place),
            Input::Move { id, tsis, to, kind, deadline } => self.plan(id, tsis, to, kind, deadline),
            Input::Cancel(id) => self.cancel(id),
            Input::Fenced(nve) => self.fenced(nve),
            Input::Persisted(upto) => {
                self.journal.persisted(upto);
                Ok(())
            }
        };
        self.release();
        taken
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
            let gone = self.grace.is_none().then_some(self.now);
            let edge = Edge {
                place,
                peer: None,
                session: None,
                hello: None,
                gone,
                fenced: false,
                answered: VecDeque::new(),
                tracked: VecDeque::new(),
                timer: None,
                #[cfg(feature = "auth")]
                seals: NvaSeals::default(),
            };
            self.edges.insert(place.nve, edge);
        }
        Ok(())
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
            #[cfg(feature = "auth")]
            let sent = sent && self.seal(nve, out);
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
        let members = self.member_pushes.next().map(|(at, vn)| (at, Timer::Members(vn)));
        [session, of_move, grace, members].into_iter().flatten().min_by_key(|(at, _)| *at)
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
        self.push_due_members();
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

    /// The moves in hand and the last ones that ended, in the order of their ids.
    pub fn moves(&self) -> impl Iterator<Item = Standing<'_>> + '_ {
        self.moves.iter()
    }

    /// How many TSIs the directory has.
    pub fn tsis(&self) -> usize {
        self.directory.len()
    }

    /// Whether an NVE has a session.
    pub fn is_connected(&self, nve: NveId) -> bool {
        self.edges.get(&nve).and_then(|edge| edge.session.as_ref()).is_some_and(Session::is_up)
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
            + self.directory.absent_len()
            + self.moves.len()
            + self.member_pushes.len()
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
