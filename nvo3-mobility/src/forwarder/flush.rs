//! Letting held frames leave: in order for each TSI, in turn among TSIs (VMM-5-09; DESIGN, order of frames).

use super::hold::Line;
use super::slot::Way;
use super::{Forwarder, Target};
use crate::table::{Gate, Lane};
use alloc::vec::Vec;
use core::ops::Bound::{Excluded, Unbounded};
use nvo3_nva_proto::TsiKey;

impl Forwarder {
    pub(super) fn flush(&mut self, room: &mut dyn FnMut(&Target) -> bool, out: &mut Vec<u8>) -> Option<Target> {
        self.again = None;
        for _ in 0..self.ready.len() {
            let key = self.next_ready()?;
            self.turn = Some(key);
            let mut full = false;
            for line in [self.kept_front(key), self.lane_front(key)].into_iter().flatten() {
                let (line, target, stale) = line;
                if room(&target) {
                    self.leave(key, line, target, stale, out);
                    return Some(target);
                }
                full = true;
            }
            if !full {
                self.tidy(key);
                self.ready.remove(&key);
            }
        }
        None
    }

    /// The next in turn of the TSIs of which something may leave.
    fn next_ready(&self) -> Option<TsiKey> {
        let after = self.turn.and_then(|last| self.ready.range((Excluded(last), Unbounded)).next());
        after.or_else(|| self.ready.first()).copied()
    }

    /// What the TSI sent before its gate opened.
    fn kept_front(&self, key: TsiKey) -> Option<(Line, Target, bool)> {
        let slot = self.slots.get(&key).filter(|slot| slot.gate() == Gate::Open)?;
        self.pool.head(&slot.kept)?;
        Some((Line::Kept, Target::Again(slot.vap?), false))
    }

    /// What is for the TSI: first what was tunnelled here, then what came direct. Held behind the first pass stays what
    /// is to be delivered, but not what goes into a tunnel while the other party's frames are held.
    fn lane_front(&mut self, key: TsiKey) -> Option<(Line, Target, bool)> {
        let target = |way, lane: Lane| match way {
            Way::Deliver(vap) => Some((lane.into(), Target::Port(vap), false)),
            Way::Tunnel { to, stale } => Some((Line::from(lane), Target::Tunnel { to, vn: key.vn }, stale)),
            Way::Hold { .. } | Way::Drop(_) => None,
        };
        let first = self.front(key, Lane::Tunnelled);
        match first {
            Some(way @ (Way::Deliver(_) | Way::Tunnel { .. })) => target(way, Lane::Tunnelled),
            None => target(self.front(key, Lane::Direct)?, Lane::Direct),
            Some(_) => {
                target(self.front(key, Lane::Direct).filter(|way| matches!(way, Way::Tunnel { .. }))?, Lane::Direct)
            }
        }
    }

    fn leave(&mut self, key: TsiKey, line: Line, target: Target, stale: bool, out: &mut Vec<u8>) {
        let Some(slot) = self.slots.get_mut(&key) else { return };
        if line == Line::Direct && slot.tunnelled.is_empty() {
            slot.direct_began = true;
        }
        let Some(tag) = self.pool.pop(slot.line_mut(line), Some(out)) else { return };
        match target {
            Target::Port(_) => {
                if slot.remembers() && !tag.group {
                    self.remember(key, tag.origin, out);
                }
                self.tally.counters.delivered_frames += 1;
            }
            Target::Tunnel { .. } => self.tunnelled(key, tag.origin, stale && !tag.replayed),
            Target::Again(vap) => {
                self.tally.counters.again_frames += 1;
                // The sender is that of the slot: whatever else was kept there would not have been.
                self.again = Some((vap, key));
            }
        }
        self.tidy(key);
    }
}
