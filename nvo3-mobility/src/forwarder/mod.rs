//! The software data plane: a frame comes in, a verdict goes out.
//!
//! Control's [`TableChange`]s come in by [`Forwarder::apply`], frames of VAPs and tunnels by [`Forwarder::vap_frame`] and
//! [`Forwarder::tunnel_frame`]. What cannot go yet is held: bounded by frames, bytes and age for each TSI and in all
//! and leaves by [`Forwarder::poll_flush`] once control's word or a port's room allows, in order (VMM-5-09). What
//! control should know leaves by [`Forwarder::poll_notice`]. Unknown unicast is never flooded (DIR-24), no mapping is
//! learned from frames (VXL-10), nothing crosses a VN (VXL-11), a route never returns a frame. What an entry means
//! is [`Entry::act`](crate::table::Entry::act)'s to say.
//!
//! What is delivered to a TSI that is about to leave is remembered for a moment, so that the word that its VM stopped may
//! come late ([`Change::Tsi`](crate::table::Change::Tsi)'s `replay_since`).
//!
//! Frames that are not held cost no allocation.

mod apply;
mod classify;
mod config;
mod counters;
mod drops;
mod flush;
mod group;
mod hold;
mod ingress;
mod notice;
mod pool;
mod recent;
mod slot;
mod tally;
#[cfg(test)]
mod tests;

pub use apply::{ChangeRefusal, RefusedChange};
pub use config::ForwarderConfig;
pub use counters::{DropReason, ForwarderCounters, HeldFrames, TsiCounters};
pub use drops::Dropped;
pub use hold::Line;
pub use slot::Origin;

use crate::ConfigError;
use crate::table::{TableChange, VapId};
use ahash::RandomState;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::IpAddr;
use hashbrown::HashMap;
use nvo3_nva_proto::{Instant, TsiKey, Version};
use nvo3_wire::{Mac, Vni};

/// Where a frame leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Out of a VAP.
    Port(VapId),
    /// To another NVE.
    Tunnel {
        /// Its locator.
        to: IpAddr,
        /// The VN, which an encapsulation carries.
        vn: Vni,
    },
    /// Nowhere yet: the TSI behind this VAP had sent it while its gate was closed. It goes through
    /// [`Forwarder::vap_frame`] again, before the next [`Forwarder::poll_flush`].
    Again(VapId),
}

/// What is to be done with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Out of a VAP.
    Deliver(VapId),
    /// To another NVE.
    Tunnel {
        /// Its locator.
        to: IpAddr,
        /// The VN, which an encapsulation carries.
        vn: Vni,
    },
    /// A copy to each of [`Forwarder::replicas`].
    Replicate,
    /// Nothing: it is held here.
    Held,
    /// To control, which answers it itself or lets it pass by [`Forwarder::vap_frame_passed`].
    Punt,
    /// Nothing: it is dropped and counted.
    Drop(DropReason),
}

/// What control should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// Frames are held for an address of which nothing is known. Once, until an order for it comes or none is held.
    Miss {
        /// Its VN.
        vn: Vni,
        /// The address.
        mac: Mac,
    },
    /// A TSI whose gate is closed, or that has no entry yet, sent a frame, which is kept. Once, until its entry
    /// changes.
    Seen {
        /// Which.
        key: TsiKey,
        /// Where.
        vap: VapId,
    },
    /// An NVE other than the move's party sent a frame for a TSI that is elsewhere (VMM-5-06), or of which nothing is here
    /// (VMM-5-12). Once while it waits here.
    Stale {
        /// Whose frame.
        key: TsiKey,
        /// The sender.
        from: IpAddr,
        /// The version of the mapping that is followed here; the newest there can be where nothing of its VN is here.
        version: Version,
    },
}

/// The software data plane of one NVE.
pub struct Forwarder {
    config: ForwarderConfig,
    hasher: RandomState,
    now: Instant,
    /// The number of the last order; `None` takes any.
    applied: Option<u64>,
    ports: HashMap<VapId, apply::PortState, RandomState>,
    vns: HashMap<Vni, apply::Vn, RandomState>,
    slots: HashMap<TsiKey, slot::Slot, RandomState>,
    /// How many of them control knows, and how many are merely being asked for.
    known: u32,
    asked: u32,
    /// Which TSIs are behind which VAP.
    attached: BTreeSet<(VapId, TsiKey)>,
    pool: pool::Pool,
    /// Frames delivered lately: apart, so that they never cost held ones their room.
    recent: pool::Pool,
    /// When whose held frames are looked at for their age.
    ages: BTreeSet<(Instant, TsiKey)>,
    /// When is forgotten what was delivered to whom.
    forgets: BTreeSet<(Instant, TsiKey)>,
    /// Of whom something may leave, and who had the last turn.
    ready: BTreeSet<TsiKey>,
    turn: Option<TsiKey>,
    /// The kept frame that was given back and has not come in again.
    again: Option<(VapId, TsiKey)>,
    notices: notice::Notices,
    replicas: Vec<Target>,
    held_for: Vec<(TsiKey, Line)>,
    tally: tally::Tally,
}

impl Forwarder {
    /// An empty one. `seed` keys its hash tables.
    ///
    /// # Errors
    /// What [`ForwarderConfig::validate`] finds.
    pub fn new(config: ForwarderConfig, seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        let hasher = RandomState::with_seeds(seed, !seed, seed.rotate_left(32), seed ^ 0x9e37_79b9_7f4a_7c15);
        Ok(Self::empty(config, hasher))
    }

