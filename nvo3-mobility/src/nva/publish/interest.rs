//! The interest of NVEs in mappings: an NVE that queried a mapping gets its changes (VMM-4.2-08, DIR-11, DIR-12).

use alloc::collections::{BTreeMap, BTreeSet};
use core::net::IpAddr;
use nvo3_nva_proto::{Address, Instant, NveId, TsiKey};
use nvo3_wire::{Mac, Vni};

/// The NVEs, with the end of the interest of each.
type Until = BTreeMap<NveId, Instant>;

/// The interest of all NVEs.
#[derive(Debug, Default)]
pub(super) struct Interest {
    /// Per mapping: the NVEs that queried it (DIR-12, method 3).
    pulled: BTreeMap<TsiKey, Until>,
    subscribers: BTreeMap<Vni, BTreeSet<NveId>>,
    /// Per address: the NVEs that were told that it does not exist (DIR-11).
    absent: BTreeMap<(Vni, Address), Until>,
}

impl Interest {
    pub(super) fn subscribe(&mut self, vn: Vni, nve: NveId) {
        self.subscribers.entry(vn).or_default().insert(nve);
    }

    pub(super) fn unsubscribe(&mut self, vn: Vni, nve: NveId) {
        let Some(subscribers) = self.subscribers.get_mut(&vn) else { return };
        subscribers.remove(&nve);
        if subscribers.is_empty() {
            self.subscribers.remove(&vn);
        }
    }

    /// Notes that an NVE is interested in a mapping at least until this time.
    pub(super) fn extend(&mut self, key: TsiKey, nve: NveId, until: Instant) {
        let before = self.pulled.entry(key).or_default().entry(nve).or_insert(until);
        *before = (*before).max(until);
    }

    /// Notes that an NVE is interested in a mapping until this time, and not longer.
    pub(super) fn set(&mut self, key: TsiKey, nve: NveId, until: Instant) {
        self.pulled.entry(key).or_default().insert(nve, until);
    }

    /// Notes that an NVE was told that an address does not exist; it is told once the address exists. At most `most` addresses are
    /// remembered.
    pub(super) fn note_absent(
        &mut self,
        now: Instant,
        vn: Vni,
        address: Address,
        nve: NveId,
        until: Instant,
        most: usize,
    ) {
        if self.absent.len() >= most {
            self.absent.retain(|_, askers| askers.values().any(|until| *until > now));
        }
        if self.absent.len() < most || self.absent.contains_key(&(vn, address)) {
            self.absent.entry((vn, address)).or_default().insert(nve, until);
        }
    }

    /// A TSI has these addresses now. NVEs that were told that an address does not exist become interested in its mapping.
    pub(super) fn appears(&mut self, key: TsiKey, ips: &[IpAddr]) {
        if self.absent.is_empty() {
            return;
        }
        let addresses = ips.iter().map(|ip| Address::Ip(*ip)).chain([Address::Mac(key.mac)]);
        for askers in addresses.filter_map(|address| self.absent.remove(&(key.vn, address))) {
            self.pulled.entry(key).or_default().extend(askers);
        }
    }

    /// A TSI is gone. Gives the interested NVEs.
    pub(super) fn disappears(&mut self, now: Instant, key: &TsiKey) -> BTreeSet<NveId> {
        let all = self.interested(now, key);
        self.pulled.remove(key);
        all
    }

    /// The NVEs that are interested in a mapping now.
    pub(super) fn interested(&mut self, now: Instant, key: &TsiKey) -> BTreeSet<NveId> {
        let mut all = self.subscribers.get(&key.vn).cloned().unwrap_or_default();
        if let Some(pulled) = self.pulled.get_mut(key) {
            pulled.retain(|_, until| *until > now);
            all.extend(pulled.keys());
            if pulled.is_empty() {
                self.pulled.remove(key);
            }
        }
        all
    }

    /// The mappings of a VN that an NVE queried and may still use, in order.
    pub(super) fn pulled_by(&self, now: Instant, vn: Vni, nve: NveId) -> impl Iterator<Item = &TsiKey> {
        let range = TsiKey { vn, mac: Mac::ZERO }..=TsiKey { vn, mac: Mac::BROADCAST };
        let pulled = self.pulled.range(range);
        pulled.filter(move |(_, pulled)| pulled.get(&nve).is_some_and(|until| *until > now)).map(|(key, _)| key)
    }

    pub(super) fn absent_len(&self) -> usize {
        self.absent.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: TsiKey = TsiKey { vn: Vni::MAX, mac: Mac([2, 0, 0, 0, 0, 1]) };

    /// Checks DIR-12, VMM-4.2-08.
    #[test]
    fn interest_ends_with_its_lifetime() {
        let mut interest = Interest::default();
        interest.extend(KEY, NveId(2), Instant(10));
        interest.extend(KEY, NveId(3), Instant(20));

        assert_eq!(interest.interested(Instant(10), &KEY), BTreeSet::from([NveId(3)]));
        assert_eq!(interest.interested(Instant(20), &KEY), BTreeSet::new());
        assert!(interest.pulled.is_empty());
    }
}
