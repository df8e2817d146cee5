use super::*;
use crate::vectors::V10;
use proptest::prelude::*;
use std::string::ToString;
use std::vec::Vec;

fn packet(first: u8, chain: &[u8]) -> Vec<u8> {
    let mut packet = Vec::from(V10);
    packet[6] = first;
    packet.truncate(40);
    packet.extend(chain);
    packet[5] = chain.len() as u8;
    packet
}

#[test]
fn each_broken_rule_has_its_own_error() {
    let mut version = V10;
    version[0] = 0x40;

    assert_eq!(Packet::parse(&version).unwrap_err().rule, Rule::Version(4));
    assert_eq!(Packet::parse(&V10[..39]).unwrap_err().rule, Rule::Truncated { needed: 40, available: 39 });
    assert_eq!(Packet::parse(&V10[..97]).unwrap_err().rule, Rule::Truncated { needed: 98, available: 97 });
}

#[test]
fn upper_checksums_are_over_a_mobile_nodes_home_address() {
    let home = crate::vectors::VM_IP6;
    let chain = [&[17, 2, 1, 2, 0, 0, 0xc9, 16][..], &home.0].concat();
    let mobile = packet(DESTINATION_OPTIONS, &chain);
    let parsed = Packet::parse(&mobile).unwrap();

    let header = parsed.header;
    let sum = crate::checksum::pseudo_ipv6(&home, &header.destination, UDP, 8);
    assert_eq!((*parsed.upper_source(), parsed.pseudo_header(UDP, 8).fold()), (home, sum.fold()));
    assert_eq!(*Packet::parse(&V10).unwrap().upper_source(), Packet::parse(&V10).unwrap().header.source);
}

#[test]
fn a_cut_packet_is_read_as_far_as_it_is_there() {
    let (packet, cut) = Packet::parse_lax(&V10[..50]).unwrap();

    assert_eq!((packet.payload.len(), cut.map(|e| e.rule)), (10, Some(Rule::Truncated { needed: 98, available: 50 })));
    assert_eq!(Packet::parse_lax(&V10).unwrap().1, None);
    assert!(Packet::parse_lax(&V10[..39]).is_err());
}

#[test]
fn upper_protocol_is_found_behind_every_kind_of_header() {
    #[rustfmt::skip]
    let chain = [
        43, 0, 1, 4, 0, 0, 0, 0,
        60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        44, 0, 1, 4, 0, 0, 0, 0,
        17, 0, 0, 0, 0, 0, 0, 9,
        0xaa,
    ];
    let packet = packet(HOP_BY_HOP, &chain);

    let parsed = Packet::parse(&packet).unwrap();
    let upper = parsed.upper().unwrap();

    assert_eq!((upper.protocol, upper.payload, upper.offset), (UDP, &[0xaa][..], 80));
    assert!(upper.fragment_header && !upper.fragment);
    let kinds: Vec<_> = parsed.extensions().map(|extension| (extension.kind, extension.content.len())).collect();
    assert_eq!(kinds, [(HOP_BY_HOP, 6), (ROUTING, 14), (DESTINATION_OPTIONS, 6), (FRAGMENT, 6)]);
}

/// An authentication header: `next`, SPI 256, sequence 7, and `icv` words of ICV.
fn authentication(next: u8, icv: u8) -> Vec<u8> {
    let mut header = Vec::from([next, 1 + icv, 0, 0, 0, 0, 1, 0, 0, 0, 0, 7]);
    header.extend(std::vec![0xcc; usize::from(icv) * 4]);
    header
}

#[test]
fn authentication_headers_are_walked_in_units_of_their_own() {
    let chain = [&[51, 0, 1, 4, 0, 0, 0, 0][..], &authentication(60, 3), &[17, 0, 1, 4, 0, 0, 0, 0, 0xaa]].concat();
    let packet = packet(HOP_BY_HOP, &chain);

    let parsed = Packet::parse(&packet).unwrap();
    let upper = parsed.upper().unwrap();
    assert_eq!((upper.protocol, upper.offset, upper.payload), (UDP, 40 + 8 + 24 + 8, &[0xaa][..]));
    let Some(Ok(Kind::Authentication(read))) = parsed.extensions().nth(1).map(|e| e.typed()) else {
        panic!("{parsed}")
    };
    assert_eq!((read.header.spi.get(), read.header.sequence.get(), read.icv), (256, 7, &[0xcc; 12][..]));
    assert!(parsed.validate().is_ok() && parsed.to_string().contains(", authentication spi 0x00000100 sequence 7, "));
}

#[test]
fn a_cut_or_too_short_authentication_header_says_where() {
    let error = |chain: &[u8]| Packet::parse(&packet(AUTHENTICATION, chain)).unwrap().upper().unwrap_err();

    let cut = error(&authentication(17, 3)[..23]);
    assert_eq!((cut.offset, cut.rule), (40, Rule::Truncated { needed: 24, available: 23 }));
    let short = error(&[17, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 7]);
    assert_eq!((short.protocol, short.offset, short.rule), (Protocol::Authentication, 40, Rule::Length(8)));
}

