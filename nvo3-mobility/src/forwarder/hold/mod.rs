//! The held frames: each is kept within limits, in order, until it leaves or is too old.
//!
//! In go frames that cannot leave yet, each with its line at its TSI. Out come the frames that may leave now, in turn among TSIs (held
//! frames leave before newer ones, VMM-5-09). The room drops a frame beyond a limit or an age (each hold is bounded, VMM-5-08, R-36).
//! Each TSI has its own limits of frames, bytes and age. A TSI that holds much costs other TSIs no frame: if the total is reached, a
//! TSI drops its own oldest frame, or the new one. A frame that may leave and only waits for room at its port does not grow old.

mod lines;

pub(super) use lines::Lines;

use super::deadlines::Deadlines;
use super::pool::{Pool, Queue};
use super::slot::Slot;
use super::tag::Tag;
use super::tally::Tally;
use super::turns::Turns;
use super::way::Way;
use super::{DropReason, Entrance, Line, Origin, StoredFrames, Target};
use crate::table::{Gate, Lane};
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Locators, Micros, TsiKey};

/// The frames that are held for all TSIs.
pub(super) struct Hold {
    own: Locators,
    pool: Pool,
    ages: Deadlines<TsiKey>,
    turns: Turns<TsiKey>,
    /// The TSIs for which the last frame was held.
    held_for: Vec<(TsiKey, Line)>,
}

/// A held frame that may leave.
#[derive(Clone, Copy)]
pub(super) struct Leaving {
    pub(super) line: Line,
    pub(super) target: Target,
    /// True if the NVE that sent the frame here should have sent it to its destination ([`Way::Tunnel`]).
    pub(super) stale: bool,
}

/// Frames that were delivered and taken back, by lane.
pub(super) struct Replay {
    tunnelled: Queue,
    direct: Queue,
}

impl Replay {
    pub(super) const EMPTY: Self = Self { tunnelled: Queue::EMPTY, direct: Queue::EMPTY };
}

impl Hold {
    pub(super) fn new(own: Locators, pool: Pool) -> Self {
        Self { own, pool, ages: Deadlines::default(), turns: Turns::default(), held_for: Vec::new() }
    }

    /// The frames that are held.
    pub(super) const fn total(&self) -> StoredFrames {
        self.pool.stored()
    }

    pub(super) fn held_for(&self) -> &[(TsiKey, Line)] {
        &self.held_for
    }

    /// Begins a new frame: forgets the TSIs of the last one.
    #[inline]
    pub(super) fn begin_frame(&mut self) {
        self.held_for.clear();
    }

    /// Holds a frame. If a limit is reached, drops the oldest frame of the same TSI, or the new frame.
    pub(super) fn hold(
        &mut self,
        key: TsiKey,
        slot: &mut Slot,
        line: Line,
        tag: Tag,
        bytes: &[u8],
        tally: &mut Tally,
    ) -> Result<(), DropReason> {
        if let Err(reason) = self.make_room(key, slot, bytes.len() as u64, tally) {
            slot.counters.dropped_frames += 1;
            tally.drop_new(tag.dropped(reason, Some(key), None), bytes);
            return Err(reason);
        }
        self.pool.push(slot.lines.queue_mut(line), tag, bytes);
        self.held_for.push((key, line));
        slot.counters.held_frames += 1;
        tally.counters.held_frames += 1;
        if slot.lines.armed.is_none() {
            let due = tag.arrived + age(slot);
            self.ages.set(key, &mut slot.lines.armed, Some(due));
        }
        Ok(())
    }

    fn make_room(&mut self, key: TsiKey, slot: &mut Slot, length: u64, tally: &mut Tally) -> Result<(), DropReason> {
        let limits = slot.lines.limits();
        if limits.frames == 0 || length > u64::from(limits.bytes) {
            return Err(DropReason::HoldOverflow);
        }
        loop {
            let reason = match (slot.lines.would_exceed(length), self.pool.has_room(length)) {
                (true, _) => DropReason::HoldOverflow,
                (false, false) => DropReason::HoldTotal,
                (false, true) => return Ok(()),
            };
            let Some(oldest) = slot.lines.oldest(&self.pool) else { return Err(reason) };
            self.drop_oldest(key, slot, oldest, reason, tally);
        }
    }

    /// Notes that the TSI's frames may leave, if their ways allow it.
    pub(super) fn set_ready(&mut self, key: TsiKey) {
        self.turns.add(key);
    }

    /// True if a frame that could leave must wait, because it would overtake held frames. A frame for the tunnel does not wait for the
    /// frames of the other party that are held while the VM still runs there (the prepared attachment).
    pub(super) fn must_wait(
        &mut self,
        key: TsiKey,
        slot: &mut Slot,
        origin: Origin,
        way: Way,
        tally: &mut Tally,
    ) -> bool {
        let may_pass = matches!(way, Way::Tunnel { .. })
            && slot.lines.is_empty(Line::Direct)
            && slot.lines.lane(origin) == Lane::Direct;
        !(may_pass && self.front(key, slot, Lane::Tunnelled, tally).is_none_or(|way| way.is_held()))
    }

