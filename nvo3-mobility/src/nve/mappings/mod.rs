//! What is elsewhere: where the NVA says that TSIs are, what it is being asked, and to whom a VN's BUM frames are replicated.
//!
//! In come the NVA's statements and invalidations, questions, subscriptions. Out go answers about a TSI or an address, what to
//! ask, and marks of rows that changed. Knows no session, no port and no move: what a TSI's floor says, the machine passes on.
//! (VMM-4.2-10, DIR-03, DIR-04, DIR-06, R-03.)

mod cache;
mod lists;
mod queries;
mod statements;

pub(super) use statements::Lifetime;

use super::config::NveConfig;
use super::counters::NveCounters;
use super::io::Error;
use super::orders::{Orders, Row};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use cache::Cache;
use core::net::IpAddr;
use lists::{Listed, Lists};
use nvo3_nva_proto::{Address, Instant, Members, Micros, Place, RecordNo, Resync, TsiKey, Version};
use nvo3_wire::{Mac, Vni};
use queries::Queries;

/// The mappings, queries, subscriptions and replication lists of this edge, bounded.
#[derive(Debug)]
pub(super) struct Mappings {
    place: Place,
    negative: Micros,
    pushed: Micros,
    subscriptions: usize,
    cache: Cache,
    queries: Queries,
    lists: Lists,
    /// VNs of which every mapping is pushed here.
    subscribed: BTreeSet<Vni>,
}

impl Mappings {
    pub(super) fn new(config: &NveConfig) -> Self {
        Self {
            place: config.place,
            negative: config.negative,
            pushed: config.pushed,
            subscriptions: config.ports as usize,
            cache: Cache::new(config.mappings as usize),
            queries: Queries::new(config.queries as usize),
            // As many VNs as there may be TSIs.
            lists: Lists::new(config.tsis as usize, config.members as usize),
            subscribed: BTreeSet::new(),
        }
    }

    /// The version and place of what was last said of a TSI, if that is kept.
    pub(super) fn get(&self, key: &TsiKey) -> Option<(Version, Option<Place>)> {
        self.cache.get(key).map(|statement| (statement.version, statement.place))
    }

    /// The version of what was last said of a TSI; the lowest where nothing is kept.
    pub(super) fn version(&self, key: &TsiKey) -> Version {
        self.cache.get(key).map(|statement| statement.version).unwrap_or_default()
    }

    /// The addresses that were last said of a TSI.
    pub(super) fn ips(&self, key: &TsiKey) -> Option<&[IpAddr]> {
        self.cache.get(key).map(|statement| statement.ips.as_slice())
    }

    /// Who has an address, as the NVA said.
    pub(super) fn holder(&self, vn: Vni, ip: IpAddr) -> Option<Mac> {
        self.cache.holder(vn, ip)
    }

    /// The TSIs of which something is kept.
    pub(super) fn keys(&self) -> impl Iterator<Item = &TsiKey> {
        self.cache.keys()
    }

    /// Whether the NVA must be asked where an address is: it is not being asked yet, and there is room.
    pub(super) fn needs_query(&self, vn: Vni, address: Address, counters: &mut NveCounters) -> bool {
        let full = self.queries.is_full();
        counters.shed_queries += u64::from(full);
        !full && !self.queries.is_asked(vn, address)
    }

    /// The NVA is asked, under this number.
    pub(super) fn asked(&mut self, vn: Vni, address: Address, transaction: u32) {
        self.queries.enter(vn, address, transaction);
    }

    /// Whether this answers a question, which then is none any more.
    pub(super) fn answered(&mut self, vn: Vni, address: Address, transaction: u32) -> bool {
        self.queries.answer(vn, address, transaction)
    }

    /// What the NVA has not answered yet.
    pub(super) fn unanswered(&self) -> Vec<(Vni, Address, u32)> {
        self.queries.iter().collect()
    }

    /// Every mapping of a VN is wanted from now on; true where that is new.
    pub(super) fn subscribe(&mut self, vn: Vni) -> Result<bool, Error> {
        if self.subscribed.len() >= self.subscriptions && !self.subscribed.contains(&vn) {
            return Err(Error::Full("NveConfig.ports"));
        }
        Ok(self.subscribed.insert(vn))
    }

    /// Not any more; true where that is new.
    pub(super) fn unsubscribe(&mut self, vn: Vni) -> bool {
        self.subscribed.remove(&vn)
    }

    /// What a new session begins with: a list that was cut off comes again, and everything that is kept here is asked for anew
    /// (DAP-03).
    pub(super) fn resync(&mut self) -> Resync {
        self.lists.forget_partial();
        let mappings = self.cache.keys().map(|key| (key.vn, Address::Mac(key.mac))).collect();
        let vns = self.subscribed.iter().copied().collect();
        Resync { since: RecordNo(0), vns, mappings, more: false }
    }

    /// A VN's replication list, or a part of it.
    pub(super) fn take_members(&mut self, vn: Vni, part: Members, orders: &mut Orders, counters: &mut NveCounters) {
        match self.lists.take(vn, part) {
            Listed::Whole => orders.mark(Row::Members(vn)),
            Listed::Partial => {}
            Listed::Shed => counters.shed_mappings += 1,
        }
    }

    /// Where the other members of a VN are reached.
    pub(super) fn members(&self, vn: Vni) -> Vec<IpAddr> {
        self.lists.locators(vn, &self.place)
    }

    /// When the next mapping's lifetime ends.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.cache.next_expiry()
    }

    /// Forgets the mappings whose lifetime has ended.
    pub(super) fn expire(&mut self, now: Instant, orders: &mut Orders) {
        while let Some(key) = self.cache.expire(now) {
            orders.mark(Row::Tsi(key));
        }
    }

    /// Marks every replication list, for a forwarder that lost its table.
    pub(super) fn mark_lists(&self, orders: &mut Orders) {
        self.lists.vns().for_each(|vn| orders.mark(Row::Members(*vn)));
    }

    /// Marks every TSI of which something is kept, for a forwarder that lost its table.
    pub(super) fn mark_mappings(&self, orders: &mut Orders) {
        self.cache.keys().for_each(|key| orders.mark(Row::Tsi(*key)));
    }

    /// How many things are kept.
    pub(super) fn footprint(&self) -> usize {
        self.cache.len() + self.queries.len() + self.lists.len() + self.subscribed.len()
    }
}
