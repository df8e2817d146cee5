//! The interest of NVEs in mappings: an NVE that queried a mapping gets its changes (VMM-4.2-08, DIR-11, DIR-12).

use super::until::Until;
use alloc::collections::{BTreeMap, BTreeSet};
use core::net::IpAddr;
use nvo3_nva_proto::{Address, Instant, NveId, TsiKey};
use nvo3_wire::{Mac, Vni};

/// The interest of all NVEs.
#[derive(Debug, Default)]
pub(super) struct Interest {
    /// Per mapping: the NVEs that queried it (DIR-12, method 3).
    pulled: Until<TsiKey>,
    subscribers: BTreeMap<Vni, BTreeSet<NveId>>,
    /// The VNs of each subscriber.
    subscriptions: BTreeMap<NveId, BTreeSet<Vni>>,
    /// Per address: the NVEs that were told that it does not exist (DIR-11).
    absent: Until<(Vni, Address)>,
}

impl Interest {
    /// Notes that an NVE subscribes to a VN. False if it has `most` VNs already.
    pub(super) fn subscribe(&mut self, vn: Vni, nve: NveId, most: u32) -> bool {
        let vns = self.subscriptions.entry(nve).or_default();
        if vns.len() >= most as usize && !vns.contains(&vn) {
            return false;
        }
        vns.insert(vn);
        self.subscribers.entry(vn).or_default().insert(nve);
        true
    }

    pub(super) fn unsubscribe(&mut self, vn: Vni, nve: NveId) {
        if let Some(vns) = self.subscriptions.get_mut(&nve) {
            vns.remove(&vn);
            if vns.is_empty() {
                self.subscriptions.remove(&nve);
            }
        }
        let Some(subscribers) = self.subscribers.get_mut(&vn) else { return };
        subscribers.remove(&nve);
        if subscribers.is_empty() {
            self.subscribers.remove(&vn);
        }
    }

    /// Forgets the subscriptions of an NVE.
    pub(super) fn unsubscribe_all(&mut self, nve: NveId) {
        while let Some(vn) = self.subscriptions.get(&nve).and_then(|vns| vns.first().copied()) {
            self.unsubscribe(vn, nve);
        }
    }

    /// Notes that an NVE is interested in a mapping at least until this time. False if another interest of the NVE had to make room,
    /// because it has `most`.
    pub(super) fn extend(&mut self, now: Instant, key: TsiKey, nve: NveId, until: Instant, most: u32) -> bool {
        let until = self.pulled.get(&key, nve).map_or(until, |before| before.max(until));
        self.pulled.set(now, key, nve, until, most)
    }

    /// Notes that an NVE is interested in a mapping until this time, and not longer. False as for [`Interest::extend`].
    pub(super) fn set(&mut self, now: Instant, key: TsiKey, nve: NveId, until: Instant, most: u32) -> bool {
        self.pulled.set(now, key, nve, until, most)
    }

    /// Notes that an NVE was told that an address does not exist; it is told once the address exists. False if another address had to
    /// make room, because the NVE has `most`.
    pub(super) fn note_absent(
        &mut self,
        now: Instant,
        (vn, address): (Vni, Address),
        nve: NveId,
        until: Instant,
        most: u32,
    ) -> bool {
        self.absent.set(now, (vn, address), nve, until, most)
    }

    /// A TSI has these addresses now. NVEs that were told that an address does not exist become interested in its mapping.
    pub(super) fn appears(&mut self, now: Instant, key: TsiKey, ips: &[IpAddr], most: u32) {
        let addresses = ips.iter().map(|ip| Address::Ip(*ip)).chain([Address::Mac(key.mac)]);
        for address in addresses {
            for (nve, until) in self.absent.take(&(key.vn, address)) {
                self.extend(now, key, nve, until, most);
            }
        }
    }

    /// A TSI is gone. Gives the interested NVEs.
    pub(super) fn disappears(&mut self, now: Instant, key: &TsiKey) -> BTreeSet<NveId> {
        let all = self.interested(now, key);
        self.pulled.take(key);
        all
    }

    /// The NVEs that are interested in a mapping now.
    pub(super) fn interested(&self, now: Instant, key: &TsiKey) -> BTreeSet<NveId> {
        let mut all = self.subscribers.get(&key.vn).cloned().unwrap_or_default();
        all.extend(self.pulled.at(now, key));
        all
    }

    /// The mappings of a VN that an NVE queried and may still use, in order.
    pub(super) fn pulled_by(&self, now: Instant, vn: Vni, nve: NveId) -> impl Iterator<Item = &TsiKey> {
        let range = TsiKey { vn, mac: Mac::ZERO }..=TsiKey { vn, mac: Mac::BROADCAST };
        self.pulled.of(now, range, nve)
    }

    pub(super) fn len(&self) -> usize {
        let subscriptions: usize = self.subscriptions.values().map(BTreeSet::len).sum();
        self.pulled.len() + self.absent.len() + subscriptions
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
        interest.extend(Instant(0), KEY, NveId(2), Instant(10), 9);
        interest.extend(Instant(0), KEY, NveId(3), Instant(20), 9);

        assert_eq!(interest.interested(Instant(10), &KEY), BTreeSet::from([NveId(3)]));
        assert_eq!(interest.interested(Instant(20), &KEY), BTreeSet::new());
    }

    #[test]
    fn an_nve_subscribes_to_no_more_than_its_share_and_all_of_it_ends() {
        let vn = |n| Vni::new(n).unwrap();
        let mut interest = Interest::default();

        let taken = [1, 2, 3, 2].map(|n| interest.subscribe(vn(n), NveId(1), 2));
        let other = interest.subscribe(vn(3), NveId(2), 2);

        assert_eq!((taken, other, interest.len()), ([true, true, false, true], true, 3));
        interest.unsubscribe_all(NveId(1));
        interest.unsubscribe(vn(3), NveId(2));
        assert_eq!(interest.len(), 0);
        assert!(interest.subscribers.is_empty() && interest.subscriptions.is_empty());
    }
}
