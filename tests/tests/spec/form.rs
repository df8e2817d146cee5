//! A message in the form in which the decoder in Python prints it, with the names of SPEC.md.

use core::net::IpAddr;
use nvo3_nva_proto::*;
use nvo3_wire::Mac;
use serde_json::{Map, Value, json};

/// The result of decoding: a message or an error.
pub(crate) fn decoded(bytes: &[u8]) -> Value {
    match Message::decode(bytes) {
        Ok((header, message)) => self::message(&header, &message),
        Err(error) => {
            let ErrorMessage { code, about, sequence, offset, tlv } = error.reply();
            json!({ "error": format!("{code:?}"), "about": about, "sequence": sequence, "offset": offset, "TLV": tlv })
        }
    }
}

fn message(header: &Header, message: &Message) -> Value {
    let Header { session, sequence, transaction } = header;
    let mut all = Map::new();
    all.insert("type".into(), json!(message.name()));
    all.insert("header".into(), json!({ "session": session.0, "sequence": sequence, "transaction": transaction }));
    if let Value::Object(body) = body(message) {
        all.extend(body);
    }
    Value::Object(all)
}

fn body(message: &Message) -> Value {
    match message {
        Message::Hello(m) => json!({
            "nonce": m.nonce,
            "capabilities": m.capabilities.0,
            "encapsulations": m.encapsulations.0,
            "resumed": m.resumed,
            "PLACE": place(&m.place),
            "SEEN": m.seen.as_ref().map(seen),
        }),
        Message::HelloAck(m) => json!({
            "session": m.session.0,
            "nonce": m.nonce,
            "epoch": m.epoch,
            "published": m.published.0,
            "SEEN": m.seen.as_ref().map(seen),
        }),
        Message::Keepalive | Message::Goodbye => json!({}),
        Message::Error(m) => json!({
            "code": format!("{:?}", m.code),
            "about": m.about,
            "TLV": m.tlv,
            "sequence": m.sequence,
            "offset": m.offset,
        }),
        Message::Ack(m) => json!({ "received": m.received, "in force": m.in_force }),
        Message::RegistrationRequest(m) => json!({
            "vn": m.vn.get(),
            "lifetime": m.lifetime.to_wire(),
            "CLAIMS": list(&m.claims, |claim| json!({
                "sign": if claim.by_word { "word" } else { "frame" },
                "kind": lower(claim.kind),
                "MAC": mac(claim.mac),
                "old NVE": claim.old.map(|nve| nve.0),
                "expected version": claim.expected.map(version),
                "addresses": addresses(claim.role, &claim.ips),
            })),
        }),
        Message::RegistrationReply(m) => json!({
            "vn": m.vn.get(),
            "result": format!("{:?}", m.result),
            "lifetime": m.lifetime.to_wire(),
            "TSI_VERSIONS": list(&m.tsis, tsi_version),
            "PLACE": m.current.as_ref().map(place),
        }),
        Message::Deregister(Deregister { vn, tsis }) | Message::DeregisterReply(DeregisterReply { vn, tsis }) => {
            json!({ "vn": vn.get(), "TSI_VERSIONS": list(tsis, tsi_version) })
        }
        Message::Restate(m) => json!({
            "vn": m.vn.get(),
            "more": m.more,
            "RESTING": list(&m.tsis, |tsi| json!({
                "MAC": mac(tsi.mac),
                "version": version(tsi.version),
                "addresses": addresses(tsi.role, &tsi.ips),
            })),
        }),
        Message::RestateMove(m) => json!({
            "move": m.move_id.0,
            "version": version(m.version),
            "side": lower(m.side),
            "party": lower(m.party),
            "peer": m.peer.0,
            "TSI": list(&m.tsis, tsi),
        }),
        Message::Query(m) => json!({ "vn": m.vn.get(), "ADDRESS": address(&m.address) }),
        Message::Response(m) => {
            let (answer, found) = match &m.answer {
                Answer::Found(found) => ("found", Some(found)),
                Answer::NotFound => ("not found", None),
                Answer::Prohibited => ("prohibited", None),
            };
            json!({
                "vn": m.vn.get(),
                "answer": answer,
                "lifetime": m.lifetime.to_wire(),
                "ADDRESS": address(&m.address),
                "MAPPING": found.map(|found| json!({
                    "MAC": mac(found.mac),
                    "version": version(found.version),
                    "addresses": addresses(found.role, &found.ips),
                })),
                "PLACE": found.and_then(|found| found.place.as_ref()).map(place),
            })
        }
        Message::Subscribe(vn) | Message::Unsubscribe(vn) => json!({ "vn": vn.get() }),
        Message::Update(m) => {
            let members =
                |part| m.members.as_ref().filter(|members| members.more == part).map(|m| list(&m.places, place));
            json!({
                "vn": m.vn.get(),
                "after": m.after.0,
                "upto": m.upto.0,
                "synced": m.synced,
                "MAPPINGS": list(&m.mappings, |mapping| json!({
                    "place": mapping.place.as_ref().map_or(json!("withdrawn"), place),
                    "MAC": mac(mapping.mac),
                    "version": version(mapping.version),
                    "addresses": addresses(mapping.role, &mapping.ips),
                })),
                "MEMBERS": members(false),
                "MEMBERS_PART": members(true),
            })
        }
        Message::Resync(m) => json!({
            "since": version(m.since),
            "more": m.more,
            "VNS": list(&m.vns, |vn| json!(vn.get())),
            "HELD": list(&m.mappings, |(vn, held)| json!({ "vn": vn.get(), "address": address(held) })),
        }),
        Message::Invalidate(m) => json!({
            "vn": m.tsi.vn.get(),
            "MAC": mac(m.tsi.mac),
            "NVE": m.nve.0,
            "version": version(m.version),
        }),
        Message::Prepare(m) => json!({
            "move": m.move_id.0,
            "version": version(m.version),
            "side": lower(m.side),
            "kind": lower(m.kind),
            "suspended": m.suspended,
            "frames": m.limits.frames,
            "bytes": m.limits.bytes,
            "age": m.limits.age.0 / 1_000,
            "PLACE": place(&m.peer),
            "TSI": list(&m.tsis, tsi),
        }),
        Message::Ready(m) => json!({
            "move": m.move_id.0,
            "version": version(m.version),
            "refusal": m.refused.map(|why| format!("{why:?}")),
        }),
        Message::Suspended(m)
        | Message::Activated(m)
        | Message::Resumed(m)
        | Message::Revoke(m)
        | Message::Revoked(m) => json!({ "move": m.move_id.0, "version": version(m.version) }),
        Message::OutcomeQuery(move_id) => json!({ "move": move_id.0 }),
        Message::Outcome(m) => json!({
            "move": m.move_id.0,
            "version": version(m.version),
            "result": lower(m.result),
            "PLACE": place(&m.place),
            "TSI_KEYS": list(&m.tsis, |key| json!({ "vn": key.vn.get(), "MAC": mac(key.mac) })),
        }),
        Message::Done(m) => json!({
            "move": m.move_id.0,
            "duration": m.report.duration.0,
            "held": m.report.held_frames,
            "tunnelled": m.report.tunnelled_frames,
            "dropped": m.report.dropped_frames,
            "stale senders": m.report.stale_senders,
        }),
        Message::StateOffer(m) => {
            let more = json!({ "format": m.format, "total": m.total.get(), "last": m.last });
            stream(&m.stream, m.kind, more)
        }
        Message::StateChunk(m) => {
            let (mut flows, mut policies, mut bytes) = (None, None, None);
            match &m.part {
                StatePart::Connections(records) | StatePart::Sessions(records) => {
                    flows = Some(list(records, flow_record))
                }
                StatePart::Policies(records) => policies = Some(list(records, policy_record)),
                StatePart::Snapshot(of) | StatePart::Opaque(of) => bytes = Some(hex(of)),
            }
            let more = json!({ "offset": m.offset.get(), "FLOWS": flows, "POLICIES": policies, "BYTES": bytes });
            stream(&m.stream, m.part.kind(), more)
        }
        Message::StateAck(m) => {
            let answer = match m.answer {
                StateAnswer::Taken => "taken",
                StateAnswer::Again => "begin again",
                StateAnswer::NotSupported => "not supported",
                StateAnswer::Resource => "no room",
                StateAnswer::Policy => "not allowed",
                StateAnswer::Stale => "stale",
                other => panic!("no word of the SPEC for `{other}`"),
            };
            stream(&m.stream, m.kind, json!({ "upto": m.upto.get(), "answer": answer }))
        }
        Message::CacheReport(m) => json!({
            "vn": m.vn.get(),
            "more": m.more,
            "CACHED": list(&m.entries, |entry| json!({
                "NVE": entry.nve.0,
                "MAC": mac(entry.mac),
                "version": version(entry.version),
                "addresses": addresses(entry.role, &entry.ips),
            })),
        }),
        Message::CacheVerdict(m) => json!({
            "vn": m.vn.get(),
            "more": m.more,
            "WRONG": list(&m.wrong, |wrong| json!({
                "verdict": match wrong.verdict {
                    Verdict::Unknown => "unknown",
                    Verdict::Stale => "stale",
                    Verdict::Ahead => "ahead",
                    Verdict::WrongNve => "wrong NVE",
                    Verdict::WrongAddress => "wrong address",
                    other => panic!("no word of the SPEC for `{other}`"),
                },
                "MAC": mac(wrong.mac),
                "version": version(wrong.version),
            })),
        }),
    }
}

