//! Views become messages that own what they say.

use super::{
    Answer, CacheEntry, CacheReport, CacheVerdict, Claim, Deregister, DeregisterReply, FlowRecord, FlowState, Mapping,
    Members, Outcome, PolicyRecord, Prepare, RegistrationReply, RegistrationRequest, Response, Restate, RestateMove,
    Resting, Resync, StateChunk, StatePart, Tsi, Update,
};
use crate::view::{List, Value};
use alloc::vec::Vec;

impl<'a, T: Value<'a>> From<List<'a, T>> for Vec<T> {
    fn from(list: List<'a, T>) -> Self {
        list.iter().collect()
    }
}

fn each<'a, T: Value<'a>, O: From<T>>(list: List<'a, T>) -> Vec<O> {
    list.iter().map(O::from).collect()
}

/// Each field by its own conversion; those in brackets by the expression.
macro_rules! owned {
    ($($name:ident { $($field:ident $(: $value:expr)?),* } of $view:ident;)*) => {
        $(impl From<$name<'_>> for crate::$name {
            fn from($view: $name<'_>) -> Self {
                Self { $($field: owned!(@ $view $field $($value)?)),* }
            }
        })*
    };
    (@ $view:ident $field:ident) => { $view.$field.into() };
    (@ $view:ident $field:ident $value:expr) => { $value };
}

owned! {
    Tsi { key, ips: view.ips.iter().collect(), role: view.ips.role() } of view;
    RegistrationRequest { vn, lifetime, claims: each(view.claims) } of view;
    Claim { mac, kind, by_word, old, expected, ips: view.ips.iter().collect(), role: view.ips.role() } of view;
    RegistrationReply { vn, result, lifetime, tsis, current } of view;
    Deregister { vn, tsis } of view;
    DeregisterReply { vn, tsis } of view;
    Restate { vn, more, tsis: each(view.tsis) } of view;
    Resting { mac, version, ips: view.ips.iter().collect(), role: view.ips.role() } of view;
    RestateMove { move_id, version, side, party, peer, tsis: view.tsis.iter().map(Into::into).collect() } of view;
    Mapping { mac, ips: view.ips.iter().collect(), role: view.ips.role(), version, place } of view;
    Response { vn, address, answer, lifetime } of view;
    Update {
        vn, after, upto, mappings: view.mappings.iter().map(Into::into).collect(), members: view.members.map(Into::into), synced
    } of view;
    Members { places, more } of view;
    Resync { since, vns, mappings, more } of view;
    Prepare {
        move_id, version, side, kind, suspended, tsis: view.tsis.iter().map(Into::into).collect(), peer, limits
    } of view;
    Outcome { move_id, result, version, place, tsis } of view;
    StateChunk { stream, offset, part } of view;
    FlowRecord { flow, state: view.state.map(Into::into) } of view;
    FlowState { expires: view.expires, data } of view;
    PolicyRecord { tsi, number, rules: view.rules.map(Into::into) } of view;
    CacheReport { vn, entries: view.entries.iter().map(Into::into).collect(), more } of view;
    CacheEntry { mac, ips: view.ips.iter().collect(), role: view.ips.role(), version, nve } of view;
    CacheVerdict { vn, wrong, more } of view;
}

impl From<Answer<'_>> for crate::Answer {
    fn from(answer: Answer<'_>) -> Self {
        match answer {
            Answer::Found(mapping) => Self::Found(mapping.into()),
            Answer::NotFound => Self::NotFound,
            Answer::Prohibited => Self::Prohibited,
        }
    }
}

impl From<StatePart<'_>> for crate::StatePart {
    fn from(part: StatePart<'_>) -> Self {
        match part {
            StatePart::Connections(records) => Self::Connections(each(records)),
            StatePart::Sessions(records) => Self::Sessions(each(records)),
            StatePart::Policies(records) => Self::Policies(each(records)),
            StatePart::Snapshot(bytes) => Self::Snapshot(bytes.into()),
            StatePart::Opaque(bytes) => Self::Opaque(bytes.into()),
        }
    }
}
