//! The replication lists: the NVEs that get the BUM frames of each VN.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Members, Place};
use nvo3_wire::Vni;

/// The replication lists, with a bounded number of VNs and of members per VN.
#[derive(Debug)]
pub(super) struct Lists {
    vns: usize,
    members: usize,
    whole: BTreeMap<Vni, Vec<Place>>,
    /// The lists whose last part has not arrived.
    partial: BTreeMap<Vni, Vec<Place>>,
}

/// The result of a list or of a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// The list is complete and replaces the last one.
    Whole,
    /// More parts of the list follow.
    Partial,
    /// There is no room for another VN.
    Shed,
}

impl Lists {
    pub(super) const fn new(vns: usize, members: usize) -> Self {
        Self { vns, members, whole: BTreeMap::new(), partial: BTreeMap::new() }
    }

    /// Takes a list or a part of one. An empty list removes the list of the VN.
    pub(super) fn take(&mut self, vn: Vni, part: Members) -> Listed {
        let listed = self.whole.contains_key(&vn) || self.partial.contains_key(&vn);
        if !listed && self.whole.len() + self.partial.len() >= self.vns {
            return Listed::Shed;
        }
        let Members { mut places, more } = part;
        let list = self.partial.entry(vn).or_default();
        list.append(&mut places);
        list.truncate(self.members);
        if more {
            return Listed::Partial;
        }
        match self.partial.remove(&vn) {
            Some(list) if !list.is_empty() => self.whole.insert(vn, list),
            _ => self.whole.remove(&vn),
        };
        Listed::Whole
    }

    /// Forgets incomplete lists: they come again from the beginning.
    pub(super) fn forget_partial(&mut self) {
        self.partial.clear();
    }

    /// The addresses of the members of a VN, as reachable from the locators `own`. This NVE is not among them.
    pub(super) fn locators(&self, vn: Vni, own: &Place) -> Vec<IpAddr> {
        let others = self.whole.get(&vn).into_iter().flatten().filter(|member| member.nve != own.nve);
        others.filter_map(|member| member.locators.reachable_from(&own.locators)).collect()
    }

    /// The whole lists.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Vni, &Vec<Place>)> {
        self.whole.iter()
    }

    /// True if there is a whole list for this VN.
    pub(super) fn has(&self, vn: Vni) -> bool {
        self.whole.contains_key(&vn)
    }

    pub(super) fn vns(&self) -> impl Iterator<Item = &Vni> {
        self.whole.keys()
    }

    pub(super) fn len(&self) -> usize {
        self.whole.len() + self.partial.len()
    }
}
