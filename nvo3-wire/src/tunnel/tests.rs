use super::*;
use crate::ecn::Ecn::{self, Ce, Ect0, Ect1, NotEct};
use crate::ecn::tests::frame;
use crate::geneve::{OptionKind, Options, write_option};
use crate::vectors::{V1, V9, V10, vni};
use crate::{EtherType, Ipv6, Mac, Protocol, Rule, Vni, checksum, ipv4, ipv6};
use core::net::IpAddr;
use proptest::prelude::*;
use std::string::ToString;
use std::vec;
use std::vec::Vec;
use zerocopy::FromBytes;

const ALL: [Encapsulation; 4] =
    [Encapsulation::Vxlan, Encapsulation::VxlanGpe, Encapsulation::Geneve, Encapsulation::Nvgre];
const MARK: OptionKind = OptionKind { class: 0xff01, kind: 0x01 };
const MUST: OptionKind = OptionKind { class: 0xff01, kind: 0x81 };

fn ends(v6: bool) -> [IpAddr; 2] {
    let text = if v6 { ["2001:db8::1", "2001:db8::2"] } else { ["198.51.100.1", "198.51.100.2"] };
    text.map(|address| address.parse().unwrap())
}

fn tunnel(encapsulation: Encapsulation, v6: bool) -> Encap<'static> {
    let [source, destination] = ends(v6);
    Encap::new(encapsulation, source, destination, vni()).unwrap()
}

/// Every encapsulation over every IP version.
fn tunnels() -> impl Iterator<Item = Encap<'static>> {
    ALL.into_iter().flat_map(|encapsulation| [false, true].map(|v6| tunnel(encapsulation, v6)))
}

fn packet(encap: &Encap<'_>, entropy: u16, inner: &[u8]) -> Vec<u8> {
    let mut out = vec![0xa5; encap.len() + inner.len()];
    assert_eq!(encap.write(entropy, inner, &mut out), Ok(out.len()));
    out
}

fn open(packet: &[u8]) -> Decap<'_> {
    decap(packet, &Accept { inner_vlan: true, ..Accept::default() }).unwrap().unwrap()
}

fn rule(packet: &[u8], accept: &Accept<'_>) -> Rule {
    decap(packet, accept).unwrap_err().rule
}

/// The offset of the tunnel header.
fn header_at(packet: &[u8]) -> usize {
    let ip = if packet[0] >> 4 == 4 { 20 } else { 40 };
    let protocol = if ip == 20 { packet[9] } else { packet[6] };
    if protocol == ipv4::UDP { ip + 8 } else { ip }
}

/// Checks NVG-06, NVG-08, VXL-12.
#[test]
fn every_encapsulation_carries_frames_over_both_versions_and_adds_its_headers_alone() {
    for v6 in [false, true] {
        for (encapsulation, shim) in ALL.into_iter().zip([16, 16, 16, 8]) {
            for inner in [frame(EtherType::IPV4, false, NotEct), frame(EtherType::IPV6, false, NotEct), V1.to_vec()] {
                let packet = packet(&tunnel(encapsulation, v6), 0x1234, &inner);
                let outer = open(&packet);

                assert_eq!(packet.len(), if v6 { 40 } else { 20 } + shim + inner.len());
                assert_eq!((outer.encapsulation, [outer.source, outer.destination]), (encapsulation, ends(v6)));
                assert_eq!((outer.carried.vni, outer.carried.payload), (vni(), Payload::Ethernet));
                assert_eq!((outer.carried.inner, outer.carried.options), (&inner[..], Options::NONE));
                assert_eq!(packet[outer.carried.inner_offset..], inner);
            }
        }
    }
}

#[test]
fn encap_and_the_header_module_agree_on_vxlan() {
    for (vector, offset) in [(&V9[..], 36), (&V10[..], 56)] {
        let outer = decap(vector, &Accept::default()).unwrap().unwrap();
        assert_eq!((outer.encapsulation, outer.carried.inner_offset), (Encapsulation::Vxlan, offset));

        let encap = Encap::new(Encapsulation::Vxlan, outer.source, outer.destination, outer.carried.vni).unwrap();
        let mut again = packet(&encap, outer.entropy, outer.carried.inner);
        if offset == 56 {
            again[..4].copy_from_slice(&vector[..4]); // the vector's flow label comes from another hash
        }
        assert_eq!(again, vector);
    }
}

