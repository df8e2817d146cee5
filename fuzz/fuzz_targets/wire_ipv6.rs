//! Reads random bytes as IPv6 with extension headers. No parser panics, every slice lies within the bytes, and the other crates read
//! the same.
//!
//! The differences, and their reasons:
//! - etherparse refuses hop-by-hop options after another header when it parses; our `validate` refuses them (RFC 8200 §4.1).
//! - etherparse reads a payload length of 0 as a jumbogram without its option; in RFC 8200 §3 it means no payload.
//! - etherparse continues after the fragment header of a first fragment; we stop, because the upper protocol may be in a later
//!   fragment (RFC 7112).
//! - etherparse passes over an authentication header; here it is an upper protocol, because no edge can verify it.
//! - We follow at most eight extension headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nvo3_wire::edit::{Ipv6Mut, Port};
use nvo3_wire::ipv6::{self, Fields, Kind, Options, Packet};
use nvo3_wire::{Ipv6, Rule, icmpv6, mld};
use pnet_packet::Packet as _;

fuzz_target!(|bytes: &[u8]| {
    options(bytes);
    let _ = icmpv6::Quote::parse(bytes).map(|quote| quote.ports());
    let ours = Packet::parse(bytes);
    let theirs = etherparse::Ipv6HeaderSlice::from_slice(bytes);
    let whole = theirs.as_ref().is_ok_and(|header| usize::from(header.payload_length()) + 40 <= bytes.len());
    assert_eq!(ours.is_ok(), whole);
    let (Ok(packet), Ok(theirs)) = (ours, theirs) else { return };

    let header = packet.header;
    assert_eq!((header.source.0, header.destination.0), (theirs.source(), theirs.destination()));
    assert_eq!((header.hop_limit, header.next_header), (theirs.hop_limit(), theirs.next_header().0));
    assert_eq!((header.traffic_class(), header.flow_label()), (theirs.traffic_class(), theirs.flow_label().value()));
    let smoltcp = smoltcp::wire::Ipv6Packet::new_checked(bytes).unwrap();
    let pnet = pnet_packet::ipv6::Ipv6Packet::new(bytes).unwrap();
    assert_eq!([packet.payload; 2], [smoltcp.payload(), pnet.payload()]);

    chain(&packet, bytes);
    let _ = (packet.to_string(), packet.at_last_destination());
    let _ = mld::Message::parse(&packet).map(|message| (message.validate(), message.to_string()));
    let _ = icmpv6::Message::parse(&packet).map(|message| (message.validate_kind(), message.to_string()));
    answered(bytes);
    changed(bytes);
});

fn chain(packet: &Packet<'_>, bytes: &[u8]) {
    let mut at = 40;
    for extension in packet.extensions() {
        assert_eq!(&bytes[at + 2..][..extension.content.len()], extension.content);
        let mut out = [0xa5; 2048];
        let written = match extension.typed() {
            Ok(Kind::HopByHop(options) | Kind::DestinationOptions(options)) => {
                ipv6::write_options(extension.next, options.iter(), &mut out)
            }
            Ok(Kind::Routing(routing)) => ipv6::write_routing(extension.next, &routing, &mut out),
            Ok(Kind::Fragment(fragment)) => {
                let id = fragment.identification.get();
                let written = ipv6::write_fragment(extension.next, fragment.offset(), fragment.more(), id, &mut out);
                out[1] = bytes[at + 1];
                out[3] |= bytes[at + 3] & 6; // reserved
                written
            }
            Ok(_) => Ok(0), // authentication headers are not written
            Err(error) => {
                assert!(matches!(error.rule, Rule::OptionTruncated { .. }) && packet.validate().is_err());
                Ok(0)
            }
        };
        let length = written.unwrap();
        assert_eq!(out[..length], bytes[at..][..length]);
        at += extension.header_len();
    }
    let Ok(upper) = packet.upper() else {
        return assert!(packet.validate().is_err());
    };
    assert_eq!(&bytes[upper.offset..][..upper.payload.len()], upper.payload);
    let end = 40 + packet.payload.len();
    assert_eq!(upper.offset + upper.payload.len(), end);
    if packet.payload.is_empty()
        || upper.fragment
        || packet.extensions().any(|extension| extension.kind == ipv6::AUTHENTICATION)
    {
        return;
    }
    if let Ok(theirs) = etherparse::Ipv6Slice::from_slice(&bytes[..end]) {
        let payload = theirs.payload();
        assert_eq!((payload.ip_number.0, payload.payload), (upper.protocol, upper.payload));
        assert_eq!(payload.fragmented, upper.fragment);
    } else {
        let first = packet.header.next_header;
        let again = packet.extensions().skip(1).any(|extension| extension.kind == ipv6::HOP_BY_HOP);
        assert!(again, "etherparse refuses {packet}, first {first}");
    }
}

fn options(bytes: &[u8]) {
    let Ok(options) = Options::parse(bytes) else { return };
    let ours: Vec<_> = options.iter().map(|option| (option.kind(), option.wire_len())).collect();
    assert_eq!(ours.iter().map(|(_, length)| length).sum::<usize>(), bytes.len());
    let mut at = 0;
    for (kind, length) in ours {
        let theirs = smoltcp::wire::Ipv6Option::new_checked(&bytes[at..]).unwrap();
        assert_eq!(u8::from(theirs.option_type()), kind);
        if kind != 0 {
            assert_eq!(usize::from(theirs.data_len()) + 2, length);
        }
        at += length;
    }
}

fn answered(bytes: &[u8]) {
    let edge = Ipv6([0x20; 16]);
    let mut out = [0; icmpv6::MINIMUM_MTU];
    for report in [icmpv6::Report::PacketTooBig(1400), icmpv6::Report::ParameterProblem { code: 2, pointer: 42 }] {
        if let Ok(length) = icmpv6::error(report, edge, bytes, false, &mut out) {
            let packet = Packet::parse(&out[..length]).unwrap();
            let message = icmpv6::Message::parse(&packet).unwrap();
            assert_eq!((packet.validate(), message.validate_kind()), (Ok(()), Ok(())));
            assert!(bytes.starts_with(&message.bytes[8..]) && message.quote().is_some());
            assert!(icmpv6::answerable(report, &out[..length], false).is_err());
        }
    }
}

/// Checks that a change of addresses and a port, and the change back, give the first bytes.
fn changed(bytes: &[u8]) {
    let mut copy = bytes.to_vec();
    let Ok(mut packet) = Ipv6Mut::parse(&mut copy) else { return };
    let Fields { source, destination, .. } = fields(packet.header().unwrap());
    let ports = packet.ports();
    packet.set_source(Ipv6([0xfe; 16]));
    packet.set_destination(Ipv6([0xfd; 16]));
    let _ = packet.set_port(Port::Destination, 4789);
    if let Some((_, old)) = ports {
        let _ = packet.set_port(Port::Destination, old);
    }
    packet.set_source(source);
    packet.set_destination(destination);
    // RFC 1624 §3: 0xffff becomes 0, which is the same sum; in UDP 0 becomes 0xffff
    let same = copy.iter().zip(bytes).filter(|(new, old)| new != old).all(|(new, old)| *new ^ *old == 0xff);
    assert!(same);
}

fn fields(header: &ipv6::Header) -> Fields {
    Fields::new(header.source, header.destination)
}
