use super::{DestinationOptions, Fragment, HopByHop, IpProtocol, Layer, Layers, Padding};
use crate::arp::{self, Arp};
use crate::checksum::Field;
use crate::ethernet::{self, LlcHeader, Snap, Tag};
use crate::ipv4::Ipv4Option;
use crate::ipv6::{Ipv6Option, Routing};
use crate::tcp::TcpOption;
use crate::vectors::{V1, V5, V9, V10, VM_IP6, VM_MAC, vni};
use crate::{
    EtherType, Ipv4, Ipv6, Mac, Rule, geneve, icmpv4, icmpv6, igmp, ipv4, ipv6, mld, nd, tcp, tunnel, udp, vxlan,
    vxlan_gpe,
};
use proptest::prelude::*;
use std::boxed::Box;
use std::vec::Vec;
use zerocopy::big_endian::U16;

const UNSAID: EtherType = EtherType([0x90, 0x00]);

fn ethernet(destination: Mac) -> ethernet::Header {
    ethernet::Header { destination, source: VM_MAC, ether_type: UNSAID }
}

fn ip4() -> ipv4::Fields {
    ipv4::Fields::new(Ipv4([198, 51, 100, 1]), Ipv4([198, 51, 100, 2]))
}

fn ip6() -> ipv6::Fields {
    ipv6::Fields::new(VM_IP6, Ipv6::ALL_NODES)
}

fn udp() -> udp::Fields {
    udp::Fields { source_port: 0xc000, destination_port: vxlan::PORT }
}

fn written(layers: impl Layers) -> Vec<u8> {
    let mut out = std::vec![0xa5; layers.frame_len() + 8];
    let length = layers.write(&mut out).unwrap();
    assert_eq!(length, layers.frame_len());
    assert!(out[length..].iter().all(|byte| *byte == 0xa5), "written beyond its length");
    out.truncate(length);
    out
}

#[test]
fn known_frames_are_composed_of_their_layers() {
    let arp = *Arp::parse(&V1[14..]).unwrap().0;
    assert_eq!(written((ethernet(Mac::BROADCAST), arp)), V1);

    let hop_255 = ipv6::Fields { hop_limit: 255, ..ip6() };
    let body = nd::Advertisement {
        kind: icmpv6::NEIGHBOR_ADVERTISEMENT,
        code: 0,
        checksum: U16::ZERO,
        flags: 0x20,
        reserved: [0; 3],
        target: VM_IP6,
    };
    let all_nodes = Ipv6::ALL_NODES.multicast_mac();
    assert_eq!(written((ethernet(all_nodes), hop_255, body, [2, 1], VM_MAC.0)), V5);
}

/// Checks VXL-01, VXL-05, U6-01.
#[test]
fn a_tunnel_and_what_it_carries_are_one_frame() {
    let arp = *Arp::parse(&V1[14..]).unwrap().0;
    let inner = ethernet(Mac::BROADCAST);
    let tunnel = vxlan::Header::new(vni());
    assert_eq!(written((ip4(), udp().with_checksum(Field::Zero), tunnel, inner, arp)), V9);

    let [source, destination] = ["2001:db8:a::1", "2001:db8:b::2"].map(|a| a.parse::<std::net::Ipv6Addr>().unwrap());
    let over_ipv6 = ipv6::Fields::new(source.into(), destination.into());
    assert_eq!(written((over_ipv6, udp(), tunnel, inner, arp)), V10);
}

