//! Holding frames within their limits, and letting them grow old.

use super::Forwarder;
use super::counters::DropReason;
use super::pool::{Pool, Queue, Tag};
use super::slot::{Origin, Slot, Way};
use super::tally::Tally;
use crate::table::{Gate, Lane};
use nvo3_nva_proto::{Instant, Micros, TsiKey};

/// Where a TSI's frames wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Line {
    /// Frames for the TSI that the other party of its move tunnelled here.
    Tunnelled,
    /// Other frames for the TSI.
    Direct,
    /// Frames that the TSI sent while its gate was closed.
    Kept,
}

impl Line {
    pub(super) const ALL: [Self; 3] = [Self::Tunnelled, Self::Direct, Self::Kept];
}

impl From<Lane> for Line {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Tunnelled => Self::Tunnelled,
            Lane::Direct => Self::Direct,
        }
    }
}

impl Slot {
    pub(super) fn line(&self, line: Line) -> &Queue {
        match line {
            Line::Tunnelled => &self.tunnelled,
            Line::Direct => &self.direct,
            Line::Kept => &self.kept,
        }
    }

    pub(super) fn line_mut(&mut self, line: Line) -> &mut Queue {
        match line {
            Line::Tunnelled => &mut self.tunnelled,
            Line::Direct => &mut self.direct,
            Line::Kept => &mut self.kept,
        }
    }
}

impl Forwarder {
    /// Holds a frame; drops the oldest of the same TSI where a limit is reached (VMM-5-08, R-36). Other TSIs never pay
    /// for it: where the total is reached and nothing is held for this one, the new frame is dropped.
    pub(super) fn hold(
        &mut self,
        key: TsiKey,
        line: Line,
        origin: Origin,
        group: bool,
        frame: &[u8],
    ) -> Result<(), DropReason> {
        let length = frame.len() as u64;
        let (most_frames, most_bytes) = (u64::from(self.config.total_frames), u64::from(self.config.total_bytes));
        let Some(slot) = self.slots.get_mut(&key) else { return Err(DropReason::TooManyAsked) };
        let limits = slot.limits;
        if limits.frames == 0 || length > u64::from(limits.bytes) {
            return Err(DropReason::HoldOverflow);
        }
        loop {
            let held = slot.held();
            let full = held.frames >= limits.frames || u64::from(held.bytes) + length > u64::from(limits.bytes);
            let all_full =
                u64::from(self.pool.frames) >= most_frames || u64::from(self.pool.bytes) + length > most_bytes;
            let reason = match (full, all_full) {
                (true, _) => DropReason::HoldOverflow,
                (false, true) => DropReason::HoldTotal,
                (false, false) => break,
            };
            let Some(oldest) = self.pool.oldest(slot) else { return Err(reason) };
            drop_oldest(key, slot, oldest, reason, &mut self.pool, &mut self.tally);
        }
        self.pool.push(slot.line_mut(line), Tag::new(origin, group, self.now), frame);
        self.held_for.push((key, line));
        slot.counters.held_frames += 1;
        self.tally.counters.held_frames += 1;
        if slot.armed.is_none() {
            let due = self.now + Micros::from_millis(limits.age_ms.into());
            slot.armed = Some(due);
            self.ages.insert((due, key));
        }
        Ok(())
    }

    /// Brings what is held for a TSI in line with what is now known of it: within its limits, without what goes nowhere,
    /// ready to leave, under the right deadline; or the TSI forgotten.
    pub(super) fn settle(&mut self, key: TsiKey) {
        let Some(slot) = self.slots.get_mut(&key) else { return };
        while let held = slot.held()
            && (held.frames > slot.limits.frames || held.bytes > slot.limits.bytes)
            && let Some(oldest) = self.pool.oldest(slot)
        {
            drop_oldest(key, slot, oldest, DropReason::HoldOverflow, &mut self.pool, &mut self.tally);
        }
        for lane in [Lane::Tunnelled, Lane::Direct] {
            self.front(key, lane);
        }
        self.arm(key);
        self.tidy(key);
    }

