//! Every ND message that another packet library made: all fields of all options are equal, every fault is found, and
//! our builders make the same bytes of the same values.
//!
//! Needs the folder `gen/seed1/` of the vectors: `NVO3_VECTORS`, or `../shared/vectors` beside the workspace.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use nvo3_wire::ethernet::Frame;
use nvo3_wire::nd::*;
use nvo3_wire::{Error, EtherType, Ipv6, Mac, icmpv6, ipv6};
use pcap_file::pcap::PcapReader;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// A row of `gen/`: its ICMPv6 layer, the addresses of the IPv6 header before it, and the frame from that header on.
struct Row {
    row: Value,
    icmp: Value,
    ip: Value,
    packet: Vec<u8>,
    frame: Vec<u8>,
}

fn folder(name: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = PathBuf::from(env::var_os("NVO3_VECTORS").unwrap_or_else(|| default.into())).join(name);
    if !folder.is_dir() {
        println!("skipped: no folder {} (set NVO3_VECTORS)", folder.display());
        return None;
    }
    Some(folder)
}

fn frames(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = PcapReader::new(fs::File::open(path).unwrap()).unwrap();
    std::iter::from_fn(|| Some(reader.next_packet()?.unwrap().data.into_owned())).collect()
}

/// The rows of `NAME.jsonl` that have an ICMPv6 layer, also inside a tunnel.
fn rows(name: &str) -> Vec<Row> {
    let Some(folder) = folder("gen/seed1") else { return Vec::new() };
    let rows = fs::read_to_string(folder.join(name).with_extension("jsonl")).unwrap();
    let mut all = Vec::new();
    for (row, frame) in rows.lines().zip(frames(&folder.join(name).with_extension("pcap"))) {
        let row: Value = serde_json::from_str(row).unwrap();
        let layers = row["layers"].as_array().unwrap();
        let Some(at) = layers.iter().position(|layer| layer["proto"] == "icmpv6") else { continue };
        let Some(ip) = layers[..at].iter().rfind(|layer| layer["proto"] == "ipv6") else { continue };
        if layers[at]["fields"]["kind"].is_null() {
            continue; // echo, errors, MLD
        }
        let packet = frame.get(ip["off"].as_u64().unwrap() as usize..).unwrap_or_default().to_vec();
        let (icmp, ip) = (layers[at]["fields"].clone(), ip["fields"].clone());
        all.push(Row { row, icmp, ip, packet, frame });
    }
    all
}

