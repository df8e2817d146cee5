//! The machine of the NVA: the clock, and the way of each input and each effect from room to room.
//!
//! It has the rooms and decides nothing. An input goes to its room. The machine carries the room's answer to the next room at once,
//! before it looks at anything else, so that versions stay in order (R-03).

mod health;
mod hear;
mod memory;
mod moves;
mod offences;
mod places;
mod registrations;
mod rests;
#[cfg(test)]
mod tests;

use super::book::{Book, Effects, Journal, Record};
use super::conduct::{Conduct, Strays, Wanted};
use super::config::NvaConfig;
use super::events::Events;
use super::facts::Facts;
use super::io::{Error, Event, Input, NvaCounters, Peer, Standing, Timer};
use super::peers::{Greeting, Letter, Peers, Receipt};
use super::policy::Offenders;
use super::publish::Publish;
use super::registrar::Registrar;
use super::rules::State;
use super::undurable::Undurable;
use crate::ConfigError;
use crate::Transport;
use crate::health::Duty;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use health::Watches;
use nvo3_nva_proto::auth::Keys;
use nvo3_nva_proto::{Instant, Mapping, MoveId, NveId, Place, Query, RecordNo, SessionCounters, TsiKey, Version};

/// The NVA: the directory, the NVEs' interest in it, sessions with NVEs, and moves.
///
/// Drain every `poll_…` after each input, and at the time of [`Nva::poll_timeout`]. Make each record of [`Nva::poll_persist`] durable
/// and then give [`Input::Persisted`]: a message that depends on a record does not leave before.
///
/// ```
/// use nvo3_mobility::Transport;
/// use nvo3_mobility::nva::{Input, Nva, NvaConfig, Peer};
/// use nvo3_nva_proto::{Instant, Locators, NveId, Place};
///
/// /// Carries out the wishes of the NVA; gives its next deadline.
/// fn carry_out(now: Instant, nva: &mut Nva, send: &mut impl FnMut(Peer, &[u8])) -> Option<Instant> {
///     let mut buffer = Vec::new();
///     loop {
///         if nva.poll_timeout().is_some_and(|(at, _)| at <= now) {
///             nva.handle_timeout(now);
///         }
///         while let Some((at, record)) = nva.poll_persist() {
///             println!("record {}: {record:?}", at.generation); // many at once, then say the last
///             let _ = nva.handle(now, Input::Persisted(at)); // always taken
///         }
///         while let Some(to) = nva.poll_transmit(now, &mut buffer) {
///             send(to, &buffer);
///         }
///         while let Some(event) = nva.poll_event() {
///             println!("{event}");
///         }
///         match nva.poll_timeout() {
///             Some((at, _)) if at <= now => {}
///             until => return until.map(|(at, _)| at),
///         }
///     }
/// }
///
/// let mut nva = Nva::new(NvaConfig::new(Transport::Trusted), 0x5eed, Instant(0))?;
/// let locators = Locators::V4([198, 51, 100, 1].into());
/// nva.handle(Instant(0), Input::Admit(Place { nve: NveId(1), locators }))?;
/// let until = carry_out(Instant(0), &mut nva, &mut |to, datagram| println!("{} bytes to {to}", datagram.len()));
/// assert!(until > Some(Instant(0)));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Nva {
    facts: Facts,
    journal: Journal,
    undurable: Undurable,
    peers: Peers,
    registrar: Registrar,
    conduct: Conduct,
    strays: Strays,
    publish: Publish,
    offenders: Offenders,
    events: Events,
    /// Queries whose answer is not sure before the NVEs have restated.
    unsure: VecDeque<(NveId, u32, Query)>,
    /// Datagrams that came before the record of the epoch was durable.
    early: VecDeque<(Peer, Vec<u8>)>,
    counters: NvaCounters,
    watches: Watches,
}

impl fmt::Debug for Nva {
    /// The book in short, and how many sessions, records and events there are; never keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nva")
            .field("book", self.book())
            .field("sessions", &self.peers.sessions())
            .field("records_not_durable", &self.journal.backlog())
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

impl Nva {
    /// Makes an NVA with an empty directory. Its session ids come from `seed`: choose one that nobody can guess.
    ///
    /// # Errors
    /// The error of [`NvaConfig::validate`].
    pub fn new(config: NvaConfig, seed: u64, now: Instant) -> Result<Self, ConfigError> {
        Self::replay(config, seed, now, [])
    }