#[test]
fn a_jumbo_payload_is_long_and_has_payload_length_0() {
    let jumbo = [&[59, 0, 0xc2, 4][..], &70_000u32.to_be_bytes()].concat();
    let beside = packet(HOP_BY_HOP, &jumbo);
    let verdict = |packet: &[u8]| Packet::parse(packet).unwrap().validate().map_err(|e| (e.offset, e.rule));

    assert_eq!(verdict(&beside), Err((42, Rule::JumboBesideLength(8))));
    let options = |length: u32| [&[0xc2, 4][..], &length.to_be_bytes()].concat();
    let alone = |length| Options::parse(&options(length)).unwrap().validate_jumbo(0).map_err(|e| e.rule);
    assert_eq!([65_536, 65_535].map(alone), [Ok(()), Err(Rule::JumboLength(65_535))]);
}

#[test]
fn the_walk_stops_at_a_later_fragment() {
    let packet = packet(FRAGMENT, &[60, 0, 0, 8, 0, 0, 0, 9, 0xff]);

    let upper = Packet::parse(&packet).unwrap().upper().unwrap();

    assert_eq!((upper.fragment, upper.protocol, upper.payload), (true, DESTINATION_OPTIONS, &[0xff][..]));
}

#[test]
fn the_payload_of_a_later_fragment_is_no_extension_header() {
    let packet = packet(FRAGMENT, &[ROUTING, 0, 0, 8, 0, 0, 0, 9, 17, 0, 0, 7, 0, 0, 0, 0]);

    let parsed = Packet::parse(&packet).unwrap();

    assert_eq!(parsed.extensions().count(), 1);
    assert!(parsed.at_last_destination() && parsed.validate().is_ok());
}

#[test]
fn the_error_of_a_cut_extension_header_has_offset_and_length() {
    let packet = packet(HOP_BY_HOP, &[60, 0, 1, 4, 0, 0, 0, 0, 17, 2, 0, 0]);

    let error = Packet::parse(&packet).unwrap().upper().unwrap_err();

    assert_eq!((error.offset, error.rule), (48, Rule::Truncated { needed: 24, available: 4 }));

    let fragment = self::packet(FRAGMENT, &[17, 0xff, 0, 0]);
    let error = Packet::parse(&fragment).unwrap().upper().unwrap_err();
    assert_eq!((error.offset, error.rule), (40, Rule::Truncated { needed: 8, available: 4 }));
}

#[test]
fn each_broken_rule_of_the_chain_has_its_own_error() {
    let verdict = |first, chain: &[u8]| {
        let packet = packet(first, chain);
        Packet::parse(&packet).unwrap().validate().map_err(|e| (e.offset, e.rule))
    };
    let pad = |next| [next, 0, 1, 4, 0, 0, 0, 0];
    let fragment = |offset_more: u16| [&[59, 0][..], &offset_more.to_be_bytes(), &[0, 0, 0, 9]].concat();
    let with = |header: &[u8], length| [header, &std::vec![0; length]].concat();

    assert_eq!(verdict(HOP_BY_HOP, &[pad(DESTINATION_OPTIONS), pad(59)].concat()), Ok(()));
    assert_eq!(verdict(DESTINATION_OPTIONS, &[pad(HOP_BY_HOP), pad(59)].concat()), Err((48, Rule::HopByHopNotFirst)));
    let cut = Rule::OptionTruncated { kind: 0x1e, needed: 8, available: 6 };
    assert_eq!(verdict(HOP_BY_HOP, &[59, 0, 0x1e, 6, 0, 0, 0, 0]), Err((42, cut)));
    assert_eq!(verdict(DESTINATION_OPTIONS, &[59, 0, 0, 0x94, 3, 0, 0, 0]), Err((43, Rule::UnknownOption(0x94))));
    for (kind, refused) in [(0, true), (2, false), (4, false), (253, true)] {
        let rule = Rule::SegmentsLeft { kind, left: 1 };
        assert_eq!(verdict(ROUTING, &[59, 0, kind, 1, 0, 0, 0, 0]), if refused { Err((40, rule)) } else { Ok(()) });
        assert_eq!(verdict(ROUTING, &[59, 0, kind, 0, 0, 0, 0, 0]), Ok(()));
    }
    assert_eq!(verdict(FRAGMENT, &with(&fragment(1), 16)), Ok(()));
    assert_eq!(verdict(FRAGMENT, &with(&fragment(1), 17)), Err((40, Rule::FragmentLength(17))));
    assert_eq!(verdict(FRAGMENT, &with(&fragment(0xfff8), 7)), Ok(()));
    assert_eq!(verdict(FRAGMENT, &with(&fragment(0xfff8), 8)), Err((40, Rule::FragmentEnd(65_536))));
    let truncated = Rule::Truncated { needed: 16, available: 8 };
    assert_eq!(verdict(HOP_BY_HOP, &[59, 1, 1, 4, 0, 0, 0, 0]), Err((40, truncated)));
}

