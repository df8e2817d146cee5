//! The dissector names every byte of every message as SPEC.md does, and marks every message that the crate refuses.

use crate::document::{Registry, bodies, examples, registries};
use crate::harm::{generated, harmed};
use nvo3_mobility::sim::{LinkType, Params, Record, run};
use nvo3_nva_proto::auth::{KeyId, Keys, Party, Secret};
use nvo3_nva_proto::{Header, Message, NveId};
use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use std::fs::File;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const DISSECTOR: &str = include_str!("../../../nvo3-nva-proto/wireshark/nvo3.lua");
const SCRIPT: &str = concat!("lua_script:", env!("CARGO_MANIFEST_DIR"), "/../nvo3-nva-proto/wireshark/nvo3.lua");
const PORT: u16 = nvo3_nva_proto::CONTROL_PORT;
const IP: usize = 20;
const UDP: usize = 8;

/// The output of tshark for a capture. Without tshark it is `None`, and the reason is printed.
fn tshark(capture: &Path, more: &[&str]) -> Option<String> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-X", SCRIPT, "-r"]).arg(capture).args(more);
    let output = match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped: tshark is not installed");
            return None;
        }
        output => output.unwrap(),
    };
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && !said.contains("Lua Error") && !errors.contains("nvo3.lua"), "{errors}");
    Some(said.into_owned())
}

/// A capture file of IP packets.
fn captured(packets: impl IntoIterator<Item = Vec<u8>>) -> tempfile::TempPath {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let header = PcapHeader { datalink: DataLink::RAW, ..PcapHeader::default() };
    let mut writer = PcapWriter::with_header(File::create(&path).unwrap(), header).unwrap();
    for packet in packets {
        writer.write_packet(&PcapPacket::new(Duration::ZERO, packet.len() as u32, &packet)).unwrap();
    }
    path
}

/// A UDP datagram over IPv4 from and to the control port.
fn datagram(message: &[u8]) -> Vec<u8> {
    let length = |header: usize| u16::try_from(header + message.len()).unwrap().to_be_bytes();
    let (port, [udp_high, udp_low], [high, low]) = (PORT.to_be_bytes(), length(UDP), length(UDP + IP));
    let mut packet = vec![0x45, 0, high, low, 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend(Ipv4Addr::new(192, 0, 2, 1).octets());
    packet.extend(Ipv4Addr::new(192, 0, 2, 2).octets());
    packet.extend([port, port].concat());
    packet.extend([udp_high, udp_low, 0, 0]);
    packet.extend(message);
    packet
}

/// A line of a packet's tree.
#[derive(Debug)]
struct Line {
    name: String,
    said: String,
    at: usize,
    size: usize,
    leaf: bool,
}

/// The lines below the protocol in each packet of a PDML document that has it.
fn trees(pdml: &str) -> Vec<Vec<Line>> {
    let blocks = pdml.split("<proto name=\"nvo3\"").skip(1).map(|block| block.split("</proto>").next().unwrap());
    let attribute = |line: &str, name: &str| {
        let value = line.split_once(&format!(" {name}=\"")).map_or("", |(_, rest)| rest.split('"').next().unwrap());
        value.to_owned()
    };
    let line = |line: &str| Line {
        name: attribute(line, "name"),
        said: attribute(line, "showname") + &attribute(line, "show"),
        at: attribute(line, "pos").parse::<usize>().unwrap(),
        size: attribute(line, "size").parse().unwrap(),
        leaf: line.ends_with("/>"),
    };
    blocks
        .map(|block| block.lines().map(str::trim).filter(|line| line.starts_with("<field")).map(line).collect())
        .collect()
}

/// Checks that every byte of the message has a field, and that no field only says that its bytes are unknown.
fn assert_all_is_named(tree: &[Line], end: usize) {
    let mut named = IP + UDP;
    // In the tree a seal stands before the message that it seals.
    let mut leaves: Vec<_> = tree.iter().filter(|line| line.leaf).collect();
    leaves.sort_by_key(|line| line.at);
    for Line { name, at, size, .. } in leaves {
        assert!(name.starts_with("nvo3."), "{tree:?}");
        assert!(!["nvo3.rest", "nvo3.tlv.value", "nvo3.malformed"].contains(&name.as_str()), "{tree:?}");
        assert!(*at <= named, "bytes {named} to {at}: {tree:?}");
        named = named.max(at + size);
    }
    assert_eq!(named, end, "{tree:?}");
}

#[test]
fn every_field_of_every_example_has_the_specification_s_name() {
    let examples = examples();
    let capture = captured(examples.iter().map(|(_, bytes)| datagram(bytes)));
    let Some(pdml) = tshark(&capture, &["-T", "pdml"]) else { return };

    let trees = trees(&pdml);
    assert_eq!(trees.len(), examples.len());
    for (tree, (title, bytes)) in trees.iter().zip(&examples) {
        assert_all_is_named(tree, IP + UDP + bytes.len());
        let name = title.split(',').next().unwrap();
        let name = name.strip_prefix("sealed ").unwrap_or(name);
        let mut at = IP + UDP + Header::LEN;
        let body = bodies().remove(name);
        assert_eq!(body.is_none(), ["Keepalive", "Goodbye"].contains(&name), "{name}");
        for (field, size) in body.unwrap_or_default() {
            let named = |line: &&Line| {
                let said = line.said.to_lowercase();
                line.at == at && line.size == size && said.starts_with(&field.to_lowercase())
            };
            assert!(tree.iter().find(named).is_some(), "{title}: {field} at {at}: {tree:?}");
            at += size;
        }
    }
}

#[test]
fn a_seal_is_named_and_what_it_seals_too() {
    let (key, mut keys) = (KeyId::new(7).unwrap(), Keys::default());
    keys.add(key, NveId(1), &Secret::from([0x2a; 32])).unwrap();
    let unsealed = examples().into_iter().filter(|(title, _)| !title.starts_with("sealed "));
    let sealed = unsealed.map(|(_, mut bytes)| {
        keys.seal(Party::Nve, key, 5, &mut bytes).unwrap();
        datagram(&bytes)
    });
    let packets: Vec<_> = sealed.collect();
    let Some(pdml) = tshark(&captured(packets.clone()), &["-T", "pdml"]) else { return };

    let trees = trees(&pdml);
    assert_eq!(trees.len(), packets.len());
    for (tree, packet) in trees.iter().zip(&packets) {
        assert!(
            tree.iter().any(|line| line.name == "nvo3.seal.number" && line.said.starts_with("number: 5")),
            "{tree:?}"
        );
        assert_all_is_named(tree, packet.len());
    }
}

/// A message that the crate refuses has a note with the same error, and a message that it accepts has none.
///
/// Checks ARC-18.
#[test]
fn what_the_crate_refuses_is_malformed() {
    let messages: Vec<_> = generated(2_000).into_iter().chain(harmed(8_000)).collect();
    let capture = captured(messages.iter().map(|bytes| datagram(bytes)));
    let fields = ["-T", "fields", "-e", "udp.length", "-e", "_ws.expert.message", "-Y", "udp"];
    let Some(said) = tshark(&capture, &fields) else { return };

    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), messages.len());
    for (line, bytes) in lines.iter().zip(&messages) {
        let (_, said) = line.split_once('\t').unwrap();
        match Message::decode(bytes) {
            Ok(_) => assert_eq!(said, "", "{bytes:02x?}"),
            // tshark gives no empty datagram to a dissector.
            Err(_) if bytes.is_empty() => {}
            Err(error) => assert!(said.contains(&format!("{:?}: ", error.code())), "{error}: {said}: {bytes:02x?}"),
        }
    }
}

