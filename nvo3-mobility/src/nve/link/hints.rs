//! Hints to other edges that their mapping is old (VMM-5-06): of no session, and at most one an interval to each about each TSI.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Header, Instant, Invalidate, Message, Micros, NveId, SessionId, TsiKey, Version};

/// Hints that wait to be sent, and those sent of late; bounded, each.
#[derive(Debug)]
pub(super) struct Hints {
    own: NveId,
    interval: Micros,
    limit: usize,
    waiting: VecDeque<(IpAddr, Invalidate)>,
    recent: BTreeMap<(TsiKey, IpAddr), Instant>,
}

impl Hints {
    pub(super) const fn new(own: NveId, interval: Micros, limit: usize) -> Self {
        Self { own, interval, limit, waiting: VecDeque::new(), recent: BTreeMap::new() }
    }

    /// Hints to `to` that its mapping is older than `version`; false where that is not done, by rate or for want of room.
    pub(super) fn say(&mut self, now: Instant, tsi: TsiKey, to: IpAddr, version: Version) -> bool {
        let recent = self.recent.get(&(tsi, to)).is_some_and(|at| now - *at < self.interval);
        if recent || self.waiting.len() >= self.limit || self.recent.len() >= self.limit {
            return false;
        }
        self.recent.insert((tsi, to), now);
        self.waiting.push_back((to, Invalidate { tsi, nve: self.own, version }));
        true
    }

    /// The next hint, written into `out`; gives where it goes.
    #[inline]
    pub(super) fn poll(&mut self, out: &mut Vec<u8>) -> Option<IpAddr> {
        while let Some((to, hint)) = self.waiting.pop_front() {
            let header = Header { session: SessionId::default(), sequence: 0, transaction: 0 };
            if Message::Invalidate(hint).encode(&header, out).is_ok() {
                return Some(to);
            }
        }
        None
    }

    /// Forgets which hints an interval does not cover any more.
    pub(super) fn forget_before(&mut self, now: Instant) {
        let oldest = Instant(now.0.saturating_sub(self.interval.0));
        self.recent.retain(|_, at| *at > oldest);
    }

    /// How many wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.recent.len()
    }
}
