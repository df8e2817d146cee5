//! The mappings of remote TSIs, the open queries, and the replication lists of VNs.
//!
//! In go the NVA's statements and invalidations, queries, and subscriptions. Out come answers about a TSI or an address, addresses
//! to query, and marks of changed rows. The room knows no session, port or move: the machine passes the floor of a TSI in. (Rules:
//! VMM-4.2-10 allows one query for an address, DIR-04 repeats it, DIR-06 matches an answer by its number, DIR-03 gives it a lifetime,
//! and R-03 orders statements by version.)

mod cache;
mod heeded;
mod lists;
mod queries;
mod resync;
mod snapshot;
mod statements;

pub(super) use queries::Room;
pub use snapshot::Snapshot;
pub(super) use statements::{Lifetime, Said};

use super::config::NveConfig;
use super::counters::NveCounters;
use super::io::Error;
use super::orders::{Orders, Row};
use crate::fairness::Pace;
use crate::table::{Change, Route, VapId};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use cache::{Cache, Statement};
use core::net::IpAddr;
use heeded::Heeded;
use lists::{Listed, Lists};
use nvo3_nva_proto::{Address, Instant, Invalidate, Members, Micros, Place, Role, TsiKey, Version};
use nvo3_wire::{Mac, Vni};
use queries::Queries;
use resync::Progress;

/// The mappings, queries, subscriptions and replication lists of this NVE, bounded.
#[derive(Debug)]
pub(super) struct Mappings {
    place: Place,
    negative: Micros,
    pushed: Micros,
    subscriptions: usize,
    alarm_interval: Micros,
    cache: Cache,
    queries: Queries,
    heeded: Heeded,
    lists: Lists,
    /// The VNs that this NVE subscribed to: the NVA pushes all their mappings.
    subscribed: BTreeSet<Vni>,
    progress: Progress,
    /// The VNs whose owner was told of a stranger, and the time.
    alarmed: BTreeMap<Vni, Instant>,
}

impl Mappings {
    pub(super) fn new(config: &NveConfig) -> Self {
        Self {
            place: config.place,
            negative: config.negative,
            pushed: config.pushed,
            subscriptions: config.ports as usize,
            alarm_interval: config.hint_interval,
            cache: Cache::new(config.mappings as usize),
            queries: Queries::new(config.queries as usize, config.queries_per_port as usize),
            heeded: Heeded::new(config),
            // Each TSI may be in a VN of its own.
            lists: Lists::new(config.tsis as usize, config.members as usize, config.in_flight),
            subscribed: BTreeSet::new(),
            progress: Progress::default(),
            alarmed: BTreeMap::new(),
        }
    }

    /// The version and the place of a cached mapping.
    pub(super) fn get(&self, key: &TsiKey) -> Option<(Version, Option<Place>)> {
        self.cache.get(key).map(|statement| (statement.version, statement.place))
    }

    /// The route of a TSI for its table row, with the version of the mapping.
    pub(super) fn route(&self, key: &TsiKey) -> (Option<Route>, Version) {
        let route = |said: &Statement| match said.place {
            Some(place) if said.is_due() => Route::Due(place),
            place => place.map_or(Route::Nowhere, Route::At),
        };
        (self.cache.get(key).map(route), self.version(key))
    }

    /// The version of a cached mapping; the lowest version if there is none.
    pub(super) fn version(&self, key: &TsiKey) -> Version {
        self.cache.get(key).map(|statement| statement.version).unwrap_or_default()
    }

    /// The addresses of a cached mapping.
    pub(super) fn ips(&self, key: &TsiKey) -> Option<&[IpAddr]> {
        self.cache.get(key).map(|statement| statement.ips.as_slice())
    }

    /// What a TSI is, as the NVA said.
    pub(super) fn role(&self, key: &TsiKey) -> Role {
        self.cache.get(key).map(|statement| statement.role).unwrap_or_default()
    }

    /// The MAC that has an address, as the NVA said.
    #[inline]
    pub(super) fn holder(&self, vn: Vni, ip: IpAddr) -> Option<Mac> {
        self.cache.holder(vn, ip)
    }

    /// The TSIs with a cached mapping.
    pub(super) fn keys(&self) -> impl Iterator<Item = &TsiKey> {
        self.cache.keys()
    }

    /// The need and the room for a query about an address. `vap` is the port that causes it, if one does.
    pub(super) fn room_for_query(&self, vn: Vni, address: Address, vap: Option<VapId>) -> Room {
        self.queries.room(vn, address, vap)
    }

    /// Notes that the NVA is queried, under this transaction number.
    pub(super) fn asked(&mut self, vn: Vni, address: Address, vap: Option<VapId>, transaction: u32) {
        self.queries.enter(vn, address, vap, transaction);
    }

    /// True if a hint of another NVE makes this NVE query the NVA: the cached mapping is the one that the hint calls stale, and the
    /// rate allows it.
    pub(super) fn heed(&mut self, now: Instant, hint: &Invalidate, counters: &mut NveCounters) -> bool {
        if !self.is_stale(hint) {
            return false;
        }
        let pace = self.heeded.heed(now, hint.tsi);
        let counter = match pace {
            Pace::Due => &mut counters.hints_received,
            Pace::Repeated => &mut counters.repeated_hints,
            Pace::Limited => &mut counters.limited_hints,
        };
        *counter += 1;
        pace == Pace::Due
    }