#[test]
fn every_control_message_of_a_move_is_named() {
    let done = run(Params { record: Record { packets: true, ..Record::default() }, ..Params::new(1) });
    let interfaces = done.capture.interfaces();
    let control = |packet: &&nvo3_mobility::sim::Packet| {
        let over_udp = interfaces[packet.interface].link_type == LinkType::Ip && packet.bytes.get(9) == Some(&17);
        over_udp && packet.bytes.get(IP + 2..IP + 4) == Some(&PORT.to_be_bytes())
    };
    let packets: Vec<_> = done.capture.packets().iter().filter(control).map(|packet| packet.bytes.clone()).collect();
    assert!(packets.len() > 100, "{}", packets.len());
    let Some(pdml) = tshark(&captured(packets.clone()), &["-T", "pdml"]) else { return };

    let trees = trees(&pdml);
    assert_eq!(trees.len(), packets.len());
    for (tree, packet) in trees.iter().zip(&packets) {
        assert_all_is_named(tree, packet.len());
    }
}

/// The rows `[code] = "name"` of a table in the dissector.
fn table(name: &str) -> Registry {
    let start = format!("\nlocal {name} = {{");
    let rows = DISSECTOR.split_once(&start).unwrap().1.split('}').next().unwrap();
    let row = |row: &str| {
        let (code, name) = row.trim().strip_prefix('[')?.split_once("] = ")?;
        let code = code.strip_prefix("0x").map_or_else(|| code.parse().ok(), |hex| u16::from_str_radix(hex, 16).ok());
        Some((code?, name.trim().trim_matches('"').to_owned()))
    };
    rows.split(',').filter_map(row).collect()
}

#[test]
fn the_dissector_s_tables_are_the_specification_s() {
    let registries = registries();
    let tables = [
        ("Message types", "TYPES"),
        ("TLV types", "TLV_TYPES"),
        ("Error codes", "ERRORS"),
        ("Results of a registration", "RESULTS"),
        ("Reasons to refuse a move", "REFUSALS"),
        ("kind of move", "KINDS"),
        ("side", "SIDES"),
        ("state of a party", "PARTIES"),
        ("result of a move", "OUTCOMES"),
        ("answer", "ANSWERS"),
        ("kind of state", "STATES"),
        ("record of a state", "RECORDS"),
        ("answer to a transfer", "STATE_ANSWERS"),
        ("verdict", "VERDICTS"),
    ];

    for (title, name) in tables {
        assert_eq!(table(name), registries[title], "{title}");
        assert!(!registries[title].is_empty(), "{title}");
    }
    assert!(DISSECTOR.contains(&format!("\nlocal PORT = {PORT}\n")));
}
