//! Frames of another packet library, built again from the values that it got. The bytes must be equal.
//!
//! Needs the folder of the vectors: `NVO3_VECTORS`, or `../shared/vectors` beside the workspace.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../../examples/dissect/capture.rs"]
mod capture;
mod captured;
mod nd;

use nvo3_wire::arp::Arp;
use nvo3_wire::build::{DestinationOptions, Fragment, HopByHop, IpProtocol, Layer, Layers, Padding};
use nvo3_wire::checksum::Field;
use nvo3_wire::ethernet::{Header, LlcHeader, Snap, Tag};
use nvo3_wire::geneve::{self, GeneveOption, OptionKind};
use nvo3_wire::gre::Gre;
use nvo3_wire::ipv6::Routing;
use nvo3_wire::{EtherType, Ipv4, Ipv6, Mac, Vni, icmpv4, ipv4, ipv6, nvgre, tcp, udp, vxlan, vxlan_gpe};
use pcap_file::pcap::PcapReader;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};
use zerocopy::FromBytes;
use zerocopy::big_endian::U16;

/// The rows of `valid.jsonl`, each with its frame.
fn rows() -> Vec<(Value, Vec<u8>)> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = PathBuf::from(env::var_os("NVO3_VECTORS").unwrap_or_else(|| default.into())).join("gen/seed1");
    if !folder.is_dir() {
        println!("skipped: no folder {} (set NVO3_VECTORS)", folder.display());
        return Vec::new();
    }
    let rows = fs::read_to_string(folder.join("valid.jsonl")).unwrap();
    let mut frames = PcapReader::new(fs::File::open(folder.join("valid.pcap")).unwrap()).unwrap();
    rows.lines()
        .map(|row| (serde_json::from_str(row).unwrap(), frames.next_packet().unwrap().unwrap().data.into_owned()))
        .collect()
}

/// The values that a row does not have, with the number of layers. The test reads them from the frame.
type Taken = BTreeMap<&'static str, u32>;

/// One layer of a row, and the frame for the values that the row does not have.
struct Row<'a> {
    all: &'a [Value],
    at: usize,
    frame: &'a [u8],
}

impl<'a> Row<'a> {
    fn layer(&self) -> &'a Value {
        &self.all[self.at]
    }

    fn proto(&self) -> &'a str {
        self.layer()["proto"].as_str().unwrap()
    }

    fn next_proto(&self) -> Option<&'a str> {
        self.all.get(self.at + 1).and_then(|layer| layer["proto"].as_str())
    }

    fn number(&self, key: &str) -> u64 {
        let value = &self.layer()["fields"][key];
        value.as_u64().unwrap_or_else(|| panic!("{key} in {}", self.layer()))
    }

    fn flag(&self, key: &str) -> bool {
        self.number(key) == 1
    }

    fn text<T: std::str::FromStr>(&self, key: &str) -> T {
        let value = self.layer()["fields"][key].as_str();
        value.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{key} in {}", self.layer()))
    }

    fn ipv4(&self, key: &str) -> Ipv4 {
        self.text::<std::net::Ipv4Addr>(key).into()
    }

    fn ipv6(&self, key: &str) -> Ipv6 {
        self.text::<std::net::Ipv6Addr>(key).into()
    }

    fn offset(&self) -> usize {
        self.layer()["off"].as_u64().unwrap() as usize
    }

    /// The bytes of the layer with its options.
    fn bytes(&self) -> &'a [u8] {
        &self.frame[self.offset()..self.behind()]
    }

    fn behind(&self) -> usize {
        self.offset() + self.layer()["len"].as_u64().unwrap() as usize
    }

    fn end(&self) -> usize {
        self.layer()["end"].as_u64().unwrap() as usize
    }

    /// The EtherType to give to a header: a wrong one if the builder must fill it, otherwise the row's.
    fn ether_type(&self, key: &str) -> EtherType {
        match self.next_proto() {
            None | Some("payload" | "vlan" | "arp" | "rarp" | "nsh") => {
                EtherType((self.number(key) as u16).to_be_bytes())
            }
            Some(_) => EtherType([0xff; 2]),
        }
    }

    /// A protocol number for bytes after a header that does not have one.
    fn named(&self) -> Option<IpProtocol> {
        matches!(self.next_proto(), None | Some("payload")).then(|| IpProtocol(self.number("nh") as u8))
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Slices that layers borrow. A test may leak them.
fn kept<'a, T: 'a>(values: Vec<T>) -> &'a [T] {
    Box::leak(values.into_boxed_slice())
}

