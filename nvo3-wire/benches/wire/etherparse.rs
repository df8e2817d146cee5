//! etherparse: its slices read, its headers write. It does not know VXLAN, so this file reads and writes that header by
//! hand.

use crate::packets::{Arp, HEADROOM, Na, Tunnel, arp_digest, na_digest, vxlan_digest};
use etherparse::icmpv6::{
    Icmpv6PayloadSlice, NdpOptionSlice, NeighborAdvertisementHeader, NeighborAdvertisementPayload,
};
use etherparse::{
    ArpEthIpv4Packet, ArpHardwareId, ArpOperation, ArpPacketSlice, EtherType, Ethernet2Header, Ethernet2Slice,
    Icmpv6Header, Icmpv6Slice, Icmpv6Type, IpEcn, IpFragOffset, IpNumber, Ipv4Header, Ipv4Slice, Ipv6Header, Ipv6Slice,
    UdpHeader, UdpSlice,
};

#[inline(always)]
pub(crate) fn arp_parse(frame: &[u8]) -> Option<u64> {
    let frame = Ethernet2Slice::from_slice_without_fcs(frame).ok()?;
    if frame.ether_type() != EtherType::ARP {
        return None;
    }
    let arp = ArpPacketSlice::from_slice(frame.payload_slice()).ok()?;
    let ethernet_ipv4 = (ArpHardwareId::ETHERNET, EtherType::IPV4, 6, 4);
    if (arp.hw_addr_type(), arp.proto_addr_type(), arp.hw_addr_size(), arp.proto_addr_size()) != ethernet_ipv4 {
        return None;
    }
    let mac = arp.sender_hw_addr().try_into().ok()?;
    let (ip, target_ip) = (arp.sender_protocol_addr().try_into().ok()?, arp.target_protocol_addr().try_into().ok()?);
    Some(arp_digest(arp.operation().0, mac, ip, target_ip))
}

#[inline(always)]
fn na(frame: &[u8], validated: bool) -> Option<u64> {
    let frame = Ethernet2Slice::from_slice_without_fcs(frame).ok()?;
    if frame.ether_type() != EtherType::IPV6 {
        return None;
    }
    let ip = Ipv6Slice::from_slice(frame.payload_slice()).ok()?;
    if ip.payload().ip_number != IpNumber::IPV6_ICMP {
        return None;
    }
    let message = Icmpv6Slice::from_slice(ip.payload().payload).ok()?;
    let Icmpv6PayloadSlice::NeighborAdvertisement(body) = message.payload_slice().ok()? else { return None };
    let (target, flags) = (body.target_address(), message.bytes5to8()[0]);
    if validated {
        let (source, destination) = (ip.header().source(), ip.header().destination());
        let to_group = flags & NeighborAdvertisementHeader::SOLICITED_MASK != 0 && destination[0] == 0xff;
        let groups = target.is_multicast() || source[0] == 0xff || to_group;
        if ip.header().hop_limit() != 255 || message.code_u8() != 0 || groups {
            return None;
        }
        if !message.is_checksum_valid(source, destination) {
            return None;
        }
    }
    let mut link = None;
    for option in body.options_iterator() {
        if let NdpOptionSlice::TargetLinkLayerAddress(option) = option.ok()? {
            link = link.or(<&[u8; 6]>::try_from(option.link_layer_address()).ok());
        }
    }
    Some(na_digest(&target.octets(), flags, link?))
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
fn datagram(frame: &[u8]) -> Option<UdpSlice<'_>> {
    let frame = Ethernet2Slice::from_slice_without_fcs(frame).ok()?;
    if frame.ether_type() != EtherType::IPV4 {
        return None;
    }
    let ip = Ipv4Slice::from_slice(frame.payload_slice()).ok()?;
    if ip.header().protocol() != IpNumber::UDP || ip.is_payload_fragmented() {
        return None;
    }
    UdpSlice::from_slice(ip.payload().payload).ok()
}

