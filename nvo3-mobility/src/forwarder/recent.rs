//! What was delivered lately to a TSI that is about to leave, and sending it after a VM that could not read it (DESIGN,
//! order at the hypervisor).
//!
//! A ring for each such TSI, bounded by frames, bytes and age, in a pool of its own. It grows while the entry has what is
//! delivered remembered. It stays, until it is too old, while the entry then tunnels or holds: the word may come even later
//! than what ended the move. With the word, what was delivered since the stop moves before everything that is held in its
//! lane, and leaves as that does: no sender is overtaken.

use super::Forwarder;
use super::counters::DropReason;
use super::pool::{Queue, Tag};
use super::slot::Origin;
use crate::table::{Entry, Lane};
use nvo3_nva_proto::{Instant, Micros, TsiKey};

impl Forwarder {
    /// Copies a unicast frame that is delivered now; the oldest of the same TSI make room. Other TSIs never pay for it.
    pub(super) fn remember(&mut self, key: TsiKey, origin: Origin, frame: &[u8]) {
        let limits = self.config.recent;
        let (age, length) = (Micros::from_millis(limits.age_ms.into()), frame.len() as u64);
        let over = |bytes: u32, most: u32| u64::from(bytes) + length > u64::from(most);
        let Some(slot) = self.slots.get_mut(&key) else { return };
        loop {
            let full = slot.recent.frames >= limits.frames
                || over(slot.recent.bytes, limits.bytes)
                || self.recent.frames >= self.config.recent_total_frames
                || over(self.recent.bytes, self.config.recent_total_bytes);
            let oldest = self.recent.head(&slot.recent).map(|tag| tag.arrived);
            let aged = oldest.is_some_and(|delivered| delivered + age <= self.now);
            if !full && !aged {
                break;
            }
            self.tally.counters.shed_recent_frames += u64::from(!aged);
            slot.forgotten = oldest.or(Some(self.now));
            if self.recent.pop(&mut slot.recent, None).is_none() {
                return;
            }
        }
        self.recent.push(&mut slot.recent, Tag::new(origin, false, self.now), frame);
    }

    /// Before another entry is in force: where that does not deliver, what was delivered since the stop goes before what
    /// is held, and without the time of a stop it is kept; otherwise it is forgotten.
    pub(super) fn end_remembering(&mut self, key: TsiKey, next: Option<&Entry>, replay_since: Option<Instant>) {
        let away = next.is_some_and(|entry| !entry.delivers());
        match self.slots.get(&key) {
            Some(slot) if slot.remembers() && next.is_some_and(|entry| entry.remember) => {}
            Some(_) if away && replay_since.is_none() => self.forget_later(key),
            _ => self.replay(key, replay_since.filter(|_| away)),
        }
    }

    fn forget_later(&mut self, key: TsiKey) {
        let due = self.now + Micros::from_millis(self.config.recent.age_ms.into());
        if let Some(slot) = self.slots.get_mut(&key)
            && slot.forgets.is_none()
            && !slot.recent.is_empty()
        {
            slot.forgets = Some(due);
            self.forgets.insert((due, key));
        }
    }

    /// Forgets what no word can call back any more.
    pub(super) fn forget_old(&mut self) {
        while let Some(&(due, key)) = self.forgets.first()
            && due <= self.now
        {
            self.forgets.remove(&(due, key));
            let Some(slot) = self.slots.get_mut(&key) else { continue };
            slot.forgets = None;
            while let Some(tag) = self.recent.pop(&mut slot.recent, None) {
                slot.forgotten = Some(tag.arrived);
            }
        }
    }

    fn replay(&mut self, key: TsiKey, since: Option<Instant>) {
        let Some(slot) = self.slots.get_mut(&key) else { return };
        if let Some(due) = slot.forgets.take() {
            self.forgets.remove(&(due, key));
        }
        let age = Micros::from_millis(self.config.recent.age_ms.into());
        let unread = |delivered: Instant| since.is_some_and(|since| delivered >= since);
        let mut incomplete = slot.forgotten.take().is_some_and(unread);
        let (mut tunnelled, mut direct) = (Queue::EMPTY, Queue::EMPTY);
        while let Some((tag, bytes)) = self.recent.take(&mut slot.recent) {
            let aged = tag.arrived + age <= self.now;
            incomplete |= aged && unread(tag.arrived);
            if unread(tag.arrived) && !aged {
                slot.counters.replayed_frames += 1;
                self.tally.counters.replayed_frames += 1;
                let room = self.pool.frames < self.config.total_frames
                    && u64::from(self.pool.bytes) + bytes.len() as u64 <= u64::from(self.config.total_bytes);
                if room {
                    let lane = match slot.lane(tag.origin) {
                        Lane::Tunnelled => &mut tunnelled,
                        Lane::Direct => &mut direct,
                    };
                    let tag = Tag { replayed: true, ..Tag::new(tag.origin, false, self.now) };
                    self.pool.push(lane, tag, &bytes);
                } else {
                    slot.counters.dropped_frames += 1;
                    let tag = Tag { replayed: true, ..Tag::new(tag.origin, false, self.now) };
                    self.tally.drop_new(tag.dropped(DropReason::HoldTotal, key, None), &bytes);
                }
            }
            self.recent.give_back(bytes);
        }
        for (lane, before) in [(&mut slot.tunnelled, tunnelled), (&mut slot.direct, direct)] {
            let held = core::mem::replace(lane, before);
            self.pool.join(lane, held);
        }
        self.tally.counters.incomplete_replays += u64::from(incomplete);
    }
}
