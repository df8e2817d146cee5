//! The cache of the NVA's statements about TSIs, bounded: the oldest mapping leaves first.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, Place, Role, TsiKey, Version};
use nvo3_wire::{Mac, Vni};

/// A statement of the NVA about one TSI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) version: Version,
    pub(super) ips: Vec<IpAddr>,
    pub(super) role: Role,
    /// The place of the TSI; `None`: the TSI is nowhere.
    pub(super) place: Option<Place>,
    /// The end of the lifetime; `None`: the session's end.
    pub(super) expires: Option<Instant>,
}

#[derive(Debug)]
struct Cached {
    statement: Statement,
    /// The position in the order of entering.
    age: u64,
}

/// The statements, bounded.
#[derive(Debug, Default)]
pub(super) struct Cache {
    limit: usize,
    entered: u64,
    mappings: BTreeMap<TsiKey, Cached>,
    by_age: BTreeMap<u64, TsiKey>,
    by_ip: BTreeMap<(Vni, IpAddr), Mac>,
    expiries: BTreeSet<(Instant, TsiKey)>,
}

impl Cache {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    pub(super) fn get(&self, key: &TsiKey) -> Option<&Statement> {
        self.mappings.get(key).map(|cached| &cached.statement)
    }

    /// The MAC that has an address.
    pub(super) fn holder(&self, vn: Vni, ip: IpAddr) -> Option<Mac> {
        self.by_ip.get(&(vn, ip)).copied()
    }

    /// The most statements.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TsiKey, &Statement)> {
        self.mappings.iter().map(|(key, cached)| (key, &cached.statement))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &TsiKey> {
        self.mappings.keys()
    }

    /// The TSIs with a statement, in order, after `after` if it is given.
    pub(super) fn keys_after(&self, after: Option<TsiKey>) -> impl Iterator<Item = TsiKey> {
        use core::ops::Bound::{Excluded, Unbounded};
        self.mappings.range((after.map_or(Unbounded, Excluded), Unbounded)).map(|(key, _)| *key)
    }

    pub(super) fn len(&self) -> usize {
        self.mappings.len()
    }

    /// Enters a statement that is not older than the cached one. Gives a TSI whose statement had to leave for it.
    pub(super) fn enter(&mut self, key: TsiKey, statement: Statement) -> Option<TsiKey> {
        self.remove(&key);
        self.entered += 1;
        for ip in &statement.ips {
            // The address may have passed to another TSI, and this statement may be the older one of the two.
            let holder = self.holder(key.vn, *ip).and_then(|mac| self.get(&TsiKey { mac, ..key }));
            if holder.is_none_or(|holder| holder.version <= statement.version) {
                self.by_ip.insert((key.vn, *ip), key.mac);
            }
        }
        if let Some(when) = statement.expires {
            self.expiries.insert((when, key));
        }
        self.by_age.insert(self.entered, key);
        self.mappings.insert(key, Cached { statement, age: self.entered });
        if self.mappings.len() <= self.limit {
            return None;
        }
        let oldest = *self.by_age.first_key_value()?.1;
        self.remove(&oldest);
        Some(oldest)
    }

    pub(super) fn remove(&mut self, key: &TsiKey) -> bool {
        let Some(Cached { statement, age }) = self.mappings.remove(key) else { return false };
        self.by_age.remove(&age);
        for ip in statement.ips {
            if self.by_ip.get(&(key.vn, ip)) == Some(&key.mac) {
                self.by_ip.remove(&(key.vn, ip));
            }
        }
        if let Some(when) = statement.expires {
            self.expiries.remove(&(when, *key));
        }
        true
    }

    /// The time at which the next statement ends.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(when, _)| *when)
    }

    /// Removes a statement that has ended, and gives its TSI.
    pub(super) fn expire(&mut self, now: Instant) -> Option<TsiKey> {
        let (_, key) = *self.expiries.first().filter(|(when, _)| *when <= now)?;
        self.remove(&key);
        Some(key)
    }
}
