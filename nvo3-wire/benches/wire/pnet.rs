//! pnet_packet's packet views.

use crate::packets::{Arp, HEADROOM, Na, Tunnel, arp_digest, na_digest, vxlan_digest};
use pnet_packet::arp::{ArpHardwareTypes, ArpOperations, ArpPacket, MutableArpPacket};
use pnet_packet::ethernet::{EtherTypes, EthernetPacket, MutableEthernetPacket};
use pnet_packet::icmpv6::ndp::{
    MutableNdpOptionPacket, MutableNeighborAdvertPacket, NdpOptionPacket, NdpOptionTypes, NeighborAdvertFlags,
    NeighborAdvertPacket,
};
use pnet_packet::icmpv6::{Icmpv6Code, Icmpv6Packet, Icmpv6Types};
use pnet_packet::ip::IpNextHeaderProtocols;
use pnet_packet::ipv4::{Ipv4Flags, Ipv4Packet, MutableIpv4Packet};
use pnet_packet::ipv6::{Ipv6Packet, MutableIpv6Packet};
use pnet_packet::udp::{MutableUdpPacket, UdpPacket};
use pnet_packet::vxlan::{MutableVxlanPacket, VxlanPacket};
use pnet_packet::{MutablePacket, Packet, icmpv6, ipv4};

#[inline(always)]
pub(crate) fn arp_parse(frame: &[u8]) -> Option<u64> {
    let frame = EthernetPacket::new(frame)?;
    if frame.get_ethertype() != EtherTypes::Arp {
        return None;
    }
    let arp = ArpPacket::new(frame.payload())?;
    let ethernet_ipv4 = (ArpHardwareTypes::Ethernet, EtherTypes::Ipv4, 6, 4);
    let kinds = (arp.get_hardware_type(), arp.get_protocol_type(), arp.get_hw_addr_len(), arp.get_proto_addr_len());
    if kinds != ethernet_ipv4 {
        return None;
    }
    let (mac, ip, target_ip) = (arp.get_sender_hw_addr(), arp.get_sender_proto_addr(), arp.get_target_proto_addr());
    Some(arp_digest(arp.get_operation().0, &mac.octets(), &ip.octets(), &target_ip.octets()))
}

#[inline(always)]
fn na(frame: &[u8], validated: bool) -> Option<u64> {
    let frame = EthernetPacket::new(frame)?;
    if frame.get_ethertype() != EtherTypes::Ipv6 {
        return None;
    }
    let ip = Ipv6Packet::new(frame.payload())?;
    let cut = ip.payload().len() != usize::from(ip.get_payload_length());
    if ip.get_version() != 6 || cut || ip.get_next_header() != IpNextHeaderProtocols::Icmpv6 {
        return None;
    }
    let na = NeighborAdvertPacket::new(ip.payload())?;
    if na.get_icmpv6_type() != Icmpv6Types::NeighborAdvert {
        return None;
    }
    let (target, flags) = (na.get_target_addr(), na.get_flags());
    if validated {
        let (source, destination) = (ip.get_source(), ip.get_destination());
        let to_group = flags & NeighborAdvertFlags::Solicited != 0 && destination.is_multicast();
        let groups = target.is_multicast() || source.is_multicast() || to_group;
        if ip.get_hop_limit() != 255 || na.get_icmpv6_code() != Icmpv6Code(0) || groups {
            return None;
        }
        if icmpv6::checksum(&Icmpv6Packet::new(ip.payload())?, &source, &destination) != na.get_checksum() {
            return None;
        }
    }
    let (mut link, mut options) = (None, na.get_options_raw());
    while !options.is_empty() {
        let option = NdpOptionPacket::new(options)?;
        let whole = options.get(..usize::from(option.get_length()) * 8).filter(|whole| !whole.is_empty())?;
        if option.get_option_type() == NdpOptionTypes::TargetLLAddr && option.get_length() == 1 {
            link = link.or(option.payload().first_chunk::<6>().copied());
        }
        options = &options[whole.len()..];
    }
    Some(na_digest(&target.octets(), flags, &link?))
}