fn bit(set: bool) -> u8 {
    set.into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Our reading of a message in the words of the rows; `None` for messages of other RFCs.
fn fields(packet: &[u8]) -> Result<Option<Value>, Error> {
    let nd = Nd::parse(&ipv6::Packet::parse(packet)?)?;
    let (mut fields, head) = match &nd {
        Nd::RouterSolicitation(_) => (json!({"kind": "rs"}), 8),
        Nd::RouterAdvertisement(ra) => {
            let (body, flags) = (ra.body, ra.body.flags());
            (
                json!({"kind": "ra", "cur_hop_limit": body.cur_hop_limit, "m": bit(flags.managed),
                    "o": bit(flags.other), "h": bit(flags.home_agent), "p": bit(flags.proxied),
                    "prf": flags.preference, "router_lifetime": body.router_lifetime.get(),
                    "reachable_time": body.reachable_time.get(), "retrans_timer": body.retrans_timer.get()}),
                16,
            )
        }
        Nd::Solicitation(ns) => (json!({"kind": "ns", "target": ns.body.target.to_string()}), 24),
        Nd::Advertisement(na) => {
            let flags = na.body.flags();
            let [r, s, o] = [flags.router, flags.solicited, flags.overrides].map(bit);
            (json!({"kind": "na", "target": na.body.target.to_string(), "r": r, "s": s, "o": o}), 24)
        }
        Nd::Redirect(redirect) => {
            let [target, destination] = [redirect.body.target, redirect.body.destination].map(|ip| ip.to_string());
            (json!({"kind": "redirect", "target": target, "destination": destination}), 40)
        }
        Nd::Other(_) => return Ok(None),
    };
    let message = icmpv6::Message::parse(&ipv6::Packet::parse(packet)?)?;
    fields["type"] = message.header.kind.into();
    fields["code"] = message.header.code.into();
    fields["options"] = nd.options().unwrap().raw().map(|raw| positioned(raw, head)).collect();
    Ok(Some(fields))
}

fn positioned(raw: RawOption<'_>, head: usize) -> Value {
    let mut fields = option(raw.read());
    for (key, value) in [
        ("off", head + raw.offset),
        ("size", raw.bytes.len()),
        ("type", raw.bytes[0].into()),
        ("len", raw.bytes[1].into()),
    ] {
        fields[key] = value.into();
    }
    fields
}

fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

/// What the padding of an option with four bytes before `body` comes to.
fn pad_len(body: &[u8]) -> usize {
    (body.len() + 4).next_multiple_of(8) - body.len() - 4
}

fn option(option: NdOption<'_>) -> Value {
    match option {
        NdOption::SourceLink(mac) => json!({"name": "sll", "lladdr": mac.to_string()}),
        NdOption::TargetLink(mac) => json!({"name": "tll", "lladdr": mac.to_string()}),
        NdOption::Prefix(o) => json!({"name": "pio", "prefix_len": o.prefix_len, "prefix": o.prefix.to_string(),
            "l": bit(o.flags & Prefix::ON_LINK != 0), "a": bit(o.flags & Prefix::AUTONOMOUS != 0),
            "r": bit(o.flags & Prefix::ROUTER != 0),
            "valid_lifetime": o.valid_lifetime.get(), "preferred_lifetime": o.preferred_lifetime.get()}),
        NdOption::Redirected(packet) => json!({"name": "rh", "inner_len": packet.len()}),
        NdOption::Mtu(o) => json!({"name": "mtu", "mtu": o.mtu.get()}),
        NdOption::ShortcutLimit(o) => json!({"name": "scl", "limit": o.limit}),
        NdOption::AdvertisementInterval(o) => json!({"name": "ai", "interval": o.interval.get()}),
        NdOption::HomeAgent(o) => {
            json!({"name": "hai", "preference": o.preference.get(), "lifetime": o.lifetime.get()})
        }
        NdOption::SourceAddresses(list) => json!({"name": "sal", "addrs": texts(list)}),
        NdOption::TargetAddresses(list) => json!({"name": "tal", "addrs": texts(list)}),
        NdOption::Cga(o) => json!({"name": "cga", "pad_len": pad_len(o.params), "params": hex(o.params)}),
        NdOption::Signature(o) => json!({"name": "rsa", "key_hash": hex(o.key_hash)}),
        NdOption::Timestamp(o) => json!({"name": "ts", "timestamp": o.timestamp.get()}),
        NdOption::Nonce(nonce) => json!({"name": "nonce", "nonce": hex(nonce)}),
        NdOption::TrustAnchor(o) => json!({"name": "ta", "name_type": o.name_type, "pad_len": pad_len(o.name)}),
        NdOption::Certificate(o) => json!({"name": "cert", "cert_type": o.cert_type}),
        NdOption::HandoverAddress(o) => json!({"name": "ipp", "opt_code": o.opt_code, "prefix_len": o.prefix_len,
            "addr": o.addr.to_string()}),
        NdOption::RouterPrefix(o) => json!({"name": "nrp", "opt_code": o.opt_code, "prefix_len": o.prefix_len,
            "prefix": o.addr.to_string()}),
        NdOption::HandoverLink(o) => json!({"name": "lla", "opt_code": o.opt_code, "lladdr": o.lladdr.to_string()}),
        NdOption::Acknowledgment(o) => json!({"name": "naack", "status": o.status}),
        NdOption::MobilityAnchor(o) => json!({"name": "map", "dist": o.dist(), "pref": o.pref(),
            "r": bit(o.is_regional()), "valid_lifetime": o.valid_lifetime.get(), "addr": o.addr.to_string()}),
        NdOption::Route(o) => json!({"name": "rio", "prefix_len": o.prefix_len, "prf": o.preference,
            "lifetime": o.lifetime, "prefix": o.address().to_string()}),
        NdOption::Rdnss(o) => json!({"name": "rdnss", "lifetime": o.lifetime, "addrs": texts(o.addrs)}),
        NdOption::ExtendedFlags(_) => json!({"name": "efo"}),
        NdOption::MobileNode(o) => json!({"name": "mnid", "opt_code": o.opt_code, "pad_len": pad_len(o.mn_id),
            "mn_id": o.mn_id.escape_ascii().to_string()}),
        NdOption::Dnssl(o) => json!({"name": "dnssl", "lifetime": o.lifetime, "domains": texts(o.domains())}),
        NdOption::AddressRegistration(o) => json!({"name": "aro", "status": o.status, "lifetime": o.lifetime.get(),
            "eui64": hex(&o.eui64)}),
        NdOption::Context(o) => json!({"name": "6co", "context_len": o.context_len, "c": bit(o.compression),
            "cid": o.cid, "lifetime": o.lifetime, "prefix": hex(o.prefix)}),
        NdOption::BorderRouter(o) => json!({"name": "abro", "version": o.version(), "lifetime": o.lifetime.get(),
            "addr": o.addr.to_string()}),
        NdOption::Capabilities(o) => json!({"name": "6cio", "bits": o.bits.get()}),
        NdOption::CaptivePortal(o) => json!({"name": "cp", "uri": o.text()}),
        NdOption::Pref64(o) => json!({"name": "pref64", "scaled_lifetime": o.scaled_lifetime(), "plc": o.plc(),
            "prefix": o.address().to_string()}),
        NdOption::Other { .. } => json!({"name": "unk"}),
        _ => panic!("{option:?}"),
    }
}

/// Checks ND-05.
#[test]
fn all_fields_of_all_options_are_those_the_message_was_built_with() {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for name in ["valid", "lenient"] {
        for Row { row, icmp, packet, .. } in rows(name) {
            let ours = match fields(&packet).unwrap_or_else(|error| panic!("{error}: {row}")) {
                Some(ours) => ours,
                None => options_of_another_message(&icmp, &packet),
            };
            for (key, value) in ours.as_object().unwrap() {
                if key != "options" {
                    let theirs = after_fault(&row, None, &icmp, key);
                    assert!(value == theirs || theirs.is_null(), "{key} {value}: {icmp} {}", row["fault"]);
                }
            }
            let theirs = icmp["options"].as_array().unwrap();
            assert_eq!(ours["options"].as_array().unwrap().len(), theirs.len(), "{row}");
            for (index, (ours, theirs)) in ours["options"].as_array().unwrap().iter().zip(theirs).enumerate() {
                for key in theirs.as_object().unwrap().keys() {
                    let value = after_fault(&row, Some(index), theirs, key);
                    assert_eq!(&ours[key], value, "{key}: {ours} {theirs} {}", row["fault"]);
                }
                *seen.entry(theirs["name"].as_str().unwrap().into()).or_default() += 1;
            }
            let nd = Nd::parse(&ipv6::Packet::parse(&packet).unwrap()).unwrap();
            assert_eq!(nd.validate(), Ok(()), "{row}");
            if name == "valid" {
                for option in nd.options().into_iter().flatten() {
                    assert_eq!(option.validate(), Ok(()), "{option:?} {row}");
                }
            }
        }
    }
    println!("{seen:?}");
}

/// A field of the message or of an option, in a row whose table describes the frame before `fault` changed it.
fn after_fault<'a>(row: &'a Value, option: Option<usize>, fields: &'a Value, key: &str) -> &'a Value {
    let fault = &row["fault"];
    let is_changed = fault["option_index"].as_u64().map(|index| index as usize) == option;
    fault.get(key).filter(|_| is_changed).unwrap_or(&fields[key])
}

/// Messages of other RFCs, of which only the options are read here.
fn options_of_another_message(icmp: &Value, packet: &[u8]) -> Value {
    let head = match icmp["kind"].as_str().unwrap() {
        "cpa" => 12,
        "dar" | "dac" => 32,
        _ => 8,
    };
    let packet = ipv6::Packet::parse(packet).unwrap();
    let message = icmpv6::Message::parse(&packet).unwrap();
    let options = Options::parse(&message.bytes[head..]).unwrap();
    json!({"options": options.raw().map(|raw| positioned(raw, head)).collect::<Vec<_>>()})
}

/// Which rule a fault breaks, by the first word of how we say it.
fn expected(reason: &str) -> &'static str {
    match reason.strip_prefix("nd.").unwrap() {
        "bad_checksum" => "Checksum",
        "code_not_0" => "Code",
        "fragmented" => "Fragment",
        "hop_limit_not_255" => "HopLimit",
        "message_too_short" | "message_truncated_by_capture" => "Truncated",
        "opt_len_zero" => "OptionLengthZero",
        "opt_overruns_message" | "opt_truncated_header" => "OptionTruncated",
        "na_multicast_dst_solicited" => "SolicitedToMulticast",
        "na_target_multicast" | "ns_target_multicast" => "MulticastTarget",
        "ns_unspecified_src_dst_not_solicited_node" => "UnspecifiedToOther",
        "ns_unspecified_src_with_slla" | "rs_unspecified_src_with_slla" => "SourceOptionFromUnspecified",
        "ra_src_not_link_local" | "redirect_src_not_link_local" => "NotLinkLocal",
        "redirect_destination_multicast" => "MulticastDestination",
        "redirect_target_invalid" => "RedirectTarget",
        "6co_context_len_over_128" | "pio_prefix_len_over_128" => "PrefixLength",
        "captive_portal_not_utf8_uri" => "NotText",
        "dnssl_compression_pointer" | "dnssl_label_overrun" => "DomainName",
        "mtu_below_1280" => "Mtu",
        "pio_link_local_prefix" => "LinkLocalPrefix",
        "pio_preferred_gt_valid" => "PreferredBeyondValid",
        "pref64_reserved_plc" => "PrefixLengthCode",
        "rio_reserved_preference" => "ReservedPreference",
        "dnssl_len_below_2"
        | "lladdr_len_2_on_ethernet"
        | "mtu_len_not_1"
        | "pio_len_not_4"
        | "pref64_len_not_2"
        | "rdnss_len_even"
        | "redirected_header_short"
        | "rio_len_over_3"
        | "rio_len_too_small_for_prefix" => "OptionLength",
        reason => panic!("{reason}"),
    }
}

