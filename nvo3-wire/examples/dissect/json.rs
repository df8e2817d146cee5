//! A frame as one JSON object.

use super::options::{self, bit, hex, merged, texts};
use nvo3_wire::dissect::{Dissect, Found, Ila, Kind, Layer};
use nvo3_wire::ila::IdentifierKind;
use nvo3_wire::nd::{Nd, Related, RelatedBody};
use nvo3_wire::{Ipv6, Rule, arp, geneve, gre, icmpv6, ipv4, ipv6, nvgre, vxlan_gpe};
use serde_json::{Value, json};

/// The layers that `walk` finds in frame `number` of `len` bytes. The walk starts `base` bytes after the frame's first
/// byte.
pub(crate) fn frame(number: usize, len: usize, base: usize, walk: Dissect<'_>) -> Value {
    let (mut layers, mut error, mut discard) = (Vec::new(), Value::Null, Vec::new());
    for found in walk {
        match found {
            Ok(found) => {
                if let Err(broken) = found.validate() {
                    discard.push(json!({"layer": found.kind().to_string(), "rule": word(broken.rule)}));
                }
                layers.push(layer(&found, base));
            }
            Err(stop) => {
                let missing = stop.missing();
                error = json!({
                    "layer": stop.kind.to_string(), "offset": base + stop.error.offset, "kind": word(stop.error.rule),
                    "need": missing.map(|(needed, _)| needed), "have": missing.map(|(_, available)| available),
                    "cut": stop.cut,
                });
            }
        }
    }
    json!({"frame": number, "len": len, "layers": layers, "error": error, "discard": discard})
}

/// A frame of an unknown link type.
pub(crate) fn unread(number: usize, len: usize) -> Value {
    let error = json!({"layer": "link", "offset": 0, "kind": "link_type", "need": null, "have": null});
    json!({"frame": number, "len": len, "layers": [], "error": error, "discard": []})
}

fn layer(found: &Found<'_>, base: usize) -> Value {
    let layer = json!({
        "proto": found.kind().to_string(), "off": base + found.offset, "len": found.len, "end": base + found.end,
        "fields": fields(found),
    });
    match found.cut {
        Some(cut) => merged(layer, json!({"cut": word(cut.rule)})),
        None => layer,
    }
}

/// The rule's name: `HopLimit(64)` is `hop_limit`.
pub(crate) fn word(rule: Rule) -> String {
    let name = format!("{rule:?}");
    let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let mut word = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.extend(letter.to_lowercase());
    }
    word
}

