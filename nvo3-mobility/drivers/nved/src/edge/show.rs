//! The edge as JSON, for `nvoctl show`, `status` and `watch`.

use super::Edge;
use nvo3_mobility::forwarder::DropReason;
use nvo3_mobility::nve::Event;
use nvo3_mobility::nve::rules::State;
use nvo3_nva_proto::TsiKey;
use serde_json::{Map, Value, json};

pub(super) fn status(edge: &Edge) -> Value {
    let ports =
        |open| edge.attached.iter().filter(move |port| port.is_open() == open).map(|port| port.spec.name.as_str());
    let held = edge.machine.forwarder().held_in_all();
    let in_hand = edge.machine.nve().tsis().filter(|(_, core)| core.state.plan().is_some()).count();
    let narrowest = edge.paths.mtus.narrowest();
    json!({
        "daemon": "nved",
        "nve": edge.machine.nve().place().nve.0,
        "nva": edge.paths.control.nva.to_string(),
        "authenticates": edge.trust != nvoctl::keys::Trust::Transport,
        "connected": edge.machine.nve().is_connected(),
        "ports": ports(true).collect::<Vec<_>>(),
        "ports_without_interface": ports(false).collect::<Vec<_>>(),
        "underlay_mtu": narrowest.map(|narrowest| narrowest.underlay),
        "tenant_mtu": narrowest.map(|narrowest| narrowest.tenant),
        "ports_above_tenant_mtu": edge.paths.above().collect::<Vec<_>>(),
        "tsis": edge.machine.nve().tsis().count(),
        "moves_in_hand": in_hand,
        "held_frames": held.frames,
        "held_bytes": held.bytes,
    })
}

/// A row for each TSI that is known here: its state, its place by the NVA's word, held frames, and why the NVA refused to register it.
pub(super) fn tables(edge: &Edge) -> Value {
    let here = edge.machine.nve().tsis().map(|(key, tsi)| (key, tsi.state));
    let elsewhere = edge.machine.nve().mappings().filter(|key| !edge.machine.nve().tsis().any(|(tsi, _)| tsi == *key));
    here.chain(elsewhere.map(|key| (key, State::Away))).map(|(key, state)| table_row(edge, key, state)).collect()
}

fn table_row(edge: &Edge, key: TsiKey, state: State) -> Value {
    let nve = edge.machine.nve();
    let cached = nve.mapping(&key).map(|(version, place)| (version, place.map(|place| place.nve)));
    // The NVA's answer to a registration is no mapping of the cache: it is the floor of a TSI that rests here.
    let own = matches!(state, State::Here).then(|| (nve.state(&key).floor, Some(nve.place().nve)));
    let mapping = own.or(cached);
    let held = edge.machine.forwarder().held(&key);
    let mut row = json!({
        "vni": key.vn,
        "mac": key.mac,
        "port": edge.attached.port_of(&key).or_else(|| edge.attached.name_of(nve.port_of(&key)?)),
        "state": state.name(),
        "nve": mapping.and_then(|(_, nve)| nve).map(|nve| nve.0),
        "version": mapping.map(|(version, _)| version.to_string()),
        "held_frames": held.frames,
        "held_bytes": held.bytes,
    });
    if let (Some(result), Value::Object(row)) = (edge.refused.get(&key), &mut row) {
        row.insert("refused".into(), result.as_str().into());
    }
    row
}

/// What was learned behind the ports of some TSIs, and the shared addresses that are there.
pub(super) fn along(edge: &Edge, tsis: &[TsiKey]) -> Value {
    let nve = edge.machine.nve();
    let ports = edge.attached.iter().filter(|port| tsis.iter().any(|key| nve.port_of(key) == Some(port.vap)));
    let others = ports.flat_map(|port| nve.behind(port.vap).into_iter().filter(|key| !port.has(key)));
    others.map(|key| json!(key)).collect()
}

/// A row for each TSI of a move in hand, then one for each of the last moves that ended here.
pub(super) fn moves(edge: &Edge) -> Value {
    let in_hand = edge.machine.nve().tsis().filter_map(|(key, core)| Some((key, core.state, *core.state.plan()?)));
    let row = |(key, state, plan): (TsiKey, State, nvo3_mobility::nve::rules::Plan)| {
        json!({
            "move": plan.id.0,
            "vni": key.vn,
            "mac": key.mac,
            "state": state.name(),
            "peer": plan.peer.nve.0,
            "version": plan.version.to_string(),
        })
    };
    in_hand.map(row).chain(edge.ended.rows()).collect()
}

