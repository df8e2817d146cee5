//! The source of an IP packet, and the search for Neighbor Discovery and DHCP in it.

use super::{Class, is_in_tenant_vlan, neighbor};
use crate::forwarder::DropReason;
use crate::table::PortPolicy;
use core::net::IpAddr;
use nvo3_wire::ethernet::Frame;
use nvo3_wire::ipv6::{ICMPV6, Packet, TCP, UDP};
use nvo3_wire::{Ipv4, Ipv6, Mac, dhcpv4, dhcpv6, icmpv6};

const IGMP: u8 = 2;
/// The UDP ports of DHCP (RFC 2131 §4.1).
const DHCP: Dhcp = Dhcp { server: dhcpv4::SERVER, client: dhcpv4::CLIENT };
/// The UDP ports of DHCPv6 (RFC 8415 §7.2).
const DHCP6: Dhcp = Dhcp { server: dhcpv6::SERVER, client: dhcpv6::CLIENT };
/// The offset in the field of IPv4 that has flags and fragment offset.
const OFFSET: u16 = 0x1fff;
/// The flag in that field which says that more fragments follow.
const MORE: u16 = 0x2000;
/// Multicast Listener Report and Done (RFC 2710), and Report of version 2 (RFC 3810).
const LISTENER: [u8; 3] = [131, 132, 143];

/// The UDP ports of a DHCP server and a client.
struct Dhcp {
    server: u16,
    client: u16,
}

impl Dhcp {
    /// Judges UDP that begins in this packet. A server or a relay sends from the server's port, and to the client's. Clients look
    /// at one or the other.
    #[inline]
    fn judge(&self, policy: &PortPolicy, udp: &[u8]) -> Result<(), DropReason> {
        let Some([from, from_low, to, to_low]) = udp.first_chunk() else { return Err(DropReason::BadHeaders) };
        let from_server = u16::from_be_bytes([*from, *from_low]) == self.server;
        let to_client = u16::from_be_bytes([*to, *to_low]) == self.client;
        if (from_server || to_client) && !policy.dhcp_server {
            return Err(DropReason::DhcpServerNotAllowed);
        }
        Ok(())
    }

    /// The class of UDP that is whole and may pass. At a port that learns addresses, control reads what a client tells a server.
    #[inline]
    fn class(&self, frame: &Frame<'_>, policy: &PortPolicy, udp: &[u8]) -> Class {
        let learns = policy.learn_addresses > 0 && udp.get(2..4) == Some(&self.server.to_be_bytes());
        if learns && !is_in_tenant_vlan(frame) { Class::Control } else { Class::Data }
    }
}

/// Judges an IPv4 packet.
#[inline]
pub(super) fn v4(
    frame: &Frame<'_>,
    policy: &PortPolicy,
    holds: impl Fn(&Mac, Option<IpAddr>) -> bool,
) -> Result<Class, DropReason> {
    let packet = frame.payload;
    if version(packet) != 4 {
        return no_packet(packet);
    }
    let Some([first, _, _, _, _, _, cut, cut_low, _, protocol, _, _, a, b, c, d, ..]) = packet.first_chunk::<20>()
    else {
        return Err(DropReason::BadHeaders);
    };
    let length = usize::from(first & 0xf) * 4;
    let Some(behind) = packet.get(length..).filter(|_| length >= 20) else { return Err(DropReason::BadHeaders) };
    let fragment = u16::from_be_bytes([*cut, *cut_low]);
    if *protocol == UDP && fragment & OFFSET == 0 {
        DHCP.judge(policy, behind)?;
    }
    let (source, whole) = (Ipv4([*a, *b, *c, *d]), fragment & (OFFSET | MORE) == 0);
    let class = if source.is_unspecified() {
        without_v4(*protocol, whole, behind)?
    } else {
        source_only(holds(&frame.header.source, Some(IpAddr::V4(source.addr()))))?
    };
    Ok(if *protocol == UDP && whole { DHCP.class(frame, policy, behind) } else { class })
}

