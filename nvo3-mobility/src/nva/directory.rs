//! Which TSI is where, who wants to know, and who takes part in a VN.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Address, Instant, NveId, RegistrationRequest, Tsi, TsiKey, Version};
use nvo3_wire::{Mac, Vni};

/// One mapping.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) ips: Vec<IpAddr>,
    pub(super) version: Version,
    pub(super) nve: NveId,
    /// Who pulled it, until when (DIR-12, method 3).
    pub(super) interested: BTreeMap<NveId, Instant>,
    /// When it moved without being planned (EVM-05).
    pub(super) unplanned: VecDeque<Instant>,
    pub(super) frozen_until: Option<Instant>,
    /// Its NVE took it back during a move.
    pub(super) withdraw: bool,
    /// Who asked for it during a move, in which transaction; asked again on its behalf when the move has ended.
    pub(super) claim: Option<(NveId, u32, RegistrationRequest)>,
}

#[derive(Debug, Default)]
struct Vn {
    subscribers: BTreeSet<NveId>,
    /// How many mappings and moves give an NVE a part in it.
    members: BTreeMap<NveId, u32>,
}

#[derive(Debug, Default)]
pub(super) struct Directory {
    entries: BTreeMap<TsiKey, Entry>,
    by_ip: BTreeMap<(Vni, IpAddr), Mac>,
    vns: BTreeMap<Vni, Vn>,
    /// Who was told that there is no such address, until when (DIR-11).
    absent: BTreeMap<(Vni, Address), BTreeMap<NveId, Instant>>,
}

impl Directory {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, key: &TsiKey) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &TsiKey) -> Option<&mut Entry> {
        self.entries.get_mut(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TsiKey, &Entry)> {
        self.entries.iter()
    }

    pub(super) fn find(&self, vn: Vni, address: Address) -> Option<TsiKey> {
        let mac = match address {
            Address::Mac(mac) => mac,
            Address::Ip(ip) => *self.by_ip.get(&(vn, ip))?,
        };
        let key = TsiKey { vn, mac };
        self.entries.contains_key(&key).then_some(key)
    }

    /// Another TSI that has one of these addresses.
    pub(super) fn conflict(&self, tsi: &Tsi) -> Option<Mac> {
        tsi.ips.iter().filter_map(|ip| self.by_ip.get(&(tsi.key.vn, *ip))).find(|mac| **mac != tsi.key.mac).copied()
    }

    pub(super) fn of_vn(&self, vn: Vni) -> impl Iterator<Item = (&TsiKey, &Entry)> {
        let range = TsiKey { vn, mac: Mac::ZERO }..=TsiKey { vn, mac: Mac::BROADCAST };
        self.entries.range(range)
    }

