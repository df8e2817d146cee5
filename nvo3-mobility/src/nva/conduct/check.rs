//! What is checked before a planned move is recorded.

use super::words::preparation;
use crate::nva::book::Plan;
use crate::nva::facts::Facts;
use crate::nva::io::Error;
use alloc::vec::Vec;
use nvo3_nva_proto::{
    Capabilities, Encapsulations, Header, Locators, Message, Micros, MoveId, MoveKind, NveId, Place, Refusal,
    SessionId, Side, TsiKey, Version,
};

/// An NVE that is to take part: where it is, and what it can do if it has a session and is not fenced.
pub(in crate::nva) type Party = (Place, Option<(Encapsulations, Capabilities)>);

/// The plan of a move that the book allows. `full`: no more records can be made now.
pub(in crate::nva) fn draft(
    facts: &Facts,
    full: bool,
    id: MoveId,
    tsis: Vec<TsiKey>,
    to: NveId,
    kind: MoveKind,
    deadline: Micros,
) -> Result<Plan, Error> {
    let book = facts.book();
    let refused = |why| Err(Error::Refused { id, why });
    if id.is_reserved() {
        return Err(Error::ReservedId(id));
    }
    if book.get_move(id).is_some() {
        return Err(Error::UnknownMove(id));
    }
    if full || book.open_moves() >= facts.config().moves as usize {
        return Err(Error::Full("NvaConfig.moves"));
    }
    let Some(first) = tsis.first().and_then(|key| book.get(key)) else { return refused(Refusal::UnknownTsi) };
    let old = first.nve();
    if kind != MoveKind::Hot {
        return refused(Refusal::NotSupported);
    }
    for key in &tsis {
        let Some(known) = book.get(key) else { return refused(Refusal::UnknownTsi) };
        if known.nve() != old {
            return refused(Refusal::WrongPlace);
        }
        if book.move_with(key).is_some() {
            return refused(Refusal::Busy);
        }
    }
    Ok(Plan { id, tsis, old, new: to, kind, deadline })
}

/// Whether the parties can carry out a plan.
pub(in crate::nva) fn check(facts: &Facts, plan: &Plan, old: Option<Party>, new: Option<Party>) -> Result<(), Error> {
    let refused = |why| Err(Error::Refused { id: plan.id, why });
    let (Some((from, here)), Some((target, there))) = (old, new) else { return Err(Error::UnknownNve(plan.new)) };
    if plan.old == plan.new {
        return refused(Refusal::WrongPlace);
    }
    let (Some((encapsulations, _)), Some((others, capabilities))) = (here, there) else {
        return refused(Refusal::NoSession);
    };
    if target.locators.reachable_from(&from.locators).is_none() || !encapsulations.overlaps(others) {
        return refused(Refusal::NoCommonUnderlay);
    }
    if !capabilities.contains(Capabilities::HOLD) {
        return refused(Refusal::NotSupported);
    }
    if fits(facts, plan) { Ok(()) } else { Err(Error::TooLarge(plan.id)) }
}

/// Whether a *Prepare* can name its TSIs: one that cannot be sent would end the session, again and again.
fn fits(facts: &Facts, plan: &Plan) -> bool {
    let longest = Place { nve: NveId(0), locators: Locators::Both([0; 4].into(), [0; 16].into()) };
    let prepare = preparation(facts, plan, Version::default(), Side::New, false, longest);
    let header = Header { session: SessionId(0), sequence: 0, transaction: 0 };
    Message::Prepare(prepare).encode(&header, &mut Vec::new()).is_ok()
}

#[cfg(test)]
mod tests {
    use crate::Transport;
    use crate::nva::{Error, Input, Nva, NvaConfig};
    use alloc::string::ToString;
    use nvo3_nva_proto::{Instant, Micros, MoveId, MoveKind, NveId};

    #[test]
    fn a_planned_move_with_a_reserved_id_is_refused_and_says_so() {
        let mut nva = Nva::new(NvaConfig::new(Transport::Trusted), 1, Instant(0)).unwrap();
        let mut plan = |id| {
            let deadline = Micros::from_secs(60);
            nva.handle(Instant(0), Input::Move { id, tsis: [].into(), to: NveId(2), kind: MoveKind::Hot, deadline })
        };
        let last = MoveId(MoveId::FIRST_RESERVED.0 - 1);

        let refused = plan(MoveId::FIRST_RESERVED).unwrap_err();
        assert_eq!(refused, Error::ReservedId(MoveId::FIRST_RESERVED));
        assert!(refused.to_string().contains("must be less than 2^63"));
        assert_eq!(plan(MoveId(u64::MAX)), Err(Error::ReservedId(MoveId(u64::MAX))));
        assert!(matches!(plan(last), Err(Error::Refused { id, .. }) if id == last));
    }
}