#[test]
fn ip_packets_are_carried_without_ethernet_where_the_header_can_say_so() {
    for v6 in [false, true] {
        for encapsulation in [Encapsulation::VxlanGpe, Encapsulation::Geneve] {
            for (payload, ether_type) in [(Payload::Ipv4, EtherType::IPV4), (Payload::Ipv6, EtherType::IPV6)] {
                let encap = tunnel(encapsulation, v6).with_payload(payload).unwrap();
                let inner = &frame(ether_type, false, Ect0)[14..];

                let packet = packet(&encap, 1, inner);

                let outer = open(&packet);
                assert_eq!((outer.carried.payload, outer.carried.inner, outer.ecn), (payload, inner, Ect0));
                assert!(matches!(encap.write(1, &[0x20; 40], &mut [0; 200]).unwrap_err().rule, Rule::InnerVersion(2)));
            }
        }
    }
    for encapsulation in [Encapsulation::Vxlan, Encapsulation::Nvgre] {
        let error = tunnel(encapsulation, false).with_payload(Payload::Ipv4).unwrap_err();
        assert_eq!(error.rule, Rule::PayloadType(EtherType::IPV4));
    }
    assert!(tunnel(Encapsulation::Geneve, true).with_payload(Payload::Nsh).is_err());
}

/// Checks TUN-01, TUN-03, GNV-10.
#[test]
fn outer_ecn_is_the_inner_one_in_normal_mode_and_none_otherwise() {
    for (encap, ecn) in tunnels().flat_map(|encap| [NotEct, Ect0, Ect1, Ce].map(|ecn| (encap, ecn))) {
        for (ether_type, copied) in [(EtherType::IPV4, ecn), (EtherType::IPV6, ecn), (EtherType::ARP, NotEct)] {
            let inner = frame(ether_type, false, ecn);
            let (normal, compatible) =
                (packet(&encap, 1, &inner), packet(&encap.with_ecn(EcnMode::Compatibility), 1, &inner));

            assert_eq!((open(&normal).ecn, open(&compatible).ecn), (copied, NotEct));
            assert_eq!((open(&normal).carried.inner, open(&compatible).carried.inner), (&inner[..], &inner[..]));
        }
    }
}

/// Checks TUN-02, TUN-03, TUN-04, GNV-10.
#[test]
fn egress_brings_the_outer_codepoint_into_the_inner_packet() {
    for (inner, outer) in [NotEct, Ect0, Ect1, Ce].into_iter().flat_map(|i| [NotEct, Ect0, Ect1, Ce].map(|o| (i, o))) {
        let table = crate::ecn::egress(inner, outer);
        for (ether_type, payload) in [(EtherType::IPV4, Payload::Ipv4), (EtherType::IPV6, Payload::Ipv6)] {
            let before = frame(ether_type, false, inner);
            let after = frame(ether_type, false, table.inner.unwrap_or(inner));

            let mut whole = before.clone();
            assert_eq!(egress(&mut whole, Payload::Ethernet, outer), Ok(table));
            let mut packet = before[14..].to_vec();
            assert_eq!(egress(&mut packet, payload, outer), Ok(table));

            assert_eq!((whole, &packet[..]), (after.clone(), &after[14..]));
            assert!(ether_type != EtherType::IPV4 || checksum::verify(&packet[..20]));
        }
        let mut arp = frame(EtherType::ARP, false, inner);
        let verdict = egress(&mut arp, Payload::Ethernet, outer).unwrap();
        assert_eq!((verdict.inner.is_some(), verdict.alarm, arp), (true, false, frame(EtherType::ARP, false, inner)));
    }
}

/// Checks TUN-05, TUN-06.
#[test]
fn dscp_and_ttl_are_the_tunnels_own_unless_the_dscp_is_copied() {
    for encap in tunnels() {
        let mut inner = frame(EtherType::IPV4, false, Ect0);
        crate::ecn::set_dscp(&mut inner, 10).unwrap();

        let pipe = packet(&encap.with_dscp(46).with_ttl(9), 0, &inner);
        let uniform = packet(&encap.with_inner_dscp(), 0, &inner);

        assert_eq!((open(&pipe).dscp, open(&uniform).dscp, open(&pipe).ecn), (46, 10, Ect0));
        assert_eq!((open(&pipe).carried.inner, open(&uniform).carried.inner), (&inner[..], &inner[..]));
        let [own, default] = [&pipe, &uniform].map(|packet| packet[if packet[0] >> 4 == 4 { 8 } else { 7 }]);
        assert_eq!((own, default), (9, 64));
    }
}

