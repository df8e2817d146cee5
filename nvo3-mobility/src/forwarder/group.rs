//! Broadcast and multicast: to each receiver at most once, never back, never from tunnel to tunnel (VXL-14).

use super::apply::{PortState, Vn, attached};
use super::counters::DropReason;
use super::hold::Line;
use super::pool::Tag;
use super::slot::{Origin, Slot};
use super::{Forwarder, Target, Verdict};
use crate::table::{Bum, VapId};
use ahash::RandomState;
use alloc::collections::BTreeSet;
use hashbrown::HashMap;
use nvo3_nva_proto::TsiKey;
use nvo3_wire::Vni;

/// Who gets a copy: a port, or the TSI for which it is held, or the port unless something is held for the TSI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receiver {
    vap: Option<VapId>,
    tsi: Option<TsiKey>,
    bum: Bum,
}

impl Forwarder {
    pub(super) fn replicate(&mut self, vni: Vni, origin: Origin, bytes: &[u8]) -> Verdict {
        self.replicas.clear();
        let Some(vn) = self.vns.get_mut(&vni) else { return self.drop(DropReason::UnknownVn, origin, bytes) };
        if !vn.computed {
            receivers(vni, vn, &self.ports, &self.attached, &self.slots);
        }
        if let Origin::Vap(_) = origin {
            self.replicas.extend(vn.members.iter().map(|to| Target::Tunnel { to: *to, vn: vni }));
        }
        let copies = core::mem::take(&mut vn.copies);
        let mut held = false;
        for receiver in &copies {
            if matches!((origin, receiver.vap), (Origin::Vap(from), Some(to)) if from == to) {
                continue;
            }
            let waits = |key: &TsiKey| self.slots.get(key).is_some_and(|slot| !slot.lanes_empty());
            match (receiver.vap, receiver.tsi) {
                (Some(vap), tsi) if receiver.bum == Bum::Deliver && !tsi.as_ref().is_some_and(waits) => {
                    self.replicas.push(Target::Port(vap));
                }
                (_, Some(key)) => held |= self.hold_copy(key, origin, bytes),
                (_, None) => {}
            }
        }
        if let Some(vn) = self.vns.get_mut(&vni) {
            vn.copies = copies;
        }
        match (self.replicas.is_empty(), held) {
            (false, _) => {
                self.tally.counters.replicated_frames += 1;
                self.tally.counters.replicas += self.replicas.len() as u64;
                Verdict::Replicate
            }
            (true, true) => Verdict::Held,
            (true, false) => self.drop(DropReason::NoReceiver, origin, bytes),
        }
    }

    fn hold_copy(&mut self, key: TsiKey, origin: Origin, bytes: &[u8]) -> bool {
        let held = self.hold(key, Line::Direct, origin, true, bytes);
        if let Err(reason) = held {
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.counters.dropped_frames += 1;
            }
            self.tally.drop_new(Tag::new(origin, true, self.now).dropped(reason, key, None), bytes);
        }
        self.ready.insert(key);
        held.is_ok()
    }
}

/// One per port, however many TSIs are behind it, and one per TSI that has no port yet.
fn receivers(
    vni: Vni,
    vn: &mut Vn,
    ports: &HashMap<VapId, PortState, RandomState>,
    behind: &BTreeSet<(VapId, TsiKey)>,
    slots: &HashMap<TsiKey, Slot, RandomState>,
) {
    let bum = |key: &TsiKey| slots.get(key).and_then(|slot| slot.entry).map_or(Bum::Skip, |entry| entry.bum);
    vn.copies.clear();
    vn.computed = true;
    for vap in vn.ports.iter().copied() {
        let tsis = || attached(behind, vap).filter(|key| key.vn == vni);
        let first = |wanted| tsis().find(|key| bum(key) == wanted);
        let receiver = |tsi, bum| Receiver { vap: Some(vap), tsi, bum };
        if tsis().next().is_none() {
            let trusted = ports.get(&vap).is_some_and(|port| port.macs.is_none());
            vn.copies.extend(trusted.then(|| receiver(None, Bum::Deliver)));
        } else if let Some(key) = first(Bum::Deliver) {
            vn.copies.push(receiver(Some(key), Bum::Deliver));
        } else if let Some(key) = first(Bum::Hold) {
            vn.copies.push(receiver(Some(key), Bum::Hold));
        }
    }
    for mac in &vn.local {
        let key = TsiKey { vn: vni, mac: *mac };
        if slots.get(&key).is_some_and(|slot| slot.out.is_none()) && bum(&key) != Bum::Skip {
            vn.copies.push(Receiver { vap: None, tsi: Some(key), bum: Bum::Hold });
        }
    }
}
