//! To which NVEs a VN's BUM frames are replicated.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Members, Place};
use nvo3_wire::Vni;

/// The replication lists, bounded: so many VNs, so many members each.
#[derive(Debug)]
pub(super) struct Lists {
    vns: usize,
    members: usize,
    whole: BTreeMap<Vni, Vec<Place>>,
    /// Lists of which the end has not come yet.
    partial: BTreeMap<Vni, Vec<Place>>,
}

/// What became of a list, or of a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// The list is whole and takes the place of the last one.
    Whole,
    /// More of it is to come.
    Partial,
    /// No room for another VN.
    Shed,
}

impl Lists {
    pub(super) const fn new(vns: usize, members: usize) -> Self {
        Self { vns, members, whole: BTreeMap::new(), partial: BTreeMap::new() }
    }

    /// Takes in a list or a part of one. An empty list is none.
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

    /// What has not come to an end comes again from its beginning.
    pub(super) fn forget_partial(&mut self) {
        self.partial.clear();
    }

    /// Where the members of a VN are reached from `own`, which is none of them.
    pub(super) fn locators(&self, vn: Vni, own: &Place) -> Vec<IpAddr> {
        let others = self.whole.get(&vn).into_iter().flatten().filter(|member| member.nve != own.nve);
        others.filter_map(|member| member.locators.reachable_from(&own.locators)).collect()
    }

    pub(super) fn vns(&self) -> impl Iterator<Item = &Vni> {
        self.whole.keys()
    }

    pub(super) fn len(&self) -> usize {
        self.whole.len() + self.partial.len()
    }
}
