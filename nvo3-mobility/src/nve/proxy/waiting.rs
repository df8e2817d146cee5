//! Stations that wait for the NVA's answer about an address.

use super::Asker;
use crate::table::VapId;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use nvo3_nva_proto::Address;
use nvo3_wire::{Mac, Vni};

/// The waiting stations, by what they ask about, bounded: an IP address, or in RARP a MAC. Each port has a share of them.
#[derive(Debug)]
pub(super) struct Waiting {
    limit: usize,
    share: usize,
    askers: BTreeSet<(Vni, Address, Asker)>,
    /// The waiting stations of each port.
    shares: BTreeMap<VapId, usize>,
}

/// The reason why a station cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crowded {
    Full,
    NoShare,
}

impl Waiting {
    pub(super) const fn new(limit: usize, share: usize) -> Self {
        Self { limit, share, askers: BTreeSet::new(), shares: BTreeMap::new() }
    }

    /// Adds a station, if there is room and its port has a share left.
    pub(super) fn enter(&mut self, vn: Vni, target: Address, asker: Asker) -> Result<(), Crowded> {
        if self.askers.contains(&(vn, target, asker)) {
            return Ok(());
        }
        if self.askers.len() >= self.limit {
            return Err(Crowded::Full);
        }
        let waiting = self.shares.entry(asker.vap).or_default();
        if *waiting >= self.share {
            return Err(Crowded::NoShare);
        }
        *waiting += 1;
        self.askers.insert((vn, target, asker));
        Ok(())
    }

    /// Removes and gives the stations that wait for an address.
    pub(super) fn take(&mut self, vn: Vni, target: Address) -> Vec<Asker> {
        let first = (vn, target, Asker { vap: VapId(0), mac: Mac::ZERO, ip: None, tag: None });
        let same = self.askers.range(first..).take_while(|(v, t, _)| *v == vn && *t == target);
        let found: Vec<_> = same.map(|(_, _, asker)| *asker).collect();
        for asker in &found {
            self.askers.remove(&(vn, target, *asker));
            if let Some(waiting) = self.shares.get_mut(&asker.vap) {
                *waiting -= 1;
                if *waiting == 0 {
                    self.shares.remove(&asker.vap);
                }
            }
        }
        found
    }

    pub(super) fn forget(&mut self, vap: VapId) {
        self.askers.retain(|(_, _, asker)| asker.vap != vap);
        self.shares.remove(&vap);
    }

    pub(super) fn len(&self) -> usize {
        self.askers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{IpAddr, Ipv4Addr};

    const VN: Vni = Vni::MAX;

    const fn asker(vap: u32) -> Asker {
        Asker { vap: VapId(vap), mac: Mac::ZERO, ip: None, tag: None }
    }

    fn ip(n: u8) -> Address {
        Address::Ip(IpAddr::V4(Ipv4Addr::new(192, 0, 2, n)))
    }

    /// Checks I12.
    #[test]
    fn a_port_has_a_share_of_the_waiting_stations() {
        let mut waiting = Waiting::new(3, 2);
        let mut enter = |n, vap| waiting.enter(VN, ip(n), asker(vap));

        assert_eq!([enter(1, 1), enter(2, 1), enter(1, 1)], [Ok(()); 3], "the third waits already");
        assert_eq!([enter(3, 1), enter(1, 2)], [Err(Crowded::NoShare), Ok(())]);
        assert_eq!(enter(2, 2), Err(Crowded::Full));

        assert_eq!(waiting.take(VN, ip(1)), [asker(1), asker(2)]);
        assert_eq!(waiting.enter(VN, ip(3), asker(1)), Ok(()));
        waiting.forget(VapId(1));
        assert!(waiting.shares.is_empty() && waiting.len() == 0);
    }
}