/// The fields that all messages of a transfer have, and then `more`, the fields of this message.
fn stream(stream: &StateStream, kind: StateKind, mut more: Value) -> Value {
    more["move"] = json!(stream.move_id.0);
    more["version"] = version(stream.version);
    more["source"] = json!(stream.source.0);
    more["target"] = json!(stream.target.0);
    more["copy"] = json!(stream.copy);
    more["kind"] = json!(lower(kind));
    more
}

fn record(present: bool) -> &'static str {
    if present { "present" } else { "gone" }
}

fn flow_record(FlowRecord { flow, state }: &FlowRecord) -> Value {
    let (source, destination) = match flow.ends {
        FlowEnds::V4 { source, destination } => (IpAddr::V4(source), IpAddr::V4(destination)),
        FlowEnds::V6 { source, destination } => (IpAddr::V6(source), IpAddr::V6(destination)),
    };
    json!({
        "record": record(state.is_some()),
        "vn": flow.vn.get(),
        "VLAN": flow.vlan.get(),
        "protocol": flow.protocol,
        "source port": flow.source_port,
        "destination port": flow.destination_port,
        "source": ip(&source),
        "destination": ip(&destination),
        "expires": state.as_ref().map(|state| state.expires.map_or(u32::MAX.into(), |length| length.0 / 1_000)),
        "data": state.as_ref().map(|state| hex(&state.data)),
    })
}

