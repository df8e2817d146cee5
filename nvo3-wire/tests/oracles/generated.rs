//! Frames that another packet library made, compared with the values that it got.

use super::differences::Tally;
use super::{array, capture, dissected, faults, folder, json, rows, text};
use nvo3_wire::dissect::{Dissect, Layer};
use nvo3_wire::{flow, ila};
use serde_json::Value;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The files `NAME` in the folders of all seeds.
fn of_seeds(name: &str) -> impl Iterator<Item = PathBuf> {
    let seeds = folder("gen").into_iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    seeds.map(move |seed| seed.unwrap().path().join(name))
}

/// The rows of `NAME.jsonl` of all seeds, each with its frame.
pub(crate) fn rows_of(name: &str) -> Vec<(Value, Vec<u8>)> {
    of_seeds(name)
        .flat_map(|name| {
            let frames = capture::read(&name.with_extension("pcap")).unwrap();
            rows(&name.with_extension("jsonl")).into_iter().zip(frames.into_iter().map(|frame| frame.data))
        })
        .collect()
}

/// The rows of `NAME.jsonl` of all seeds, each with the output of `dissect` for its frame.
fn compared_with(name: &str) -> Vec<(Value, Value)> {
    of_seeds(name).flat_map(|name| of_seed(&name)).collect()
}

fn of_seed(name: &Path) -> Vec<(Value, Value)> {
    let rows = rows(&name.with_extension("jsonl"));
    let ours = dissected(&name.with_extension("pcap"), |at, walk| match sir_prefix(&rows[at]) {
        Some(sir) => walk.sir_prefix(sir),
        None => walk,
    });
    assert_eq!(rows.len(), ours.len());
    rows.into_iter().zip(ours).collect()
}

fn sir_prefix(row: &Value) -> Option<ila::Prefix> {
    let ila = array(&row["layers"]).iter().find(|layer| layer["proto"] == "ila")?;
    Some(ila::Prefix(u64::from_str_radix(text(&ila["fields"]["sir_prefix"]), 16).unwrap().to_be_bytes()))
}

/// The paths at which `ours` differs from `theirs`. Fields that `theirs` does not have are not compared.
fn differences(path: &str, theirs: &Value, ours: &Value, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                differences(&format!("{path}.{key}"), value, ours.get(key).unwrap_or(&Value::Null), found);
            }
        }
        (Value::Array(theirs), Value::Array(ours)) if theirs.len() == ours.len() => {
            theirs.iter().zip(ours).for_each(|(theirs, ours)| differences(path, theirs, ours, found));
        }
        _ if theirs == ours => {}
        _ => found.push(format!("{path} {ours} is {theirs}")),
    }
}

/// The layers of the row that this crate reads.
fn expected(row: &Value, tally: &mut Tally) -> Vec<Value> {
    let mut layers = array(&row["layers"]).to_vec();
    let foreign = layers.iter().position(|layer| matches!(text(&layer["proto"]), "nsh" | "bgp_evpn"));
    if let Some(at) = foreign {
        tally.deliberate(if layers[at]["proto"] == "nsh" { "nsh" } else { "evpn" });
        let mut payload = serde_json::json!({"proto": "payload", "off": layers[at]["off"], "end": layers[at]["end"]});
        payload["len"] = (layers[at]["end"].as_u64().unwrap() - layers[at]["off"].as_u64().unwrap()).into();
        layers.truncate(at);
        layers.push(payload);
    }
    if layers.last().is_some_and(|last| last["proto"] == "payload" && last["len"] == 0) {
        tally.deliberate("empty payload");
        layers.pop();
    }
    layers
}

fn compare_layers(row: &Value, ours: &Value, theirs: &[Value], tally: &mut Tally) {
    for (theirs, ours) in theirs.iter().zip(array(&ours["layers"])) {
        let mut found = Vec::new();
        differences(text(&theirs["proto"]), theirs, ours, &mut found);
        if ours["proto"] == "gre" && ours["fields"]["nvgre"] != theirs["fields"]["nvgre"] {
            tally.deliberate("nvgre or not");
        }
        if ours["proto"] == "rarp" && theirs["fields"]["tpa"].is_null() {
            tally.deliberate("undefined field");
        }
        found.iter().for_each(|found| tally.fail(format!("{found}: {row}")));
        tally.compared(text(&theirs["proto"]));
    }
}

