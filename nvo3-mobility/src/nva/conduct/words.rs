//! The messages to the parties of a move.

use super::room::Conduct;
use super::rules::State;
use crate::nva::book::Plan;
use crate::nva::facts::Facts;
use crate::nva::peers::{Letter, Receipt};
use nvo3_nva_proto::{Message, MoveId, MoveWord, NveId, Outcome, Place, Prepare, Side, TsiKey, Version};

/// *Prepare* for one NVE. `suspended`: the old NVE must stop delivering at once.
pub(in crate::nva) fn prepare(facts: &Facts, id: MoveId, side: Side, suspended: bool) -> Option<Letter> {
    let this_move = facts.book().get_move(id)?;
    let plan = this_move.plan();
    let peer = facts.place(plan.party(if side == Side::New { Side::Old } else { Side::New }))?;
    let prepare = preparation(facts, plan, this_move.version(), side, suspended, peer);
    Some(Letter::new(plan.party(side), Message::Prepare(prepare)))
}

pub(super) fn preparation(
    facts: &Facts,
    plan: &Plan,
    version: Version,
    side: Side,
    suspended: bool,
    peer: Place,
) -> Prepare {
    let tsi = |key: &TsiKey| Some(facts.book().get(key)?.tsi(*key));
    let tsis = plan.tsis.iter().filter_map(tsi).collect();
    let (move_id, kind, limits) = (plan.id, plan.kind, facts.config().hold);
    Prepare { move_id, version, side, kind, suspended, tsis, peer, limits }
}

/// *Revoke* for the new NVE.
pub(in crate::nva) fn revoke(facts: &Facts, id: MoveId) -> Option<Letter> {
    to_new(facts, id, Message::Revoke)
}

/// *Suspended* of the old NVE, passed on to the new NVE.
pub(in crate::nva) fn suspended(facts: &Facts, id: MoveId) -> Option<Letter> {
    to_new(facts, id, Message::Suspended)
}

fn to_new(facts: &Facts, id: MoveId, message: fn(MoveWord) -> Message) -> Option<Letter> {
    let this_move = facts.book().get_move(id)?;
    let word = MoveWord { move_id: id, version: this_move.version() };
    Some(Letter::new(this_move.plan().new, message(word)))
}

impl Conduct {
    /// *Outcome* for an NVE that may already hear how a move ended, with the version that it names. The old NVE hears of an abort
    /// before the new NVE.
    pub(in crate::nva) fn outcome(&self, facts: &Facts, id: MoveId, to: NveId) -> Option<(Letter, Version)> {
        let this_move = facts.book().get_move(id)?;
        let plan = this_move.plan();
        let side = plan.side(to)?;
        match (self.state(facts.book(), id)?, side) {
            (State::Committing { .. } | State::Ended(_) | State::AbortingNew, _)
            | (State::AbortingOld { .. }, Side::Old) => {}
            _ => return None,
        }
        let (result, version) = (this_move.result(), this_move.decided_version());
        let place = facts.place(this_move.decided_nve())?;
        let outcome = Outcome { move_id: id, result, version, place, tsis: plan.tsis.clone() };
        Some((Letter::new(to, Message::Outcome(outcome)).with_receipt(Receipt::Outcome(id, side)), version))
    }
}
