//! The frames that come in from VAPs and tunnels, and the way of a unicast frame. Each frame costs one look-up of the port, of the sender
//! and of the destination.

use crate::fairness::{Limit, Limiter, Rate, Recent};
use crate::forwarder::classify::{self, Class};
use crate::forwarder::notice::Notices;
use crate::forwarder::slot::Slot;
use crate::forwarder::tag::Tag;
use crate::forwarder::tally::Tally;
use crate::forwarder::way::Way;
use crate::forwarder::{DropReason, Entrance, Forwarder, Line, Notice, Origin, Verdict};
use crate::table::{Gate, Lane, VapId};
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, TsiKey, Version};
use nvo3_wire::ethernet::Frame;
use nvo3_wire::{Mac, Vni};

impl Forwarder {
    pub(super) fn vap_in(&mut self, vap: VapId, bytes: &[u8], passed: bool) -> Verdict {
        let origin = Origin::Vap(vap);
        let Some(port) = self.ports.get(vap) else { return self.drop(DropReason::UnknownPort, origin, bytes) };
        let Some(frame) = classify::parse(bytes) else { return self.drop(DropReason::Malformed, origin, bytes) };
        let (source, vn) = (frame.header.source, port.vn());
        if source.is_group() {
            return self.drop(DropReason::GroupSource, origin, bytes);
        }
        let class = match port.judge(bytes, &frame) {
            Ok(class) => class,
            Err(reason) => {
                self.note_lie(reason, vap, &frame);
                return self.drop(reason, origin, bytes);
            }
        };
        if class == Class::ControlOnly {
            return if passed { self.drop(DropReason::AddressNotAllowed, origin, bytes) } else { self.punt() };
        }
        if let Some(kept) = self.keep(TsiKey { vn, mac: source }, vap, bytes, passed, class) {
            return kept;
        }
        if !passed && class.is_for_control() {
            return self.punt();
        }
        self.forward(vn, frame.header.destination, origin, bytes)
    }

    /// Tells the control plane of a frame that is dropped for a claim that is not bound to its port.
    #[cold]
    fn note_lie(&mut self, reason: DropReason, vap: VapId, frame: &Frame<'_>) {
        let ip = match reason {
            DropReason::SourceNotAllowed => None,
            DropReason::AddressNotAllowed => classify::source(frame),
            _ => return,
        };
        let lie = Notice::Lie { vap, mac: frame.header.source, ip };
        self.notices.push_once(lie, &mut self.tally.counters);
    }

    /// Gives a frame of a port to the control plane.
    const fn punt(&mut self) -> Verdict {
        self.tally.counters.punted_frames += 1;
        Verdict::Punt
    }

    fn forward(&mut self, vn: Vni, to: Mac, origin: Origin, bytes: &[u8]) -> Verdict {
        if !to.is_group() {
            return self.unicast(TsiKey { vn, mac: to }, origin, bytes);
        }
        if to.is_link_group() {
            return self.drop(DropReason::LinkGroup, origin, bytes);
        }
        if let Origin::Vap(vap) = origin
            && let Err(due) = self.ports.admit_group(self.now, vap, self.config.groups)
        {
            if let Some(count) = due {
                let limited = Notice::Limited { vap, what: Limit::Groups, count };
                self.notices.push(limited, &mut self.tally.counters);
            }
            return self.drop(DropReason::GroupLimited, origin, bytes);
        }
        self.replicate(vn, origin, bytes)
    }

    pub(super) fn tunnel_in(&mut self, from: IpAddr, vn: Vni, bytes: &[u8]) -> Verdict {
        let origin = Origin::Tunnel(from);
        let Some(state) = self.vns.here(vn) else { return self.vn_not_here(from, vn, bytes) };
        let listed = state.lists(from);
        let straight_on = listed && state.waiting().none_named();
        if self.config.own.contains(from) {
            return self.drop(DropReason::Loop, origin, bytes);
        }
        let Some(frame) = classify::parse(bytes) else { return self.drop(DropReason::Malformed, origin, bytes) };
        if frame.header.source.is_group() {
            return self.drop(DropReason::GroupSource, origin, bytes);
        }
        let (of, to) = (frame.header.source, frame.header.destination);
        let key = |mac| TsiKey { vn, mac };
        if !straight_on && let Some(verdict) = self.wait_for_list(from, key(of), key(to), listed, bytes) {
            return verdict;
        }
        self.forward(vn, to, origin, bytes)
    }

