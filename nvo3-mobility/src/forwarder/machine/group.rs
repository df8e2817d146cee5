//! Broadcast and multicast frames. Each receiver gets at most one copy, and no copy goes back or from tunnel to tunnel (VXL-14).

use crate::forwarder::tag::Tag;
use crate::forwarder::{DropReason, Forwarder, Line, Origin, Target, Verdict};
use nvo3_wire::Vni;

impl Forwarder {
    pub(super) fn replicate(&mut self, vni: Vni, origin: Origin, bytes: &[u8]) -> Verdict {
        self.replicas.clear();
        let Some(vn) = self.vns.compute(vni, &self.ports, &self.slots) else {
            return self.drop(DropReason::UnknownVn, origin, bytes);
        };
        if let Origin::Vap(_) = origin {
            self.replicas.extend(vn.members().iter().map(|to| Target::Tunnel { to: *to, vn: vni }));
        }
        let mut held = false;
        for receiver in vn.receivers() {
            if receiver.vap.is_some_and(|vap| origin == Origin::Vap(vap)) {
                continue;
            }
            let slot = receiver.tsi.and_then(|key| Some((key, self.slots.get_mut(&key)?)));
            let waits = receiver.held || slot.as_ref().is_some_and(|(_, slot)| !slot.lines.lanes_are_empty());
            match (receiver.vap, slot) {
                (Some(vap), _) if !waits => self.replicas.push(Target::Port(vap)),
                (_, Some((key, slot))) => {
                    let tag = Tag::copy(origin, self.now);
                    held |= self.hold.hold(key, slot, Line::Direct, tag, bytes, &mut self.tally).is_ok();
                    self.hold.set_ready(key);
                }
                (_, None) => {}
            }
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
}
