//! The checks before a planned move is recorded.

use super::room::Conduct;
use super::words::preparation;
use crate::nva::book::Plan;
use crate::nva::facts::Facts;
use crate::nva::io::Error;
use alloc::vec::Vec;
use nvo3_nva_proto::{
    Capabilities, Encapsulations, Header, Locators, Message, Micros, MoveId, MoveKind, NveId, Place, Refusal,
    SessionId, Side, TsiKey, Version,
};

/// An NVE of the move: its place, and its abilities if it has a session and is not fenced.
pub(in crate::nva) type Party = (Place, Option<(Encapsulations, Capabilities)>);

/// A move that management asks for.
pub(in crate::nva) struct Wanted {
    pub(in crate::nva) id: MoveId,
    pub(in crate::nva) tsis: Vec<TsiKey>,
    pub(in crate::nva) to: NveId,
    pub(in crate::nva) kind: MoveKind,
    pub(in crate::nva) deadline: Micros,
}

impl Conduct {
    /// Makes the plan of a move that the book allows. `full`: no more records can be made now.
    ///
    /// # Errors
    /// The first check that fails: the id, the room, the new NVE, the TSIs, their other moves.
    pub(in crate::nva) fn draft(&self, facts: &Facts, full: bool, wanted: Wanted) -> Result<Plan, Error> {
        let Wanted { id, tsis, to, kind, deadline } = wanted;
        let book = facts.book();
        let refused = |why| Err(Error::Refused { id, why });
        if id.is_reserved() {
            return Err(Error::ReservedId(id));
        }
        if book.get_move(id).is_some() {
            return Err(Error::UsedId(id));
        }
        if full || book.open_moves() >= facts.config().moves as usize {
            return Err(Error::Full("NvaConfig.moves"));
        }
        if facts.place(to).is_none() {
            return Err(Error::UnknownNve(to));
        }
        let Some(first) = tsis.first().and_then(|key| book.get(key)) else { return refused(Refusal::UnknownTsi) };
        let old = first.nve();
        if kind != MoveKind::Hot {
            return refused(Refusal::NotSupported);
        }
        for key in &tsis {
            let Some(registration) = book.get(key) else { return refused(Refusal::UnknownTsi) };
            if registration.nve() != old {
                return refused(Refusal::WrongPlace);
            }
            if let Some(other) = book.move_with(key) {
                return Err(self.busy(facts, id, *key, other));
            }
        }
        Ok(Plan { id, tsis, old, new: to, kind, by_word: true, deadline })
    }

    /// The refusal of a move whose TSI still takes part in another move.
    fn busy(&self, facts: &Facts, id: MoveId, key: TsiKey, running: MoveId) -> Error {
        match self.state(facts.book(), running) {
            Some(state) => Error::Busy { id, key, other: running, state, left: self.time_left(facts, running) },
            None => Error::Refused { id, why: Refusal::Busy },
        }
    }
}

/// Checks that both NVEs can carry out a plan.
///
/// # Errors
/// The first check that fails: the NVEs, their sessions, the underlay, the new NVE's ability to hold, its rule and its
/// quotas, the size of *Prepare*.
pub(in crate::nva) fn check(facts: &Facts, plan: &Plan, old: Option<Party>, new: Option<Party>) -> Result<(), Error> {
    let refused = |why| Err(Error::Refused { id: plan.id, why });
    let Some((target, there)) = new else { return Err(Error::UnknownNve(plan.new)) };
    let Some((from, here)) = old else { return Err(Error::UnknownNve(plan.old)) };
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
    let tsis = || plan.tsis.iter().filter_map(|key| Some((key, facts.book().get(key)?.ips())));
    if !tsis().all(|(key, ips)| facts.config().policy.allows(plan.new, key, ips)) {
        return refused(Refusal::Policy);
    }
    if facts.over_quota(plan.new, tsis().map(|(key, ips)| (key, ips.len()))).is_some() {
        return refused(Refusal::Resource);
    }
    if fits(facts, plan) { Ok(()) } else { Err(Error::TooLarge(plan.id)) }
}

/// True if one *Prepare* can name the TSIs of the plan. A *Prepare* that cannot be sent would end the session, again and again.
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
        assert!(refused.to_string().contains("must be below 9223372036854775808 (2^63)"));
        assert_eq!(plan(MoveId(u64::MAX)), Err(Error::ReservedId(MoveId(u64::MAX))));
        // The highest id that management may use passes to the next check, which fails.
        assert_eq!(plan(last), Err(Error::UnknownNve(NveId(2))));
    }
}
