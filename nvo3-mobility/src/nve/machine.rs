//! The machine around the move core: ports, sessions, clocks, bounds and counters.

use super::cache::{Cache, Queries};
use super::changes::{Changes, Key};
use super::config::NveConfig;
use super::counters::NveCounters;
use super::io::{Error, Event, Input, Timer, Transmit};
use super::moves::Moves;
use super::neighbors::Neighbors;
use super::rules::{self, Core};
use crate::ConfigError;
#[cfg(feature = "auth")]
use crate::Transport;
use crate::table::{Change, Entry, Port, Route, TableChange, VapId};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;
#[cfg(feature = "auth")]
use nvo3_nva_proto::auth::NveSeals;
use nvo3_nva_proto::{
    Header, Hello, HoldLimits, Instant, Invalidate, Message, Micros, MoveId, Place, RecordNo, Resync, Session,
    SessionConfig, SessionId, Tsi, TsiKey, Version,
};
use nvo3_wire::{Mac, Vni};

/// One TSI that is, was or will be here.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) core: Core,
    pub(super) ips: Vec<IpAddr>,
    pub(super) vap: Option<VapId>,
    pub(super) limits: HoldLimits,
    pub(super) forward_ends: Option<Instant>,
    /// When the VM stopped here, where that was said afterwards; until it runs here again.
    pub(super) stopped_at: Option<Instant>,
    /// The move that brought the VM here, once it is committed.
    pub(super) brought_by: Option<MoveId>,
    /// The committed move that took the VM away, while what still arrives is tunnelled after it.
    pub(super) taken_by: Option<MoveId>,
    /// The session was lost in the move in hand.
    pub(super) alone: bool,
}

impl Known {
    pub(super) fn entry(&self) -> Option<Entry> {
        if self.alone { rules::entry_alone(self.core.state) } else { rules::entry(self.core.state) }
    }
}

/// A port and what may be behind it.
#[derive(Clone, Debug)]
pub(super) struct Attached {
    pub(super) vn: Vni,
    pub(super) tsis: Vec<TsiKey>,
    pub(super) trusted: bool,
    pub(super) alarmed: Option<Instant>,
}

/// An edge's control plane.
///
/// Drive it as [the crate's front page](crate) shows: inputs in any order at any time, then drain every `poll_…`.
pub struct Nve {
    pub(super) config: NveConfig,
    pub(super) seed: u64,
    pub(super) now: Instant,
    pub(super) session: Option<Session>,
    /// Where the transport is not trusted.
    #[cfg(feature = "auth")]
    pub(super) seals: Option<NveSeals>,
    pub(super) changes: Changes,
    /// Messages received, each with the newest change that it waits for.
    pub(super) unforced: VecDeque<(u32, u64)>,
    pub(super) in_force: u32,
    pub(super) ports: BTreeMap<VapId, Attached>,
    pub(super) tsis: BTreeMap<TsiKey, Known>,
    /// Which attached TSI has an address.
    pub(super) local_ips: BTreeMap<(Vni, IpAddr), (Mac, VapId)>,
    pub(super) forward_timers: BTreeSet<(Instant, TsiKey)>,
    pub(super) moves: Moves,
    pub(super) cache: Cache,
    pub(super) queries: Queries,
    /// The number of the last question to the NVA.
    pub(super) transaction: u32,
    pub(super) neighbors: Neighbors,
    pub(super) members: BTreeMap<Vni, Vec<Place>>,
    /// Lists of members of which the end has not come yet.
    pub(super) partial_members: BTreeMap<Vni, Vec<Place>>,
    /// VNs of which every mapping is pushed here.
    pub(super) subscribed: BTreeSet<Vni>,
    /// Registrations taken back and not acknowledged yet.
    pub(super) leaving: BTreeMap<TsiKey, Version>,
    /// The session had no room: everything unanswered is said again once it has.
    pub(super) say_again: bool,
    pub(super) events: VecDeque<Event>,
    pub(super) frames: VecDeque<(VapId, Vec<u8>)>,
    pub(super) hints: VecDeque<(IpAddr, Invalidate)>,
    pub(super) hinted: BTreeMap<(TsiKey, IpAddr), Instant>,
    pub(super) counters: NveCounters,
}

