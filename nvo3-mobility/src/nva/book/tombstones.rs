//! The TSIs that are gone, as long as the book remembers them.

use alloc::collections::BTreeMap;
use nvo3_nva_proto::{RecordNo, TsiKey, Version};

/// A TSI that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The version from which on the TSI is gone.
    pub version: Version,
    /// True if management took it away.
    pub forgotten: bool,
}

/// The last TSIs that went, bounded. The records that removed them stay as long as the bound allows, also if the TSI came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tombstones {
    remembered: usize,
    by_record: BTreeMap<RecordNo, TsiKey>,
    gone: BTreeMap<TsiKey, Tombstone>,
}

impl Tombstones {
    /// Makes an empty set that remembers this many, at least one.
    pub(super) fn remembering(remembered: u32) -> Self {
        Self { remembered: remembered.max(1) as usize, by_record: BTreeMap::new(), gone: BTreeMap::new() }
    }

    pub(super) fn get(&self, key: &TsiKey) -> Option<&Tombstone> {
        self.gone.get(key)
    }

    /// Notes that a TSI went by the record of this version.
    pub(super) fn bury(&mut self, key: TsiKey, version: Version, forgotten: bool) {
        self.by_record.insert(RecordNo(version.generation), key);
        self.gone.insert(key, Tombstone { version, forgotten });
        if self.by_record.len() > self.remembered
            && let Some((number, oldest)) = self.by_record.pop_first()
            && self.gone.get(&oldest).is_some_and(|gone| gone.version.generation == number.0)
        {
            self.gone.remove(&oldest);
        }
    }

    /// Notes that a TSI is back.
    pub(super) fn remove(&mut self, key: &TsiKey) {
        self.gone.remove(key);
    }

    /// The record after which each TSI that went is remembered.
    pub(super) fn complete_since(&self) -> RecordNo {
        match self.by_record.first_key_value() {
            Some((oldest, _)) if self.by_record.len() >= self.remembered => RecordNo(oldest.0.saturating_sub(1)),
            _ => RecordNo(0),
        }
    }

    /// The TSIs that went after a record and did not come back, in the order of their records.
    pub(super) fn since(&self, number: RecordNo) -> impl Iterator<Item = (RecordNo, TsiKey)> {
        let later = self.by_record.range((core::ops::Bound::Excluded(number), core::ops::Bound::Unbounded));
        later
            .filter(|(number, key)| self.gone.get(key).is_some_and(|gone| gone.version.generation == number.0))
            .map(|(number, key)| (*number, *key))
    }

    /// True if this record is one of the last that took a TSI away.
    pub(super) fn has(&self, number: RecordNo) -> bool {
        self.by_record.contains_key(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_wire::{Mac, Vni};

    fn key(n: u8) -> TsiKey {
        TsiKey { vn: Vni::MAX, mac: Mac([2, 0, 0, 0, 0, n]) }
    }

    fn at(generation: u64) -> Version {
        Version { epoch: 1, generation }
    }

    #[test]
    fn the_oldest_leaves_and_the_rest_is_complete_since_then() {
        let mut tombstones = Tombstones::remembering(2);
        tombstones.bury(key(1), at(10), false);
        assert_eq!(tombstones.complete_since(), RecordNo(0));
        tombstones.bury(key(2), at(20), true);
        tombstones.bury(key(3), at(30), false);

        assert_eq!(tombstones.complete_since(), RecordNo(19));
        assert_eq!(tombstones.get(&key(1)), None);
        assert!(tombstones.get(&key(2)).unwrap().forgotten);
        assert!(tombstones.since(RecordNo(20)).map(|(_, key)| key).eq([key(3)]));
    }

    #[test]
    fn a_tsi_that_came_back_is_no_tombstone_and_a_later_one_is_its_own() {
        let mut tombstones = Tombstones::remembering(8);
        tombstones.bury(key(1), at(10), true);
        tombstones.remove(&key(1));
        assert_eq!((tombstones.get(&key(1)), tombstones.since(RecordNo(0)).count()), (None, 0));

        tombstones.bury(key(1), at(30), false);

        assert!(tombstones.since(RecordNo(0)).eq([(RecordNo(30), key(1))]));
        assert!([10, 30].into_iter().all(|number| tombstones.has(RecordNo(number))));
    }
}