    /// After something has left or been dropped: ready if more may leave, forgotten if nothing is left to know.
    pub(super) fn tidy(&mut self, key: TsiKey) {
        let Some(slot) = self.slots.get_mut(&key) else { return };
        if slot.lanes_empty() {
            slot.direct_began = false;
            slot.missed = false;
            slot.party = slot.entry.and_then(|entry| entry.party).map(|party| party.locators);
        }
        if !slot.holds_nothing() {
            self.ready.insert(key);
            if slot.armed.is_none() {
                self.arm(key);
            }
            return;
        }
        self.ready.remove(&key);
        if let Some(due) = slot.armed.take() {
            self.ages.remove(&(due, key));
        }
        if !slot.known {
            self.slots.remove(&key);
            self.asked -= 1;
        }
    }

    /// The way of the first frame of a lane; those that go nowhere are dropped before.
    pub(super) fn front(&mut self, key: TsiKey, lane: Lane) -> Option<Way> {
        let slot = self.slots.get_mut(&key)?;
        loop {
            let tag = self.pool.head(slot.queue(lane))?;
            match slot.way(&self.config.own, tag.origin, tag.group) {
                Way::Drop(reason) => {
                    drop_oldest(key, slot, lane.into(), reason, &mut self.pool, &mut self.tally);
                }
                way => return Some(way),
            }
        }
    }

    /// Drops what is too old. What may leave and only waits for its port does not grow old: a full port costs time, not
    /// frames.
    pub(super) fn expire(&mut self) {
        while let Some(&(due, key)) = self.ages.first()
            && due <= self.now
        {
            self.ages.remove(&(due, key));
            let Some(slot) = self.slots.get_mut(&key) else { continue };
            slot.armed = None;
            let age = Micros::from_millis(slot.limits.age_ms.into());
            for line in Line::ALL {
                while let Some(tag) = self.pool.head(slot.line(line))
                    && tag.arrived + age <= self.now
                    && slot.waits(&self.config.own, line, tag)
                {
                    drop_oldest(key, slot, line, DropReason::HoldAge, &mut self.pool, &mut self.tally);
                }
            }
            self.arm(key);
            self.tidy(key);
        }
    }

    /// Sets the deadline to that of the oldest frame that waits for control.
    fn arm(&mut self, key: TsiKey) {
        let Some(slot) = self.slots.get_mut(&key) else { return };
        let age = Micros::from_millis(slot.limits.age_ms.into());
        let due = Line::ALL
            .iter()
            .filter_map(|line| self.pool.head(slot.line(*line)).filter(|tag| slot.waits(&self.config.own, *line, tag)))
            .map(|tag| tag.arrived + age)
            .min();
        if due != slot.armed {
            if let Some(was) = core::mem::replace(&mut slot.armed, due) {
                self.ages.remove(&(was, key));
            }
            self.ages.extend(due.map(|due| (due, key)));
        }
    }

    /// Drops what is held in these lines.
    pub(super) fn drop_lines(&mut self, key: TsiKey, lines: &[Line], reason: DropReason) {
        let Some(slot) = self.slots.get_mut(&key) else { return };
        for line in lines {
            while drop_oldest(key, slot, *line, reason, &mut self.pool, &mut self.tally) {}
        }
    }

    /// Never before the latest time that was seen.
    pub(super) fn tick(&mut self, now: Instant) {
        if now < self.now {
            self.tally.counters.clock_backwards += 1;
        }
        self.now = self.now.max(now);
    }
}

/// Drops the oldest frame of a line; whether there was one.
fn drop_oldest(
    key: TsiKey,
    slot: &mut Slot,
    line: Line,
    reason: DropReason,
    pool: &mut Pool,
    tally: &mut Tally,
) -> bool {
    let Some((tag, bytes)) = pool.take(slot.line_mut(line)) else { return false };
    slot.counters.dropped_frames += 1;
    if let Some(unused) = tally.drop_held(tag.dropped(reason, key, Some(line)), bytes) {
        pool.give_back(unused);
    }
    true
}

impl Slot {
    /// Whether a held frame waits for control, and not only for its port.
    fn waits(&self, own: &nvo3_nva_proto::Locators, line: Line, tag: &Tag) -> bool {
        match line {
            Line::Kept => self.gate() == Gate::Hold,
            _ => matches!(self.way(own, tag.origin, tag.group), Way::Hold { .. }),
        }
    }
}
