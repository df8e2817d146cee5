//! Reads random bytes as UDP, TCP, ICMP, IGMP, MLD and DHCP. No parser panics, every slice lies within the bytes, and the other crates read
//! the same.
//!
//! The differences, and their reasons:
//! - etherparse reads a UDP length of 0 as "to the end", which RFC 2675 §4 permits for jumbograms only; we refuse a length below 8.
//! - smoltcp and etherparse compare a checksum with the one that they compute. RFC 1071 §1 wants the sum 0xffff, so 0xffff and 0 are
//!   the same. smoltcp verifies no checksum under a fuzzer, so we compare with pnet.
//! - smoltcp reads no options in the fields `file` and `sname` of DHCP, and leaves a broken option and what follows it out; we refuse it.
//! - etherparse requires 20 bytes of an ICMP timestamp; we do not read the timestamps.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nvo3_wire::checksum::{Addresses, Field};
use nvo3_wire::{Ipv4, Ipv6, dhcpv4, dhcpv6, icmpv4, icmpv6, igmp, ipv4, ipv6, mld, tcp, udp};

const V4: (Ipv4, Ipv4) = (Ipv4([192, 0, 2, 1]), Ipv4([192, 0, 2, 2]));
const V6: (Ipv6, Ipv6) = (Ipv6([0xfe; 16]), Ipv6([0xff; 16]));

fuzz_target!(|bytes: &[u8]| {
    udp(bytes);
    tcp(bytes);
    icmp(bytes);
    over_ip(bytes);
    dhcp(bytes);
});

fn udp(bytes: &[u8]) {
    let theirs = smoltcp::wire::UdpPacket::new_checked(bytes);
    let ours = udp::Datagram::parse(bytes);
    assert_eq!(ours.is_ok(), theirs.is_ok());
    let (Ok(ours), Ok(theirs)) = (ours, theirs) else { return };
    assert_eq!(ours.payload, theirs.payload());
    let etherparse = etherparse::UdpSlice::from_slice(bytes).unwrap();
    assert_eq!((ours.payload, ours.header.checksum.get()), (etherparse.payload(), etherparse.checksum()));
    let ports = (ours.header.source_port.get(), ours.header.destination_port.get());
    assert_eq!(ports, (theirs.src_port(), theirs.dst_port()));
    let pnet = pnet_packet::udp::UdpPacket::new(bytes).unwrap();
    assert_eq!(ports, (pnet.get_source(), pnet.get_destination()));

    let length = ours.header.length.get();
    let addresses = Addresses::V4(&V4.0, &V4.1);
    let right = ours.validate(addresses.pseudo_header(ipv4::UDP, length.into())).is_ok();
    let length = usize::from(length);
    let pnet = pnet_packet::udp::UdpPacket::new(&bytes[..length]).unwrap();
    let calculated = pnet_packet::udp::ipv4_checksum(&pnet, &V4.0.addr(), &V4.1.addr());
    assert_eq!(right, ours.header.checksum.get() == 0 || same(calculated, ours.header.checksum.get()));
    let _ = ours.to_string();
    let mut out = vec![0; length];
    let fields = udp::Fields { source_port: ports.0, destination_port: ports.1 };
    fields.write(addresses, Field::Keep(ours.header.checksum.get()), ours.payload, &mut out).unwrap();
    assert_eq!(out, bytes[..out.len()]);
}