fn layer<'a>(row: &Row<'a>, taken: &mut Taken, out: &mut Vec<Box<dyn Layer + 'a>>) {
    let mut take = |what| *taken.entry(what).or_default() += 1;
    match row.proto() {
        "eth" => {
            let ether_type = row.ether_type("type");
            out.push(Box::new(Header { destination: row.text("dst"), source: row.text("src"), ether_type }));
        }
        "eth_802_3" => {
            let ether_type = EtherType([0xff; 2]);
            out.push(Box::new(Header { destination: row.text("dst"), source: row.text("src"), ether_type }));
        }
        "llc" => {
            let [dsap, ssap, control] = ["dsap", "ssap", "ctrl"].map(|key| row.number(key) as u8);
            out.push(Box::new(LlcHeader { dsap, ssap, control }));
        }
        "snap" => {
            let [_, a, b, c] = (row.number("oui") as u32).to_be_bytes();
            out.push(Box::new(Snap { oui: [a, b, c], protocol: row.ether_type("pid") }));
        }
        "vlan" => {
            let (id, priority) = (row.number("vid") as u16, row.number("pcp") as u8);
            out.push(Box::new(Tag::new(id, priority, row.flag("dei"), row.ether_type("type"))));
        }
        "arp" | "rarp" => {
            let target_ip = if row.layer()["fields"]["tpa"].is_null() {
                take("rarp target address: undefined in a request, absent from the row");
                *Ipv4::ref_from_bytes(&row.bytes()[24..28]).unwrap()
            } else {
                row.ipv4("tpa")
            };
            out.push(Box::new(Arp {
                hardware: U16::new(row.number("htype") as u16),
                protocol: U16::new(row.number("ptype") as u16),
                hardware_len: row.number("hlen") as u8,
                protocol_len: row.number("plen") as u8,
                operation: U16::new(row.number("op") as u16),
                sender_mac: row.text::<Mac>("sha"),
                sender_ip: row.ipv4("spa"),
                target_mac: row.text("tha"),
                target_ip,
            }));
        }
        "ipv4" => {
            let fields = ipv4::Fields {
                traffic_class: (row.number("dscp") << 2 | row.number("ecn")) as u8,
                identification: row.number("id") as u16,
                fragment: (row.number("df") << 14 | row.number("mf") << 13 | row.number("frag_offset") >> 3) as u16,
                ttl: row.number("ttl") as u8,
                protocol: row.number("proto") as u8,
                source: row.ipv4("src"),
                destination: row.ipv4("dst"),
            };
            if row.layer()["fields"]["options"].is_null() {
                out.push(Box::new(fields));
            } else {
                take("ipv4 options: the row has their kinds only");
                let options = ipv4::Options::parse(&row.bytes()[20..]).unwrap().iter().collect();
                out.push(Box::new(fields.with_options(kept(options))));
            }
        }
        "ipv6" => out.push(Box::new(ipv6::Fields {
            traffic_class: row.number("tc") as u8,
            flow_label: row.number("flow") as u32,
            next_header: row.number("nh") as u8,
            hop_limit: row.number("hlim") as u8,
            source: row.ipv6("src"),
            destination: row.ipv6("dst"),
        })),
        "ipv6.hbh" | "ipv6.dst" => {
            let content = kept(hex(&row.text::<String>("opts")));
            let options = kept(ipv6::Options::parse(content).unwrap().iter().collect());
            match row.proto() {
                "ipv6.hbh" => out.push(Box::new(HopByHop(options))),
                _ => out.push(Box::new(DestinationOptions(options))),
            }
            out.push(Box::new(row.named()));
        }
        "ipv6.rt" => {
            take("ipv6 routing data: the row has type, segments left and addresses only");
            let (kind, segments_left) = (row.number("type") as u8, row.number("segleft") as u8);
            out.push(Box::new(Routing { kind, segments_left, data: &row.bytes()[4..] }));
            out.push(Box::new(row.named()));
        }
        "ipv6.frag" => {
            let (offset, identification) = (row.number("frag_offset") as usize, row.number("id") as u32);
            out.push(Box::new(Fragment { offset, more: row.flag("m"), identification }));
            out.push(Box::new(row.named()));
        }
        "udp" => {
            let [source_port, destination_port] = ["sport", "dport"].map(|key| row.number(key) as u16);
            let field = match row.layer()["fields"]["cksum_zero"] == true {
                true => Field::Zero,
                false => Field::Fill,
            };
            out.push(Box::new(udp::Fields { source_port, destination_port }.with_checksum(field)));
        }
        "tcp" => {
            take("tcp flags, window and urgent pointer: absent from the row");
            let segment = tcp::Segment::parse(row.bytes()).unwrap();
            out.push(Box::new(tcp::Fields {
                source_port: row.number("sport") as u16,
                destination_port: row.number("dport") as u16,
                sequence: row.number("seq") as u32,
                acknowledgment: row.number("ack") as u32,
                flags: segment.header.flags(),
                window: segment.header.window.get(),
                urgent: segment.header.urgent.get(),
            }));
        }
        "icmp" => {
            let [[a, b], [c, d]] = ["id", "seq"].map(|key| (row.number(key) as u16).to_be_bytes());
            let (kind, code) = (row.number("type") as u8, row.number("code") as u8);
            out.push(Box::new(icmpv4::Header { kind, code, checksum: U16::ZERO, rest: [a, b, c, d] }));
        }
        "icmpv6" => nd::layers(row, &mut take, out),
        "vxlan" => {
            let vni = Vni::new(row.number("vni") as u32).unwrap();
            out.push(Box::new(vxlan::Header { flags: row.number("flags") as u8, ..vxlan::Header::new(vni) }));
        }
        "vxlan_gpe" => {
            let vni = Vni::new(row.number("vni") as u32).unwrap();
            let flags = row.number("flags") as u8;
            let next_protocol = row.number("next_proto") as u8;
            let header = vxlan_gpe::Header::new(vni, vxlan_gpe::Next::Ethernet);
            out.push(Box::new(vxlan_gpe::Header { flags, next_protocol, ..header }));
        }
        "geneve" => {
            let options = row.layer()["fields"]["options"].as_array().unwrap().iter().map(|option| {
                let kind = OptionKind {
                    class: option["class"].as_u64().unwrap() as u16,
                    kind: option["type"].as_u64().unwrap() as u8,
                };
                GeneveOption { kind, data: kept(hex(option["data"].as_str().unwrap())) }
            });
            let vni = Vni::new(row.number("vni") as u32).unwrap();
            let header = geneve::Header::new(vni, row.ether_type("proto"), geneve::Options::NONE).unwrap();
            let flags = if row.flag("o") { geneve::Header::CONTROL } else { 0 };
            out.push(Box::new(geneve::Header { flags, ..header }.with_options(kept(options.collect()))));
        }
        "gre" if row.layer()["fields"]["nvgre"] == true => {
            let vsid = Vni::new(row.number("vsid") as u32).unwrap();
            out.push(Box::new(nvgre::Header::new(vsid, row.number("flow_id") as u8).unwrap()));
        }
        "gre" => {
            let value = |flag, key| row.flag(flag).then(|| row.number(key) as u32);
            let (key, sequence) = (value("k", "key"), value("s", "seq"));
            out.push(Box::new(Gre { protocol: row.ether_type("proto"), checksum: row.flag("c"), key, sequence }));
        }
        // An address in place of another one, which the IPv6 header already has.
        "ila" => {}
        "nsh" | "bgp_evpn" | "payload" => out.push(Box::new(row.bytes())),
        other => panic!("layer {other}"),
    }
}

