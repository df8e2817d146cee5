//! What control is told, once each and never more than fits.

use super::Notice;
use super::counters::ForwarderCounters;
use ahash::RandomState;
use alloc::collections::VecDeque;
use core::net::IpAddr;
use hashbrown::HashSet;
use nvo3_nva_proto::{TsiKey, Version};

pub(super) struct Notices {
    waiting: VecDeque<Notice>,
    stale: HashSet<(TsiKey, IpAddr), RandomState>,
    bound: usize,
}

impl Notices {
    pub(super) fn new(bound: u32, hasher: RandomState) -> Self {
        Self { waiting: VecDeque::new(), stale: HashSet::with_hasher(hasher), bound: bound as usize }
    }

    /// Whether there was room.
    pub(super) fn push(&mut self, notice: Notice, counters: &mut ForwarderCounters) -> bool {
        let room = self.waiting.len() < self.bound;
        if room {
            self.waiting.push_back(notice);
        } else {
            counters.shed_notices += 1;
        }
        room
    }

    /// Whether it is a new one: the same, while it waits, is not said twice.
    pub(super) fn stale(
        &mut self,
        key: TsiKey,
        from: IpAddr,
        version: Version,
        counters: &mut ForwarderCounters,
    ) -> bool {
        let new = !self.stale.contains(&(key, from)) && self.push(Notice::Stale { key, from, version }, counters);
        if new {
            self.stale.insert((key, from));
        }
        new
    }

    pub(super) fn pop(&mut self) -> Option<Notice> {
        let notice = self.waiting.pop_front()?;
        if let Notice::Stale { key, from, .. } = notice {
            self.stale.remove(&(key, from));
        }
        Some(notice)
    }
}
