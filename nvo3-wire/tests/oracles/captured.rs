//! Captures of other projects, compared with tshark's reading.

use super::differences::Tally;
use super::{array, capture, dissected, folder, rows, text};
use serde_json::Value;
use std::collections::BTreeMap;

/// The VXLAN port of old Linux kernels, which tshark used for all these captures.
const OLD_VXLAN_PORT: u16 = 8472;

/// For each layer: tshark's name, this crate's name, and the columns that are compared.
type Columns = &'static [(&'static str, &'static str)];
#[rustfmt::skip]
const LAYERS: &[(&str, &[&str], Columns)] = &[
    ("eth", &["eth", "eth_802_3"], &[("eth.dst", "dst"), ("eth.src", "src"), ("eth.type", "type"), ("eth.len", "length")]),
    ("vlan", &["vlan"], &[
        ("vlan.id", "vid"), ("vlan.priority", "pcp"), ("vlan.dei", "dei"), ("vlan.etype", "type")]),
    ("ieee8021ad", &["vlan"], &[
        ("ieee8021ad.id", "vid"), ("ieee8021ad.priority", "pcp"), ("ieee8021ad.dei", "dei")]),
    ("llc", &["llc"], &[("llc.dsap", "dsap"), ("llc.ssap", "ssap"), ("llc.control", "ctrl")]),
    ("arp", &["arp", "rarp"], &[
        ("arp.hw.type", "htype"), ("arp.proto.type", "ptype"), ("arp.hw.size", "hlen"), ("arp.proto.size", "plen"),
        ("arp.opcode", "op"), ("arp.src.hw_mac", "sha"), ("arp.src.proto_ipv4", "spa"), ("arp.dst.hw_mac", "tha"),
        ("arp.dst.proto_ipv4", "tpa")]),
    ("ip", &["ipv4"], &[
        ("ip.src", "src"), ("ip.dst", "dst"), ("ip.proto", "proto"), ("ip.dsfield.dscp", "dscp"),
        ("ip.dsfield.ecn", "ecn"), ("ip.id", "id"), ("ip.ttl", "ttl"), ("ip.flags.df", "df"), ("ip.flags.mf", "mf"),
        ("ip.frag_offset", "frag_offset")]),
    ("ipv6", &["ipv6"], &[
        ("ipv6.src", "src"), ("ipv6.dst", "dst"), ("ipv6.nxt", "nh"), ("ipv6.hlim", "hlim"), ("ipv6.tclass", "tc"),
        ("ipv6.flow", "flow")]),
    ("ipv6.hopopts", &["ipv6.hbh"], &[("ipv6.hopopts.nxt", "nh")]),
    ("ipv6.dstopts", &["ipv6.dst"], &[("ipv6.dstopts.nxt", "nh")]),
    ("ipv6.routing", &["ipv6.rt"], &[
        ("ipv6.routing.nxt", "nh"), ("ipv6.routing.type", "type"), ("ipv6.routing.segleft", "segleft")]),
    ("ipv6.fraghdr", &["ipv6.frag"], &[
        ("ipv6.fraghdr.nxt", "nh"), ("ipv6.fraghdr.more", "m"), ("ipv6.fraghdr.ident", "id"),
        ("ipv6.fraghdr.offset", "frag_offset")]),
    ("udp", &["udp"], &[("udp.srcport", "sport"), ("udp.dstport", "dport"), ("udp.checksum", "cksum")]),
    ("icmp", &["icmp"], &[("icmp.type", "type"), ("icmp.code", "code")]),
    ("icmpv6", &["icmpv6"], &[
        ("icmpv6.type", "type"), ("icmpv6.code", "code"), ("icmpv6.nd.ns.target_address", "target"),
        ("icmpv6.nd.na.target_address", "target"), ("icmpv6.nd.na.flag.r", "r"), ("icmpv6.nd.na.flag.s", "s"),
        ("icmpv6.nd.na.flag.o", "o"), ("icmpv6.nd.rd.target_address", "target"),
        ("icmpv6.rd.na.destination_address", "destination"), ("icmpv6.nd.ra.cur_hop_limit", "cur_hop_limit"),
        ("icmpv6.nd.ra.flag.m", "m"), ("icmpv6.nd.ra.flag.h", "h"), ("icmpv6.nd.ra.flag.p", "p"),
        ("icmpv6.nd.ra.flag.o", "o"), ("icmpv6.nd.ra.flag.prf", "prf"),
        ("icmpv6.nd.ra.router_lifetime", "router_lifetime"), ("icmpv6.nd.ra.reachable_time", "reachable_time"),
        ("icmpv6.nd.ra.retrans_timer", "retrans_timer"), ("icmpv6.mtu", "mtu"), ("icmpv6.pointer", "pointer"),
        ("icmpv6.echo.identifier", "id"), ("icmpv6.echo.sequence_number", "seq")]),
    ("gre", &["gre"], &[
        ("gre.flags.checksum", "c"), ("gre.flags.key", "k"), ("gre.flags.sequence_number", "s"),
        ("gre.flags.version", "ver"), ("gre.proto", "proto"), ("gre.key", "key"), ("gre.sequence_number", "seq"),
        ("derived.nvgre.vsid", "vsid"), ("derived.nvgre.flowid", "flow_id")]),
    ("vxlan", &["vxlan", "vxlan_gpe"], &[("vxlan.vni", "vni"), ("vxlan.next_proto", "next_proto")]),
    ("geneve", &["geneve"], &[
        ("geneve.version", "ver"), ("geneve.option.length", "opt_len"), ("geneve.flags.oam", "o"),
        ("geneve.flags.critical", "c"), ("geneve.proto_type", "proto"), ("geneve.vni", "vni")]),
];
/// Options: tshark's columns and this crate's fields.
#[rustfmt::skip]
const OPTIONS: Columns = &[
    ("icmpv6.opt.type", "type"), ("icmpv6.opt.length", "len"), ("icmpv6.opt.mtu", "mtu"),
    ("icmpv6.opt.prefix.flag.l", "l"), ("icmpv6.opt.prefix.flag.a", "a"), ("icmpv6.opt.prefix.flag.r", "r"),
    ("icmpv6.opt.prefix.valid_lifetime", "valid_lifetime"), ("icmpv6.opt.prefix.length", "prefix_len"),
    ("icmpv6.opt.prefix.preferred_lifetime", "preferred_lifetime"), ("icmpv6.opt.nonce", "nonce"),
    ("icmpv6.opt.rdnss.lifetime", "lifetime"), ("icmpv6.opt.route_lifetime", "lifetime"),
    ("icmpv6.opt.pref64.scaled_lifetime", "scaled_lifetime"), ("icmpv6.opt.pref64.plc", "plc"),
    ("icmpv6.opt.captive_portal", "uri"), ("icmpv6.opt.home_agent_preference", "preference"),
    ("geneve.option.class", "class"), ("geneve.option.type", "type"), ("geneve.option.type.critical", "critical"),
    ("geneve.option.unknown.data", "data"),
];

