//! The notices of the forwarder for the control plane: each comes once, and a bounded number waits.

use super::ForwarderCounters;
use crate::fairness::Limit;
use crate::table::VapId;
use ahash::RandomState;
use alloc::collections::VecDeque;
use core::fmt;
use core::net::IpAddr;
use hashbrown::HashSet;
use nvo3_nva_proto::{TsiKey, Version};
use nvo3_wire::{Mac, Vni};

/// A notice for the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Notice {
    /// Frames are held for an address that the control plane has ordered nothing for, or leave by a
    /// [`Route::Due`](crate::table::Route::Due). The notice comes once, until the control plane orders something for the address
    /// or none of its frames is held.
    Miss {
        /// The VN of the address.
        vn: Vni,
        /// The address.
        mac: Mac,
        /// The port whose frame was the first; `None`: the frame came out of a tunnel, or the control plane's order has ended or
        /// ends soon.
        vap: Option<VapId>,
    },
    /// A TSI whose gate is closed, or that has no entry yet, sent a frame. The frame is kept. The notice comes once, until
    /// the TSI's entry changes.
    Seen {
        /// The TSI.
        key: TsiKey,
        /// The VAP at which the frame came in.
        vap: VapId,
    },
    /// An NVE that is not the move's other party sent a frame here for a TSI that is at another NVE (VMM-5-06), or whose VN is not
    /// here (VMM-5-12). The control plane sends it a hint. The notice comes once for each NVE and TSI while it waits to be polled. A
    /// frame of less than 46 bytes makes none: the hint would be longer than the frame in its tunnel.
    Stale {
        /// The TSI that the frame was for.
        key: TsiKey,
        /// The outer source address: the locator of the sending NVE.
        from: IpAddr,
        /// The version of the mapping that this NVE uses; the highest version if the VN is not here.
        version: Version,
    },
    /// A port does something more often than it may. At most one notice per port and
    /// [`TOLD_EVERY`](crate::fairness::TOLD_EVERY).
    Limited {
        /// The port.
        vap: VapId,
        /// The limit that it exceeds.
        what: Limit,
        /// How often it did so since the last notice.
        count: u64,
    },
    /// An NVE does something more often than it may. At most one notice per NVE and [`TOLD_EVERY`](crate::fairness::TOLD_EVERY).
    LimitedNve {
        /// The outer source address of its frames.
        from: IpAddr,
        /// The limit that it exceeds.
        what: Limit,
        /// How often it did so since the last notice.
        count: u64,
    },
    /// Frames of a VN were dropped, because the VN's list does not name the NVE that sent them (TUN-10). The notice comes once for
    /// each VN while it waits to be polled.
    Stranger {
        /// The VN of the frames.
        vn: Vni,
        /// The outer source address of one of the frames.
        from: IpAddr,
    },
    /// A frame was dropped, because it claims a MAC or an IP address that is not bound to its port (VMM-10-02). The notice comes once
    /// for each port while it waits to be polled. ARP, RARP, NS, NA and RA are not among these frames: the control plane judges them.
    Lie {
        /// The port.
        vap: VapId,
        /// The source MAC of the frame.
        mac: Mac,
        /// The source IP address of the frame, if that is what is not bound.
        ip: Option<IpAddr>,
    },
}

/// The content of a notice that waits at most once.
#[derive(PartialEq, Eq, Hash)]
enum Once {
    Stale(TsiKey, IpAddr),
    Stranger(Vni),
    Lie(VapId),
}

impl Notice {
    const fn once(&self) -> Option<Once> {
        match self {
            Self::Miss { .. } | Self::Seen { .. } | Self::Limited { .. } | Self::LimitedNve { .. } => None,
            Self::Stale { key, from, .. } => Some(Once::Stale(*key, *from)),
            Self::Stranger { vn, .. } => Some(Once::Stranger(*vn)),
            Self::Lie { vap, .. } => Some(Once::Lie(*vap)),
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Miss { vn, mac, .. } => {
                write!(f, "frames are there for {mac}@{vn}, whose NVE is not known or was said long ago")
            }
            Self::Seen { key, vap } => {
                write!(f, "{key} sent a frame at {vap} before its gate is open; the frame is kept")
            }
            Self::Stranger { vn, from } => {
                write!(f, "frames of VN {vn} from {from} were dropped: no NVE of the VN is there")
            }
            Self::Lie { vap, mac, ip: Some(ip) } => {
                write!(f, "{mac} at {vap} sent a frame as {ip}, which is not bound to it")
            }
            Self::Lie { vap, mac, ip: None } => write!(f, "{mac} sent a frame at {vap}, and is not bound to it"),
            Self::Stale { key, from, version } => {
                write!(f, "the NVE at {from} sent a frame for {key} here; the mapping is at version {version}")
            }
            Self::LimitedNve { from, what, count } => {
                write!(f, "the NVE at {from} makes too many {what}: {count} were refused")
            }
            Self::Limited { vap, what, count } => write!(f, "{vap} makes too many {what}: {count} were refused"),
        }
    }
}

/// The shortest tunnelled frame that may cause a hint: with its VXLAN header of 8 bytes it is as long as a hint, which has 54 bytes.
/// Nobody has proved who sent the frame, so the answer must not be longer.
const SHORTEST_ANSWERED: usize = 54 - 8;

/// The notices that wait to be polled.
pub(super) struct Notices {
    waiting: VecDeque<Notice>,
    once: HashSet<Once, RandomState>,
    bound: usize,
}

impl Notices {
    pub(super) fn new(bound: u32, hasher: RandomState) -> Self {
        Self { waiting: VecDeque::new(), once: HashSet::with_hasher(hasher), bound: bound as usize }
    }

    /// Queues a notice. True if there was room.
    pub(super) fn push(&mut self, notice: Notice, counters: &mut ForwarderCounters) -> bool {
        let room = self.waiting.len() < self.bound;
        if room {
            self.waiting.push_back(notice);
        } else {
            counters.shed_notices += 1;
        }
        room
    }

    /// Queues [`Notice::Stale`] unless the same notice waits already, or the frame of `length` bytes that causes it is too short to be
    /// answered by a hint. True if it was queued.
    pub(super) fn stale(
        &mut self,
        key: TsiKey,
        from: IpAddr,
        version: Version,
        length: usize,
        counters: &mut ForwarderCounters,
    ) -> bool {
        length >= SHORTEST_ANSWERED && self.push_once(Notice::Stale { key, from, version }, counters)
    }

    /// Queues a notice unless one with the same content waits already. True if it was queued.
    pub(super) fn push_once(&mut self, notice: Notice, counters: &mut ForwarderCounters) -> bool {
        let Some(once) = notice.once() else { return self.push(notice, counters) };
        let new = !self.once.contains(&once) && self.push(notice, counters);
        if new {
            self.once.insert(once);
        }
        new
    }

    pub(super) fn pop(&mut self) -> Option<Notice> {
        let notice = self.waiting.pop_front()?;
        if let Some(once) = notice.once() {
            self.once.remove(&once);
        }
        Some(notice)
    }
}
