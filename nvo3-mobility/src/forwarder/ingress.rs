//! Frames that come in: from a VAP, from a tunnel, and by unicast onwards.

use super::counters::DropReason;
use super::drops::Dropped;
use super::hold::Line;
use super::pool::Tag;
use super::slot::{Origin, Slot, Way};
use super::{Forwarder, Notice, Verdict, classify};
use crate::table::{Gate, Lane, VapId};
use core::net::IpAddr;
use nvo3_nva_proto::{TsiKey, Version};
use nvo3_wire::Vni;

impl Forwarder {
    pub(super) fn vap_in(&mut self, vap: VapId, bytes: &[u8], passed: bool) -> Verdict {
        let origin = Origin::Vap(vap);
        let Some(port) = self.ports.get(&vap) else { return self.drop(DropReason::UnknownPort, origin, bytes) };
        let Some(frame) = classify::parse(bytes) else { return self.drop(DropReason::Malformed, origin, bytes) };
        let (source, vn) = (frame.header.source, port.vn);
        if source.is_group() {
            return self.drop(DropReason::GroupSource, origin, bytes);
        }
        if port.macs.as_ref().is_some_and(|macs| macs.binary_search(&source).is_err()) {
            return self.drop(DropReason::SourceNotAllowed, origin, bytes);
        }
        let key = TsiKey { vn, mac: source };
        let again = self.again == Some((vap, key));
        if again {
            self.again = None;
        }
        if let Some(slot) = self.slots.get_mut(&key).filter(|slot| slot.vap == Some(vap)) {
            let closed = slot.gate() == Gate::Hold;
            if closed && !slot.seen {
                slot.seen = self.notices.push(Notice::Seen { key, vap }, &mut self.tally.counters);
            }
            // What was kept goes first; what it gave back itself, or control let pass, was before that.
            if closed || !slot.kept.is_empty() && !again && !passed {
                return self.keep(key, Line::Kept, origin, bytes, !closed);
            }
        }
        if !passed && classify::for_control(&frame) {
            self.tally.counters.punted_frames += 1;
            return Verdict::Punt;
        }
        match frame.header.destination {
            group if group.is_group() => self.replicate(vn, origin, bytes),
            mac => self.unicast(TsiKey { vn, mac }, origin, bytes),
        }
    }

    pub(super) fn tunnel_in(&mut self, from: IpAddr, vn: Vni, bytes: &[u8]) -> Verdict {
        let origin = Origin::Tunnel(from);
        if !self.vns.get(&vn).is_some_and(|vn| vn.known > 0 || !vn.ports.is_empty()) {
            self.not_here(from, vn, bytes);
            return self.drop(DropReason::UnknownVn, origin, bytes);
        }
        if self.config.own.contains(from) {
            return self.drop(DropReason::Loop, origin, bytes);
        }
        let Some(frame) = classify::parse(bytes) else { return self.drop(DropReason::Malformed, origin, bytes) };
        if frame.header.source.is_group() {
            return self.drop(DropReason::GroupSource, origin, bytes);
        }
        match frame.header.destination {
            group if group.is_group() => self.replicate(vn, origin, bytes),
            mac => self.unicast(TsiKey { vn, mac }, origin, bytes),
        }
    }

    /// Whoever believes that the destination is here, where not even its VN is, had better ask (VMM-5-12).
    fn not_here(&mut self, from: IpAddr, vn: Vni, bytes: &[u8]) {
        let Some(mac) = classify::parse(bytes).map(|frame| frame.header.destination) else { return };
        if !mac.is_group() && !self.config.own.contains(from) {
            let newest = Version { epoch: u32::MAX, generation: u64::MAX };
            self.notices.stale(TsiKey { vn, mac }, from, newest, &mut self.tally.counters);
        }
    }

