//! Frames made by another packet library, with the values handed to it: fields must be equal, faults must be found.
//!
//! Needs the folder `gen/seed1/` of the vectors: `NVO3_VECTORS`, or `../shared/vectors` beside the workspace.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use nvo3_wire::arp::Arp;
use nvo3_wire::ethernet::{Carried, Link};
use nvo3_wire::nd::{Nd, NdOption};
use nvo3_wire::udp::Datagram;
use nvo3_wire::{Error, EtherType, Protocol, Rule, icmpv4, icmpv6, ipv4, ipv6, tcp, vxlan};
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
    let link = Link::parse(frame)?;
    let [destination, source] = [link.header.destination, link.header.source].map(|mac| mac.to_string());
    match link.carried {
        Carried::Llc { length, .. } if link.tags.is_empty() => {
            layers.push(("eth_802_3", base, json!({"dst": destination, "src": source, "length": length})));
        }
        _ => {
            let ether_type = link.header.ether_type.get();
            layers.push(("eth", base, json!({"dst": destination, "src": source, "type": ether_type})));
        }
    }
    for ((tpid, tag), at) in link.tags.iter().zip([14, 18]) {
        let fields = json!({"tpid": tpid.get(), "vid": tag.id(), "pcp": tag.priority(),
            "dei": u8::from(tag.drop_eligible()), "type": tag.ether_type.get()});
        layers.push(("vlan", base + at, fields));
    }
    if let Carried::Llc { llc, .. } = link.carried {
        let at = base + link.offset() - llc.header_len();
        let fields = json!({"dsap": llc.header.dsap, "ssap": llc.header.ssap, "ctrl": llc.header.control});
        layers.push(("llc", at, fields));
        if let Some(snap) = llc.snap {
            let oui = u32::from_be_bytes([0, snap.oui[0], snap.oui[1], snap.oui[2]]);
            layers.push(("snap", at + 3, json!({"oui": oui, "pid": snap.protocol.get()})));
        }
    }
    let base = base + link.offset();
    match link.ether_type() {
        Some(EtherType::ARP) => read_arp("arp", link.payload, base, layers),
        Some(EtherType::RARP) => read_arp("rarp", link.payload, base, layers),
        Some(EtherType::IPV4) => read_ipv4(link.payload, base, layers),
        Some(EtherType::IPV6) => read_ipv6(link.payload, base, layers),
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
    let mut fields = fields;
    if !packet.options.is_empty() {
        fields["options"] = packet.iter_options().map(|option| option.kind()).collect();
    }
    layers.push(("ipv4", base, fields));
    let at = base + packet.header_len();
    match header.protocol {
        _ if header.is_fragment() => Ok(()),
        ipv4::UDP => read_udp(packet.payload, at, layers),
        ipv4::TCP => read_tcp(packet.payload, at, layers),
        ipv4::ICMP => {
            let message = icmpv4::Message::parse(packet.payload)?;
            let mut fields = json!({"type": message.header.kind, "code": message.header.code});
            if let icmpv4::Kind::EchoRequest(echo) = message.kind() {
                fields["id"] = echo.identifier.into();
                fields["seq"] = echo.sequence.into();
            }
            layers.push(("icmp", at, fields));
            Ok(())
        }
        _ => Ok(()),
    }
}

