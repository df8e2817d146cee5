use super::*;
use crate::checksum::{Addresses, Field};
use crate::ipv4::{Ipv4Option, Route};
use crate::{Ipv4, Ipv6, ipv6};
use proptest::prelude::*;
use std::vec::Vec;

const PORTS: [u16; 2] = [5000, 53];

/// The values that a packet is made from. Each is also changed in place, and both ways must give the same bytes.
#[derive(Clone, Copy, Debug)]
struct Made<A> {
    source: A,
    destination: A,
    ports: [u16; 2],
    class: u8,
    hops: u8,
}

fn upper(protocol: u8, ports: [u16; 2], addresses: Addresses<'_>, field: Field, payload: &[u8]) -> Vec<u8> {
    let mut out = std::vec![0; payload.len() + 20];
    let [source_port, destination_port] = ports;
    let length = match protocol {
        ipv4::UDP => udp::Fields { source_port, destination_port }.write(addresses, field, payload, &mut out),
        ipv4::TCP => {
            let fields = tcp::Fields { source_port, destination_port, ..Default::default() };
            fields.write([], addresses, field, payload, &mut out)
        }
        _ => icmpv6::Echo { identifier: 1, sequence: 2, data: payload }.write_icmpv6(128, addresses, &mut out),
    };
    out.truncate(length.unwrap());
    out
}

fn over_ipv4(made: &Made<Ipv4>, protocol: u8, field: Field, payload: &[u8]) -> Vec<u8> {
    let upper = upper(protocol, made.ports, Addresses::V4(&made.source, &made.destination), field, payload);
    let fields = ipv4::Fields {
        traffic_class: made.class,
        ttl: made.hops,
        protocol,
        ..ipv4::Fields::new(made.source, made.destination)
    };
    let mut packet = std::vec![0; 24];
    fields.write([Ipv4Option::RouterAlert(0)], upper.len(), &mut packet).unwrap();
    packet.extend(upper);
    packet
}

fn over_ipv6(made: &Made<Ipv6>, protocol: u8, field: Field, payload: &[u8]) -> Vec<u8> {
    let upper = upper(protocol, made.ports, Addresses::V6(&made.source, &made.destination), field, payload);
    let fields = ipv6::Fields {
        traffic_class: made.class,
        flow_label: 0xabcde,
        hop_limit: made.hops,
        next_header: ipv6::DESTINATION_OPTIONS,
        ..ipv6::Fields::new(made.source, made.destination)
    };
    let mut packet = std::vec![0; 48];
    fields.write(upper.len() + 8, &mut packet).unwrap();
    ipv6::write_options(protocol, [], &mut packet[40..]).unwrap();
    packet.extend(upper);
    packet
}

prop_compose! {
    fn v4()(source: [u8; 4], destination: [u8; 4], ports: [u16; 2], class: u8, hops: u8) -> Made<Ipv4> {
        Made { source: Ipv4(source), destination: Ipv4(destination), ports, class, hops }
    }
}

prop_compose! {
    fn v6()(source: [u8; 16], destination: [u8; 16], ports: [u16; 2], class: u8, hops: u8) -> Made<Ipv6> {
        Made { source: Ipv6(source), destination: Ipv6(destination), ports, class, hops }
    }
}

proptest! {
    /// Checks CKS-03, CKS-04.
    #[test]
    fn an_ipv4_packet_changed_is_the_one_built_so(
        old in v4(), new in v4(), tcp: bool, zero: bool, payload: Vec<u8>,
    ) {
        let protocol = if tcp { ipv4::TCP } else { ipv4::UDP };
        let field = if zero && !tcp { Field::Zero } else { Field::Fill };
        let mut changed = over_ipv4(&old, protocol, field, &payload);

        let mut packet = Ipv4Mut::parse(&mut changed).unwrap();
        packet.set_source(new.source);
        packet.set_destination(new.destination);
        packet.set_traffic_class(new.class);
        packet.set_ttl(new.hops);
        prop_assert!(packet.set_port(Port::Source, new.ports[0]) && packet.set_port(Port::Destination, new.ports[1]));
        prop_assert_eq!(packet.ports(), Some((new.ports[0], new.ports[1])));

        prop_assert_eq!(changed, over_ipv4(&new, protocol, field, &payload));
    }

    /// Checks CKS-03, CKS-04.
    #[test]
    fn an_ipv6_packet_changed_is_the_one_built_so(
        old in v6(), new in v6(), protocol in prop::sample::select(&[6u8, 17, 58][..]), zero: bool, payload: Vec<u8>,
    ) {
        let field = if zero && protocol == ipv6::UDP { Field::Zero } else { Field::Fill };
        let mut changed = over_ipv6(&old, protocol, field, &payload);

        let mut packet = Ipv6Mut::parse(&mut changed).unwrap();
        packet.set_source(new.source);
        packet.set_destination(new.destination);
        packet.set_traffic_class(new.class);
        packet.set_hop_limit(new.hops);
        let has_ports = packet.set_port(Port::Source, new.ports[0]) & packet.set_port(Port::Destination, new.ports[1]);
        prop_assert_eq!(has_ports, protocol != ipv6::ICMPV6);

        prop_assert_eq!(changed, over_ipv6(&new, protocol, field, &payload));
    }

    #[test]
    fn any_bytes_are_changed_or_refused(mut bytes: Vec<u8>, six: bool) {
        if let Some(first) = bytes.first_mut() {
            *first = if six { 0x60 } else { 0x45 };
        }
        if let Some([high, low]) = bytes.get_mut(2..4) {
            (*high, *low) = (0, 20);
        }
        if let Ok(mut packet) = Ipv4Mut::parse(&mut bytes) {
            packet.set_source(Ipv4::BROADCAST);
            let _ = packet.set_port(Port::Source, 9);
        }
        if let Ok(mut packet) = Ipv6Mut::parse(&mut bytes) {
            packet.set_source(Ipv6::ALL_NODES);
            let _ = packet.set_port(Port::Source, 9);
        }
    }
}

