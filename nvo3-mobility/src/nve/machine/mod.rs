//! The machine: the clock, the rooms, and the way of each input and effect between them.
//!
//! An input goes to its room. What the room wants done comes back as a value and goes to the next room, before anything else
//! happens. No room sees another one, so this is where one reads what leads to what: `messages` what comes from the NVA and from
//! other edges, `steps` what comes of a step of the table, `frames` what comes of a punted frame.

mod frames;
mod health;
mod messages;
mod steps;

use super::config::NveConfig;
use super::counters::NveCounters;
use super::io::{Error, Event, Input, Timer, Transmit};
use super::link::Link;
use super::mappings::Mappings;
use super::orders::{Orders, Row};
use super::proxy::Proxy;
use super::rules::{self, TsiState};
use super::stations::Stations;
use crate::ConfigError;
use crate::health::Duty;
use crate::table::{Change, TableChange, VapId};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use health::Watches;
use nvo3_nva_proto::auth::{KeyError, Keys};
use nvo3_nva_proto::{Done, Instant, Message, MoveId, Place, RecordNo, Resync, TsiKey, Version};
use nvo3_wire::Vni;

/// An edge's control plane.
///
/// An [`Edge`](crate::edge::Edge) drives it together with a forwarder. By itself: inputs in any order at any time, then drain every
/// `poll_…`, answer each table change, and call [`Nve::handle_timeout`] at the time of [`Nve::poll_timeout`].
pub struct Nve {
    config: NveConfig,
    now: Instant,
    link: Link,
    stations: Stations,
    mappings: Mappings,
    proxy: Proxy,
    orders: Orders,
    events: VecDeque<Event>,
    counters: NveCounters,
    watches: Watches,
}

