//! Tunnelled and ILA frames made by another packet library: fields must be equal, faults must be found.
//!
//! Needs the folder `gen/seed1/` of the vectors: `NVO3_VECTORS`, or `../shared/vectors` beside the workspace.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use nvo3_wire::checksum::Sum;
use nvo3_wire::geneve::{self, OptionKind};
use nvo3_wire::ila::{Address, IdentifierKind, Mode, Prefix, Translation};
use nvo3_wire::tunnel::{self, Accept, Encapsulation};
use nvo3_wire::udp::Datagram;
use nvo3_wire::{Error, Ipv6, Protocol, Rule, gre, ipv4, ipv6, nvgre, vxlan, vxlan_gpe};
use pcap_file::pcap::PcapReader;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::{env, fs};
use zerocopy::FromBytes;

/// The class of the options that the generator calls unknown.
const UNKNOWN: u16 = 0xfffe;

/// The rows of `NAME.jsonl` with a layer `proto`, each with its frame of `NAME.pcap`.
fn rows(name: &str, proto: &str) -> Vec<(Value, Vec<u8>)> {
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
        .filter(|(row, _)| layer(row, proto).is_some())
        .collect()
}

/// The first layer of that name, and the one behind it.
fn layer<'a>(row: &'a Value, proto: &str) -> Option<(&'a Value, Option<&'a Value>)> {
    let layers = row["layers"].as_array().unwrap();
    let at = layers.iter().position(|layer| layer["proto"] == proto)?;
    Some((&layers[at], layers.get(at + 1)))
}

/// Where the IP packet of a frame begins, behind however many tags.
fn ip_at(frame: &[u8]) -> usize {
    let tags = frame[12..].chunks(4).take_while(|tag| matches!(tag[..2], [0x81, 0] | [0x88, 0xa8])).count();
    14 + 4 * tags
}

type Tunnelled<'a> = (usize, &'a [u8], Result<(), Error>);

/// Where the tunnel header begins, its bytes as IP and UDP bound them, and whether the UDP checksum is right.
fn tunnelled(frame: &[u8]) -> Result<Tunnelled<'_>, Error> {
    let at = ip_at(frame);
    let packet = &frame[at..];
    let (protocol, offset, payload, pseudo) = if packet[0] >> 4 == 4 {
        let ip = ipv4::Packet::parse(packet)?;
        ip.validate()?;
        (ip.header.protocol, ip.header_len(), ip.payload, ip.pseudo_header(ip.payload.len() as u16))
    } else {
        let ip = ipv6::Packet::parse(packet)?;
        ip.validate()?;
        let upper = ip.upper()?;
        let pseudo = ip.pseudo_header(upper.protocol, upper.payload.len() as u32);
        (upper.protocol, upper.offset, upper.payload, pseudo)
    };
    if protocol != ipv4::UDP {
        return Ok((at + offset, payload, Ok(())));
    }
    let udp = Datagram::parse(payload)?;
    Ok((at + offset + 8, udp.payload, udp.validate(pseudo)))
}

fn flag(set: bool) -> u8 {
    set.into()
}

/// What a tunnel header says, and how long it is.
fn read(proto: &str, bytes: &[u8]) -> Result<(Value, usize), Error> {
    Ok(match proto {
        "vxlan" => (json!({"flags": bytes[0], "vni": vxlan::parse(bytes)?.0.get()}), 8),
        "vxlan_gpe" => {
            let (header, next, _) = vxlan_gpe::parse(bytes)?;
            let [i, p, b, o] = [8, 4, 2, 1].map(|bit| flag(header.flags & bit != 0));
            let fields = json!({"flags": header.flags, "ver": header.version(), "i": i, "p": p, "b": b, "o": o,
                "next_proto": next as u8, "vni": header.vni().get()});
            (fields, 8)
        }
        "geneve" => {
            let packet = geneve::Packet::parse(bytes)?;
            let header = packet.header;
            let options = packet.options.iter().map(|option| {
                let data: String = option.data.iter().map(|byte| format!("{byte:02x}")).collect();
                let OptionKind { class, kind } = option.kind;
                json!({"class": class, "type": kind, "critical": flag(option.kind.is_critical()),
                    "len": option.data.len(), "data": data})
            });
            let fields = json!({"ver": header.version(), "opt_len": header.options_len(),
                "o": flag(header.is_control()), "c": flag(header.is_critical()), "proto": header.protocol.get(),
                "vni": header.vni().get(), "options": options.collect::<Vec<_>>()});
            (fields, packet.header_len())
        }
        "gre" => {
            let packet = gre::Packet::parse(bytes)?;
            let [c, k, s] = [gre::Header::CHECKSUM, gre::Header::KEY, gre::Header::SEQUENCE]
                .map(|bit| flag(packet.header.has(bit)));
            let mut fields = json!({"c": c, "k": k, "s": s, "ver": packet.header.version(),
                "proto": packet.header.protocol.get()});
            for (name, value) in [("key", packet.key), ("seq", packet.sequence)] {
                if let Some(value) = value {
                    fields[name] = value.get().into();
                }
            }
            (fields, packet.header_len())
        }
        _ => panic!("{proto}"),
    })
}

