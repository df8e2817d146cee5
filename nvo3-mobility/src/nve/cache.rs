//! Where other TSIs are, as the NVA said, and what it is being asked.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Address, Instant, Micros, Place, TsiKey, Version};
use nvo3_wire::{Mac, Vni};

/// The NVA's statement about one TSI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cached {
    pub(super) version: Version,
    pub(super) ips: Vec<IpAddr>,
    pub(super) place: Option<Place>,
    /// `None`: as long as the session lives.
    pub(super) expires: Option<Instant>,
    entered: u64,
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    limit: usize,
    entered: u64,
    mappings: BTreeMap<TsiKey, Cached>,
    by_age: BTreeMap<u64, TsiKey>,
    by_ip: BTreeMap<(Vni, IpAddr), Mac>,
    expiries: BTreeMap<(Instant, TsiKey), ()>,
}

impl Cache {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    pub(super) fn get(&self, key: &TsiKey) -> Option<&Cached> {
        self.mappings.get(key)
    }

    pub(super) fn mac_of(&self, vn: Vni, ip: IpAddr) -> Option<Mac> {
        self.by_ip.get(&(vn, ip)).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TsiKey, &Cached)> {
        self.mappings.iter()
    }

    /// Enters a statement that is not older than what is there; gives a mapping that had to leave for it.
    pub(super) fn enter(
        &mut self,
        key: TsiKey,
        version: Version,
        ips: Vec<IpAddr>,
        place: Option<Place>,
        expires: Option<Instant>,
    ) -> Option<TsiKey> {
        self.remove(&key);
        self.entered += 1;
        for ip in &ips {
            // It may have passed to another TSI, and this be the older word of both.
            let holder = self.mac_of(key.vn, *ip).and_then(|mac| self.mappings.get(&TsiKey { mac, ..key }));
            if holder.is_none_or(|holder| holder.version <= version) {
                self.by_ip.insert((key.vn, *ip), key.mac);
            }
        }
        if let Some(when) = expires {
            self.expiries.insert((when, key), ());
        }
        self.by_age.insert(self.entered, key);
        self.mappings.insert(key, Cached { version, ips, place, expires, entered: self.entered });
        if self.mappings.len() <= self.limit {
            return None;
        }
        let (_, oldest) = self.by_age.first_key_value().map(|(age, key)| (*age, *key))?;
        self.remove(&oldest);
        Some(oldest)
    }

    pub(super) fn remove(&mut self, key: &TsiKey) -> bool {
        let Some(old) = self.mappings.remove(key) else { return false };
        self.by_age.remove(&old.entered);
        for ip in old.ips {
            if self.by_ip.get(&(key.vn, ip)) == Some(&key.mac) {
                self.by_ip.remove(&(key.vn, ip));
            }
        }
        if let Some(when) = old.expires {
            self.expiries.remove(&(when, *key));
        }
        true
    }

    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first_key_value().map(|((when, _), ())| *when)
    }

    pub(super) fn expired(&mut self, now: Instant) -> Option<TsiKey> {
        let ((when, key), ()) = self.expiries.first_key_value()?;
        let (when, key) = (*when, *key);
        (when <= now).then(|| {
            self.remove(&key);
            key
        })
    }
}

/// How long an answer may be kept (DIR-03): `None` as long as the session lives.
pub(super) fn lifetime(now: Instant, hundreds_of_ms: u16) -> Option<Instant> {
    (hundreds_of_ms != u16::MAX).then(|| now + Micros::from_millis(u64::from(hundreds_of_ms) * 100))
}

/// Addresses that the NVA was asked for and has not answered: one query each (VMM-4.2-10), with the number by which its answer
/// is known (DIR-06).
#[derive(Debug, Default)]
pub(super) struct Queries {
    limit: usize,
    asked: BTreeMap<(Vni, Address), u32>,
}

impl Queries {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, asked: BTreeMap::new() }
    }

    /// Whether the question is asked already.
    pub(super) fn is_asked(&self, vn: Vni, address: Address) -> bool {
        self.asked.contains_key(&(vn, address))
    }

    /// Enters a question, under the number of its transaction, where [`Queries::is_full`] says that there is room.
    pub(super) fn ask(&mut self, vn: Vni, address: Address, transaction: u32) {
        self.asked.insert((vn, address), transaction);
    }

    pub(super) fn is_full(&self) -> bool {
        self.asked.len() >= self.limit
    }

    /// Whether this answers a question, which then is none any more.
    pub(super) fn answered(&mut self, vn: Vni, address: Address, transaction: u32) -> bool {
        let asked = self.asked.get(&(vn, address)) == Some(&transaction);
        asked && self.asked.remove(&(vn, address)).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Vni, Address, u32)> {
        self.asked.iter().map(|((vn, address), transaction)| (*vn, *address, *transaction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What may not be kept ends with the instant of the answer; what has no end goes with the session alone.
    ///
    /// Checks DIR-03.
    #[test]
    fn an_answer_is_kept_as_long_as_it_says() {
        let (now, key) = (Instant(7), TsiKey { vn: Vni::MAX, mac: Mac::ZERO });
        let kept = |hundreds_of_ms| {
            let mut cache = Cache::new(1);
            cache.enter(key, Version::default(), Vec::new(), None, lifetime(now, hundreds_of_ms));
            let end = cache.next_expiry()?;
            assert!(end == now || cache.expired(Instant(end.0 - 1)).is_none());
            assert_eq!(cache.expired(end), Some(key));
            assert!(cache.get(&key).is_none());
            Some(end - now)
        };

        assert_eq!(kept(0), Some(Micros(0)));
        assert_eq!(kept(1), Some(Micros::from_millis(100)));
        assert_eq!(kept(0xfffe), Some(Micros::from_millis(6_553_400)));
        assert_eq!(kept(0xffff), None);
    }
}