/// The discards, except those for a reason that the frame itself does not show.
fn unexpected(row: &Value, ours: &Value, tally: &mut Tally) -> bool {
    let fields = |proto: &str| {
        let layer = array(&row["layers"]).iter().find(|layer| layer["proto"] == proto);
        layer.map_or(&Value::Null, |layer| &layer["fields"])
    };
    let is_experimental = |option: &Value| option["critical"] == 1 && option["class"].as_u64() >= Some(EXPERIMENTAL);
    let mut unexpected = false;
    for discard in array(&ours["discard"]) {
        match (text(&discard["layer"]), text(&discard["rule"])) {
            ("geneve", "unknown_critical_option")
                if array(&fields("geneve")["options"]).iter().any(is_experimental) =>
            {
                tally.deliberate("experimental option");
            }
            ("gre", "reserved_vsid") if fields("gre")["nvgre"] == false => tally.deliberate("nvgre or not"),
            _ => unexpected = true,
        }
    }
    unexpected
}

/// From this number on, Geneve's option classes are for experiments (RFC 8926 §7).
const EXPERIMENTAL: u64 = 0xff00;

/// The offsets of the options that a receiver ignores although it knows them.
fn ignored(ours: &Value) -> Vec<u64> {
    let options = array(&ours["layers"]).iter().flat_map(|layer| array(&layer["fields"]["options"]));
    options.enumerate().filter(|(_, option)| option["ignored"] == true).map(|(at, _)| at as u64).collect()
}

/// This crate's names of the rules that a frame breaks. If the frame is valid, also those of its options.
fn broken<'a>(row: &Value, frame: &[u8], ours: &'a Value) -> Vec<Cow<'a, str>> {
    let discards = array(&ours["discard"]).iter().map(|discard| text(&discard["rule"]).into());
    let error = ours["error"]["kind"].as_str().into_iter().map(Into::into);
    let at = row["fault"]["option_index"].as_u64().filter(|_| row["disposition"] == "ignore_option");
    let option = at.and_then(|at| {
        let layer = Dissect::new(frame).filter_map(Result::ok).last()?.layer;
        let options = if let Layer::Nd(nd) = layer { nd.options() } else { None };
        Some(json::word(options?.iter().nth(at as usize)?.validate().err()?.rule).into())
    });
    error.chain(discards).chain(option).collect()
}

/// Checks ARP-02, VXL-12, GNV-03, ND-05, NVG-01, ILA-03.
#[test]
fn valid_frames_have_the_layers_and_fields_they_were_built_with_and_break_no_rule() {
    let mut tally = Tally::default();
    for (row, ours) in compared_with("valid") {
        let theirs = expected(&row, &mut tally);
        let [theirs_kinds, ours_kinds] =
            [&theirs[..], array(&ours["layers"])].map(|l| l.iter().map(|l| text(&l["proto"])).collect::<Vec<_>>());
        let is_dropped = !ours["error"].is_null() || unexpected(&row, &ours, &mut tally);
        if theirs_kinds != ours_kinds || is_dropped || !ignored(&ours).is_empty() {
            tally.fail(format!("{ours}: {row}"));
            continue;
        }
        compare_layers(&row, &ours, &theirs, &mut tally);
    }
    tally.finish();
}

/// Checks VXL-02, ND-05, GNV-05.
#[test]
fn lenient_frames_are_accepted() {
    let mut tally = Tally::default();
    for (row, ours) in compared_with("lenient") {
        if !ours["error"].is_null() || unexpected(&row, &ours, &mut tally) {
            tally.fail(format!("{ours}: {row}"));
        }
        compare_layers(&row, &ours, &with_fault(&row), &mut tally);
        tally.compared("accepted");
    }
    tally.finish();
}

/// The layers in front of the changed one, without their ends (which depend on the changed layer) and without the
/// fields that were changed with it.
fn before_fault(row: &Value) -> Vec<Value> {
    let mut layers = array(&row["layers"])[..row["layer_index"].as_u64().unwrap() as usize].to_vec();
    for layer in layers.iter_mut().filter_map(Value::as_object_mut) {
        layer.remove("end");
        // An ILA address is the destination of the header in front.
        let is_fault = |field: &str| !row["fault"][field].is_null() || row["kind"] == "ila" && field == "dst";
        layer["fields"].as_object_mut().unwrap().retain(|field, _| !is_fault(field));
    }
    layers
}

/// All layers without their lengths. In the changed layer or option also without the changed fields.
fn with_fault(row: &Value) -> Vec<Value> {
    let mut layers = array(&row["layers"]).to_vec();
    for layer in layers.iter_mut().filter_map(Value::as_object_mut) {
        layer.retain(|part, _| part == "proto" || part == "fields" || part == "off");
    }
    let fields = &mut layers[row["layer_index"].as_u64().unwrap() as usize]["fields"];
    let changed = match row["fault"]["option_index"].as_u64() {
        Some(at) => &mut fields["options"][at as usize],
        None => fields,
    };
    for (field, value) in changed.as_object_mut().unwrap() {
        if let Some(new) = row["fault"].get(field) {
            value.clone_from(new);
        }
    }
    layers
}

