//! Reading, validating, printing, editing and building allocate no memory.
//!
//! The frames are those built here and, if `NVO3_VECTORS` (default `../shared/vectors` beside the workspace) has them,
//! the generated ones with their broken ones.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use nvo3_wire::build::{HopByHop, Layer, Layers};
use nvo3_wire::checksum::Field;
use nvo3_wire::dissect::Dissect;
use nvo3_wire::edit::Ipv6Mut;
use nvo3_wire::{
    EtherType, Ipv4, Ipv6, Mac, Vni, announce, arp, dhcpv4, dhcpv6, ethernet, flow, geneve, icmpv4, icmpv6, igmp,
};
use nvo3_wire::{ipv4, ipv6, mld, nd, tcp, tunnel, udp};
use pcap_file::pcap::PcapReader;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::fmt::{self, Write};
use std::hint::black_box;
use std::path::PathBuf;
use std::{env, fs};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MAC: Mac = Mac([2, 0, 0x5e, 0, 0x53, 1]);
const IP: Ipv4 = Ipv4([192, 0, 2, 1]);
const IP6: Ipv6 = Ipv6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

/// A writer that drops its text.
struct Sink;

impl Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        black_box(text);
        Ok(())
    }
}

/// Walks over a frame in every mode, and calls every method of the layers.
fn read(frame: &[u8]) {
    for walk in [Dissect::new(frame), Dissect::new(frame).lax(), Dissect::ip(frame.get(14..).unwrap_or_default())] {
        for found in walk {
            let _ = match found {
                Ok(found) => {
                    let _ = black_box((found.validate(), found.payload(), found.kind()));
                    write!(Sink, "{} {}", found.kind(), found.layer)
                }
                Err(stop) => write!(Sink, "{stop}"),
            };
        }
    }
    black_box((announce::classify(frame).is_ok(), flow::entropy(frame), flow::key(frame)));
    let Ok(link) = ethernet::Link::parse(frame) else { return };
    if let Ok(packet) = ipv4::Packet::parse(link.payload) {
        black_box((
            packet.validate().is_ok(),
            packet.iter_options().count(),
            tunnel::decap(link.payload, &tunnel::Accept::default()).is_ok(),
        ));
        black_box(igmp::Message::parse(&packet).is_ok_and(|message| message.validate().is_ok()));
        black_box(icmpv4::Message::parse(packet.payload).is_ok_and(|message| message.quote().is_some()));
        black_box(tcp::Segment::parse(packet.payload).is_ok());
        if let Ok(datagram) = udp::Datagram::parse(packet.payload) {
            dhcp(datagram.payload);
        }
    }
    if let Ok(packet) = ipv6::Packet::parse(link.payload) {
        black_box((packet.validate().is_ok(), packet.extensions().count(), mld::Message::parse(&packet).is_ok()));
        black_box(icmpv6::Message::parse(&packet).is_ok_and(|message| message.quote().is_some()));
        black_box(nd::Nd::parse(&packet).is_ok_and(|message| message.validate().is_ok()));
    }
}

/// Reads a payload as DHCP of either family.
fn dhcp(payload: &[u8]) {
    if let Ok(message) = dhcpv4::Message::parse(payload) {
        let _ = black_box((message.validate(), message.wanted(), message.given_up(), write!(Sink, "{message}")));
    }
    if let Ok(message) = dhcpv6::Message::parse(payload) {
        let _ = black_box((message.validate(), message.wanted().count(), write!(Sink, "{message}")));
    }
}

/// Writes a frame of each builder to `out`, and calls `then` with each.
fn build(out: &mut [u8; 256], mut then: impl FnMut(&[u8])) {
    let length = arp::announcement(MAC, IP, out).unwrap();
    then(&out[..length]);
    let length = nd::dad(MAC, IP6, None, out).unwrap();
    then(&out[..length]);

    let mut inner = [0; arp::FRAME_LEN];
    arp::probe(MAC, IP, &mut inner).unwrap();
    let header = ethernet::Header { destination: MAC, source: MAC, ether_type: EtherType::IPV6 };
    let alert = [ipv6::Ipv6Option::RouterAlert(0)];
    let ip6 = ipv6::Fields::new(IP6, Ipv6::ALL_NODES);
    let udp = udp::Fields { source_port: flow::entropy(&inner), destination_port: geneve::PORT };
    let tunnel = geneve::Header::new(Vni::MAX, EtherType::BRIDGING, geneve::Options::NONE).unwrap();
    let length = (header, ip6, HopByHop(&alert), udp, tunnel, inner).write(out).unwrap();
    assert!(Ipv6Mut::parse(&mut out[14..length]).unwrap().decrement_hop_limit());
    then(&out[..length]);

    let (kind, group) = (igmp::RecordKind::Allow, IP6.solicited_node());
    let record = mld::Record { kind, group, sources: &[IP6], auxiliary: &[] };
    let length = (header, ip6, HopByHop(&alert), mld::Report(&[record])).write(out).unwrap();
    then(&out[..length]);
    let record = igmp::Record { kind, group: Ipv4([239, 1, 2, 3]), sources: &[IP], auxiliary: &[] };
    let length = (header, ipv4::Fields::new(IP, IP), igmp::Report(&[record])).write(out).unwrap();
    then(&out[..length]);

    let [mut message, mut association] = [[0; 252], [0; 252]];
    message[..3].copy_from_slice(&[1, 1, 6]);
    message[236..240].copy_from_slice(&dhcpv4::COOKIE.to_be_bytes());
    message[240..250].copy_from_slice(&[53, 1, 3, 50, 4, 192, 0, 2, 1, 255]);
    association[..8].copy_from_slice(&[3, 0, 0, 0, 0, 3, 0, 40]);
    association[20..24].copy_from_slice(&[0, 5, 0, 24]);
    assert!(dhcpv4::Message::parse(&message).unwrap().wanted().is_some());
    assert_eq!(dhcpv6::Message::parse(&association[..48]).unwrap().wanted().count(), 1);
    dhcp(&message);
    dhcp(&association[..48]);

    let header = ethernet::Header { ether_type: EtherType::IPV4, ..header };
    let fields = ipv4::Fields::new(IP, IP);
    let length = (header, fields, udp.with_checksum(Field::Zero), inner).write(out).unwrap();
    then(&out[..length]);
    let encap = tunnel::Encap::new(tunnel::Encapsulation::Vxlan, IP, IP, Vni::MAX).unwrap();
    let tunnelled = encap.write(7, &inner, &mut out[14..]).unwrap();
    then(&out[..14 + tunnelled]);
}

fn generated() -> Vec<Vec<u8>> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = PathBuf::from(env::var_os("NVO3_VECTORS").unwrap_or_else(|| default.into())).join("gen/seed1");
    if !folder.is_dir() {
        println!("no folder {} (set NVO3_VECTORS): frames built here alone", folder.display());
        return Vec::new();
    }
    let mut frames = Vec::new();
    for name in ["valid.pcap", "invalid.pcap", "lenient.pcap"] {
        let mut reader = PcapReader::new(fs::File::open(folder.join(name)).unwrap()).unwrap();
        while let Some(packet) = reader.next_packet() {
            frames.push(packet.unwrap().data.into_owned());
        }
    }
    frames
}

#[test]
fn neither_reading_nor_judging_nor_printing_nor_building_allocates() {
    let frames = generated();
    let mut out = [0; 256];
    let region = Region::new(ALLOCATOR);

    build(&mut out, read);
    frames.iter().for_each(|frame| read(frame));

    let used = region.change();
    assert_eq!((used.allocations, used.reallocations), (0, 0));
}
