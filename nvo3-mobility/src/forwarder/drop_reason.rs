//! The reasons for which frames are dropped.

use core::fmt;

/// The reason for which the forwarder dropped a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
#[non_exhaustive]
pub enum DropReason {
    /// The frame came in at a VAP that is not a port.
    UnknownPort,
    /// The frame's VN has no port and no TSI here; such a frame must not be forwarded (VXL-09).
    UnknownVn,
    /// The frame is shorter than its Ethernet header and tag, or longer than 65,535 bytes.
    Malformed,
    /// The frame's source is a group address.
    GroupSource,
    /// The frame's source may not send at that port: a port accepts only addresses that are bound to it (VMM-10-02).
    SourceNotAllowed,
    /// The NVA says that the frame's destination is nowhere.
    UnknownDestination,
    /// The group frame has no receiver.
    NoReceiver,
    /// The frame's destination is behind the VAP that it came from.
    Hairpin,
    /// A mapping would return the frame to the NVE that it came from; that could loop.
    Loop,
    /// This NVE and the destination's NVE have no underlay address family in common.
    NoCommonUnderlay,
    /// The TSI's limit of held frames was reached. The oldest held frame makes room for a new one (VMM-5-08).
    HoldOverflow,
    /// The frame was held longer than the TSI's limit (VMM-5-08).
    HoldAge,
    /// The limit of frames held for all TSIs was reached (`ForwarderConfig.total_frames`, `total_bytes`).
    HoldTotal,
    /// The limit of destinations that are being resolved was reached (`ForwarderConfig.tsis`).
    TooManyAsked,
    /// The frame is a held copy of a group frame, and its TSI is at another NVE. The new NVE already holds its own copy, so this
    /// copy never goes into a tunnel.
    BumNotTunnelled,
    /// The frame is a held copy of a group frame, and its TSI came to a port that may have had the frame for other TSIs. The copy
    /// would be a duplicate there.
    BumPortShared,
    /// The frame was kept at its sender's gate, and the sender was detached before the gate opened.
    Detached,
    /// The frame was held when the forwarder was reset.
    Reset,
    /// The frame says that its sender has an IP address which is not bound to the sender at that port (VMM-10-02). Healthy: 0.
    AddressNotAllowed,
    /// The frame is a Router Advertisement or a Redirect, and the port's policy does not allow it
    /// ([`PortPolicy::router_advertisements`](crate::table::PortPolicy)). Healthy: 0.
    RouterNotAllowed,
    /// The frame has more than one VLAN tag, and the port is not trusted. Healthy: 0.
    TooManyTags,
    /// The frame has its EtherType in an IEEE 802.3 SNAP header (RFC 1042), and the port is not trusted. Some hosts read it as if
    /// the EtherType were in front. Healthy: 0.
    HiddenProtocol,
    /// The IP headers of the frame are cut, malformed or more than the forwarder follows
    /// ([`MAX_EXTENSIONS`](nvo3_wire::ipv6::MAX_EXTENSIONS)), and the port is not trusted. Healthy: 0.
    BadHeaders,
    /// The frame is a fragment of a Neighbor Discovery message, which receivers must ignore (RFC 6980 §5), and the port is not
    /// trusted. Healthy: 0.
    FragmentedNeighbor,
    /// The frame is the first fragment of an IPv6 packet, does not have all headers of the packet (RFC 7112 §5), and the port is
    /// not trusted. Healthy: 0.
    ShortFragment,
    /// The frame's destination is a group of one link, 01:80:c2:00:00:00 to 01:80:c2:00:00:0f, which no bridge forwards. STP and
    /// LLDP of a tenant count here.
    LinkGroup,
    /// The frame is UDP of a DHCP or DHCPv6 server, and the port's policy does not allow it
    /// ([`PortPolicy::dhcp_server`](crate::table::PortPolicy)). Healthy: 0.
    DhcpServerNotAllowed,
    /// The frame's destination is not known, and the port has no share left to have it resolved (`ForwarderConfig.misses`,
    /// `asked_per_port`). Healthy: 0.
    MissLimited,
    /// The frame came out of a tunnel from an address that no list of its VN named, and that none named within
    /// `ForwarderConfig.strangers.age` (an NVE decapsulates packets only from NVEs of its domain, TUN-10). Healthy: 0.
    Stranger,
    /// As [`DropReason::Stranger`], and a limit of `ForwarderConfig.strangers` was reached. Healthy: 0.
    StrangerOverflow,
    /// The frame goes to a group, and its port sends too many such frames (`ForwarderConfig.groups`). Healthy: 0.
    GroupLimited,
    /// The frame came out of a tunnel, its destination is not known, and its sender makes too many such frames
    /// (`ForwarderConfig.tunnel_misses`). Healthy: 0.
    TunnelMissLimited,
}