fn fields(found: &Found<'_>) -> Value {
    match &found.layer {
        Layer::Ethernet(header) => {
            let last = if found.kind() == Kind::Ieee8023 { "length" } else { "type" };
            json!({
                "dst": header.destination.to_string(), "src": header.source.to_string(),
                last: header.ether_type.get(),
            })
        }
        Layer::Vlan(announced, tag) => json!({
            "tpid": announced.get(), "vid": tag.id(), "pcp": tag.priority(), "dei": bit(tag.drop_eligible()),
            "type": tag.ether_type.get(),
        }),
        Layer::Llc(llc) => {
            let control = u16::from_le_bytes([llc.header.control, llc.sequence.unwrap_or(0)]);
            json!({"dsap": llc.header.dsap, "ssap": llc.header.ssap, "ctrl": control})
        }
        Layer::Snap(snap) => {
            let [a, b, c] = snap.oui;
            json!({"oui": u32::from_be_bytes([0, a, b, c]), "pid": snap.protocol.get()})
        }
        Layer::Arp(arp) | Layer::Rarp(arp) => arp_fields(arp),
        Layer::Ipv4(packet) => ipv4_fields(packet),
        Layer::Ipv6(packet) => json!({
            "src": packet.header.source.to_string(), "dst": packet.header.destination.to_string(),
            "nh": packet.header.next_header, "hlim": packet.header.hop_limit, "tc": packet.header.traffic_class(),
            "flow": packet.header.flow_label(),
        }),
        Layer::Extension(extension) => extension_fields(extension),
        Layer::Ila(ila) => ila_fields(ila),
        Layer::Udp(datagram) => {
            let checksum = datagram.header.checksum.get();
            json!({
                "sport": datagram.header.source_port.get(), "dport": datagram.header.destination_port.get(),
                "cksum_zero": checksum == 0, "cksum": checksum,
            })
        }
        Layer::Tcp(segment) => json!({
            "sport": segment.header.source_port.get(), "dport": segment.header.destination_port.get(),
            "seq": segment.header.sequence.get(), "ack": segment.header.acknowledgment.get(),
            "flags": segment.header.flags().0, "window": segment.header.window.get(),
        }),
        Layer::Icmpv4(message) => {
            let [a, b, c, d] = message.header.rest;
            json!({
                "type": message.header.kind, "code": message.header.code, "id": u16::from_be_bytes([a, b]),
                "seq": u16::from_be_bytes([c, d]),
            })
        }
        Layer::Igmp(message) => json!({"type": message.header.kind, "group": message.header.group.to_string()}),
        Layer::Nd(nd) => nd_fields(nd),
        Layer::Related(related) => related_fields(related),
        Layer::Mld(mld) => json!({
            "type": mld.icmp.header.kind, "code": mld.icmp.header.code, "kind": "mld", "options": [],
            "groups": texts(mld_groups(mld)),
        }),
        Layer::Icmpv6(message) => icmpv6_fields(message),
        Layer::Vxlan(header) => {
            let [a, b, c] = header.vni;
            json!({"flags": header.flags, "vni": u32::from_be_bytes([0, a, b, c])})
        }
        Layer::VxlanGpe(header) => json!({
            "flags": header.flags, "ver": header.version(), "i": bit(header.flags & vxlan_gpe::Header::VALID != 0),
            "p": bit(header.flags & vxlan_gpe::Header::NEXT != 0), "b": bit(header.flags & vxlan_gpe::Header::BUM != 0),
            "o": bit(header.is_control()), "next_proto": header.next_protocol, "vni": header.vni().get(),
        }),
        Layer::Geneve(packet) => geneve_fields(packet),
        Layer::Gre(packet) => gre_fields(packet),
        Layer::Nvgre(header) => nvgre_fields(header),
        Layer::Payload(bytes) => json!({"len": bytes.len()}),
        other => json!({"text": other.to_string()}),
    }
}

fn arp_fields(arp: &arp::Arp) -> Value {
    json!({
        "htype": arp.hardware.get(), "ptype": arp.protocol.get(), "hlen": arp.hardware_len, "plen": arp.protocol_len,
        "op": arp.operation.get(), "sha": arp.sender_mac.to_string(), "spa": arp.sender_ip.to_string(),
        "tha": arp.target_mac.to_string(), "tpa": arp.target_ip.to_string(),
    })
}

fn ipv4_fields(packet: &ipv4::Packet<'_>) -> Value {
    let (header, fragment) = (packet.header, packet.header.fragment.get());
    let fields = json!({
        "src": header.source.to_string(), "dst": header.destination.to_string(), "proto": header.protocol,
        "dscp": header.traffic_class >> 2, "ecn": header.traffic_class & 3, "id": header.identification.get(),
        "ttl": header.ttl, "df": bit(fragment & ipv4::DONT_FRAGMENT != 0),
        "mf": bit(fragment & ipv4::MORE_FRAGMENTS != 0), "frag_offset": header.fragment_offset(),
    });
    if packet.options.is_empty() {
        return fields;
    }
    let options: Vec<_> = packet.iter_options().map(|option| option.kind()).collect();
    merged(fields, json!({"options": options}))
}

fn extension_fields(extension: &ipv6::Extension<'_>) -> Value {
    let more = match extension.typed() {
        Ok(ipv6::Kind::Routing(routing)) => json!({
            "type": routing.kind, "segleft": routing.segments_left, "addrs": texts(segments(&routing)),
        }),
        Ok(ipv6::Kind::Fragment(fragment)) => json!({
            "frag_offset": fragment.offset(), "m": bit(fragment.more()), "id": fragment.identification.get(),
        }),
        Ok(ipv6::Kind::Authentication(read)) => json!({
            "spi": read.header.spi.get(), "seq": read.header.sequence.get(), "icv": hex(read.icv),
        }),
        _ => json!({"opts": hex(extension.content)}),
    };
    merged(json!({"nh": extension.next}), more)
}

