//! What is counted.

/// Why a frame was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum DropReason {
    /// It came from a VAP that is not a port.
    UnknownPort,
    /// It came for a VN of which nothing is here (VXL-09).
    UnknownVn,
    /// Shorter than its Ethernet header and tag, or longer than 65,535 bytes.
    Malformed,
    /// Its source is a group address.
    GroupSource,
    /// Its source may not send at that port (VMM-10-02).
    SourceNotAllowed,
    /// The NVA says that its destination is nowhere.
    UnknownDestination,
    /// A group frame that nobody is to get.
    NoReceiver,
    /// Its destination is behind the VAP that it came from.
    Hairpin,
    /// A cached mapping would return it to the NVE that it came from.
    Loop,
    /// No underlay address family in common with the NVE that it should go to.
    NoCommonUnderlay,
    /// The oldest held for its TSI when another came and the TSI's limit was reached (VMM-5-08).
    HoldOverflow,
    /// Held for too long (VMM-5-08).
    HoldAge,
    /// As much as may be held in all is held.
    HoldTotal,
    /// As many destinations as may be are being asked for.
    TooManyAsked,
    /// A held group frame whose TSI turned out to be elsewhere: it is never tunnelled on.
    BumNotTunnelled,
    /// A held group frame whose TSI turned out to be behind a port that may have had its copy for others.
    BumPortShared,
    /// Kept for a sender that was detached before it was let in.
    Detached,
    /// Held when the forwarder was reset.
    Reset,
}

impl DropReason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 18] = [
        Self::UnknownPort,
        Self::UnknownVn,
        Self::Malformed,
        Self::GroupSource,
        Self::SourceNotAllowed,
        Self::UnknownDestination,
        Self::NoReceiver,
        Self::Hairpin,
        Self::Loop,
        Self::NoCommonUnderlay,
        Self::HoldOverflow,
        Self::HoldAge,
        Self::HoldTotal,
        Self::TooManyAsked,
        Self::BumNotTunnelled,
        Self::BumPortShared,
        Self::Detached,
        Self::Reset,
    ];

    /// The reason's name, as logs and counters write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownPort => "unknown_port",
            Self::UnknownVn => "unknown_vn",
            Self::Malformed => "malformed",
            Self::GroupSource => "group_source",
            Self::SourceNotAllowed => "source_not_allowed",
            Self::UnknownDestination => "unknown_destination",
            Self::NoReceiver => "no_receiver",
            Self::Hairpin => "hairpin",
            Self::Loop => "loop",
            Self::NoCommonUnderlay => "no_common_underlay",
            Self::HoldOverflow => "hold_overflow",
            Self::HoldAge => "hold_age",
            Self::HoldTotal => "hold_total",
            Self::TooManyAsked => "too_many_asked",
            Self::BumNotTunnelled => "bum_not_tunnelled",
            Self::BumPortShared => "bum_port_shared",
            Self::Detached => "detached",
            Self::Reset => "reset",
        }
    }
}

/// What a forwarder has done since it was made, in frames where nothing else is said. A reset keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ForwarderCounters {
    /// Unicast frames, and held group frames, given to a VAP.
    pub delivered_frames: u64,
    /// Unicast frames given to a tunnel.
    pub tunnelled_frames: u64,
    /// Group frames replicated.
    pub replicated_frames: u64,
    /// Copies of them that left at once.
    pub replicas: u64,
    /// Frames and copies that were held, those kept for their sender's sake included.
    pub held_frames: u64,
    /// Kept frames that were given back to be looked at again.
    pub again_frames: u64,
    /// Given to control: ARP, RARP, NS, NA.
    pub punted_frames: u64,
    /// From the move's other party, delivered behind what came direct.
    pub reordered_frames: u64,
    /// Delivered frames that were taken back because the VM had stopped before it could read them; each counts once more
    /// when it is tunnelled, dropped or delivered after all.
    pub replayed_frames: u64,
    /// Replays that did not reach back to the VM's stop: what was delivered first after it is lost.
    pub incomplete_replays: u64,
    /// Delivered frames that were forgotten for want of room before they were too old (`ForwarderConfig.recent`).
    pub shed_recent_frames: u64,
    /// Notices for which there was no room.
    pub shed_notices: u64,
    /// Dropped frames for which there was no room among those that wait to be polled; none where
    /// [`ForwarderConfig::drops`](super::ForwarderConfig::drops) is 0.
    pub shed_drops: u64,
    /// Times at which the clock had gone back; the last time was used instead.
    pub clock_backwards: u64,
    dropped: [u64; DropReason::ALL.len()],
}

impl ForwarderCounters {
    /// Frames dropped for this reason.
    pub fn dropped_frames(&self, reason: DropReason) -> u64 {
        self.dropped.get(reason as usize).copied().unwrap_or(0)
    }

    /// Frames dropped for whatever reason.
    pub fn all_dropped_frames(&self) -> u64 {
        self.dropped.iter().sum()
    }

    pub(super) fn drop(&mut self, reason: DropReason) {
        if let Some(count) = self.dropped.get_mut(reason as usize) {
            *count += 1;
        }
    }
}

/// What was done for one TSI since its entry was created: its part of the move's report (VMM-5-16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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

/// What is held for a TSI now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldFrames {
    /// Frames in all.
    pub frames: u32,
    /// Their bytes.
    pub bytes: u32,
    /// Of the frames: for it, tunnelled here by the move's other party.
    pub tunnelled: u32,
    /// Of the frames: for it, come direct.
    pub direct: u32,
    /// Of the frames: sent by it while its gate was closed.
    pub kept: u32,
}

#[cfg(test)]
mod tests {
    use super::DropReason;

    #[test]
    fn each_reason_counts_in_its_own_place() {
        for (number, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
        }
    }
}
