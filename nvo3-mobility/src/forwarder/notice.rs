//! What the forwarder tells control: each thing once, and never more than the configured number.

use super::ForwarderCounters;
use crate::table::VapId;
use ahash::RandomState;
use alloc::collections::VecDeque;
use core::fmt;
use core::net::IpAddr;
use hashbrown::HashSet;
use nvo3_nva_proto::{TsiKey, Version};
use nvo3_wire::{Mac, Vni};

/// What control should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Notice {
    /// Frames are held for an address that control has said nothing of. Said once, until control orders something for the
    /// address or none of its frames is held.
    Miss {
        /// Its VN.
        vn: Vni,
        /// The address.
        mac: Mac,
    },
    /// A TSI whose gate is closed, or that has no entry yet, sent a frame, which is kept. Said once, until its entry
    /// changes.
    Seen {
        /// The TSI.
        key: TsiKey,
        /// The VAP at which it sent.
        vap: VapId,
    },
    /// An NVE other than the move's party sent a frame for a TSI that is elsewhere (VMM-5-06), or whose VN is not here
    /// (VMM-5-12). Said once for each NVE and TSI while the notice waits to be polled.
    Stale {
        /// The TSI that the frame was for.
        key: TsiKey,
        /// The sender.
        from: IpAddr,
        /// The version of the mapping that this NVE follows; the highest version if the VN is not here.
        version: Version,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Miss { vn, mac } => write!(f, "frames are held for {mac}@{vn}, whose NVE is not known"),
            Self::Seen { key, vap } => {
                write!(f, "{key} sent a frame at {vap} before its gate is open; the frame is kept")
            }
            Self::Stale { key, from, version } => {
                write!(f, "the NVE at {from} sent a frame for {key} here; the mapping is at version {version}")
            }
        }
    }
}

/// The notices that wait to be polled.
pub(super) struct Notices {
    waiting: VecDeque<Notice>,
    stale: HashSet<(TsiKey, IpAddr), RandomState>,
    bound: usize,
}

impl Notices {
    pub(super) fn new(bound: u32, hasher: RandomState) -> Self {
        Self { waiting: VecDeque::new(), stale: HashSet::with_hasher(hasher), bound: bound as usize }
    }

    /// Queues a notice; whether there was room.
    pub(super) fn push(&mut self, notice: Notice, counters: &mut ForwarderCounters) -> bool {
        let room = self.waiting.len() < self.bound;
        if room {
            self.waiting.push_back(notice);
        } else {
            counters.shed_notices += 1;
        }
        room
    }

    /// Queues [`Notice::Stale`] unless the same waits already; whether it was queued.
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
