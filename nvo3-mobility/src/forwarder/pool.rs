//! The memory of held and of remembered frames: one slab with lists through it, and buffers that are used again.
//!
//! The size of a buffer is the power of two above its frame, so the reserved memory stays within twice the held bytes. Spare buffers
//! go back to the allocator if the sum would exceed that.

use super::StoredFrames;
use super::classify::MAX_FRAME;
use super::tag::Tag;
use alloc::vec::Vec;

const NONE: u32 = u32::MAX;
const LEAST: usize = 64;
const CLASSES: usize = class(MAX_FRAME) + 1;

/// The power of two, counted from [`LEAST`], that holds `length` bytes.
const fn class(length: usize) -> usize {
    let above = if length > LEAST { length } else { LEAST };
    (above.next_power_of_two().ilog2() - LEAST.ilog2()) as usize
}

/// A queue of frames. The frames are in the pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    head: u32,
    tail: u32,
    frames: u32,
    bytes: u32,
}

impl Default for Queue {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Queue {
    pub(super) const EMPTY: Self = Self { head: NONE, tail: NONE, frames: 0, bytes: 0 };

    pub(super) const fn frames(&self) -> u32 {
        self.frames
    }

    pub(super) const fn bytes(&self) -> u32 {
        self.bytes
    }

    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.frames == 0
    }
}

struct Held {
    tag: Tag,
    /// The order of two frames by arrival.
    order: u64,
    bytes: Vec<u8>,
    next: u32,
}

/// Frames with their buffers, in any number of queues, within the limits.
pub(super) struct Pool {
    most_frames: u32,
    most_bytes: u32,
    slab: Vec<Held>,
    free: u32,
    spare: [Vec<Vec<u8>>; CLASSES],
    /// The bytes of all buffers, used and spare.
    capacity: usize,
    budget: usize,
    order: u64,
    frames: u32,
    bytes: u32,
}

impl Pool {
    pub(super) fn new(most_frames: u32, most_bytes: u32) -> Self {
        Self {
            most_frames,
            most_bytes,
            slab: Vec::new(),
            free: NONE,
            spare: Default::default(),
            capacity: 0,
            budget: (most_bytes as usize)
                .saturating_mul(2)
                .saturating_add((most_frames as usize).saturating_mul(LEAST)),
            order: 0,
            frames: 0,
            bytes: 0,
        }
    }

    pub(super) const fn stored(&self) -> StoredFrames {
        StoredFrames { frames: self.frames, bytes: self.bytes }
    }

    /// True if one more frame of this length is within the limits.
    #[inline]
    pub(super) fn has_room(&self, length: u64) -> bool {
        self.frames < self.most_frames && u64::from(self.bytes) + length <= u64::from(self.most_bytes)
    }

    /// Moves the `wanted` frames of `queue` behind those of `to`. Each queue keeps its order.
    pub(super) fn split(&mut self, queue: &mut Queue, to: &mut Queue, wanted: impl Fn(&Tag, &[u8]) -> bool) {
        let mut place = core::mem::replace(queue, Queue::EMPTY).head;
        while let Some(held) = self.slab.get_mut(place as usize) {
            let next = core::mem::replace(&mut held.next, NONE);
            let (length, wanted) = (held.bytes.len() as u32, wanted(&held.tag, &held.bytes));
            self.append(if wanted { &mut *to } else { &mut *queue }, place, length);
            place = next;
        }
    }

    /// Puts the frames of `rest` behind those of `queue`.
    pub(super) fn join(&mut self, queue: &mut Queue, rest: Queue) {
        match self.slab.get_mut(queue.tail as usize) {
            _ if rest.is_empty() => return,
            Some(last) => last.next = rest.head,
            None => queue.head = rest.head,
        }
        queue.tail = rest.tail;
        queue.frames += rest.frames;
        queue.bytes += rest.bytes;
    }

    fn append(&mut self, queue: &mut Queue, place: u32, length: u32) {
        match self.slab.get_mut(queue.tail as usize) {
            Some(last) => last.next = place,
            None => queue.head = place,
        }
        queue.tail = place;
        queue.frames += 1;
        queue.bytes += length;
    }

    /// Copies a frame to the end of `queue`.
    pub(super) fn push(&mut self, queue: &mut Queue, tag: Tag, frame: &[u8]) {
        let mut bytes = self.buffer(frame.len());
        bytes.extend_from_slice(frame);
        let length = frame.len() as u32;
        self.order += 1;
        let held = Held { tag, order: self.order, bytes, next: NONE };
        let place = match self.slab.get_mut(self.free as usize) {
            Some(unused) => {
                let place = self.free;
                self.free = unused.next;
                *unused = held;
                place
            }
            None => {
                self.slab.push(held);
                (self.slab.len() - 1) as u32
            }
        };
        self.append(queue, place, length);
        self.frames += 1;
        self.bytes += length;
    }

    /// True if a frame of `queue` is wanted.
    pub(super) fn any(&self, queue: &Queue, wanted: impl Fn(&Tag, &[u8]) -> bool) -> bool {
        let first = self.slab.get(queue.head as usize);
        let mut all = core::iter::successors(first, |held| self.slab.get(held.next as usize));
        all.any(|held| wanted(&held.tag, &held.bytes))
    }

