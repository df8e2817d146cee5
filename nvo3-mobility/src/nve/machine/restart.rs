//! A restart of the edge's process while its VMs run: what it knew before, until the NVA confirms it.

use super::Nve;
use crate::nve::mappings::Snapshot;
use nvo3_nva_proto::Instant;

impl Nve {
    /// The knowledge of this NVE now, for the owner's store. It costs time and memory for each mapping, so take it at a bounded rate.
    pub fn snapshot(&self) -> Snapshot {
        let (mappings, lists) = self.mappings.snapshot();
        Snapshot { at: self.now, place: self.config.place, mappings, lists, here: self.stations.resting() }
    }

    /// Believes what this NVE knew before a restart, so that frames pass before the NVA has answered. False, and nothing changes, if the
    /// snapshot is of another place, of the future, or older than [`NveConfig::pushed`](crate::nve::NveConfig::pushed).
    ///
    /// Call it once, on the same clock, after each *Attach* and *Activate* of what runs here, and before
    /// [`Input::Connect`](crate::nve::Input::Connect). A VM that the owner has activated and that rested here before gets its frames at
    /// once. The first session restates each such VM, and asks the NVA about each mapping. What the NVA knows better counts then.
    pub fn believe(&mut self, now: Instant, snapshot: Snapshot) -> bool {
        self.clock(now);
        let Snapshot { at, place, mappings, lists, here } = snapshot;
        let end = self.mappings.believed_until(at);
        if place != self.config.place || at > self.now || end <= self.now {
            return false;
        }
        self.mappings.believe(self.now, end, mappings, lists, &mut self.orders);
        for (key, version) in here {
            if let Some(effect) = self.stations.believe(key, version, &mut self.orders) {
                self.carry_out(effect);
            }
        }
        true
    }
}
