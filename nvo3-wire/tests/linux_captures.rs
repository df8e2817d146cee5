//! Frames that Linux and QEMU sent, classified one by one and compared with tshark's reading.
//!
//! Needs the folder `linux/` of the captured vectors: `NVO3_VECTORS`, or `../shared/vectors` beside the workspace.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use nvo3_wire::announce::{Kind, classify};
use nvo3_wire::igmp::{self, RecordKind};
use nvo3_wire::tunnel::{Accept, Decap, EcnMode, Encap, Encapsulation};
use nvo3_wire::{Ipv4, ecn, ethernet, flow, icmpv4, ipv4, ipv6, mld, tunnel};
use pcap_file::pcap::PcapReader;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

fn folder() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = PathBuf::from(env::var_os("NVO3_VECTORS").unwrap_or_else(|| default.into())).join("linux");
    if !folder.is_dir() {
        println!("skipped: no folder {} (set NVO3_VECTORS)", folder.display());
        return None;
    }
    Some(folder)
}

/// The capture, tshark's line (`number source destination type protocol info…`) and the frame.
type Captured = (String, Vec<String>, Vec<u8>);

/// All frames of all captures.
fn frames() -> Option<Vec<Captured>> {
    let folder = folder()?;
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let mut lines: BTreeMap<&str, Vec<Vec<String>>> = BTreeMap::new();
    let mut section = "";
    for line in readme.lines() {
        let words: Vec<String> = line.split_whitespace().map(Into::into).collect();
        if let Some(title) = line.strip_prefix("## ") {
            section = title.split(' ').next().unwrap();
        } else if words.first().is_some_and(|word| word.parse::<u32>().is_ok()) {
            lines.entry(section).or_default().push(words);
        }
    }
    let mut frames = Vec::new();
    for (name, lines) in lines {
        let mut reader = PcapReader::new(fs::File::open(folder.join(name)).unwrap()).unwrap();
        let mut read = Vec::new();
        while let Some(packet) = reader.next_packet() {
            read.push(packet.unwrap().data.into_owned());
        }
        assert_eq!(read.len(), lines.len(), "{name}");
        frames.extend(lines.into_iter().zip(read).map(|(line, frame)| (name.to_string(), line, frame)));
    }
    Some(frames)
}

fn kind(frame: &[u8]) -> &'static str {
    match classify(frame).unwrap() {
        Kind::GratuitousRequest(_) => "ARP announcement",
        Kind::GratuitousReply(..) => "gratuitous ARP reply",
        Kind::ArpProbe(_) => "ARP probe",
        Kind::ArpRequest(..) => "ARP request",
        Kind::ArpReply(..) => "ARP reply",
        Kind::RarpAnnouncement(_) => "RARP announcement",
        Kind::RarpRequest(_) => "RARP request",
        Kind::RarpReply(_) => "RARP reply",
        Kind::UnsolicitedNa(_) => "unsolicited NA",
        Kind::SolicitedNa(_) => "solicited NA",
        Kind::DadNs(_) => "DAD NS",
        Kind::ResolutionNs(_) => "resolution NS",
        Kind::UnicastNs(_) => "unicast NS",
        _ => "other",
    }
}

/// The name of this crate for tshark's words.
fn expected(line: &[String]) -> &'static str {
    let (destination, info) = (line[2].rsplit(',').next().unwrap(), line[5..].join(" "));
    let has = |text| info.contains(text);
    match line[4].as_str() {
        _ if line[3].ends_with("0x88a8") => "other", // two tags; the classifier reads one
        "ARP" if has("ARP Announcement for") || has("(Request)") => "ARP announcement",
        "ARP" if has("(Reply)") => "gratuitous ARP reply",
        "ARP" if has("Tell 0.0.0.0") => "ARP probe",
        "ARP" if has("Who has") => "ARP request",
        "ARP" if has(" is at ") => "ARP reply",
        "RARP" if has("Who is") && line[7].trim_end_matches('?') == line[9] => "RARP announcement",
        "ICMPv6" if has("Neighbor Advertisement") && has("(sol") => "solicited NA",
        "ICMPv6" if has("Neighbor Advertisement") => "unsolicited NA",
        "ICMPv6" if has("Neighbor Solicitation") && !has(" from ") => "DAD NS",
        "ICMPv6" if has("Neighbor Solicitation") && destination.starts_with("33:33") => "resolution NS",
        "ICMPv6" if has("Neighbor Solicitation") => "unicast NS",
        "ARP" | "RARP" => panic!("what is {line:?}?"),
        _ => "other",
    }
}

fn opened(frame: &[u8]) -> Decap<'_> {
    let accept = Accept { inner_vlan: true, ..Accept::default() };
    tunnel::decap_frame(frame, &accept).unwrap().unwrap()
}

