//! The effect of the control plane's table changes.

use crate::forwarder::directive::Directive;
use crate::forwarder::hold::Replay;
use crate::forwarder::slot::Slot;
use crate::forwarder::tag::Tag;
use crate::forwarder::{ChangeRefusal, DropReason, Forwarder, Line, Notice, RefusedChange, TsiCounters};
use crate::table::{Change, Entry, Port, TableChange, VapId};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{HoldLimits, Instant, Locators, TsiKey};
use nvo3_wire::Vni;

/// A member has a locator of each family, and as many members again may have left lately.
const SOURCES_PER_MEMBER: usize = 4;

impl Forwarder {
    pub(super) fn carry_out(&mut self, order: &TableChange) -> Result<(), RefusedChange> {
        let number = order.number;
        match self.applied {
            Some(applied) if number <= applied => return Ok(()),
            Some(applied) if number - applied > 1 => {
                return Err(RefusedChange { number, reason: ChangeRefusal::Gap { expected: applied + 1 } });
            }
            _ => self.applied = Some(number),
        }
        match &order.change {
            Change::Tsi { key, vap, entry, route, version, limits, replay_since } => {
                self.end_remembering(*key, entry.as_ref(), *replay_since);
                self.change_tsi(*key, Directive::new(*vap, *entry, *route, *version), *limits)
            }
            Change::Port { vap, port } => self.change_port(*vap, port.as_ref()),
            Change::Members { vn, locators, sources } => self.change_members(*vn, locators, sources),
        }
        .map_err(|reason| RefusedChange { number, reason })
    }

    /// Handles the remembered frames of a TSI before its next entry is in force.
    ///
    /// If the next entry does not deliver, the frames delivered since `replay_since` go before the held frames. Without that time the
    /// frames stay remembered. If the next entry delivers, or there is none, they are forgotten.
    fn end_remembering(&mut self, key: TsiKey, next: Option<&Entry>, replay_since: Option<Instant>) {
        let Some(slot) = self.slots.get_mut(&key) else { return };
        let delivers_nothing = next.is_some_and(|entry| !entry.delivers());
        if slot.directive.remembers() && next.is_some_and(|entry| entry.remember) {
            return;
        }
        if delivers_nothing && replay_since.is_none() {
            return self.recent.forget_later(key, &mut slot.trail, self.now);
        }
        let Slot { lines, trail, counters, .. } = slot;
        let (now, hold, tally) = (self.now, &mut self.hold, &mut self.tally);
        let mut replay = Replay::EMPTY;
        let since = replay_since.filter(|_| delivers_nothing);
        let incomplete = self.recent.take_back(key, trail, since, now, |origin, bytes| {
            let tag = Tag::replayed(origin, now);
            counters.replayed_frames += 1;
            tally.counters.replayed_frames += 1;
            if !hold.take_back(&mut replay, lines, tag, bytes) {
                counters.dropped_frames += 1;
                tally.drop_new(tag.dropped(DropReason::HoldTotal, Some(key), None), bytes);
            }
        });
        self.hold.put_first(lines, replay);
        self.tally.counters.incomplete_replays += u64::from(incomplete);
    }

    fn change_tsi(&mut self, key: TsiKey, next: Directive, limits: HoldLimits) -> Result<(), ChangeRefusal> {
        if key.mac.is_group() {
            return Err(ChangeRefusal::GroupAddress);
        }
        match (self.slots.is_known(&key), next.is_known()) {
            (false, false) => return Ok(()),
            (false, true) if self.slots.is_full() => return Err(ChangeRefusal::TooManyTsis),
            (false, true) => {
                self.vns.get_or_make(key.vn)?.add_tsi();
                self.slots.learn(key);
            }
            (true, false) => self.slots.unlearn(),
            (true, true) => {}
        }
        let limits = if next.entry().is_some() { limits } else { self.config.asked };
        self.replace(key, next, limits);
        if let Some(vn) = self.vns.get_mut(key.vn) {
            vn.set_local(key.mac, next.is_local());
            if !next.is_known() {
                vn.remove_tsi();
            }
        }
        if next.is_known() {
            self.settle(key);
        } else {
            self.forget(key);
        }
        Ok(())
    }

    /// Puts a TSI's new directive into force.
    fn replace(&mut self, key: TsiKey, mut next: Directive, limits: HoldLimits) {
        next.set_out(next.vap().filter(|vap| self.ports.get(*vap).is_some_and(|port| port.vn() == key.vn)));
        let Some(slot) = self.slots.get_mut(&key) else { return };
        let old = core::mem::replace(&mut slot.directive, next);
        if old.entry().is_none() && next.entry().is_some() {
            slot.counters = TsiCounters::default();
        }
        slot.missed = false;
        slot.lines.set(limits, next.party());
        if old.entry() != next.entry() || old.vap() != next.vap() {
            slot.lines.begin_again();
            slot.seen = false;
            self.hold.follow_party(slot);
        }
        if (old.party(), old.located()) != (next.party(), next.located()) {
            self.name_by(key, &next);
        }
        if let Some(vap) = next.out().filter(|_| old.out() != next.out()) {
            self.drop_duplicates(key, vap);
        }
        if old.vap() != next.vap() {
            self.ports.reattach(key, old.vap(), next.vap());
            if let Some(slot) = self.slots.get_mut(&key) {
                self.hold.drop_lines(key, slot, &[Line::Kept], DropReason::Detached, &mut self.tally);
            }
        }
    }

