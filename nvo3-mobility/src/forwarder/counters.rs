//! What a forwarder counts: in all, and for each TSI.

use super::DropReason;
use core::fmt;

/// What a forwarder has done since it was made, in frames where nothing else is said. A reset keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ForwarderCounters {
    /// Unicast frames, and held group frames, given to a VAP.
    pub delivered_frames: u64,
    /// Unicast frames given to a tunnel.
    pub tunnelled_frames: u64,
    /// Group frames replicated.
    pub replicated_frames: u64,
    /// Copies of them that left at once.
    pub replicas: u64,
    /// Frames and copies that were held, frames kept from their sender included.
    pub held_frames: u64,
    /// Kept frames that were given back to be looked at again.
    pub again_frames: u64,
    /// Given to control: ARP, RARP, NS, NA.
    pub punted_frames: u64,
    /// From the move's other party, delivered behind what came direct.
    pub reordered_frames: u64,
    /// Delivered frames that were taken back because the VM had stopped before it could read them. Each is counted again
    /// when it is tunnelled, dropped or delivered.
    pub replayed_frames: u64,
    /// Replays that did not reach back to the VM's stop: the first frames that were delivered after it are lost.
    pub incomplete_replays: u64,
    /// Delivered frames that were forgotten before they were too old, because newer ones needed the room
    /// (`ForwarderConfig.recent`).
    pub shed_recent_frames: u64,
    /// Notices for which there was no room.
    pub shed_notices: u64,
    /// Dropped frames for which there was no room among those that wait to be polled; none where
    /// [`ForwarderConfig::drops`](super::ForwarderConfig::drops) is 0.
    pub shed_drops: u64,
    /// Inputs whose time was before that of an earlier input; the later time was used instead.
    pub clock_backwards: u64,
    dropped: Drops,
}

/// Dropped frames, by the number of the reason.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Drops([u64; DropReason::ALL.len()]);

impl fmt::Debug for Drops {
    /// The reasons that occurred, by name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = DropReason::ALL.iter().map(|reason| reason.name()).zip(self.0);
        f.debug_map().entries(named.filter(|(_, frames)| *frames > 0)).finish()
    }
}

impl ForwarderCounters {
    /// Frames dropped for this reason.
    pub fn dropped_frames(&self, reason: DropReason) -> u64 {
        self.dropped.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// Frames dropped for whatever reason.
    pub fn all_dropped_frames(&self) -> u64 {
        self.dropped.0.iter().sum()
    }

    #[inline]
    pub(super) fn count_drop(&mut self, reason: DropReason) {
        if let Some(count) = self.dropped.0.get_mut(reason as usize) {
            *count += 1;
        }
    }
}

/// What was done for one TSI since its entry was created: its part of the move's report (VMM-5-16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TsiCounters {
    /// Frames that were held for it, and kept from it.
    pub held_frames: u64,
    /// Frames for it that went into a tunnel.
    pub tunnelled_frames: u64,
    /// Frames for it that had been delivered and were taken back to go after it.
    pub replayed_frames: u64,
    /// Frames for it, and kept from it, that were dropped.
    pub dropped_frames: u64,
    /// [`Notice::Stale`](super::Notice::Stale)s raised: how often an NVE was seen to send here what belongs elsewhere.
    pub stale_senders: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_names_the_reasons_of_dropped_frames() {
        let mut counters = ForwarderCounters::default();
        counters.count_drop(DropReason::HoldAge);

        let text = alloc::format!("{counters:?}");

        assert!(text.ends_with("dropped: {\"hold_age\": 1} }"), "{text}");
    }
}