/// The tenant's frame: the captured one, or the inner frame of a tunnel.
fn tenant_frame<'a>(capture: &str, frame: &'a [u8]) -> &'a [u8] {
    if !capture.starts_with("vxlan") {
        return frame;
    }
    opened(frame).carried.inner
}

/// Checks ARMD-13, ARMD-14.
#[test]
fn every_frame_is_what_tshark_says_it_is() {
    let Some(frames) = frames() else { return };
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for (capture, line, frame) in &frames {
        let kind = kind(tenant_frame(capture, frame));
        assert_eq!(kind, expected(line), "{capture} {line:?}");
        *counts.entry(kind).or_default() += 1;
    }
    println!("{} frames: {counts:?}", frames.len());
    for seen in
        ["ARP announcement", "gratuitous ARP reply", "ARP probe", "RARP announcement", "unsolicited NA", "DAD NS"]
    {
        assert!(counts.contains_key(seen), "no {seen} in the captures");
    }
}

/// Checks VXL-01, VXL-04, VXL-05.
#[test]
fn the_kernels_tunnel_packets_are_rebuilt_but_for_id_label_and_source_port() {
    let Some(frames) = frames() else { return };
    for (capture, line, frame) in frames.iter().filter(|(capture, ..)| capture.starts_with("vxlan")) {
        let theirs = opened(frame);
        let inner = theirs.carried.inner;
        let compatible = if theirs.ecn == ecn::Ecn::NotEct { EcnMode::Compatibility } else { EcnMode::Normal };
        let ethernet = ethernet::Frame::parse(frame).unwrap().header;
        let encap = Encap::new(Encapsulation::Vxlan, theirs.source, theirs.destination, theirs.carried.vni)
            .unwrap()
            .with_udp_checksum(theirs.checksummed)
            .with_ecn(compatible)
            .with_ethernet(ethernet.source, ethernet.destination);
        let mut ours = vec![0; encap.len() + inner.len()];

        encap.write(flow::entropy(inner), inner, &mut ours).unwrap();

        let again = opened(&ours);
        let mut expected = theirs;
        expected.entropy = again.entropy; // Linux hashes flows in another way
        assert_eq!(again, expected, "{capture} {line:?}");
        let at = theirs.carried.inner_offset - 8;
        assert_eq!((&frame[..14], &frame[at..]), (&ours[..14], &ours[at..]));
        assert!(again.entropy >= 49152);
    }
}

/// tshark's words for an IGMP message.
fn igmp_words(message: &igmp::Message<'_>) -> String {
    match message.kind {
        igmp::Kind::Query(query) if query.group.is_unspecified() => "Membership Query, general".into(),
        igmp::Kind::Records(records) => {
            let record = records.iter().next().unwrap();
            match record.kind {
                RecordKind::ToInclude => format!("Membership Report / Leave group {}", record.group),
                RecordKind::IsExclude | RecordKind::ToExclude => {
                    format!("Membership Report / Join group {} for any sources", record.group)
                }
                other => panic!("{other}"),
            }
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_kernels_group_messages_and_redirects_keep_every_rule() {
    let (mut groups, mut redirects) = (0, 0);
    for (name, line, frame) in frames().unwrap_or_default() {
        let frame = tenant_frame(&name, &frame);
        let link = ethernet::Link::parse(frame).unwrap();
        link.validate().unwrap();
        let words = line[4..].join(" ");
        if line[4] == "IGMPv3" {
            let message = igmp::Message::parse(&ipv4::Packet::parse(link.payload).unwrap()).unwrap();
            assert_eq!((message.validate(), igmp_words(&message)), (Ok(()), line[5..].join(" ")), "{name}");
            groups += 1;
        } else if words.starts_with("ICMPv6 Multicast Listener") {
            let message = mld::Message::parse(&ipv6::Packet::parse(link.payload).unwrap()).unwrap();
            assert_eq!(message.validate(), Ok(()), "{name} {line:?}");
            assert_eq!(matches!(message.kind, mld::Kind::Query(_)), words.ends_with("Query"), "{name} {line:?}");
            groups += 1;
        } else if words.starts_with("ICMP Redirect") {
            let packet = ipv4::Packet::parse(link.payload).unwrap();
            let message = icmpv4::Message::parse(packet.payload).unwrap();
            assert_eq!(message.validate(), Ok(()));
            let (icmpv4::Kind::Redirect { code: 1, gateway }, Some(quote)) = (message.kind(), message.quote()) else {
                panic!("{message}")
            };
            assert_eq!((gateway, quote.header.source), (Ipv4([192, 0, 2, 2]), packet.header.destination));
            redirects += 1;
        }
    }
    println!("{groups} group messages, {redirects} redirects");
}
