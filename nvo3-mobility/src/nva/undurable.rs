//! The records that are not durable yet, by the addresses that they change.
//!
//! An answer about an address rests on the newest record about that address, and on no other one. So a record that cannot be made
//! durable stops what depends on it, and not the other answers of the fabric.

use super::book::{Book, Record};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Address, RecordNo, TsiKey};
use nvo3_wire::Vni;

type Place = (Vni, Address);

/// Per address and per VN: the newest record about it that is not durable.
#[derive(Debug, Default)]
pub(super) struct Undurable {
    newest: BTreeMap<Place, RecordNo>,
    of_vn: BTreeMap<Vni, RecordNo>,
    records: VecDeque<(RecordNo, Vec<Place>)>,
}

impl Undurable {
    /// Notes a record, before the book applies it.
    pub(super) fn note(&mut self, number: RecordNo, record: &Record, book: &Book) {
        let places = match record {
            Record::Registered { tsi, .. } => of(tsi.key, book.ips(&tsi.key).iter().chain(&tsi.ips)),
            Record::Withdrawn { tsi } | Record::Forgotten { tsi } => of(*tsi, book.ips(tsi)),
            Record::Planned(plan) | Record::Restored { plan, .. } => plan.tsis.iter().map(mac).collect(),
            Record::Frozen { tsi } | Record::Released { tsi } => [mac(tsi)].into(),
            // No session opens before these are durable.
            Record::Epoch | Record::Rewound { .. } => Vec::new(),
            // What an NVE may do changes, and no mapping.
            Record::Fenced { .. } | Record::Returned { .. } => Vec::new(),
            Record::Committed { id } | Record::Aborted { id } | Record::Closed { id } => {
                book.plan(*id).map_or_else(Vec::new, |plan| plan.tsis.iter().map(mac).collect())
            }
        };
        self.newest.extend(places.iter().map(|place| (*place, number)));
        self.of_vn.extend(places.iter().map(|(vn, _)| (*vn, number)));
        self.records.push_back((number, places));
    }

    /// Forgets the records up to this one: they are durable.
    pub(super) fn persisted(&mut self, upto: RecordNo) {
        while self.records.front().is_some_and(|(number, _)| *number <= upto) {
            let Some((number, places)) = self.records.pop_front() else { return };
            for place in places {
                if self.newest.get(&place) == Some(&number) {
                    self.newest.remove(&place);
                }
                if self.of_vn.get(&place.0) == Some(&number) {
                    self.of_vn.remove(&place.0);
                }
            }
        }
    }

    /// The newest record about an address that is not durable; 0 if there is none.
    pub(super) fn about(&self, vn: Vni, address: Address) -> RecordNo {
        self.newest.get(&(vn, address)).copied().unwrap_or_default()
    }

    /// The newest record about a VN that is not durable; 0 if there is none.
    pub(super) fn about_vn(&self, vn: Vni) -> RecordNo {
        self.of_vn.get(&vn).copied().unwrap_or_default()
    }

    /// The newest record about some TSIs that is not durable; 0 if there is none.
    pub(super) fn about_tsis<'a>(&self, tsis: impl IntoIterator<Item = &'a TsiKey>) -> RecordNo {
        tsis.into_iter().map(|key| self.about(key.vn, Address::Mac(key.mac))).max().unwrap_or_default()
    }

    /// The number of all things that the room keeps.
    pub(super) fn footprint(&self) -> usize {
        self.newest.len() + self.of_vn.len() + self.records.len()
    }
}

const fn mac(key: &TsiKey) -> Place {
    (key.vn, Address::Mac(key.mac))
}

fn of<'a>(key: TsiKey, ips: impl IntoIterator<Item = &'a IpAddr>) -> Vec<Place> {
    ips.into_iter().map(|ip| (key.vn, Address::Ip(*ip))).chain([mac(&key)]).collect()
}