#[inline(always)]
pub(crate) fn vxlan_parse(frame: &[u8]) -> Option<u64> {
    let outer = datagram(frame)?;
    let (vxlan, inner) = outer.payload().split_first_chunk::<8>()?;
    if outer.destination_port() != 4789 || vxlan[0] & 8 == 0 {
        return None;
    }
    let inner = datagram(inner)?;
    let vni = u32::from_be_bytes([0, vxlan[4], vxlan[5], vxlan[6]]);
    Some(vxlan_digest(vni, inner.source_port(), inner.destination_port()))
}

#[inline(always)]
pub(crate) fn arp_build(arp: &Arp, out: &mut [u8]) -> usize {
    let Some(out) = out.first_chunk_mut::<42>() else { return 0 };
    let ethernet = Ethernet2Header { source: arp.mac, destination: arp.target_mac, ether_type: EtherType::ARP };
    let packet = ArpEthIpv4Packet {
        operation: ArpOperation::REPLY,
        sender_mac: arp.mac,
        sender_ipv4: arp.ip,
        target_mac: arp.target_mac,
        target_ipv4: arp.target_ip,
    };
    out[..14].copy_from_slice(&ethernet.to_bytes());
    out[14..].copy_from_slice(&packet.to_bytes());
    42
}

#[inline(always)]
pub(crate) fn na_build(na: &Na, out: &mut [u8]) -> usize {
    let Some(out) = out.first_chunk_mut::<86>() else { return 0 };
    let ethernet = Ethernet2Header { source: na.mac, destination: na.destination_mac, ether_type: EtherType::IPV6 };
    let ip = Ipv6Header {
        payload_length: 32,
        next_header: IpNumber::IPV6_ICMP,
        hop_limit: 255,
        source: na.source,
        destination: na.destination,
        ..Default::default()
    };
    out[..14].copy_from_slice(&ethernet.to_bytes());
    out[14..54].copy_from_slice(&ip.to_bytes());
    // It cannot build options.
    out[62..78].copy_from_slice(&NeighborAdvertisementPayload { target_address: na.target.into() }.to_bytes());
    out[78..80].copy_from_slice(&[2, 1]);
    out[80..].copy_from_slice(&na.mac);
    let kind = Icmpv6Type::NeighborAdvertisement(NeighborAdvertisementHeader::from_bytes([na.flags, 0, 0, 0]));
    let Ok(message) = Icmpv6Header::with_checksum(kind, na.source, na.destination, &out[62..]) else { return 0 };
    out[54..62].copy_from_slice(&message.to_bytes());
    86
}

#[inline(always)]
fn outer(tunnel: &Tunnel, entropy: u16, inner: &[u8], out: &mut [u8]) -> Option<()> {
    let frame = Ethernet2Slice::from_slice_without_fcs(inner).ok()?;
    let ecn = match frame.ether_type() {
        EtherType::IPV4 => Ipv4Slice::from_slice(frame.payload_slice()).map_or(IpEcn::ZERO, |ip| ip.header().ecn()),
        EtherType::IPV6 => Ipv6Slice::from_slice(frame.payload_slice()).map_or(IpEcn::ZERO, |ip| ip.header().ecn()),
        _ => IpEcn::ZERO,
    };
    let total_len = u16::try_from(inner.len() + 36).ok()?;
    let mut ip = Ipv4Header {
        ecn,
        total_len,
        dont_fragment: true,
        fragment_offset: IpFragOffset::ZERO,
        time_to_live: 64,
        protocol: IpNumber::UDP,
        source: tunnel.source,
        destination: tunnel.destination,
        ..Default::default()
    };
    ip.header_checksum = ip.calc_header_checksum();
    let udp =
        UdpHeader { source_port: 49152 + entropy % 16384, destination_port: 4789, length: total_len - 20, checksum: 0 };
    out[..20].copy_from_slice(&ip.to_bytes());
    out[20..28].copy_from_slice(&udp.to_bytes());
    out[28..32].copy_from_slice(&[8, 0, 0, 0]);
    out[32..36].copy_from_slice(&(tunnel.vni << 8).to_be_bytes());
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