#[inline(always)]
pub(crate) fn na_parse(frame: &[u8]) -> Option<u64> {
    na(frame, false)
}

#[inline(always)]
pub(crate) fn na_checksum_parse(frame: &[u8]) -> Option<u64> {
    na(frame, true)
}

/// The payload of a whole UDP datagram and its ports.
#[inline(always)]
fn datagram<T>(frame: &[u8], read: impl FnOnce(u16, u16, &[u8]) -> Option<T>) -> Option<T> {
    let frame = EthernetPacket::new(frame)?;
    if frame.get_ethertype() != EtherTypes::Ipv4 {
        return None;
    }
    let ip = Ipv4Packet::new(frame.payload())?;
    let header = usize::from(ip.get_header_length()) * 4;
    let cut = header < 20 || ip.payload().len() + header != usize::from(ip.get_total_length());
    let fragment = ip.get_flags() & Ipv4Flags::MoreFragments != 0 || ip.get_fragment_offset() != 0;
    let is_udp = ip.get_next_level_protocol() == IpNextHeaderProtocols::Udp;
    if ip.get_version() != 4 || cut || fragment || !is_udp {
        return None;
    }
    let udp = UdpPacket::new(ip.payload())?;
    if udp.payload().len() + 8 != usize::from(udp.get_length()) {
        return None;
    }
    read(udp.get_source(), udp.get_destination(), udp.payload())
}

#[inline(always)]
pub(crate) fn vxlan_parse(frame: &[u8]) -> Option<u64> {
    datagram(frame, |_, port, payload| {
        let vxlan = VxlanPacket::new(payload)?;
        if port != 4789 || vxlan.get_flags() & 8 == 0 {
            return None;
        }
        let inner = vxlan.payload();
        datagram(inner, |source, destination, _| Some(vxlan_digest(vxlan.get_vni(), source, destination)))
    })
}

#[inline(always)]
pub(crate) fn arp_build(arp: &Arp, out: &mut [u8]) -> usize {
    let Some(out) = out.get_mut(..42) else { return 0 };
    let Some(mut frame) = MutableEthernetPacket::new(out) else { return 0 };
    frame.set_destination(arp.target_mac.into());
    frame.set_source(arp.mac.into());
    frame.set_ethertype(EtherTypes::Arp);
    let Some(mut packet) = MutableArpPacket::new(frame.payload_mut()) else { return 0 };
    packet.set_hardware_type(ArpHardwareTypes::Ethernet);
    packet.set_protocol_type(EtherTypes::Ipv4);
    packet.set_hw_addr_len(6);
    packet.set_proto_addr_len(4);
    packet.set_operation(ArpOperations::Reply);
    packet.set_sender_hw_addr(arp.mac.into());
    packet.set_sender_proto_addr(arp.ip.into());
    packet.set_target_hw_addr(arp.target_mac.into());
    packet.set_target_proto_addr(arp.target_ip.into());
    42
}

#[inline(always)]
pub(crate) fn na_build(na: &Na, out: &mut [u8]) -> usize {
    let Some(out) = out.get_mut(..86) else { return 0 };
    let (source, destination) = (na.source.into(), na.destination.into());
    let Some(mut frame) = MutableEthernetPacket::new(out) else { return 0 };
    frame.set_destination(na.destination_mac.into());
    frame.set_source(na.mac.into());
    frame.set_ethertype(EtherTypes::Ipv6);
    let Some(mut ip) = MutableIpv6Packet::new(frame.payload_mut()) else { return 0 };
    ip.set_version(6);
    ip.set_traffic_class(0);
    ip.set_flow_label(0);
    ip.set_payload_length(32);
    ip.set_next_header(IpNextHeaderProtocols::Icmpv6);
    ip.set_hop_limit(255);
    ip.set_source(source);
    ip.set_destination(destination);
    let Some(mut message) = MutableNeighborAdvertPacket::new(ip.payload_mut()) else { return 0 };
    message.set_icmpv6_type(Icmpv6Types::NeighborAdvert);
    message.set_icmpv6_code(Icmpv6Code(0));
    message.set_flags(na.flags);
    message.set_reserved(0);
    message.set_target_addr(na.target.into());
    let Some(mut option) = MutableNdpOptionPacket::new(message.get_options_raw_mut()) else { return 0 };
    option.set_option_type(NdpOptionTypes::TargetLLAddr);
    option.set_length(1);
    option.set_data(&na.mac);
    let Some(whole) = Icmpv6Packet::new(message.packet()) else { return 0 };
    let checksum = icmpv6::checksum(&whole, &source, &destination);
    message.set_checksum(checksum);
    86
}

