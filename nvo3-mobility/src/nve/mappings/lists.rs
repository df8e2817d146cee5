//! The replication lists: the NVEs of each VN, which get its BUM frames, and from which its frames come.
//!
//! An NVE that left a VN may still tunnel frames of the VN for a time: those that were under way to it, and those of senders that have
//! not heard of a move. So its frames are accepted for `NveConfig.in_flight` after it left the list, or after a move with this NVE if no
//! list named it (TUN-10, R-37).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, Locators, Members, Micros, Place};
use nvo3_wire::Vni;

/// The replication lists, with a bounded number of VNs and of members per VN.
#[derive(Debug)]
pub(super) struct Lists {
    vns: usize,
    members: usize,
    in_flight: Micros,
    whole: BTreeMap<Vni, Vec<Place>>,
    /// The lists whose last part has not arrived.
    partial: BTreeMap<Vni, Vec<Place>>,
    /// The locators in whole lists, each with the number of times that it is there.
    locators: BTreeMap<IpAddr, usize>,
    /// The NVEs that left each VN, and the time until which their frames are accepted.
    departed: BTreeMap<Vni, BTreeMap<Place, Instant>>,
    ends: BTreeSet<(Instant, Vni)>,
}

/// The result of a list or of a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// The list is complete and replaces the last one. So many NVEs were not taken for want of room.
    Whole { shed: usize },
    /// More parts of the list follow.
    Partial,
    /// There is no room for another VN.
    Shed,
}

impl Lists {
    pub(super) const fn new(vns: usize, members: usize, in_flight: Micros) -> Self {
        Self {
            vns,
            members,
            in_flight,
            whole: BTreeMap::new(),
            partial: BTreeMap::new(),
            locators: BTreeMap::new(),
            departed: BTreeMap::new(),
            ends: BTreeSet::new(),
        }
    }

    /// Takes a list or a part of one. An empty list removes the list of the VN.
    pub(super) fn take(&mut self, now: Instant, vn: Vni, part: Members) -> Listed {
        let listed = self.whole.contains_key(&vn) || self.partial.contains_key(&vn);
        if !listed && self.whole.len() + self.partial.len() >= self.vns {
            return Listed::Shed;
        }
        let Members { mut places, more } = part;
        let list = self.partial.entry(vn).or_default();
        list.append(&mut places);
        // One more than the bound shows that there are too many.
        list.truncate(self.members + 1);
        if more {
            return Listed::Partial;
        }
        let mut list = self.partial.remove(&vn).unwrap_or_default();
        let shed = list.len().saturating_sub(self.members);
        list.truncate(self.members);
        for locator in list.iter().flat_map(|place| each(&place.locators)) {
            *self.locators.entry(locator).or_default() += 1;
        }
        let before = if list.is_empty() { self.whole.remove(&vn) } else { self.whole.insert(vn, list) };
        let before = before.unwrap_or_default();
        for locator in before.iter().flat_map(|place| each(&place.locators)) {
            if let Some(count) = self.locators.get_mut(&locator) {
                *count -= 1;
                if *count == 0 {
                    self.locators.remove(&locator);
                }
            }
        }
        Listed::Whole { shed: shed + self.note_departed(now, vn, before) }
    }

    /// Notes that these NVEs may still tunnel frames of the VN, as far as its list does not name them. Gives the number for which there is
    /// no room.
    pub(super) fn note_departed(&mut self, now: Instant, vn: Vni, nves: Vec<Place>) -> usize {
        let members: BTreeSet<&Place> = self.whole.get(&vn).into_iter().flatten().collect();
        let left: Vec<Place> = nves.into_iter().filter(|place| !members.contains(place)).collect();
        let known = self.departed.contains_key(&vn);
        if left.is_empty() && !known {
            return 0;
        }
        if !known && self.departed.len() >= self.vns {
            return left.len();
        }
        let departed = self.departed.entry(vn).or_default();
        departed.retain(|place, _| !members.contains(place));
        let room = self.members.saturating_sub(departed.len());
        let (end, shed) = (now + self.in_flight, left.len().saturating_sub(room));
        if !left.is_empty() {
            self.ends.insert((end, vn));
        }
        departed.extend(left.into_iter().take(room).map(|place| (place, end)));
        if departed.is_empty() {
            self.departed.remove(&vn);
        }
        shed
    }

    /// The time at which the next NVE that left is forgotten.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// Forgets NVEs that left long ago. Gives their VN.
    pub(super) fn forget_departed(&mut self, now: Instant) -> Option<Vni> {
        let (_, vn) = *self.ends.first().filter(|(end, _)| *end <= now)?;
        self.ends.pop_first();
        if let Some(departed) = self.departed.get_mut(&vn) {
            departed.retain(|_, end| *end > now);
            if departed.is_empty() {
                self.departed.remove(&vn);
            }
        }
        Some(vn)
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
        self.others(vn, own).filter_map(|member| member.locators.reachable_from(&own.locators)).collect()
    }

