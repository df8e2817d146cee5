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
                "duration_us": report.duration.0,
                "held_frames": report.held_frames,
                "tunnelled_frames": report.tunnelled_frames,
                "dropped_frames": report.dropped_frames,
            })
        })
    }
}

/// The result of a move for a TSI. After a newer statement of the NVA, which the floor tells, the result is not known here.
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

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_nva_proto::{Locators, NveId, Place};
    use nvo3_wire::{Mac, Vni};

    fn plan(id: u64) -> Plan {
        let peer = Place { nve: NveId(2), locators: Locators::V4([198, 51, 100, 2].into()) };
        Plan { id: MoveId(id), version: Version { epoch: 1, generation: id }, peer }
    }

    #[test]
    fn a_move_is_told_by_its_states_and_the_sixteen_last_are_kept() {
        let (mut ended, key) = (Ended::default(), TsiKey { vn: Vni::MAX, mac: Mac([2, 0, 0, 0, 0, 1]) });
        let report = Report { held_frames: 45, ..Report::default() };
        for id in 1..=17 {
            let gone = (State::Suspended(plan(id)), State::Forwarding { to: plan(id).peer });
            ended.note(key, gone, plan(id).version, (MoveId(id), report));
        }

        let rows: Vec<Value> = ended.rows().collect();
        assert_eq!((rows.len(), rows[0]["move"].as_u64()), (16, Some(2)));
        assert_eq!((rows[15]["state"].as_str(), rows[15]["held_frames"].as_u64()), (Some("committed"), Some(45)));

        let (this, newer) = (plan(1), plan(2).version);
        let forwarding = State::Forwarding { to: this.peer };
        assert_eq!(result(State::Active(this), State::Here, this.version), "committed");
        assert_eq!(result(State::Active(this), forwarding, this.version), "aborted");
        assert_eq!(result(State::Leaving(this), State::Here, this.version), "aborted");
        assert_eq!(result(State::Suspended(this), forwarding, newer), "superseded");
    }
}
