//! Hints to other NVEs that their mapping is old (VMM-5-06). They belong to no session. Each NVE gets at most one hint per interval
//! and TSI.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Header, Instant, Invalidate, Message, Micros, NveId, SessionId, TsiKey, Version};

/// The hints that wait to be sent, and the hints of the last interval, each bounded.
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

    /// Queues the hint to `to` that its mapping is older than `version`. False if the rate or the bound forbids it.
    pub(super) fn say(&mut self, now: Instant, tsi: TsiKey, to: IpAddr, version: Version) -> bool {
        let recent = self.recent.get(&(tsi, to)).is_some_and(|at| now - *at < self.interval);
        if recent || self.waiting.len() >= self.limit || self.recent.len() >= self.limit {
            return false;
        }
        self.recent.insert((tsi, to), now);
        self.waiting.push_back((to, Invalidate { tsi, nve: self.own, version }));
        true
    }

    /// Writes the next hint into `out`, and gives its destination.
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

    /// Forgets the hints that are older than the interval.
    pub(super) fn forget_before(&mut self, now: Instant) {
        let oldest = Instant(now.0.saturating_sub(self.interval.0));
        self.recent.retain(|_, at| *at > oldest);
    }

    /// The number of hints that wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.recent.len()
    }
}
