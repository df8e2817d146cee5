//! The leaving of held frames: in order for each TSI, in turn among TSIs (held frames leave before newer ones, VMM-5-09).

use super::frames::count_tunnelled;
use crate::forwarder::hold::Leaving;
use crate::forwarder::tag::Tag;
use crate::forwarder::{Entrance, Forwarder, Origin, Target};
use alloc::vec::Vec;
use nvo3_nva_proto::TsiKey;

impl Forwarder {
    pub(super) fn flush(&mut self, room: &mut dyn FnMut(&Target) -> bool, out: &mut Vec<u8>) -> Option<Target> {
        (self.again, self.flushed_for) = (None, None);
        if let Some(entrance) = self.let_in(out) {
            return Some(Target::Again(entrance));
        }
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

    /// Takes the next frame whose sender was a stranger and is named now.
    fn let_in(&mut self, out: &mut Vec<u8>) -> Option<Entrance> {
        for _ in 0..self.strangers.ready_count() {
            let vn = self.strangers.next_turn()?;
            let state = self.vns.get_mut(vn);
            let tag = state.and_then(|state| self.strangers.take(vn, state.waiting_mut().1, out));
            if let Some(Tag { origin: Origin::Tunnel(from), .. }) = tag {
                self.tally.counters.again_frames += 1;
                let entrance = Entrance::Tunnel { from, vn };
                self.again = Some((entrance, None));
                return Some(entrance);
            }
            self.strangers.end_turn(vn);
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
            Target::Again(entrance) => {
                self.tally.counters.again_frames += 1;
                // Only frames that the slot's TSI sent are kept in its line.
                self.again = Some((entrance, Some(key)));
            }
        }
        self.flushed_for = Some(key);
        if self.hold.tidy(key, slot) {
            self.slots.release(&key);
        }
    }
}
