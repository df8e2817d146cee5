//! Dissects a random frame. No walk panics, and every layer lies within the frame. A lax walk finds the layers of a strict walk.
//! Both find the layers and fields that etherparse finds. smoltcp reads the same fields from each layer that it knows.
//!
//! The differences from etherparse, and their reasons:
//! - etherparse does not read the options of IPv4 and IPv6; we stop at malformed options (RFC 791 §3.1, RFC 8200 §4.2).
//! - etherparse shows ARP of any address types; we stop at ARP that is not of IPv4 over Ethernet (ARP-02).
//! - etherparse shows the first bytes of any IGMP or ICMPv6 message; we stop at a message that is shorter than its type needs.
//! - etherparse reads an IPv6 payload length of 0, or a UDP length of 0, as "to the end"; only a jumbogram means that.
//! - The lax walk of etherparse also accepts a length below its own header; our lax walk accepts only missing bytes.
//! - etherparse follows the version of an IP header; we also require the EtherType or protocol number of that version.
//! - etherparse reads ICMP and IGMP over IPv6, and ICMPv6 over IPv4; we read each over its own IP version only.
//! - etherparse does not read an IEEE 802.3 length; we stop at a length beyond the frame.
//! - etherparse passes over MACsec, and over one authentication header in IPv4; we pass over any number of the latter.
//! - We follow at most eight extension headers.
#![no_main]

use etherparse::{LaxLinkExtSlice, LaxNetSlice, LaxSlicedPacket, LinkExtSlice, NetSlice, SlicedPacket, TransportSlice};
use libfuzzer_sys::fuzz_target;
use nvo3_wire::dissect::{Dissect, Found, Kind, Layer, Stop};
use nvo3_wire::{EtherType, Rule, flow, ila, nd};

fuzz_target!(|frame: &[u8]| {
    walked(frame, |bytes| Dissect::new(bytes));
    walked(frame, |bytes| Dissect::ip(bytes).vxlan_port(8472).sir_prefix(ila::Prefix([0x20; 8])));
    if let Some((ether_type, payload)) = frame.split_first_chunk() {
        walked(payload, |bytes| Dissect::carried(EtherType(*ether_type), bytes));
    }
    cut(frame);
    let _ = (flow::key(frame), flow::packet_key(frame));
    beside_etherparse(frame);
});

/// Checks that a frame cut by a capture gives the layers of the whole frame. A header that the capture cut is not broken.
fn cut(frame: &[u8]) {
    let Some((at, frame)) = frame.split_first() else { return };
    let kept = &frame[..usize::from(*at).min(frame.len())];
    for (found, whole) in Dissect::new(kept).captured(frame.len()).zip(Dissect::new(frame)) {
        match (found, whole) {
            (Ok(found), Ok(whole)) => assert_eq!((found.kind(), found.offset), (whole.kind(), whole.offset)),
            (Err(stop), whole) => assert!(stop.cut || whole.is_err(), "{stop}"),
            (Ok(_), Err(_)) => {} // a cut message lacks some of its options
        }
    }
}

/// The layers, and the reason for the end of the walk.
fn collected(walk: Dissect<'_>) -> (Vec<Found<'_>>, Option<Stop>) {
    let mut layers = Vec::new();
    for found in walk {
        match found {
            Ok(found) => layers.push(found),
            Err(stop) => return (layers, Some(stop)),
        }
    }
    (layers, None)
}

fn walked<'a>(frame: &'a [u8], start: impl Fn(&'a [u8]) -> Dissect<'a>) {
    let (strict, strict_stop) = collected(start(frame));
    let (lax, lax_stop) = collected(start(frame).lax());
    for found in strict.iter().chain(&lax) {
        assert!(found.offset + found.len <= found.end && found.end <= frame.len(), "{found:?}");
        assert!(frame[found.offset..found.end].ends_with(found.payload()) || found.kind() == Kind::Ila);
        if let Err(error) = found.validate() {
            assert!((found.offset..=found.end).contains(&error.offset), "{error} of {found:?}");
        }
        let _ = found.layer.to_string();
        if let Layer::Nd(message) = found.layer {
            message.options().into_iter().flatten().for_each(|option: nd::NdOption<'_>| {
                let _ = option.validate();
            });
        }
        beside_smoltcp(frame, found);
    }
    assert!(strict.len() <= lax.len());
    for (strict, lax) in strict.iter().zip(&lax) {
        assert_eq!((strict.kind(), strict.offset, strict.len), (lax.kind(), lax.offset, lax.len));
    }
    for stop in strict_stop.iter().chain(&lax_stop) {
        assert!(stop.error.offset <= frame.len(), "{stop}");
        assert!(stop.missing().is_none_or(|(needed, available)| needed > available), "{stop}");
    }
    assert!(strict_stop.is_some() || lax_stop.is_none());
}