fn tcp(bytes: &[u8]) {
    let theirs = etherparse::TcpSlice::from_slice(bytes);
    let ours = tcp::Segment::parse(bytes);
    assert_eq!(ours.is_ok(), theirs.is_ok());
    let (Ok(ours), Ok(theirs)) = (ours, theirs) else { return };
    assert_eq!((ours.payload, ours.options), (theirs.payload(), theirs.options()));
    let header = ours.header;
    assert_eq!(
        (header.sequence.get(), header.acknowledgment.get()),
        (theirs.sequence_number(), theirs.acknowledgment_number())
    );
    let smoltcp = smoltcp::wire::TcpPacket::new_checked(bytes).unwrap();
    assert_eq!((header.source_port.get(), header.window.get()), (smoltcp.src_port(), smoltcp.window_len()));
    let flags = [
        smoltcp.fin(),
        smoltcp.syn(),
        smoltcp.rst(),
        smoltcp.psh(),
        smoltcp.ack(),
        smoltcp.urg(),
        smoltcp.ece(),
        smoltcp.cwr(),
        smoltcp.ns(),
    ];
    let flags = flags.into_iter().enumerate().map(|(bit, set)| u16::from(set) << bit).sum();
    assert_eq!(header.flags(), tcp::Flags(flags));
    let pnet = pnet_packet::tcp::TcpPacket::new(bytes).unwrap();
    assert_eq!((header.destination_port.get(), header.urgent.get()), (pnet.get_destination(), pnet.get_urgent_ptr()));

    let _ = ours.to_string();
    let Ok(options) = tcp::Options::parse(ours.options) else {
        return assert!(theirs.options_iterator().any(|option| option.is_err()));
    };
    let segment = options.iter().find_map(|option| match option {
        tcp::TcpOption::MaximumSegment(size) => Some(size),
        _ => None,
    });
    if theirs.options_iterator().all(|option| option.is_ok()) {
        let theirs = theirs.options_iterator().flatten().find_map(|option| match option {
            etherparse::TcpOptionElement::MaximumSegmentSize(size) => Some(size),
            _ => None,
        });
        assert_eq!(segment, theirs);
    }
    if let Ok(length) = u16::try_from(bytes.len()) {
        let pseudo = Addresses::V4(&V4.0, &V4.1).pseudo_header(ipv4::TCP, length.into());
        let calculated = pnet_packet::tcp::ipv4_checksum(&pnet, &V4.0.addr(), &V4.1.addr());
        assert_eq!(ours.validate(pseudo).is_ok(), same(calculated, header.checksum.get()));
    }
}

fn icmp(bytes: &[u8]) {
    let Ok(ours) = icmpv4::Message::parse(bytes) else { return assert!(bytes.len() < 8) };
    let smoltcp = smoltcp::wire::Icmpv4Packet::new_checked(bytes);
    if let Ok(theirs) = smoltcp {
        assert_eq!(ours.header.code, theirs.msg_code());
        if let icmpv4::Kind::EchoRequest(echo) = ours.kind() {
            assert_eq!(
                (echo.identifier, echo.sequence, echo.data),
                (theirs.echo_ident(), theirs.echo_seq_no(), theirs.data())
            );
        }
    }
    if let Ok(theirs) = etherparse::Icmpv4Slice::from_slice(bytes) {
        assert_eq!((ours.header.kind, ours.header.rest), (theirs.type_u8(), theirs.bytes5to8()));
    }
    let pnet = pnet_packet::icmp::IcmpPacket::new(bytes).unwrap();
    assert_eq!(ours.header.checksum.get(), pnet.get_checksum());
    assert_eq!(ours.validate().is_ok(), same(pnet_packet::icmp::checksum(&pnet), ours.header.checksum.get()));
    let _ = (ours.to_string(), ours.quote().map(|quote| quote.ports()));
}