const OLD4: Made<Ipv4> =
    Made { source: Ipv4([192, 0, 2, 1]), destination: Ipv4([192, 0, 2, 2]), ports: PORTS, class: 0, hops: 2 };
const OLD6: Made<Ipv6> =
    Made { source: Ipv6([0x20; 16]), destination: Ipv6([0x21; 16]), ports: PORTS, class: 0, hops: 2 };

/// Checks CKS-04.
#[test]
fn no_port_and_no_address_makes_a_udp_checksum_zero() {
    for port in 0..=u16::MAX {
        let mut bytes = over_ipv4(&OLD4, ipv4::UDP, Field::Fill, b"abc");
        let mut packet = Ipv4Mut::parse(&mut bytes).unwrap();
        let _ = packet.set_port(Port::Source, port);
        assert_ne!(bytes[30..32], [0, 0], "{port}");
    }
}

#[test]
fn a_wrong_checksum_stays_wrong() {
    let mut bytes = over_ipv4(&OLD4, ipv4::TCP, Field::Keep(0x1234), b"abc");
    bytes[10] ^= 0x40;

    Ipv4Mut::parse(&mut bytes).unwrap().set_source(Ipv4([10, 0, 0, 1]));

    let packet = ipv4::Packet::parse(&bytes).unwrap();
    assert!(packet.validate().is_err());
    assert!(tcp::Segment::parse(packet.payload).unwrap().validate(packet.pseudo_header(23)).is_err());
}

#[test]
fn the_header_is_read_with_the_changes_so_far() {
    let made = Made { source: Ipv6([1; 16]), destination: Ipv6([2; 16]), ports: PORTS, class: 0, hops: 64 };
    let mut bytes = over_ipv6(&made, ipv6::UDP, Field::Fill, b"payload");
    let mut packet = Ipv6Mut::parse(&mut bytes).unwrap();

    packet.set_source(Ipv6([3; 16]));

    let header = packet.header().unwrap();
    assert_eq!((header.source, header.destination), (Ipv6([3; 16]), Ipv6([2; 16])));
}

#[test]
fn the_last_hop_is_not_taken() {
    let mut bytes = over_ipv4(&OLD4, ipv4::UDP, Field::Fill, b"");
    let mut packet = Ipv4Mut::parse(&mut bytes).unwrap();
    assert!(packet.decrement_ttl() && !packet.decrement_ttl());
    assert_eq!(bytes, over_ipv4(&Made { hops: 1, ..OLD4 }, ipv4::UDP, Field::Fill, b""));

    let mut bytes = over_ipv6(&OLD6, ipv4::UDP, Field::Fill, b"");
    let mut packet = Ipv6Mut::parse(&mut bytes).unwrap();
    assert!(packet.decrement_hop_limit() && !packet.decrement_hop_limit());
    assert_eq!(bytes, over_ipv6(&Made { hops: 1, ..OLD6 }, ipv4::UDP, Field::Fill, b""));
}

#[test]
fn bytes_of_a_later_fragment_are_no_upper_header() {
    let mut bytes = over_ipv4(&OLD4, ipv4::UDP, Field::Fill, &[7; 16]);
    bytes[7] = 3;
    let before = bytes.clone();

    let mut packet = Ipv4Mut::parse(&mut bytes).unwrap();
    packet.set_source(Ipv4([10, 0, 0, 1]));

    assert!(!packet.set_port(Port::Source, 1));
    assert_eq!(bytes[24..], before[24..]);
}

#[test]
fn the_upper_header_of_a_first_fragment_is_found_behind_its_extension_headers() {
    let fragment = |made: &Made<Ipv6>| {
        let mut packet = over_ipv6(made, ipv4::UDP, Field::Fill, &[7; 16]);
        packet.splice(40..40, [ipv6::DESTINATION_OPTIONS, 0, 0, 1, 0, 0, 0, 9]);
        (packet[5], packet[6]) = (packet[5] + 8, ipv6::FRAGMENT);
        packet
    };
    let new = Made { source: Ipv6([0x99; 16]), ..OLD6 };
    let mut bytes = fragment(&OLD6);

    Ipv6Mut::parse(&mut bytes).unwrap().set_source(new.source);

    assert_eq!(bytes, fragment(&new));
}

#[test]
fn the_next_hop_of_a_source_route_is_not_summed() {
    let (source, last) = (Ipv4([192, 0, 2, 1]), Ipv4([198, 51, 100, 9]));
    let route = |next| {
        let upper = upper(ipv4::UDP, PORTS, Addresses::V4(&source, &last), Field::Fill, b"abc");
        let option = Ipv4Option::LooseSourceRoute(Route { pointer: 4, addresses: &[last] });
        let mut packet = std::vec![0; 28];
        let fields = ipv4::Fields { protocol: ipv4::UDP, ..ipv4::Fields::new(source, next) };
        fields.write([option], upper.len(), &mut packet).unwrap();
        packet.extend(upper);
        packet
    };
    let (near, far) = (Ipv4([192, 0, 2, 2]), Ipv4([192, 0, 2, 3]));
    let mut bytes = route(near);

    Ipv4Mut::parse(&mut bytes).unwrap().set_destination(far);

    assert_eq!(bytes, route(far));
}