/// Checks ARP-02, ARP-05, ND-01, ND-02, ND-03, ND-04, ND-05, VXL-02, VXL-06, VXL-13, U6-03, GNV-01, GNV-02, GNV-03,
/// NVG-02, NVG-04, NVG-07.
#[test]
fn each_fault_stops_the_walk_drops_the_frame_or_ignores_the_option_at_its_layer() {
    let mut tally = Tally::default();
    let frames = rows_of("invalid").into_iter().map(|(_, frame)| frame);
    for ((row, ours), frame) in compared_with("invalid").into_iter().zip(frames) {
        let (reason, layer) = (text(&row["reason"]), &row["layer"]);
        let discarded: Vec<_> = array(&ours["discard"]).iter().map(|discard| &discard["layer"]).collect();
        let rules = broken(&row, &frame, &ours);
        let as_expected = match text(&row["disposition"]) {
            _ if row["kind"] == "evpn" => {
                tally.deliberate("evpn");
                discarded.is_empty()
            }
            "reject" => ours["error"]["layer"] == *layer,
            "discard" if matches!(reason, "nvgre.key_absent" | "nvgre.c_or_s_set") => {
                tally.deliberate("nvgre or not");
                ours["error"].is_null() && discarded.is_empty()
            }
            "discard" if reason == "ila.checksum_neutral_broken" => {
                tally.deliberate("neutral or not");
                discarded == ["udp"]
            }
            "discard" => ours["error"].is_null() && discarded.contains(&layer),
            "ignore_option" => {
                ours["error"].is_null()
                    && (discarded.len(), rules.len()) == (0, 1)
                    && ignored(&ours) == [row["fault"]["option_index"].as_u64().unwrap()]
            }
            other => panic!("{other}"),
        };
        compare_layers(&row, &ours, &before_fault(&row), &mut tally);
        let is_named = rules.is_empty() || rules.iter().any(|rule| faults::breaks(reason, rule));
        if !as_expected || !is_named {
            tally.fail(format!("{reason}: {rules:?} {ours}: {row}"));
        }
        tally.compared(reason);
    }
    tally.finish();
}

/// Addresses, protocol and ports of the outermost IP packet are those from which the frame was made.
#[test]
fn flow_keys_are_the_values_that_frames_were_made_of() {
    let mut compared = 0;
    for (row, frame) in rows_of("valid") {
        let layers = array(&row["layers"]);
        let Some(at) = layers.iter().position(|layer| layer["proto"] == "ipv4" || layer["proto"] == "ipv6") else {
            continue;
        };
        let key = flow::key(&frame).unwrap_or_else(|| panic!("no key: {row}"));
        let ip = &layers[at]["fields"];
        assert_eq!(
            [key.source, key.destination].map(|ip| ip.to_string()),
            [text(&ip["src"]), text(&ip["dst"])],
            "{row}"
        );
        let is_fragment = ip["mf"] == 1 || ip["frag_offset"].as_u64().is_some_and(|offset| offset != 0);
        match layers[at + 1..]
            .iter()
            .find(|layer| !text(&layer["proto"]).starts_with("ipv6.") && layer["proto"] != "ila")
        {
            Some(upper) if !is_fragment && (upper["proto"] == "udp" || upper["proto"] == "tcp") => {
                let ports = ["sport", "dport"].map(|port| upper["fields"][port].as_u64().unwrap() as u16);
                assert_eq!(key.ports.map(|(from, to)| [from, to]), Some(ports), "{row}");
                compared += 1;
            }
            _ => assert_eq!(key.ports, None, "{row}"),
        }
    }
    println!("{compared} frames with ports");
}

/// The captured part of a frame has the layers of the whole frame, and the cut makes no header broken.
#[test]
fn a_cut_frame_gives_the_layers_of_the_whole_one() {
    for (row, frame) in rows_of("valid") {
        let all: Vec<_> = Dissect::new(&frame).map(|found| found.map(|found| (found.kind(), found.offset))).collect();
        for end in (0..frame.len().min(200)).chain((200..frame.len()).step_by(97)) {
            for (found, whole) in Dissect::new(&frame[..end]).captured(frame.len()).zip(&all) {
                match found {
                    Ok(found) => assert_eq!(Ok((found.kind(), found.offset)), *whole, "{end} bytes of {row}"),
                    Err(stop) => assert!(stop.cut, "{stop}: {end} bytes of {row}"),
                }
            }
        }
    }
}