    /// Makes an NVA that continues after the one that made these records. Give all records, in order.
    ///
    /// # Errors
    /// The error of [`NvaConfig::validate`].
    pub fn replay(
        config: NvaConfig,
        seed: u64,
        now: Instant,
        records: impl IntoIterator<Item = (Version, Record)>,
    ) -> Result<Self, ConfigError> {
        let mut book = Book::new(config.ended_moves, config.tombstones);
        for (at, record) in records {
            book.apply(at, &record);
        }
        Self::from_book(config, seed, now, book)
    }

    /// Makes an NVA that continues with a book, for instance the book of a stand-by. The numbers of remembered moves and TSIs are those
    /// of the book. The first record of the NVA begins a higher epoch than the book has.
    ///
    /// # Errors
    /// The error of [`NvaConfig::validate`].
    pub fn from_book(mut config: NvaConfig, seed: u64, now: Instant, book: Book) -> Result<Self, ConfigError> {
        config.validate()?;
        // Only the peers open and seal: the keys stay in one place.
        let transport = core::mem::replace(&mut config.transport, Transport::Trusted);
        let trusted = matches!(transport, Transport::Trusted);
        let epoch = config.epoch.max(book.epoch().saturating_add(1));
        let (journal, peers) = (Journal::after(book.last()), Peers::new(&config, transport, seed, now));
        let (conduct, publish) = (Conduct::resume(now, &book), Publish::after(book.last()));
        let events = Events::new(config.queue as usize);
        let facts = Facts::new(now, config, book, trusted);
        let mut nva = Self {
            journal,
            undurable: Undurable::default(),
            peers,
            registrar: Registrar::resume(&facts),
            conduct,
            strays: Strays::default(),
            publish,
            offenders: Offenders::default(),
            events,
            unsure: VecDeque::new(),
            early: VecDeque::new(),
            counters: NvaCounters::default(),
            watches: Watches::default(),
            facts,
        };
        nva.record_in(epoch, Record::Epoch);
        Ok(nva)
    }

    /// Replaces the keys, and seals every message from now on. [`Keys`] says how to change a key without a gap. A message under a
    /// removed key is not believed any more.
    pub fn set_keys(&mut self, keys: Keys) {
        self.peers.set_keys(keys);
    }

    /// Takes an input of management or of the journal.
    ///
    /// # Errors
    /// The reason why the NVA did not take the input. Nothing has changed then.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<(), Error> {
        self.set_time(now);
        let taken = match input {
            Input::Admit(place) => self.admit(place),
            Input::Move { id, tsis, to, kind, deadline } => self.plan(Wanted { id, tsis, to, kind, deadline }),
            Input::Cancel(id) => self.cancel(id),
            Input::Fenced(nve) => self.fence(nve),
            Input::Forget(key) => self.forget(key),
            Input::Release(key) => self.release_frozen(key),
            Input::Persisted(upto) => {
                if self.journal.persisted(RecordNo(upto.generation)) {
                    self.undurable.persisted(self.journal.durable());
                    self.served(Duty::SayPersisted);
                }
                while self.journal.durable() >= self.facts.book().epoch_began()
                    && let Some((from, datagram)) = self.early.pop_front()
                {
                    self.hear(from, &datagram);
                }
                Ok(())
            }
        };
        self.release();
        self.watch_owner();
        taken
    }

    fn set_time(&mut self, now: Instant) {
        if !self.facts.read_clock(now) {
            self.counters.clock_backwards += 1;
        }
    }

    /// Takes a datagram of the control port, from an NVE at this address.
    pub fn handle_datagram(&mut self, now: Instant, from: Peer, datagram: &[u8]) {
        self.set_time(now);
        if self.journal.durable() < self.facts.book().epoch_began() {
            // No NVE hears of an epoch that a crash could take back.
            if self.early.len() < self.facts.config().queue as usize {
                self.early.push_back((from, datagram.into()));
            } else {
                self.counters.shed_early += 1;
            }
            return;
        }
        self.hear(from, datagram);
        self.watch_owner();
    }

    fn hear(&mut self, from: Peer, datagram: &[u8]) {
        let published = self.publish.published().min(self.journal.durable());
        let greeting = Greeting { facts: &self.facts, published };
        let heard = self.peers.hear(self.facts.now(), greeting, from, datagram, &mut self.counters);
        if let Some((to, count)) = self.peers.take_offender() {
            self.tell(Event::Limited { to, count });
        }
        self.heard(heard);
    }

    /// The next record to make durable, in order. Answer it with [`Input::Persisted`] once it is durable.
    #[must_use = "answers wait until the record is durable, and it is handed out once"]
    pub fn poll_persist(&mut self) -> Option<(Version, Record)> {
        let record = self.journal.poll()?;
        self.served(Duty::PollRecords);
        self.note(Duty::SayPersisted);
        Some(record)
    }

