//! The virtual networks with a port or a TSI here, and the receivers of their group frames (VXL-14).

use super::ChangeRefusal;
use super::ports::Ports;
use super::slots::Slots;
use super::strangers::Waiting;
use crate::table::{Bum, VapId};
use ahash::RandomState;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::IpAddr;
use hashbrown::HashMap;
use nvo3_nva_proto::TsiKey;
use nvo3_wire::{Mac, Vni};

/// A local receiver of a copy of a group frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receiver {
    /// The port; `None` if the TSI has no port yet.
    pub(super) vap: Option<VapId>,
    /// The TSI for which the copy is held; `None` for a port without a TSI.
    pub(super) tsi: Option<TsiKey>,
    /// True if the copy is held for the TSI even if nothing else is held for it.
    pub(super) held: bool,
}

/// The local part of a VN.
#[derive(Default)]
pub(super) struct Vn {
    ports: BTreeSet<VapId>,
    /// The MACs with a VAP or an entry.
    local: BTreeSet<Mac>,
    /// The number of known TSIs.
    known: u32,
    /// The other NVEs that get the VN's group frames.
    members: Vec<IpAddr>,
    /// The addresses from which the VN's tunnelled frames may come, sorted.
    sources: Vec<IpAddr>,
    /// The frames that came from other addresses.
    waiting: Waiting,
    /// The receivers of group frames, as computed last.
    receivers: Vec<Receiver>,
    /// False if the receivers must be computed again before the next group frame.
    computed: bool,
}

impl Vn {
    pub(super) fn members(&self) -> &[IpAddr] {
        &self.members
    }

    /// The last result of [`Vns::compute`].
    pub(super) fn receivers(&self) -> &[Receiver] {
        &self.receivers
    }

    /// Takes a list. Both parts are sorted.
    pub(super) fn set_members(&mut self, members: Vec<IpAddr>, sources: Vec<IpAddr>) {
        self.members = members;
        self.sources = sources;
    }

    /// True if tunnelled frames may come from this address.
    #[inline]
    pub(super) fn lists(&self, from: IpAddr) -> bool {
        self.sources.binary_search(&from).is_ok()
    }

    #[inline]
    pub(super) const fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// The addresses that are listed, and the frames that wait.
    pub(super) fn waiting_mut(&mut self) -> (&[IpAddr], &mut Waiting) {
        (&self.sources, &mut self.waiting)
    }

    pub(super) fn add_port(&mut self, vap: VapId) {
        self.ports.insert(vap);
        self.computed = false;
    }

    pub(super) fn remove_port(&mut self, vap: VapId) {
        self.ports.remove(&vap);
        self.computed = false;
    }

    pub(super) const fn add_tsi(&mut self) {
        self.known += 1;
    }

    pub(super) const fn remove_tsi(&mut self) {
        self.known -= 1;
    }

    /// Notes a change of a TSI: it has a VAP or an entry here, or neither.
    pub(super) fn set_local(&mut self, mac: Mac, local: bool) {
        if local {
            self.local.insert(mac)
        } else {
            self.local.remove(&mac)
        };
        self.computed = false;
    }

    pub(super) const fn receivers_changed(&mut self) {
        self.computed = false;
    }

    fn has_nothing(&self) -> bool {
        self.ports.is_empty() && self.known == 0
    }

    /// Computes the receivers: one for each port, however many TSIs are behind it, and one for each TSI without a port.
    fn compute(&mut self, vn: Vni, ports: &Ports, slots: &Slots) {
        let bum = |key: &TsiKey| slots.get(key).map_or(Bum::Skip, |slot| slot.directive.bum());
        self.receivers.clear();
        self.computed = true;
        for vap in self.ports.iter().copied() {
            let tsis = || ports.attached(vap).filter(|key| key.vn == vn);
            let first = |wanted| tsis().find(|key| bum(key) == wanted);
            let receiver = |tsi, held| Receiver { vap: Some(vap), tsi, held };
            if tsis().next().is_none() {
                let trusted = ports.get(vap).is_some_and(|port| port.is_trusted());
                self.receivers.extend(trusted.then(|| receiver(None, false)));
            } else if let Some(key) = first(Bum::Deliver) {
                self.receivers.push(receiver(Some(key), false));
            } else if let Some(key) = first(Bum::Hold) {
                self.receivers.push(receiver(Some(key), true));
            }
        }
        for mac in &self.local {
            let key = TsiKey { vn, mac: *mac };
            if slots.get(&key).is_some_and(|slot| slot.directive.out().is_none()) && bum(&key) != Bum::Skip {
                self.receivers.push(Receiver { vap: None, tsi: Some(key), held: true });
            }
        }
    }
}

pub(super) struct Vns {
    vns: HashMap<Vni, Vn, RandomState>,
    most: usize,
}

impl Vns {
    pub(super) fn new(most: usize, hasher: RandomState) -> Self {
        Self { vns: HashMap::with_hasher(hasher), most }
    }

    /// The VN, if it has a port or a TSI here.
    #[inline]
    pub(super) fn here(&self, vn: Vni) -> Option<&Vn> {
        self.vns.get(&vn).filter(|vn| !vn.has_nothing())
    }

    pub(super) fn get_mut(&mut self, vn: Vni) -> Option<&mut Vn> {
        self.vns.get_mut(&vn)
    }

    /// The VN. Makes it if it is new.
    pub(super) fn get_or_make(&mut self, vn: Vni) -> Result<&mut Vn, ChangeRefusal> {
        if self.vns.len() >= self.most && !self.vns.contains_key(&vn) {
            return Err(ChangeRefusal::TooManyVns);
        }
        Ok(self.vns.entry(vn).or_default())
    }

    /// The VN with its current receivers.
    pub(super) fn compute(&mut self, vn: Vni, ports: &Ports, slots: &Slots) -> Option<&Vn> {
        let state = self.vns.get_mut(&vn)?;
        if !state.computed {
            state.compute(vn, ports, slots);
        }
        Some(state)
    }

    /// The VNs in order, so that each run does the same.
    pub(super) fn numbers(&self) -> Vec<Vni> {
        let mut numbers: Vec<Vni> = self.vns.keys().copied().collect();
        numbers.sort_unstable();
        numbers
    }

    /// Removes a VN that has neither port, TSI, list nor waiting frame. True if it has no port and no TSI.
    pub(super) fn release(&mut self, vn: Vni) -> bool {
        let Some(state) = self.vns.get(&vn) else { return true };
        let nothing = state.has_nothing();
        if nothing && state.members.is_empty() && state.sources.is_empty() && state.waiting.is_empty() {
            self.vns.remove(&vn);
        }
        nothing
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Vni, &Vn)> {
        self.vns.iter()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.vns.is_empty()
    }
}