    /// Keeps a frame whose sender the VN's list does not name, and one that would overtake kept frames of its sender. `None`: the
    /// frame goes on. The other party of a TSI's move may send frames for that TSI, and an NVE may send frames of a TSI that the NVA's
    /// directory has there.
    #[cold]
    fn wait_for_list(&mut self, from: IpAddr, of: TsiKey, to: TsiKey, listed: bool, bytes: &[u8]) -> Option<Verdict> {
        let entrance = Entrance::Tunnel { from, vn: to.vn };
        let again = self.again.take_if(|again| *again == (entrance, None)).is_some();
        let party = self.slots.get(&to).and_then(|slot| slot.directive.party());
        let located = self.slots.get(&of).and_then(|slot| slot.directive.located());
        let named = listed || party.into_iter().chain(located).any(|nve| nve.contains(from));
        let waiting = self.vns.get_mut(to.vn)?.waiting_mut().1;
        let tag = Tag::frame(Origin::Tunnel(from), self.now);
        let kept = if !again && self.strangers.has_named(waiting, from, bytes) {
            self.strangers.keep_behind(waiting, tag, bytes)
        } else if named {
            return None;
        } else {
            self.strangers.keep(to.vn, waiting, tag, bytes)
        };
        if kept {
            self.tally.counters.stranger_frames += 1;
            return Some(Verdict::Held);
        }
        self.notices.push_once(Notice::Stranger { vn: to.vn, from }, &mut self.tally.counters);
        Some(self.drop(DropReason::StrangerOverflow, tag.origin, bytes))
    }

    /// Handles a frame of a VN that is not here. The sending NVE has a stale mapping, and must query the NVA first (VMM-5-12). A forwarder
    /// that has just started may not have heard yet that the VN is here: the frame then waits as that of a stranger.
    #[cold]
    fn vn_not_here(&mut self, from: IpAddr, vn: Vni, bytes: &[u8]) -> Verdict {
        let origin = Origin::Tunnel(from);
        let again = self.again.take_if(|again| *again == (Entrance::Tunnel { from, vn }, None)).is_some();
        let mac = classify::parse(bytes).map(|frame| frame.header.destination);
        if let Some(mac) = mac.filter(|mac| !mac.is_group() && !self.config.own.contains(from)) {
            let newest = Version { epoch: u32::MAX, generation: u64::MAX };
            self.notices.stale(TsiKey { vn, mac }, from, newest, bytes.len(), &mut self.tally.counters);
            if !again && self.is_young() && self.keep_for_vn(from, vn, bytes) {
                return Verdict::Held;
            }
        }
        self.drop(DropReason::UnknownVn, origin, bytes)
    }

    /// Keeps a frame of a VN that is not here. True if there was room.
    fn keep_for_vn(&mut self, from: IpAddr, vn: Vni, bytes: &[u8]) -> bool {
        let Ok(state) = self.vns.get_or_make(vn) else { return false };
        let tag = Tag::frame(Origin::Tunnel(from), self.now);
        let kept = self.strangers.keep(vn, state.waiting_mut().1, tag, bytes);
        self.tally.counters.stranger_frames += u64::from(kept);
        self.vns.release(vn);
        kept
    }

    /// Keeps a frame that the TSI at this VAP may not send yet, or that would overtake kept frames of the TSI. `None`: the frame
    /// goes on.
    fn keep(&mut self, key: TsiKey, vap: VapId, bytes: &[u8], passed: bool, class: Class) -> Option<Verdict> {
        let again = self.again.take_if(|again| *again == (Entrance::Vap(vap), Some(key))).is_some();
        let slot = self.slots.get_mut(&key).filter(|slot| slot.directive.vap() == Some(vap))?;
        let closed = slot.directive.gate() == Gate::Hold;
        if (closed || slot.directive.remembers()) && !slot.seen && class.shows_sender() {
            slot.seen = self.notices.push(Notice::Seen { key, vap }, &mut self.tally.counters);
        }
        // Kept frames go first. A frame that was kept and given back, or that control lets pass, was before them.
        if !closed && (slot.lines.is_empty(Line::Kept) || again || passed) {
            return None;
        }
        let tag = Tag::frame(Origin::Vap(vap), self.now);
        let held = self.hold.hold(key, slot, Line::Kept, tag, bytes, &mut self.tally);
        if !closed && held.is_ok() {
            self.hold.set_ready(key);
        }
        Some(self.held_or_dropped(key, held))
    }

