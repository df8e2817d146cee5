//! Why frames are dropped.

/// Why a frame was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
#[non_exhaustive]
pub enum DropReason {
    /// It came in at a VAP that is not a port.
    UnknownPort,
    /// Its VN has no port and no TSI here (VXL-09).
    UnknownVn,
    /// Shorter than its Ethernet header and tag, or longer than 65,535 bytes.
    Malformed,
    /// Its source is a group address.
    GroupSource,
    /// Its source may not send at that port (VMM-10-02).
    SourceNotAllowed,
    /// The NVA says that its destination is nowhere.
    UnknownDestination,
    /// A group frame without a receiver.
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
    /// The limit of what is held for all TSIs was reached (`ForwarderConfig.total_frames`, `total_bytes`).
    HoldTotal,
    /// Control is already being asked for as many destinations as the limit allows (`ForwarderConfig.tsis`).
    TooManyAsked,
    /// A held copy of a group frame whose TSI turned out to be elsewhere: such a copy never goes into a tunnel.
    BumNotTunnelled,
    /// A held copy of a group frame whose TSI came to a port that may have had the frame for other TSIs: the copy would
    /// be a duplicate there.
    BumPortShared,
    /// Kept for a sender that was detached before its gate opened.
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
