//! The authority as JSON for `nvoctl`: flat objects, with the same keys in each row of an array.

use nvo3_mobility::nva::rules::State;
use nvo3_mobility::nva::{Event, Nva, Standing};
use nvo3_nva_proto::{Locators, Mapping, MoveKind, Place, TsiKey};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// A row for each TSI of the directory.
pub(crate) fn tables(nva: &Nva) -> Value {
    let row = |(key, mapping): (TsiKey, Mapping)| {
        json!({
            "vni": key.vn,
            "mac": key.mac,
            "ips": mapping.ips,
            "nve": mapping.place.map(|place| place.nve),
            "version": mapping.version.to_string(),
            "frozen": nva.book().is_frozen(&key),
        })
    };
    nva.mappings().map(row).collect()
}

/// A row for each move in hand and for each of the last moves that ended.
pub(crate) fn moves(nva: &Nva) -> Value {
    let row = |standing: Standing<'_>| {
        json!({
            "id": standing.id,
            "state": state(standing.state),
            "kind": kind(standing.kind),
            "tsis": standing.tsis.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "from": standing.old,
            "to": standing.new,
            "version": standing.version.to_string(),
        })
    };
    nva.moves().map(row).collect()
}

/// Several groups of counters as one object.
pub(crate) fn counters(all: impl IntoIterator<Item = Map<String, Value>>) -> Value {
    Value::Object(all.into_iter().flatten().collect())
}

/// The fields of a structure.
pub(crate) fn fields(structure: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(structure) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

fn addresses(locators: &Locators) -> Vec<IpAddr> {
    [locators.v4().map(IpAddr::V4), locators.v6().map(IpAddr::V6)].into_iter().flatten().collect()
}

/// A row for each edge of the domain.
pub(crate) fn nves(nva: &Nva, places: &[Place]) -> Value {
    let row = |place: &Place| {
        let place = nva.place(place.nve).unwrap_or(*place);
        json!({
            "id": place.nve,
            "locators": addresses(&place.locators),
            "connected": nva.is_connected(place.nve),
            "tsis": nva.tsis_at(place.nve),
        })
    };
    places.iter().map(row).collect()
}

/// An event as one flat object.
pub(crate) fn event(event: &Event) -> Value {
    match event {
        Event::NveUp { nve, restarted } => json!({ "event": "nve-up", "nve": nve, "restarted": restarted }),
        Event::NveDown { nve, reason } => json!({ "event": "nve-down", "nve": nve, "reason": reason.name() }),
        Event::Move { id, from, to } => json!({ "event": "move", "move": id, "from": state(*from), "to": state(*to) }),
        Event::Refused { id, nve, why } => {
            json!({ "event": "refused", "move": id, "nve": nve, "why": why.as_str() })
        }
        Event::MaySuspend(id) => json!({ "event": "may-suspend", "move": id }),
        Event::Ended { id, result } => json!({ "event": "ended", "move": id, "result": result.as_str() }),
        Event::NotFollowed { id, nve } => json!({ "event": "not-followed", "move": id, "nve": nve }),
        Event::Converged { id, after } => json!({ "event": "converged", "move": id, "after_us": after }),
        Event::Report { id, nve, report } => {
            let mut what = json!({ "event": "report", "move": id, "nve": nve });
            if let Value::Object(all) = &mut what {
                all.extend(fields(report));
            }
            what
        }
        Event::Stalled(waiting) => {
            json!({ "event": "stalled", "duty": waiting.duty.name(), "count": waiting.count, "since_us": waiting.since.0 })
        }
        Event::Limited { to, count } => json!({ "event": "limited", "address": to, "count": count }),
        Event::Duplicate(key) => json!({ "event": "duplicate", "vni": key.vn, "mac": key.mac }),
        Event::Rewound { nve, seen, had, epoch } => json!({
            "event": "rewound",
            "nve": nve,
            "seen": seen.to_string(),
            "had": had.to_string(),
            "epoch": epoch,
        }),
        Event::TakenUp { key, nve } => {
            json!({ "event": "taken-up", "vni": key.vn, "mac": key.mac, "nve": nve })
        }
        Event::Omitted { key, nve } => json!({ "event": "omitted", "vni": key.vn, "mac": key.mac, "nve": nve }),
        Event::DidNotYield { id, nve } => json!({ "event": "did-not-yield", "move": id, "nve": nve }),
        Event::ClaimRefused { nve, key, result, count } => json!({
            "event": "claim-refused",
            "nve": nve,
            "vni": key.vn,
            "mac": key.mac,
            "why": result.as_str(),
            "count": count,
        }),
        Event::Contested { nve, key, ips, count } => {
            json!({ "event": "contested", "nve": nve, "vni": key.vn, "mac": key.mac, "ips": ips, "count": count })
        }
        Event::OverQuota { nve, quota, count } => {
            json!({ "event": "over-quota", "nve": nve, "quota": quota.name(), "count": count })
        }
        Event::OtherLocators { nve, admitted, hello, count } => json!({
            "event": "other-locators",
            "nve": nve,
            "admitted": addresses(admitted),
            "hello": addresses(hello),
            "count": count,
        }),
        Event::Readdressed { nve, before, now } => {
            json!({ "event": "readdressed", "nve": nve, "before": addresses(before), "now": addresses(now) })
        }
        Event::TwoPlaces { nve, at, other, count } => {
            json!({ "event": "two-places", "nve": nve, "at": at, "other": other, "count": count })
        }
        other => json!({ "event": "other", "what": other.to_string() }),
    }
}

/// The name of a move's state; if the move has ended, its result.
pub(crate) const fn state(state: State) -> &'static str {
    match state {
        State::Ended(result) => result.as_str(),
        state => state.name(),
    }
}

const fn kind(kind: MoveKind) -> &'static str {
    match kind {
        MoveKind::Hot => "hot",
        MoveKind::Warm => "warm",
        MoveKind::Cold => "cold",
        MoveKind::Failover => "failover",
    }
}