fn beside_smoltcp(frame: &[u8], found: &Found<'_>) {
    use smoltcp::wire;
    let bytes = &frame[found.offset..found.end];
    match &found.layer {
        Layer::Ethernet(header) => {
            let theirs = wire::EthernetFrame::new_checked(bytes).unwrap();
            assert_eq!((theirs.src_addr().0, theirs.dst_addr().0), (header.source.0, header.destination.0));
            assert_eq!(u16::from(theirs.ethertype()), header.ether_type.get());
        }
        Layer::Arp(arp) => {
            let theirs = wire::ArpPacket::new_checked(bytes).unwrap();
            assert_eq!(
                (theirs.source_protocol_addr(), theirs.target_hardware_addr()),
                (&arp.sender_ip.0[..], &arp.target_mac.0[..])
            );
        }
        Layer::Ipv4(packet) if found.cut.is_none() => {
            let Ok(theirs) = wire::Ipv4Packet::new_checked(bytes) else { return };
            assert_eq!(
                (theirs.src_addr().octets(), theirs.dst_addr().octets()),
                (packet.header.source.0, packet.header.destination.0)
            );
            assert_eq!((usize::from(theirs.header_len()), theirs.payload()), (found.len, packet.payload));
        }
        Layer::Ipv6(packet) if found.cut.is_none() => {
            let theirs = wire::Ipv6Packet::new_checked(bytes).unwrap();
            assert_eq!(
                (theirs.src_addr().octets(), theirs.dst_addr().octets()),
                (packet.header.source.0, packet.header.destination.0)
            );
            assert_eq!(theirs.payload(), packet.payload);
        }
        Layer::Udp(datagram) if found.cut.is_none() => {
            // smoltcp refuses destination port 0, and RFC 768 permits it
            let Ok(theirs) = wire::UdpPacket::new_checked(bytes) else { return };
            assert_eq!((theirs.src_port(), theirs.payload()), (datagram.header.source_port.get(), datagram.payload));
        }
        Layer::Tcp(segment) => {
            let Ok(theirs) = wire::TcpPacket::new_checked(bytes) else { return };
            assert_eq!((usize::from(theirs.header_len()), theirs.payload()), (found.len, segment.payload));
        }
        _ => {}
    }
}

/// The layers that a walk of etherparse found: tags, then the network header and the transport header.
struct Theirs<'a> {
    tags: Vec<u16>,
    net: Option<(Kind, &'a [u8])>,
    transport: Option<(Kind, &'a [u8])>,
}

fn beside_etherparse(frame: &[u8]) {
    if let Ok(theirs) = SlicedPacket::from_ethernet(frame) {
        let macsec = theirs.link_exts.iter().any(|ext| matches!(ext, LinkExtSlice::Macsec(_)));
        let tags = theirs.link_exts.iter().filter_map(|ext| match ext {
            LinkExtSlice::Vlan(tag) => Some(tag.vlan_identifier().value()),
            LinkExtSlice::Macsec(_) => None,
        });
        let net = theirs.net.as_ref().map(|net| match net {
            NetSlice::Ipv4(ip) => (Kind::Ipv4, ip.header().slice()),
            NetSlice::Ipv6(ip) => (Kind::Ipv6, ip.header().slice()),
            NetSlice::Arp(arp) => (Kind::Arp, arp.slice()),
        });
        let theirs = Theirs { tags: tags.collect(), net, transport: theirs.transport.as_ref().map(transport) };
        if !macsec {
            compare(frame, Dissect::new(frame), &theirs);
        }
    }
    if let Ok(theirs) = LaxSlicedPacket::from_ethernet(frame) {
        let macsec = theirs.link_exts.iter().any(|ext| matches!(ext, LaxLinkExtSlice::Macsec(_)));
        let tags = theirs.link_exts.iter().filter_map(|ext| match ext {
            LaxLinkExtSlice::Vlan(tag) => Some(tag.vlan_identifier().value()),
            LaxLinkExtSlice::Macsec(_) => None,
        });
        let net = theirs.net.as_ref().map(|net| match net {
            LaxNetSlice::Ipv4(ip) => (Kind::Ipv4, ip.header().slice()),
            LaxNetSlice::Ipv6(ip) => (Kind::Ipv6, ip.header().slice()),
            LaxNetSlice::Arp(arp) => (Kind::Arp, arp.slice()),
        });
        let theirs = Theirs { tags: tags.collect(), net, transport: theirs.transport.as_ref().map(transport) };
        if !macsec {
            compare(frame, Dissect::new(frame).lax(), &theirs);
        }
    }
}

fn transport<'a>(transport: &TransportSlice<'a>) -> (Kind, &'a [u8]) {
    match transport {
        TransportSlice::Icmpv4(message) => (Kind::Icmpv4, message.slice()),
        TransportSlice::Icmpv6(message) => (Kind::Icmpv6, message.slice()),
        TransportSlice::Igmp(message) => (Kind::Igmp, message.slice()),
        TransportSlice::Udp(datagram) => (Kind::Udp, datagram.slice()),
        TransportSlice::Tcp(segment) => (Kind::Tcp, segment.slice()),
    }
}

