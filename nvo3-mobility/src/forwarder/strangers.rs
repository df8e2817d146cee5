//! The frames of strangers: tunnelled frames of a VN from an NVE that the VN's list does not name.
//!
//! A frame of a stranger reaches no tenant (TUN-10). It may also be the first frame of an NVE that is new in the VN, and whose list is
//! still under way. So it waits here, within bounds of frames, bytes and age, for each VN and in total. If a list names its sender, it
//! comes in again, in order, and newer frames of its sender wait behind it. Frames of a VN that is not here wait here too for a while after a
//! start, because the control plane may not have said yet what is here. The rings have their own pool, so that a stranger never
//! takes room from held frames.

use super::deadlines::Deadlines;
use super::pool::{Pool, Queue};
use super::tag::Tag;
use super::tally::Tally;
use super::turns::Turns;
use super::{DropReason, Origin, StoredFrames};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{HoldLimits, Instant};
use nvo3_wire::Vni;

/// The frames of one VN that wait.
#[derive(Default)]
pub(super) struct Waiting {
    /// The frames of strangers.
    strange: Queue,
    /// The frames whose sender is named now. They come in again.
    named: Queue,
    /// The time at which the age of the frames is checked.
    armed: Option<Instant>,
}

impl Waiting {
    pub(super) const fn is_empty(&self) -> bool {
        self.strange.is_empty() && self.named.is_empty()
    }

    /// True if no frame waits to come in again.
    #[inline]
    pub(super) const fn none_named(&self) -> bool {
        self.named.is_empty()
    }

    /// Frames and bytes.
    const fn stored(&self) -> (u32, u32) {
        (self.strange.frames() + self.named.frames(), self.strange.bytes() + self.named.bytes())
    }
}

/// The frames of strangers in all VNs.
pub(super) struct Strangers {
    limits: HoldLimits,
    pool: Pool,
    ages: Deadlines<Vni>,
    turns: Turns<Vni>,
}

impl Strangers {
    pub(super) fn new(limits: HoldLimits, pool: Pool) -> Self {
        Self { limits, pool, ages: Deadlines::default(), turns: Turns::default() }
    }

    /// The frames that wait.
    pub(super) const fn total(&self) -> StoredFrames {
        self.pool.stored()
    }

    /// True if a frame of this sender, from and to the MACs of this one, waits to come in again. What names one such frame names all, so
    /// they wait in one queue; other frames of the sender may wait as those of a stranger.
    pub(super) fn has_named(&self, waiting: &Waiting, from: IpAddr, frame: &[u8]) -> bool {
        let macs = frame.get(..12);
        self.pool.any(&waiting.named, |tag, bytes| tag.origin == Origin::Tunnel(from) && bytes.get(..12) == macs)
    }

    /// Keeps a frame of a stranger. True if there was room.
    pub(super) fn keep(&mut self, vn: Vni, waiting: &mut Waiting, tag: Tag, bytes: &[u8]) -> bool {
        let room = self.has_room(waiting, bytes);
        if room {
            self.pool.push(&mut waiting.strange, tag, bytes);
            self.arm(vn, waiting);
        }
        room
    }

    /// Keeps a frame behind those of the same sender that come in again. True if there was room.
    pub(super) fn keep_behind(&mut self, waiting: &mut Waiting, tag: Tag, bytes: &[u8]) -> bool {
        let room = self.has_room(waiting, bytes);
        if room {
            self.pool.push(&mut waiting.named, tag, bytes);
        }
        room
    }

    fn has_room(&self, waiting: &Waiting, bytes: &[u8]) -> bool {
        let (frames, length) = waiting.stored();
        let within = length as usize + bytes.len() <= self.limits.bytes as usize;
        frames < self.limits.frames && within && self.pool.has_room(bytes.len() as u64)
    }