    /// True if the address is a locator of an NVE that shares a VN with this one.
    pub(super) fn is_member(&self, address: &IpAddr) -> bool {
        self.lists.has(address)
    }

    /// True if this answers an open query, which is closed then.
    pub(super) fn answered(&mut self, vn: Vni, address: Address, transaction: u32) -> bool {
        self.queries.answer(vn, address, transaction)
    }

    /// The transaction number of an open query.
    pub(super) fn transaction(&self, vn: Vni, address: Address) -> Option<u32> {
        self.queries.transaction(vn, address)
    }

    /// The open queries.
    pub(super) fn unanswered(&self) -> Vec<(Vni, Address, u32)> {
        self.queries.iter().collect()
    }

    /// Subscribes to every mapping of a VN. True if that is new.
    pub(super) fn subscribe(&mut self, vn: Vni) -> Result<bool, Error> {
        if self.subscribed.len() >= self.subscriptions && !self.subscribed.contains(&vn) {
            return Err(Error::Full("NveConfig.ports"));
        }
        let new = self.subscribed.insert(vn);
        if new {
            self.progress.miss(vn);
        }
        Ok(new)
    }

    /// True if this NVE gets every mapping of the VN.
    pub(super) fn is_subscribed(&self, vn: Vni) -> bool {
        self.subscribed.contains(&vn)
    }

    /// Ends a subscription. True if there was one.
    pub(super) fn unsubscribe(&mut self, vn: Vni) -> bool {
        self.progress.forget(vn);
        self.subscribed.remove(&vn)
    }

    /// Takes the replication list of a VN, or a part of it.
    pub(super) fn take_members(
        &mut self,
        now: Instant,
        vn: Vni,
        part: Members,
        orders: &mut Orders,
        counters: &mut NveCounters,
    ) {
        match self.lists.take(now, vn, part) {
            Listed::Whole { shed } => {
                counters.shed_members += shed as u64;
                orders.mark(Row::Members(vn));
            }
            Listed::Partial => {}
            Listed::Shed => counters.shed_mappings += 1,
        }
    }

    /// A move with this NVE of a TSI of the VN is over: it may still tunnel frames of the TSI here. A list may never have named it.
    pub(super) fn note_party(
        &mut self,
        now: Instant,
        vn: Vni,
        party: Place,
        orders: &mut Orders,
        counters: &mut NveCounters,
    ) {
        counters.shed_members += self.lists.note_departed(now, vn, Vec::from([party])) as u64;
        orders.mark(Row::Members(vn));
    }

    /// The table row of a VN's list.
    pub(super) fn members(&self, vn: Vni) -> Change {
        let (locators, sources) = (self.lists.locators(vn, &self.place), self.lists.sources(vn, &self.place));
        Change::Members { vn, locators, sources }
    }

    /// The time at which the next NVE that left a VN is forgotten.
    pub(super) fn next_departure(&self) -> Option<Instant> {
        self.lists.next_end()
    }

    /// Forgets the NVEs that left a VN and have no frames in flight any more.
    pub(super) fn forget_departed(&mut self, now: Instant, orders: &mut Orders) {
        while let Some(vn) = self.lists.forget_departed(now) {
            orders.mark(Row::Members(vn));
        }
    }

    /// Frames of a VN came from no NVE of the VN. True if the owner is to be told, at most once per interval and VN.
    pub(super) fn alarm(&mut self, now: Instant, vn: Vni) -> bool {
        let interval = self.alarm_interval;
        let is_recent = |at: &Instant| now - *at < interval;
        if self.alarmed.len() >= self.subscriptions {
            self.alarmed.retain(|_, at| is_recent(at));
        }
        let known = self.alarmed.get(&vn);
        let due = known.map_or(self.alarmed.len() < self.subscriptions, |at| !is_recent(at));
        if due {
            self.alarmed.insert(vn, now);
        }
        due
    }

    /// The time at which the lifetime of the next mapping ends, or comes near its end.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.cache.next_expiry()
    }

    /// Forgets the mappings whose lifetime has ended, except those that the NVA is being asked about: they serve until it has answered.
    /// Before the end, the first frame makes this NVE ask.
    pub(super) fn expire(&mut self, now: Instant, orders: &mut Orders) {
        let queries = &self.queries;
        let is_asked = |key: &TsiKey| queries.transaction(key.vn, Address::Mac(key.mac)).is_some();
        while let Some(key) = self.cache.expire(now, is_asked) {
            orders.mark(Row::Tsi(key));
        }
    }

    /// True if the lifetime of the cached mapping ends soon.
    pub(super) fn is_due(&self, key: &TsiKey) -> bool {
        self.cache.get(key).is_some_and(Statement::is_due)
    }

    /// Marks every replication list, for a forwarder that lost its table.
    pub(super) fn mark_lists(&self, orders: &mut Orders) {
        self.lists.vns().for_each(|vn| orders.mark(Row::Members(*vn)));
    }

    /// Marks every TSI with a cached mapping, for a forwarder that lost its table.
    pub(super) fn mark_mappings(&self, orders: &mut Orders) {
        self.cache.keys().for_each(|key| orders.mark(Row::Tsi(*key)));
    }

    /// The number of all things that the room keeps.
    pub(super) fn footprint(&self) -> usize {
        let lists = self.lists.len() + self.subscribed.len() + self.alarmed.len();
        self.cache.len() + self.queries.len() + self.heeded.len() + lists
    }
}