fn compare(frame: &[u8], walk: Dissect<'_>, theirs: &Theirs<'_>) {
    let (ours, stop) = collected(walk);
    let tags = ours.iter().filter_map(|found| match found.layer {
        Layer::Vlan(_, tag) => Some(tag.id()),
        _ => None,
    });
    if stop.is_some_and(|stop| matches!(stop.kind, Kind::Vlan | Kind::Ieee8023)) {
        return;
    }
    assert!(tags.collect::<Vec<_>>().starts_with(&theirs.tags));
    for (kind, slice) in theirs.net.into_iter().chain(theirs.transport) {
        let at = slice.as_ptr() as usize - frame.as_ptr() as usize;
        let found = ours.iter().find(|found| found.offset == at && found.kind() == kind);
        match found {
            None if excused(&ours, stop, kind) => return,
            None => panic!("no {kind} at {at}: {ours:?} {stop:?}"),
            Some(found) => {
                assert!(slice.len() >= found.len || kind == Kind::Icmpv6, "{kind} {} {found:?}", slice.len())
            }
        }
    }
}

fn excused(ours: &[Found<'_>], stop: Option<Stop>, theirs: Kind) -> bool {
    let is_v6 = ours.iter().any(|found| matches!(found.layer, Layer::Ipv6(_)));
    let of_other_version = match theirs {
        Kind::Icmpv4 | Kind::Igmp => is_v6,
        Kind::Icmpv6 => !is_v6,
        _ => false,
    };
    let rarp = ours.iter().any(|found| found.kind() == Kind::Rarp);
    let authenticated = ours.iter().any(|found| match found.layer {
        Layer::Ipv4(packet) => packet.header.protocol == 51,
        Layer::Ipv6(packet) => packet.header.next_header == 51,
        Layer::Extension(extension) => extension.next == 51,
        _ => false,
    });
    let no_jumbo =
        ours.iter().any(|found| matches!(found.layer, Layer::Ipv6(ip) if ip.header.payload_length.get() == 0));
    of_other_version
        || authenticated
        || no_jumbo
        || rarp
        || stop.is_some_and(|stop| match stop.error.rule {
            _ if matches!((stop.kind, theirs), (Kind::Ipv4, Kind::Ipv6) | (Kind::Ipv6, Kind::Ipv4)) => true,
            Rule::OptionTruncated { .. } | Rule::OptionLength { .. } | Rule::TooManyExtensions(_) => true,
            Rule::Length(_) | Rule::Version(_) => true,
            Rule::HardwareType(_) | Rule::ProtocolType(_) | Rule::AddressLengths { .. } => stop.kind == Kind::Arp,
            Rule::Truncated { .. } => stop.kind == theirs && matches!(theirs, Kind::Icmpv6 | Kind::Igmp | Kind::Arp),
            _ => false,
        })
}
