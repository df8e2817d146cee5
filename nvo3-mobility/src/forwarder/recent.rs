//! The remembered frames: those delivered lately to a TSI that is about to leave. They can be sent after a VM that did not read them.
//!
//! Each such TSI has a ring, bounded by frames, bytes and age. The rings have their own pool, so that they never take room from held
//! frames. A ring grows while the entry asks for it. While the entry then tunnels or holds, the ring stays until its frames are too
//! old, because *Suspend* may come even later than the change that ended the move. With *Suspend* and the time of the stop, the frames
//! delivered since the stop are taken back. They leave before the held frames of their lane, so no sender is overtaken.

use super::deadlines::Deadlines;
use super::pool::{Pool, Queue};
use super::tag::Tag;
use super::{ForwarderCounters, Origin, StoredFrames};
use nvo3_nva_proto::{HoldLimits, Instant, Micros, TsiKey};

/// The remembered frames of one TSI.
#[derive(Default)]
pub(super) struct Trail {
    frames: Queue,
    /// The time at which the frames are forgotten, once no more are remembered.
    forgets: Option<Instant>,
    /// The delivery time of the newest frame that is not in the ring any more.
    forgotten: Option<Instant>,
}

impl Trail {
    /// Frames and bytes.
    #[cfg(test)]
    pub(super) const fn remembered(&self) -> (u32, u32) {
        (self.frames.frames(), self.frames.bytes())
    }
}

/// The remembered frames of all TSIs.
pub(super) struct Recent {
    pool: Pool,
    forgets: Deadlines<TsiKey>,
    limits: HoldLimits,
}

impl Recent {
    pub(super) fn new(limits: HoldLimits, pool: Pool) -> Self {
        Self { pool, forgets: Deadlines::default(), limits }
    }

    /// The frames that are remembered.
    pub(super) const fn total(&self) -> StoredFrames {
        self.pool.stored()
    }

    /// Remembers a copy of a unicast frame that is delivered now. The oldest frames of the same TSI make room; other TSIs keep theirs.
    pub(super) fn remember(
        &mut self,
        trail: &mut Trail,
        origin: Origin,
        bytes: &[u8],
        now: Instant,
        counters: &mut ForwarderCounters,
    ) {
        let length = bytes.len() as u64;
        loop {
            let full = trail.frames.frames() >= self.limits.frames
                || u64::from(trail.frames.bytes()) + length > u64::from(self.limits.bytes)
                || !self.pool.has_room(length);
            let oldest = self.pool.head(&trail.frames).map(|tag| tag.arrived);
            let aged = oldest.is_some_and(|delivered| delivered + self.age() <= now);
            if !full && !aged {
                break;
            }
            counters.shed_recent_frames += u64::from(!aged);
            trail.forgotten = oldest.or(Some(now));
            if self.pool.pop(&mut trail.frames, None).is_none() {
                return;
            }
        }
        self.pool.push(&mut trail.frames, Tag::frame(origin, now), bytes);
    }

    /// Stops remembering. The frames stay until the last one is too old.
    pub(super) fn forget_later(&mut self, key: TsiKey, trail: &mut Trail, now: Instant) {
        if trail.forgets.is_none() && !trail.frames.is_empty() {
            self.forgets.set(key, &mut trail.forgets, Some(now + self.age()));
        }
    }

    /// The time at which the first frames are forgotten.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.forgets.first()
    }

    /// A TSI whose frames are too old to be taken back. The caller calls [`Recent::forget`] for it.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<TsiKey> {
        self.forgets.take_due(now)
    }

    pub(super) fn forget(&mut self, trail: &mut Trail) {
        trail.forgets = None;
        while let Some(tag) = self.pool.pop(&mut trail.frames, None) {
            trail.forgotten = Some(tag.arrived);
        }
    }

    /// Forgets the TSI's frames, and gives those that were delivered at `since` or later. True if some of these were forgotten before
    /// or are too old.
    pub(super) fn take_back(
        &mut self,
        key: TsiKey,
        trail: &mut Trail,
        since: Option<Instant>,
        now: Instant,
        mut unread: impl FnMut(Origin, &[u8]),
    ) -> bool {
        self.forgets.set(key, &mut trail.forgets, None);
        let is_unread = |delivered: Instant| since.is_some_and(|since| delivered >= since);
        let mut incomplete = trail.forgotten.take().is_some_and(is_unread);
        while let Some((tag, bytes)) = self.pool.take(&mut trail.frames) {
            let aged = tag.arrived + self.age() <= now;
            match (is_unread(tag.arrived), aged) {
                (true, true) => incomplete = true,
                (true, false) => unread(tag.origin, &bytes),
                (false, _) => {}
            }
            self.pool.give_back(bytes);
        }
        incomplete
    }

    const fn age(&self) -> Micros {
        self.limits.age
    }

    /// Asserts the invariants of a TSI's ring. True if it has a deadline.
    #[cfg(test)]
    pub(super) fn check(&self, key: TsiKey, trail: &Trail, remembers: bool) -> bool {
        assert!(trail.frames.frames() <= self.limits.frames && trail.frames.bytes() <= self.limits.bytes);
        assert!(remembers || trail.frames.is_empty() || trail.forgets.is_some());
        assert!(trail.forgets.is_none_or(|due| self.forgets.has(due, key)));
        trail.forgets.is_some()
    }

    #[cfg(test)]
    pub(super) fn deadlines(&self) -> usize {
        self.forgets.count()
    }
}
