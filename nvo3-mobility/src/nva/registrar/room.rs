//! The requests of NVEs, and the decisions about them.

use super::duplicates::{Duplicates, Suspicion};
use crate::nva::book::Record;
use crate::nva::facts::Facts;
use alloc::collections::{BTreeMap, BTreeSet};
use nvo3_nva_proto::{
    Deregister, Lifetime, MoveId, NveId, RegistrationReply, RegistrationRequest, RegistrationResult, TsiKey, Version,
};

/// The decision about a registration.
#[derive(Debug)]
pub(in crate::nva) enum Verdict {
    /// Answer the NVE with this result and version.
    Answer(RegistrationResult, Version),
    /// Make this record, and answer with its version.
    Enter(Record),
    /// The TSI moved too often: freeze it, and answer that it is a duplicate.
    Freeze(Version),
    /// The NVE that has the TSI must yield it first. The outcome of that move is the answer.
    Yield(NveId),
}

/// The decision about a deregistration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nva) enum Departure {
    /// Do nothing: the NVE does not have the TSI, or names an older mapping.
    None,
    /// Withdraw the TSI.
    Withdraw,
    /// Cancel this move of the TSI first.
    CallOff(MoveId),
}

/// A registration that waits for the end of a move: the NVE, the transaction and the request.
pub(in crate::nva) type Claim = (NveId, u32, RegistrationRequest);

/// The claims, withdrawals and unplanned moves that wait or count.
#[derive(Debug, Default)]
pub(in crate::nva) struct Registrar {
    duplicates: Duplicates,
    /// Registrations that came during a move of their TSI. The NVA decides about them when the move has ended.
    claims: BTreeMap<TsiKey, Claim>,
    /// TSIs that their NVE withdrew during a move.
    withdrawals: BTreeSet<TsiKey>,
}

impl Registrar {
    /// Decides about the registration of a TSI. `full`: no more records can be made now.
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
        let registration = book.get(&key);
        let current = registration.map(|registration| registration.version()).unwrap_or_default();
        let refused = |result| Verdict::Answer(result, current);
        if tsi.ips.is_empty() || tsi.ips.len() > config.ips_per_tsi as usize || key.mac.is_group() {
            return refused(RegistrationResult::Malformed);
        }
        if book.conflict(tsi).is_some() {
            return refused(RegistrationResult::Duplicate);
        }
        let Some(registration) = registration else {
            if full || book.tsi_count() >= config.tsis as usize {
                return refused(RegistrationResult::Resource);
            }
            return Verdict::Enter(Record::Registered { tsi: request.tsi, nve: from });
        };
        let moving = book.move_with(&key).is_some();
        if registration.nve() == from {
            return match (registration.ips() == tsi.ips, moving) {
                // The NVE attached the TSI again: that makes no new version.
                (true, _) => refused(RegistrationResult::Accepted),
                // A change of addresses waits for the outcome of the move.
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
            Suspicion::None => Verdict::Yield(registration.nve()),
            Suspicion::Freezes => Verdict::Freeze(current),
            Suspicion::Frozen => refused(RegistrationResult::Duplicate),
        }
    }

    /// Decides about a deregistration. A late one never undoes a newer mapping.
    pub(in crate::nva) fn deregister(&mut self, facts: &Facts, from: NveId, request: Deregister) -> Departure {
        let key = request.tsi;
        if self.claims.get(&key).is_some_and(|(nve, ..)| *nve == from) {
            self.claims.remove(&key);
        }
        let registration = facts.book().get(&key);
        if registration
            .is_none_or(|registration| registration.nve() != from || request.version < registration.version())
        {
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

    /// True if the NVE of a TSI withdrew it during a move.
    pub(in crate::nva) fn is_taken_back(&self, key: &TsiKey) -> bool {
        self.withdrawals.contains(key)
    }

    /// The claim that waited for a TSI's move to end.
    pub(in crate::nva) fn take_claim(&mut self, key: &TsiKey) -> Option<Claim> {
        self.claims.remove(key)
    }

    /// Forgets everything about a TSI that is gone.
    pub(in crate::nva) fn forget(&mut self, key: &TsiKey) {
        self.duplicates.forget(key);
        self.claims.remove(key);
        self.withdrawals.remove(key);
    }

    /// The answer to a registration. A refusal names the NVE that the mapping points to.
    pub(in crate::nva) fn reply(
        facts: &Facts,
        tsi: TsiKey,
        result: RegistrationResult,
        version: Version,
    ) -> RegistrationReply {
        let current = match result {
            RegistrationResult::Accepted => None,
            _ => facts.book().get(&tsi).and_then(|registration| facts.place(registration.nve())),
        };
        RegistrationReply { tsi, result, version, lifetime: Lifetime::SESSION, current }
    }
}