#[inline(always)]
fn outer(tunnel: &Tunnel, entropy: u16, inner: &[u8], out: &mut [u8]) -> Option<()> {
    let frame = EthernetPacket::new(inner)?;
    let ecn = match frame.get_ethertype() {
        EtherTypes::Ipv4 => Ipv4Packet::new(frame.payload()).map_or(0, |ip| ip.get_ecn()),
        EtherTypes::Ipv6 => Ipv6Packet::new(frame.payload()).map_or(0, |ip| ip.get_traffic_class() & 3),
        _ => 0,
    };
    let total = u16::try_from(inner.len() + 36).ok()?;
    let (ip, behind) = out.split_at_mut_checked(20)?;
    let (udp, vxlan) = behind.split_at_mut_checked(8)?;
    let mut ip = MutableIpv4Packet::new(ip)?;
    ip.set_version(4);
    ip.set_header_length(5);
    ip.set_dscp(0);
    ip.set_ecn(ecn);
    ip.set_total_length(total);
    ip.set_identification(0);
    ip.set_flags(Ipv4Flags::DontFragment);
    ip.set_fragment_offset(0);
    ip.set_ttl(64);
    ip.set_next_level_protocol(IpNextHeaderProtocols::Udp);
    ip.set_source(tunnel.source.into());
    ip.set_destination(tunnel.destination.into());
    let checksum = ipv4::checksum(&ip.to_immutable());
    ip.set_checksum(checksum);
    let mut udp = MutableUdpPacket::new(udp)?;
    udp.set_source(49152 + entropy % 16384);
    udp.set_destination(4789);
    udp.set_length(total - 20);
    udp.set_checksum(0);
    let mut vxlan = MutableVxlanPacket::new(vxlan)?;
    vxlan.set_flags(8);
    vxlan.set_reserved1(0);
    vxlan.set_vni(tunnel.vni);
    vxlan.set_reserved2(0);
    Some(())
}

/// It cannot prebuild headers for the packets of a tunnel.
pub(crate) use crate::packets::Tunnel as Prepared;

pub(crate) fn prepare(tunnel: &Tunnel) -> Prepared {
    *tunnel
}

#[inline(always)]
pub(crate) fn encap_copy(tunnel: &Prepared, entropy: u16, inner: &[u8], out: &mut [u8]) -> usize {
    let Some((headers, payload)) = out.get_mut(..36 + inner.len()).and_then(|out| out.split_at_mut_checked(36)) else {
        return 0;
    };
    if outer(tunnel, entropy, inner, headers).is_none() {
        return 0;
    }
    payload.copy_from_slice(inner);
    36 + inner.len()
}

#[inline(always)]
pub(crate) fn encap_headroom(tunnel: &Prepared, entropy: u16, buffer: &mut [u8]) -> usize {
    let Some((headroom, inner)) = buffer.split_at_mut_checked(HEADROOM) else { return 0 };
    let Some(headers) = headroom.get_mut(HEADROOM - 36..) else { return 0 };
    outer(tunnel, entropy, inner, headers).map_or(0, |()| HEADROOM - 36)
}
