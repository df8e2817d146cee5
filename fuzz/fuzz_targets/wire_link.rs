//! Reads random bytes as Ethernet with tags, LLC, ARP and RARP, and classifies the frame. No parser panics, every slice lies within
//! the bytes, and the other crates read the same.
//!
//! The difference, and its reason:
//! - etherparse, smoltcp and pnet read a type below 0x0600 as an EtherType; in IEEE 802.3 §3.2.6 it is a length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nvo3_wire::arp::Arp;
use nvo3_wire::ethernet::{Carried, Frame, Header, Link};
use nvo3_wire::{EtherType, Ipv4, Mac, announce, ecn, flow};
use pnet_packet::Packet as _;
use smoltcp::wire::{ArpHardware, EthernetProtocol};

fuzz_target!(|bytes: &[u8]| {
    header(bytes);
    arp(bytes);
    whole(bytes);
    let Ok(link) = Link::parse(bytes) else { return };
    assert_eq!(&bytes[link.offset()..][..link.payload.len()], link.payload);
    let _ = (link.validate(), link.to_string());
    let mut at = 14;
    for (_, tag) in link.tags.iter() {
        let theirs = etherparse::SingleVlanSlice::from_slice(&bytes[at..]).unwrap();
        assert_eq!(
            (tag.id(), tag.priority()),
            (theirs.vlan_identifier().value(), theirs.priority_code_point().value())
        );
        assert_eq!(
            (tag.drop_eligible(), tag.ether_type.get()),
            (theirs.drop_eligible_indicator(), theirs.ether_type().0)
        );
        let theirs = pnet_packet::vlan::VlanPacket::new(&bytes[at..]).unwrap();
        assert_eq!((tag.id(), tag.ether_type.get()), (theirs.get_vlan_identifier(), theirs.get_ethertype().0));
        at += 4;
    }
    match link.carried {
        Carried::EtherType(ether_type) => {
            assert!(ether_type.get() > 1500 && at == link.offset() && link.payload == &bytes[at..]);
            again(&link, bytes, ether_type);
        }
        Carried::Llc { length, llc } => {
            assert!(length <= 1500 && llc.payload.len() + llc.header_len() == usize::from(length));
        }
    }
    if matches!(link.ether_type(), Some(EtherType::ARP | EtherType::RARP)) {
        arp(link.payload);
    }
});

/// Checks the announcement and the flow of a frame, and that its ECN field can be set and set back.
fn whole(bytes: &[u8]) {
    if let Ok(kind) = announce::classify(bytes) {
        let _ = (kind.binding(), kind.variant(Ipv4([192, 0, 2, 1])));
        assert!(!(kind.is_announcement() && kind.is_probe()));
    }
    let _ = flow::entropy(bytes);
    let mut changed = bytes.to_vec();
    if ecn::set(&mut changed, ecn::Ecn::Ce).is_ok() {
        ecn::set(&mut changed, ecn::Ecn::of_frame(bytes)).unwrap();
        assert_eq!(ecn::Ecn::of_frame(&changed), ecn::Ecn::of_frame(bytes));
    }
}

/// Checks that the read values are written as the same bytes.
fn again(link: &Link<'_>, bytes: &[u8], ether_type: EtherType) {
    let tags: Vec<_> = link.tags.iter().map(|(kind, tag)| (kind, *tag)).collect();
    let mut out = [0xa5; 22];
    let length = Header { ether_type, ..*link.header }.write(&tags, &mut out).unwrap();
    assert_eq!(out[..length], bytes[..link.offset()]);
}

fn header(bytes: &[u8]) {
    let theirs = etherparse::Ethernet2Slice::from_slice_without_fcs(bytes);
    assert_eq!(theirs.is_ok(), bytes.len() >= 14);
    let Ok(theirs) = theirs else {
        assert!(Link::parse(bytes).is_err() && Frame::parse(bytes).is_err());
        return;
    };
    let smoltcp = smoltcp::wire::EthernetFrame::new_checked(bytes).unwrap();
    let pnet = pnet_packet::ethernet::EthernetPacket::new(bytes).unwrap();
    let Ok(ours) = Frame::parse(bytes) else { return };
    assert_eq!((ours.header.destination, ours.header.source), (Mac(theirs.destination()), Mac(theirs.source())));
    assert_eq!(ours.header.destination.0, smoltcp.dst_addr().0);
    assert_eq!(ours.header.source.0, pnet.get_source().octets());
    let ether_type = ours.header.ether_type.get();
    assert_eq!([ether_type; 3], [theirs.ether_type().0, smoltcp.ethertype().into(), pnet.get_ethertype().0]);
    if ours.tag.is_none() {
        assert_eq!([ours.payload; 3], [theirs.payload_slice(), smoltcp.payload(), pnet.payload()]);
    }
    let link = Link::parse(bytes);
    assert!(link.is_ok_and(|link| link.header == ours.header) || ether_type <= 1500 || ours.header.ether_type.is_tag());
}

fn arp(bytes: &[u8]) {
    let Ok((arp, rest)) = Arp::parse(bytes) else { return assert!(bytes.len() < 28) };
    assert_eq!(rest.len() + 28, bytes.len());
    let _ = (arp.learnable(&arp.sender_mac), arp.operation(EtherType::ARP), arp.to_string());
    if arp.validate().is_err() {
        return;
    }
    let theirs = etherparse::ArpPacketSlice::from_slice(bytes).unwrap();
    assert_eq!((theirs.sender_hw_addr(), theirs.sender_protocol_addr()), (&arp.sender_mac.0[..], &arp.sender_ip.0[..]));
    assert_eq!((theirs.target_hw_addr(), theirs.target_protocol_addr()), (&arp.target_mac.0[..], &arp.target_ip.0[..]));
    let theirs = smoltcp::wire::ArpPacket::new_checked(bytes).unwrap();
    assert_eq!((theirs.hardware_type(), theirs.protocol_type()), (ArpHardware::Ethernet, EthernetProtocol::Ipv4));
    assert_eq!(u16::from(theirs.operation()), arp.operation.get());
    let theirs = pnet_packet::arp::ArpPacket::new(bytes).unwrap();
    assert_eq!(
        (theirs.get_sender_hw_addr().octets(), theirs.get_target_proto_addr().octets()),
        (arp.sender_mac.0, arp.target_ip.0)
    );
}