impl fmt::Debug for Nve {
    /// Who it is, and how many TSIs, mappings and events it has; never keys.
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
    /// An edge that knows nothing. `seed` makes its session's nonces, which nobody outside should be able to guess.
    ///
    /// # Errors
    /// See [`NveConfig::validate`].
    pub fn new(config: NveConfig, seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            now: Instant::default(),
            link: Link::new(&config, seed)?,
            stations: Stations::new(&config),
            mappings: Mappings::new(&config),
            proxy: Proxy::new(&config),
            orders: Orders::new(config.unapplied as usize),
            events: VecDeque::new(),
            counters: NveCounters::default(),
            watches: Watches::default(),
            config,
        })
    }

    /// What the owner tells.
    ///
    /// # Errors
    /// Why the input was not taken; then nothing changed.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<(), Error> {
        self.clock(now);
        match input {
            Input::Connect => {
                if self.link.connect() {
                    self.pump();
                }
            }
            Input::Goodbye => self.link.close(),
            Input::Attach { vap, vn, tsis, trusted } => {
                return self.stations.attach(vap, vn, tsis, trusted, &mut self.orders);
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
                    self.say(&Message::Unsubscribe(vn));
                }
            }
            Input::Report { move_id, report } => self.say(&Message::Done(Done { move_id, report })),
        }
        Ok(())
    }

    /// Time only goes forward here (a clock that does not is counted). Before it does, what the owner has left to do is looked at.
    fn clock(&mut self, now: Instant) {
        if self.watches.is_due(now) {
            self.look(now);
        }
        if now < self.now {
            self.counters.clock_backwards += 1;
        }
        self.now = self.now.max(now);
    }

    /// Interest that a new session restates; the answer to a Resync is what is there already (ARC-16).
    fn subscribe(&mut self, vn: Vni) -> Result<(), Error> {
        if self.mappings.subscribe(vn)? {
            self.say(&Message::Subscribe(vn));
            let resync = Resync { since: RecordNo(0), vns: [vn].into(), mappings: Vec::new(), more: false };
            self.link.request(&Message::Resync(resync), &mut self.counters);
        }
        Ok(())
    }

    fn detach(&mut self, vap: VapId) -> Result<(), Error> {
        for key in self.stations.behind(vap)? {
            if !self.step(key, rules::Input::Detach) {
                return Err(self.out_of_place(key, rules::Input::Detach));
            }
            self.stations.unbind(key, &mut self.orders);
        }
        self.stations.remove_port(vap, &mut self.orders);
        self.proxy.forget(vap);
        Ok(())
    }

    fn activate(&mut self, key: TsiKey, move_id: Option<MoveId>) -> Result<(), Error> {
        if self.stations.may_run(key, move_id)? { self.step_together(key, rules::Input::Runs) } else { Ok(()) }
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
        }
        for row in rows {
            self.settle(row, rules::Input::Applied);
        }
        self.link.acknowledge(self.orders.in_force());
    }

    fn refused(&mut self, number: u64) {
        self.counters.refused_changes += 1;
        if let Some(row) = self.orders.refused(number) {
            self.watches.served(Duty::AnswerTableChanges, self.now);
            self.settle(row, rules::Input::Refused);
        }
        self.link.acknowledge(self.orders.in_force());
    }

    /// The forwarder answered an order: a TSI that waits for the last of its orders goes on.
    fn settle(&mut self, row: Row, input: rules::Input) {
        if let Row::Tsi(key) = row
            && !self.orders.is_pending(row)
            && self.stations.state(&key).state.awaits_forwarder()
        {
            self.step(key, input);
        }
    }

    fn order_all(&mut self) {
        self.orders.reset();
        self.stations.mark_ports(&mut self.orders);
        self.mappings.mark_lists(&mut self.orders);
        self.stations.mark_tsis(&mut self.orders);
        self.mappings.mark_mappings(&mut self.orders);
    }

    /// The next order for the forwarder, numbered. Answer with [`Input::Applied`] or [`Input::Refused`].
    pub fn poll_table_change(&mut self) -> Option<TableChange> {
        let (number, row) = self.orders.hand_out()?;
        self.watches.served(Duty::PollTableChanges, self.now);
        let change = match row {
            Row::Port(vap) => Change::Port { vap, port: self.stations.port(vap) },
            Row::Members(vn) => Change::Members { vn, locators: self.mappings.members(vn) },
            Row::Tsi(key) => {
                let (route, version) = self.mappings.route(&key);
                self.stations.row(key, route, version)
            }
        };
        Some(TableChange { number, change })
    }

    /// The next message or frame to send, written into `out`, which is cleared first.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        self.clock(now);
        out.clear();
        self.watches.served(Duty::PollTransmit, self.now);
        if let Some(vap) = self.proxy.poll_frame(out) {
            Some(Transmit::Port(vap))
        } else if let Some(to) = self.link.poll_hint(out) {
            Some(Transmit::Nve(to))
        } else if self.link.poll_transmit(self.now, out) {
            Some(Transmit::Nva)
        } else {
            // Time passed for the session: it may have ended.
            self.pump();
            None
        }
    }

    /// What the owner should know or do.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.watches.served(Duty::PollEvents, self.now);
        self.events.pop_front()
    }

    /// The next deadline and what it is for; "now" while something waits to be polled.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        if self.has_output() {
            return Some((self.now, Timer::Output));
        }
        let session = self.link.poll_timeout().map(|(at, which)| (at, Timer::Session(which)));
        let forward = self.stations.next_forward_end().map(|at| (at, Timer::Forward));
        let mapping = self.next_expiry().map(|at| (at, Timer::Mapping));
        let health = self.next_stall().map(|at| (at, Timer::Health));
        [session, forward, mapping, health].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn has_output(&self) -> bool {
        self.orders.due() > 0 || !self.events.is_empty() || self.proxy.frames() > 0 || self.link.hints() > 0
    }

    /// When the next mapping's lifetime ends. Without an authority to ask, what was last heard is better than nothing.
    fn next_expiry(&self) -> Option<Instant> {
        self.mappings.next_expiry().filter(|_| self.link.is_up())
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.watches.served(Duty::HandleTimeout, now);
        self.look(now);
        self.clock(now);
        self.link.handle_timeout(self.now);
        self.pump();
        while let Some(key) = self.stations.pop_forward_end(self.now) {
            self.step(key, rules::Input::ForwardEnds);
        }
        if self.link.is_up() {
            self.mappings.expire(self.now, &mut self.orders);
        }
    }

    /// Another ring of keys from now on, sealed from now on: a key is changed without a gap as
    /// [`Keys`] says.
    ///
    /// # Errors
    /// This edge cannot use it; nothing changed.
    pub fn set_keys(&mut self, keys: Keys) -> Result<(), KeyError> {
        self.link.set_keys(keys)
    }

    /// What a TSI is to this edge.
    pub fn state(&self, key: &TsiKey) -> TsiState {
        self.stations.state(key)
    }

    /// The TSIs that are, were or will be here.
    pub fn tsis(&self) -> impl Iterator<Item = (TsiKey, TsiState)> + '_ {
        self.stations.iter()
    }

    /// What the NVA last said of a TSI, if that is kept here.
    pub fn mapping(&self, key: &TsiKey) -> Option<(Version, Option<Place>)> {
        self.mappings.get(key)
    }

    /// The TSIs of which the NVA's word is kept here.
    pub fn mappings(&self) -> impl Iterator<Item = TsiKey> + '_ {
        self.mappings.keys().copied()
    }

    /// Who it is and where it is reached.
    pub const fn place(&self) -> &Place {
        &self.config.place
    }

    /// Whether there is a session with the NVA.
    pub fn is_connected(&self) -> bool {
        self.link.is_up()
    }

    /// What was counted.
    pub const fn counters(&self) -> &NveCounters {
        &self.counters
    }

    /// How many things are kept in all, for a test of bounds.
    pub fn footprint(&self) -> usize {
        let rooms = self.link.footprint() + self.stations.footprint() + self.mappings.footprint();
        rooms + self.proxy.footprint() + self.orders.len() + self.events.len()
    }
}
