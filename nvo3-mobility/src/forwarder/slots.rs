//! The TSIs: those that control knows, and those that it is being asked for.

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
    /// Most that are known, and most that are being asked for.
    most: u32,
    /// What is held for a TSI that is being asked for.
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

    /// The slot of a destination; a new one if the limit allows to ask control for it.
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

    /// Whether control may make no other TSI known.
    pub(super) const fn is_full(&self) -> bool {
        self.known >= self.most
    }

    /// Whether more TSIs are asked for than the limit: control forgot one while frames were held for it.
    pub(super) const fn asks_too_much(&self) -> bool {
        self.asked > self.most
    }

    /// Makes a TSI known.
    pub(super) fn learn(&mut self, key: TsiKey) {
        self.known += 1;
        match self.slots.entry(key) {
            Entry::Occupied(_) => self.asked -= 1,
            Entry::Vacant(place) => _ = place.insert(Slot::new(self.limits)),
        }
    }

    /// Control knows a TSI no more. Its slot stays until [`Slots::release`].
    pub(super) const fn unlearn(&mut self) {
        self.known -= 1;
        self.asked += 1;
    }

    /// Removes the slot of a TSI that is not known, once nothing is held for it.
    pub(super) fn release(&mut self, key: &TsiKey) {
        if !self.is_known(key) && self.slots.remove(key).is_some() {
            self.asked -= 1;
        }
    }

    /// In order, so that what is done for each is the same in each run.
    pub(super) fn keys(&self) -> Vec<TsiKey> {
        let mut keys: Vec<TsiKey> = self.slots.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&TsiKey, &Slot)> {
        self.slots.iter()
    }

    /// How many control knows, and how many are being asked for.
    pub(super) const fn counts(&self) -> (u32, u32) {
        (self.known, self.asked)
    }
}