/// Checks TUN-07, GNV-07, NVG-03.
#[test]
fn entropy_is_where_each_tunnel_has_it() {
    for (encap, encapsulation) in tunnels().zip(ALL.into_iter().flat_map(|e| [e, e])) {
        let spread = (0..=u16::MAX).step_by(97).map(|entropy| open(&packet(&encap, entropy, &V1)).entropy);
        let distinct = spread.collect::<std::collections::BTreeSet<_>>().len();
        assert!(distinct > if encapsulation == Encapsulation::Nvgre { 200 } else { 600 }, "{distinct}");

        let packet = packet(&encap, 0, &V1);
        assert!(open(&packet).entropy >= 49152 || encapsulation == Encapsulation::Nvgre);
        if let Ok((header, _)) = ipv6::Header::ref_from_prefix(&packet) {
            assert!(packet[0] >> 4 == 4 || header.flow_label() != 0);
        }
    }
    let silent = tunnel(Encapsulation::Nvgre, false).with_flow_id(false);
    assert_eq!(open(&packet(&silent, 0x1234, &V1)).entropy, 0);
}

/// Checks GNV-08, U6-01, U6-04.
#[test]
fn geneve_has_checksums_over_both_versions_and_non_zero_ones_are_verified() {
    for (encap, v6) in tunnels().zip([false, true].into_iter().cycle()) {
        let packet = packet(&encap, 77, &V1);
        let outer = open(&packet);
        let udp = outer.encapsulation != Encapsulation::Nvgre;
        assert_eq!(outer.checksummed, udp && (v6 || outer.encapsulation == Encapsulation::Geneve));
        if outer.checksummed {
            let mut damaged = packet.clone();
            *damaged.last_mut().unwrap() ^= 1;
            let anyone = Accept { zero_checksum_over_ipv6: ZeroChecksum::Anyone, ..Accept::default() };
            assert!(matches!(rule(&damaged, &anyone), Rule::Checksum(_)));
        }
    }
    let without = packet(&tunnel(Encapsulation::Geneve, false).with_udp_checksum(false), 77, &V1);
    assert!(!open(&without).checksummed);
}

/// Checks GNV-09, U6-02, U6-03.
#[test]
fn zero_checksum_over_ipv6_is_sent_and_accepted_only_where_enabled() {
    let [IpAddr::V6(peer), _] = ends(true) else { panic!() };
    let (peer, other) = ([Ipv6::from(peer)], [Ipv6::ALL_NODES]);
    let accept = |zero_checksum_over_ipv6| Accept { zero_checksum_over_ipv6, ..Accept::default() };
    for encapsulation in [Encapsulation::Vxlan, Encapsulation::VxlanGpe, Encapsulation::Geneve] {
        let enabled = tunnel(encapsulation, true).with_udp_checksum(false);
        let zero = packet(&enabled, 0, &V1);

        assert_eq!(rule(&zero, &Accept::default()), Rule::ZeroChecksum);
        assert_eq!(rule(&zero, &accept(ZeroChecksum::From(&other))), Rule::ZeroChecksum);
        assert_eq!(decap(&zero, &accept(ZeroChecksum::From(&peer))).map(|outer| outer.unwrap().checksummed), Ok(false));
        assert_eq!(decap(&zero, &accept(ZeroChecksum::Anyone)).map(|outer| outer.unwrap().checksummed), Ok(false));
        let keepalive = packet(&enabled.with_udp_checksum(true), 0, &V1);
        assert!(open(&keepalive).checksummed);
    }
}

/// Checks VXL-07, NVG-05.
#[test]
fn fragments_are_neither_sent_nor_taken() {
    for encapsulation in ALL {
        let mut packet = packet(&tunnel(encapsulation, false), 0, &V1);
        assert_eq!(packet[6..8], [0x40, 0]);

        let mut as_fragment = |field: [u8; 2]| {
            packet[6..8].copy_from_slice(&field);
            packet[10..12].fill(0);
            let sum = checksum::checksum(&packet[..20]).to_be_bytes();
            packet[10..12].copy_from_slice(&sum);
            decap(&packet, &Accept::default()).map(|outer| outer.is_some()).map_err(|error| error.rule)
        };
        let of_no_whole_units =
            Rule::FragmentLength(V1.len() + if encapsulation == Encapsulation::Nvgre { 8 } else { 16 });
        assert_eq!(as_fragment([0x20, 0]), Err(of_no_whole_units));
        match encapsulation {
            Encapsulation::Nvgre => assert_eq!(as_fragment([0, 1]), Err(Rule::Fragment)),
            _ => assert_eq!(as_fragment([0, 1]), Ok(false)), // a later fragment has no port
        }

        let too_long = vec![0; 65_530];
        let error = tunnel(encapsulation, false).write_headers(0, &too_long, &mut [0; 64]).unwrap_err();
        assert_eq!(error.rule, Rule::TooLong(65_530));
    }
}