    /// Adapts the held frames to a new order: applies the limits, drops frames that go nowhere, and sets the turn and the deadline.
    /// True if the slot is to be released.
    pub(super) fn settle(&mut self, key: TsiKey, slot: &mut Slot, tally: &mut Tally) -> bool {
        while slot.lines.exceed_limits()
            && let Some(oldest) = slot.lines.oldest(&self.pool)
        {
            self.drop_oldest(key, slot, oldest, DropReason::HoldOverflow, tally);
        }
        for lane in [Lane::Tunnelled, Lane::Direct] {
            self.front(key, slot, lane, tally);
        }
        self.arm(key, slot);
        self.tidy(key, slot)
    }

    /// Sets the turn after frames left or were dropped. True if the slot is to be released: no frame is held, and the control plane
    /// has ordered nothing for the TSI.
    pub(super) fn tidy(&mut self, key: TsiKey, slot: &mut Slot) -> bool {
        if slot.lines.lanes_are_empty() {
            slot.lines.lanes_emptied(slot.directive.party());
            slot.missed = false;
        }
        if slot.lines.held().frames > 0 {
            self.turns.add(key);
            if slot.lines.armed.is_none() {
                self.arm(key, slot);
            }
            return false;
        }
        self.turns.remove(&key);
        self.ages.set(key, &mut slot.lines.armed, None);
        !slot.directive.is_known()
    }

    /// The number of TSIs that may have frames that can leave.
    pub(super) fn ready_count(&self) -> usize {
        self.turns.count()
    }

    pub(super) fn next_turn(&mut self) -> Option<TsiKey> {
        self.turns.next()
    }

    /// Ends the turn of a TSI: no frame of it may leave for now.
    pub(super) fn end_turn(&mut self, key: &TsiKey) {
        self.turns.remove(key);
    }

    /// The frames of the TSI that may leave: the first one that it sent before its gate opened, and the first one for it.
    pub(super) fn leaving(&mut self, key: TsiKey, slot: &mut Slot, tally: &mut Tally) -> [Option<Leaving>; 2] {
        let open = slot.directive.gate() == Gate::Open && !slot.lines.is_empty(Line::Kept);
        let kept = slot.directive.vap().filter(|_| open).map(|vap| Leaving {
            line: Line::Kept,
            target: Target::Again(Entrance::Vap(vap)),
            stale: false,
        });
        [kept, self.leaving_lane(key, slot, tally)]
    }

    /// The next frame for the TSI that may leave: tunnelled frames first, then direct ones. While frames of the other party are held,
    /// a frame for delivery waits behind them, and a frame for a tunnel does not.
    fn leaving_lane(&mut self, key: TsiKey, slot: &mut Slot, tally: &mut Tally) -> Option<Leaving> {
        let (lane, way) = match self.front(key, slot, Lane::Tunnelled, tally) {
            Some(way) if way.leaves() => (Lane::Tunnelled, way),
            None => (Lane::Direct, self.front(key, slot, Lane::Direct, tally)?),
            Some(_) => {
                let way = self.front(key, slot, Lane::Direct, tally)?;
                (Lane::Direct, Some(way).filter(|way| matches!(way, Way::Tunnel { .. }))?)
            }
        };
        let (target, stale) = match way {
            Way::Deliver(vap) => (Target::Port(vap), false),
            Way::Tunnel { to, stale } => (Target::Tunnel { to, vn: key.vn }, stale),
            Way::Hold(_) | Way::AwaitPort | Way::AwaitAnswer | Way::Drop(_) => return None,
        };
        Some(Leaving { line: lane.into(), target, stale })
    }

    /// Takes a leaving frame off its line, its bytes into `out`.
    pub(super) fn take(&mut self, slot: &mut Slot, line: Line, out: &mut Vec<u8>) -> Option<Tag> {
        slot.lines.leaves(line);
        self.pool.pop(slot.lines.queue_mut(line), Some(out))
    }

    /// The way of the first frame of a lane. Drops the frames before it that go nowhere.
    fn front(&mut self, key: TsiKey, slot: &mut Slot, lane: Lane, tally: &mut Tally) -> Option<Way> {
        loop {
            let tag = self.pool.head(slot.lines.queue(lane.into()))?;
            match way(&self.own, slot, tag) {
                Way::Drop(reason) => _ = self.drop_oldest(key, slot, lane.into(), reason, tally),
                way => return Some(way),
            }
        }
    }