    /// Enters a TSI or its new addresses and place; keeps who is interested.
    pub(super) fn register(&mut self, tsi: &Tsi, nve: NveId, version: Version) {
        let key = tsi.key;
        if let Some(entry) = self.entries.get_mut(&key) {
            for ip in &entry.ips {
                self.by_ip.remove(&(key.vn, *ip));
            }
            entry.ips.clone_from(&tsi.ips);
        } else {
            let entry = Entry {
                ips: tsi.ips.clone(),
                version,
                nve,
                interested: BTreeMap::new(),
                unplanned: VecDeque::new(),
                frozen_until: None,
                withdraw: false,
                claim: None,
            };
            self.entries.insert(key, entry);
            self.join(key.vn, nve);
        }
        for ip in &tsi.ips {
            self.by_ip.insert((key.vn, *ip), key.mac);
        }
        self.place(&key, nve, version);
        let addresses = tsi.ips.iter().map(|ip| Address::Ip(*ip)).chain([Address::Mac(key.mac)]);
        let askers: Vec<_> = addresses.filter_map(|address| self.absent.remove(&(key.vn, address))).flatten().collect();
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.interested.extend(askers);
        }
    }

    /// An NVE was told that there is no such address; it is told when there is. At most `limit` addresses are remembered.
    pub(super) fn note_absent(
        &mut self,
        vn: Vni,
        address: Address,
        nve: NveId,
        until: Instant,
        now: Instant,
        limit: usize,
    ) {
        if self.absent.len() >= limit {
            self.absent.retain(|_, askers| askers.values().any(|until| *until > now));
        }
        if self.absent.len() < limit || self.absent.contains_key(&(vn, address)) {
            self.absent.entry((vn, address)).or_default().insert(nve, until);
        }
    }

    /// How many absent addresses are remembered.
    pub(super) fn absent_len(&self) -> usize {
        self.absent.len()
    }

    /// Points a mapping elsewhere.
    pub(super) fn place(&mut self, key: &TsiKey, nve: NveId, version: Version) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let before = core::mem::replace(&mut entry.nve, nve);
        entry.version = version;
        if before != nve {
            self.join(key.vn, nve);
            self.leave(key.vn, before);
        }
    }

    pub(super) fn withdraw(&mut self, key: &TsiKey) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        for ip in &entry.ips {
            self.by_ip.remove(&(key.vn, *ip));
        }
        self.leave(key.vn, entry.nve);
        Some(entry)
    }

    /// An NVE takes part in a VN once more often.
    pub(super) fn join(&mut self, vn: Vni, nve: NveId) {
        *self.vns.entry(vn).or_default().members.entry(nve).or_default() += 1;
    }

    /// And once less.
    pub(super) fn leave(&mut self, vn: Vni, nve: NveId) {
        let Some(of) = self.vns.get_mut(&vn) else { return };
        if let Some(count) = of.members.get_mut(&nve) {
            *count -= 1;
            if *count == 0 {
                of.members.remove(&nve);
            }
        }
        self.forget_if_empty(vn);
    }

    pub(super) fn members(&self, vn: Vni) -> Vec<NveId> {
        self.vns.get(&vn).into_iter().flat_map(|of| of.members.keys().copied()).collect()
    }

    /// The VNs that an NVE takes part in.
    pub(super) fn vns_of(&self, nve: NveId) -> Vec<Vni> {
        self.vns.iter().filter(|(_, of)| of.members.contains_key(&nve)).map(|(vn, _)| *vn).collect()
    }

    pub(super) fn subscribe(&mut self, vn: Vni, nve: NveId) {
        self.vns.entry(vn).or_default().subscribers.insert(nve);
    }

    pub(super) fn unsubscribe(&mut self, vn: Vni, nve: NveId) {
        if let Some(of) = self.vns.get_mut(&vn) {
            of.subscribers.remove(&nve);
        }
        self.forget_if_empty(vn);
    }

    fn forget_if_empty(&mut self, vn: Vni) {
        if self.vns.get(&vn).is_some_and(|of| of.members.is_empty() && of.subscribers.is_empty()) {
            self.vns.remove(&vn);
        }
    }

    /// Who wants to know of a mapping now (VMM-4.2-08).
    pub(super) fn interested(&mut self, key: &TsiKey, now: Instant) -> BTreeSet<NveId> {
        let mut all = self.vns.get(&key.vn).map(|of| of.subscribers.clone()).unwrap_or_default();
        if let Some(entry) = self.entries.get_mut(key) {
            entry.interested.retain(|_, until| *until > now);
            all.extend(entry.interested.keys());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use core::net::Ipv4Addr;
    use proptest::prelude::*;

    fn tsi(n: u8) -> Tsi {
        let key = TsiKey { vn: Vni::new(u32::from(n % 2)).unwrap(), mac: Mac([2, 0, 0, 0, 0, n]) };
        Tsi { key, ips: vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))] }
    }

    const fn version(generation: u64) -> Version {
        Version { epoch: 1, generation }
    }

    /// Checks VMM-10-01.
    #[test]
    fn the_same_address_in_two_networks_is_two_stations() {
        let (one, mut two) = (tsi(1), tsi(1));
        two.key.vn = Vni::new(9).unwrap();
        let mut directory = Directory::default();
        directory.register(&one, NveId(1), version(1));
        directory.register(&two, NveId(2), version(2));

        directory.place(&one.key, NveId(3), version(3));

        assert_eq!(directory.find(one.key.vn, Address::Ip(one.ips[0])), Some(one.key));
        assert_eq!(directory.find(two.key.vn, Address::Ip(two.ips[0])), Some(two.key));
        assert_eq!(directory.get(&two.key).map(|entry| (entry.nve, entry.version)), Some((NveId(2), version(2))));
    }

    /// Checks DIR-12, VMM-4.2-08.
    #[test]
    fn interest_ends_with_its_lifetime() {
        let of = tsi(1);
        let mut directory = Directory::default();
        directory.register(&of, NveId(1), version(1));
        directory.get_mut(&of.key).unwrap().interested.extend([(NveId(2), Instant(10)), (NveId(3), Instant(20))]);

        assert_eq!(directory.interested(&of.key, Instant(10)), BTreeSet::from([NveId(3)]));
        assert_eq!(directory.get(&of.key).unwrap().interested.len(), 1);
    }

    proptest! {
        /// Checks ARC-01, VMM-4.3-06.
        #[test]
        fn an_nve_is_a_member_while_something_of_the_vn_is_there_and_no_longer(
            steps in prop::collection::vec((0u8..4, 0u8..6, 1u64..4), 0..60),
        ) {
            let mut directory = Directory::default();
            for (n, (what, which, nve)) in steps.into_iter().enumerate() {
                let of = tsi(which);
                match what {
                    0 | 1 => directory.register(&of, NveId(nve), version(n as u64)),
                    2 => directory.place(&of.key, NveId(nve), version(n as u64)),
                    _ => { directory.withdraw(&of.key); }
                }
                for vn in [0, 1] {
                    let vn = Vni::new(vn).unwrap();
                    let there: BTreeSet<NveId> = directory.of_vn(vn).map(|(_, entry)| entry.nve).collect();
                    prop_assert_eq!(directory.members(vn), there.into_iter().collect::<Vec<_>>());
                }
            }
            let left: Vec<TsiKey> = directory.iter().map(|(key, _)| *key).collect();
            for key in left {
                directory.withdraw(&key);
            }
            prop_assert!(directory.vns.is_empty() && directory.by_ip.is_empty());
        }
    }
}
