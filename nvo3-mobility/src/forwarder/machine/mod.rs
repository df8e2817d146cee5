//! The forwarder: the clock, and the way of each input to its room.

#[cfg(test)]
mod check;
mod flush;
mod frames;
mod group;
mod orders;

use super::hold::Hold;
use super::notice::Notices;
use super::pool::Pool;
use super::ports::Ports;
use super::recent::Recent;
use super::slots::Slots;
use super::strangers::Strangers;
use super::tally::Tally;
use super::vns::Vns;
use crate::ConfigError;
use crate::fairness::{self, Limiter};
use crate::forwarder::{
    DropReason, Dropped, Entrance, ForwarderConfig, ForwarderCounters, HeldFrames, Line, Notice, RefusedChange,
    StoredFrames, Target, TsiCounters, Verdict,
};
use crate::table::{TableChange, VapId};
use ahash::RandomState;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, TsiKey};
use nvo3_wire::Vni;

/// The most NVEs whose unknown destinations are counted. The one that sent the longest ago makes room.
const SENDERS: usize = 1_024;

/// The software data plane of one NVE.
pub struct Forwarder {
    config: ForwarderConfig,
    hasher: RandomState,
    now: Instant,
    /// The time at which the forwarder first knew the time, since it was made or reset.
    began: Option<Instant>,
    /// The number of the last change; `None`: the next change may have any number.
    applied: Option<u64>,
    ports: Ports,
    vns: Vns,
    slots: Slots,
    hold: Hold,
    recent: Recent,
    strangers: Strangers,
    notices: Notices,
    /// The unknown destinations of each NVE that sent such a frame lately.
    senders: fairness::Recent<IpAddr, Limiter>,
    tally: Tally,
    /// The entrance of the kept frame that was given back and has not come in again, and its sender if that is a TSI here.
    again: Option<(Entrance, Option<TsiKey>)>,
    /// The TSI of the held frame that left last.
    flushed_for: Option<TsiKey>,
    replicas: Vec<Target>,
}

impl fmt::Debug for Forwarder {
    /// Its locators, the last change, and counts of what it has; neither frames nor tables.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StoredFrames { frames, bytes } = self.held_in_all();
        f.debug_struct("Forwarder")
            .field("own", &self.config.own)
            .field("applied", &self.applied)
            .field("tsis", &self.slots.counts().0)
            .field("held_frames", &frames)
            .field("held_bytes", &bytes)
            .field("dropped_frames", &self.tally.counters.all_dropped_frames())
            .finish_non_exhaustive()
    }
}

impl Forwarder {
    /// Makes a forwarder with empty tables. `seed` keys its hash tables.
    ///
    /// # Errors
    /// The error of [`ForwarderConfig::validate`].
    pub fn new(config: ForwarderConfig, seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        let hasher = RandomState::with_seeds(seed, !seed, seed.rotate_left(32), seed ^ 0x9e37_79b9_7f4a_7c15);
        Ok(Self::empty(config, hasher))
    }

    fn empty(config: ForwarderConfig, hasher: RandomState) -> Self {
        let vns = (config.tsis as usize).saturating_add(config.ports as usize);
        let held = Pool::new(config.total_frames, config.total_bytes);
        let remembered = Pool::new(config.recent_total_frames, config.recent_total_bytes);
        let strange = Pool::new(config.strangers_total_frames, config.strangers_total_bytes);
        Self {
            config,
            now: Instant::default(),
            began: None,
            applied: None,
            ports: Ports::new(config.ports, hasher.clone()),
            vns: Vns::new(vns, hasher.clone()),
            slots: Slots::new((config.tsis, config.asked_per_port), config.asked, hasher.clone()),
            hold: Hold::new(config.own, held),
            recent: Recent::new(config.recent, remembered),
            strangers: Strangers::new(config.strangers, strange),
            notices: Notices::new(config.notices, hasher.clone()),
            senders: fairness::Recent::new(SENDERS),
            tally: Tally::new(config.drops),
            again: None,
            flushed_for: None,
            replicas: Vec::new(),
            hasher,
        }
    }

