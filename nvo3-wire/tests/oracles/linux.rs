//! Frames that Linux and QEMU sent, compared with tshark's reading if tshark is installed, otherwise with the captures'
//! README.

use super::differences::Tally;
use super::{array, dissected, folder, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// tshark's field; this crate's layers and field; optionally a condition on another field. Every occurrence is
/// compared.
const FIELDS: &[(&str, &[&str], &str)] = &[
    ("eth.src", &["eth"], "src"),
    ("eth.dst", &["eth"], "dst"),
    ("vlan.id", &["vlan"], "vid where tpid is 33024"),
    ("ieee8021ad.id", &["vlan"], "vid where tpid is 34984"),
    ("arp.opcode", &["arp", "rarp"], "op"),
    ("arp.src.hw_mac", &["arp", "rarp"], "sha"),
    ("arp.dst.proto_ipv4", &["arp", "rarp"], "tpa"),
    ("ip.src", &["ipv4"], "src"),
    ("ip.dst", &["ipv4"], "dst"),
    ("ip.ttl", &["ipv4"], "ttl"),
    ("ipv6.src", &["ipv6"], "src"),
    ("ipv6.dst", &["ipv6"], "dst"),
    ("ipv6.hlim", &["ipv6"], "hlim"),
    ("udp.srcport", &["udp"], "sport"),
    ("udp.dstport", &["udp"], "dport"),
    ("vxlan.vni", &["vxlan"], "vni"),
    ("icmp.type", &["icmp"], "type"),
    ("icmpv6.type", &["icmpv6"], "type"),
    ("icmpv6.nd.ns.target_address", &["icmpv6"], "target where type is 135"),
    ("icmpv6.nd.na.target_address", &["icmpv6"], "target where type is 136"),
];

/// All values of a field in a frame, in tshark's text form.
fn values(frame: &Value, layers: &[&str], field: &str) -> Vec<String> {
    let (field, condition) = field.split_once(" where ").unwrap_or((field, ""));
    let holds = |fields: &Value| match condition.split_once(" is ") {
        Some((other, value)) => fields[other].as_u64() == value.parse().ok(),
        None => true,
    };
    let layers = array(&frame["layers"]).iter().filter(|layer| layers.contains(&text(&layer["proto"])));
    let fields = layers.map(|layer| &layer["fields"]).filter(|fields| holds(fields));
    fields.filter(|fields| !fields[field].is_null()).map(|f| f[field].to_string().trim_matches('"').into()).collect()
}

/// The lines of the README's sections: number, sources, destinations, types and description.
fn facts(readme: &str) -> BTreeMap<&str, Vec<Vec<&str>>> {
    let mut facts: BTreeMap<&str, Vec<Vec<&str>>> = BTreeMap::new();
    let mut section = "";
    for line in readme.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match line.strip_prefix("## ") {
            Some(title) => section = title.split(' ').next().unwrap(),
            None if words.first().is_some_and(|word| word.parse::<u32>().is_ok()) => {
                facts.entry(section).or_default().push(words);
            }
            None => {}
        }
    }
    facts
}

/// tshark's values of all fields, frame by frame. `None` if tshark is not installed.
fn by_tshark(capture: &Path) -> Option<Vec<Vec<String>>> {
    let mut tshark = Command::new("tshark");
    tshark.args(["-T", "fields", "-E", "occurrence=a", "-E", "separator=|", "-r"]).arg(capture);
    FIELDS.iter().for_each(|(field, ..)| {
        tshark.args(["-e", field]);
    });
    let output = tshark.output().ok().filter(|output| output.status.success())?;
    let lines = String::from_utf8(output.stdout).unwrap();
    Some(lines.lines().map(|line| line.split('|').map(Into::into).collect()).collect())
}

/// Checks VXL-12, ND-05.
#[test]
fn what_linux_sends_is_read_as_tshark_reads_it_and_breaks_no_rule() {
    let Some(folder) = folder("linux") else { return };
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let mut tally = Tally::default();
    for (name, lines) in facts(&readme) {
        let capture = folder.join(name);
        let ours = dissected(&capture, |_, walk| walk);
        let theirs = by_tshark(&capture).unwrap_or_default();
        assert_eq!(ours.len(), lines.len(), "{name}");
        for (at, frame) in ours.iter().enumerate() {
            let line = &lines[at];
            for (column, field) in [(1, "src"), (2, "dst")] {
                if line[column] != values(frame, &["eth"], field).join(",") {
                    tally.fail(format!("{name} {line:?}: {frame}"));
                }
            }
            let only_tagged = name.ends_with("inner-vlan.pcap")
                && array(&frame["discard"]).iter().all(|discard| discard["rule"] == "inner_vlan");
            if !frame["error"].is_null() || !(array(&frame["discard"]).is_empty() || only_tagged) {
                tally.fail(format!("{name} {line:?}: {frame}"));
            }
            for ((field, layers, key), theirs) in FIELDS.iter().zip(theirs.get(at).into_iter().flatten()) {
                let ours = values(frame, layers, key).join(",");
                // The packet that an ICMP error quotes follows in tshark's list.
                let quoted =
                    values(frame, &["icmp"], "type").iter().any(|kind| matches!(kind.as_str(), "3" | "5" | "11"));
                if ours != *theirs && !(quoted && theirs.starts_with(&ours)) {
                    tally.fail(format!("{name} frame {}: {field} {ours} is {theirs}", at + 1));
                }
                tally.compared(field);
            }
            tally.compared("frame");
        }
    }
    tally.finish();
}