/// Layers that tshark does not list, or of which this crate reads no fields.
const OURS_ALONE: &[&str] = &["ah", "tcp", "payload", "igmp", "snap"];
/// Link layers in front of the start of a walk.
const THEIRS_ALONE: &[&str] = &["raw", "null", "sll"];

/// Protocols, by tshark's names, that this crate does not read but that carry layers which it reads.
#[rustfmt::skip]
const OTHER_CARRIERS: &[&str] = &[
    "avsp", "capwap.data", "erspan", "gtp", "ieee8021ah", "l2tp", "macsec", "mpls", "nhrp", "nsh", "ppp", "pppoes", "sflow", "teredo",
    "wlan",
];

/// GRE's protocol type of WCCP, which has a header of its own in front of an IP packet.
const WCCP: u16 = 0x883e;

struct Frame {
    meta: Value,
    layers: Vec<Value>,
    options: Vec<Value>,
}

fn frames(table: &[Value]) -> Vec<Frame> {
    let mut frames: BTreeMap<u64, Frame> = BTreeMap::new();
    for row in table {
        let number = row["f"].as_u64().unwrap();
        match text(&row["k"]) {
            "frame" => {
                frames.insert(number, Frame { meta: row.clone(), layers: Vec::new(), options: Vec::new() });
            }
            // The packet that an ICMP error quotes is not a layer of the frame.
            _ if row["emb"] == 1 => {}
            "layer" => frames.get_mut(&number).unwrap().layers.push(row.clone()),
            _ => frames.get_mut(&number).unwrap().options.push(row.clone()),
        }
    }
    frames.into_values().collect()
}

