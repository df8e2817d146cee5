//! Carrying out control's orders.

use super::counters::{DropReason, TsiCounters};
use super::hold::Line;
use super::pool::{Queue, Tag};
use super::slot::{Origin, Slot};
use super::{Forwarder, Notice};
use crate::table::{Change, Entry, Port, Route, TableChange, VapId};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{HoldLimits, TsiKey, Version};
use nvo3_wire::{Mac, Vni};

/// An order that is not in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("change {number} refused: {reason}")]
pub struct RefusedChange {
    /// The order's number.
    pub number: u64,
    /// Why.
    pub reason: ChangeRefusal,
}

/// Why an order was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefusal {
    /// One before it is missing; it is still waited for.
    #[error("change {expected} must come first")]
    Gap {
        /// The missing one.
        expected: u64,
    },
    /// No room for another TSI.
    #[error("as many TSIs as may be (ForwarderConfig.tsis)")]
    TooManyTsis,
    /// No room for another port.
    #[error("as many ports as may be (ForwarderConfig.ports)")]
    TooManyPorts,
    /// The list is too long.
    #[error("more members than may be (ForwarderConfig.members_per_vn)")]
    TooManyMembers,
    /// No room for another VN.
    #[error("as many VNs as TSIs and ports may be")]
    TooManyVns,
    /// A TSI's MAC is that of a group.
    #[error("a TSI cannot have a group address")]
    GroupAddress,
}

/// A tenant-facing port.
pub(super) struct PortState {
    pub(super) vn: Vni,
    /// Sorted; `None` for any.
    pub(super) macs: Option<Vec<Mac>>,
}

