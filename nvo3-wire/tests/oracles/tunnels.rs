//! Generated tunnel packets decapsulated, and ILA destinations translated.

use super::generated::rows_of;
use super::{array, text};
use nvo3_wire::geneve::OptionKind;
use nvo3_wire::ila::{Mode, Prefix, Translation};
use nvo3_wire::tunnel::{Accept, Carried, ZeroChecksum, decap_frame};
use nvo3_wire::udp::Datagram;
use nvo3_wire::{Error, Ipv6, Protocol, Rule, ipv6};
use serde_json::Value;
use std::net::Ipv6Addr;

/// The class of the options that the generator calls unknown.
const UNKNOWN: u64 = 0xfffe;

fn layer<'a>(row: &'a Value, proto: &str) -> Option<&'a Value> {
    array(&row["layers"]).iter().find(|layer| layer["proto"] == proto)
}

/// The layer of the tunnel, if [`decap_frame`] reads its encapsulation.
fn tunnel(row: &Value) -> Option<&Value> {
    let known = ["vxlan", "vxlan_gpe", "geneve"].into_iter().find_map(|proto| layer(row, proto));
    known.or_else(|| layer(row, "gre").filter(|gre| gre["fields"]["nvgre"] == true))
}

/// Decapsulates the outer packet. The endpoint knows all options of the row except those called unknown.
fn open<'a>(row: &Value, frame: &'a [u8]) -> Result<Carried<'a>, Error> {
    let outer =
        array(&row["layers"]).iter().find(|layer| layer["proto"] == "ipv4" || layer["proto"] == "ipv6").unwrap();
    let at = outer["off"].as_u64().unwrap() as usize;
    let options = layer(row, "geneve").map(|geneve| array(&geneve["fields"]["options"])).unwrap_or_default();
    let known: Vec<_> = options
        .iter()
        .filter(|option| option["class"] != UNKNOWN)
        .map(|option| {
            let [class, kind] = ["class", "type"].map(|key| option[key].as_u64().unwrap());
            OptionKind { class: class as u16, kind: kind as u8 }
        })
        .collect();
    let zero_checksum_over_ipv6 = ZeroChecksum::Anyone;
    let accept = Accept { geneve_options: &known, zero_checksum_over_ipv6, ..Accept::default() };
    let outer = decap_frame(frame, &accept)?.unwrap_or_else(|| panic!("no tunnel: {row}"));
    assert!(at < outer.carried.inner_offset);
    Ok(outer.carried)
}

/// Checks NVG-01, GNV-02, GNV-03, GNV-05, NVG-02, VXL-02.
#[test]
fn valid_and_lenient_tunnels_are_opened_where_they_were_built() {
    for (row, frame) in rows_of("valid").into_iter().chain(rows_of("lenient")) {
        let Some(tunnel) = tunnel(&row) else { continue };
        let carried = match open(&row, &frame).map_err(|error| error.rule) {
            Ok(opened) => opened,
            Err(Rule::Control) if tunnel["fields"]["o"] == 1 => continue, // well formed, but it must not reach a tenant (GNV-04)
            Err(rule) => panic!("{rule}: {row}"),
        };
        let vni = &tunnel["fields"][if tunnel["proto"] == "gre" { "vsid" } else { "vni" }];
        let begins = tunnel["off"].as_u64().unwrap() + tunnel["len"].as_u64().unwrap();
        let ends = tunnel["end"].as_u64().unwrap();

        assert_eq!(*vni, carried.vni.get(), "{row}");
        let inner = carried.inner_offset;
        assert_eq!([inner, inner + carried.inner.len()].map(|at| at as u64), [begins, ends], "{row}");
    }
}

/// Checks GNV-01, GNV-02, GNV-03, NVG-01, NVG-02, NVG-04, NVG-07, VXL-02, VXL-13.
#[test]
fn invalid_tunnels_are_refused_by_the_protocol_that_is_broken() {
    for (row, frame) in rows_of("invalid") {
        let reason = text(&row["reason"]);
        let protocol = match reason.split('.').next().unwrap() {
            _ if reason == "vxlan.inner_arp_truncated" => continue, // the reader of the inner frame finds it
            _ if reason == "vxlan.outer_udp_bad_checksum" => Protocol::Udp,
            "vxlan" => Protocol::Vxlan,
            "vxlan_gpe" => Protocol::VxlanGpe,
            "geneve" => Protocol::Geneve,
            "nvgre" => Protocol::Nvgre,
            _ => continue, // the fault of another layer
        };
        let error = open(&row, &frame).expect_err(reason);
        // Any layer can find the fault of a frame that was cut, or changed under a checksum.
        let by_any = reason.ends_with("truncated") || reason == "vxlan_gpe.inner_version_mismatch";
        assert!(error.protocol == protocol || by_any, "{error}: {row}");
    }
}

fn prefix(hex: &Value) -> Prefix {
    Prefix(u64::from_str_radix(text(hex), 16).unwrap().to_be_bytes())
}

/// The translation of a row: checksums are right on the wire, with or without flag C.
fn translation(fields: &Value) -> Translation {
    let mode = if fields["c"] == 1 { Mode::Neutral } else { Mode::Transport };
    Translation { sir: prefix(&fields["sir_prefix"]), locator: prefix(&fields["locator"]), mode }
}

fn address(text_of: &Value) -> Ipv6 {
    text(text_of).parse::<Ipv6Addr>().unwrap().into()
}

/// The packet after the Ethernet header and tags.
fn packet(row: &Value, frame: &[u8]) -> Vec<u8> {
    frame[layer(row, "ipv6").unwrap()["off"].as_u64().unwrap() as usize..].to_vec()
}

/// True if the upper checksum verifies or if there is none.
fn checksum_is_right(packet: &[u8]) -> bool {
    let ip = ipv6::Packet::parse(packet).unwrap();
    let upper = ip.upper().unwrap();
    let none = upper.protocol == ipv6::UDP && Datagram::parse(upper.payload).unwrap().header.checksum.get() == 0;
    none || ip.pseudo_header(upper.protocol, upper.payload.len() as u32).bytes(upper.payload).verifies()
}

/// Checks ILA-01, ILA-03, ILA-05.
#[test]
fn ila_addresses_are_translated_as_they_were_built() {
    for (row, frame) in rows_of("valid") {
        let Some(ila) = layer(&row, "ila") else { continue };
        let (fields, before) = (&ila["fields"], packet(&row, &frame));
        let (translation, sir, wire) = (translation(fields), address(&fields["sir_dst"]), address(&fields["ila_dst"]));

        assert_eq!((translation.to_sir(wire), translation.to_ila(sir)), (Ok(sir), Ok(wire)), "{row}");
        let mut there = before.clone();
        translation.egress(&mut there).unwrap();
        assert!(checksum_is_right(&before) && checksum_is_right(&there), "{row}");
        translation.ingress(&mut there).unwrap();
        assert_eq!(there, before);
    }
}

/// Checks ILA-03.
#[test]
fn broken_ila_addresses_are_not_translated_or_leave_the_checksum_wrong() {
    for (row, frame) in rows_of("invalid") {
        let Some(ila) = layer(&row, "ila") else { continue };
        let (translation, mut packet) = (translation(&ila["fields"]), packet(&row, &frame));
        match text(&row["reason"]) {
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
