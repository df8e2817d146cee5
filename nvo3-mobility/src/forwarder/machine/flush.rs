//! The leaving of held frames: in order for each TSI, in turn among TSIs (held frames leave before newer ones, VMM-5-09).

use super::frames::count_tunnelled;
use crate::forwarder::hold::Leaving;
use crate::forwarder::{Forwarder, Target};
use alloc::vec::Vec;
use nvo3_nva_proto::TsiKey;

impl Forwarder {
    pub(super) fn flush(&mut self, room: &mut dyn FnMut(&Target) -> bool, out: &mut Vec<u8>) -> Option<Target> {
        self.again = None;
        for _ in 0..self.hold.ready_count() {
            let key = self.hold.next_turn()?;
            let leaving = match self.slots.get_mut(&key) {
                Some(slot) => self.hold.leaving(key, slot, &mut self.tally),
                None => [None; 2],
            };
            let mut full = false;
            for leaving in leaving.into_iter().flatten() {
                if room(&leaving.target) {
                    self.leave(key, leaving, out);
                    return Some(leaving.target);
                }
                full = true;
            }
            if !full {
                self.tidy(key);
                self.hold.end_turn(&key);
            }
        }
        None
    }

    fn leave(&mut self, key: TsiKey, leaving: Leaving, out: &mut Vec<u8>) {
        let Some(slot) = self.slots.get_mut(&key) else { return };
        let Some(tag) = self.hold.take(slot, leaving.line, out) else { return };
        match leaving.target {
            Target::Port(_) => {
                if slot.directive.remembers() && !tag.copy {
                    self.recent.remember(&mut slot.trail, tag.origin, out, self.now, &mut self.tally.counters);
                }
                self.tally.counters.delivered_frames += 1;
            }
            Target::Tunnel { .. } => {
                let stale = leaving.stale && !tag.replayed;
                count_tunnelled(key, slot, (tag.origin, stale, out.len()), &mut self.notices, &mut self.tally);
            }
            Target::Again(vap) => {
                self.tally.counters.again_frames += 1;
                // Only frames that the slot's TSI sent are kept in its line.
                self.again = Some((vap, key));
            }
        }
        if self.hold.tidy(key, slot) {
            self.slots.release(&key);
        }
    }
}
