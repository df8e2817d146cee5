//! The machine of an NVE: the clock, the rooms, and the way of each input and effect between them.
//!
//! An input goes to its room. The room returns its wishes as values, and the machine carries them to the next room before anything
//! else happens. No room sees another one, so this folder shows what leads to what: `messages` for messages of the NVA and of
//! other NVEs, `steps` for a step of the table, `frames` for a punted frame.

mod frames;
mod health;
mod messages;
mod restart;
mod reverse;
mod say;
mod silence;
mod steps;
#[cfg(test)]
mod tests;

use super::backlog::Backlog;
use super::config::NveConfig;
use super::counters::NveCounters;
use super::io::{Error, Event, Input, Timer, Transmit};
use super::link::Link;
use super::mappings::Mappings;
use super::orders::{Orders, Row};
use super::proxy::Proxy;
use super::rules::{self, TsiState};
use super::stations::{Reattached, Stations, Unanswered};
use crate::ConfigError;
use crate::fairness::Refusals;
use crate::health::Duty;
use crate::table::{Change, TableChange, VapId};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use health::Watches;
use nvo3_nva_proto::auth::{KeyError, Keys};
use nvo3_nva_proto::{Done, Instant, Message, MoveId, Place, Seen, SessionCounters, Tsi, TsiKey, Version};
use nvo3_wire::Vni;
use silence::Silence;

/// The control plane of an NVE.
///
/// An [`Edge`](crate::edge::Edge) drives it together with a forwarder. An owner that drives it alone gives inputs in any order at any
/// time. After each input it drains every `poll_…` and answers each table change. It calls [`Nve::handle_timeout`] at the time of
/// [`Nve::poll_timeout`].
pub struct Nve {
    config: NveConfig,
    now: Instant,
    link: Link,
    stations: Stations,
    mappings: Mappings,
    proxy: Proxy,
    orders: Orders,
    backlog: Backlog,
    events: VecDeque<Event>,
    counters: NveCounters,
    hello_refusals: Refusals,
    watches: Watches,
    silence: Silence,
    /// News that wait for the forwarder.
    promised: BTreeMap<TsiKey, (Option<MoveId>, rules::News)>,
}

