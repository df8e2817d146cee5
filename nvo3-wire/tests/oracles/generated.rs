//! Frames made by another packet library, with the values handed to it.

use super::differences::Tally;
use super::{array, dissected, folder, rows, text};
use nvo3_wire::ila;
use serde_json::Value;
use std::path::Path;

/// The rows of `NAME.jsonl` of every seed, each with what we print of its frame.
fn compared_with(name: &str) -> Vec<(Value, Value)> {
    let seeds = folder("gen").into_iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    seeds.flat_map(|seed| of_seed(&seed.unwrap().path().join(name))).collect()
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

/// Where `ours` is not `theirs`; what they don't say is not looked at.
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

/// The row's layers as far as they are ours to read.
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

/// Discards other than those for a reason that the frame itself can't show.
fn unexpected(ours: &Value, tally: &mut Tally) -> bool {
    let mut unexpected = false;
    for discard in array(&ours["discard"]) {
        match (text(&discard["layer"]), text(&discard["rule"])) {
            ("geneve", "unknown_critical_option") => tally.deliberate("experimental option"),
            ("gre", "reserved_vsid") => tally.deliberate("nvgre or not"),
            _ => unexpected = true,
        }
    }
    unexpected
}

/// Checks ARP-02, VXL-12, GNV-03, ND-05, NVG-01, ILA-03.
#[test]
fn valid_frames_have_the_layers_and_fields_they_were_built_with_and_break_no_rule() {
    let mut tally = Tally::default();
    for (row, ours) in compared_with("valid") {
        let theirs = expected(&row, &mut tally);
        let [theirs_kinds, ours_kinds] =
            [&theirs[..], array(&ours["layers"])].map(|l| l.iter().map(|l| text(&l["proto"])).collect::<Vec<_>>());
        if theirs_kinds != ours_kinds || !ours["error"].is_null() || unexpected(&ours, &mut tally) {
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
        if !ours["error"].is_null() || unexpected(&ours, &mut tally) {
            tally.fail(format!("{ours}: {row}"));
        }
        compare_layers(&row, &ours, &before_fault(&row), &mut tally);
        tally.compared("accepted");
    }
    tally.finish();
}

/// The layers in front of the one that was changed, but for where they end, which is about what was changed or cut, and
/// the fields that were changed with it.
fn before_fault(row: &Value) -> Vec<Value> {
    let mut layers = array(&row["layers"])[..row["layer_index"].as_u64().unwrap() as usize].to_vec();
    for layer in layers.iter_mut().filter_map(Value::as_object_mut) {
        layer.remove("end");
        // an ILA address is the destination of the header before it
        let is_fault = |field: &str| !row["fault"][field].is_null() || row["kind"] == "ila" && field == "dst";
        layer["fields"].as_object_mut().unwrap().retain(|field, _| !is_fault(field));
    }
    layers
}

/// Checks ARP-02, ARP-05, ND-01, ND-02, ND-03, ND-04, ND-05, VXL-02, VXL-06, VXL-13, U6-03, GNV-01, GNV-02, GNV-03,
/// NVG-02, NVG-04, NVG-07.
#[test]
fn each_fault_stops_the_walk_drops_the_frame_or_ignores_the_option_at_its_layer() {
    let mut tally = Tally::default();
    for (row, ours) in compared_with("invalid") {
        let (reason, layer) = (text(&row["reason"]), &row["layer"]);
        let discarded: Vec<_> = array(&ours["discard"]).iter().map(|discard| &discard["layer"]).collect();
        let as_expected = match text(&row["disposition"]) {
            _ if row["kind"] == "evpn" => {
                tally.deliberate("evpn");
                true
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
                let options = array(&ours["layers"]).iter().flat_map(|layer| array(&layer["fields"]["options"]));
                let ignored = options.enumerate().filter(|(_, option)| option["ignored"] == true);
                let ignored: Vec<_> = ignored.map(|(at, _)| at as u64).collect();
                ours["error"].is_null()
                    && discarded.is_empty()
                    && ignored == [row["fault"]["option_index"].as_u64().unwrap()]
            }
            other => panic!("{other}"),
        };
        compare_layers(&row, &ours, &before_fault(&row), &mut tally);
        if !as_expected {
            tally.fail(format!("{reason}: {ours}: {row}"));
        }
        tally.compared(reason);
    }
    tally.finish();
}
