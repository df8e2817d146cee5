//! The cache of the NVA's statements about TSIs, bounded: the oldest mapping leaves first.

use super::statements::Said;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, Micros, Place, Role, TsiKey, Version};
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
    /// The time from which on a frame makes this NVE ask again; `None`: no time, or that time has come.
    due: Option<Instant>,
}

impl Statement {
    /// A statement that is kept until `expires`. In the last quarter of that time, a place that is in use is asked for again.
    pub(super) fn new(now: Instant, (version, ips, role, place): Said, expires: Option<Instant>) -> Self {
        let due =
            |end: Instant| place.and(Some(end)).filter(|end| *end > now).map(|end| now + Micros((end - now).0 / 4 * 3));
        Self { version, ips, role, place, expires, due: expires.and_then(due) }
    }

    /// True if the lifetime of a place ends soon.
    pub(super) fn is_due(&self) -> bool {
        self.place.is_some() && self.expires.is_some() && self.due.is_none()
    }

    /// The time at which something happens to the statement next.
    fn next(&self) -> Option<Instant> {
        self.due.or(self.expires)
    }
}

/// How long a mapping serves on after its end, and again, while the NVA is being asked about it.
const SERVES_ON: Micros = Micros::from_secs(1);

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
        if let Some(when) = statement.next() {
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
        let next = statement.next();
        for ip in statement.ips {
            if self.by_ip.get(&(key.vn, ip)) == Some(&key.mac) {
                self.by_ip.remove(&(key.vn, ip));
            }
        }
        if let Some(when) = next {
            self.expiries.remove(&(when, *key));
        }
        true
    }

    /// The time at which the next statement ends, or comes near its end.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(when, _)| *when)
    }

    /// Takes a statement whose time has come, and gives its TSI. A statement that has ended is removed, unless the NVA is being asked
    /// about it.
    pub(super) fn expire(&mut self, now: Instant, is_asked: impl FnOnce(&TsiKey) -> bool) -> Option<TsiKey> {
        let (when, key) = *self.expiries.first().filter(|(when, _)| *when <= now)?;
        let said = self.mappings.get_mut(&key).map(|cached| &mut cached.statement);
        match said.filter(|said| said.due.is_some() || said.is_due() && is_asked(&key)) {
            Some(said) => {
                if said.due.take().is_none() {
                    said.expires = Some(now + SERVES_ON);
                }
                self.expiries.remove(&(when, key));
                self.expiries.extend(said.next().map(|next| (next, key)));
            }
            None => _ = self.remove(&key),
        }
        Some(key)
    }
}