    fn unicast(&mut self, key: TsiKey, origin: Origin, bytes: &[u8]) -> Verdict {
        let tag = Tag::frame(origin, self.now);
        let (now, config, ports, notices) = (self.now, &self.config, &mut self.ports, &mut self.notices);
        let admit = |origin, has_share| {
            let admitted = match origin {
                Origin::Vap(vap) => ports.admit_miss(now, vap, config.misses, has_share),
                Origin::Tunnel(from) => admit_tunnelled(&mut self.senders, now, from, config.tunnel_misses),
            };
            if let Err(Some(count)) = admitted {
                let what = Limit::Misses;
                let limited = match origin {
                    Origin::Vap(vap) => Notice::Limited { vap, what, count },
                    Origin::Tunnel(from) => Notice::LimitedNve { from, what, count },
                };
                notices.push(limited, &mut self.tally.counters);
            }
            admitted.is_ok()
        };
        let slot = match self.slots.get_or_ask(key, origin, admit) {
            Ok(slot) => slot,
            Err(reason) => {
                self.tally.drop_new(tag.dropped(reason, Some(key), None), bytes);
                return Verdict::Drop(reason);
            }
        };
        let way = slot.directive.way(&self.config.own, origin);
        if way.leaves() && !slot.lines.lanes_are_empty() && self.hold.must_wait(key, slot, origin, way, &mut self.tally)
        {
            let lane = slot.lines.pass(origin);
            self.tally.counters.reordered_frames += u64::from(lane != slot.lines.lane(origin));
            let held = self.hold.hold(key, slot, lane.into(), tag, bytes, &mut self.tally);
            if held.is_ok() {
                self.hold.set_ready(key);
            }
            return self.held_or_dropped(key, held);
        }
        let lane = match way {
            Way::Deliver(vap) => {
                if slot.directive.remembers() {
                    self.recent.remember(&mut slot.trail, origin, bytes, self.now, &mut self.tally.counters);
                }
                self.tally.counters.delivered_frames += 1;
                return Verdict::Deliver(vap);
            }
            Way::Tunnel { to, stale } => {
                count_tunnelled(key, slot, (origin, stale, bytes.len()), &mut self.notices, &mut self.tally);
                if slot.directive.is_due() && !slot.missed {
                    let miss = Notice::Miss { vn: key.vn, mac: key.mac, vap: None };
                    slot.missed = self.notices.push(miss, &mut self.tally.counters);
                }
                return Verdict::Tunnel { to, vn: key.vn };
            }
            Way::Drop(reason) => {
                slot.counters.dropped_frames += 1;
                if let (Origin::Tunnel(from), DropReason::UnknownDestination) = (origin, reason) {
                    self.notices.stale(key, from, slot.directive.version(), bytes.len(), &mut self.tally.counters);
                }
                self.tally.drop_new(tag.dropped(reason, Some(key), None), bytes);
                return Verdict::Drop(reason);
            }
            Way::Hold(lane) => lane,
            Way::AwaitPort => slot.lines.pass(origin),
            Way::AwaitAnswer => Lane::Direct,
        };
        let held = self.hold.hold(key, slot, lane.into(), tag, bytes, &mut self.tally);
        if way == Way::AwaitAnswer && held.is_ok() && !slot.missed {
            slot.missed = self
                .notices
                .push(Notice::Miss { vn: key.vn, mac: key.mac, vap: slot.asked_by }, &mut self.tally.counters);
        }
        self.held_or_dropped(key, held)
    }

    fn held_or_dropped(&mut self, key: TsiKey, held: Result<(), DropReason>) -> Verdict {
        match held {
            Ok(()) => Verdict::Held,
            Err(reason) => {
                self.tidy(key);
                Verdict::Drop(reason)
            }
        }
    }

    /// Drops a frame before its TSI is looked for.
    pub(super) fn drop(&mut self, reason: DropReason, origin: Origin, bytes: &[u8]) -> Verdict {
        self.tally.drop_new(Tag::frame(origin, self.now).dropped(reason, None, None), bytes);
        Verdict::Drop(reason)
    }
}

/// Checks that the control plane may be asked for one more destination because of a frame of an NVE.
fn admit_tunnelled(
    senders: &mut Recent<IpAddr, Limiter>,
    now: Instant,
    from: IpAddr,
    rate: Rate,
) -> Result<(), Option<u64>> {
    let mut limiter = senders.get(&from);
    let admitted = limiter.take(now, rate);
    senders.put(from, limiter);
    admitted
}

/// Counts a frame that leaves by a tunnel, and tells the control plane of an NVE that should not have sent it here.
pub(super) fn count_tunnelled(
    key: TsiKey,
    slot: &mut Slot,
    (origin, stale, length): (Origin, bool, usize),
    notices: &mut Notices,
    tally: &mut Tally,
) {
    tally.counters.tunnelled_frames += 1;
    slot.counters.tunnelled_frames += 1;
    if let Origin::Tunnel(from) = origin
        && stale
        && slot.lines.lane(origin) == Lane::Direct
        && notices.stale(key, from, slot.directive.version(), length, &mut tally.counters)
    {
        slot.counters.stale_senders += 1;
    }
}