    /// The oldest frame of `queue`.
    pub(super) fn head(&self, queue: &Queue) -> Option<&Tag> {
        self.slab.get(queue.head as usize).map(|held| &held.tag)
    }

    /// Removes the oldest frame of `queue`, and writes its bytes into `out` if that is given.
    pub(super) fn pop(&mut self, queue: &mut Queue, out: Option<&mut Vec<u8>>) -> Option<Tag> {
        let (tag, bytes) = self.take(queue)?;
        if let Some(out) = out {
            out.clear();
            out.extend_from_slice(&bytes);
        }
        self.give_back(bytes);
        Some(tag)
    }

    /// Removes the oldest frame of `queue` with its buffer, which the caller may give back.
    pub(super) fn take(&mut self, queue: &mut Queue) -> Option<(Tag, Vec<u8>)> {
        let place = queue.head;
        let held = self.slab.get_mut(place as usize)?;
        let (tag, bytes) = (held.tag, core::mem::take(&mut held.bytes));
        queue.head = core::mem::replace(&mut held.next, self.free);
        self.free = place;
        if queue.head == NONE {
            queue.tail = NONE;
        }
        let length = bytes.len() as u32;
        queue.frames -= 1;
        queue.bytes -= length;
        self.frames -= 1;
        self.bytes -= length;
        self.capacity -= bytes.capacity();
        Some((tag, bytes))
    }

    /// The order of the first frames of two queues: the lower number came first.
    pub(super) fn order(&self, queue: &Queue) -> Option<u64> {
        self.slab.get(queue.head as usize).map(|held| held.order)
    }

    fn buffer(&mut self, length: usize) -> Vec<u8> {
        let class = class(length);
        if let Some(mut buffer) = self.spare.get_mut(class).and_then(Vec::pop) {
            buffer.clear();
            return buffer;
        }
        let size = LEAST << class;
        for spare in &mut self.spare {
            while self.capacity + size > self.budget {
                let Some(unused) = spare.pop() else { break };
                self.capacity -= unused.capacity();
            }
        }
        let buffer = Vec::with_capacity(size);
        self.capacity += buffer.capacity();
        buffer
    }

    /// Takes a buffer to use it again.
    pub(super) fn give_back(&mut self, buffer: Vec<u8>) {
        match self.spare.get_mut(class(buffer.capacity())) {
            Some(spare) if self.capacity + buffer.capacity() <= self.budget => {
                self.capacity += buffer.capacity();
                spare.push(buffer);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarder::Origin;
    use crate::table::VapId;
    use nvo3_nva_proto::Instant;

    const TAG: Tag = Tag::frame(Origin::Vap(VapId(1)), Instant(0));

    #[test]
    fn two_queues_in_one_slab_keep_their_own_order() {
        let mut pool = Pool::new(8, 1_000);
        let (mut a, mut b) = (Queue::EMPTY, Queue::EMPTY);
        let mut out = Vec::new();

        for n in 0..4_u8 {
            pool.push(&mut a, TAG, &[n; 20]);
            pool.push(&mut b, TAG, &[n + 100; 30]);
        }

        assert_eq!((a.frames, a.bytes, pool.frames, pool.bytes), (4, 80, 8, 200));
        for n in 0..4_u8 {
            pool.pop(&mut a, Some(&mut out));
            assert_eq!(out, [n; 20]);
            pool.pop(&mut b, Some(&mut out));
            assert_eq!(out, [n + 100; 30]);
        }
        assert!(a.is_empty() && b.is_empty() && pool.pop(&mut a, None).is_none());
    }

    #[test]
    fn queues_that_are_joined_leave_one_after_the_other() {
        let mut pool = Pool::new(8, 1_000);
        let mut queues = [Queue::EMPTY; 3];
        let mut out = Vec::new();
        let [empty, a, b] = &mut queues;
        for n in 0..2_u8 {
            pool.push(a, TAG, &[n; 20]);
            pool.push(b, TAG, &[n + 2; 30]);
        }

        pool.join(a, Queue::EMPTY);
        pool.join(a, *b);
        pool.join(empty, *a);

        assert_eq!((empty.frames, empty.bytes), (4, 100));
        for n in 0..4_u8 {
            pool.pop(empty, Some(&mut out));
            assert_eq!(out[0], n);
        }
        pool.push(empty, TAG, &[9; 20]);
        assert!(pool.pop(empty, Some(&mut out)).is_some() && out == [9; 20] && empty.is_empty());
    }

    #[test]
    fn buffers_of_every_size_in_turn_stay_within_twice_what_may_be_held() {
        let (frames, bytes) = (4, 40_000);
        let mut pool = Pool::new(frames, bytes);
        let mut queue = Queue::EMPTY;

        for length in (14..10_000).step_by(97) {
            for _ in 0..frames {
                pool.push(&mut queue, TAG, &[0; 10_000][..length]);
            }
            while pool.pop(&mut queue, None).is_some() {}
            assert!(pool.capacity <= 2 * bytes as usize + 64 * frames as usize);
        }
        assert!(pool.slab.len() <= frames as usize);
    }
}