/// Reads the bytes as IGMP in IPv4 and as ICMPv6 in IPv6, after a router alert.
fn over_ip(bytes: &[u8]) {
    let Ok(length) = u16::try_from(bytes.len()) else { return };
    let mut packet = vec![0; 48];
    let fields = ipv4::Fields { protocol: ipv4::IGMP, ttl: 1, ..ipv4::Fields::new(V4.0, V4.1) };
    let Ok(at) = fields.write([ipv4::Ipv4Option::RouterAlert(0)], bytes.len(), &mut packet) else { return };
    packet.truncate(at);
    packet.extend(bytes);
    let packet = ipv4::Packet::parse(&packet).unwrap();
    if let Ok(message) = igmp::Message::parse(&packet) {
        let theirs = smoltcp::wire::IgmpPacket::new_checked(bytes).unwrap();
        assert_eq!(message.header.group.addr(), theirs.group_addr());
        let wrong = matches!(message.validate(), Err(e) if matches!(e.rule, nvo3_wire::Rule::Checksum(_)));
        let right = same(pnet_packet::util::checksum(bytes, 1), message.header.checksum.get());
        assert_eq!(right, !wrong);
        let etherparse = etherparse::IgmpSlice::from_slice(bytes).unwrap();
        assert_eq!((message.header.kind, message.header.group.0), (etherparse.type_u8(), etherparse.bytes4to7()));
        if let igmp::Kind::Records(records) = message.kind {
            assert_eq!(records.iter().count(), records.len());
        }
        let _ = message.to_string();
    }

    let mut packet = vec![0; 48];
    let fields = ipv6::Fields { next_header: ipv6::HOP_BY_HOP, hop_limit: 1, ..ipv6::Fields::new(V6.0, V6.1) };
    if fields.write(bytes.len() + 8, &mut packet).is_err() {
        return;
    }
    ipv6::write_options(ipv6::ICMPV6, [ipv6::Ipv6Option::RouterAlert(0)], &mut packet[40..]).unwrap();
    packet.extend(bytes);
    let packet = ipv6::Packet::parse(&packet).unwrap();
    let Ok(message) = icmpv6::Message::parse(&packet) else { return };
    let pseudo = Addresses::V6(&V6.0, &V6.1).pseudo_header(ipv6::ICMPV6, length.into());
    assert_eq!(message.validate().is_ok(), pseudo.bytes(bytes).verifies());
    if let Ok(theirs) = etherparse::Icmpv6Slice::from_slice(bytes) {
        assert_eq!(theirs.is_checksum_valid(V6.0.0, V6.1.0), message.validate().is_ok());
        assert_eq!((message.header.kind, message.header.code), (theirs.type_u8(), theirs.code_u8()));
    }
    let _ = (message.to_string(), message.quote().map(|quote| quote.ports()));
    if let Ok(message) = mld::Message::parse(&packet) {
        let _ = (message.validate(), message.to_string());
        if let mld::Kind::Records(records) = message.kind {
            assert_eq!(records.iter().count(), records.len());
        }
    }
}

/// Reads the bytes as a DHCPv6 message, as a DHCP message, and as the options of one.
fn dhcp(bytes: &[u8]) {
    if let Ok(message) = dhcpv6::Message::parse(bytes) {
        let length: usize = message.options.iter().map(|option| option.data.len() + 4).sum();
        assert_eq!(length + 4, bytes.len());
        assert!(message.wanted().next().is_none() || message.given_up().next().is_none());
        let _ = (message.validate(), message.to_string());
    }
    let head = [&[1, 1, 6][..], &[0; 233], &dhcpv4::COOKIE.to_be_bytes()].concat();
    for bytes in [bytes, &[&head, bytes].concat()] {
        let Ok(message) = dhcpv4::Message::parse(bytes) else { continue };
        let theirs = smoltcp::wire::DhcpPacket::new_checked(bytes).unwrap();
        let mut ours = message.options.iter();
        for option in theirs.options() {
            assert_eq!(ours.next().map(|ours| (ours.code, ours.data)), Some((option.kind, option.data)));
        }
        assert!(ours.next().is_none() || message.options.iter().any(|option| option.code == 52));
        assert!(message.wanted().is_none() || message.given_up().is_none());
        let _ = (message.validate(), message.to_string());
    }
}

/// True if a checksum is the one that the other crate computed. 0xffff also stands for 0. 0 does not stand for 0xffff, because zeros
/// do not sum to 0xffff.
fn same(theirs: u16, there: u16) -> bool {
    theirs == there || (theirs, there) == (0, 0xffff)
}
