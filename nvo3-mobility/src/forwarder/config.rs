//! What a forwarder may use.

use crate::ConfigError;
use crate::error::{above_zero, covers, limits};
use nvo3_nva_proto::{HoldLimits, Locators, Micros};

/// Bounds of a [`Forwarder`](super::Forwarder); its memory stays within them whatever arrives (I7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ForwarderConfig {
    /// Locators of this NVE; they decide over which address family it tunnels.
    pub own: Locators,
    /// What is held for a destination that control is being asked for: 64 frames, 64 KiB, 3 s.
    pub asked: HoldLimits,
    /// Frames held in all: 65,536.
    pub total_frames: u32,
    /// Bytes of frames held in all: 64 MiB. Their buffers take at most twice that, and 64 bytes a frame.
    pub total_bytes: u32,
    /// What is remembered of the frames that were delivered to a TSI that is about to leave, in case the word that its VM
    /// stopped comes late: 1,024 frames, 1 MiB, 1 s.
    pub recent: HoldLimits,
    /// Frames remembered in all: 65,536.
    pub recent_total_frames: u32,
    /// Bytes of frames remembered in all: 64 MiB. Their buffers take at most twice that, and 64 bytes a frame.
    pub recent_total_bytes: u32,
    /// TSIs that control knows, and as many again that it is being asked for: 65,536.
    pub tsis: u32,
    /// Ports: 4,096.
    pub ports: u32,
    /// Locators in the replication list of one VN: 1,024.
    pub members_per_vn: u32,
    /// Notices that wait to be polled: 1,024.
    pub notices: u32,
    /// Dropped frames that wait to be polled ([`Forwarder::poll_drop`](super::Forwarder::poll_drop)), each with a buffer of
    /// at most 64 KiB: 0. Dropped frames are then only counted.
    pub drops: u32,
}

impl ForwarderConfig {
    /// The defaults for an NVE with these locators.
    pub const fn new(own: Locators) -> Self {
        Self {
            own,
            asked: HoldLimits { frames: 64, bytes: 64 * 1024, age: Micros::from_secs(3) },
            total_frames: 65_536,
            total_bytes: 64 * 1024 * 1024,
            recent: HoldLimits { frames: 1_024, bytes: 1024 * 1024, age: Micros::from_secs(1) },
            recent_total_frames: 65_536,
            recent_total_bytes: 64 * 1024 * 1024,
            tsis: 65_536,
            ports: 4_096,
            members_per_vn: 1_024,
            notices: 1_024,
            drops: 0,
        }
    }

    /// Whether a forwarder can work with it.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let positive = [
            ("total_frames", self.total_frames),
            ("total_bytes", self.total_bytes),
            ("tsis", self.tsis),
            ("ports", self.ports),
            ("members_per_vn", self.members_per_vn),
            ("notices", self.notices),
        ];
        above_zero("ForwarderConfig", positive)?;
        limits("ForwarderConfig", ["asked.frames", "asked.bytes", "asked.age"], self.asked)?;
        limits("ForwarderConfig", ["recent.frames", "recent.bytes", "recent.age"], self.recent)?;
        let covered = [
            (("total_frames", self.total_frames), ("asked.frames", self.asked.frames)),
            (("total_bytes", self.total_bytes), ("asked.bytes", self.asked.bytes)),
            (("recent_total_frames", self.recent_total_frames), ("recent.frames", self.recent.frames)),
            (("recent_total_bytes", self.recent_total_bytes), ("recent.bytes", self.recent.bytes)),
        ];
        covered.into_iter().try_for_each(|(total, part)| covers("ForwarderConfig", total, part))
    }
}