/// The receiver's rules of the tunnel, without that of UDP.
fn check(proto: &str, is_nvgre: bool, frame: &[u8]) -> Result<(), Error> {
    let (_, bytes, _) = tunnelled(frame)?;
    let known: Vec<_> = match (proto, geneve::Packet::parse(bytes)) {
        ("geneve", Ok(packet)) => packet.options.iter().map(|o| o.kind).filter(|kind| kind.class != UNKNOWN).collect(),
        _ => Vec::new(),
    };
    let accept = Accept { geneve_options: &known, ..Accept::default() };
    let encapsulation = match proto {
        "vxlan" => Encapsulation::Vxlan,
        "vxlan_gpe" => Encapsulation::VxlanGpe,
        "geneve" => Encapsulation::Geneve,
        _ if is_nvgre => Encapsulation::Nvgre,
        _ => return gre::Packet::parse(bytes)?.validate(),
    };
    tunnel::parse(encapsulation, bytes, &accept).map(drop)
}

/// Checks NVG-01, GNV-03, GNV-05.
#[test]
fn valid_tunnels_have_the_fields_they_were_built_with_and_break_no_rule() {
    for proto in ["vxlan", "vxlan_gpe", "geneve", "gre"] {
        let mut seen = 0;
        for (row, frame) in rows("valid", proto) {
            let (theirs, inner) = layer(&row, proto).unwrap();
            let (at, bytes, checksum) = tunnelled(&frame).unwrap_or_else(|error| panic!("{error}: {row}"));
            let (fields, length) = read(proto, bytes).unwrap_or_else(|error| panic!("{error}: {row}"));

            assert_eq!(checksum, Ok(()), "{row}");
            assert_eq!((at as u64, length as u64), (theirs["off"].as_u64().unwrap(), theirs["len"].as_u64().unwrap()));
            for (name, value) in fields.as_object().unwrap() {
                assert_eq!(*value, theirs["fields"][name], "{name}: {row}");
            }
            if let Some(inner) = inner {
                assert_eq!((at + length) as u64, inner["off"].as_u64().unwrap(), "{row}");
            }
            let is_nvgre = theirs["fields"]["nvgre"] == true;
            if is_nvgre {
                let (header, _) = nvgre::parse(bytes, false).unwrap();
                let ours = json!([header.vsid().get(), header.flow_id]);
                assert_eq!(ours, json!([theirs["fields"]["vsid"], theirs["fields"]["flow_id"]]));
            }
            match check(proto, is_nvgre, &frame).map_err(|error| error.rule) {
                Ok(()) => {}
                Err(Rule::Control) if theirs["fields"]["o"] == 1 => {} // well formed, but no tenant's (GNV-04)
                Err(rule) => panic!("{rule}: {row}"),
            }
            seen += 1;
        }
        println!("{proto}: {seen}");
    }
}

/// Who is to find the fault; a cut frame may be found out by any layer that knows its length.
fn protocol(reason: &str) -> Protocol {
    match reason.split('.').next().unwrap() {
        "vxlan" => Protocol::Vxlan,
        "vxlan_gpe" => Protocol::VxlanGpe,
        "geneve" => Protocol::Geneve,
        "gre" => Protocol::Gre,
        _ => Protocol::Nvgre,
    }
}

/// Checks GNV-01, GNV-02, GNV-03, NVG-01, NVG-02, NVG-04, NVG-07, VXL-02, VXL-13.
#[test]
fn invalid_tunnels_are_refused_by_the_protocol_that_is_broken() {
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for proto in ["vxlan", "vxlan_gpe", "geneve", "gre"] {
        for (row, frame) in rows("invalid", proto) {
            let reason = row["reason"].as_str().unwrap();
            if !reason.starts_with(proto) && !reason.starts_with("nvgre") {
                continue; // another layer's fault
            }
            let verdict = check(proto, reason.starts_with("nvgre"), &frame);
            match reason {
                "vxlan.inner_arp_truncated" => continue, // the inner frame's reader finds it
                "vxlan.outer_udp_bad_checksum" => {
                    let verdict = tunnelled(&frame).unwrap().2;
                    assert!(matches!(verdict.unwrap_err().rule, Rule::Checksum(_)), "{row}");
                }
                _ if reason.contains("truncated") => assert!(verdict.is_err(), "{row}"),
                "geneve.optlen_exceeds_packet" => {
                    assert!(matches!(verdict.unwrap_err().rule, Rule::Truncated { .. }), "{row}");
                }
                _ => {
                    let error = verdict.expect_err(reason);
                    assert_eq!(error.protocol, protocol(reason), "{error}: {row}");
                }
            }
            *found.entry(reason.into()).or_default() += 1;
        }
    }
    println!("{found:?}");
}