/// The addresses of a routing header. An unknown type is read in the usual layout.
fn segments<'a>(routing: &ipv6::Routing<'a>) -> &'a [Ipv6] {
    match routing.kind {
        0 | 2..=4 => routing.addresses(),
        _ => ipv6::Routing { kind: 0, ..*routing }.addresses(),
    }
}

fn ila_fields(ila: &Ila<'_>) -> Value {
    let wire = ila.address.identifier;
    let fields = json!({
        "type": wire.type_code(), "c": bit(wire.is_neutral()), "locator": hex(&ila.address.prefix.0),
        "identifier_wire": hex(&wire.0), "sir_prefix": hex(&ila.sir.0),
        "ila_dst": Ipv6::from(*ila.address).to_string(),
    });
    let Ok(sir) = ila.sir_address() else { return fields };
    let given = json!({"identifier_sir": hex(&sir.identifier.0), "sir_dst": Ipv6::from(sir).to_string()});
    let more = match sir.identifier.kind() {
        IdentifierKind::VirtualIpv4 { vn, address } => json!({"vnid": vn, "vaddr": address.to_string()}),
        IdentifierKind::VirtualIpv6 { vn, low } => json!({"vnid": vn, "vaddr6_low32": low}),
        IdentifierKind::VirtualGroup { vn, scope, low } => json!({"vnid": vn, "scope": scope, "vaddr6_low28": low}),
        _ => json!({}),
    };
    merged(merged(fields, given), more)
}

fn nd_fields(nd: &Nd<'_>) -> Value {
    let (kind, more, body) = match nd {
        Nd::RouterSolicitation(_) => ("rs", json!({"type": icmpv6::ROUTER_SOLICITATION}), 8),
        Nd::RouterAdvertisement(ra) => {
            let (body, flags) = (ra.body, ra.body.flags());
            let more = json!({
                "type": icmpv6::ROUTER_ADVERTISEMENT, "cur_hop_limit": body.cur_hop_limit, "m": bit(flags.managed),
                "o": bit(flags.other), "h": bit(flags.home_agent), "prf": flags.preference, "p": bit(flags.proxied),
                "router_lifetime": body.router_lifetime.get(), "reachable_time": body.reachable_time.get(),
                "retrans_timer": body.retrans_timer.get(),
            });
            ("ra", more, 16)
        }
        Nd::Solicitation(ns) => {
            ("ns", json!({"type": icmpv6::NEIGHBOR_SOLICITATION, "target": ns.body.target.to_string()}), 24)
        }
        Nd::Advertisement(na) => {
            let flags = na.body.flags();
            let more = json!({
                "type": icmpv6::NEIGHBOR_ADVERTISEMENT, "target": na.body.target.to_string(), "r": bit(flags.router),
                "s": bit(flags.solicited), "o": bit(flags.overrides),
            });
            ("na", more, 24)
        }
        Nd::Redirect(redirect) => {
            let body = redirect.body;
            let more = json!({
                "type": icmpv6::REDIRECT, "target": body.target.to_string(), "destination": body.destination.to_string(),
            });
            ("redirect", more, 40)
        }
        Nd::Other(message) => return icmpv6_fields(message),
    };
    let code = match nd {
        Nd::RouterSolicitation(message) => message.body.code,
        Nd::RouterAdvertisement(message) => message.body.code,
        Nd::Solicitation(message) => message.body.code,
        Nd::Advertisement(message) => message.body.code,
        Nd::Redirect(message) => message.body.code,
        Nd::Other(message) => message.header.code,
    };
    let options = nd.options().map(|options| options::list(options, body));
    merged(json!({"kind": kind, "code": code, "options": options}), more)
}