fn policy_record(PolicyRecord { tsi, number, rules }: &PolicyRecord) -> Value {
    json!({
        "record": record(rules.is_some()),
        "vn": tsi.vn.get(),
        "MAC": mac(tsi.mac),
        "number": number,
        "rules": rules.as_deref().map(hex),
    })
}

fn list<T>(values: &[T], form: impl Fn(&T) -> Value) -> Value {
    values.iter().map(form).collect()
}

fn lower(code: impl core::fmt::Debug) -> String {
    format!("{code:?}").to_lowercase()
}

fn version(Version { epoch, generation }: Version) -> Value {
    json!({ "epoch": epoch, "generation": generation })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mac(mac: Mac) -> String {
    mac.0.map(|byte| format!("{byte:02x}")).join(":")
}

/// An IPv6 address in full, so that each address has one form.
fn ip(ip: &IpAddr) -> Value {
    match ip {
        IpAddr::V4(a) => json!(a.to_string()),
        IpAddr::V6(a) => json!(a.segments().map(|segment| format!("{segment:04x}")).join(":")),
    }
}

fn ips(addresses: &[IpAddr]) -> Value {
    list(addresses, ip)
}

fn addresses(role: Role, addresses: &[IpAddr]) -> Value {
    json!({ "role": lower(role), "IPs": ips(addresses) })
}

fn address(address: &Address) -> Value {
    match address {
        Address::Mac(a) => json!(mac(*a)),
        Address::Ip(a) => ip(a),
    }
}

fn place(Place { nve, locators }: &Place) -> Value {
    let locators: Vec<IpAddr> =
        locators.v4().map(IpAddr::V4).into_iter().chain(locators.v6().map(IpAddr::V6)).collect();
    json!({ "NVE": nve.0, "locators": ips(&locators) })
}

fn tsi_version(tsi: &TsiVersion) -> Value {
    json!({ "MAC": mac(tsi.mac), "version": version(tsi.version) })
}

fn seen(Seen { epoch, record, shard, proof }: &Seen) -> Value {
    json!({ "epoch": epoch, "record": record.0, "shard": shard, "proof": hex(proof) })
}

fn tsi(Tsi { key, ips, role }: &Tsi) -> Value {
    json!({ "vn": key.vn.get(), "MAC": mac(key.mac), "addresses": addresses(*role, ips) })
}
