use super::*;
use crate::nd::{self, Advertise, Flags, Solicit, To};
use crate::vectors::{NVE_IP, NVE_MAC, V1, V2, V3, V4, V5, V8, VM_IP, VM_IP6, VM_MAC};
use crate::{Ipv6, arp, ethernet};
use proptest::prelude::*;
use std::vec::Vec;

const OTHER_MAC: Mac = Mac([2, 0, 0x5e, 0, 0x53, 0x77]);
const OTHER_IP: Ipv4 = Ipv4([192, 0, 2, 77]);

fn built(write: impl FnOnce(&mut [u8]) -> Result<usize, Error>) -> Vec<u8> {
    let mut out = [0; 128];
    let length = write(&mut out).unwrap();
    out[..length].to_vec()
}

fn tagged(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0x00, 0x20, 0x05], &frame[12..]].concat()
}

fn name(frame: &[u8]) -> &'static str {
    match classify(frame).unwrap() {
        Kind::GratuitousRequest(_) => "gratuitous request",
        Kind::GratuitousReply(_, Delivery::Unicast) => "unicast gratuitous reply",
        Kind::GratuitousReply(..) => "gratuitous reply",
        Kind::ArpProbe(_) => "probe",
        Kind::ArpRequest(..) => "request",
        Kind::ArpReply(..) => "reply",
        Kind::RarpAnnouncement(_) => "RARP announcement",
        Kind::RarpRequest(_) => "RARP request",
        Kind::RarpReply(_) => "RARP reply",
        Kind::UnsolicitedNa(_) => "unsolicited NA",
        Kind::SolicitedNa(_) => "solicited NA",
        Kind::DadNs(_) => "DAD",
        Kind::ResolutionNs(_) => "resolution",
        Kind::UnicastNs(_) => "reachability",
        Kind::Other(_) => "other",
    }
}

/// Checks ARMD-01.
#[test]
fn the_seven_variants_are_recognized_and_six_bind_the_same_pair() {
    let (vm, gateway, other) = ((VM_MAC, VM_IP), (NVE_MAC, NVE_IP), (OTHER_MAC, OTHER_IP));
    let cases = [
        (built(|out| arp::announcement(VM_MAC, VM_IP, out)), Variant::GratuitousRequest, true),
        (built(|out| arp::announcement_reply(VM_MAC, VM_IP, out)), Variant::BroadcastReply, true),
        (built(|out| arp::rarp_request(VM_MAC, out)), Variant::Rarp, false),
        (built(|out| arp::request(vm, NVE_IP, out)), Variant::RequestForGateway, true),
        (built(|out| arp::request(vm, OTHER_IP, out)), Variant::RequestForOther, true),
        (built(|out| arp::reply(vm, gateway, out)), Variant::ReplyToGateway, true),
        (built(|out| arp::reply(vm, other, out)), Variant::ReplyToOther, true),
    ];
    for (frame, variant, binds) in cases {
        for frame in [tagged(&frame), frame] {
            let kind = classify(&frame).unwrap();
            assert_eq!(kind.variant(NVE_IP), Some(variant));
            assert_eq!(kind.binding(), binds.then_some((IpAddr::V4(VM_IP.addr()), &VM_MAC)), "{variant:?}");
        }
    }
}

/// Checks ARMD-14, ACD-01, ACD-03.
#[test]
fn in_arp_only_an_announcement_can_start_a_move() {
    let cases = [
        (V2.to_vec(), "probe", false),
        (V1.to_vec(), "gratuitous request", true),
        (built(|out| arp::announcement_reply(VM_MAC, VM_IP, out)), "gratuitous reply", true),
        (built(|out| arp::request((VM_MAC, VM_IP), NVE_IP, out)), "request", false),
        (built(|out| arp::reply((VM_MAC, VM_IP), (NVE_MAC, NVE_IP), out)), "reply", false),
        (V3.to_vec(), "RARP announcement", true),
        (V4.to_vec(), "RARP reply", false),
    ];
    for (frame, expected, announces) in cases {
        assert_eq!((name(&frame), classify(&frame).unwrap().is_announcement()), (expected, announces));
    }
    assert!(classify(&V2).unwrap().is_probe() && classify(&V2).unwrap().binding().is_none());
}

/// Checks ARMD-13, DAD-05.
#[test]
fn in_nd_only_an_unsolicited_advertisement_can_start_a_move() {
    let router = Ipv6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let resolve = Solicit::resolve(VM_MAC, VM_IP6, router);
    let probe = Solicit::probe(VM_MAC, VM_IP6, NVE_MAC, router);
    let answer = Advertise::answer(VM_MAC, VM_IP6, (NVE_MAC, router));
    let pair = Some((IpAddr::V6(VM_IP6.addr()), &VM_MAC));
    let cases = [
        (V8.to_vec(), "DAD", false, None),
        (built(|out| nd::solicitation(&resolve, out)), "resolution", false, pair),
        (built(|out| nd::solicitation(&probe, out)), "reachability", false, pair),
        (built(|out| nd::advertisement(&answer, out)), "solicited NA", false, pair),
        (V5.to_vec(), "unsolicited NA", true, pair),
    ];
    for (frame, expected, announces, binding) in cases {
        let kind = classify(&frame).unwrap();
        assert_eq!((name(&frame), kind.is_announcement(), kind.binding()), (expected, announces, binding));
        assert_eq!(kind.is_probe(), expected == "DAD");
    }
}