/// Checks ND-01, ND-02, ND-03, ND-04, ND-05.
#[test]
fn each_fault_breaks_its_own_rule_and_drops_the_message_or_only_the_option() {
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for Row { row, icmp, packet, .. } in rows("invalid") {
        let reason = row["reason"].as_str().unwrap();
        if !reason.starts_with("nd.") || reason == "nd.ina_missing_tal" {
            continue; // inverse ND (RFC 3122) is no message of RFC 4861
        }
        let read = ipv6::Packet::parse(&packet).and_then(|packet| {
            let nd = Nd::parse(&packet)?;
            Ok((nd, nd.validate()?))
        });
        let rule = match read {
            Err(error) if row["disposition"] != "ignore_option" => error.rule,
            Ok((nd, ())) if row["disposition"] == "ignore_option" => {
                let broken: Vec<_> = nd.options().unwrap().iter().map(|option| option.validate()).collect();
                let at = row["fault"]["option_index"].as_u64().unwrap() as usize;
                broken[at].expect_err(reason).rule
            }
            other => panic!("{other:?}: {icmp} {row}"),
        };
        let name = format!("{rule:?}");
        assert_eq!(name.split(['(', ' ']).next(), Some(expected(reason)), "{row}");
        *found.entry(reason.into()).or_default() += 1;
    }
    println!("{found:?}");
}

