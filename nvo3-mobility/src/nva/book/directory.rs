//! The directory: the NVE of each TSI, and the NVEs that take part in a VN.

use super::moves::Records;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::ops::Bound;
use nvo3_nva_proto::{Address, NveId, RecordNo, Role, Tsi, TsiKey, Version};
use nvo3_wire::{Mac, Vni};

/// The registration of one TSI in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    ips: Vec<IpAddr>,
    role: Role,
    nve: NveId,
    version: Version,
    registered: RecordNo,
    /// The records of the move that put the TSI at its NVE, if one did since the registration.
    settled: Option<Records>,
    /// The record that gave every mapping its version, if one did since the TSI came to its NVE.
    restamped: Option<RecordNo>,
}

impl Registration {
    /// The IP addresses of the TSI.
    pub fn ips(&self) -> &[IpAddr] {
        &self.ips
    }

    /// What the TSI is for Neighbor Discovery.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The TSI with its addresses and its role.
    pub fn tsi(&self, key: TsiKey) -> Tsi {
        Tsi { key, ips: self.ips.clone(), role: self.role }
    }

    /// True if a claim of these addresses and this role says nothing new. An unknown role leaves the known one as it is.
    pub fn says(&self, ips: &[IpAddr], role: Role) -> bool {
        self.ips == ips && role.or(self.role) == self.role
    }

    /// The NVE of the TSI.
    pub const fn nve(&self) -> NveId {
        self.nve
    }

    /// The version of the TSI's mapping.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The number of the record up to which the mapping may have changed.
    pub fn changed(&self) -> RecordNo {
        self.rests_on().max().unwrap_or(self.registered)
    }

    pub(super) fn rests_on(&self) -> impl Iterator<Item = RecordNo> {
        let settled = self.settled.into_iter().flat_map(Records::all);
        settled.chain(self.restamped).chain([self.registered])
    }
}

/// The registrations of all TSIs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directory {
    registrations: BTreeMap<TsiKey, Registration>,
    by_ip: BTreeMap<(Vni, IpAddr), Mac>,
    by_nve: BTreeSet<(NveId, TsiKey)>,
    /// Per VN and NVE: the number of mappings and moves that make the NVE take part in the VN.
    members: BTreeMap<Vni, BTreeMap<NveId, u32>>,
    /// The VNs of each NVE, in the same sense.
    vns: BTreeSet<(NveId, Vni)>,
    /// The TSIs at each NVE, and their addresses.
    shares: BTreeMap<NveId, Share>,
}

/// The part of the directory that one NVE has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::nva) struct Share {
    pub(in crate::nva) tsis: usize,
    pub(in crate::nva) addresses: usize,
}

/// The first and the last TSI key.
const FIRST: TsiKey = TsiKey { vn: Vni::MIN, mac: Mac::ZERO };
const LAST: TsiKey = TsiKey { vn: Vni::MAX, mac: Mac::BROADCAST };

impl Directory {
    pub(super) fn len(&self) -> usize {
        self.registrations.len()
    }

