//! The machine: the clock, and the way of each input and each effect from room to room.
//!
//! It holds the rooms and decides nothing. An input goes to its room. What the room answers goes to the next room at once, before
//! anything else is looked at. (R-03.)

mod health;
mod hear;
mod moves;

use super::book::{Book, Effects, Journal, Record};
use super::conduct::Conduct;
use super::config::NvaConfig;
use super::facts::Facts;
use super::io::{Error, Event, Input, NvaCounters, Peer, Standing, Timer};
use super::peers::{Letter, Peers, Receipt};
use super::publish::Publish;
use super::registrar::Registrar;
use super::rules::State;
use crate::ConfigError;
use crate::health::Duty;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use health::Watches;
use nvo3_nva_proto::auth::Keys;
use nvo3_nva_proto::{HelloAck, Instant, Mapping, MoveId, NveId, Place, RecordNo, SessionId, TsiKey};

/// The authority: the directory, who is interested in it, sessions with NVEs, and moves.
///
/// After each input, and at the time of [`Nva::poll_timeout`], drain every `poll_…`. Make each record of [`Nva::poll_persist`] durable
/// and say so with [`Input::Persisted`]: what depends on a record does not leave before.
///
/// ```
/// use nvo3_mobility::nva::{Input, Nva, NvaConfig, Peer};
/// use nvo3_nva_proto::{Instant, Locators, NveId, Place};
///
/// /// Carries out what the authority wants; gives the time until when nothing is due.
/// fn carry_out(now: Instant, nva: &mut Nva, send: &mut impl FnMut(Peer, &[u8])) -> Option<Instant> {
///     let mut buffer = Vec::new();
///     loop {
///         if nva.poll_timeout().is_some_and(|(at, _)| at <= now) {
///             nva.handle_timeout(now);
///         }
///         while let Some((number, record)) = nva.poll_persist() {
///             println!("{number:?} {record:?} goes to the disk"); // many at once, then say the last
///             let _ = nva.handle(now, Input::Persisted(number)); // always taken
///         }
///         while let Some(to) = nva.poll_transmit(now, &mut buffer) {
///             send(to, &buffer);
///         }
///         while let Some(event) = nva.poll_event() {
///             println!("{event:?}");
///         }
///         match nva.poll_timeout() {
///             Some((at, _)) if at <= now => {}
///             until => return until.map(|(at, _)| at),
///         }
///     }
/// }
///
/// let mut nva = Nva::new(NvaConfig::default(), 0x5eed, Instant(0))?;
/// let locators = Locators::V4([198, 51, 100, 1].into());
/// nva.handle(Instant(0), Input::Admit(Place { nve: NveId(1), locators }))?;
/// let until = carry_out(Instant(0), &mut nva, &mut |to, datagram| println!("{} bytes to {to}", datagram.len()));
/// assert!(until > Some(Instant(0)));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Nva {
    facts: Facts,
    journal: Journal,
    peers: Peers,
    registrar: Registrar,
    conduct: Conduct,
    publish: Publish,
    events: VecDeque<Event>,
    counters: NvaCounters,
    watches: Watches,
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
        let mut book = Book::new(config.epoch, config.ended_moves);
        for (number, record) in records {
            book.apply(number, &record);
        }
        Self::from_book(config, seed, now, book)
    }

    /// An authority that goes on from a book, for instance that of a stand-by. Epoch and remembered moves are the book's.
    ///
    /// # Errors
    /// See [`NvaConfig::validate`].
    pub fn from_book(mut config: NvaConfig, seed: u64, now: Instant, book: Book) -> Result<Self, ConfigError> {
        config.validate()?;
        // The keys are in one place.
        let transport = core::mem::take(&mut config.transport);
        Ok(Self {
            journal: Journal::after(book.last()),
            peers: Peers::new(&config, transport, seed, now),
            registrar: Registrar::default(),
            conduct: Conduct::resume(now, &book),
            publish: Publish::after(book.last()),
            events: VecDeque::new(),
            counters: NvaCounters::default(),
            watches: Watches::default(),
            facts: Facts::new(now, config, book),
        })
    }

    /// Another ring of keys from now on, sealed from now on: a key is changed without a gap as [`Keys`] says. What is under a key
    /// that is in it no more is not believed any more.
    pub fn set_keys(&mut self, keys: Keys) {
        self.peers.set_keys(keys);
    }

    /// What management and the journal tell.
    ///
    /// # Errors
    /// Why the input was not taken; then nothing changed.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<(), Error> {
        self.set_time(now);
        let taken = match input {
            Input::Admit(place) => self.admit(place),
            Input::Move { id, tsis, to, kind, deadline } => self.plan(id, tsis, to, kind, deadline),
            Input::Cancel(id) => self.cancel(id),
            Input::Fenced(nve) => self.fence(nve),
            Input::Persisted(upto) => {
                if self.journal.persisted(upto) {
                    self.served(Duty::SayPersisted);
                }
                Ok(())
            }
        };
        self.release();
        self.watch_owner();
        taken
    }

    fn set_time(&mut self, now: Instant) {
        if !self.facts.set_time(now) {
            self.counters.clock_backwards += 1;
        }
    }

    fn admit(&mut self, place: Place) -> Result<(), Error> {
        if !self.peers.admit(self.facts.now(), place.nve, self.facts.config().nves as usize) {
            return Err(Error::Full("NvaConfig.nves"));
        }
        self.facts.set_place(place);
        Ok(())
    }

    /// A datagram of the control port.
    pub fn handle_datagram(&mut self, now: Instant, from: Peer, datagram: &[u8]) {
        self.set_time(now);
        let (epoch, published) = (self.facts.book().epoch(), self.publish.published());
        let greeting = HelloAck { session: SessionId(0), nonce: 0, epoch, published };
        let heard = self.peers.hear(self.facts.now(), greeting, from, datagram, &mut self.counters);
        self.heard(heard);
        self.watch_owner();
    }

    /// The next record to make durable, in order. Say so with [`Input::Persisted`].
    pub fn poll_persist(&mut self) -> Option<(RecordNo, Record)> {
        let record = self.journal.poll()?;
        self.served(Duty::PollRecords);
        self.note(Duty::SayPersisted);
        Some(record)
    }

    /// The next datagram to send, written into `out`, which is cleared first.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Peer> {
        self.set_time(now);
        out.clear();
        let to = self.peers.poll_transmit(self.facts.now(), out);
        self.served(Duty::PollTransmit);
        to
    }

    /// What management should know or do.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.served(Duty::PollEvents);
        Some(event)
    }

    /// The next deadline and what it is for; "now" while something waits to be polled.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        if self.journal.waits() || self.peers.outputs() > 0 || !self.events.is_empty() {
            return Some((self.facts.now(), Timer::Output));
        }
        let session = self.peers.next_timer().map(|(at, nve, which)| (at, Timer::Session(nve, which)));
        let deadline = self.conduct.next_timer().map(|(at, id)| (at, Timer::Move(id)));
        let grace = self.peers.grace().map(|at| (at, Timer::Grace));
        let members = self.publish.next_timer().map(|(at, vn)| (at, Timer::Members(vn)));
        let done = self.publish.next_done().map(|(at, id)| (at, Timer::Done(id)));
        let health = self.watches.deadline().map(|at| (at, Timer::Health));
        [session, deadline, grace, members, done, health].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.set_time(now);
        for nve in self.peers.due(now) {
            self.peers.handle_timeout(now, nve);
            self.pump(nve);
        }
        for nve in self.peers.end_grace(self.facts.now()) {
            self.count_as_gone(nve);
        }
        while let Some((_, id)) = self.conduct.next_timer().filter(|(at, _)| *at <= self.facts.now()) {
            self.move_timer(id);
        }
        let lists = self.publish.push_due_lists(&self.facts);
        self.send_all(lists);
        while let Some((_, id)) = self.publish.next_done().filter(|(at, _)| *at <= self.facts.now()) {
            self.send_if_done(id);
        }
        self.release();
        self.served(Duty::HandleTimeout);
        self.watch_owner();
    }

    /// Makes a record: the book changes, and the rooms hear how.
    fn record(&mut self, record: Record) -> RecordNo {
        let number = self.journal.next();
        let effects = self.facts.apply(number, &record);
        self.journal.append(record);
        match effects {
            Effects::Nothing => {}
            Effects::Registered(key) => {
                let updates = self.publish.registered(&self.facts, number, key);
                self.send_all(updates);
            }
            Effects::Withdrawn(key, was) => {
                self.registrar.forget(&key);
                let updates = self.publish.withdrawn(&self.facts, number, key, &was);
                self.send_all(updates);
            }
            Effects::Planned(id) => {
                self.conduct.enter(&self.facts, id);
                let lists = self.publish.planned(&self.facts, id);
                self.send_all(lists);
            }
            Effects::Committed(id) => {
                let planned_at = self.conduct.planned_at(id).unwrap_or(self.facts.now());
                let updates = self.publish.committed(&self.facts, number, id, planned_at);
                self.send_all(updates);
            }
            Effects::Aborted(id) => self.publish.aborted(&self.facts, id),
            Effects::Closed { id, result, forgotten } => self.closed(id, result, forgotten.as_ref()),
        }
        number
    }

    /// Whether so many records wait for the owner that no more are made.
    fn is_full(&self) -> bool {
        self.journal.backlog() >= u64::from(self.facts.config().unpersisted)
    }

    /// Lets a letter leave once every record made until now is durable.
    fn send(&mut self, letter: Letter) {
        self.counters.updates += letter.mappings() as u64;
        self.peers.send(self.journal.last(), letter, &mut self.counters);
    }

    fn send_all(&mut self, letters: impl IntoIterator<Item = Letter>) {
        for letter in letters {
            self.send(letter);
        }
    }

    /// Lets go what waited for records that are durable now.
    fn release(&mut self) {
        while let Some((nve, receipt)) = self.peers.release(self.journal.durable(), &mut self.counters) {
            self.lost(nve, receipt);
        }
    }

    /// A receipt can come no more: who is gone is not waited for.
    fn lost(&mut self, nve: NveId, receipt: Receipt) {
        if let Receipt::Update(id) = receipt {
            self.follows(id, nve);
        }
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < self.facts.config().queue as usize {
            self.events.push_back(event);
        } else {
            self.counters.shed_events += 1;
        }
    }

    /// The mapping of a TSI as the directory has it.
    pub fn lookup(&self, key: &TsiKey) -> Option<Mapping> {
        self.facts.mapping(key)
    }

    /// Every mapping, in order.
    pub fn mappings(&self) -> impl Iterator<Item = (TsiKey, Mapping)> + '_ {
        self.facts.book().iter().filter_map(|(key, _)| Some((*key, self.lookup(key)?)))
    }

    /// Where a move stands; `None` where it is not remembered.
    pub fn move_state(&self, id: MoveId) -> Option<State> {
        self.conduct.state(self.facts.book(), id)
    }

    /// The moves in hand and the last ones that ended, in the order of their ids.
    pub fn moves(&self) -> impl Iterator<Item = Standing<'_>> + '_ {
        self.facts.book().moves().filter_map(|this_move| {
            let (plan, version) = (this_move.plan(), this_move.version());
            let state = self.move_state(plan.id)?;
            let (id, kind, tsis, old, new) = (plan.id, plan.kind, plan.tsis.as_slice(), plan.old, plan.new);
            Some(Standing { id, state, kind, tsis, old, new, version })
        })
    }

    /// The directory and the moves, as the records say.
    pub const fn book(&self) -> &Book {
        self.facts.book()
    }

    /// How many TSIs the directory has.
    pub fn tsis(&self) -> usize {
        self.facts.book().tsis()
    }

    /// Whether an NVE has a session.
    pub fn is_connected(&self, nve: NveId) -> bool {
        self.peers.is_up(nve)
    }

    /// The address that an NVE was heard from last, in its session of now or before; `None` if it had no session yet.
    pub fn heard_from(&self, nve: NveId) -> Option<Peer> {
        self.peers.heard_from(nve)
    }

    /// What was counted.
    pub const fn counters(&self) -> &NvaCounters {
        &self.counters
    }

    /// How many things are kept in all, for a test of bounds.
    pub fn footprint(&self) -> usize {
        self.facts.book().tsis()
            + self.facts.book().moves().len()
            + self.peers.footprint()
            + self.publish.footprint()
            + self.events.len()
            + usize::try_from(self.journal.backlog()).unwrap_or(usize::MAX)
    }
}