    fn unicast(&mut self, key: TsiKey, origin: Origin, bytes: &[u8]) -> Verdict {
        if !self.slots.contains_key(&key) {
            if self.asked >= self.config.tsis {
                return self.drop_for(key, DropReason::TooManyAsked, origin, bytes);
            }
            self.slots.insert(key, Slot::new(self.config.asked));
            self.asked += 1;
        }
        let Some(slot) = self.slots.get(&key) else {
            return self.drop_for(key, DropReason::TooManyAsked, origin, bytes);
        };
        let (way, remembers) = (slot.way(&self.config.own, origin, false), slot.remembers());
        let goes = matches!(way, Way::Deliver(_) | Way::Tunnel { .. });
        if goes && !slot.lanes_empty() && self.must_wait(key, origin, way) {
            return self.queue_behind(key, origin, bytes);
        }
        match way {
            Way::Deliver(vap) => {
                if remembers {
                    self.remember(key, origin, bytes);
                }
                self.tally.counters.delivered_frames += 1;
                Verdict::Deliver(vap)
            }
            Way::Tunnel { to, stale } => {
                self.tunnelled(key, origin, stale);
                Verdict::Tunnel { to, vn: key.vn }
            }
            Way::Hold { lane, asked } => {
                let verdict = self.keep(key, lane.into(), origin, bytes, false);
                if asked
                    && let Some(slot) = self.slots.get_mut(&key)
                    && !slot.missed
                    && verdict == Verdict::Held
                {
                    slot.missed =
                        self.notices.push(Notice::Miss { vn: key.vn, mac: key.mac }, &mut self.tally.counters);
                }
                verdict
            }
            Way::Drop(reason) => {
                if let Some(slot) = self.slots.get_mut(&key) {
                    slot.counters.dropped_frames += 1;
                    if let (Origin::Tunnel(from), DropReason::UnknownDestination) = (origin, reason) {
                        self.notices.stale(key, from, slot.version, &mut self.tally.counters);
                    }
                }
                self.drop_for(key, reason, origin, bytes)
            }
        }
    }

    /// Whether a frame that could go would overtake. Frames for the tunnel do not wait for those of the other party that
    /// are held while the VM still runs there (the prepared attachment).
    fn must_wait(&mut self, key: TsiKey, origin: Origin, way: Way) -> bool {
        let Some(slot) = self.slots.get(&key) else { return false };
        let past = matches!(way, Way::Tunnel { .. }) && slot.direct.is_empty() && slot.lane(origin) == Lane::Direct;
        !(past && matches!(self.front(key, Lane::Tunnelled), Some(Way::Hold { .. }) | None))
    }

    /// Behind the frames of its pass; the other party's come too late for theirs once the second has begun.
    fn queue_behind(&mut self, key: TsiKey, origin: Origin, bytes: &[u8]) -> Verdict {
        let Some(slot) = self.slots.get(&key) else { return Verdict::Held };
        let lane = slot.pass(origin);
        if lane != slot.lane(origin) {
            self.tally.counters.reordered_frames += 1;
        }
        self.keep(key, lane.into(), origin, bytes, true)
    }

    fn keep(&mut self, key: TsiKey, line: Line, origin: Origin, bytes: &[u8], ready: bool) -> Verdict {
        let held = self.hold(key, line, origin, false, bytes);
        match held {
            Ok(()) => {
                if ready {
                    self.ready.insert(key);
                }
                Verdict::Held
            }
            Err(reason) => {
                if let Some(slot) = self.slots.get_mut(&key) {
                    slot.counters.dropped_frames += 1;
                }
                self.tidy(key);
                self.drop_for(key, reason, origin, bytes)
            }
        }
    }

    /// Counts a frame that leaves by a tunnel, and whoever should not have sent it here.
    pub(super) fn tunnelled(&mut self, key: TsiKey, origin: Origin, stale: bool) {
        self.tally.counters.tunnelled_frames += 1;
        let Some(slot) = self.slots.get_mut(&key) else { return };
        slot.counters.tunnelled_frames += 1;
        if let Origin::Tunnel(from) = origin
            && stale
            && slot.lane(origin) == Lane::Direct
            && self.notices.stale(key, from, slot.version, &mut self.tally.counters)
        {
            slot.counters.stale_senders += 1;
        }
    }

    /// Drops a frame before its TSI is looked for.
    pub(super) fn drop(&mut self, reason: DropReason, origin: Origin, bytes: &[u8]) -> Verdict {
        let (arrived, line, copy, replayed) = (self.now, None, false, false);
        self.tally.drop_new(Dropped { reason, tsi: None, origin, line, copy, replayed, arrived }, bytes);
        Verdict::Drop(reason)
    }

    fn drop_for(&mut self, key: TsiKey, reason: DropReason, origin: Origin, bytes: &[u8]) -> Verdict {
        self.tally.drop_new(Tag::new(origin, false, self.now).dropped(reason, key, None), bytes);
        Verdict::Drop(reason)
    }
}