#[test]
fn tags_and_llc_are_named_by_what_is_in_front() {
    let (service, customer) = (Tag::new(7, 0, false, UNSAID), Tag::new(9, 0, false, UNSAID));
    let types = |frame: Vec<u8>| [12, 16, 20].map(|at| frame.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]])));
    let announced = ethernet::Header { ether_type: EtherType::SERVICE_VLAN, ..ethernet(Mac::BROADCAST) };

    assert_eq!(types(written((ethernet(Mac::BROADCAST), service, ip4())))[..2], [Some(0x8100), Some(0x0800)]);
    assert_eq!(types(written((announced, service, customer, ip6()))), [Some(0x88a8), Some(0x8100), Some(0x86dd)]);
    assert_eq!(types(written((announced, None::<Tag>, ip4())))[0], Some(0x0800));
    assert_eq!(types(written((ethernet(Mac::BROADCAST), service, b"unknown")))[..2], [Some(0x8100), Some(0x9000)]);

    let llc = LlcHeader { dsap: 0xaa, ssap: 0xaa, control: 3 };
    let snap = Snap { oui: [0; 3], protocol: UNSAID };
    let frame = written((ethernet(Mac::BROADCAST), llc, snap, ip4(), Padding(&[0; 9])));
    assert_eq!(frame[12..22], [0, 28, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
}

#[test]
fn rarp_keeps_its_ether_type() {
    let mut frame = [0; arp::FRAME_LEN];
    arp::rarp_request(VM_MAC, &mut frame).unwrap();
    let body = *Arp::parse(&frame[14..]).unwrap().0;
    let other = Arp { operation: U16::new(8), ..body };

    assert_eq!(written((ethernet(Mac::BROADCAST), body)), frame);
    assert_eq!(written((ethernet(Mac::BROADCAST), other))[12..14], EtherType::ARP.0);
    let announced = ethernet::Header { ether_type: EtherType::RARP, ..ethernet(Mac::BROADCAST) };
    assert_eq!(written((announced, other))[12..14], EtherType::RARP.0);
}

#[test]
fn padding_counts_only_for_the_tunnel_that_carries_it() {
    let inner = (ethernet(Mac::BROADCAST), ip4(), b"data", Padding(&[0; 22]));
    let tunnel = vxlan::Header::new(vni());
    let (a, b, c, d) = inner;
    let frame = written((ip4(), udp(), tunnel, a, b, c, d));

    let outer = tunnel::decap(&frame, &tunnel::Accept::default()).unwrap().unwrap();
    assert_eq!((outer.carried.inner, outer.checksummed), (&written(inner)[..], true));
    let packet = ipv4::Packet::parse(&outer.carried.inner[14..]).unwrap();
    assert_eq!((packet.payload, outer.carried.inner.len()), (&b"data"[..], 60));
}

/// Checks CKS-01, CKS-04.
#[test]
fn checksum_fields_hold_what_was_asked_for() {
    let field = |frame: Vec<u8>, at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let with = |choice| field(written((ip4(), udp().with_checksum(choice), b"abc")), 26);
    let pseudo = crate::checksum::pseudo_ipv4(&ip4().source, &ip4().destination, 17, 11);

    assert_eq!([with(Field::Zero), with(Field::Keep(7)), with(Field::Partial)], [0, 7, pseudo.fold()]);
    let sum = pseudo.bytes(&[0xc0, 0, 0x12, 0xb5, 0, 11, 0, 0]).bytes(b"abc");
    assert_eq!(with(Field::Fill), sum.udp_checksum());
    assert_eq!(field(written((ip4().with_checksum(Field::Keep(9)), b"")), 10), 9);
    assert_eq!(field(written((ip4().with_checksum(Field::Zero), b"")), 10), 0);
}

#[test]
fn every_kind_of_message_verifies_behind_options_and_extensions() {
    let alert = [Ipv4Option::RouterAlert(0)];
    let echo = icmpv4::Header { kind: 8, code: 0, checksum: U16::ZERO, rest: [1, 2, 3, 4] };
    let frame = written((ip4().with_options(&alert), echo, b"odd"));
    let packet = ipv4::Packet::parse(&frame).unwrap();
    assert_eq!((packet.validate(), packet.header.protocol, packet.header_len()), (Ok(()), ipv4::ICMP, 24));
    assert_eq!(icmpv4::Message::parse(packet.payload).unwrap().validate(), Ok(()));

    let report = igmp::Header { kind: 0x16, response_code: 0, checksum: U16::ZERO, group: Ipv4([224, 0, 0, 9]) };
    let frame = written((ip4(), report));
    assert!(crate::checksum::verify(&frame[20..]) && frame[9] == ipv4::IGMP);

    let handshake = [TcpOption::MaximumSegment(1460)];
    let syn = tcp::Fields { flags: tcp::Flags::SYN, ..tcp::Fields::default() };
    let (hop, destination) = ([Ipv6Option::RouterAlert(0)], [Ipv6Option::TunnelLimit(4)]);
    let fragment = Fragment { offset: 0, more: false, identification: 7 };
    let chain = (ip6(), HopByHop(&hop), fragment, DestinationOptions(&destination), syn.with_options(&handshake), b"x");
    let frame = written(chain);
    let packet = ipv6::Packet::parse(&frame).unwrap();
    let upper = packet.upper().unwrap();
    let segment = tcp::Segment::parse(upper.payload).unwrap();
    assert_eq!((packet.validate(), upper.protocol, segment.payload), (Ok(()), ipv6::TCP, &b"x"[..]));
    assert_eq!(segment.validate(packet.pseudo_header(ipv6::TCP, upper.payload.len() as u32)), Ok(()));
}

#[test]
fn checksums_are_over_the_end_of_a_route() {
    let last = Ipv6([9; 16]);
    let data = [&[0; 4][..], &[8; 16], &last.0].concat();
    let routing = Routing { kind: 2, segments_left: 2, data: &data };
    let frame = written((ip6(), routing, udp(), b"payload"));
    let datagram = udp::Datagram::parse(&frame[frame.len() - 15..]).unwrap();
    assert_eq!(datagram.validate_checked(crate::checksum::pseudo_ipv6(&VM_IP6, &last, 17, 15)), Ok(()));

    let walked = Routing { segments_left: 0, ..routing };
    let frame = written((ip6(), walked, udp(), b"payload"));
    let datagram = udp::Datagram::parse(&frame[frame.len() - 15..]).unwrap();
    let pseudo = crate::checksum::pseudo_ipv6(&VM_IP6, &Ipv6::ALL_NODES, 17, 15);
    assert_eq!(datagram.validate_checked(pseudo), Ok(()));
}

#[test]
fn an_extension_header_is_written_with_what_follows_and_is_padded_to_eight_bytes() {
    let data = [&[0; 4][..], &[9; 16]].concat();
    let frame = written((ip6(), Routing { kind: 2, segments_left: 1, data: &data }, udp(), b"abc"));
    assert_eq!((frame[6], &frame[40..44], &frame[44..64]), (ipv6::ROUTING, &[ipv6::UDP, 2, 2, 1][..], &data[..]));

    let alerts = [Ipv6Option::RouterAlert(0); 3];
    for (options, length) in [(&alerts[..0], 8), (&alerts[..1], 8), (&alerts[..2], 16), (&alerts[..3], 16)] {
        assert_eq!(HopByHop(options).header_len(), length);
        assert_eq!(written((ip6(), HopByHop(options), udp(), b"abc")).len(), 40 + length + 11);
    }
}

#[test]
fn a_tunnel_header_names_what_it_carries() {
    fn next(carried: impl Layer) -> u8 {
        written((ip4(), udp(), vxlan_gpe::Header::new(vni(), vxlan_gpe::Next::Nsh), carried))[31]
    }
    let mac = ethernet(Mac::BROADCAST);
    assert_eq!([next(ip4()), next(ip6()), next(mac), next(b"service")], [1, 2, 3, 4]);

    let geneve = geneve::Header::new(vni(), UNSAID, geneve::Options::default()).unwrap();
    let frame = written((ip4(), udp(), geneve, ip6()));
    assert_eq!((frame.len(), &frame[28..32]), (20 + 8 + 8 + 40, &[0, 0, 0x86, 0xdd][..]));
}

#[test]
fn the_error_of_a_refused_layer_has_offset_and_reason() {
    let error = |layers: &[&dyn Layer], room: usize| {
        let error = layers.write(&mut std::vec![0; room]).unwrap_err();
        (error.offset, error.rule)
    };
    let (link, long) = (ethernet(Mac::BROADCAST), [0; 65_516]);
    let nine: [Ipv4Option<'_>; 41] = [Ipv4Option::NoOperation; 41];

    assert_eq!(error(&[&link, &ip4()], 33), (0, Rule::NoRoom { needed: 34, available: 33 }));
    assert_eq!(error(&[&link, &ip4(), &long], 70_000), (14, Rule::TooLong(65_516)));
    assert_eq!(error(&[&link, &udp(), b"no address"], 99), (14, Rule::NoAddresses));
    assert_eq!(error(&[&ip4(), &link, &udp()], 99), (34, Rule::NoAddresses));
    assert!(matches!(
        error(&[&link, &ip4().with_options(&nine)], 99),
        (14, Rule::OptionsTooLong(44) | Rule::NoRoom { .. })
    ));
}

#[cfg(feature = "bytes")]
#[test]
fn a_buffer_grows_by_the_frame() {
    let mut out = bytes::BytesMut::from(&b"before"[..]);

    let length = (ethernet(Mac::BROADCAST), ip4(), b"x").put(&mut out).unwrap();

    assert_eq!((&out[..6], &out[6..]), (&b"before"[..], &written((ethernet(Mac::BROADCAST), ip4(), b"x"))[..]));
    assert_eq!(length, 35);
}

fn layer(kind: u8, a: u8, bytes: [u8; 5]) -> Box<dyn Layer> {
    match kind {
        0 => Box::new(ethernet(Mac([a; 6]))),
        1 => Box::new(Tag::new(u16::from(a), a & 7, a & 1 == 1, UNSAID)),
        2 => Box::new(ip4().with_checksum(Field::Keep(a.into()))),
        3 => Box::new(ip6()),
        4 => Box::new(udp().with_checksum([Field::Fill, Field::Zero, Field::Partial][usize::from(a) % 3])),
        5 => Box::new(tcp::Fields::default()),
        6 => Box::new(Fragment { offset: usize::from(a), more: true, identification: 1 }),
        7 => Box::new(HopByHop(&[Ipv6Option::Pad1])),
        8 => Box::new(icmpv6::Header { kind: a, code: 0, checksum: U16::ZERO }),
        9 => Box::new(Padding(&[7; 5])),
        10 => Box::new(IpProtocol(a)),
        11 => Box::new(LlcHeader { dsap: a, ssap: a, control: 3 }),
        12 => Box::new(vxlan::Header::new(vni())),
        13 => Box::new(None::<Tag>),
        14 => Box::new(igmp::Report::<Ipv4>(&[])),
        15 => Box::new(mld::Report::<Ipv6>(&[])),
        _ => Box::new(bytes),
    }
}

proptest! {
    #[test]
    fn any_layers_side_by_side_are_written_or_refused(
        layers in prop::collection::vec((0u8..17, any::<u8>(), any::<[u8; 5]>()), 0..12), room in 0usize..300,
    ) {
        let layers: Vec<_> = layers.into_iter().map(|(kind, a, bytes)| layer(kind, a, bytes)).collect();
        let layers: Vec<&dyn Layer> = layers.iter().map(|layer| &**layer).collect();
        let mut out = std::vec![0; room];
        match layers[..].write(&mut out) {
            Ok(length) => prop_assert_eq!(length, layers[..].frame_len()),
            Err(error) => prop_assert!(error.offset <= layers[..].frame_len()),
        }
    }
}