fn number(fields: &Value, key: &str) -> u64 {
    fields[key].as_u64().unwrap_or_else(|| panic!("{key}: {fields}"))
}

fn byte(fields: &Value, key: &str) -> u8 {
    number(fields, key) as u8
}

fn ip(text: &Value) -> Ipv6 {
    text.as_str().unwrap().parse::<std::net::Ipv6Addr>().unwrap().into()
}

fn mac(text: &Value) -> Mac {
    text.as_str().unwrap().parse().unwrap()
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn ips(list: &Value) -> Vec<Ipv6> {
    list.as_array().unwrap().iter().map(ip).collect()
}

/// Writes the option that a row describes; what the row does not say (signatures, certificates) is taken from `raw`.
fn rebuilt(fields: &Value, raw: &[u8]) -> Vec<u8> {
    let f = |key| number(fields, key);
    let b = |key| byte(fields, key);
    let write = |option: NdOption<'_>| {
        let mut out = vec![0xa5; option.size()];
        assert_eq!(option.write(&mut out), Ok(out.len()));
        assert!(option.write(&mut vec![0; out.len() - 1]).is_err());
        out
    };
    let unpadded = |from: usize| &raw[from..raw.len() - f("pad_len") as usize];
    match fields["name"].as_str().unwrap() {
        "sll" => write(NdOption::SourceLink(&mac(&fields["lladdr"]))),
        "tll" => write(NdOption::TargetLink(&mac(&fields["lladdr"]))),
        "pio" => {
            let flags = b("l") << 7 | b("a") << 6 | b("r") << 5;
            let [valid, preferred] = ["valid_lifetime", "preferred_lifetime"].map(|key| f(key) as u32);
            write(NdOption::Prefix(&Prefix::new(ip(&fields["prefix"]), b("prefix_len"), flags, valid, preferred)))
        }
        "rh" => write(NdOption::Redirected(&raw[8..])),
        "mtu" => write(NdOption::Mtu(&Mtu::new(f("mtu") as u32))),
        "scl" => write(NdOption::ShortcutLimit(&ShortcutLimit::new(b("limit")))),
        "ai" => write(NdOption::AdvertisementInterval(&AdvertisementInterval::new(f("interval") as u32))),
        "hai" => write(NdOption::HomeAgent(&HomeAgent::new(f("preference") as u16, f("lifetime") as u16))),
        "sal" => write(NdOption::SourceAddresses(&ips(&fields["addrs"]))),
        "tal" => write(NdOption::TargetAddresses(&ips(&fields["addrs"]))),
        "cga" => write(NdOption::Cga(Cga { params: &unhex(&fields["params"]) })),
        "rsa" => {
            let key_hash: [u8; 16] = unhex(&fields["key_hash"]).try_into().unwrap();
            write(NdOption::Signature(Signature { key_hash: &key_hash, signature: &raw[20..] }))
        }
        "ts" => write(NdOption::Timestamp(&Timestamp::new(f("timestamp")))),
        "nonce" => write(NdOption::Nonce(&unhex(&fields["nonce"]))),
        "ta" => write(NdOption::TrustAnchor(TrustAnchor { name_type: b("name_type"), name: unpadded(4) })),
        "cert" => write(NdOption::Certificate(Certificate { cert_type: b("cert_type"), certificate: &raw[4..] })),
        "ipp" => {
            let option = HandoverAddress::new(b("opt_code"), ip(&fields["addr"]), b("prefix_len"));
            write(NdOption::HandoverAddress(&option))
        }
        "nrp" => write(NdOption::RouterPrefix(&HandoverAddress::router_prefix(ip(&fields["prefix"]), b("prefix_len")))),
        "lla" => write(NdOption::HandoverLink(&HandoverLink::new(b("opt_code"), mac(&fields["lladdr"])))),
        "naack" => write(NdOption::Acknowledgment(&Acknowledgment::new(b("status")))),
        "map" => {
            let (lifetime, addr) = (f("valid_lifetime") as u32, ip(&fields["addr"]));
            write(NdOption::MobilityAnchor(&MobilityAnchor::new(b("dist"), b("pref"), b("r") == 1, lifetime, addr)))
        }
        "rio" => {
            let (prefix, bytes) = (ip(&fields["prefix"]), (f("len") as usize - 1) * 8);
            let (prefix_len, preference, lifetime) = (b("prefix_len"), b("prf"), f("lifetime") as u32);
            write(NdOption::Route(Route { prefix_len, preference, lifetime, prefix: &prefix.0[..bytes] }))
        }
        "rdnss" => write(NdOption::Rdnss(Rdnss { lifetime: f("lifetime") as u32, addrs: &ips(&fields["addrs"]) })),
        "efo" => write(NdOption::ExtendedFlags(raw[2..].try_into().unwrap())),
        "mnid" => {
            let mn_id = fields["mn_id"].as_str().unwrap().as_bytes();
            write(NdOption::MobileNode(MobileNode { opt_code: b("opt_code"), mn_id }))
        }
        "dnssl" => {
            let (mut names, mut at) = ([0; 2048], 0);
            for domain in fields["domains"].as_array().unwrap() {
                at += Name::write(domain.as_str().unwrap(), &mut names[at..]).unwrap();
            }
            write(NdOption::Dnssl(Dnssl { lifetime: f("lifetime") as u32, names: &names[..at] }))
        }
        "aro" => {
            let eui64 = unhex(&fields["eui64"]).try_into().unwrap();
            let option = AddressRegistration::new(b("status"), f("lifetime") as u16, eui64);
            write(NdOption::AddressRegistration(&option))
        }
        "6co" => write(NdOption::Context(Context {
            context_len: b("context_len"),
            compression: b("c") == 1,
            cid: b("cid"),
            lifetime: f("lifetime") as u16,
            prefix: &unhex(&fields["prefix"]),
        })),
        "abro" => {
            let option = BorderRouter::new(f("version") as u32, f("lifetime") as u16, ip(&fields["addr"]));
            write(NdOption::BorderRouter(&option))
        }
        "6cio" => write(NdOption::Capabilities(&Capabilities::new(f("bits") as u16))),
        "cp" => write(NdOption::CaptivePortal(CaptivePortal { uri: fields["uri"].as_str().unwrap().as_bytes() })),
        "pref64" => {
            let prefix = *ip(&fields["prefix"]).0.first_chunk().unwrap();
            write(NdOption::Pref64(&Pref64::new(prefix, f("scaled_lifetime") as u16, b("plc"))))
        }
        _ => write(NdOption::Other { kind: b("type"), content: &raw[2..] }),
    }
}

