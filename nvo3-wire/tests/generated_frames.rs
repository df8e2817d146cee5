//! Frames made by another packet library, with the values handed to it: fields must be equal, faults must be found.
//!
//! Needs the folder `gen/seed1/` of the vectors: `NVO3_VECTORS`, or `../shared/vectors` beside the workspace.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use nvo3_wire::arp::Arp;
use nvo3_wire::ethernet::Frame;
use nvo3_wire::nd::{Nd, NdOption, RawOption};
use nvo3_wire::udp::Datagram;
use nvo3_wire::{Error, EtherType, Protocol, Rule, icmpv6, ipv4, ipv6, vxlan};
use pcap_file::pcap::PcapReader;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

/// The rows of `NAME.jsonl`, each with its frame of `NAME.pcap`.
fn rows(name: &str) -> Vec<(Value, Vec<u8>)> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = PathBuf::from(env::var_os("NVO3_VECTORS").unwrap_or_else(|| default.into())).join("gen/seed1");
    if !folder.is_dir() {
        println!("skipped: no folder {} (set NVO3_VECTORS)", folder.display());
        return Vec::new();
    }
    let rows = fs::read_to_string(folder.join(name).with_extension("jsonl")).unwrap();
    let mut frames = PcapReader::new(fs::File::open(folder.join(name).with_extension("pcap")).unwrap()).unwrap();
    rows.lines()
        .map(|row| (serde_json::from_str(row).unwrap(), frames.next_packet().unwrap().unwrap().data.into_owned()))
        .collect()
}

