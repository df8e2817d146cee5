//! The invariants between the rooms, which hold at any time.

use super::{Forwarder, StoredFrames};
use crate::table::VapId;
use alloc::collections::BTreeMap;
use nvo3_nva_proto::TsiKey;

impl Forwarder {
    pub(in crate::forwarder) fn check(&self) {
        let (mut held, mut remembered) = ((0, 0), (0, 0));
        let (mut known, mut asked, mut ages, mut forgets) = (0, 0, 0, 0);
        let mut shares = BTreeMap::new();
        for (key, slot) in self.slots.iter() {
            let (lines, is_known) = (slot.lines.held(), slot.directive.is_known());
            assert!(is_known || lines.frames > 0);
            known += u32::from(is_known);
            asked += u32::from(!is_known);
            slot.asked_by.into_iter().for_each(|vap| *shares.entry(vap).or_default() += 1);
            ages += usize::from(self.hold.check(*key, &slot.lines));
            forgets += usize::from(self.recent.check(*key, &slot.trail, slot.directive.remembers()));
            let trail = slot.trail.remembered();
            held = (held.0 + lines.frames, held.1 + lines.bytes);
            remembered = (remembered.0 + trail.0, remembered.1 + trail.1);
        }
        let config = &self.config;
        for (total, (frames, bytes)) in [(self.held_in_all(), held), (self.remembered_in_all(), remembered)] {
            assert_eq!(total, StoredFrames { frames, bytes });
        }
        let (mut strange, mut waits) = ((0, 0), 0);
        for (vn, state) in self.vns.iter() {
            let (frames, bytes, waiting) = self.strangers.check(*vn, state.waiting());
            strange = (strange.0 + frames, strange.1 + bytes);
            waits += usize::from(waiting);
        }
        assert_eq!(self.strangers_in_all(), StoredFrames { frames: strange.0, bytes: strange.1 });
        assert!(strange.0 <= config.strangers_total_frames && strange.1 <= config.strangers_total_bytes);
        assert_eq!(self.strangers.deadlines(), waits);
        assert!(held.0 <= config.total_frames && held.1 <= config.total_bytes);
        assert!(remembered.0 <= config.recent_total_frames && remembered.1 <= config.recent_total_bytes);
        assert_eq!((self.slots.counts(), self.slots.shares()), ((known, asked), shares));
        assert!(self.slots.shares().into_values().all(|share| share <= config.asked_per_port));
        assert!(known <= config.tsis && asked <= config.tsis && self.ports.counts().0 <= config.ports as usize);
        assert_eq!((self.hold.deadlines(), self.recent.deadlines()), (ages, forgets));
        assert!(self.hold.ready_count() <= (known + asked) as usize);
    }

    pub(in crate::forwarder) fn vap(&self, key: &TsiKey) -> Option<VapId> {
        self.slots.get(key)?.directive.vap()
    }

    pub(in crate::forwarder) fn is_empty(&self) -> bool {
        self.vns.is_empty() && self.ports.counts() == (0, 0) && self.slots.counts() == (0, 0)
    }
}