/// Checks VXL-13, NVG-04, GNV-13.
#[test]
fn tagged_inner_frames_are_dropped_unless_agreed_on_and_never_put_into_nvgre() {
    let tagged = frame(EtherType::IPV4, true, NotEct);
    for (encap, encapsulation) in tunnels().zip(ALL.into_iter().flat_map(|e| [e, e])) {
        if encapsulation == Encapsulation::Nvgre {
            assert_eq!(encap.write(0, &tagged, &mut [0; 200]).unwrap_err().rule, Rule::InnerVlan);
            continue;
        }
        let packet = packet(&encap, 0, &tagged);
        let error = decap(&packet, &Accept::default()).unwrap_err();
        assert_eq!((error.offset, error.rule), (header_at(&packet) + 8, Rule::InnerVlan));
        assert_eq!(open(&packet).carried.inner, tagged);
    }
}

/// Checks GNV-04.
#[test]
fn control_packets_reach_no_tenant() {
    for (encapsulation, at, flag) in [(Encapsulation::Geneve, 1, 0x80), (Encapsulation::VxlanGpe, 0, 0x01)] {
        let mut packet = packet(&tunnel(encapsulation, false).with_udp_checksum(false), 0, &V1);
        packet[28 + at] |= flag;
        assert_eq!(rule(&packet, &Accept::default()), Rule::Control);
    }
}

/// Checks GNV-02, GNV-06, GNV-11.
#[test]
fn options_travel_whole_up_to_the_limit_and_only_with_geneve() {
    let mut bytes = [0; 36];
    let length = write_option(MUST, &[7; 28], &mut bytes).unwrap();
    write_option(MARK, &[], &mut bytes[length..]).unwrap();
    for v6 in [false, true] {
        let options = Options::parse(&bytes).unwrap();
        let encap = tunnel(Encapsulation::Geneve, v6).with_options(options).unwrap();
        let packet = packet(&encap, 5, &V1);
        assert_eq!(encap.inner_mtu(1500), 1500 - if v6 { 56 } else { 36 } - 36);
        assert_eq!(packet[header_at(&packet) + 1], 0x40);

        let accept =
            |geneve_options_limit| Accept { geneve_options: &[MUST], geneve_options_limit, ..Accept::default() };
        assert_eq!(decap(&packet, &accept(36)).map(|outer| outer.unwrap().carried.options), Ok(options));
        assert_eq!(rule(&packet, &accept(32)), Rule::OptionsBeyond { length: 36, limit: 32 });
        let unknown = Rule::UnknownCriticalOption { class: 0xff01, kind: 0x81 };
        assert_eq!(rule(&packet, &Accept::default()), unknown);
    }
    for encapsulation in [Encapsulation::Vxlan, Encapsulation::VxlanGpe, Encapsulation::Nvgre] {
        let error = tunnel(encapsulation, false).with_options(Options::parse(&bytes).unwrap()).unwrap_err();
        assert_eq!(error.rule, Rule::OptionsBeyond { length: 36, limit: 0 });
    }
}

/// Checks GNV-12.
#[test]
fn passing_on_a_packet_keeps_its_options_as_they_are_critical_and_unknown_ones_too() {
    let mut bytes = [0; 24];
    let mut at = 0;
    for (kind, data) in [(MUST, &[1; 4][..]), (MARK, &[2; 8]), (OptionKind { class: 9, kind: 0x80 }, &[])] {
        at += write_option(kind, data, &mut bytes[at..]).unwrap();
    }
    let options = Options::parse(&bytes).unwrap();
    let received = packet(&tunnel(Encapsulation::Geneve, false).with_options(options).unwrap(), 5, &V1);

    let seen = crate::geneve::Packet::parse(&received[28..]).unwrap();
    let onward = tunnel(Encapsulation::Geneve, true).with_options(seen.options).unwrap();

    assert_eq!(packet(&onward, 5, seen.payload)[48..], received[28..]);
}