    fn empty(config: ForwarderConfig, hasher: RandomState) -> Self {
        Self {
            config,
            now: Instant::default(),
            applied: None,
            ports: HashMap::with_hasher(hasher.clone()),
            vns: HashMap::with_hasher(hasher.clone()),
            slots: HashMap::with_hasher(hasher.clone()),
            known: 0,
            asked: 0,
            attached: BTreeSet::new(),
            pool: pool::Pool::new(config.total_frames, config.total_bytes),
            recent: pool::Pool::new(config.recent_total_frames, config.recent_total_bytes),
            ages: BTreeSet::new(),
            forgets: BTreeSet::new(),
            ready: BTreeSet::new(),
            turn: None,
            again: None,
            notices: notice::Notices::new(config.notices, hasher.clone()),
            replicas: Vec::new(),
            held_for: Vec::new(),
            tally: tally::Tally::new(config.drops),
            hasher,
        }
    }

    /// Carries out an order. The first may have any number, each other the next; one that was there already is ignored,
    /// and one that was refused for another reason than a gap counts as having been there.
    ///
    /// # Errors
    /// The order is not in force; nothing has changed.
    pub fn apply(&mut self, change: &TableChange) -> Result<(), RefusedChange> {
        self.carry_out(change)
    }

    /// Forgets all orders and all frames; what was counted stays. The next order may have any number.
    pub fn reset(&mut self) {
        let keys: BTreeSet<TsiKey> = self.slots.keys().copied().collect();
        for key in keys {
            self.drop_lines(key, &Line::ALL, DropReason::Reset);
        }
        let mut empty = Self::empty(self.config, self.hasher.clone());
        core::mem::swap(&mut empty.tally, &mut self.tally);
        *self = Self { now: self.now, ..empty };
    }

    /// A frame that a tenant sent into a VAP, without FCS. ARP, RARP, NS and NA are punted.
    pub fn vap_frame(&mut self, now: Instant, vap: VapId, frame: &[u8]) -> Verdict {
        self.tick(now);
        self.held_for.clear();
        self.vap_in(vap, frame, false)
    }

    /// A punted frame that control lets pass.
    pub fn vap_frame_passed(&mut self, now: Instant, vap: VapId, frame: &[u8]) -> Verdict {
        self.tick(now);
        self.held_for.clear();
        self.vap_in(vap, frame, true)
    }

    /// A frame that came out of a tunnel: the outer source, the VN and the inner frame.
    pub fn tunnel_frame(&mut self, now: Instant, from: IpAddr, vn: Vni, frame: &[u8]) -> Verdict {
        self.tick(now);
        self.held_for.clear();
        self.tunnel_in(from, vn, frame)
    }

    /// The targets of the last [`Verdict::Replicate`].
    pub fn replicas(&self) -> &[Target] {
        &self.replicas
    }

    /// The TSIs for which the last frame that came in was held: one for [`Verdict::Held`], and one for each held copy of a
    /// group frame, whose verdict may also be [`Verdict::Replicate`]. [`Line::Kept`] if it is the frame's sender.
    pub fn held_for(&self) -> &[(TsiKey, Line)] {
        &self.held_for
    }

    /// The next held frame that may leave now, into `out`. `room` says whether a target takes a frame; one that does not
    /// keeps its frames and their order.
    pub fn poll_flush(
        &mut self,
        now: Instant,
        room: &mut dyn FnMut(&Target) -> bool,
        out: &mut Vec<u8>,
    ) -> Option<Target> {
        self.tick(now);
        self.flush(room, out)
    }

    /// The next thing that control should know.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop()
    }

    /// The next frame that was dropped, its bytes in `out`. There are as many as `ForwarderCounters::all_dropped_frames`
    /// counts, as far as [`ForwarderConfig::drops`] has room for them.
    pub fn poll_drop(&mut self, out: &mut Vec<u8>) -> Option<Dropped> {
        self.tally.next_drop(out)
    }

    /// Whose held frame the last [`Forwarder::poll_flush`] gave.
    pub fn flushed_for(&self) -> Option<TsiKey> {
        self.turn
    }

    /// When held or remembered frames may have become too old; never later than the first of them is.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let first = |of: &BTreeSet<(Instant, TsiKey)>| of.first().map(|(due, _)| *due);
        [first(&self.ages), first(&self.forgets)].into_iter().flatten().min()
    }

    /// Drops the held frames that are too old by now, and forgets what no late word can call back any more.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.tick(now);
        self.expire();
        self.forget_old();
    }

    /// What is held for, and kept from, a TSI.
    pub fn held(&self, key: &TsiKey) -> HeldFrames {
        self.slots.get(key).map(slot::Slot::held).unwrap_or_default()
    }

    /// What is held in all: frames and bytes.
    pub fn held_in_all(&self) -> (u32, u32) {
        (self.pool.frames, self.pool.bytes)
    }

    /// What is remembered in all: frames and bytes.
    pub fn remembered_in_all(&self) -> (u32, u32) {
        (self.recent.frames, self.recent.bytes)
    }

    /// What was counted.
    pub fn counters(&self) -> &ForwarderCounters {
        &self.tally.counters
    }

    /// What was counted for a TSI since its entry was created.
    pub fn tsi_counters(&self, key: &TsiKey) -> Option<&TsiCounters> {
        self.slots.get(key).map(|slot| &slot.counters)
    }
}