    /// Lets the frames come in again whose sender a TSI's directive names: those for the TSI from the other party of its move, and those
    /// of the TSI from the NVE where the NVA's directory has it.
    fn name_by(&mut self, key: TsiKey, next: &Directive) {
        let Some(vn) = self.vns.get_mut(key.vn) else { return };
        let (_, waiting) = vn.waiting_mut();
        let (mac, is_at) = (&key.mac.0[..], |nve: Option<Locators>, from| nve.is_some_and(|nve| nve.contains(from)));
        self.strangers.name(key.vn, waiting, |from, bytes| {
            let for_tsi = bytes.starts_with(mac) && is_at(next.party(), from);
            for_tsi || bytes.get(6..12) == Some(mac) && is_at(next.located(), from)
        });
    }

    /// Makes a TSI unknown, because the control plane removed its row. If frames are still held for it, the forwarder asks the control
    /// plane for it. If nothing else of its VN is here, the held frames are dropped as new frames would be (VXL-09: a frame is
    /// delivered only in its VN).
    fn forget(&mut self, key: TsiKey) {
        let gone = self.vns.release(key.vn);
        if gone || self.slots.asks_too_much() {
            let reason = if gone { DropReason::UnknownVn } else { DropReason::TooManyAsked };
            if let Some(slot) = self.slots.get_mut(&key) {
                self.hold.drop_lines(key, slot, &[Line::Tunnelled, Line::Direct], reason, &mut self.tally);
            }
        }
        self.settle(key);
        if let Some(slot) = self.slots.get_mut(&key) {
            slot.missed =
                self.notices.push(Notice::Miss { vn: key.vn, mac: key.mac, vap: None }, &mut self.tally.counters);
        }
    }

    fn settle(&mut self, key: TsiKey) {
        if let Some(slot) = self.slots.get_mut(&key)
            && self.hold.settle(key, slot, &mut self.tally)
        {
            self.slots.release(&key);
        }
    }

    fn change_port(&mut self, vap: VapId, port: Option<&Port>) -> Result<(), ChangeRefusal> {
        let old = self.ports.get(vap).map(|port| port.vn());
        if let Some(port) = port {
            if old.is_none() && self.ports.is_full() {
                return Err(ChangeRefusal::TooManyPorts);
            }
            self.vns.get_or_make(port.vn)?;
        }
        if let Some(vn) = old.and_then(|vn| self.vns.get_mut(vn)) {
            vn.remove_port(vap);
        }
        self.ports.set(vap, port);
        if let Some(port) = port {
            self.vns.get_or_make(port.vn)?.add_port(vap);
        }
        let attached: Vec<TsiKey> = self.ports.attached(vap).collect();
        for key in attached {
            let out = port.filter(|port| port.vn == key.vn).map(|_| vap);
            let Some(slot) = self.slots.get_mut(&key) else { continue };
            if slot.directive.set_out(out) && out.is_some() {
                self.drop_duplicates(key, vap);
            }
            if let Some(vn) = self.vns.get_mut(key.vn) {
                vn.receivers_changed();
            }
            self.settle(key);
        }
        if let Some(vn) = old {
            self.vns.release(vn);
        }
        Ok(())
    }

    /// Drops a TSI's held copies of group frames when the TSI comes to a port that may have had these frames for other TSIs.
    fn drop_duplicates(&mut self, key: TsiKey, vap: VapId) {
        let trusted = self.ports.get(vap).is_some_and(|port| port.is_trusted());
        let is_there = |tsi: &TsiKey| self.slots.get(tsi).is_some_and(|slot| slot.directive.out() == Some(vap));
        let shared = trusted || self.ports.attached(vap).any(|tsi| tsi != key && is_there(&tsi));
        if let Some(slot) = self.slots.get_mut(&key).filter(|_| shared) {
            self.hold.drop_copies(key, slot, &mut self.tally);
        }
    }

    fn change_members(&mut self, vn: Vni, locators: &[IpAddr], sources: &[IpAddr]) -> Result<(), ChangeRefusal> {
        let own = self.config.own;
        let others = |all: &[IpAddr]| {
            let mut others: Vec<IpAddr> = all.iter().copied().filter(|address| !own.contains(*address)).collect();
            others.sort_unstable();
            others.dedup();
            others
        };
        let (members, sources) = (others(locators), others(sources));
        let most = self.config.members_per_vn as usize;
        if members.len() > most || sources.len() > most.saturating_mul(SOURCES_PER_MEMBER) {
            return Err(ChangeRefusal::TooManyMembers);
        }
        if !members.is_empty() || !sources.is_empty() {
            self.vns.get_or_make(vn)?.set_members(members, sources);
        } else if let Some(state) = self.vns.get_mut(vn) {
            state.set_members(members, sources);
        }
        if let Some(state) = self.vns.get_mut(vn) {
            let (listed, waiting) = state.waiting_mut();
            self.strangers.name(vn, waiting, |from, _| listed.binary_search(&from).is_ok());
            self.vns.release(vn);
        }
        Ok(())
    }
}