/// Layer names with our reading of their fields, as far as this crate reads.
type Layers = Vec<(&'static str, usize, Value)>;

fn read(frame: &[u8], base: usize, layers: &mut Layers) -> Result<(), Error> {
    let ethernet = Frame::parse(frame)?;
    let header = ethernet.header;
    let [destination, source] = [header.destination, header.source].map(|mac| mac.to_string());
    layers.push(("eth", base, json!({"dst": destination, "src": source, "type": header.ether_type.get()})));
    if let Some(tag) = ethernet.tag {
        let dei = tag.control.get() >> 12 & 1;
        let fields = json!({"tpid": header.ether_type.get(), "vid": tag.id(), "pcp": tag.priority(), "dei": dei,
            "type": tag.ether_type.get()});
        layers.push(("vlan", base + 14, fields));
    }
    let base = base + ethernet.offset();
    match ethernet.ether_type() {
        EtherType::ARP => read_arp("arp", ethernet.payload, base, layers),
        EtherType::RARP => read_arp("rarp", ethernet.payload, base, layers),
        EtherType::IPV4 => read_ipv4(ethernet.payload, base, layers),
        EtherType::IPV6 => read_ipv6(ethernet.payload, base, layers),
        _ => Ok(()),
    }
}

fn read_arp(name: &'static str, payload: &[u8], base: usize, layers: &mut Layers) -> Result<(), Error> {
    let (arp, _) = Arp::parse(payload)?;
    let fields = json!({
        "htype": arp.hardware.get(), "ptype": arp.protocol.get(), "hlen": arp.hardware_len, "plen": arp.protocol_len,
        "op": arp.operation.get(), "sha": arp.sender_mac.to_string(), "spa": arp.sender_ip.to_string(),
        "tha": arp.target_mac.to_string(), "tpa": arp.target_ip.to_string(),
    });
    layers.push((name, base, fields));
    Ok(())
}

fn read_ipv4(payload: &[u8], base: usize, layers: &mut Layers) -> Result<(), Error> {
    let packet = ipv4::Packet::parse(payload)?;
    let header = packet.header;
    let fragment = header.fragment.get();
    let fields = json!({
        "src": header.source.to_string(), "dst": header.destination.to_string(), "proto": header.protocol,
        "dscp": header.traffic_class >> 2, "ecn": header.traffic_class & 3, "id": header.identification.get(),
        "ttl": header.ttl, "df": fragment >> 14 & 1, "mf": fragment >> 13 & 1, "frag_offset": (fragment & 0x1fff) * 8,
    });
    layers.push(("ipv4", base, fields));
    if header.protocol == ipv4::UDP && !header.is_fragment() {
        return read_udp(packet.payload, base + packet.header_len(), layers);
    }
    Ok(())
}

fn read_ipv6(payload: &[u8], base: usize, layers: &mut Layers) -> Result<(), Error> {
    let packet = ipv6::Packet::parse(payload)?;
    let header = packet.header;
    let fields = json!({
        "src": header.source.to_string(), "dst": header.destination.to_string(), "nh": header.next_header,
        "hlim": header.hop_limit, "tc": header.traffic_class(), "flow": header.flow_label(),
    });
    layers.push(("ipv6", base, fields));
    let mut at = base + 40;
    for extension in packet.extensions() {
        let name = match extension.kind {
            ipv6::HOP_BY_HOP => "ipv6.hbh",
            ipv6::ROUTING => "ipv6.rt",
            ipv6::FRAGMENT => "ipv6.frag",
            _ => "ipv6.dst",
        };
        layers.push((name, at, json!({"nh": extension.next})));
        at += extension.content.len() + 2;
        if extension.fragment().is_some_and(|fragment| fragment & 0xfff8 != 0) {
            break;
        }
    }
    let upper = packet.upper()?;
    match upper.protocol {
        _ if upper.fragment => Ok(()),
        ipv6::UDP => read_udp(upper.payload, base + upper.offset, layers),
        ipv6::ICMPV6 => read_nd(&packet, base, layers),
        _ => Ok(()),
    }
}

fn read_nd(packet: &ipv6::Packet<'_>, base: usize, layers: &mut Layers) -> Result<(), Error> {
    let message = icmpv6::Message::parse(packet)?;
    let header = json!({"type": message.header.kind, "code": message.header.code});
    let (more, options) = match Nd::parse(packet)? {
        Nd::Solicitation(ns) => (json!({"target": ns.body.target.to_string()}), Some(ns.options)),
        Nd::Advertisement(na) => {
            let flags = na.body.flags();
            let [r, s, o] = [flags.router, flags.solicited, flags.overrides].map(u8::from);
            (json!({"target": na.body.target.to_string(), "r": r, "s": s, "o": o}), Some(na.options))
        }
        _ => (json!({}), None), // see generated_nd.rs
    };
    let mut fields = header;
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    if let Some(options) = options {
        fields["options"] = options.raw().map(option).collect();
    }
    layers.push(("icmpv6", base + message.offset, fields));
    Ok(())
}

/// Type, length and link-layer address; all else of options is compared in `generated_nd.rs`.
fn option(option: RawOption<'_>) -> Value {
    let mut fields = json!({"type": option.bytes[0], "len": option.bytes[1]});
    if let NdOption::SourceLink(mac) | NdOption::TargetLink(mac) = option.read() {
        fields["lladdr"] = mac.to_string().into();
    }
    fields
}

fn read_udp(payload: &[u8], base: usize, layers: &mut Layers) -> Result<(), Error> {
    let udp = Datagram::parse(payload)?;
    let header = udp.header;
    let zero = header.checksum.get() == 0;
    let ports = (header.source_port.get(), header.destination_port.get());
    layers.push(("udp", base, json!({"sport": ports.0, "dport": ports.1, "cksum_zero": zero})));
    if ports.1 != vxlan::PORT {
        return Ok(());
    }
    let (vni, inner) = vxlan::parse(udp.payload)?;
    layers.push(("vxlan", base + 8, json!({"flags": udp.payload[0], "vni": vni.get()})));
    read(inner, base + 16, layers)
}

/// Every receiver's rule this crate knows, through tunnels.
fn check(frame: &[u8]) -> Result<(), Error> {
    let ethernet = Frame::parse(frame)?;
    ethernet.validate()?;
    match ethernet.ether_type() {
        EtherType::ARP | EtherType::RARP => {
            let (arp, _) = Arp::parse(ethernet.payload)?;
            arp.validate()?;
            arp.operation(ethernet.ether_type())?;
            arp.sender_mac_learnable(&arp.sender_mac)
        }
        EtherType::IPV4 => {
            let packet = ipv4::Packet::parse(ethernet.payload)?;
            packet.validate()?;
            if packet.header.protocol != ipv4::UDP || packet.header.is_fragment() {
                return Ok(());
            }
            let udp = Datagram::parse(packet.payload)?;
            udp.validate(packet.pseudo_header(udp.header.length.get()))?;
            check_tunnel(&udp)
        }
        EtherType::IPV6 => {
            let packet = ipv6::Packet::parse(ethernet.payload)?;
            packet.validate()?;
            let upper = packet.upper()?;
            match upper.protocol {
                ipv6::UDP if !upper.fragment => {
                    let udp = Datagram::parse(upper.payload)?;
                    let pseudo = packet.pseudo_header(ipv6::UDP, udp.header.length.get().into());
                    match udp.header.destination_port.get() {
                        4789 | 4790 | 6081 => udp.validate(pseudo)?,
                        _ => udp.validate_checked(pseudo)?,
                    }
                    check_tunnel(&udp)
                }
                ipv6::ICMPV6 => Nd::parse(&packet)?.validate(),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn check_tunnel(udp: &Datagram<'_>) -> Result<(), Error> {
    match udp.header.destination_port.get() {
        vxlan::PORT => check(vxlan::parse(udp.payload)?.1),
        _ => Ok(()),
    }
}

/// Whether all of `ours` is in `theirs`; lists compare element by element.
fn agrees(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.iter().all(|(key, value)| theirs.get(key).is_some_and(|other| agrees(value, other)))
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| agrees(ours, theirs))
        }
        _ => ours == theirs,
    }
}

/// Checks ARP-02, VXL-12, ND-05.
#[test]
fn valid_frames_have_the_fields_they_were_built_with_and_break_no_rule() {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for (row, frame) in rows("valid") {
        if row["layers"][0]["proto"] != "eth" || row["kind"] == "ila" {
            continue; // IEEE 802.3 and ILA are not read here
        }
        let mut layers = Layers::new();
        read(&frame, 0, &mut layers).unwrap_or_else(|error| panic!("{error}: {row}"));
        for ((name, offset, fields), theirs) in layers.iter().zip(row["layers"].as_array().unwrap()) {
            assert_eq!(
                (*name, *offset as u64),
                (theirs["proto"].as_str().unwrap(), theirs["off"].as_u64().unwrap()),
                "{row}"
            );
            let mut fields = fields.clone();
            if theirs["fields"]["tpa"].is_null() {
                fields.as_object_mut().unwrap().remove("tpa");
            }
            assert!(agrees(&fields, &theirs["fields"]), "{name}: {fields} in {theirs}");
            *seen.entry(name).or_default() += 1;
        }
        match check(&frame).map_err(|error| error.rule) {
            Ok(()) | Err(Rule::Operation(5..=10)) => {} // dynamic RARP, inverse ARP and their like: well formed, ignored (ARP-05)
            Err(Rule::Checksum(_)) if is_source_routed(&row) => {} // sums up at its last hop only
            Err(rule) => panic!("{rule}: {row}"),
        }
    }
    println!("{seen:?}");
}

/// Whether the destination address is not yet the last one, which upper checksums are over.
fn is_source_routed(row: &Value) -> bool {
    row["layers"].as_array().unwrap().iter().map(|layer| &layer["fields"]).any(|fields| {
        let routes = |option: &Value| option == 131 || option == 137;
        fields["segleft"].as_u64().is_some_and(|left| left > 0)
            || fields["options"].as_array().is_some_and(|options| options.iter().any(routes))
    })
}

/// Faults that this crate does not look for: policy, reassembly, the insides of options, messages beyond NS and NA.
const NOT_OURS: &[&str] = &[
    "ipv4.option_len_invalid",
    "ipv4.frag_not_multiple_of_8",
    "ipv4.frag_overflow_65535",
    "ipv6.opt_overruns_header",
    "ipv6.hbh_not_first",
    "ipv6.unknown_option_action_discard",
    "ipv6.rh0_segments_left",
    "ipv6.frag_not_multiple_of_8",
    "ipv6.frag_overflow_65535",
    "vxlan.inner_vlan_tag",
];

fn is_ours(row: &Value) -> bool {
    let reason = row["reason"].as_str().unwrap();
    let layers = row["layers"].as_array().unwrap();
    let neighbor = || layers.iter().any(|layer| matches!(layer["fields"]["kind"].as_str(), Some("ns" | "na")));
    let tags = layers.iter().filter(|layer| layer["proto"] == "vlan").count();
    match reason.split('.').next().unwrap() {
        "eth" => layers[0]["proto"] == "eth",
        "vlan" => tags < 2,
        "arp" | "rarp" | "ipv4" | "ipv6" | "udp" | "vxlan" => !NOT_OURS.contains(&reason),
        "nd" => neighbor(), // the others: generated_nd.rs
        _ => false,
    }
}

/// Who is to find the fault; a cut frame may be found out by any layer that knows its length.
fn protocols(row: &Value) -> &'static [Protocol] {
    match row["reason"].as_str().unwrap().split('.').next().unwrap() {
        "eth" | "vlan" => &[Protocol::Ethernet],
        "arp" | "rarp" => &[Protocol::Arp, Protocol::Rarp],
        "ipv4" => &[Protocol::Ipv4],
        "ipv6" => &[Protocol::Ipv6],
        "udp" => &[Protocol::Udp],
        "nd" => &[Protocol::NeighborSolicitation, Protocol::NeighborAdvertisement, Protocol::Icmpv6],
        _ => &[Protocol::Vxlan, Protocol::Udp],
    }
}

/// Checks ARP-02, ARP-05, ND-01, ND-02, ND-03, VXL-02, VXL-06, U6-03.
#[test]
fn invalid_frames_are_rejected_for_every_fault_this_crate_looks_for() {
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for (row, frame) in rows("invalid").into_iter().filter(|(row, _)| is_ours(row)) {
        let reason = row["reason"].as_str().unwrap();
        let verdict = check(&frame);
        if row["disposition"] == "ignore_option" {
            assert_eq!(verdict, Ok(()), "{row}");
        } else {
            let protocol = verdict.expect_err(reason).protocol;
            assert!(reason.contains("truncated") || protocols(&row).contains(&protocol), "{protocol}: {row}");
        }
        *found.entry(reason.into()).or_default() += 1;
    }
    println!("{found:?}");
}

/// Checks VXL-02, ND-05.
#[test]
fn lenient_frames_are_accepted() {
    for (row, frame) in rows("lenient") {
        assert_eq!(check(&frame), Ok(()), "{row}");
    }
}