#[test]
fn an_advertisement_has_its_audience_and_flags() {
    let flags = Flags { router: true, solicited: false, overrides: false };
    let host = Ipv6([0x20; 16]);
    let group = Ipv6([0xff, 0x0e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    for (destination, audience) in [
        (Ipv6::ALL_NODES, Audience::AllNodes),
        (Ipv6::ALL_ROUTERS, Audience::AllRouters),
        (VM_IP6.solicited_node(), Audience::SolicitedNode),
        (group, Audience::OtherGroup),
        (host, Audience::Unicast),
    ] {
        let message = Advertise { destination, flags, ..Advertise::unsolicited(VM_MAC, VM_IP6, To::AllNodes, true) };
        let frame = built(|out| nd::advertisement(&message, out));
        let Ok(Kind::UnsolicitedNa(na)) = classify(&frame) else { panic!() };
        assert_eq!((na.audience, na.body.flags()), (audience, flags));
    }
}

/// Checks ARP-04.
#[test]
fn forbidden_senders_are_refused_with_the_reason() {
    let request = |mac: Mac, ip| built(|out| arp::request((mac, ip), NVE_IP, out));
    for ip in [Ipv4::BROADCAST, Ipv4([224, 0, 0, 251])] {
        assert_eq!(classify(&request(VM_MAC, ip)).unwrap_err().rule, Rule::SenderIp(ip));
    }
    for mac in [Mac::ZERO, Mac::BROADCAST, Mac([0x01, 0, 0x5e, 0, 0, 1])] {
        assert_eq!(classify(&request(mac, VM_IP)).unwrap_err().rule, Rule::SenderMac(mac));
    }
    let reply = built(|out| arp::reply((VM_MAC, Ipv4::UNSPECIFIED), (NVE_MAC, NVE_IP), out));
    assert_eq!(classify(&reply).unwrap_err().rule, Rule::SenderIp(Ipv4::UNSPECIFIED));

    let mut spoofed = V1;
    spoofed[11] = 0x02;
    let error = classify(&spoofed).unwrap_err();
    assert!(matches!(error.rule, Rule::SenderNotSource { sender: VM_MAC, .. }));
    assert_eq!((error.protocol, error.offset), (Protocol::Arp, 14));
}

#[test]
fn a_link_layer_option_that_is_no_station_is_refused() {
    let mut message = Advertise::unsolicited(VM_MAC, VM_IP6, To::AllNodes, true);
    message.target_link = Some(Mac::BROADCAST);

    let frame = built(|out| nd::advertisement(&message, out));

    let error = classify(&frame).unwrap_err();
    assert_eq!((error.rule, error.offset), (Rule::SenderMac(Mac::BROADCAST), 54));
}

/// Checks ARP-05.
#[test]
fn operations_of_another_ether_type_are_ignored() {
    let mut arp_in_rarp = V1;
    arp_in_rarp[12..14].copy_from_slice(&EtherType::RARP.0);
    let error = classify(&arp_in_rarp).unwrap_err();
    assert_eq!((error.protocol, error.rule), (Protocol::Rarp, Rule::Operation(1)));

    for operation in [0, 3, 5, 0xff] {
        let mut frame = V1;
        frame[21] = operation;
        assert_eq!(classify(&frame).unwrap_err().rule, Rule::Operation(operation.into()));
    }
}

/// Checks RARP-01, RARP-02.
#[test]
fn rarp_is_keyed_by_the_target_mac_and_undefined_fields_mean_nothing() {
    let mut garbage = V3;
    garbage[28..32].copy_from_slice(&[224, 0, 0, 1]);
    garbage[38..42].copy_from_slice(&[1, 2, 3, 4]);
    assert_eq!(name(&garbage), "RARP announcement");

    garbage[32..38].copy_from_slice(&OTHER_MAC.0);
    let Ok(Kind::RarpRequest(arp)) = classify(&garbage) else { panic!() };
    assert_eq!((arp.target_mac, classify(&garbage).unwrap().binding()), (OTHER_MAC, None));
}

#[test]
fn padding_changes_nothing_and_other_protocols_are_other() {
    let mut padded = V1.to_vec();
    padded.resize(60, 0x5a);
    assert_eq!(name(&padded), "gratuitous request");

    let mut ipv4 = V1;
    ipv4[12..14].copy_from_slice(&EtherType::IPV4.0);
    assert!(matches!(classify(&ipv4), Ok(Kind::Other(EtherType::IPV4))));
    assert_eq!(ethernet::Frame::parse(&ipv4).unwrap().offset(), 14);
}

#[test]
fn a_fragment_of_an_advertisement_announces_nothing() {
    let mut fragment = V5.to_vec();
    fragment[20] = ipv6::FRAGMENT;
    fragment[19] += 8;
    fragment.splice(54..54, [58, 0, 0, 1, 0, 0, 0, 9]);

    assert_eq!(name(&fragment), "other");

    fragment[57] = 0;
    assert_eq!(classify(&fragment).unwrap_err().rule, Rule::Fragment);
}

proptest! {
    #[test]
    fn any_bytes_classify_or_fail(bytes: Vec<u8>, kind in 0..5usize) {
        let mut frame = bytes;
        let known = [[8, 6], [0x80, 0x35], [0x86, 0xdd], [0x81, 0], [8, 0]];
        if let Some(at) = frame.get_mut(12..14) {
            at.copy_from_slice(&known[kind]);
        }
        let _ = classify(&frame).map(|kind| (kind.binding(), kind.variant(NVE_IP)));
    }

    #[test]
    fn damaged_vectors_classify_or_fail(which in 0..6usize, damage: prop::sample::Index, by: u8, cut: prop::sample::Index) {
        let mut frame = [&V1[..], &V2[..], &V3[..], &V4[..], &V5[..], &V8[..]][which].to_vec();
        let (at, cut) = (damage.index(frame.len()), cut.index(frame.len()));
        prop_assert!(classify(&frame[..cut]).is_err());
        frame[at] ^= by;
        let _ = classify(&frame);
        let _ = classify(&tagged(&frame));
    }
}