    /// Clears `out`, writes the next datagram to send into it, and gives the destination.
    #[must_use = "the datagram in the buffer has left the queue and must be sent"]
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Peer> {
        self.set_time(now);
        out.clear();
        let to = self.peers.poll_transmit(self.facts.now(), out);
        self.served(Duty::PollTransmit);
        to
    }

    /// The next event for management.
    #[must_use = "the event is handed out once"]
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.poll()?;
        self.served(Duty::PollEvents);
        Some(event)
    }

    /// The next deadline and its purpose. While an output waits to be polled, this is the current time.
    #[must_use = "the machine must be told of this time at the latest, by `handle_timeout`"]
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        if self.journal.waits() || self.peers.outputs() > 0 || self.events.ready() > 0 {
            return Some((self.facts.clock().reading(self.facts.now()), Timer::Output));
        }
        let session = self.peers.next_timer().map(|(at, nve, which)| (at, Timer::Session(nve, which)));
        let deadline = self.conduct.next_timer().map(|(at, id)| (at, Timer::Move(id)));
        let grace = self.peers.grace().map(|at| (at, Timer::Grace));
        let members = self.publish.next_timer().map(|(at, vn)| (at, Timer::Members(vn)));
        let done = self.publish.next_done().map(|(at, id)| (at, Timer::Done(id)));
        let health = self.watches.deadline().map(|at| (at, Timer::Health));
        let registrations = self.registrar.next_timer().map(|at| (at, Timer::Registrations));
        let all = [session, deadline, grace, registrations, members, done, health];
        let (at, which) = all.into_iter().flatten().min_by_key(|(at, _)| *at)?;
        Some((self.facts.clock().reading(at), which))
    }

    /// Handles every deadline that has passed at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.set_time(now);
        for nve in self.peers.due(self.facts.now()) {
            self.peers.handle_timeout(self.facts.now(), nve);
            self.pump(nve);
        }
        if self.peers.grace().is_some_and(|at| at <= self.facts.now()) {
            for nve in self.peers.end_grace(self.facts.now()) {
                self.count_as_gone(nve);
            }
            self.settle_all();
        }
        self.end_registrations();
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

    /// Makes a record: changes the book, and tells the rooms how it changed.
    fn record(&mut self, record: Record) -> Version {
        self.record_in(self.facts.book().epoch(), record)
    }

    fn record_in(&mut self, epoch: u32, record: Record) -> Version {
        let number = self.journal.next();
        let at = Version { epoch, generation: number.0 };
        self.undurable.note(number, &record, self.facts.book());
        let effects = self.facts.apply(at, &record);
        self.journal.append(epoch, record);
        match effects {
            Effects::Nothing => {}
            Effects::Registered(key) => {
                self.note_present(&[key]);
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
                let tsis = self.facts.book().plan(id).map(|plan| plan.tsis.clone()).unwrap_or_default();
                self.note_present(&tsis);
                if id.is_reserved() {
                    self.registrar.note_unplanned(&self.facts, &tsis);
                }
                let planned_at = self.conduct.planned_at(id).unwrap_or(self.facts.now());
                let updates = self.publish.committed(&self.facts, number, id, planned_at);
                self.send_all(updates);
            }
            Effects::Aborted(id) => {
                self.note_present(&self.facts.book().plan(id).map(|plan| plan.tsis.clone()).unwrap_or_default());
                self.publish.aborted(&self.facts, id);
            }
            Effects::Closed { id, result, forgotten } => self.closed(id, result, forgotten.as_ref()),
            Effects::Epoch | Effects::Fenced(_) | Effects::Returned(_) => {}
            Effects::Rewound => self.conduct.suspect_inherited(|_| false),
            Effects::Frozen(key) => self.registrar.freeze(&self.facts, key),
            Effects::Released(key) => self.registrar.forget(&key),
        }
        at
    }

    /// The book has these TSIs at their NVEs by a new record: their NVEs do not omit them when they restate.
    fn note_present(&mut self, keys: &[TsiKey]) {
        for key in keys {
            if let Some(nve) = self.facts.book().get(key).map(|registration| registration.nve()) {
                self.registrar.restated_mut().claim(nve, *key);
            }
        }
    }

    /// True while the limit of records that are not durable is reached (`NvaConfig.unpersisted`): no more are made.
    fn is_full(&self) -> bool {
        self.journal.backlog() >= u64::from(self.facts.config().unpersisted)
    }

    /// Sends a letter. It leaves once the record that it rests on is durable.
    fn send(&mut self, letter: Letter) {
        self.counters.updates += letter.mappings() as u64;
        let (after, durable) = (self.rests_on(letter.message()), self.journal.durable());
        self.peers.send(after, durable, letter, &mut self.counters);
    }

    fn send_all(&mut self, letters: impl IntoIterator<Item = Letter>) {
        for letter in letters {
            self.send(letter);
        }
    }

    /// Sends an NVE the next parts of its lists, as many as it keeps up with.
    fn feed(&mut self, nve: NveId) {
        while self.peers.takes_lists(nve) {
            let letters = self.publish.feed(&self.facts, nve, self.is_unsure());
            if letters.is_empty() {
                return;
            }
            self.send_all(letters);
        }
    }

    /// Lets the letters, acknowledgements and events out whose records are durable now.
    fn release(&mut self) {
        while let Some(nve) = self.publish.pop_woken() {
            self.feed(nve);
        }
        while let Some((nve, quota, times)) = self.publish.pop_over_quota() {
            self.over_quota(nve, quota, times);
        }
        self.events.release(self.journal.durable());
        while let Some((nve, receipt)) = self.peers.release(self.journal.durable(), &mut self.counters) {
            self.lost(nve, receipt);
        }
    }

    /// A receipt cannot come any more: the NVA does not wait for an NVE that is gone.
    fn lost(&mut self, nve: NveId, receipt: Receipt) {
        if let Receipt::Update(id) = receipt {
            self.follows(id, nve);
        }
    }

    /// The mapping of a TSI in the directory.
    pub fn lookup(&self, key: &TsiKey) -> Option<Mapping> {
        self.facts.mapping(key)
    }

    /// Every mapping of the directory, in the order of the TSIs.
    pub fn mappings(&self) -> impl Iterator<Item = (TsiKey, Mapping)> + '_ {
        self.facts.book().iter().filter_map(|(key, _)| Some((*key, self.lookup(key)?)))
    }

    /// The state of a move; `None` if the NVA does not remember the move.
    pub fn move_state(&self, id: MoveId) -> Option<State> {
        self.conduct.state(self.facts.book(), id)
    }

    /// The moves in hand and the last moves that ended (`NvaConfig.ended_moves`), in the order of their ids.
    pub fn moves(&self) -> impl Iterator<Item = Standing<'_>> + '_ {
        self.facts.book().moves().filter_map(|this_move| {
            let (plan, version) = (this_move.plan(), this_move.version());
            let state = self.move_state(plan.id)?;
            let (id, kind, tsis, old, new) = (plan.id, plan.kind, plan.tsis.as_slice(), plan.old, plan.new);
            Some(Standing { id, state, kind, tsis, old, new, version })
        })
    }

    /// The book: the directory and the moves, folded from the records.
    pub const fn book(&self) -> &Book {
        self.facts.book()
    }

    /// The number of TSIs in the directory.
    pub fn tsi_count(&self) -> usize {
        self.facts.book().tsi_count()
    }

    /// The place of an NVE, as management admitted it or as its *Hello* said; `None` if it is not admitted.
    pub fn place(&self, nve: NveId) -> Option<Place> {
        self.facts.place(nve)
    }

    /// The number of TSIs that the directory has at an NVE.
    pub fn tsis_at(&self, nve: NveId) -> usize {
        self.facts.book().share(nve).tsis
    }

    /// True while the NVE has a session.
    pub fn is_connected(&self, nve: NveId) -> bool {
        self.peers.is_up(nve)
    }

    /// The address that an NVE was heard from last, in its session of now or before; `None` if it had no session yet.
    pub fn heard_from(&self, nve: NveId) -> Option<Peer> {
        self.peers.heard_from(nve)
    }

    /// The counters.
    pub const fn counters(&self) -> &NvaCounters {
        &self.counters
    }

    /// The counters of an NVE's session; `None` without a session.
    pub fn session_counters(&self, nve: NveId) -> Option<&SessionCounters> {
        self.peers.session_counters(nve)
    }

    /// The number of all things that the machine keeps, for a test of bounds.
    pub fn footprint(&self) -> usize {
        self.facts.book().tsi_count()
            + self.facts.book().moves().len()
            + self.peers.footprint()
            + self.publish.footprint()
            + self.registrar.footprint()
            + self.strays.len()
            + self.offenders.len()
            + self.events.len()
            + self.early.len()
            + self.unsure.len()
            + self.undurable.footprint()
            + usize::try_from(self.journal.backlog()).unwrap_or(usize::MAX)
    }
}