/// Judges a packet of a host without an address. It may send IGMP (RFC 3376 §4.2.13), and DHCP to a server (RFC 2131 §4.1). DHCP shows
/// that a VM runs: a VM that gets its address by DHCP sends nothing else before.
#[cold]
fn without_v4(protocol: u8, whole: bool, payload: &[u8]) -> Result<Class, DropReason> {
    match protocol {
        IGMP if whole => Ok(Class::Joining),
        UDP if whole && payload.get(2..4) == Some(&DHCP.server.to_be_bytes()) => Ok(Class::Data),
        _ => Err(DropReason::AddressNotAllowed),
    }
}

/// Judges an IPv6 packet.
#[inline]
pub(super) fn v6(
    bytes: &[u8],
    frame: &Frame<'_>,
    policy: &PortPolicy,
    holds: impl Fn(&Mac, Option<IpAddr>) -> bool,
) -> Result<Class, DropReason> {
    if version(frame.payload) != 6 {
        return no_packet(frame.payload);
    }
    let Ok(packet) = Packet::parse(frame.payload) else { return Err(DropReason::BadHeaders) };
    let bound = |ip: &Ipv6| holds(&frame.header.source, Some(IpAddr::V6(ip.addr())));
    let source = &packet.header.source;
    let next = packet.header.next_header;
    if next == UDP {
        DHCP6.judge(policy, packet.payload)?;
    }
    if matches!(next, TCP | UDP) {
        let class = if next == UDP { DHCP6.class(frame, policy, packet.payload) } else { Class::Data };
        return if bound(source) { Ok(class) } else { Err(DropReason::AddressNotAllowed) };
    }
    let Ok(upper) = packet.upper() else { return Err(DropReason::BadHeaders) };
    let (protocol, payload) = match packet.upper_of_first() {
        Some((protocol, payload, _)) => (protocol, payload),
        None if upper.later_fragment() => return source_only(bound(source)),
        None => return Err(DropReason::ShortFragment),
    };
    if packet.upper_source() != source && !bound(packet.upper_source()) {
        return Err(DropReason::AddressNotAllowed);
    }
    if protocol == UDP {
        DHCP6.judge(policy, payload)?;
    }
    if protocol != ICMPV6 {
        return source_only(bound(source));
    }
    let Some(kind) = payload.first() else {
        return Err(if upper.fragment { DropReason::ShortFragment } else { DropReason::BadHeaders });
    };
    match *kind {
        icmpv6::ROUTER_SOLICITATION..=icmpv6::REDIRECT if upper.fragment_header => Err(DropReason::FragmentedNeighbor),
        icmpv6::ROUTER_ADVERTISEMENT | icmpv6::REDIRECT if !policy.router_advertisements => {
            Err(DropReason::RouterNotAllowed)
        }
        icmpv6::ROUTER_SOLICITATION | icmpv6::ROUTER_ADVERTISEMENT | icmpv6::REDIRECT => {
            neighbor::router(frame, &packet, holds)
        }
        icmpv6::NEIGHBOR_SOLICITATION | icmpv6::NEIGHBOR_ADVERTISEMENT => {
            Ok(neighbor::nd(bytes, frame, &packet, holds))
        }
        kind if LISTENER.contains(&kind) && source.is_unspecified() && !upper.fragment => Ok(Class::Joining),
        _ => source_only(bound(source)),
    }
}

/// The version in an IP header; 0 if there is none.
fn version(payload: &[u8]) -> u8 {
    payload.first().map_or(0, |first| first >> 4)
}

/// Judges a payload that does not have the version of its EtherType. Receivers discard it (RFC 1122 §3.2.1.1), so it claims nothing. With
/// the version of the other family it is dropped, as a receiver could go by the version.
#[cold]
fn no_packet(payload: &[u8]) -> Result<Class, DropReason> {
    if matches!(version(payload), 4 | 6) { Err(DropReason::BadHeaders) } else { Ok(Class::Data) }
}

/// The judgement of a packet whose only claim is its source.
const fn source_only(bound: bool) -> Result<Class, DropReason> {
    if bound { Ok(Class::Data) } else { Err(DropReason::AddressNotAllowed) }
}