impl Nve {
    /// An edge that knows nothing. `seed` makes its session's nonces, which nobody outside should be able to guess.
    ///
    /// # Errors
    /// See [`NveConfig::validate`].
    pub fn new(config: NveConfig, seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            seed,
            now: Instant::default(),
            session: None,
            #[cfg(feature = "auth")]
            seals: match &config.transport {
                Transport::Trusted => None,
                Transport::Sealed(keys) => Some(NveSeals::new(keys.clone(), config.place.nve)?),
            },
            changes: Changes::new(config.unapplied as usize),
            unforced: VecDeque::new(),
            in_force: 0,
            ports: BTreeMap::new(),
            tsis: BTreeMap::new(),
            local_ips: BTreeMap::new(),
            forward_timers: BTreeSet::new(),
            moves: Moves::new(config.moves as usize),
            cache: Cache::new(config.mappings as usize),
            queries: Queries::new(config.queries as usize),
            transaction: 0,
            neighbors: Neighbors::new(config.queries as usize),
            members: BTreeMap::new(),
            partial_members: BTreeMap::new(),
            subscribed: BTreeSet::new(),
            leaving: BTreeMap::new(),
            say_again: false,
            events: VecDeque::new(),
            frames: VecDeque::new(),
            hints: VecDeque::new(),
            hinted: BTreeMap::new(),
            counters: NveCounters::default(),
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
            Input::Connect => self.connect(),
            Input::Goodbye => {
                if let Some(session) = &mut self.session {
                    session.close();
                }
            }
            Input::Attach { vap, vn, tsis, trusted } => return self.attach(vap, vn, tsis, trusted),
            Input::Detach { vap } => return self.detach(vap),
            Input::Activate { key, move_id } => return self.activate(key, move_id),
            Input::Suspend { key, move_id, stopped_at } => return self.suspend(key, move_id, stopped_at),
            Input::Applied(number) => self.applied(number),
            Input::Refused { number } => self.refused(number),
            Input::ForwarderReset => self.order_all(),
            Input::Subscribe(vn) => return self.subscribe(vn),
            Input::Unsubscribe(vn) => {
                if self.subscribed.remove(&vn) {
                    self.send(0, &Message::Unsubscribe(vn));
                }
            }
            Input::Report { move_id, report } => self.report(move_id, report),
        }
        Ok(())
    }

    /// Time only goes forward here (a clock that does not is counted).
    pub(super) fn clock(&mut self, now: Instant) {
        if now < self.now {
            self.counters.clock_backwards += 1;
        }
        self.now = self.now.max(now);
    }

    fn connect(&mut self) {
        if self.session.as_ref().is_some_and(|session| !session.is_over()) {
            return;
        }
        let hello = Hello {
            place: self.config.place,
            nonce: 0,
            resumed: false,
            encapsulations: self.config.encapsulations,
            capabilities: self.config.capabilities,
        };
        let config: SessionConfig = self.config.session;
        self.session = Some(Session::initiate(config, hello, self.seed));
        self.pump_session();
    }

    /// Interest that a new session restates; the answer to a Resync is what is there already (ARC-16).
    fn subscribe(&mut self, vn: Vni) -> Result<(), Error> {
        if self.subscribed.len() >= self.config.ports as usize && !self.subscribed.contains(&vn) {
            return Err(Error::Full("NveConfig.ports"));
        }
        if self.subscribed.insert(vn) {
            self.send(0, &Message::Subscribe(vn));
            let resync = Resync { since: RecordNo(0), vns: [vn].into(), mappings: Vec::new(), more: false };
            let transaction = self.next_transaction();
            self.send(transaction, &Message::Resync(resync));
        }
        Ok(())
    }

    fn attach(&mut self, vap: VapId, vn: Vni, tsis: Vec<Tsi>, trusted: bool) -> Result<(), Error> {
        for tsi in &tsis {
            if tsi.ips.is_empty() || tsi.key.vn != vn || tsi.key.mac.is_group() {
                return Err(Error::Malformed(tsi.key));
            }
            if tsi.ips.len() > self.config.ips_per_tsi as usize {
                return Err(Error::Full("NveConfig.ips_per_tsi"));
            }
            if self.tsis.get(&tsi.key).and_then(|known| known.vap).is_some_and(|other| other != vap) {
                return Err(Error::Taken(tsi.key));
            }
        }
        let new = tsis.iter().filter(|tsi| !self.tsis.contains_key(&tsi.key)).count();
        if self.ports.len() >= self.config.ports as usize && !self.ports.contains_key(&vap) {
            return Err(Error::Full("NveConfig.ports"));
        }
        if !self.make_room(new) {
            return Err(Error::Full("NveConfig.tsis"));
        }
        if let Some(before) = self.ports.get(&vap) {
            for key in before.tsis.clone() {
                self.unbind(key);
            }
        }
        let keys = tsis.iter().map(|tsi| tsi.key).collect();
        self.ports.insert(vap, Attached { vn, tsis: keys, trusted, alarmed: None });
        self.changes.mark(Key::Port(vap));
        for tsi in tsis {
            for ip in &tsi.ips {
                self.local_ips.insert((vn, *ip), (tsi.key.mac, vap));
            }
            let known = self.known(tsi.key);
            known.vap = Some(vap);
            known.ips = tsi.ips;
            self.changes.mark(Key::Tsi(tsi.key));
        }
        Ok(())
    }

    fn detach(&mut self, vap: VapId) -> Result<(), Error> {
        let attached = self.ports.get(&vap).ok_or(Error::UnknownPort(vap))?;
        for key in attached.tsis.clone() {
            let state = self.state(&key).state;
            if !self.step(key, rules::Input::Detach) {
                return Err(Error::OutOfPlace { key, state: state.name() });
            }
            self.unbind(key);
        }
        self.ports.remove(&vap);
        self.neighbors.forget(vap);
        self.changes.mark(Key::Port(vap));
        Ok(())
    }

    fn unbind(&mut self, key: TsiKey) {
        if let Some(known) = self.tsis.get_mut(&key) {
            known.vap = None;
            for ip in &known.ips {
                if self.local_ips.get(&(key.vn, *ip)).is_some_and(|(mac, _)| *mac == key.mac) {
                    self.local_ips.remove(&(key.vn, *ip));
                }
            }
            self.changes.mark(Key::Tsi(key));
        }
    }

    fn applied(&mut self, number: u64) {
        for key in self.changes.applied(number) {
            self.settle(key, rules::Input::Applied);
        }
        self.advance_in_force();
    }

    fn refused(&mut self, number: u64) {
        self.counters.refused_changes += 1;
        if let Some(key) = self.changes.refused(number) {
            self.settle(key, rules::Input::Refused);
        }
        self.advance_in_force();
    }

    fn settle(&mut self, key: Key, input: rules::Input) {
        if let Key::Tsi(tsi) = key
            && !self.changes.is_pending(key)
            && self.state(&tsi).state.awaits_forwarder()
        {
            self.step(tsi, input);
        }
    }

    fn order_all(&mut self) {
        self.changes.reset();
        let ports: Vec<Key> = self.ports.keys().map(|vap| Key::Port(*vap)).collect();
        let members = self.members.keys().map(|vn| Key::Members(*vn));
        let tsis = self.tsis.keys().map(|key| Key::Tsi(*key));
        let cached = self.cache.iter().map(|(key, _)| Key::Tsi(*key));
        for key in ports.into_iter().chain(members).chain(tsis).chain(cached) {
            self.changes.mark(key);
        }
    }

    /// The next order for the forwarder, numbered. Answer with [`Input::Applied`] or [`Input::Refused`].
    pub fn poll_table_change(&mut self) -> Option<TableChange> {
        let (number, key) = self.changes.hand_out()?;
        let change = match key {
            Key::Port(vap) => Change::Port { vap, port: self.port(vap) },
            Key::Members(vn) => Change::Members { vn, locators: self.member_locators(vn) },
            Key::Tsi(key) => self.tsi_change(key),
        };
        Some(TableChange { number, change })
    }

    fn port(&self, vap: VapId) -> Option<Port> {
        let attached = self.ports.get(&vap)?;
        let macs = (!attached.trusted).then(|| attached.tsis.iter().map(|key| key.mac).collect());
        Some(Port { vn: attached.vn, macs })
    }

    fn member_locators(&self, vn: Vni) -> Vec<IpAddr> {
        let own = &self.config.place;
        let members = self.members.get(&vn).into_iter().flatten();
        members.filter(|m| m.nve != own.nve).filter_map(|m| m.locators.reachable_from(&own.locators)).collect()
    }

    fn tsi_change(&self, key: TsiKey) -> Change {
        let known = self.tsis.get(&key);
        let cached = self.cache.get(&key);
        let route = cached.map(|cached| cached.place.map_or(Route::Nowhere, Route::At));
        let cached_version = cached.map(|cached| cached.version).unwrap_or_default();
        Change::Tsi {
            key,
            vap: known.and_then(|known| known.vap),
            entry: known.and_then(Known::entry),
            route,
            version: known.map_or(cached_version, |known| known.core.floor.max(cached_version)),
            limits: known.map_or(self.config.hold, |known| known.limits),
            replay_since: known.and_then(|known| known.stopped_at),
        }
    }

    /// The next message or frame to send, written into `out`, which is cleared first.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        self.clock(now);
        out.clear();
        if let Some((vap, frame)) = self.frames.pop_front() {
            out.extend_from_slice(&frame);
            return Some(Transmit::Port(vap));
        }
        while let Some((to, hint)) = self.hints.pop_front() {
            let header = Header { session: SessionId::default(), sequence: 0, transaction: 0 };
            if Message::Invalidate(hint).encode(&header, out).is_ok() {
                return Some(Transmit::Nve(to));
            }
        }
        while self.session.as_mut()?.poll_transmit(self.now, out) {
            if self.seal(out) {
                return Some(Transmit::Nva);
            }
        }
        None
    }

    /// There are no seals: every message may leave.
    #[cfg(not(feature = "auth"))]
    const fn seal(&self, _: &mut Vec<u8>) -> bool {
        true
    }

    /// What the owner should know or do.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next deadline and what it is for; "now" while something waits to be polled.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        if self.has_output() {
            return Some((self.now, Timer::Output));
        }
        let session =
            self.session.as_ref().and_then(Session::poll_timeout).map(|(at, which)| (at, Timer::Session(which)));
        let forward = self.forward_timers.first().map(|(at, _)| (*at, Timer::Forward));
        let mapping = self.cache.next_expiry().filter(|_| self.is_connected()).map(|at| (at, Timer::Mapping));
        [session, forward, mapping].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn has_output(&self) -> bool {
        self.changes.has_some() || !self.events.is_empty() || !self.frames.is_empty() || !self.hints.is_empty()
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock(now);
        if let Some(session) = &mut self.session {
            session.handle_timeout(self.now);
        }
        self.pump_session();
        while let Some((_, key)) = self.forward_timers.first().copied().filter(|(at, _)| *at <= self.now) {
            self.step(key, rules::Input::ForwardEnds);
            self.stop_forward_timer(&key);
        }
        // Without an authority to ask, what was last heard is better than nothing.
        while self.is_connected()
            && let Some(key) = self.cache.expired(self.now)
        {
            self.changes.mark(Key::Tsi(key));
        }
        let oldest = Instant(self.now.0.saturating_sub(self.config.hint_interval.0));
        self.hinted.retain(|_, at| *at > oldest);
    }

    /// What a TSI is to this edge.
    pub fn state(&self, key: &TsiKey) -> Core {
        self.tsis.get(key).map(|known| known.core).unwrap_or_default()
    }

    /// The TSIs that are, were or will be here.
    pub fn tsis(&self) -> impl Iterator<Item = (TsiKey, Core)> + '_ {
        self.tsis.iter().map(|(key, known)| (*key, known.core))
    }

    /// What the NVA last said of a TSI, if that is kept here.
    pub fn mapping(&self, key: &TsiKey) -> Option<(Version, Option<Place>)> {
        self.cache.get(key).map(|cached| (cached.version, cached.place))
    }

    /// The TSIs of which the NVA's word is kept here.
    pub fn mappings(&self) -> impl Iterator<Item = TsiKey> + '_ {
        self.cache.iter().map(|(key, _)| *key)
    }

    /// Who it is and where it is reached.
    pub const fn place(&self) -> &Place {
        &self.config.place
    }

    /// Whether there is a session with the NVA.
    pub fn is_connected(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_up)
    }

    /// What was counted.
    pub const fn counters(&self) -> &NveCounters {
        &self.counters
    }

    /// How many things are kept in all, for a test of bounds.
    pub fn footprint(&self) -> usize {
        self.changes.len()
            + self.unforced.len()
            + self.ports.len()
            + self.tsis.len()
            + self.local_ips.len()
            + self.forward_timers.len()
            + self.moves.len()
            + self.cache.iter().count()
            + self.queries.iter().count()
            + self.neighbors.len()
            + self.members.len()
            + self.partial_members.len()
            + self.subscribed.len()
            + self.leaving.len()
            + self.events.len()
            + self.frames.len()
            + self.hints.len()
            + self.hinted.len()
    }

    pub(super) fn tell(&mut self, event: Event) {
        if self.events.len() < self.config.queue as usize {
            self.events.push_back(event);
        } else {
            self.counters.shed_events += 1;
        }
    }

    /// The hint that a sender's mapping is old, at most one an interval to each about each.
    pub(super) fn hint(&mut self, key: TsiKey, to: IpAddr, version: Version) {
        let bound = self.config.queue as usize;
        let recent = self.hinted.get(&(key, to)).is_some_and(|at| self.now - *at < self.config.hint_interval);
        if recent || self.hints.len() >= bound || self.hinted.len() >= bound {
            self.counters.shed_hints += 1;
            return;
        }
        self.hinted.insert((key, to), self.now);
        self.counters.hints_sent += 1;
        self.hints.push_back((to, Invalidate { tsi: key, nve: self.config.place.nve, version }));
    }

    pub(super) fn in_flight(&self, which: rules::Duration) -> Micros {
        match which {
            rules::Duration::InFlight => self.config.in_flight,
            rules::Duration::Linger => self.config.linger,
        }
    }
}