    /// The time at which the first frames may be too old.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.ages.first()
    }

    /// A TSI whose frames may be too old. The caller calls [`Hold::expire`] for it.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<TsiKey> {
        self.ages.take_due(now)
    }

    /// Drops the TSI's frames that are too old. True if the slot is to be released.
    pub(super) fn expire(&mut self, key: TsiKey, slot: &mut Slot, now: Instant, tally: &mut Tally) -> bool {
        slot.lines.armed = None;
        for line in Line::ALL {
            while let Some(tag) = self.pool.head(slot.lines.queue(line))
                && tag.arrived + age(slot) <= now
                && waits(&self.own, slot, line, tag)
            {
                self.drop_oldest(key, slot, line, DropReason::HoldAge, tally);
            }
        }
        self.arm(key, slot);
        self.tidy(key, slot)
    }

    /// Sets the deadline to that of the oldest frame that waits for the control plane.
    fn arm(&mut self, key: TsiKey, slot: &mut Slot) {
        let due = Line::ALL
            .into_iter()
            .filter_map(|line| self.pool.head(slot.lines.queue(line)).filter(|tag| waits(&self.own, slot, line, tag)))
            .map(|tag| tag.arrived + age(slot))
            .min();
        self.ages.set(key, &mut slot.lines.armed, due);
    }

    /// Moves the frames of the other party into the tunnelled lane: frames that it sent before the control plane named it leave in the
    /// first pass too, so that all frames of a sender are in one lane.
    pub(super) fn follow_party(&mut self, slot: &mut Slot) {
        let Some(party) = slot.lines.party() else { return };
        let (tunnelled, direct) = slot.lines.lanes_mut();
        let from_party =
            |tag: &Tag, _: &[u8]| !tag.copy && matches!(tag.origin, Origin::Tunnel(from) if party.contains(from));
        self.pool.split(direct, tunnelled, from_party);
    }

    /// Takes back a delivered frame. True if there was room.
    pub(super) fn take_back(&mut self, replay: &mut Replay, lines: &Lines, tag: Tag, bytes: &[u8]) -> bool {
        let room = self.pool.has_room(bytes.len() as u64);
        if room {
            let lane = match lines.lane(tag.origin) {
                Lane::Tunnelled => &mut replay.tunnelled,
                Lane::Direct => &mut replay.direct,
            };
            self.pool.push(lane, tag, bytes);
        }
        room
    }

    /// Puts the frames that were taken back before the held frames.
    pub(super) fn put_first(&mut self, lines: &mut Lines, replay: Replay) {
        let (tunnelled, direct) = lines.lanes_mut();
        for (lane, before) in [(tunnelled, replay.tunnelled), (direct, replay.direct)] {
            let held = core::mem::replace(lane, before);
            self.pool.join(lane, held);
        }
    }

    /// Drops the frames of these lines.
    pub(super) fn drop_lines(
        &mut self,
        key: TsiKey,
        slot: &mut Slot,
        lines: &[Line],
        reason: DropReason,
        tally: &mut Tally,
    ) {
        for line in lines {
            while self.drop_oldest(key, slot, *line, reason, tally) {}
        }
    }

    /// Drops the held copies of group frames, because the TSI comes to a port that had the frames for other TSIs.
    pub(super) fn drop_copies(&mut self, key: TsiKey, slot: &mut Slot, tally: &mut Tally) {
        let mut copies = Queue::EMPTY;
        self.pool.split(slot.lines.queue_mut(Line::Direct), &mut copies, |tag, _| tag.copy);
        while let Some((tag, bytes)) = self.pool.take(&mut copies) {
            self.drop_taken((tag, bytes), key, slot, Line::Direct, DropReason::BumPortShared, tally);
        }
    }

    /// Drops the oldest frame of a line. True if there was one.
    fn drop_oldest(&mut self, key: TsiKey, slot: &mut Slot, line: Line, reason: DropReason, tally: &mut Tally) -> bool {
        let Some(taken) = self.pool.take(slot.lines.queue_mut(line)) else { return false };
        self.drop_taken(taken, key, slot, line, reason, tally);
        true
    }

    fn drop_taken(
        &mut self,
        (tag, bytes): (Tag, Vec<u8>),
        key: TsiKey,
        slot: &mut Slot,
        line: Line,
        reason: DropReason,
        tally: &mut Tally,
    ) {
        slot.counters.dropped_frames += 1;
        if let Some(unused) = tally.drop_held(tag.dropped(reason, Some(key), Some(line)), bytes) {
            self.pool.give_back(unused);
        }
    }

    /// Asserts the invariants of a TSI's frames. True if they have a deadline.
    #[cfg(test)]
    pub(super) fn check(&self, key: TsiKey, lines: &Lines) -> bool {
        assert!(!lines.exceed_limits());
        assert!(lines.armed.is_none_or(|due| self.ages.has(due, key)));
        lines.armed.is_some()
    }

    #[cfg(test)]
    pub(super) fn deadlines(&self) -> usize {
        self.ages.count()
    }
}

fn age(slot: &Slot) -> Micros {
    slot.lines.limits().age
}

fn way(own: &Locators, slot: &Slot, tag: &Tag) -> Way {
    if tag.copy { slot.directive.way_of_copy(own, tag.origin) } else { slot.directive.way(own, tag.origin) }
}

/// True if a held frame waits for the control plane, and not only for room at its port.
fn waits(own: &Locators, slot: &Slot, line: Line, tag: &Tag) -> bool {
    match line {
        Line::Kept => slot.directive.gate() == Gate::Hold,
        Line::Tunnelled | Line::Direct => way(own, slot, tag).is_held(),
    }
}