    /// Applies a table change. The first change may have any number, each further one has the next number. A change that was
    /// applied or refused before is ignored; only a change that was refused for a gap may come again.
    ///
    /// # Errors
    /// The refusal: the change is not in force, and nothing has changed.
    pub fn apply(&mut self, change: &TableChange) -> Result<(), RefusedChange> {
        self.carry_out(change)
    }

    /// Drops all held frames and empties the tables. The counters and the dropped frames that wait to be polled stay. The next
    /// change may have any number.
    pub fn reset(&mut self) {
        for key in self.slots.keys() {
            if let Some(slot) = self.slots.get_mut(&key) {
                self.hold.drop_lines(key, slot, &Line::ALL, DropReason::Reset, &mut self.tally);
            }
        }
        for vn in self.vns.numbers() {
            if let Some(state) = self.vns.get_mut(vn) {
                self.strangers.clear(vn, state.waiting_mut().1, DropReason::Reset, &mut self.tally);
            }
        }
        let mut empty = Self::empty(self.config, self.hasher.clone());
        core::mem::swap(&mut empty.tally, &mut self.tally);
        *self = Self { now: self.now, ..empty };
    }

    /// Takes a frame that a tenant sent into a VAP, without FCS. ARP, RARP, NS, NA and RA frames without a VLAN are punted, and DHCP to
    /// a server from a port that learns addresses. A frame of an untrusted port passes only if all that it claims is bound to the port (VMM-10-02).
    pub fn vap_frame(&mut self, now: Instant, vap: VapId, frame: &[u8]) -> Verdict {
        self.begin_frame(now);
        self.vap_in(vap, frame, false)
    }

    /// Takes a punted frame that the control plane lets pass.
    pub fn vap_frame_passed(&mut self, now: Instant, vap: VapId, frame: &[u8]) -> Verdict {
        self.begin_frame(now);
        self.vap_in(vap, frame, true)
    }

    /// Takes a frame that came out of a tunnel. `from` is the outer source address, `frame` the inner frame. A frame from an address that
    /// the VN's list does not name waits for a list that does, or is dropped (TUN-10).
    pub fn tunnel_frame(&mut self, now: Instant, from: IpAddr, vn: Vni, frame: &[u8]) -> Verdict {
        self.begin_frame(now);
        // A socket of both families gives an IPv4 source as an IPv4-mapped address.
        self.tunnel_in(from.to_canonical(), vn, frame)
    }

    /// The targets of the last [`Verdict::Replicate`].
    pub fn replicas(&self) -> &[Target] {
        &self.replicas
    }

    /// The TSIs for which the last frame was held: one for [`Verdict::Held`], and one for each held copy of a group frame, whose
    /// verdict may also be [`Verdict::Replicate`]. With [`Line::Kept`] the TSI is the frame's sender.
    pub fn held_for(&self) -> &[(TsiKey, Line)] {
        self.hold.held_for()
    }

    /// Writes the next held frame that may leave now into `out`, and gives its target. `room` says whether a target takes a frame
    /// now. Frames of a target without room stay held, in order.
    #[must_use = "the frame in the buffer has left the queue and is lost unless it is sent"]
    pub fn poll_flush(
        &mut self,
        now: Instant,
        room: &mut dyn FnMut(&Target) -> bool,
        out: &mut Vec<u8>,
    ) -> Option<Target> {
        self.tick(now);
        self.flush(room, out)
    }

    /// The TSI of the held frame that the last [`Forwarder::poll_flush`] gave. `None` if the frame was held for no TSI, but for a list
    /// that names its sender.
    pub const fn flushed_for(&self) -> Option<TsiKey> {
        self.flushed_for
    }