impl fmt::Debug for Nve {
    /// Writes the NVE's id, and the numbers of its TSIs, mappings and events; never keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nve")
            .field("place", self.place())
            .field("connected", &self.is_connected())
            .field("tsis", &self.stations.iter().count())
            .field("mappings", &self.mappings.keys().count())
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

impl Nve {
    /// Makes a control plane without ports and mappings. The nonces of its session come from `seed`: choose one that nobody can
    /// guess.
    ///
    /// # Errors
    /// The error of [`NveConfig::validate`].
    pub fn new(config: NveConfig, seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            now: Instant::default(),
            link: Link::new(&config, seed)?,
            stations: Stations::new(&config),
            mappings: Mappings::new(&config),
            proxy: Proxy::new(&config),
            orders: Orders::new(config.unapplied as usize),
            backlog: Backlog::default(),
            events: VecDeque::new(),
            counters: NveCounters::default(),
            hello_refusals: Refusals::default(),
            watches: Watches::default(),
            silence: Silence::default(),
            promised: BTreeMap::new(),
            config,
        })
    }

    /// Takes an input of the owner.
    ///
    /// # Errors
    /// The reason why the NVE did not take the input. Nothing has changed then.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<(), Error> {
        self.clock(now);
        match input {
            Input::Connect => {
                if !self.is_silent() && self.link.connect() {
                    self.pump();
                }
            }
            Input::Goodbye => {
                self.forget_silence();
                self.link.close();
            }
            Input::Attach { vap, vn, tsis, policy } => {
                let Reattached { dropped, changed } =
                    self.stations.attach(self.now, vap, vn, tsis, policy, &mut self.orders)?;
                for key in dropped {
                    self.step(key, rules::Input::Detach);
                    self.unbind(key);
                }
                for key in changed {
                    self.claim_new_addresses(key);
                }
                for key in self.stations.behind(vap).unwrap_or_default() {
                    self.recall(vap, key);
                }
            }
            Input::Learned { vap, tsis } => {
                for key in self.stations.relearn(self.now, vap, tsis, &mut self.orders) {
                    self.step(key, rules::Input::Runs);
                }
            }
            Input::Detach { vap } => return self.detach(vap),
            Input::Activate { key, move_id } => return self.activate(key, move_id),
            Input::Suspend { key, move_id, stopped_at } => return self.suspend(key, move_id, stopped_at),
            Input::Applied(number) => self.applied(number),
            Input::Refused { number } => self.refused(number),
            Input::ForwarderReset => self.order_all(),
            Input::Subscribe(vn) => return self.subscribe(vn),
            Input::Unsubscribe(vn) => {
                if self.mappings.unsubscribe(vn) {
                    self.backlog.subscribe(vn);
                }
            }
            Input::Report { move_id, report } => {
                // A report that finds no room is left out.
                self.say(&Message::Done(Done { move_id, report }));
            }
        }
        Ok(())
    }

    /// Sets the clock, which never goes back; an earlier time is counted. Before that, it looks at the owner's duties.
    fn clock(&mut self, now: Instant) {
        if self.watches.is_due(now) {
            self.look(now);
        }
        self.watch_forwarder(now);
        if now < self.now {
            self.counters.clock_backwards += 1;
        }
        self.now = self.now.max(now);
    }

    /// Subscribes to a VN. Each new session restates the subscription. The answer to the *Resync* has the mappings that exist
    /// already (ARC-16).
    fn subscribe(&mut self, vn: Vni) -> Result<(), Error> {
        if self.mappings.subscribe(vn)? {
            self.backlog.subscribe(vn);
        }
        Ok(())
    }

    /// Registers the addresses and the role of a VM that is here, if the NVA was told others.
    fn claim_new_addresses(&mut self, key: TsiKey) {
        if self.stations.take_readdressed(&key) {
            self.backlog.claim(key);
        }
    }

    fn detach(&mut self, vap: VapId) -> Result<(), Error> {
        for key in self.stations.behind(vap)? {
            if !self.step(key, rules::Input::Detach) {
                return Err(self.out_of_place(key, rules::Input::Detach));
            }
            self.unbind(key);
        }
        self.stations.remove_port(vap, &mut self.orders);
        self.proxy.forget(vap);
        Ok(())
    }

    /// A TSI leaves its port, by the owner's word.
    fn unbind(&mut self, key: TsiKey) {
        self.stations.unbind(key, &mut self.orders);
        self.stations.scan(self.now, &key);
    }

    fn activate(&mut self, key: TsiKey, move_id: Option<MoveId>) -> Result<(), Error> {
        if !self.stations.may_run(key, move_id)? {
            return Ok(());
        }
        if let Some((vap, _)) = self.stations.reach(&key) {
            self.recall(vap, key);
        }
        // The forwarder may take now what it refused before.
        for tsi in self.stations.moving_with(&key).into_iter().chain([key]) {
            self.stations.rests_on(&tsi).into_iter().for_each(|row| self.orders.order_again(row));
            let ips = self.stations.unlisted(&tsi);
            if move_id.is_some() && !ips.is_empty() {
                self.tell(Event::Unlisted { key: tsi, ips });
            }
        }
        self.step_together(key, rules::Input::Runs)
    }

    fn suspend(&mut self, key: TsiKey, move_id: MoveId, stopped_at: Option<Instant>) -> Result<(), Error> {
        let stopped_at = stopped_at.map(|at| at.min(self.now));
        if self.stations.was_taken_by(key, move_id)? {
            for effect in self.stations.note_late_stop(move_id, stopped_at, &mut self.orders) {
                self.carry_out(effect);
            }
            return Ok(());
        }
        self.step_together(key, rules::Input::Suspend(move_id))?;
        self.stations.note_stop(key, move_id, stopped_at);
        Ok(())
    }

    fn applied(&mut self, number: u64) {
        let rows = self.orders.applied(number);
        if !rows.is_empty() {
            self.watches.served(Duty::AnswerTableChanges, self.now);
            self.forwarder_answered();
        }
        for row in rows {
            self.settle(row);
        }
        self.link.acknowledge(&self.orders, &mut self.counters);
    }

    fn refused(&mut self, number: u64) {
        self.counters.refused_changes += 1;
        if let Some(row) = self.orders.refused(number) {
            self.watches.served(Duty::AnswerTableChanges, self.now);
            self.forwarder_answered();
            if self.orders.is_refused(row) {
                self.link.refuse(row, &mut self.counters);
            }
            self.settle(row);
        }
        self.link.acknowledge(&self.orders, &mut self.counters);
    }

    /// The forwarder answered a change: each TSI that waits for the last of its changes takes a step. So does a TSI whose promise
    /// rests on a change that was refused.
    fn settle(&mut self, row: Row) {
        if let Row::Tsi(key) = row {
            self.tell_promised(key);
        }
        match row {
            Row::Tsi(key) if self.stations.state(&key).state.awaits_forwarder() => self.hear_forwarder(key),
            Row::Tsi(key) if self.orders.is_refused(row) => {
                self.step_if_it_fits(key, rules::Input::Refused);
            }
            Row::Port(vap) => {
                for key in self.stations.behind(vap).unwrap_or_default() {
                    self.hear_forwarder(key);
                }
            }
            Row::Tsi(_) | Row::Members(_) => {}
        }
    }

    fn order_all(&mut self) {
        self.orders.reset();
        self.stations.mark_ports(&mut self.orders);
        self.mappings.mark_lists(&mut self.orders);
        self.stations.mark_tsis(&mut self.orders);
        self.mappings.mark_mappings(&mut self.orders);
    }

    /// The next numbered table change for the forwarder. Answer it with [`Input::Applied`] or [`Input::Refused`].
    #[must_use = "the forwarder must get the change, and it is handed out once"]
    pub fn poll_table_change(&mut self) -> Option<TableChange> {
        let (number, row) = self.orders.hand_out()?;
        self.watches.served(Duty::PollTableChanges, self.now);
        let change = match row {
            Row::Port(vap) => Change::Port { vap, port: self.stations.port(vap) },
            Row::Members(vn) => self.mappings.members(vn),
            Row::Tsi(key) => {
                let (route, version) = self.mappings.route(&key);
                self.stations.row(key, route, version)
            }
        };
        Some(TableChange { number, change })
    }

    /// Clears `out`, writes the next datagram or frame to send into it, and gives the destination.
    #[must_use = "the datagram or frame in the buffer has left the queue and must be sent"]
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        self.clock(now);
        out.clear();
        self.watches.served(Duty::PollTransmit, self.now);
        self.say_what_waits();
        if let Some(vap) = self.proxy.poll_frame(out) {
            Some(Transmit::Port(vap))
        } else if let Some(to) = self.link.poll_hint(out) {
            Some(Transmit::Nve(to))
        } else if self.link.poll_transmit(self.now, self.orders.in_force(), out) {
            Some(Transmit::Nva)
        } else {
            // The session has seen the time, so it may have ended.
            self.pump();
            self.open_again();
            None
        }
    }

    /// The next event for the owner.
    #[must_use = "the event is handed out once"]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.watches.served(Duty::PollEvents, self.now);
        self.events.pop_front()
    }

    /// The next deadline and its purpose. While an output waits to be polled, this is the current time.
    #[must_use = "the machine must be told of this time at the latest, by `handle_timeout`"]
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        if self.has_output() {
            return Some((self.now, Timer::Output));
        }
        let session = self.link.poll_timeout().map(|(at, which)| (at, Timer::Session(which)));
        let forward = self.stations.next_forward_end().map(|at| (at, Timer::Forward));
        let claims = [self.stations.next_claim_end(), self.stations.next_contest()];
        let claim = claims.into_iter().flatten().min().map(|at| (at, Timer::Claim));
        let probe = self.stations.next_unanswered().map(|at| (at, Timer::Probe));
        let aged = self.stations.next_aged().map(|at| (at, Timer::Learned));
        let scan = self.stations.next_scanned().map(|at| (at, Timer::Scan));
        let announced = self.stations.next_announced().map(|at| (at, Timer::Announcement));
        let mapping = self.next_expiry().map(|at| (at, Timer::Mapping));
        let silence = self.next_silence().map(|at| (at, Timer::Forwarder));
        let departure = self.mappings.next_departure().map(|at| (at, Timer::Departure));
        let health = self.next_stall().map(|at| (at, Timer::Health));
        let all = [session, forward, claim, probe, aged, scan, announced, mapping, departure, silence, health];
        all.into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn has_output(&self) -> bool {
        self.orders.due() > 0
            || self.can_say()
            || !self.events.is_empty()
            || self.proxy.frames() > 0
            || self.link.hints() > 0
    }

    /// The time at which the lifetime of the next mapping ends. Without a session no mapping ends: the NVE cannot ask for a newer one.
    fn next_expiry(&self) -> Option<Instant> {
        self.mappings.next_expiry().filter(|_| self.link.is_up())
    }

    /// Handles every deadline that has passed at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.watches.served(Duty::HandleTimeout, now);
        self.look(now);
        self.clock(now);
        self.link.handle_timeout(self.now);
        self.pump();
        while let Some((key, input)) = self.stations.pop_claim_end(self.now) {
            self.step_if_it_fits(key, input);
            self.claim_new_addresses(key);
        }
        while let Some(key) = self.stations.pop_contest(self.now) {
            self.claim_new_addresses(key);
        }
        while let Some(unanswered) = self.stations.pop_unanswered(self.now) {
            match unanswered {
                Unanswered::Again(key) => self.probe(key),
                Unanswered::Silent(key) => {
                    self.step_if_it_fits(key, rules::Input::Silent);
                }
            }
        }
        self.age_learned();
        self.go_on_with_scan();
        self.announce_due();
        while let Some((key, input)) = self.stations.pop_forward_end(self.now) {
            self.step(key, input);
        }
        self.mappings.forget_departed(self.now, &mut self.orders);
        if self.link.is_up() {
            self.mappings.expire(self.now, &mut self.orders);
        }
    }

    /// Replaces the keys, and seals every message from now on. [`Keys`] says how to change a key without a gap.
    ///
    /// # Errors
    /// The reason why this NVE cannot use the keys. Nothing has changed then.
    pub fn set_keys(&mut self, keys: Keys) -> Result<(), KeyError> {
        self.link.set_keys(keys)
    }

    /// The state and the floor of a TSI at this NVE.
    pub fn state(&self, key: &TsiKey) -> TsiState {
        self.stations.state(key)
    }

    /// The port that a TSI is bound to.
    pub fn port_of(&self, key: &TsiKey) -> Option<VapId> {
        self.stations.reach(key).map(|(vap, _)| vap)
    }

    /// The TSIs behind a port: those that are bound to it, those that it has learned, and the shared addresses that it has now.
    pub fn behind(&self, vap: VapId) -> Vec<TsiKey> {
        self.stations.behind(vap).unwrap_or_default()
    }

    /// What each port has learned, for the owner's store: a TSI with its learned addresses. [`Input::Learned`] gives it to a restarted NVE.
    pub fn learned(&self) -> impl Iterator<Item = (VapId, Tsi)> + '_ {
        self.stations.learned()
    }

    /// The TSIs that are, were or will be here, with their states and floors.
    pub fn tsis(&self) -> impl Iterator<Item = (TsiKey, TsiState)> + '_ {
        self.stations.iter()
    }

    /// The version and the place of the cached mapping of a TSI; the place is `None` if the NVA says that the TSI is nowhere.
    pub fn mapping(&self, key: &TsiKey) -> Option<(Version, Option<Place>)> {
        self.mappings.get(key)
    }

    /// The TSIs with a cached mapping.
    pub fn mappings(&self) -> impl Iterator<Item = TsiKey> + '_ {
        self.mappings.keys().copied()
    }

    /// The id and the locators of this NVE.
    pub const fn place(&self) -> &Place {
        &self.config.place
    }

    /// The newest epoch and record that the NVA has shown this NVE, with the NVA's proof. It changes when a session begins. An owner that
    /// keeps it gives it to the next process by [`NveConfig::seen`](crate::nve::NveConfig::seen).
    pub const fn seen(&self) -> Option<Seen> {
        self.link.seen()
    }

    /// True while the session with the NVA is up.
    pub fn is_connected(&self) -> bool {
        self.link.is_up()
    }

    /// The counters.
    pub const fn counters(&self) -> &NveCounters {
        &self.counters
    }

    /// The counters of the session with the NVA, also after it ended; `None` before [`Input::Connect`]. A session that follows a
    /// *Goodbye* counts from 0.
    pub fn session_counters(&self) -> Option<&SessionCounters> {
        self.link.session_counters()
    }

    /// The number of all things that the machine keeps, for a test of bounds.
    pub fn footprint(&self) -> usize {
        let rooms = self.link.footprint() + self.stations.footprint() + self.mappings.footprint();
        let waiting = self.backlog.len() + self.events.len() + self.promised.len();
        rooms + self.proxy.footprint() + self.orders.len() + waiting
    }
}