/// What is here of a VN.
#[derive(Default)]
pub(super) struct Vn {
    pub(super) ports: BTreeSet<VapId>,
    /// The MACs with a VAP or an entry.
    pub(super) local: BTreeSet<Mac>,
    /// TSIs known from control.
    pub(super) known: u32,
    pub(super) members: Vec<IpAddr>,
    /// Who gets group frames, computed again when it was asked for after a change.
    pub(super) copies: Vec<super::group::Receiver>,
    pub(super) computed: bool,
}

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
                self.change_tsi(*key, *vap, *entry, *route, *version, *limits)
            }
            Change::Port { vap, port } => self.change_port(*vap, port.as_ref()),
            Change::Members { vn, locators } => self.change_members(*vn, locators),
        }
        .map_err(|reason| RefusedChange { number, reason })
    }

    fn change_tsi(
        &mut self,
        key: TsiKey,
        vap: Option<VapId>,
        entry: Option<Entry>,
        route: Option<Route>,
        version: Version,
        limits: HoldLimits,
    ) -> Result<(), ChangeRefusal> {
        if key.mac.is_group() {
            return Err(ChangeRefusal::GroupAddress);
        }
        let known = vap.is_some() || entry.is_some() || route.is_some();
        let was_known = self.slots.get(&key).is_some_and(|slot| slot.known);
        match (was_known, known) {
            (false, false) => return Ok(()),
            (false, true) => {
                if self.known >= self.config.tsis {
                    return Err(ChangeRefusal::TooManyTsis);
                }
                self.vn(key.vn)?.known += 1;
                self.known += 1;
                match self.slots.get(&key) {
                    Some(_) => self.asked -= 1,
                    None => _ = self.slots.insert(key, Slot::new(limits)),
                }
            }
            (true, false) => {
                self.known -= 1;
                self.asked += 1;
            }
            (true, true) => {}
        }
        let out = vap.filter(|vap| self.ports.get(vap).is_some_and(|port| port.vn == key.vn));
        let Some(slot) = self.slots.get_mut(&key) else { return Ok(()) };
        let old_vap = core::mem::replace(&mut slot.vap, vap);
        if slot.entry.is_none() && entry.is_some() {
            slot.counters = TsiCounters::default();
        }
        let changed = slot.entry != entry || old_vap != vap;
        if changed {
            slot.direct_began = false;
            slot.seen = false;
        }
        slot.known = known;
        slot.missed = false;
        slot.limits = if entry.is_some() { limits } else { self.config.asked };
        slot.party = entry.and_then(|entry| entry.party).map(|party| party.locators).or(slot.party);
        let came_to = out.filter(|_| slot.out != out);
        (slot.out, slot.entry, slot.route, slot.version) = (out, entry, route, version);
        // A sender's frames stay in one lane: what came from the other party before it was known to be that leaves in the
        // first pass too.
        if let Some(party) = slot.party.filter(|_| changed) {
            let from_party =
                |tag: &Tag| !tag.group && matches!(tag.origin, Origin::Tunnel(from) if party.contains(from));
            self.pool.split(&mut slot.direct, &mut slot.tunnelled, from_party);
        }

        if let Some(vap) = came_to {
            self.drop_shared_copies(key, vap);
        }
        if old_vap != vap {
            self.drop_lines(key, &[Line::Kept], DropReason::Detached);
            self.attached.extend(vap.map(|vap| (vap, key)));
            if let Some(old) = old_vap {
                self.attached.remove(&(old, key));
            }
        }
        if let Some(vn) = self.vns.get_mut(&key.vn) {
            vn.computed = false;
            if vap.is_some() || entry.is_some() {
                vn.local.insert(key.mac)
            } else {
                vn.local.remove(&key.mac)
            };
            if !known {
                vn.known -= 1;
            }
        }
        // With a VN of which nothing else is here, what was held for it goes too, as new frames would (VXL-09).
        if !known {
            let gone = self.forget_vn(key.vn);
            let reason = if gone { DropReason::UnknownVn } else { DropReason::TooManyAsked };
            if gone || self.asked > self.config.tsis {
                self.drop_lines(key, &[Line::Tunnelled, Line::Direct], reason);
            }
        }
        self.settle(key);
        if !known && let Some(slot) = self.slots.get_mut(&key) {
            slot.missed = self.notices.push(Notice::Miss { vn: key.vn, mac: key.mac }, &mut self.tally.counters);
        }
        Ok(())
    }

    fn change_port(&mut self, vap: VapId, port: Option<&Port>) -> Result<(), ChangeRefusal> {
        let old = self.ports.get(&vap).map(|port| port.vn);
        if let Some(port) = port {
            if old.is_none() && self.ports.len() >= self.config.ports as usize {
                return Err(ChangeRefusal::TooManyPorts);
            }
            self.vn(port.vn)?;
        }
        if let Some(vn) = old.and_then(|vn| self.vns.get_mut(&vn)) {
            vn.ports.remove(&vap);
            vn.computed = false;
        }
        match port {
            Some(port) => {
                let mut macs = port.macs.clone();
                macs.iter_mut().for_each(|macs| macs.sort_unstable());
                self.ports.insert(vap, PortState { vn: port.vn, macs });
                let vn = self.vn(port.vn)?;
                vn.ports.insert(vap);
                vn.computed = false;
            }
            None => _ = self.ports.remove(&vap),
        }
        let attached: Vec<TsiKey> = attached(&self.attached, vap).collect();
        for key in attached {
            let Some(slot) = self.slots.get_mut(&key) else { continue };
            let out = port.filter(|port| port.vn == key.vn).map(|_| vap);
            if core::mem::replace(&mut slot.out, out) != out && out.is_some() {
                self.drop_shared_copies(key, vap);
            }
            if let Some(vn) = self.vns.get_mut(&key.vn) {
                vn.computed = false;
            }
            self.settle(key);
        }
        old.map(|vn| self.forget_vn(vn));
        Ok(())
    }

    /// A TSI comes to a port of which others have had group frames: its own copies of those would be second ones there.
    fn drop_shared_copies(&mut self, key: TsiKey, vap: VapId) {
        let trusted = self.ports.get(&vap).is_some_and(|port| port.macs.is_none());
        let is_there = |other: &TsiKey| self.slots.get(other).is_some_and(|slot| slot.out == Some(vap));
        if !trusted && !attached(&self.attached, vap).any(|other| other != key && is_there(&other)) {
            return;
        }
        let Some(slot) = self.slots.get_mut(&key) else { return };
        let mut copies = Queue::EMPTY;
        self.pool.split(&mut slot.direct, &mut copies, |tag| tag.group);
        while let Some((tag, bytes)) = self.pool.take(&mut copies) {
            slot.counters.dropped_frames += 1;
            let dropped = tag.dropped(DropReason::BumPortShared, key, Some(Line::Direct));
            if let Some(unused) = self.tally.drop_held(dropped, bytes) {
                self.pool.give_back(unused);
            }
        }
    }

    fn change_members(&mut self, vn: Vni, locators: &[IpAddr]) -> Result<(), ChangeRefusal> {
        let own = self.config.own;
        let mut members: Vec<IpAddr> = locators.iter().copied().filter(|member| !own.contains(*member)).collect();
        members.sort_unstable();
        members.dedup();
        if members.len() > self.config.members_per_vn as usize {
            return Err(ChangeRefusal::TooManyMembers);
        }
        if members.is_empty() {
            if let Some(vn) = self.vns.get_mut(&vn) {
                vn.members = members;
            }
            self.forget_vn(vn);
        } else {
            self.vn(vn)?.members = members;
        }
        Ok(())
    }

    /// The VN, made if it is new.
    fn vn(&mut self, vn: Vni) -> Result<&mut Vn, ChangeRefusal> {
        let most = (self.config.tsis as usize).saturating_add(self.config.ports as usize);
        if self.vns.len() >= most && !self.vns.contains_key(&vn) {
            return Err(ChangeRefusal::TooManyVns);
        }
        Ok(self.vns.entry(vn).or_default())
    }

    /// Drops the record of a VN of which nothing is left; whether it did, or nothing but members is left.
    fn forget_vn(&mut self, key: Vni) -> bool {
        let Some(vn) = self.vns.get(&key) else { return true };
        let empty = vn.ports.is_empty() && vn.known == 0;
        if empty && vn.members.is_empty() {
            self.vns.remove(&key);
        }
        empty
    }
}

/// The TSIs behind a VAP, whether it is a port or not.
pub(super) fn attached(all: &BTreeSet<(VapId, TsiKey)>, vap: VapId) -> impl Iterator<Item = TsiKey> {
    let first = TsiKey { vn: Vni::from_bytes([0; 3]), mac: Mac::ZERO };
    let last = TsiKey { vn: Vni::MAX, mac: Mac::BROADCAST };
    all.range((vap, first)..=(vap, last)).map(|(_, key)| *key)
}
