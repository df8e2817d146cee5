//! Stations that wait for the NVA's answer about an address.

use super::Asker;
use crate::table::VapId;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_wire::{Mac, Vni};

/// The waiting stations, by address, bounded.
#[derive(Debug)]
pub(super) struct Waiting {
    limit: usize,
    askers: BTreeSet<(Vni, IpAddr, Asker)>,
}

impl Waiting {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, askers: BTreeSet::new() }
    }

    /// Adds a station. False if there is no room.
    pub(super) fn enter(&mut self, vn: Vni, target: IpAddr, asker: Asker) -> bool {
        let room = self.askers.len() < self.limit;
        if room {
            self.askers.insert((vn, target, asker));
        }
        room
    }

    /// Removes and gives the stations that wait for an address.
    pub(super) fn take(&mut self, vn: Vni, target: IpAddr) -> Vec<Asker> {
        let first = (vn, target, Asker { vap: VapId(0), mac: Mac::ZERO, ip: None, tag: None });
        let same = self.askers.range(first..).take_while(|(v, t, _)| *v == vn && *t == target);
        let found: Vec<_> = same.map(|(_, _, asker)| *asker).collect();
        for asker in &found {
            self.askers.remove(&(vn, target, *asker));
        }
        found
    }

    pub(super) fn forget(&mut self, vap: VapId) {
        self.askers.retain(|(_, _, asker)| asker.vap != vap);
    }

    pub(super) fn len(&self) -> usize {
        self.askers.len()
    }
}
