//! The TSIs: those with an order of the control plane, and those that the control plane is being asked for.

use super::slot::Slot;
use super::{DropReason, Origin};
use crate::table::VapId;
use ahash::RandomState;
use alloc::vec::Vec;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use nvo3_nva_proto::{HoldLimits, TsiKey};

pub(super) struct Slots {
    slots: HashMap<TsiKey, Slot, RandomState>,
    known: u32,
    asked: u32,
    /// The TSIs that are being asked for because of frames of each port.
    shares: HashMap<VapId, u32, RandomState>,
    /// The most in one share.
    share: u32,
    /// The most known TSIs, and the most TSIs that are being asked for.
    most: u32,
    /// The limits for a TSI that is being asked for.
    limits: HoldLimits,
}

impl Slots {
    pub(super) fn new((most, share): (u32, u32), limits: HoldLimits, hasher: RandomState) -> Self {
        let shares = HashMap::with_hasher(hasher.clone());
        Self { slots: HashMap::with_hasher(hasher), known: 0, asked: 0, shares, share, most, limits }
    }

    #[inline]
    pub(super) fn get(&self, key: &TsiKey) -> Option<&Slot> {
        self.slots.get(key)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: &TsiKey) -> Option<&mut Slot> {
        self.slots.get_mut(key)
    }

    /// The slot of a frame's destination. A new one if the limits allow to ask the control plane for it; `admit` says whether a port with
    /// or without a share left, or an NVE, may ask for one more now.
    #[inline]
    pub(super) fn get_or_ask(
        &mut self,
        key: TsiKey,
        origin: Origin,
        admit: impl FnOnce(Origin, bool) -> bool,
    ) -> Result<&mut Slot, DropReason> {
        let place = match self.slots.entry(key) {
            Entry::Occupied(slot) => return Ok(slot.into_mut()),
            Entry::Vacant(_) if self.asked >= self.most => return Err(DropReason::TooManyAsked),
            Entry::Vacant(place) => place,
        };
        let mut slot = Slot::new(self.limits);
        match origin {
            Origin::Vap(vap) => {
                let asked = self.shares.get(&vap).copied().unwrap_or(0);
                if !admit(origin, asked < self.share) {
                    return Err(DropReason::MissLimited);
                }
                self.shares.insert(vap, asked + 1);
                slot.asked_by = Some(vap);
            }
            Origin::Tunnel(_) if !admit(origin, true) => return Err(DropReason::TunnelMissLimited),
            Origin::Tunnel(_) => {}
        }
        self.asked += 1;
        Ok(place.insert(slot))
    }

    /// Gives back the share that a slot takes.
    fn give_back(shares: &mut HashMap<VapId, u32, RandomState>, slot: &mut Slot) {
        if let Some(vap) = slot.asked_by.take()
            && let Entry::Occupied(mut share) = shares.entry(vap)
        {
            *share.get_mut() -= 1;
            if *share.get() == 0 {
                share.remove();
            }
        }
    }

    pub(super) fn is_known(&self, key: &TsiKey) -> bool {
        self.slots.get(key).is_some_and(|slot| slot.directive.is_known())
    }

    /// True if the limit of known TSIs is reached.
    pub(super) const fn is_full(&self) -> bool {
        self.known >= self.most
    }

    /// True if more TSIs are being asked for than the limit: the control plane removed one while frames were held for it.
    pub(super) const fn asks_too_much(&self) -> bool {
        self.asked > self.most
    }

    /// Makes a TSI known: the control plane has an order for it.
    pub(super) fn learn(&mut self, key: TsiKey) {
        self.known += 1;
        match self.slots.entry(key) {
            Entry::Occupied(mut slot) => {
                self.asked -= 1;
                Self::give_back(&mut self.shares, slot.get_mut());
            }
            Entry::Vacant(place) => _ = place.insert(Slot::new(self.limits)),
        }
    }

    /// Makes a TSI unknown: the control plane removed it. Its slot stays until [`Slots::release`].
    pub(super) const fn unlearn(&mut self) {
        self.known -= 1;
        self.asked += 1;
    }

    /// Removes the slot of an unknown TSI, once no frame is held for it.
    pub(super) fn release(&mut self, key: &TsiKey) {
        if !self.is_known(key)
            && let Some(mut slot) = self.slots.remove(key)
        {
            self.asked -= 1;
            Self::give_back(&mut self.shares, &mut slot);
        }
    }

    /// The TSIs in order, so that each run does the same.
    pub(super) fn keys(&self) -> Vec<TsiKey> {
        let mut keys: Vec<TsiKey> = self.slots.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&TsiKey, &Slot)> {
        self.slots.iter()
    }

    /// The TSIs that are being asked for because of frames of each port.
    #[cfg(test)]
    pub(super) fn shares(&self) -> alloc::collections::BTreeMap<VapId, u32> {
        self.shares.iter().map(|(vap, share)| (*vap, *share)).collect()
    }

    /// The number of known TSIs, and of TSIs that are being asked for.
    pub(super) const fn counts(&self) -> (u32, u32) {
        (self.known, self.asked)
    }
}