/// Checks VXL-12, ND-05, GNV-03.
#[test]
fn captures_of_others_are_read_as_tshark_reads_them() {
    let Some(folder) = folder("public") else { return };
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let mut tally = Tally::default();
    for line in index.lines().skip(1) {
        let name = line.split('\t').next().unwrap().trim_start_matches("public/");
        let capture = folder.join(name);
        let theirs = frames(&rows(&capture.with_extension("expect.jsonl")));
        let strict = dissected(&capture, |_, walk| walk.vxlan_port(OLD_VXLAN_PORT));
        let lax = dissected(&capture, |_, walk| walk.vxlan_port(OLD_VXLAN_PORT).lax());
        assert_eq!((theirs.len(), theirs.len()), (strict.len(), lax.len()), "{name}");
        tally.compared("capture");
        for (frame, (strict, lax)) in theirs.iter().zip(strict.iter().zip(&lax)) {
            if strict["error"]["layer"] == "link" {
                tally.deliberate("other link type");
                continue;
            }
            assert!(array(&lax["layers"]).len() >= array(&strict["layers"]).len(), "{name} {strict} {lax}");
            // tshark warns of a cut payload and shows its beginning.
            let ours = if strict["error"]["kind"] == "truncated" { lax } else { strict };
            let mut compare = Compare { name, frame, ours, tally: &mut tally };
            compare.layers();
            compare.checksums();
            tally.compared("frame");
        }
    }
    tally.finish();
}

struct Compare<'a> {
    name: &'a str,
    frame: &'a Frame,
    ours: &'a Value,
    tally: &'a mut Tally,
}