/// The frame built from its row.
fn rebuilt(row: &Value, frame: &[u8], taken: &mut Taken) -> Vec<u8> {
    let all = row["layers"].as_array().unwrap();
    let mut layers = Vec::new();
    for at in 0..all.len() {
        layer(&Row { all, at, frame }, taken, &mut layers);
    }
    let last = Row { all, at: all.len() - 1, frame };
    if last.proto() != "ila" {
        layers.push(Box::new(&frame[last.behind()..last.end()]));
    }
    layers.push(Box::new(Padding(&frame[last.end()..])));
    let layers: Vec<&dyn Layer> = layers.iter().map(|layer| &**layer).collect();
    let mut out = vec![0xa5; layers[..].frame_len()];
    layers[..].write(&mut out).unwrap_or_else(|error| panic!("{error}: {row}"));
    out
}

/// Checks CKS-01, VXL-01, GNV-05, ND-05, DAD-02.
#[test]
fn valid_frames_are_built_again_byte_for_byte() {
    let mut taken = Taken::new();
    let mut differ: BTreeMap<String, Vec<(usize, u64)>> = BTreeMap::new();
    let rows = rows();
    for (row, frame) in &rows {
        let out = rebuilt(row, frame, &mut taken);
        if out == *frame {
            continue;
        }
        let at = out.iter().zip(frame).position(|(ours, theirs)| ours != theirs).unwrap_or(out.len().min(frame.len()));
        let layers = row["layers"].as_array().unwrap();
        let layer = layers.iter().rev().find(|layer| layer["off"].as_u64().unwrap() as usize <= at).unwrap();
        let key = format!("{} byte {}", layer["proto"].as_str().unwrap(), at - layer["off"].as_u64().unwrap() as usize);
        differ.entry(key).or_default().push((at, row["frame"].as_u64().unwrap()));
    }
    for (what, count) in &taken {
        println!("{count:5} taken from the frame: {what}");
    }
    for (what, frames) in &differ {
        println!("{:5} differ at {what}: {:?}", frames.len(), &frames[..frames.len().min(6)]);
    }
    assert!(differ.is_empty(), "{} of {} frames differ", differ.values().map(Vec::len).sum::<usize>(), rows.len());
}