    pub(super) fn get(&self, key: &TsiKey) -> Option<&Registration> {
        self.registrations.get(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TsiKey, &Registration)> {
        self.registrations.iter()
    }

    /// The part of the directory that an NVE has.
    pub(super) fn share(&self, nve: NveId) -> Share {
        self.shares.get(&nve).copied().unwrap_or_default()
    }

    fn gain(&mut self, nve: NveId, addresses: usize) {
        let share = self.shares.entry(nve).or_default();
        share.tsis += 1;
        share.addresses += addresses;
    }

    fn lose(&mut self, nve: NveId, addresses: usize) {
        let Some(share) = self.shares.get_mut(&nve) else { return };
        share.tsis -= 1;
        share.addresses -= addresses;
        if *share == Share::default() {
            self.shares.remove(&nve);
        }
    }

    pub(super) fn find(&self, vn: Vni, address: Address) -> Option<TsiKey> {
        let mac = match address {
            Address::Mac(mac) => mac,
            Address::Ip(ip) => *self.by_ip.get(&(vn, ip))?,
        };
        let key = TsiKey { vn, mac };
        self.registrations.contains_key(&key).then_some(key)
    }

    pub(super) fn conflict(&self, key: TsiKey, ips: &[IpAddr]) -> Option<Mac> {
        ips.iter().filter_map(|ip| self.by_ip.get(&(key.vn, *ip))).find(|mac| **mac != key.mac).copied()
    }

    /// The TSIs at an NVE, in order, after the key if there is one.
    pub(super) fn at_nve(&self, nve: NveId, after: Option<TsiKey>) -> impl Iterator<Item = TsiKey> {
        let from = after.map_or(Bound::Included((nve, FIRST)), |key| Bound::Excluded((nve, key)));
        self.by_nve.range((from, Bound::Included((nve, LAST)))).map(|(_, key)| *key)
    }

    pub(super) fn in_vn(&self, vn: Vni) -> impl Iterator<Item = (&TsiKey, &Registration)> {
        self.registrations.range(TsiKey { vn, mac: Mac::ZERO }..=TsiKey { vn, mac: Mac::BROADCAST })
    }

    pub(super) fn in_vn_after(&self, vn: Vni, after: Option<Mac>) -> impl Iterator<Item = (&TsiKey, &Registration)> {
        let from = after.map_or(Bound::Included(Mac::ZERO), Bound::Excluded).map(|mac| TsiKey { vn, mac });
        self.registrations.range((from, Bound::Included(TsiKey { vn, mac: Mac::BROADCAST })))
    }

    /// Enters a TSI, or the new addresses and the new NVE of a TSI.
    pub(super) fn register(&mut self, tsi: &Tsi, nve: NveId, version: Version) {
        let key = tsi.key;
        let (ips, role, registered) = (tsi.ips.clone(), tsi.role, RecordNo(version.generation));
        let new = Registration { ips, role, nve, version, registered, settled: None, restamped: None };
        let before = self.registrations.insert(key, new);
        for ip in before.iter().flat_map(|before| &before.ips) {
            self.by_ip.remove(&(key.vn, *ip));
        }
        self.by_ip.extend(tsi.ips.iter().map(|ip| ((key.vn, *ip), key.mac)));
        if let Some(before) = &before {
            self.lose(before.nve, before.ips.len());
        }
        self.gain(nve, tsi.ips.len());
        self.change_nve(key, before.map(|before| before.nve), nve);
    }

    /// Points a mapping to the NVE that the outcome of a move names.
    pub(super) fn settle(&mut self, key: &TsiKey, nve: NveId, version: Version, by: Records) {
        let Some(registration) = self.registrations.get_mut(key) else { return };
        let before = core::mem::replace(&mut registration.nve, nve);
        let addresses = registration.ips.len();
        registration.version = version;
        registration.settled = Some(by);
        registration.restamped = None;
        self.lose(before, addresses);
        self.gain(nve, addresses);
        self.change_nve(*key, Some(before), nve);
    }

    /// Gives every mapping of an epoch after this one the version of a record.
    pub(super) fn restamp(&mut self, epoch: u32, version: Version) {
        for registration in self.registrations.values_mut().filter(|registration| registration.version.epoch > epoch) {
            registration.version = version;
            registration.restamped = Some(RecordNo(version.generation));
        }
    }

    /// Notes the last record of the move that put a TSI at its NVE.
    pub(super) fn note_closed(&mut self, key: &TsiKey, by: Records) {
        let registration = self.registrations.get_mut(key);
        if let Some(settled) = registration.and_then(|registration| registration.settled.as_mut())
            && settled.is_same_move(&by)
        {
            *settled = by;
        }
    }

    pub(super) fn withdraw(&mut self, key: &TsiKey) -> Option<Registration> {
        let registration = self.registrations.remove(key)?;
        for ip in &registration.ips {
            self.by_ip.remove(&(key.vn, *ip));
        }
        self.by_nve.remove(&(registration.nve, *key));
        self.lose(registration.nve, registration.ips.len());
        self.leave(key.vn, registration.nve);
        Some(registration)
    }

    fn change_nve(&mut self, key: TsiKey, before: Option<NveId>, now: NveId) {
        if before != Some(now) {
            self.join(key.vn, now);
            self.by_nve.insert((now, key));
            if let Some(before) = before {
                self.by_nve.remove(&(before, key));
                self.leave(key.vn, before);
            }
        }
    }

    /// Counts one more mapping or move that makes the NVE take part in the VN.
    pub(super) fn join(&mut self, vn: Vni, nve: NveId) {
        *self.members.entry(vn).or_default().entry(nve).or_default() += 1;
        self.vns.insert((nve, vn));
    }

    /// Counts one mapping or move fewer that makes the NVE take part in the VN.
    pub(super) fn leave(&mut self, vn: Vni, nve: NveId) {
        let Some(members) = self.members.get_mut(&vn) else { return };
        if let Some(count) = members.get_mut(&nve) {
            *count -= 1;
            if *count == 0 {
                members.remove(&nve);
                self.vns.remove(&(nve, vn));
            }
        }
        if members.is_empty() {
            self.members.remove(&vn);
        }
    }

    pub(super) fn members(&self, vn: Vni) -> impl Iterator<Item = NveId> {
        self.members.get(&vn).into_iter().flat_map(|members| members.keys().copied())
    }

    /// The VNs that an NVE takes part in, in order, after the VN if there is one.
    pub(super) fn vns_with(&self, nve: NveId, after: Option<Vni>) -> impl Iterator<Item = Vni> {
        let from = after.map_or(Bound::Included((nve, Vni::MIN)), |vn| Bound::Excluded((nve, vn)));
        self.vns.range((from, Bound::Included((nve, Vni::MAX)))).map(|(_, vn)| *vn)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Book, Plan, Record};
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::vec;
    use core::net::Ipv4Addr;
    use nvo3_nva_proto::{Micros, MoveId, MoveKind};
    use proptest::prelude::*;

    fn tsi(n: u8) -> Tsi {
        let key = TsiKey { vn: Vni::new(u32::from(n % 2)).unwrap(), mac: Mac([2, 0, 0, 0, 0, n]) };
        Tsi { key, ips: vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))], role: Role::Unknown }
    }

    /// A book and the number of its next record.
    fn write(book: &mut Book, record: Record) {
        book.apply(Version { epoch: 1, generation: book.last().0 + 1 }, &record);
    }

    fn move_to(book: &mut Book, key: TsiKey, new: NveId) {
        let Some(old) = book.get(&key).map(Registration::nve).filter(|old| *old != new) else { return };
        let id = MoveId(book.last().0);
        let (kind, deadline) = (MoveKind::Hot, Micros::from_secs(5));
        let plan = Plan { id, tsis: vec![key], old, new, kind, by_word: false, deadline };
        for record in [Record::Planned(plan), Record::Committed { id }, Record::Closed { id }] {
            write(book, record);
        }
    }

    /// Checks VMM-10-01.
    #[test]
    fn the_same_address_in_two_networks_is_two_stations() {
        let (first, mut second) = (tsi(1), tsi(1));
        second.key.vn = Vni::new(9).unwrap();
        let mut book = Book::new(1, 1);
        write(&mut book, Record::Registered { tsi: first.clone(), nve: NveId(1) });
        write(&mut book, Record::Registered { tsi: second.clone(), nve: NveId(2) });

        move_to(&mut book, first.key, NveId(3));

        assert_eq!(book.find(first.key.vn, Address::Ip(first.ips[0])), Some(first.key));
        assert_eq!(book.find(second.key.vn, Address::Ip(second.ips[0])), Some(second.key));
        let there = book.get(&second.key).unwrap();
        assert_eq!((there.nve(), there.version()), (NveId(2), Version { epoch: 1, generation: 2 }));
    }

    #[test]
    fn an_address_conflicts_with_another_mac_of_its_network_alone() {
        let (holder, mut other) = (tsi(1), tsi(3));
        other.ips.extend(&holder.ips);
        let mut book = Book::new(1, 1);
        write(&mut book, Record::Registered { tsi: holder.clone(), nve: NveId(1) });

        assert_eq!(book.conflict(holder.key, &holder.ips), None);
        assert_eq!(book.conflict(other.key, &other.ips), Some(holder.key.mac));
        other.key.vn = Vni::new(9).unwrap();
        assert_eq!(book.conflict(other.key, &other.ips), None);
    }

    proptest! {
        /// Checks ARC-01, VMM-4.3-06.
        #[test]
        fn an_nve_is_a_member_while_something_of_the_vn_is_there_and_no_longer(
            steps in prop::collection::vec((0u8..4, 0u8..6, 1u64..4), 0..60),
        ) {
            let mut book = Book::new(1, 1);
            for (kind, number, nve) in steps {
                let tsi = tsi(number);
                match kind {
                    0 | 1 => write(&mut book, Record::Registered { tsi, nve: NveId(nve) }),
                    2 => move_to(&mut book, tsi.key, NveId(nve)),
                    _ => write(&mut book, Record::Withdrawn { tsi: tsi.key }),
                }
                for vn in [0, 1] {
                    let vn = Vni::new(vn).unwrap();
                    let there: BTreeSet<NveId> = book.in_vn(vn).map(|(_, registration)| registration.nve()).collect();
                    prop_assert_eq!(book.members(vn).collect::<Vec<_>>(), there.into_iter().collect::<Vec<_>>());
                }
            }
            let left: Vec<TsiKey> = book.iter().map(|(key, _)| *key).collect();
            for tsi in left {
                write(&mut book, Record::Withdrawn { tsi });
            }
            prop_assert_eq!(book.tsi_count(), 0);
            prop_assert!([0, 1].iter().all(|vn| book.members(Vni::new(*vn).unwrap()).next().is_none()));
        }
    }
}