#[test]
fn a_whole_chain_is_written_and_read() {
    let home = Ipv6([9; 16]);
    let options = [
        Ipv6Option::RouterAlert(0),
        Ipv6Option::TunnelLimit(4),
        Ipv6Option::Jumbo(70_000),
        Ipv6Option::HomeAddress(&home),
        Ipv6Option::Other { kind: 0x1e, content: &[1, 2, 3] },
    ];
    let routing =
        Routing { kind: 0, segments_left: 1, data: &[0, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7] };
    let mut out = [0xa5; 200];

    let mut at = 40;
    at += write_options(ROUTING, options, &mut out[at..]).unwrap();
    at += write_routing(DESTINATION_OPTIONS, &routing, &mut out[at..]).unwrap();
    at += write_options(FRAGMENT, [], &mut out[at..]).unwrap();
    at += write_fragment(NO_NEXT_HEADER, 1448, true, 0xabcdef, &mut out[at..]).unwrap();
    let fields =
        Fields { next_header: HOP_BY_HOP, traffic_class: 0xb9, flow_label: 0x54321, ..Fields::new(home, home) };
    fields.write(at - 40, &mut out).unwrap();

    let packet = Packet::parse(&out[..at]).unwrap();
    assert_eq!((packet.header.traffic_class(), packet.header.flow_label()), (0xb9, 0x54321));
    let [hop_by_hop, route, destination, fragment] =
        packet.extensions().map(|e| e.typed().unwrap()).collect::<Vec<_>>()[..]
    else {
        panic!("{packet}")
    };
    let Kind::HopByHop(read) = hop_by_hop else { panic!("{hop_by_hop:?}") };
    assert_eq!(read.iter().take(5).collect::<Vec<_>>(), options);
    let Kind::Routing(read) = route else { panic!("{route:?}") };
    assert_eq!((read, read.addresses()), (routing, &[Ipv6([7; 16])][..]));
    assert!(!packet.at_last_destination());
    let Kind::DestinationOptions(read) = destination else { panic!("{destination:?}") };
    assert_eq!(read.iter().collect::<Vec<_>>(), [Ipv6Option::PadN(&[0; 4])]);
    let Kind::Fragment(read) = fragment else { panic!("{fragment:?}") };
    assert_eq!((read.offset(), read.more(), read.identification.get()), (1448, true, 0xabcdef));
    assert!(packet.to_string().ends_with(
        ", routing type 0 segments left 1 707:707:707:707:707:707:707:707, destination options [pad 6], \
         fragment 0x00abcdef@1448+, length 80"
    ));
}

#[test]
fn what_does_not_fit_a_header_is_refused() {
    let mut out = [0; 4000];
    let long = Ipv6Option::Other { kind: 30, content: &[0; 255] };

    assert_eq!(write_options(59, [long; 8], &mut out).unwrap_err().rule, Rule::OptionsTooLong(2064));
    assert_eq!(write_options(59, [long; 7], &mut out), Ok(1808));
    assert!(matches!(write_options(59, [long], &mut out[..258]).unwrap_err().rule, Rule::NoRoom { .. }));
    assert_eq!(write_fragment(59, 4, false, 0, &mut out).unwrap_err().rule, Rule::Length(4));
    let uneven = Routing { kind: 4, segments_left: 0, data: &[0; 6] };
    assert_eq!(write_routing(59, &uneven, &mut out).unwrap_err().rule, Rule::Length(6));
}

#[test]
fn endless_chains_are_refused() {
    let packet = packet(DESTINATION_OPTIONS, &[DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0].repeat(9));

    let error = Packet::parse(&packet).unwrap().upper().unwrap_err();

    assert_eq!(error.rule, Rule::TooManyExtensions(MAX_EXTENSIONS));
}

proptest! {
    #[test]
    fn any_chain_walks_or_fails(
        first in prop::sample::select(&[0u8, 43, 44, 51, 60][..]), mut chain in prop::collection::vec(0u8..61, 0..200),
    ) {
        for at in [0, 8, 16, 24] {
            if let Some(next) = chain.get_mut(at..at + 2) {
                next.copy_from_slice(&[[0, 43, 44, 51, 60][usize::from(next[0]) % 5], next[1] & 1]);
            }
        }
        let packet = packet(first, &chain);
        let parsed = Packet::parse(&packet).unwrap();
        if let Ok(upper) = parsed.upper() {
            prop_assert_eq!(upper.offset + upper.payload.len(), packet.len());
        }
        prop_assert!(parsed.extensions().count() <= usize::from(MAX_EXTENSIONS));
        let _ = (parsed.validate(), parsed.to_string(), parsed.at_last_destination());
    }
}