fn read_tcp(payload: &[u8], base: usize, layers: &mut Layers) -> Result<(), Error> {
    let header = tcp::Segment::parse(payload)?.header;
    let [sport, dport] = [header.source_port, header.destination_port].map(|port| port.get());
    let fields = json!({"sport": sport, "dport": dport, "seq": header.sequence.get(),
        "ack": header.acknowledgment.get()});
    layers.push(("tcp", base, fields));
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
        let hex = || extension.content.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut fields = json!({"nh": extension.next});
        let name = match extension.typed()? {
            ipv6::Kind::HopByHop(_) => {
                fields["opts"] = hex().into();
                "ipv6.hbh"
            }
            ipv6::Kind::DestinationOptions(_) => {
                fields["opts"] = hex().into();
                "ipv6.dst"
            }
            ipv6::Kind::Routing(routing) => {
                fields["type"] = routing.kind.into();
                fields["segleft"] = routing.segments_left.into();
                if routing.kind == 4 {
                    fields["addrs"] = routing.addresses().iter().map(ToString::to_string).collect();
                }
                "ipv6.rt"
            }
            ipv6::Kind::Fragment(fragment) => {
                fields["frag_offset"] = fragment.offset().into();
                fields["m"] = u8::from(fragment.more()).into();
                fields["id"] = fragment.identification.get().into();
                "ipv6.frag"
            }
        };
        layers.push((name, at, fields));
        at += extension.content.len() + 2;
        if extension.fragment().is_some_and(|fragment| fragment & 0xfff8 != 0) {
            break;
        }
    }
    let upper = packet.upper()?;
    match upper.protocol {
        _ if upper.fragment => Ok(()),
        ipv6::UDP => read_udp(upper.payload, base + upper.offset, layers),
        ipv6::TCP => read_tcp(upper.payload, base + upper.offset, layers),
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
        Nd::Other(_) => (json!({}), None),
    };
    let mut fields = header;
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    if let Some(options) = options {
        fields["options"] = options.iter().map(option).collect();
    }
    layers.push(("icmpv6", base + message.offset, fields));
    Ok(())
}

fn option(option: NdOption<'_>) -> Value {
    match option {
        NdOption::SourceLink(mac) => json!({"type": 1, "len": 1, "lladdr": mac.to_string()}),
        NdOption::TargetLink(mac) => json!({"type": 2, "len": 1, "lladdr": mac.to_string()}),
        NdOption::Nonce(nonce) => json!({"type": 14, "len": (nonce.len() + 2) / 8}),
        NdOption::Other { kind, content } => json!({"type": kind, "len": (content.len() + 2) / 8}),
        _ => panic!("{option:?}"),
    }
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
    let link = Link::parse(frame)?;
    link.validate()?;
    match link.ether_type() {
        Some(ether_type @ (EtherType::ARP | EtherType::RARP)) => {
            let (arp, _) = Arp::parse(link.payload)?;
            arp.validate()?;
            arp.operation(ether_type)?;
            arp.sender_mac_learnable(&arp.sender_mac)
        }
        Some(EtherType::IPV4) => {
            let packet = ipv4::Packet::parse(link.payload)?;
            packet.validate()?;
            let pseudo = packet.pseudo_header(packet.payload.len() as u16);
            match packet.header.protocol {
                _ if packet.header.is_fragment() => {}
                ipv4::TCP => return tcp::Segment::parse(packet.payload)?.validate(pseudo),
                ipv4::ICMP => return icmpv4::Message::parse(packet.payload)?.validate(),
                _ => {}
            }
            if packet.header.protocol != ipv4::UDP || packet.header.is_fragment() {
                return Ok(());
            }
            let udp = Datagram::parse(packet.payload)?;
            udp.validate(packet.pseudo_header(udp.header.length.get()))?;
            check_tunnel(&udp)
        }
        Some(EtherType::IPV6) => {
            let packet = ipv6::Packet::parse(link.payload)?;
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
                ipv6::TCP if !upper.fragment => {
                    let pseudo = packet.pseudo_header(ipv6::TCP, upper.payload.len() as u32);
                    tcp::Segment::parse(upper.payload)?.validate(pseudo)
                }
                ipv6::ICMPV6 => match Nd::parse(&packet)? {
                    Nd::Solicitation(message) => message.validate(),
                    Nd::Advertisement(message) => message.validate(),
                    Nd::Other(message) => message.validate(),
                },
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
        if row["kind"] == "ila" {
            continue; // ILA is not read here
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

/// A fault that this crate does not look for, as it is policy.
const NOT_OURS: &[&str] = &["vxlan.inner_vlan_tag"];

fn is_ours(row: &Value) -> bool {
    let reason = row["reason"].as_str().unwrap();
    let layers = row["layers"].as_array().unwrap();
    let neighbor = || layers.iter().any(|layer| matches!(layer["fields"]["kind"].as_str(), Some("ns" | "na")));
    match reason.split('.').next().unwrap() {
        "eth" | "vlan" | "arp" | "rarp" | "ipv4" | "ipv6" | "udp" | "vxlan" => !NOT_OURS.contains(&reason),
        "nd" => neighbor(),
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
