//! Requests of NVEs, and the decisions.

use super::duplicates::{Duplicates, Suspicion};
use crate::nva::book::Record;
use crate::nva::facts::Facts;
use alloc::collections::{BTreeMap, BTreeSet};
use nvo3_nva_proto::{
    Deregister, Lifetime, MoveId, NveId, RegistrationReply, RegistrationRequest, RegistrationResult, TsiKey, Version,
};

/// What is decided about a registration.
#[derive(Debug)]
pub(in crate::nva) enum Verdict {
    /// The NVE is answered so.
    Answer(RegistrationResult, Version),
    /// The record is made, and its version is the answer.
    Enter(Record),
    /// The TSI moved too often: it is frozen from now on, and the NVE is answered that it is a duplicate.
    Freeze(Version),
    /// The NVE that has the TSI has to yield it first. The outcome of that move is the answer.
    Yield(NveId),
}

/// What is decided about a deregistration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nva) enum Departure {
    /// Nothing: the NVE does not have the TSI, or speaks of an older mapping.
    None,
    /// The TSI is withdrawn.
    Withdraw,
    /// The TSI's move is called off first.
    CallOff(MoveId),
}

/// A registration that waits for the end of a move: by whom, in which transaction, and what.
pub(in crate::nva) type Claim = (NveId, u32, RegistrationRequest);

/// See the module.
#[derive(Debug, Default)]
pub(in crate::nva) struct Registrar {
    duplicates: Duplicates,
    /// Who asked for a TSI during its move. The registrar asks again on its behalf when the move has ended.
    claims: BTreeMap<TsiKey, Claim>,
    /// TSIs that their NVE took back during a move.
    withdrawals: BTreeSet<TsiKey>,
}

impl Registrar {
    /// An NVE says that a TSI is behind it. `full`: no more records can be made now.
    pub(in crate::nva) fn register(
        &mut self,
        facts: &Facts,
        full: bool,
        from: NveId,
        transaction: u32,
        request: RegistrationRequest,
    ) -> Verdict {
        let (book, config, tsi) = (facts.book(), facts.config(), &request.tsi);
        let key = tsi.key;
        let known = book.get(&key);
        let current = known.map(|known| known.version()).unwrap_or_default();
        let refused = |result| Verdict::Answer(result, current);
        if tsi.ips.is_empty() || tsi.ips.len() > config.ips_per_tsi as usize || key.mac.is_group() {
            return refused(RegistrationResult::Malformed);
        }
        if book.conflict(tsi).is_some() {
            return refused(RegistrationResult::Duplicate);
        }
        let Some(known) = known else {
            if full || book.tsis() >= config.tsis as usize {
                return refused(RegistrationResult::Resource);
            }
            return Verdict::Enter(Record::Registered { tsi: request.tsi, nve: from });
        };
        let moving = book.move_with(&key).is_some();
        if known.nve() == from {
            return match (known.ips() == tsi.ips, moving) {
                // The owner attaching again makes no new version.
                (true, _) => refused(RegistrationResult::Accepted),
                // A change waits for the outcome.
                (false, true) => refused(RegistrationResult::Moving),
                (false, false) if full => refused(RegistrationResult::Resource),
                (false, false) => Verdict::Enter(Record::Registered { tsi: request.tsi, nve: from }),
            };
        }
        if moving {
            self.claims.insert(key, (from, transaction, request));
            return refused(RegistrationResult::Moving);
        }
        if request.expected.is_some_and(|expected| expected < current) {
            return refused(RegistrationResult::Stale);
        }
        if full {
            return refused(RegistrationResult::Resource);
        }
        match self.duplicates.suspect(facts.now(), config, key) {
            Suspicion::None => Verdict::Yield(known.nve()),
            Suspicion::Freezes => Verdict::Freeze(current),
            Suspicion::Frozen => refused(RegistrationResult::Duplicate),
        }
    }

    /// An NVE says that a TSI left it. A late word never undoes a newer mapping.
    pub(in crate::nva) fn deregister(&mut self, facts: &Facts, from: NveId, request: Deregister) -> Departure {
        let key = request.tsi;
        if self.claims.get(&key).is_some_and(|(nve, ..)| *nve == from) {
            self.claims.remove(&key);
        }
        let known = facts.book().get(&key);
        if known.is_none_or(|known| known.nve() != from || request.version < known.version()) {
            return Departure::None;
        }
        match facts.book().move_with(&key) {
            None => Departure::Withdraw,
            Some(id) => {
                self.withdrawals.insert(key);
                Departure::CallOff(id)
            }
        }
    }

    /// Whether a TSI was taken back during a move.
    pub(in crate::nva) fn is_taken_back(&self, key: &TsiKey) -> bool {
        self.withdrawals.contains(key)
    }

    /// The claim that waited for a TSI's move to end.
    pub(in crate::nva) fn take_claim(&mut self, key: &TsiKey) -> Option<Claim> {
        self.claims.remove(key)
    }

    /// A TSI is gone, and everything that was about it.
    pub(in crate::nva) fn forget(&mut self, key: &TsiKey) {
        self.duplicates.forget(key);
        self.claims.remove(key);
        self.withdrawals.remove(key);
    }

    /// The answer to a registration. One that is refused says where the TSI is.
    pub(in crate::nva) fn reply(
        facts: &Facts,
        tsi: TsiKey,
        result: RegistrationResult,
        version: Version,
    ) -> RegistrationReply {
        let current = match result {
            RegistrationResult::Accepted => None,
            _ => facts.book().get(&tsi).and_then(|known| facts.place(known.nve())),
        };
        RegistrationReply { tsi, result, version, lifetime: Lifetime::SESSION, current }
    }
}