/// One flat object: the machines' counters, drops by reason, and those of underlay, control sockets and ports.
pub(super) fn counters(edge: &Edge) -> Value {
    let mut all = Map::new();
    let mut put = |group: &str, counters: Value| {
        if let Value::Object(counters) = counters {
            all.extend(counters.into_iter().map(|(name, value)| (format!("{group}.{name}"), value)));
        }
    };
    put("nve", json!(edge.machine.nve().counters()));
    let forwarder = edge.machine.forwarder().counters();
    if let Value::Object(mut counted) = json!(forwarder) {
        counted.remove("dropped");
        put("forwarder", Value::Object(counted));
    }
    let dropped = DropReason::ALL.iter();
    let dropped = dropped.map(|reason| (reason.name().to_owned(), json!(forwarder.dropped_frames(*reason))));
    put("dropped", Value::Object(dropped.collect()));
    put("underlay", json!(edge.paths.underlay_counters));
    put("control", json!(edge.paths.control.counters));
    let super::paths::Paths { no_port, gone, back, rests, shut_again, not_shut_again, .. } = edge.paths;
    put("ports", json!({ "no_port": no_port, "gone": gone, "back": back, "rests": rests }));
    put("ports", json!({ "shut_again": shut_again, "not_shut_again": not_shut_again }));
    if let Some(keep) = &edge.keep {
        put("state", json!({ "not_written": keep.not_written() }));
    }
    for access in edge.paths.ports.values() {
        put(&format!("port.{}", access.name), json!(access.counters));
    }
    Value::Object(all)
}

/// An event about a port.
pub(super) fn port_event(event: &str, port: &str) -> Value {
    json!({ "event": event, "port": port })
}

/// An event as one flat object.
pub(super) fn event(event: &Event) -> Value {
    match event {
        Event::SessionUp => json!({ "event": "session-up" }),
        Event::SessionDown(why) => json!({ "event": "session-down", "why": why.name() }),
        Event::State { key, from, to } => json!({
            "event": "state", "vni": key.vn, "mac": key.mac, "from": from.name(), "to": to.name(),
            "move": to.plan().or(from.plan()).map(|plan| plan.id.0),
        }),
        Event::News { key, move_id, news } => json!({
            "event": "news", "vni": key.vn, "mac": key.mac, "news": news.name(),
            "move": move_id.map(|id| id.0),
        }),
        Event::Refused { key, result } => {
            json!({ "event": "refused", "vni": key.vn, "mac": key.mac, "why": result.as_str() })
        }
        Event::Spoofed { vap, mac, ip } => json!({ "event": "spoofed", "vap": vap.0, "mac": mac, "ip": ip }),
        Event::Limited { vap, what, count } => {
            json!({ "event": "limited", "vap": vap.0, "what": what.name(), "count": count })
        }
        Event::LimitedNve { from, what, count } => {
            json!({ "event": "limited-nve", "from": from, "what": what.name(), "count": count })
        }
        Event::Stranger { vn, from } => json!({ "event": "stranger", "vni": vn, "from": from }),
        Event::Contested { key, ips } => json!({ "event": "contested", "vni": key.vn, "mac": key.mac, "ips": ips }),
        Event::Silent(key) => json!({ "event": "silent", "vni": key.vn, "mac": key.mac }),
        Event::Unlisted { key, ips } => json!({ "event": "unlisted", "vni": key.vn, "mac": key.mac, "ips": ips }),
        Event::Stalled(waiting) => {
            json!({ "event": "stalled", "duty": waiting.duty.name(), "count": waiting.count, "since_us": waiting.since.0 })
        }
        Event::ForwarderSilent { since } => json!({ "event": "forwarder-silent", "since_us": since.0 }),
        Event::HelloRefused { code } => json!({ "event": "hello-refused", "why": code.to_string() }),
        Event::ForwarderAnswers => json!({ "event": "forwarder-answers" }),
        other => json!({ "event": "other", "what": other.to_string() }),
    }
}
