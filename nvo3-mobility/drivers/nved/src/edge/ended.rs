//! The moves that ended last at this edge, for `nvoctl show moves`.

use nvo3_mobility::nve::rules::{Plan, State};
use nvo3_nva_proto::{MoveId, Report, TsiKey, Version};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// The most ended moves that are remembered.
const MOST: usize = 16;

/// One TSI's part of a move that has ended here.
struct Part {
    key: TsiKey,
    plan: Plan,
    result: &'static str,
}

/// The moves that ended last, the oldest first.
#[derive(Default)]
pub(super) struct Ended(VecDeque<(Part, Report)>);

impl Ended {
    /// Remembers a move whose last TSI has gone from one state to another; `floor` is that TSI's.
    pub(super) fn note(&mut self, key: TsiKey, (from, to): (State, State), floor: Version, ended: (MoveId, Report)) {
        let Some(plan) = from.plan().filter(|plan| plan.id == ended.0).copied() else { return };
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back((Part { key, plan, result: result(from, to, floor) }, ended.1));
    }

    /// A row for each, with the figures of this edge for the whole move.
    pub(super) fn rows(&self) -> impl Iterator<Item = Value> {
        self.0.iter().map(|(Part { key, plan, result }, report)| {
            json!({
                "move": plan.id.0,
                "vni": key.vn,
                "mac": key.mac,
                "state": result,
                "peer": plan.peer.nve.0,
                "version": plan.version.to_string(),
                "duration_us": report.duration_us,
                "held_frames": report.held_frames,
                "tunnelled_frames": report.tunnelled_frames,
                "dropped_frames": report.dropped_frames,
            })
        })
    }
}

/// How a move ended for a TSI. After a newer statement of the NVA, which the floor tells, the result is not known here.
fn result(from: State, to: State, floor: Version) -> &'static str {
    let of_plan = from.plan().is_some_and(|plan| plan.version == floor);
    match (from, to) {
        (State::Activating(_) | State::Active(_), State::Here) => "committed",
        (State::Activating(_) | State::Active(_), _) => "aborted",
        (State::Installing(_) | State::Prepared(_) | State::Holding(_) | State::Revoked(_), _) => "aborted",
        (_, State::Here | State::Halted { .. }) => "aborted",
        (_, State::Forwarding { .. }) if of_plan => "committed",
        _ => "superseded",
    }
}
