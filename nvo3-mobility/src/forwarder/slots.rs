//! The TSIs: those with an order of the control plane, and those that the control plane is being asked for.

use super::slot::Slot;
use ahash::RandomState;
use alloc::vec::Vec;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use nvo3_nva_proto::{HoldLimits, TsiKey};

pub(super) struct Slots {
    slots: HashMap<TsiKey, Slot, RandomState>,
    known: u32,
    asked: u32,
    /// The most known TSIs, and the most TSIs that are being asked for.
    most: u32,
    /// The limits for a TSI that is being asked for.
    limits: HoldLimits,
}

impl Slots {
    pub(super) fn new(most: u32, limits: HoldLimits, hasher: RandomState) -> Self {
        Self { slots: HashMap::with_hasher(hasher), known: 0, asked: 0, most, limits }
    }

    #[inline]
    pub(super) fn get(&self, key: &TsiKey) -> Option<&Slot> {
        self.slots.get(key)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: &TsiKey) -> Option<&mut Slot> {
        self.slots.get_mut(key)
    }

    /// The slot of a destination. A new one if the limit allows to ask the control plane for it.
    #[inline]
    pub(super) fn get_or_ask(&mut self, key: TsiKey) -> Option<&mut Slot> {
        match self.slots.entry(key) {
            Entry::Occupied(slot) => Some(slot.into_mut()),
            Entry::Vacant(_) if self.asked >= self.most => None,
            Entry::Vacant(place) => {
                self.asked += 1;
                Some(place.insert(Slot::new(self.limits)))
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
            Entry::Occupied(_) => self.asked -= 1,
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
        if !self.is_known(key) && self.slots.remove(key).is_some() {
            self.asked -= 1;
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

    /// The number of known TSIs, and of TSIs that are being asked for.
    pub(super) const fn counts(&self) -> (u32, u32) {
        (self.known, self.asked)
    }
}
