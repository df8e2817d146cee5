//! smoltcp's packet views. It does not know VXLAN, so this file reads and writes that header by hand.

use crate::packets::{Arp, HEADROOM, Na, Tunnel, arp_digest, na_digest, vxlan_digest};
use smoltcp::wire::{
    ArpHardware, ArpOperation, ArpPacket, EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv6Message,
    Icmpv6Packet, IpProtocol, Ipv4Packet, Ipv6Packet, NdiscNeighborFlags, NdiscOption, NdiscOptionType,
    RawHardwareAddress, UdpPacket,
};

#[inline(always)]
pub(crate) fn arp_parse(frame: &[u8]) -> Option<u64> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    if frame.ethertype() != EthernetProtocol::Arp {
        return None;
    }
    let arp = ArpPacket::new_checked(frame.payload()).ok()?;
    let ethernet_ipv4 = (ArpHardware::Ethernet, EthernetProtocol::Ipv4, 6, 4);
    if (arp.hardware_type(), arp.protocol_type(), arp.hardware_len(), arp.protocol_len()) != ethernet_ipv4 {
        return None;
    }
    let mac = arp.source_hardware_addr().try_into().ok()?;
    let (ip, target_ip) = (arp.source_protocol_addr().try_into().ok()?, arp.target_protocol_addr().try_into().ok()?);
    Some(arp_digest(arp.operation().into(), mac, ip, target_ip))
}

#[inline(always)]
fn na(frame: &[u8], validated: bool) -> Option<u64> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    if frame.ethertype() != EthernetProtocol::Ipv6 {
        return None;
    }
    let ip = Ipv6Packet::new_checked(frame.payload()).ok()?;
    if ip.version() != 6 || ip.next_header() != IpProtocol::Icmpv6 {
        return None;
    }
    let message = Icmpv6Packet::new_checked(ip.payload()).ok()?;
    if message.msg_type() != Icmpv6Message::NeighborAdvert {
        return None;
    }
    let (target, flags) = (message.target_addr(), message.neighbor_flags());
    if validated {
        let (source, destination) = (ip.src_addr(), ip.dst_addr());
        let to_group = flags.contains(NdiscNeighborFlags::SOLICITED) && destination.is_multicast();
        let groups = target.is_multicast() || source.is_multicast() || to_group;
        if ip.hop_limit() != 255 || message.msg_code() != 0 || groups {
            return None;
        }
        if !message.verify_checksum(&source, &destination) {
            return None;
        }
    }
    let (mut link, mut options) = (None, message.payload());
    while !options.is_empty() {
        let option = NdiscOption::new_checked(options).ok()?;
        if option.option_type() == NdiscOptionType::TargetLinkLayerAddr && option.data_len() == 1 {
            link = link.or(Some(option.link_layer_addr()));
        }
        options = options.get(usize::from(option.data_len()) * 8..)?;
    }
    let link = link?;
    Some(na_digest(&target.octets(), flags.bits(), link.as_bytes().try_into().ok()?))
}

#[inline(always)]
pub(crate) fn na_parse(frame: &[u8]) -> Option<u64> {
    na(frame, false)
}

#[inline(always)]
pub(crate) fn na_checksum_parse(frame: &[u8]) -> Option<u64> {
    na(frame, true)
}

#[inline(always)]
fn datagram(frame: &[u8]) -> Option<UdpPacket<&[u8]>> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    if frame.ethertype() != EthernetProtocol::Ipv4 {
        return None;
    }
    let ip = Ipv4Packet::new_checked(frame.payload()).ok()?;
    let fragment = ip.more_frags() || ip.frag_offset() != 0;
    if ip.version() != 4 || ip.next_header() != IpProtocol::Udp || fragment {
        return None;
    }
    UdpPacket::new_checked(ip.payload()).ok()
}

#[inline(always)]
pub(crate) fn vxlan_parse(frame: &[u8]) -> Option<u64> {
    let outer = datagram(frame)?;
    let (vxlan, inner) = outer.payload().split_first_chunk::<8>()?;
    if outer.dst_port() != 4789 || vxlan[0] & 8 == 0 {
        return None;
    }
    let inner = datagram(inner)?;
    Some(vxlan_digest(u32::from_be_bytes([0, vxlan[4], vxlan[5], vxlan[6]]), inner.src_port(), inner.dst_port()))
}

