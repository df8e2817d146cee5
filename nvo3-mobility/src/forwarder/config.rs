//! The configuration of a forwarder: its bounds.

use crate::ConfigError;
use crate::error::{above_zero, covers, limits, rates};
use crate::fairness::Rate;
use nvo3_nva_proto::{HoldLimits, Locators, Micros};

/// The bounds of a [`Forwarder`](super::Forwarder); its memory stays within them whatever arrives (I7).
///
/// [`ForwarderConfig::new`] takes what has no default and fills in the rest; set other fields afterwards. Every bound but `drops`
/// must be more than 0 ([`ForwarderConfig::validate`]). A dropped frame counts by its [`DropReason`](super::DropReason), a refused
/// table change says its [`ChangeRefusal`](super::ChangeRefusal).
///
/// With the feature `serde`, a stored form belongs to the version of this crate that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ForwarderConfig {
    /// The locators of this NVE. They decide over which address family it tunnels. No default.
    pub own: Locators,
    /// The limits on frames held for one destination that control is resolving. Default: 64 frames, 64 KiB, 3 s.
    ///
    /// At a limit the oldest frame is dropped as `HoldOverflow`, or as `HoldAge`.
    pub asked: HoldLimits,
    /// The most frames held for all TSIs together. Default: 65,536; at least `asked.frames`. At the bound a frame is dropped as
    /// `HoldTotal`.
    pub total_frames: u32,
    /// The most bytes of frames held for all TSIs together. Default: 64 MiB; at least `asked.bytes`. At the bound a frame is dropped as
    /// `HoldTotal`.
    ///
    /// The buffers of held frames take at most twice as much memory, and 64 bytes a frame.
    pub total_bytes: u32,
    /// The limits on delivered frames that are remembered for one TSI that is about to leave. Default: 1,024 frames, 1 MiB, 1 s.
    ///
    /// If the word that the VM stopped comes late, the forwarder takes remembered frames back and sends them after the VM. A frame
    /// forgotten for want of room counts in `shed_recent_frames`.
    pub recent: HoldLimits,
    /// The most remembered frames of all TSIs together. Default: 65,536; at least `recent.frames`.
    pub recent_total_frames: u32,
    /// The most remembered bytes of all TSIs together. Default: 64 MiB; at least `recent.bytes`.
    ///
    /// The buffers of remembered frames take at most twice as much memory, and 64 bytes a frame.
    pub recent_total_bytes: u32,
    /// The limits on tunnelled frames of one VN whose sender no list of the VN names yet (TUN-10). Default: 256 frames, 256 KiB, 3 s.
    ///
    /// The age covers a restart of the NVA: NVEs hear new lists once they notice it ([`SessionConfig`](nvo3_nva_proto::SessionConfig)). For
    /// the same time after the start of the forwarder, frames of VNs that it does not know yet wait too; they are dropped as `UnknownVn`.
    ///
    /// At a limit a frame is dropped as `StrangerOverflow`, or as `Stranger` if it is too old.
    pub strangers: HoldLimits,
    /// The most such frames of all VNs together. Default: 16,384; at least `strangers.frames`. At the bound a frame is dropped as
    /// `StrangerOverflow`.
    pub strangers_total_frames: u32,
    /// The most bytes of such frames of all VNs together. Default: 16 MiB; at least `strangers.bytes`. At the bound a frame is dropped
    /// as `StrangerOverflow`.
    ///
    /// The buffers of these frames take at most twice as much memory, and 64 bytes a frame.
    pub strangers_total_bytes: u32,
    /// The most TSIs in the table, and the most that control is resolving besides. Default: 65,536.
    ///
    /// At the bound a table change is refused as `TooManyTsis`, and a frame to a new destination is dropped as `TooManyAsked`.
    pub tsis: u32,
    /// The most destinations that control is resolving because of frames of one port, so that one port does not use up the frames that
    /// can be held. Default: 256. At the bound a frame to a new destination is dropped as `MissLimited`.
    pub asked_per_port: u32,
    /// The rate of frames of one port that make control resolve a destination. Default: 200/s, 400 at once; more than 0. A frame to a
    /// new destination beyond it is dropped as `MissLimited`.
    pub misses: Rate,
    /// The rate of frames of one NVE, by its underlay address, that make control resolve a destination. Default: 1,000/s, 2,000 at once;
    /// more than 0. A frame to a new destination beyond it is dropped as `TunnelMissLimited`.
    pub tunnel_misses: Rate,
    /// The rate of frames of one port to broadcast and multicast groups; each is copied to every NVE of the VN. Default: 5,000/s, 10,000
    /// at once; more than 0. A frame beyond it is dropped as `GroupLimited`.
    pub groups: Rate,
    /// The most ports. Default: 4,096. At the bound a table change is refused as `TooManyPorts`.
    pub ports: u32,
    /// The most locators in the replication list of one VN. Default: 1,024. A longer list is refused as `TooManyMembers`. The list may
    /// have four times as many addresses that frames come from.
    pub members_per_vn: u32,
    /// The most notices that wait to be polled. Default: 1,024. At the bound a notice is dropped and counts in `shed_notices`.
    pub notices: u32,
    /// The most dropped frames that wait to be polled ([`Forwarder::poll_drop`](super::Forwarder::poll_drop)). Default: 0, dropped
    /// frames are only counted.
    ///
    /// Each takes a buffer of at most 64 KiB. At the bound a dropped frame counts in `shed_drops`.
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
            strangers: HoldLimits { frames: 256, bytes: 256 * 1024, age: Micros::from_secs(3) },
            strangers_total_frames: 16_384,
            strangers_total_bytes: 16 * 1024 * 1024,
            tsis: 65_536,
            asked_per_port: 256,
            misses: Rate { per_second: 200, burst: 400 },
            tunnel_misses: Rate { per_second: 1_000, burst: 2_000 },
            groups: Rate { per_second: 5_000, burst: 10_000 },
            ports: 4_096,
            members_per_vn: 1_024,
            notices: 1_024,
            drops: 0,
        }
    }

    /// Checks that a forwarder can work with this configuration.
    ///
    /// # Errors
    /// The first field that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let positive = [
            ("total_frames", self.total_frames),
            ("total_bytes", self.total_bytes),
            ("tsis", self.tsis),
            ("asked_per_port", self.asked_per_port),
            ("ports", self.ports),
            ("members_per_vn", self.members_per_vn),
            ("notices", self.notices),
        ];
        above_zero("ForwarderConfig", positive)?;
        let limited = [
            (["misses.per_second", "misses.burst"], self.misses),
            (["tunnel_misses.per_second", "tunnel_misses.burst"], self.tunnel_misses),
            (["groups.per_second", "groups.burst"], self.groups),
        ];
        rates("ForwarderConfig", limited)?;
        limits("ForwarderConfig", ["asked.frames", "asked.bytes", "asked.age"], self.asked)?;
        limits("ForwarderConfig", ["recent.frames", "recent.bytes", "recent.age"], self.recent)?;
        limits("ForwarderConfig", ["strangers.frames", "strangers.bytes", "strangers.age"], self.strangers)?;
        let strangers = self.strangers;
        let covered = [
            (("total_frames", self.total_frames), ("asked.frames", self.asked.frames)),
            (("total_bytes", self.total_bytes), ("asked.bytes", self.asked.bytes)),
            (("recent_total_frames", self.recent_total_frames), ("recent.frames", self.recent.frames)),
            (("recent_total_bytes", self.recent_total_bytes), ("recent.bytes", self.recent.bytes)),
            (("strangers_total_frames", self.strangers_total_frames), ("strangers.frames", strangers.frames)),
            (("strangers_total_bytes", self.strangers_total_bytes), ("strangers.bytes", strangers.bytes)),
        ];
        covered.into_iter().try_for_each(|(total, part)| covers("ForwarderConfig", total, part))
    }
}