/// Checks GNV-02, GNV-05, NVG-02, VXL-02.
#[test]
fn lenient_tunnels_are_accepted() {
    for proto in ["vxlan", "vxlan_gpe", "geneve", "gre"] {
        for (row, frame) in rows("lenient", proto) {
            let control = layer(&row, proto).unwrap().0["fields"]["o"] == 1;
            match check(proto, false, &frame).map_err(|error| error.rule) {
                Ok(()) => {}
                Err(Rule::Control) if control => {}
                Err(rule) => panic!("{rule}: {row}"),
            }
        }
    }
}

fn address(text: &Value) -> Ipv6 {
    text.as_str().unwrap().parse::<Ipv6Addr>().unwrap().into()
}

fn prefix(hex: &Value) -> Prefix {
    Prefix(u64::from_str_radix(hex.as_str().unwrap(), 16).unwrap().to_be_bytes())
}

/// The translation that a row was made with: checksums are right on the wire, with or without C.
fn translation(fields: &Value) -> Translation {
    let mode = if fields["c"] == 1 { Mode::Neutral } else { Mode::Transport };
    Translation { sir: prefix(&fields["sir_prefix"]), locator: prefix(&fields["locator"]), mode }
}

/// Whether the checksum of the upper protocol verifies, or there is none.
fn checksum_is_right(packet: &[u8]) -> bool {
    let ip = ipv6::Packet::parse(packet).unwrap();
    let upper = ip.upper().unwrap();
    let sum: Sum = ip.pseudo_header(upper.protocol, upper.payload.len() as u32);
    let none = upper.protocol == ipv6::UDP && upper.payload[6..8] == [0, 0];
    none || sum.bytes(upper.payload).verifies()
}

/// Checks ILA-01, ILA-03, ILA-05.
#[test]
fn ila_addresses_are_translated_as_they_were_built() {
    let mut seen = [0; 8];
    for (row, frame) in rows("valid", "ila") {
        let fields = &layer(&row, "ila").unwrap().0["fields"];
        let translation = translation(fields);
        let packet = &frame[ip_at(&frame)..];
        let header = ipv6::Header::ref_from_prefix(packet).unwrap().0;
        let wire = Address::from(header.destination);
        seen[usize::from(wire.identifier.type_code())] += 1;

        assert_eq!(Ipv6::from(wire), address(&fields["ila_dst"]), "{row}");
        let ours = json!([wire.identifier.type_code(), flag(wire.identifier.is_neutral())]);
        assert_eq!(ours, json!([fields["type"], fields["c"]]), "{row}");
        let (sir, ila) = (address(&fields["sir_dst"]), address(&fields["ila_dst"]));
        assert_eq!((translation.to_sir(ila), translation.to_ila(sir)), (Ok(sir), Ok(ila)), "{row}");
        match Address::from(sir).identifier.kind() {
            IdentifierKind::VirtualIpv4 { vn, address } => {
                assert_eq!(json!([vn, address.to_string()]), json!([fields["vnid"], fields["vaddr"]]));
            }
            IdentifierKind::VirtualIpv6 { vn, low } => {
                assert_eq!(json!([vn, low]), json!([fields["vnid"], fields["vaddr6_low32"]]));
            }
            IdentifierKind::VirtualGroup { vn, scope, low } => {
                let theirs = json!([fields["vnid"], fields["scope"], fields["vaddr6_low28"]]);
                assert_eq!(json!([vn, scope, low]), theirs);
            }
            _ => {}
        }

        let mut there = packet.to_vec();
        translation.egress(&mut there).unwrap();
        assert!(checksum_is_right(packet) && checksum_is_right(&there), "{row}");
        translation.ingress(&mut there).unwrap();
        assert_eq!(there, packet);
    }
    println!("{seen:?} by type");
}

/// Checks ILA-03.
#[test]
fn broken_ila_addresses_are_found() {
    for (row, frame) in rows("invalid", "ila") {
        let translation = translation(&layer(&row, "ila").unwrap().0["fields"]);
        let mut packet = frame[ip_at(&frame)..].to_vec();
        match row["reason"].as_str().unwrap() {
            "ila.reserved_type" => {
                let error = translation.egress(&mut packet).unwrap_err();
                assert!(matches!(error.rule, Rule::IdentifierType(6 | 7)), "{row}");
            }
            "ila.checksum_neutral_broken" => {
                assert!(!checksum_is_right(&packet), "{row}");
                translation.egress(&mut packet).unwrap();
                assert!(!checksum_is_right(&packet), "{row}");
            }
            reason => assert!(!reason.starts_with("ila"), "{row}"),
        }
    }
}