impl DropReason {
    /// Every reason, in the order of the numbers.
    pub const ALL: &'static [Self] = &[
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
        Self::AddressNotAllowed,
        Self::RouterNotAllowed,
        Self::TooManyTags,
        Self::HiddenProtocol,
        Self::BadHeaders,
        Self::FragmentedNeighbor,
        Self::ShortFragment,
        Self::LinkGroup,
        Self::DhcpServerNotAllowed,
        Self::MissLimited,
        Self::Stranger,
        Self::StrangerOverflow,
        Self::GroupLimited,
        Self::TunnelMissLimited,
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
            Self::AddressNotAllowed => "address_not_allowed",
            Self::RouterNotAllowed => "router_not_allowed",
            Self::TooManyTags => "too_many_tags",
            Self::HiddenProtocol => "hidden_protocol",
            Self::BadHeaders => "bad_headers",
            Self::FragmentedNeighbor => "fragmented_neighbor",
            Self::ShortFragment => "short_fragment",
            Self::LinkGroup => "link_group",
            Self::DhcpServerNotAllowed => "dhcp_server_not_allowed",
            Self::MissLimited => "miss_limited",
            Self::Stranger => "stranger",
            Self::StrangerOverflow => "stranger_overflow",
            Self::GroupLimited => "group_limited",
            Self::TunnelMissLimited => "tunnel_miss_limited",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownPort => "the VAP that it came in at is not a port",
            Self::UnknownVn => "its VN has no port and no TSI here",
            Self::Malformed => "it is shorter than its Ethernet header, or longer than 65,535 bytes",
            Self::GroupSource => "its source is a group address",
            Self::SourceNotAllowed => "its source may not send at that port",
            Self::UnknownDestination => "the NVA says that its destination is nowhere",
            Self::NoReceiver => "the group has no receiver",
            Self::Hairpin => "its destination is behind the VAP that it came from",
            Self::Loop => "the mapping would return it to the NVE that it came from",
            Self::NoCommonUnderlay => "its NVE has no underlay address family in common with this NVE",
            Self::HoldOverflow => "the TSI's limit of held frames is reached",
            Self::HoldAge => "it was held for too long",
            Self::HoldTotal => "the limit of frames held for all TSIs is reached",
            Self::TooManyAsked => "the limit of destinations that are being resolved is reached",
            Self::BumNotTunnelled => "a held copy of a group frame is never tunnelled",
            Self::BumPortShared => "the port may have had the group frame already",
            Self::Detached => "its sender was detached before its gate opened",
            Self::Reset => "the forwarder was reset",
            Self::AddressNotAllowed => "it claims an IP address that is not bound to its sender",
            Self::RouterNotAllowed => "the port's policy allows no router",
            Self::TooManyTags => "it has more than one VLAN tag",
            Self::HiddenProtocol => "its EtherType is in a SNAP header",
            Self::BadHeaders => "its IP headers are cut, malformed or too many",
            Self::FragmentedNeighbor => "Neighbor Discovery must not be fragmented",
            Self::ShortFragment => "a first fragment must have all IPv6 headers",
            Self::LinkGroup => "its destination is a group of one link",
            Self::DhcpServerNotAllowed => "the port's policy allows no DHCP server",
            Self::MissLimited => "its port sends to too many unknown destinations",
            Self::Stranger => "no list of its VN names the NVE that sent it",
            Self::StrangerOverflow => "the limit of frames from unnamed NVEs is reached",
            Self::GroupLimited => "its port sends too many frames to groups",
            Self::TunnelMissLimited => "the NVE that sent it sends too many frames to unknown destinations",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::DropReason;

    #[test]
    fn each_reason_counts_in_its_own_place() {
        for (number, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, number);
        }
    }
}