impl Compare<'_> {
    fn fail(&mut self, what: &str) {
        let (name, number, ours) = (self.name, &self.frame.meta["f"], self.ours);
        self.tally.fail(format!("{name} frame {number}: {what}; {} {ours}", self.frame.meta));
    }

    fn passes(&self, protocol: &str) -> bool {
        text(&self.frame.meta["protocols"]).split(':').any(|passed| passed == protocol)
    }

    fn layers(&mut self) {
        let ours: Vec<_> =
            array(&self.ours["layers"]).iter().filter(|l| !OURS_ALONE.contains(&text(&l["proto"]))).collect();
        let theirs: Vec<_> = self.frame.layers.iter().filter(|l| !THEIRS_ALONE.contains(&text(&l["p"]))).collect();
        if text(&self.frame.meta["protocols"]).starts_with("eth:eth:") || self.passes("cfp") {
            return self.tally.deliberate("cisco link");
        }
        for (at, theirs) in theirs.iter().enumerate() {
            let known = LAYERS.iter().find(|(name, ..)| *name == text(&theirs["p"]));
            match (known, ours.get(at)) {
                (Some((_, names, columns)), Some(ours)) if names.contains(&text(&ours["proto"])) => {
                    self.fields(theirs, ours, columns);
                    self.options(theirs, ours);
                }
                (_, None) if !self.ours["error"].is_null() => return self.stopped(theirs),
                _ if OTHER_CARRIERS.iter().any(|carrier| self.passes(carrier)) || self.redirected() => {
                    return self.tally.deliberate("other carrier");
                }
                _ => return self.fail(&format!("no {}", theirs["p"])),
            }
        }
        if ours.len() > theirs.len() {
            self.fail("more layers than tshark has");
        }
    }

    /// The walk stopped at the layer that `theirs` shows.
    fn stopped(&mut self, theirs: &Value) {
        let (layer, kind) = (text(&self.ours["error"]["layer"]), text(&self.ours["error"]["kind"]));
        let same = LAYERS.iter().any(|(name, names, _)| *name == text(&theirs["p"]) && names.contains(&layer));
        match kind {
            _ if !same => self.fail("stopped at another layer"),
            "address_lengths" | "hardware_type" | "protocol_type" => self.tally.deliberate("arp of another kind"),
            "too_many_extensions" => self.tally.deliberate("chain bound"),
            "truncated" | "version" | "length" | "header_length" | "option_truncated" | "option_length" => {
                self.tally.deliberate("broken header");
            }
            _ => self.fail("stopped"),
        }
    }

    fn fields(&mut self, theirs: &Value, ours: &Value, columns: Columns) {
        let name = text(&theirs["p"]);
        if theirs["off"] != ours["off"] {
            self.fail(&format!("{name} at {} is at {}", ours["off"], theirs["off"]));
        }
        match (name, theirs["len"] == ours["len"]) {
            (_, true) => {}
            ("icmp" | "icmpv6" | "llc", _) => self.tally.deliberate("icmp data"),
            ("gre", _) if ours["fields"]["proto"] == WCCP => self.tally.deliberate("other carrier"),
            ("gre", _) if ours["fields"]["ver"] == 1 => self.tally.deliberate("gre version 1"),
            _ => self.fail(&format!("{name} of {} bytes has {}", ours["len"], theirs["len"])),
        }
        for (column, field) in columns {
            let column = match *column {
                "ip.dst" if !theirs["v"]["derived.ip.dst_header"].is_null() => "derived.ip.dst_header",
                column => column,
            };
            let (value, ours) = (&theirs["v"][column], &ours["fields"][field]);
            let value = match column {
                "ip.frag_offset" => value.as_u64().map_or(Value::Null, |units| (units * 8).into()),
                "ipv6.fraghdr.offset" => value.as_u64().map_or(Value::Null, |units| (units * 8).into()),
                _ => value.clone(),
            };
            // `eth.type` of a length that tshark reads as a type
            if value.is_null() || (column == "eth.type" && ours.is_null() && value == 0) {
                continue;
            }
            self.tally.compared(name);
            if ours.is_null() && column.starts_with("icmpv6.echo") && name == "icmpv6" {
                return self.tally.deliberate("extended echo");
            }
            if value != *ours {
                self.fail(&format!("{column} {ours} is {value}"));
            }
        }
    }

    fn options(&mut self, theirs: &Value, ours: &Value) {
        let of = |kinds: &[&str]| -> Vec<&Value> {
            let options = self.frame.options.iter();
            options.filter(|option| option["i"] == theirs["i"] && kinds.contains(&text(&option["p"]))).collect()
        };
        let options: Vec<Value> = of(&["icmpv6.opt", "geneve.option"]).into_iter().cloned().collect();
        for (theirs, ours) in options.iter().zip(array(&ours["fields"]["options"])) {
            for (column, field) in OPTIONS {
                let value = &theirs["v"][column];
                if value.is_null() || ours[field].is_null() {
                    continue;
                }
                self.tally.compared("option");
                if *value != ours[field] {
                    self.fail(&format!("{column} {} is {value}", ours[field]));
                }
            }
        }
    }

    /// Compares the verdicts on a checksum (tshark: 0 bad, 1 good), as far as the walk got.
    fn checksums(&mut self) {
        let columns = [
            ("ip", "ip.checksum.status", "ipv4"),
            ("udp", "udp.checksum.status", "udp"),
            ("icmp", "icmp.checksum.status", "icmp"),
            ("icmpv6", "icmpv6.checksum.status", "icmpv6"),
        ];
        for (name, column, ours) in columns {
            let of_kind = |layers: &[Value], key: &str, name: &str| layers.iter().filter(|l| l[key] == name).count();
            let theirs = self.frame.layers.iter().filter(|layer| layer["p"] == name);
            let said: Vec<_> = theirs.map(|layer| layer["v"][column].as_u64()).collect();
            let both = said.len() == 1 && of_kind(array(&self.ours["layers"]), "proto", ours) == 1;
            if !both || array(&self.ours["layers"]).iter().any(|layer| !layer["cut"].is_null()) {
                continue;
            }
            let wrong = array(&self.ours["discard"]).iter().any(|d| d["layer"] == ours && d["rule"] == "checksum");
            let fragment = array(&self.ours["layers"])
                .iter()
                .any(|l| l["fields"]["mf"] == 1 || l["fields"]["m"] == 1 && l["proto"] == "ipv6.frag");
            match said[0] {
                Some(0) if !wrong && self.routed() => self.tally.deliberate("source route"),
                Some(0) if !wrong && name != "ip" && fragment => {}
                Some(0) if !wrong && self.other_discard(ours) => {}
                Some(0) if !wrong => self.fail(&format!("{name} checksum is wrong")),
                Some(1) if wrong && self.routed() => self.tally.deliberate("source route"),
                Some(1) if wrong => self.fail(&format!("{name} checksum is right")),
                Some(0 | 1) => self.tally.compared("checksum"),
                _ => {}
            }
        }
    }

    /// True for a rule that is checked before the checksum.
    fn other_discard(&self, layer: &str) -> bool {
        array(&self.ours["discard"]).iter().any(|discard| discard["layer"] == layer)
    }

    fn redirected(&self) -> bool {
        array(&self.ours["layers"]).iter().any(|layer| layer["fields"]["proto"] == WCCP)
    }

    fn routed(&self) -> bool {
        let fields = || array(&self.ours["layers"]).iter().map(|layer| &layer["fields"]);
        fields().any(|fields| fields["segleft"].as_u64().is_some_and(|left| left > 0))
            || fields().any(|fields| array(&fields["options"]).iter().any(|kind| *kind == 131 || *kind == 137))
    }
}