    /// Lets the frames come in again whose sender is named now. `named` sees the sender and the frame.
    pub(super) fn name(&mut self, vn: Vni, waiting: &mut Waiting, named: impl Fn(IpAddr, &[u8]) -> bool) {
        let wanted = |tag: &Tag, bytes: &[u8]| matches!(tag.origin, Origin::Tunnel(from) if named(from, bytes));
        // A frame that came in again and was not let in is older than those that still wait for that.
        let mut named = Queue::EMPTY;
        self.pool.split(&mut waiting.strange, &mut named, wanted);
        self.pool.join(&mut named, waiting.named);
        waiting.named = named;
        if !waiting.named.is_empty() {
            self.turns.add(vn);
        }
        self.arm(vn, waiting);
    }

    /// The number of VNs with frames that come in again.
    pub(super) fn ready_count(&self) -> usize {
        self.turns.count()
    }

    pub(super) fn next_turn(&mut self) -> Option<Vni> {
        self.turns.next()
    }

    /// Takes the next frame that comes in again, its bytes into `out`.
    pub(super) fn take(&mut self, vn: Vni, waiting: &mut Waiting, out: &mut Vec<u8>) -> Option<Tag> {
        let tag = self.pool.pop(&mut waiting.named, Some(out));
        if waiting.named.is_empty() {
            self.turns.remove(&vn);
        }
        tag
    }

    /// Ends the turn of a VN that is gone.
    pub(super) fn end_turn(&mut self, vn: Vni) {
        self.turns.remove(&vn);
    }

    /// The time at which the first frames may be too old.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.ages.first()
    }

    /// A VN whose frames may be too old. The caller calls [`Strangers::expire`] for it.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Vni> {
        self.ages.take_due(now)
    }

    /// Drops the frames that are too old, for this reason. Gives the last sender of one.
    pub(super) fn expire(
        &mut self,
        vn: Vni,
        waiting: &mut Waiting,
        (now, reason): (Instant, DropReason),
        tally: &mut Tally,
    ) -> Option<IpAddr> {
        waiting.armed = None;
        let mut last = None;
        while let Some(tag) = self.pool.head(&waiting.strange)
            && tag.arrived + self.limits.age <= now
        {
            if let Origin::Tunnel(from) = tag.origin {
                last = Some(from);
            }
            drop_first(&mut self.pool, &mut waiting.strange, reason, tally);
        }
        self.arm(vn, waiting);
        last
    }

    /// Drops all frames of a VN.
    pub(super) fn clear(&mut self, vn: Vni, waiting: &mut Waiting, reason: DropReason, tally: &mut Tally) {
        for queue in [&mut waiting.strange, &mut waiting.named] {
            while drop_first(&mut self.pool, queue, reason, tally) {}
        }
        self.turns.remove(&vn);
        self.arm(vn, waiting);
    }

    /// Sets the deadline to that of the oldest frame of a stranger.
    fn arm(&mut self, vn: Vni, waiting: &mut Waiting) {
        let due = self.pool.head(&waiting.strange).map(|tag| tag.arrived + self.limits.age);
        self.ages.set(vn, &mut waiting.armed, due);
    }

    /// Asserts the invariants of a VN's frames. Gives their number, their bytes, and true if they have a deadline.
    #[cfg(test)]
    pub(super) fn check(&self, vn: Vni, waiting: &Waiting) -> (u32, u32, bool) {
        let (frames, bytes) = waiting.stored();
        assert!(frames <= self.limits.frames && bytes <= self.limits.bytes);
        assert_eq!(waiting.armed.is_none(), waiting.strange.is_empty());
        assert!(waiting.armed.is_none_or(|due| self.ages.has(due, vn)));
        (frames, bytes, waiting.armed.is_some())
    }

    #[cfg(test)]
    pub(super) fn deadlines(&self) -> usize {
        self.ages.count()
    }
}

/// Drops the oldest frame of a queue. True if there was one.
fn drop_first(pool: &mut Pool, queue: &mut Queue, reason: DropReason, tally: &mut Tally) -> bool {
    let Some((tag, bytes)) = pool.take(queue) else { return false };
    if let Some(unused) = tally.drop_held(tag.dropped(reason, None, None), bytes) {
        pool.give_back(unused);
    }
    true
}
