//! Builds a frame from random layers and reads it back. The values are the same, the length is the one computed before, and
//! protocol numbers, lengths and checksums are correct.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nvo3_wire::build::{DestinationOptions, HopByHop, Layer, Layers, Padding};
use nvo3_wire::checksum::Field;
use nvo3_wire::ethernet::{Header, Link, Tag};
use nvo3_wire::geneve::{self, GeneveOption, OptionKind};
use nvo3_wire::ipv6::Ipv6Option;
use nvo3_wire::{EtherType, Mac, Rule, Vni, gre, icmpv4, ipv4, ipv6, tcp, udp, vxlan, vxlan_gpe};

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    macs: (Mac, Mac),
    tags: [Option<(u16, u8, bool)>; 2],
    ip: Ip<'a>,
    upper: Upper<'a>,
    payload: &'a [u8],
    padding: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Ip<'a> {
    V4(ipv4::Fields),
    V6 { fields: ipv6::Fields, hop_by_hop: Option<u16>, destination: Option<&'a [u8]> },
}

#[derive(Arbitrary, Debug)]
enum Upper<'a> {
    Udp(udp::Fields, bool),
    Tcp(tcp::Fields),
    Echo([u8; 4]),
    Vxlan(udp::Fields, Vni, (Mac, Mac)),
    Gpe(udp::Fields, Vni, ipv4::Fields),
    Geneve(udp::Fields, Vni, Option<(OptionKind, &'a [u8])>, ipv6::Fields),
    Gre(gre::Gre, (Mac, Mac)),
}

fn ethernet((destination, source): (Mac, Mac)) -> Header {
    Header { destination, source, ether_type: EtherType([0x90, 0]) }
}

/// The fields without those of a fragment, so that the upper layer is read.
fn whole(fields: ipv4::Fields) -> ipv4::Fields {
    ipv4::Fields { fragment: fields.fragment & ipv4::DONT_FRAGMENT, ..fields }
}

fuzz_target!(|case: Case| {
    let Case { macs, tags, ip, upper, payload, padding } = case;
    let header = ethernet(macs);
    let tags = tags.map(|tag| tag.map(|(id, priority, drop)| Tag::new(id, priority, drop, EtherType([0x90, 0]))));
    let option;
    let (mut alert, mut content) = ([Ipv6Option::Pad1], [Ipv6Option::Pad1]);
    let mut layers: Vec<Box<dyn Layer + '_>> = vec![Box::new(header), Box::new(tags[0]), Box::new(tags[1])];
    match &ip {
        Ip::V4(fields) => layers.push(Box::new(whole(*fields))),
        Ip::V6 { fields, hop_by_hop, destination } => {
            layers.push(Box::new(*fields));
            alert = hop_by_hop.map_or(alert, |value| [Ipv6Option::RouterAlert(value)]);
            content = destination.map_or(content, |bytes| [Ipv6Option::Other { kind: 0x1e, content: bytes }]);
        }
    }
    if let Ip::V6 { hop_by_hop, destination, .. } = &ip {
        layers.push(Box::new(hop_by_hop.map(|_| HopByHop(&alert))));
        layers.push(Box::new(destination.map(|_| DestinationOptions(&content))));
    }
    match &upper {
        Upper::Udp(fields, true) => layers.push(Box::new(*fields)),
        Upper::Udp(fields, false) => layers.push(Box::new(fields.with_checksum(Field::Zero))),
        Upper::Tcp(fields) => layers.push(Box::new(*fields)),
        Upper::Echo(rest) => {
            let checksum = Default::default();
            layers.push(Box::new(icmpv4::Header { kind: icmpv4::ECHO_REQUEST, code: 0, checksum, rest: *rest }));
        }
        Upper::Vxlan(fields, vni, inner) => {
            layers.push(Box::new((*fields).with_checksum(Field::Fill)));
            layers.push(Box::new(vxlan::Header::new(*vni)));
            layers.push(Box::new(ethernet(*inner)));
        }
        Upper::Gpe(fields, vni, inner) => {
            layers.push(Box::new(*fields));
            layers.push(Box::new(vxlan_gpe::Header::new(*vni, vxlan_gpe::Next::Nsh)));
            layers.push(Box::new(whole(*inner)));
        }
        Upper::Geneve(fields, vni, custom, inner) => {
            layers.push(Box::new(*fields));
            let header = geneve::Header::new(*vni, EtherType::ARP, geneve::Options::NONE).unwrap();
            option = custom.map(|(kind, data)| [GeneveOption { kind, data }]);
            layers.push(Box::new(header.with_options(option.as_ref().map_or(&[], |option| &option[..]))));
            layers.push(Box::new(*inner));
        }
        Upper::Gre(fields, inner) => {
            layers.push(Box::new(*fields));
            layers.push(Box::new(ethernet(*inner)));
        }
    }
    layers.push(Box::new(payload));
    let inner_frame = matches!(upper, Upper::Vxlan(..) | Upper::Gre(..));
    layers.push(Box::new(Padding(padding)));
    let layers: Vec<&dyn Layer> = layers.iter().map(|layer| &**layer).collect();

    let mut out = vec![0xa5; layers[..].frame_len()];
    match layers[..].write(&mut out) {
        Ok(length) => assert_eq!(length, out.len()),
        Err(error) => {
            let long = |rule| matches!(rule, Rule::TooLong(_) | Rule::OptionsTooLong(_) | Rule::OptionsBeyond { .. });
            let odd = matches!(error.rule, Rule::Length(_)); // a Geneve option whose data is not a multiple of 4 bytes
            assert!(long(error.rule) || odd, "{error}");
            return;
        }
    }

    let link = Link::parse(&out).unwrap();
    assert_eq!((link.header.destination, link.header.source), macs);
    let read = link.tags.iter().map(|(announced, tag)| (announced, tag.control));
    assert!(read.eq(tags.iter().flatten().map(|tag| (EtherType::VLAN, tag.control))));
    let (upper_bytes, pseudo) = match ip {
        Ip::V4(fields) => {
            assert_eq!(link.ether_type(), Some(EtherType::IPV4));
            let packet = ipv4::Packet::parse(link.payload).unwrap();
            assert!(!matches!(packet.validate().map_err(|e| e.rule), Err(Rule::Checksum(_))));
            let header = packet.header;
            assert_eq!(
                (header.source, header.destination, header.ttl),
                (fields.source, fields.destination, fields.ttl)
            );
            assert_eq!(
                (header.traffic_class, header.identification.get()),
                (fields.traffic_class, fields.identification)
            );
            (packet.payload, packet.pseudo_header(packet.payload.len() as u16))
        }
        Ip::V6 { fields, .. } => {
            assert_eq!(link.ether_type(), Some(EtherType::IPV6));
            let packet = ipv6::Packet::parse(link.payload).unwrap();
            let header = packet.header;
            assert_eq!(
                (header.source, header.destination, header.hop_limit),
                (fields.source, fields.destination, fields.hop_limit)
            );
            assert_eq!(
                (header.traffic_class(), header.flow_label()),
                (fields.traffic_class, fields.flow_label & 0xf_ffff)
            );
            let upper = packet.upper().unwrap();
            (upper.payload, packet.pseudo_header(upper.protocol, upper.payload.len() as u32))
        }
    };
    let carried = if inner_frame { [payload, padding].concat() } else { payload.to_vec() };
    let datagram = |fields: &udp::Fields| {
        let datagram = udp::Datagram::parse(upper_bytes).unwrap();
        assert_eq!(datagram.header.source_port.get(), fields.source_port);
        assert_eq!(datagram.header.destination_port.get(), fields.destination_port);
        assert_eq!(datagram.validate(pseudo), Ok(()));
        datagram
    };
    match upper {
        Upper::Udp(fields, filled) => {
            let datagram = datagram(&fields);
            assert_eq!((datagram.payload, datagram.header.checksum.get() != 0), (&carried[..], filled));
        }
        Upper::Tcp(fields) => {
            let segment = tcp::Segment::parse(upper_bytes).unwrap();
            assert_eq!((segment.validate(pseudo), segment.payload), (Ok(()), &carried[..]));
            assert_eq!((segment.header.sequence.get(), segment.header.window.get()), (fields.sequence, fields.window));
        }
        Upper::Echo(rest) => {
            let message = icmpv4::Message::parse(upper_bytes).unwrap();
            assert_eq!((message.validate(), message.header.rest, message.payload), (Ok(()), rest, &carried[..]));
        }
        Upper::Vxlan(fields, vni, inner) => {
            let (read, frame) = vxlan::parse(datagram(&fields).payload).unwrap();
            let link = Link::parse(frame).unwrap();
            assert_eq!((read, link.header.destination, &frame[14..]), (vni, inner.0, &carried[..]));
        }
        Upper::Gpe(fields, vni, inner) => {
            let (header, next, packet) = vxlan_gpe::parse(datagram(&fields).payload).unwrap();
            assert_eq!((header.vni(), next), (vni, vxlan_gpe::Next::Ipv4));
            let packet = ipv4::Packet::parse(packet).unwrap();
            assert_eq!((packet.header.source, packet.payload), (inner.source, &carried[..]));
        }
        Upper::Geneve(fields, vni, option, inner) => {
            let packet = geneve::Packet::parse(datagram(&fields).payload).unwrap();
            assert_eq!((packet.header.vni(), packet.header.protocol), (vni, EtherType::IPV6));
            assert_eq!(packet.header.is_critical(), option.is_some_and(|(kind, _)| kind.is_critical()));
            assert!(packet.options.iter().map(|option| (option.kind, option.data)).eq(option));
            let inner_packet = ipv6::Packet::parse(packet.payload).unwrap();
            assert_eq!((inner_packet.header.destination, inner_packet.payload), (inner.destination, &carried[..]));
        }
        Upper::Gre(fields, inner) => {
            let packet = gre::Packet::parse(upper_bytes).unwrap();
            assert_eq!((packet.validate(), packet.header.protocol), (Ok(()), EtherType::BRIDGING));
            assert_eq!((packet.key.map(|n| n.get()), packet.sequence.map(|n| n.get())), (fields.key, fields.sequence));
            assert_eq!((&packet.payload[..6], &packet.payload[14..]), (&inner.0.0[..], &carried[..]));
        }
    }
});