/// Cut captures: with the original length, a walk calls no byte cut that never was in the frame. It ends where the lax
/// walk ends, or earlier.
#[test]
fn cut_captures_end_in_cut_headers() {
    let Some(folder) = folder("public") else { return };
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let (mut cut_frames, mut cut_headers) = (0, 0);
    for line in index.lines().skip(1) {
        let name = line.split('\t').next().unwrap().trim_start_matches("public/");
        for frame in capture::read(&folder.join(name)).unwrap() {
            let Some((walk, base)) = capture::start(&frame) else { continue };
            if frame.original <= frame.data.len() {
                continue;
            }
            cut_frames += 1;
            let lax: Vec<_> = walk.clone().lax().collect();
            for (found, lax) in walk.captured(frame.original - base).zip(&lax) {
                match (found, lax) {
                    (Ok(ours), Ok(lax)) => assert_eq!((ours.kind(), ours.offset), (lax.kind(), lax.offset), "{name}"),
                    (Err(stop), _) if stop.cut => {
                        let (needed, available) = stop.missing().unwrap();
                        assert_eq!(base + stop.error.offset + available, frame.data.len(), "{stop}: {name}");
                        assert!(base + stop.error.offset + needed <= frame.original, "{stop}: {name}");
                        cut_headers += 1;
                    }
                    (Err(_), _) => {} // broken in the whole frame too
                    (Ok(found), Err(stop)) => panic!("{}, {stop}: {name}", found.kind()),
                }
            }
        }
    }
    println!("{cut_frames} cut frames, {cut_headers} of which end in a header");
}