fn related_fields(related: &Related<'_>) -> Value {
    let duplicate = |body: &nvo3_wire::nd::Duplicate| {
        json!({
            "status": body.status, "lifetime": body.lifetime.get(), "eui64": hex(&body.eui64),
            "addr": body.address.to_string(),
        })
    };
    let (kind, more) = match related.body {
        RelatedBody::InverseSolicitation(_) => ("ins", json!({})),
        RelatedBody::InverseAdvertisement(_) => ("ina", json!({})),
        RelatedBody::CertificationSolicitation(body) => {
            ("cps", json!({"identifier": body.identifier.get(), "component": body.component.get()}))
        }
        RelatedBody::CertificationAdvertisement(body) => (
            "cpa",
            json!({
                "identifier": body.identifier.get(), "all_components": body.all_components.get(),
                "component": body.component.get(),
            }),
        ),
        RelatedBody::FastHandover(body) => {
            ("fmip", json!({"subtype": body.subtype, "identifier": body.identifier.get()}))
        }
        RelatedBody::DuplicateRequest(body) => ("dar", duplicate(body)),
        RelatedBody::DuplicateConfirmation(body) => ("dac", duplicate(body)),
        _ => ("other", json!({})),
    };
    let header = related.message().header;
    let options = options::list(related.options, related.body_len());
    merged(json!({"type": header.kind, "code": header.code, "kind": kind, "options": options}), more)
}

fn mld_groups(message: &nvo3_wire::mld::Message<'_>) -> Vec<Ipv6> {
    use nvo3_wire::mld::Kind;
    match message.kind {
        Kind::Query(query) => vec![*query.group],
        Kind::Report(group) | Kind::Done(group) => vec![*group],
        Kind::Records(records) => records.iter().map(|record| record.group).collect(),
        _ => Vec::new(),
    }
}

fn icmpv6_fields(message: &icmpv6::Message<'_>) -> Value {
    let (kind, more) = match message.kind() {
        Ok(icmpv6::Kind::EchoRequest(echo)) => ("echo_request", json!({"id": echo.identifier, "seq": echo.sequence})),
        Ok(icmpv6::Kind::EchoReply(echo)) => ("echo_reply", json!({"id": echo.identifier, "seq": echo.sequence})),
        Ok(icmpv6::Kind::Unreachable { .. }) => ("unreachable", json!({})),
        Ok(icmpv6::Kind::PacketTooBig { mtu }) => ("packet_too_big", json!({"mtu": mtu})),
        Ok(icmpv6::Kind::TimeExceeded { .. }) => ("time_exceeded", json!({})),
        Ok(icmpv6::Kind::ParameterProblem { pointer, .. }) => ("parameter_problem", json!({"pointer": pointer})),
        _ => ("other", json!({})),
    };
    let header = message.header;
    merged(json!({"type": header.kind, "code": header.code, "kind": kind, "options": []}), more)
}

fn geneve_fields(packet: &geneve::Packet<'_>) -> Value {
    let options: Value = packet
        .options
        .iter()
        .map(|option| {
            json!({
                "class": option.kind.class, "type": option.kind.kind, "critical": bit(option.kind.is_critical()),
                "len": option.data.len(), "data": hex(option.data),
            })
        })
        .collect();
    let header = packet.header;
    json!({
        "ver": header.version(), "opt_len": header.options_len(), "o": bit(header.is_control()),
        "c": bit(header.is_critical()), "proto": header.protocol.get(), "vni": header.vni().get(), "options": options,
    })
}

fn gre_fields(packet: &gre::Packet<'_>) -> Value {
    let fields = json!({
        "c": bit(packet.checksum.is_some()), "k": bit(packet.key.is_some()), "s": bit(packet.sequence.is_some()),
        "ver": packet.header.version(), "proto": packet.header.protocol.get(),
    });
    let key = packet.key.map_or(json!({}), |key| json!({"key": key.get()}));
    let sequence = packet.sequence.map_or(json!({}), |sequence| json!({"seq": sequence.get()}));
    merged(merged(fields, key), sequence)
}

fn nvgre_fields(header: &nvgre::Header) -> Value {
    json!({
        "c": 0, "k": 1, "s": 0, "ver": header.gre.version(), "proto": header.gre.protocol.get(),
        "key": header.vsid().get() << 8 | u32::from(header.flow_id), "vsid": header.vsid().get(),
        "flow_id": header.flow_id, "nvgre": true,
    })
}
