//! Reads random bytes as IPv4 with options and fragments. No parser panics, every slice lies within the bytes, and etherparse,
//! smoltcp and pnet read the same.
//!
//! The differences, and their reasons:
//! - All three accept options whose lengths do not fit. In RFC 791 §3.1 the length counts the whole option, and RFC 1122 §3.2.1.8
//!   gives an option with another length no meaning.
//! - etherparse drops the reserved flag, so its checksum would be of another header. RFC 791 §3.1 sums the header as it is, so we
//!   compare with pnet.
//! - All three compare a checksum with the one that they compute. RFC 1071 §1 wants the sum 0xffff, so 0xffff and 0 are the same.
//! - smoltcp and pnet check neither the version (RFC 1122 §3.2.1.1) nor that the header has five words (RFC 791 §3.1).
#![no_main]

use libfuzzer_sys::fuzz_target;
use nvo3_wire::edit::{Ipv4Mut, Port};
use nvo3_wire::ipv4::{Fields, Options, Packet};
use nvo3_wire::{Ipv4, Rule, icmpv4, igmp};
use pnet_packet::Packet as _;

fuzz_target!(|bytes: &[u8]| {
    let ours = Packet::parse(bytes);
    let theirs = etherparse::Ipv4HeaderSlice::from_slice(bytes);
    let whole = theirs.as_ref().is_ok_and(|header| {
        let total = usize::from(header.total_len());
        (usize::from(header.ihl()) * 4..=bytes.len()).contains(&total) && Options::parse(header.options()).is_ok()
    });
    assert_eq!(ours.is_ok(), whole);
    let _ = icmpv4::Quote::parse(bytes).map(|quote| quote.ports());
    let (Ok(packet), Ok(theirs)) = (ours, theirs) else { return };

    let header = packet.header;
    assert_eq!(packet.payload, &bytes[packet.header_len()..][..packet.payload.len()]);
    assert_eq!(packet.header_len() + packet.payload.len(), usize::from(header.total_length.get()));
    assert_eq!((header.source.0, header.destination.0), (theirs.source(), theirs.destination()));
    assert_eq!((header.ttl, header.protocol, packet.options), (theirs.ttl(), theirs.protocol().0, theirs.options()));
    assert_eq!(
        (header.fragment_offset(), header.more_fragments(), header.is_fragment()),
        (theirs.fragments_offset().byte_offset() as usize, theirs.more_fragments(), theirs.is_fragmenting_payload())
    );
    let class = theirs.dcp().value() << 2 | theirs.ecn().value();
    assert_eq!((header.traffic_class, header.identification.get()), (class, theirs.identification()));

    let smoltcp = smoltcp::wire::Ipv4Packet::new_checked(bytes).unwrap();
    assert_eq!(packet.payload, smoltcp.payload());
    let wrong = matches!(packet.validate(), Err(error) if matches!(error.rule, Rule::Checksum(_)));
    let (calculated, there) = (pnet_packet::util::checksum(&bytes[..packet.header_len()], 5), header.checksum.get());
    assert_eq!(wrong, calculated != there && (calculated, there) != (0, 0xffff));
    let pnet = pnet_packet::ipv4::Ipv4Packet::new(bytes).unwrap();
    assert_eq!((pnet.get_source().octets(), pnet.payload()), (header.source.0, packet.payload));

    let _ = (packet.to_string(), igmp::Message::parse(&packet).map(|message| message.validate()));
    again(&packet, bytes);
    answered(bytes);
    changed(bytes, !wrong);
});

/// Checks that a packet built from the read values has the same header, with a correct checksum.
fn again(packet: &Packet<'_>, bytes: &[u8]) {
    let header = packet.header;
    let fields = Fields {
        traffic_class: header.traffic_class,
        identification: header.identification.get(),
        fragment: header.fragment.get(),
        ttl: header.ttl,
        protocol: header.protocol,
        source: header.source,
        destination: header.destination,
    };
    let mut out = [0xa5; 60];
    let Ok(length) = fields.write(packet.iter_options(), packet.payload.len(), &mut out) else { panic!("{packet}") };
    let ended = packet.iter_options().any(|option| option.kind() == 0);
    assert!(length == packet.header_len() || ended && length < packet.header_len());
    if length == packet.header_len() && !ended {
        out[10..12].copy_from_slice(&bytes[10..12]);
        assert_eq!(out[..length], bytes[..length]);
    }
}

fn answered(bytes: &[u8]) {
    let edge = Ipv4([192, 0, 2, 254]);
    let mut out = [0; 576];
    if let Ok(length) = icmpv4::error(icmpv4::Report::FragmentationNeeded(1450), edge, bytes, false, &mut out) {
        let packet = Packet::parse(&out[..length]).unwrap();
        let message = icmpv4::Message::parse(packet.payload).unwrap();
        assert_eq!((packet.validate(), message.validate()), (Ok(()), Ok(())));
        assert!(bytes.starts_with(message.payload) && message.quote().is_some());
        assert!(icmpv4::answerable(&packet, false).is_err());
    }
}

/// Checks that a header with a correct checksum keeps a correct one after changes.
fn changed(bytes: &[u8], right: bool) {
    let mut copy = bytes.to_vec();
    let mut packet = Ipv4Mut::parse(&mut copy).unwrap();
    packet.set_source(Ipv4([10, 1, 2, 3]));
    packet.set_destination(Ipv4([10, 1, 2, 4]));
    packet.set_traffic_class(0xb8);
    let _ = packet.set_port(Port::Source, 4789);
    let _ = packet.decrement_ttl();
    let verdict = Packet::parse(&copy).unwrap().validate().map_err(|error| error.rule);
    assert_eq!(matches!(verdict, Err(Rule::Checksum(_))), !right);
}