#[inline(always)]
pub(crate) fn arp_build(arp: &Arp, out: &mut [u8]) -> usize {
    let Some(out) = out.get_mut(..42) else { return 0 };
    let mut frame = EthernetFrame::new_unchecked(out);
    frame.set_dst_addr(EthernetAddress(arp.target_mac));
    frame.set_src_addr(EthernetAddress(arp.mac));
    frame.set_ethertype(EthernetProtocol::Arp);
    let mut packet = ArpPacket::new_unchecked(frame.payload_mut());
    packet.set_hardware_type(ArpHardware::Ethernet);
    packet.set_protocol_type(EthernetProtocol::Ipv4);
    packet.set_hardware_len(6);
    packet.set_protocol_len(4);
    packet.set_operation(ArpOperation::Reply);
    packet.set_source_hardware_addr(&arp.mac);
    packet.set_source_protocol_addr(&arp.ip);
    packet.set_target_hardware_addr(&arp.target_mac);
    packet.set_target_protocol_addr(&arp.target_ip);
    42
}

#[inline(always)]
pub(crate) fn na_build(na: &Na, out: &mut [u8]) -> usize {
    let Some(out) = out.get_mut(..86) else { return 0 };
    let (source, destination) = (na.source.into(), na.destination.into());
    let mut frame = EthernetFrame::new_unchecked(out);
    frame.set_dst_addr(EthernetAddress(na.destination_mac));
    frame.set_src_addr(EthernetAddress(na.mac));
    frame.set_ethertype(EthernetProtocol::Ipv6);
    let mut ip = Ipv6Packet::new_unchecked(frame.payload_mut());
    ip.set_version(6);
    ip.set_traffic_class(0);
    ip.set_flow_label(0);
    ip.set_payload_len(32);
    ip.set_next_header(IpProtocol::Icmpv6);
    ip.set_hop_limit(255);
    ip.set_src_addr(source);
    ip.set_dst_addr(destination);
    let mut message = Icmpv6Packet::new_unchecked(ip.payload_mut());
    message.set_msg_type(Icmpv6Message::NeighborAdvert);
    message.set_msg_code(0);
    message.clear_reserved();
    message.set_neighbor_flags(NdiscNeighborFlags::from_bits_truncate(na.flags));
    message.set_target_addr(na.target.into());
    let mut option = NdiscOption::new_unchecked(message.payload_mut());
    option.set_option_type(NdiscOptionType::TargetLinkLayerAddr);
    option.set_data_len(1);
    option.set_link_layer_addr(RawHardwareAddress::from_bytes(&na.mac));
    message.fill_checksum(&source, &destination);
    86
}

#[inline(always)]
fn outer(tunnel: &Tunnel, entropy: u16, inner: &[u8], out: &mut [u8]) -> Option<()> {
    let ecn = ecn(inner)?;
    let total = u16::try_from(inner.len() + 36).ok()?;
    let mut ip = Ipv4Packet::new_unchecked(out);
    ip.set_version(4);
    ip.set_header_len(20);
    ip.set_dscp(0);
    ip.set_ecn(ecn);
    ip.set_total_len(total);
    ip.set_ident(0);
    ip.clear_flags();
    ip.set_more_frags(false);
    ip.set_dont_frag(true);
    ip.set_frag_offset(0);
    ip.set_hop_limit(64);
    ip.set_next_header(IpProtocol::Udp);
    ip.set_src_addr(tunnel.source.into());
    ip.set_dst_addr(tunnel.destination.into());
    ip.fill_checksum();
    let (_, behind) = ip.into_inner().split_at_mut(20);
    let (udp, vxlan) = behind.split_at_mut(8);
    let mut udp = UdpPacket::new_unchecked(udp);
    udp.set_src_port(49152 + entropy % 16384);
    udp.set_dst_port(4789);
    udp.set_len(total - 20);
    udp.set_checksum(0);
    vxlan[..4].copy_from_slice(&[8, 0, 0, 0]);
    vxlan[4..8].copy_from_slice(&(tunnel.vni << 8).to_be_bytes());
    Some(())
}

#[inline(always)]
fn ecn(inner: &[u8]) -> Option<u8> {
    let frame = EthernetFrame::new_checked(inner).ok()?;
    Some(match frame.ethertype() {
        EthernetProtocol::Ipv4 => Ipv4Packet::new_checked(frame.payload()).map_or(0, |ip| ip.ecn()),
        EthernetProtocol::Ipv6 => Ipv6Packet::new_checked(frame.payload()).map_or(0, |ip| ip.traffic_class() & 3),
        _ => 0,
    })
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
