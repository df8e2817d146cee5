//! This crate, used as in its documentation.

use crate::packets::{Arp, HEADROOM, Na, Tunnel, arp_digest, na_digest, vxlan_digest};
use nvo3_wire::ethernet::Frame;
use nvo3_wire::nd::{Advertise, Advertisement, Flags, Message, Nd};
use nvo3_wire::tunnel::{Encap, Encapsulation};
use nvo3_wire::udp::Datagram;
use nvo3_wire::{EtherType, Ipv4, Ipv6, Mac, Vni, arp, ipv4, ipv6, nd, vxlan};

#[inline(always)]
pub(crate) fn arp_parse(frame: &[u8]) -> Option<u64> {
    let (frame, _) = arp::Frame::parse(frame).ok()?;
    frame.validate().ok()?;
    if frame.ethernet.ether_type != EtherType::ARP {
        return None;
    }
    let arp = &frame.arp;
    Some(arp_digest(arp.operation.get(), &arp.sender_mac.0, &arp.sender_ip.0, &arp.target_ip.0))
}

#[inline(always)]
fn advertisement(frame: &[u8]) -> Option<Message<'_, Advertisement>> {
    let frame = Frame::parse(frame).ok()?;
    if frame.ether_type() != EtherType::IPV6 {
        return None;
    }
    match Nd::parse(&ipv6::Packet::parse(frame.payload).ok()?).ok()? {
        Nd::Advertisement(message) => Some(message),
        _ => None,
    }
}

#[inline(always)]
pub(crate) fn na_parse(frame: &[u8]) -> Option<u64> {
    let na = advertisement(frame)?;
    Some(na_digest(&na.body.target.0, na.body.flags, &na.target_link()?.0))
}

#[inline(always)]
pub(crate) fn na_checksum_parse(frame: &[u8]) -> Option<u64> {
    let na = advertisement(frame)?;
    na.validate().ok()?;
    Some(na_digest(&na.body.target.0, na.body.flags, &na.target_link()?.0))
}

#[inline(always)]
fn datagram(frame: &[u8]) -> Option<Datagram<'_>> {
    let frame = Frame::parse(frame).ok()?;
    if frame.ether_type() != EtherType::IPV4 {
        return None;
    }
    let packet = ipv4::Packet::parse(frame.payload).ok()?;
    if packet.header.protocol != ipv4::UDP || packet.header.is_fragment() {
        return None;
    }
    Datagram::parse(packet.payload).ok()
}

#[inline(always)]
pub(crate) fn vxlan_parse(frame: &[u8]) -> Option<u64> {
    let outer = datagram(frame)?;
    if outer.header.destination_port.get() != vxlan::PORT {
        return None;
    }
    let (vni, inner) = vxlan::parse(outer.payload).ok()?;
    let inner = datagram(inner)?.header;
    Some(vxlan_digest(vni.get(), inner.source_port.get(), inner.destination_port.get()))
}

#[inline(always)]
pub(crate) fn arp_build(arp: &Arp, out: &mut [u8]) -> usize {
    let sender = (Mac(arp.mac), Ipv4(arp.ip));
    arp::reply(sender, (Mac(arp.target_mac), Ipv4(arp.target_ip)), out).unwrap_or(0)
}

#[inline(always)]
pub(crate) fn na_build(na: &Na, out: &mut [u8]) -> usize {
    let [router, solicited, overrides] = [0x80, 0x40, 0x20].map(|bit| na.flags & bit != 0);
    let message = Advertise {
        ethernet_destination: Mac(na.destination_mac),
        mac: Mac(na.mac),
        source: Ipv6(na.source),
        destination: Ipv6(na.destination),
        target: Ipv6(na.target),
        flags: Flags { router, solicited, overrides },
        target_link: Some(Mac(na.mac)),
    };
    nd::advertisement(&message, out).unwrap_or(0)
}

pub(crate) type Prepared = Encap<'static>;

pub(crate) fn prepare(tunnel: &Tunnel) -> Prepared {
    let (source, destination, vni) = (Ipv4(tunnel.source), Ipv4(tunnel.destination), Vni::new(tunnel.vni).unwrap());
    Encap::new(Encapsulation::Vxlan, source, destination, vni).unwrap()
}

#[inline(always)]
pub(crate) fn encap_copy(encap: &Prepared, entropy: u16, inner: &[u8], out: &mut [u8]) -> usize {
    encap.write(entropy, inner, out).unwrap_or(0)
}

#[inline(always)]
pub(crate) fn encap_headroom(encap: &Prepared, entropy: u16, buffer: &mut [u8]) -> usize {
    encap.prepend(entropy, buffer, HEADROOM).unwrap_or(0)
}
