//! The announcement of the VMs that come to this NVE, at ports behind which nobody hears of them in another way.
//!
//! A legacy segment may have two ways into the VN, and a gateway in it may have learned the other one. Its bridges and gateways know no NVA.
//! So where a port's policy says so, each VM that begins to run here is announced there, several times, because announcements get lost
//! (ARMD-06, ARMD-07). VMs follow one another at a pace.

use super::Stations;
use super::rounds::Rounds;
use super::rules::State;
use crate::table::VapId;
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Micros, TsiKey};

/// The time between the announcements of two VMs.
const PACE: Micros = Micros::from_millis(10);
/// The times after an announcement at which the next ones come.
const AFTER: [Micros; 2] = [Micros::from_secs(1), Micros::from_secs(2)];

/// The VMs that are being announced.
#[derive(Debug)]
pub(super) struct Announcing(Rounds);

impl Announcing {
    pub(super) const fn new() -> Self {
        Self(Rounds::new(PACE))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Stations {
    /// A VM runs here from now on: it is announced, if a port of its VN needs that.
    pub(crate) fn announce(&mut self, now: Instant, key: &TsiKey) {
        self.announcing.0.remove(key);
        if self.to_announce_at(key).next().is_some() {
            self.announcing.0.enter(now, *key);
        }
    }

    /// The time at which the next VM is announced.
    pub(crate) fn next_announced(&self) -> Option<Instant> {
        self.announcing.0.next()
    }

    /// A VM that is announced now, and the ports.
    pub(crate) fn pop_announced(&mut self, now: Instant) -> Option<(TsiKey, Vec<VapId>)> {
        loop {
            let (key, had) = self.announcing.0.pop(now)?;
            if !matches!(self.state(&key).state, State::Here | State::Activating(_) | State::Active(_)) {
                continue;
            }
            if let Some(after) = AFTER.get(had as usize) {
                self.announcing.0.again(key, now + *after, had + 1);
            }
            return Some((key, self.to_announce_at(&key).collect()));
        }
    }

    /// The ports at which a TSI is to be announced: those of its VN whose policy says so, and not its own.
    fn to_announce_at(&self, key: &TsiKey) -> impl Iterator<Item = VapId> {
        let own = self.reach(key).map(|(vap, _)| vap);
        let vn = key.vn;
        let ports = self.announcing_ports.range((vn, VapId(0))..=(vn, VapId(u32::MAX)));
        ports.map(|(_, vap)| *vap).filter(move |vap| Some(*vap) != own)
    }
}