/// Checks GNV-14.
#[test]
fn a_hop_count_as_an_option_changes_nothing_for_ends_that_do_not_know_it() {
    let mut bytes = [0; 8];
    write_option(MARK, &[0, 0, 0, 1], &mut bytes).unwrap();
    let encap = tunnel(Encapsulation::Geneve, false).with_options(Options::parse(&bytes).unwrap()).unwrap();
    let packet = packet(&encap, 0, &V1);
    let outer = open(&packet);

    assert_eq!(outer.carried.inner, V1);
    let hops = outer.carried.options.iter().find(|option| option.kind == MARK).map(|option| option.data[3]);
    assert_eq!(hops, Some(1));
}

/// Checks NVG-07.
#[test]
fn invalid_tunnels_are_refused() {
    let [v4, _] = ends(false);
    let [v6, _] = ends(true);
    for encapsulation in ALL {
        assert_eq!(Encap::new(encapsulation, v4, v6, vni()).unwrap_err().rule, Rule::AddressFamilies);
    }
    for vsid in [0, 0xfff, 0xff_ffff].map(|vsid| Vni::new(vsid).unwrap()) {
        assert_eq!(Encap::new(Encapsulation::Nvgre, v4, v4, vsid).unwrap_err().rule, Rule::ReservedVsid(vsid));
    }
}

#[test]
fn a_packet_of_no_tunnel_is_none_and_a_broken_tunnel_packet_is_an_error() {
    let none = Accept { ports: &[], nvgre: false, ..Accept::default() };
    for encapsulation in ALL {
        let mut packet = packet(&tunnel(encapsulation, false), 0, &V1);
        assert_eq!(decap(&packet, &none), Ok(None));
        packet[10] ^= 1; // the header checksum, which is only checked in a tunnel's packet
        assert_eq!(decap(&packet, &none), Ok(None));
        assert!(matches!(rule(&packet, &Accept::default()), Rule::Checksum(_)));
    }
    let mut authenticated = packet(&tunnel(Encapsulation::Vxlan, true), 0, &V1);
    authenticated.splice(40..40, [17, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9, 9, 9]);
    (authenticated[5], authenticated[6]) = (authenticated[5] + 16, 51);
    assert_eq!(decap(&authenticated, &Accept::default()), Ok(None)); // the IP stack must verify it first
    assert!(decap(&[0x45; 19], &none).is_err() && decap(&[0x75; 60], &none).is_err());
}

#[test]
fn each_port_has_its_encapsulation() {
    let ports = &[(7000, Encapsulation::Geneve), (8472, Encapsulation::Vxlan), (4789, Encapsulation::Vxlan)];
    let accept = Accept { ports, ..Accept::default() };
    for (port, encapsulation) in *ports {
        for v6 in [false, true] {
            let packet = packet(&tunnel(encapsulation, v6).with_port(port), 0, &V1);
            let outer = decap(&packet, &accept).unwrap().unwrap();
            assert_eq!((outer.encapsulation, outer.port), (encapsulation, Some(port)));
        }
    }
    assert_eq!(decap(&packet(&tunnel(Encapsulation::Geneve, true), 0, &V1), &accept), Ok(None));
    let no_port = Accept { ports: &[(4789, Encapsulation::Nvgre)], ..Accept::default() };
    assert_eq!(decap(&packet(&tunnel(Encapsulation::Vxlan, true), 0, &V1), &no_port), Ok(None));
}

#[test]
fn offsets_count_from_the_given_frame() {
    for encap in tunnels() {
        let [ours, theirs] = [Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2])];
        let frame = packet(&encap.with_ethernet(ours, theirs), 7, &V1);
        let tagged = [&frame[..12], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 9], &frame[12..]].concat();
        assert_eq!((&frame[..6], &frame[6..12]), (&theirs.0[..], &ours.0[..]));
        assert_eq!(frame[14..], packet(&encap, 7, &V1));

        for (frame, begins) in [(frame, 14), (tagged, 22)] {
            let (inside, outside) =
                (decap(&frame[begins..], &Accept::default()), decap_frame(&frame, &Accept::default()));
            let (inside, outside) = (inside.unwrap().unwrap(), outside.unwrap().unwrap());
            assert_eq!(outside.carried.inner_offset, inside.carried.inner_offset + begins);
            assert_eq!(frame[outside.carried.inner_offset..], V1);
            for end in begins + 20..frame.len() {
                let inside = decap(&frame[begins..end], &Accept::default()).map_err(|error| error.at(begins));
                assert_eq!(decap_frame(&frame[..end], &Accept::default()), inside);
            }
        }
    }
    assert_eq!(decap_frame(&V1, &Accept::default()), Ok(None)); // ARP
}