/// The frame of `body`, with addresses and options of the row.
fn frame_of<T: Body>(row: &Row, body: T, options: &[NdOption<'_>]) -> Vec<u8> {
    let [source, destination] = ["src", "dst"].map(|key| ip(&row.ip[key]));
    let ethernet = &row.row["layers"][0]["fields"];
    let message = Outgoing { source, destination, body, options };
    let mut out = vec![0xa5; message.frame_len()];
    assert_eq!(message.write_frame(mac(&ethernet["dst"]), mac(&ethernet["src"]), &mut out), Ok(out.len()));
    assert!(message.write_frame(Mac::ZERO, Mac::ZERO, &mut vec![0; out.len() - 1]).is_err());
    out
}

/// Checks ND-05, DAD-02.
#[test]
fn rebuilt_messages_equal_those_of_the_generator() {
    let (mut rebuilt_frames, mut rebuilt_options) = (0, 0);
    for row in rows("valid") {
        let icmp = &row.icmp;
        let length = usize::from(u16::from_be_bytes([row.packet[4], row.packet[5]])) + 40;
        let packet = &row.packet[..length];
        let at = icmpv6::Message::parse(&ipv6::Packet::parse(packet).unwrap()).unwrap().offset;
        let described = icmp["options"].as_array().unwrap();
        let built: Vec<Vec<u8>> = described
            .iter()
            .map(|fields| {
                let (from, size) = (at + number(fields, "off") as usize, number(fields, "size") as usize);
                let raw = &packet[from..from + size];
                let built = rebuilt(fields, raw);
                assert_eq!(hex(&built), hex(raw), "{fields}");
                built
            })
            .collect();
        rebuilt_options += built.len();
        let bytes = built.concat();
        let options: Vec<_> = Options::parse(&bytes).unwrap().iter().collect();
        let flag = |key| number(icmp, key) == 1;
        let frame = match icmp["kind"].as_str().unwrap() {
            "rs" => frame_of(&row, RouterSolicitation::new(), &options),
            "ra" => {
                let flags = RouterFlags {
                    managed: flag("m"),
                    other: flag("o"),
                    home_agent: flag("h"),
                    proxied: flag("p"),
                    preference: byte(icmp, "prf"),
                };
                let mut body = RouterAdvertisement::new(flags, number(icmp, "router_lifetime") as u16);
                body.cur_hop_limit = byte(icmp, "cur_hop_limit");
                body.reachable_time.set(number(icmp, "reachable_time") as u32);
                body.retrans_timer.set(number(icmp, "retrans_timer") as u32);
                frame_of(&row, body, &options)
            }
            "ns" => frame_of(&row, Solicitation::new(ip(&icmp["target"])), &options),
            "na" => {
                let flags = Flags { router: flag("r"), solicited: flag("s"), overrides: flag("o") };
                frame_of(&row, Advertisement::new(flags, ip(&icmp["target"])), &options)
            }
            "redirect" => frame_of(&row, Redirect::new(ip(&icmp["target"]), ip(&icmp["destination"])), &options),
            _ => continue, // messages of other RFCs: their options only
        };
        assert_eq!(hex(&frame[54..]), hex(&packet[at..]), "{}", row.row);
        let layers = row.row["layers"].as_array().unwrap();
        let plain = layers.len() == 3 && number(&row.ip, "tc") == 0 && number(&row.ip, "flow") == 0;
        if plain {
            assert_eq!(hex(&frame), hex(&row.frame[..frame.len()]), "{}", row.row);
        }
        rebuilt_frames += 1;
    }
    println!("{rebuilt_frames} messages, {rebuilt_options} options");
}

#[test]
fn messages_of_the_kernel_and_of_radvd_are_valid_and_rebuilt_alike() {
    let Some(folder) = folder("linux") else { return };
    let mut seen: BTreeMap<u8, u32> = BTreeMap::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "pcap") {
            continue;
        }
        for frame in frames(&path) {
            let Ok(ethernet) = Frame::parse(&frame) else { continue };
            if ethernet.ether_type() != EtherType::IPV6 {
                continue;
            }
            let packet = ipv6::Packet::parse(ethernet.payload).unwrap();
            let Ok(nd) = Nd::parse(&packet) else { continue };
            let Some(options) = nd.options() else { continue };
            let message = icmpv6::Message::parse(&packet).unwrap();
            assert_eq!(nd.validate(), Ok(()), "{}: {nd}", path.display());
            let mut out = Vec::new();
            for option in options {
                assert_eq!(option.validate(), Ok(()), "{option}");
                let mut bytes = vec![0xa5; option.size()];
                option.write(&mut bytes).unwrap();
                out.extend(bytes);
            }
            assert_eq!(out, options.as_bytes());
            *seen.entry(message.header.kind).or_default() += 1;
            if message.header.kind < 135 {
                println!("{nd}");
            }
        }
    }
    println!("{seen:?}");
    assert!([133, 134, 135, 136].iter().all(|kind| seen.contains_key(kind)), "{seen:?}");
}