    /// The whole lists.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Vni, &Vec<Place>)> {
        self.whole.iter()
    }

    /// True if there is a whole list for this VN.
    pub(super) fn lists_vn(&self, vn: Vni) -> bool {
        self.whole.contains_key(&vn)
    }

    /// The addresses from which frames of a VN may come: all locators of the members, and of those that left lately. This NVE is not
    /// among them.
    pub(super) fn sources(&self, vn: Vni, own: &Place) -> Vec<IpAddr> {
        let departed = self.departed.get(&vn).into_iter().flat_map(BTreeMap::keys);
        let departed = departed.filter(|place| place.nve != own.nve);
        self.others(vn, own).chain(departed).flat_map(|place| each(&place.locators)).collect()
    }

    fn others(&self, vn: Vni, own: &Place) -> impl Iterator<Item = &Place> {
        self.whole.get(&vn).into_iter().flatten().filter(|member| member.nve != own.nve)
    }

    /// The VNs with a list, or with an NVE that left lately.
    pub(super) fn vns(&self) -> impl Iterator<Item = &Vni> {
        self.whole.keys().chain(self.departed.keys().filter(|vn| !self.whole.contains_key(vn)))
    }

    pub(super) fn len(&self) -> usize {
        let departed: usize = self.departed.values().map(BTreeMap::len).sum();
        self.whole.len() + self.partial.len() + departed
    }
}

fn each(locators: &Locators) -> impl Iterator<Item = IpAddr> {
    let (v4, v6) = (locators.v4().map(IpAddr::V4), locators.v6().map(IpAddr::V6));
    v4.into_iter().chain(v6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use core::net::{Ipv4Addr, Ipv6Addr};
    use nvo3_nva_proto::NveId;

    const VN: Vni = Vni::MAX;
    const SECOND: u64 = 1_000_000;

    fn place(n: u8) -> Place {
        let locators = Locators::Both(Ipv4Addr::new(192, 0, 2, n), Ipv6Addr::from(u128::from(n)));
        Place { nve: NveId(n.into()), locators }
    }

    fn take(lists: &mut Lists, at: u64, nves: &[u8]) -> Listed {
        let places = nves.iter().map(|n| place(*n)).collect();
        lists.take(Instant(at), VN, Members { places, more: false })
    }

    /// The NVEs whose frames are accepted, which each have two addresses.
    fn accepted(lists: &Lists) -> Vec<u8> {
        let sources = lists.sources(VN, &place(1));
        let of = |address: &IpAddr| match address {
            IpAddr::V4(v4) => v4.octets()[3],
            IpAddr::V6(v6) => v6.octets()[15],
        };
        let nves: BTreeSet<u8> = sources.iter().map(of).collect();
        assert_eq!(sources.len(), 2 * nves.len());
        nves.into_iter().collect()
    }

    /// Checks TUN-10, R-37.
    #[test]
    fn an_nve_that_left_is_accepted_while_frames_may_be_in_flight_and_gets_none() {
        let mut lists = Lists::new(4, 8, Micros(SECOND));
        take(&mut lists, 0, &[1, 2, 3]);
        take(&mut lists, 10, &[1, 3]);

        assert_eq!(lists.locators(VN, &place(1)), [IpAddr::V6(Ipv6Addr::from(3))]);
        assert_eq!((accepted(&lists), lists.next_end()), (vec![2, 3], Some(Instant(10 + SECOND))));
        assert_eq!(lists.forget_departed(Instant(9 + SECOND)), None);
        assert_eq!(lists.forget_departed(Instant(10 + SECOND)), Some(VN));
        assert_eq!((accepted(&lists), lists.next_end(), lists.len()), (vec![3], None, 1));
    }

    #[test]
    fn an_nve_that_comes_back_stays_when_its_old_time_ends() {
        let mut lists = Lists::new(4, 8, Micros(SECOND));
        for (at, nves) in [(0, &[2, 3][..]), (10, &[3]), (20, &[2, 3]), (30, &[])] {
            take(&mut lists, at, nves);
        }
        assert_eq!((accepted(&lists), lists.vns().count()), (vec![2, 3], 1));

        lists.forget_departed(Instant(10 + SECOND));
        assert_eq!(accepted(&lists), [2, 3]);

        lists.forget_departed(Instant(30 + SECOND));
        assert_eq!((accepted(&lists), lists.len(), lists.vns().count()), (vec![], 0, 0));
    }

    #[test]
    fn what_exceeds_a_bound_is_counted() {
        let mut lists = Lists::new(4, 2, Micros(SECOND));

        assert_eq!(take(&mut lists, 0, &[2, 3, 4]), Listed::Whole { shed: 1 });
        assert_eq!(take(&mut lists, 1, &[5, 6]), Listed::Whole { shed: 0 });
        assert_eq!(take(&mut lists, 2, &[7]), Listed::Whole { shed: 2 });
        assert_eq!(accepted(&lists), [2, 3, 7]);
    }

    #[test]
    fn a_locator_is_known_as_long_as_a_whole_list_has_it() {
        let mut lists = Lists::new(4, 8, Micros(0));
        let has = |lists: &Lists| [1, 2, 3].map(|n| lists.has(&Ipv4Addr::new(192, 0, 2, n).into()));
        let take = |lists: &mut Lists, vn, nves: &[u8], more| {
            let places = nves.iter().map(|n| place(*n)).collect();
            lists.take(Instant(0), vn, Members { places, more });
        };
        let other = Vni::from_bytes([0, 0, 1]);

        take(&mut lists, VN, &[1, 2], false);
        take(&mut lists, other, &[2], false);
        assert_eq!(has(&lists), [true, true, false]);

        take(&mut lists, VN, &[3], true);
        assert_eq!(has(&lists), [true, true, false], "the list is not whole");
        take(&mut lists, VN, &[], false);
        assert_eq!(has(&lists), [false, true, true]);
        take(&mut lists, other, &[], false);
        assert_eq!((has(&lists), lists.locators.len()), ([false, false, true], 2));
    }
}
