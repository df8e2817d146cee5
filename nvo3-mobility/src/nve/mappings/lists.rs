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
    /// The locators in whole lists, each with the number of times that it is there.
    locators: BTreeMap<IpAddr, usize>,
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
        Self { vns, members, whole: BTreeMap::new(), partial: BTreeMap::new(), locators: BTreeMap::new() }
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
        let list = self.partial.remove(&vn).unwrap_or_default();
        for locator in list.iter().flat_map(addresses) {
            *self.locators.entry(locator).or_default() += 1;
        }
        let before = if list.is_empty() { self.whole.remove(&vn) } else { self.whole.insert(vn, list) };
        for locator in before.iter().flatten().flat_map(addresses) {
            if let Some(count) = self.locators.get_mut(&locator) {
                *count -= 1;
                if *count == 0 {
                    self.locators.remove(&locator);
                }
            }
        }
        Listed::Whole
    }

    /// True if the address is a locator in a whole list.
    pub(super) fn has(&self, address: &IpAddr) -> bool {
        self.locators.contains_key(address)
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
    pub(super) fn lists_vn(&self, vn: Vni) -> bool {
        self.whole.contains_key(&vn)
    }

    pub(super) fn vns(&self) -> impl Iterator<Item = &Vni> {
        self.whole.keys()
    }

    pub(super) fn len(&self) -> usize {
        self.whole.len() + self.partial.len()
    }
}

fn addresses(place: &Place) -> impl Iterator<Item = IpAddr> {
    let Place { locators, .. } = place;
    locators.v4().map(IpAddr::V4).into_iter().chain(locators.v6().map(IpAddr::V6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use nvo3_nva_proto::{Locators, NveId};

    fn members(nves: &[u8], more: bool) -> Members {
        let place = |n: &u8| Place { nve: NveId((*n).into()), locators: Locators::V4(Ipv4Addr::new(192, 0, 2, *n)) };
        Members { places: nves.iter().map(place).collect(), more }
    }

    #[test]
    fn a_locator_is_known_as_long_as_a_whole_list_has_it() {
        let mut lists = Lists::new(4, 8);
        let has = |lists: &Lists| [1, 2, 3].map(|n| lists.has(&Ipv4Addr::new(192, 0, 2, n).into()));

        lists.take(Vni::MAX, members(&[1, 2], false));
        lists.take(Vni::from_bytes([0, 0, 1]), members(&[2], false));
        assert_eq!(has(&lists), [true, true, false]);

        lists.take(Vni::MAX, members(&[3], true));
        assert_eq!(has(&lists), [true, true, false], "the list is not whole");
        lists.take(Vni::MAX, members(&[], false));
        assert_eq!(has(&lists), [false, true, true]);
        lists.take(Vni::from_bytes([0, 0, 1]), members(&[], false));
        assert_eq!((has(&lists), lists.locators.len()), ([false, false, true], 1));
    }
}