    /// Writes the next dropped frame into `out` and describes it. Each frame that [`ForwarderCounters::all_dropped_frames`] counts
    /// comes once, as far as [`ForwarderConfig::drops`] has room.
    #[must_use = "the description of the dropped frame is handed out once"]
    pub fn poll_drop(&mut self, out: &mut Vec<u8>) -> Option<Dropped> {
        self.tally.next_drop(out)
    }

    /// The next notice for the control plane.
    #[must_use = "the control plane must get the notice, and it is handed out once"]
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop()
    }

    /// The time at which a held, kept or remembered frame may be too old: never later than the first such frame.
    #[must_use = "the machine must be told of this time at the latest, by `handle_timeout`"]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.hold.deadline(), self.recent.deadline(), self.strangers.deadline()].into_iter().flatten().min()
    }

    /// Drops the held frames that are too old at `now`, and forgets such remembered frames.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.tick(now);
        while let Some(key) = self.hold.take_due(self.now) {
            if let Some(slot) = self.slots.get_mut(&key)
                && self.hold.expire(key, slot, self.now, &mut self.tally)
            {
                self.slots.release(&key);
            }
        }
        while let Some(vn) = self.strangers.take_due(self.now) {
            let is_here = self.vns.here(vn).is_some();
            let reason = if is_here { DropReason::Stranger } else { DropReason::UnknownVn };
            if let Some(state) = self.vns.get_mut(vn)
                && let Some(from) =
                    self.strangers.expire(vn, state.waiting_mut().1, (self.now, reason), &mut self.tally)
            {
                if is_here {
                    self.notices.push_once(Notice::Stranger { vn, from }, &mut self.tally.counters);
                }
                self.vns.release(vn);
            }
        }
        while let Some(key) = self.recent.take_due(self.now) {
            if let Some(slot) = self.slots.get_mut(&key) {
                self.recent.forget(&mut slot.trail);
            }
        }
    }

    /// The frames that are held for a TSI, and those that were kept at its gate.
    pub fn held(&self, key: &TsiKey) -> HeldFrames {
        self.slots.get(key).map(|slot| slot.lines.held()).unwrap_or_default()
    }

    /// The frames that are held for all TSIs.
    pub fn held_in_all(&self) -> StoredFrames {
        self.hold.total()
    }

    /// The number of TSIs with held frames that may leave. After [`Forwarder::poll_flush`] gave none, their targets have no room.
    pub fn ready_tsis(&self) -> usize {
        self.hold.ready_count()
    }

    /// The frames that are remembered for all TSIs.
    pub fn remembered_in_all(&self) -> StoredFrames {
        self.recent.total()
    }

    /// The tunnelled frames of all VNs whose sender no list names yet.
    pub const fn strangers_in_all(&self) -> StoredFrames {
        self.strangers.total()
    }

    /// The counters.
    pub fn counters(&self) -> &ForwarderCounters {
        &self.tally.counters
    }

    /// The counters of a TSI since its entry was created.
    pub fn tsi_counters(&self, key: &TsiKey) -> Option<&TsiCounters> {
        self.slots.get(key).map(|slot| &slot.counters)
    }

    #[inline]
    fn begin_frame(&mut self, now: Instant) {
        self.tick(now);
        self.hold.begin_frame();
    }

    /// Sets the clock, which never goes back.
    #[inline]
    fn tick(&mut self, now: Instant) {
        if now < self.now {
            self.tally.counters.clock_backwards += 1;
        }
        self.now = self.now.max(now);
        self.began.get_or_insert(self.now);
    }

    /// True for a while after the start: the control plane may not have said yet which VNs are here.
    fn is_young(&self) -> bool {
        self.began.is_none_or(|began| self.now <= began + self.config.strangers.age)
    }

    /// Tidies up after frames of a TSI left or were dropped.
    fn tidy(&mut self, key: TsiKey) {
        if let Some(slot) = self.slots.get_mut(&key)
            && self.hold.tidy(key, slot)
        {
            self.slots.release(&key);
        }
    }
}