#[test]
fn a_socket_gets_what_is_behind_the_outer_ip_and_udp_headers() {
    for (encapsulation, v6) in ALL.into_iter().flat_map(|encapsulation| [(encapsulation, false), (encapsulation, true)])
    {
        let whole = packet(&tunnel(encapsulation, v6), 0x1234, &V1);
        let socket = Encap::for_socket(encapsulation, vni()).unwrap();
        assert_eq!(packet(&socket, 0x1234, &V1), whole[header_at(&whole)..]);
        assert_eq!(packet(&socket.with_ethernet(Mac::ZERO, Mac::ZERO).with_ttl(1), 0x1234, &V1).len(), 8 + V1.len());
    }
    let mut bytes = [0; 8];
    write_option(MARK, &[1; 4], &mut bytes).unwrap();
    let options = Options::parse(&bytes).unwrap();
    let socket = Encap::for_socket(Encapsulation::Geneve, vni()).unwrap().with_options(options).unwrap();
    let carried = packet(&socket, 0, &V1);
    assert_eq!(parse(Encapsulation::Geneve, &carried, &Accept::default()).unwrap().options, options);
    let silent = Encap::for_socket(Encapsulation::Nvgre, vni()).unwrap().with_flow_id(false);
    assert_eq!(packet(&silent, 0x1234, &V1)[7], 0);
    assert_eq!(Encap::for_socket(Encapsulation::Nvgre, Vni::MAX).unwrap_err().rule, Rule::ReservedVsid(Vni::MAX));
}

#[test]
fn headroom_and_scatter_give_the_same_packet_as_the_copy() {
    let framed = tunnels().map(|encap| encap.with_ethernet(Mac::ZERO, Mac::BROADCAST));
    let sockets = ALL.map(|encapsulation| Encap::for_socket(encapsulation, vni()).unwrap());
    for encap in tunnels().chain(framed).chain(sockets) {
        let whole = packet(&encap, 5, &V1);
        let mut buffer = [0; 72 + V1.len()];
        buffer[72..].copy_from_slice(&V1);
        let start = encap.prepend(5, &mut buffer, 72).unwrap();
        let mut headers = [0; 72];
        let length = encap.write_headers(5, &V1, &mut headers).unwrap();

        assert_eq!((&buffer[start..], &headers[..length]), (&whole[..], &whole[..length]));
        for short in [encap.prepend(5, &mut buffer, encap.len() - 1), encap.write(5, &V1, &mut [0; 49])] {
            assert!(matches!(short.unwrap_err().rule, Rule::NoRoom { .. }));
        }
    }
}

#[test]
fn the_text_form_names_tunnel_and_endpoints() {
    let packet = packet(&tunnel(Encapsulation::Nvgre, false), 0, &V1);
    let line = open(&packet).to_string();
    assert_eq!(line, "198.51.100.1 > 198.51.100.2 NVGRE VNI 1193046, Ethernet of 42 bytes");
    let error = decap(&packet[..20], &Accept::default()).unwrap_err();
    assert_eq!((error.protocol, error.offset), (Protocol::Ipv4, 0));
}

proptest! {
    #[test]
    fn any_bytes_decapsulate_or_fail(
        bytes: Vec<u8>, which in 0usize..4, v6: bool, damage: prop::sample::Index, by: u8, cut: prop::sample::Index,
        ecn in 0u8..4,
    ) {
        let accept = Accept { zero_checksum_over_ipv6: ZeroChecksum::Anyone, inner_vlan: true, ..Accept::default() };
        let _ = (decap(&bytes, &accept), parse(ALL[which], &bytes, &accept));
        let mut packet = packet(&tunnel(ALL[which], v6).with_udp_checksum(false), 0, &V1);
        let at = damage.index(packet.len());
        packet[at] ^= by;
        let cut = cut.index(packet.len());
        let _ = (decap(&packet, &accept), parse(ALL[which], &packet[cut..], &accept));
        let _ = decap(&packet[..cut], &accept);
        for payload in [Payload::Ethernet, Payload::Ipv4, Payload::Ipv6, Payload::Nsh] {
            let _ = egress(&mut packet[cut..], payload, Ecn::from_class(ecn));
        }
    }
}
