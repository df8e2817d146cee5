//! The requests of NVEs, and the decisions about them.

use super::duplicates::Duplicates;
use super::restated::Restated;
use crate::nva::book::Record;
use crate::nva::facts::Facts;
use crate::nva::policy::Quota;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Address, Claim, Instant, MoveId, NveId, RegistrationResult, Tsi, TsiKey, Version};

/// The decision about a claim.
#[derive(Debug)]
pub(in crate::nva) enum Verdict {
    /// Answer the NVE with this result and version.
    Answer(RegistrationResult, Version),
    /// Make this record, and answer with its version.
    Enter(Record),
    /// Make this record of another TSI first: it has an address that the claimed TSI has from now on.
    Free(Record),
    /// The NVE has its share of TSIs or addresses: answer that there is no room.
    OverQuota(Quota, Version),
    /// The TSI moved too often: freeze it, and answer that it is a duplicate.
    Freeze(Version),
    /// The NVE that has the TSI must yield it first. The outcome of that move is the answer.
    Yield(NveId),
}

/// The decision about a deregistration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nva) enum Departure {
    /// Do nothing: the NVE does not have the TSI.
    None,
    /// Withdraw the TSI.
    Withdraw,
    /// Cancel this move of the TSI first. The answer comes when the move has ended.
    CallOff(MoveId),
    /// The NVE's claim started this move, and has ended.
    Renounce(MoveId),
}

/// A claim that waits: the NVE, the transaction and the claim.
pub(in crate::nva) type Claimed = (NveId, u32, Claim);

/// What the machine knows about the NVA as a whole when a claim comes.
#[derive(Clone, Copy, Debug)]
pub(in crate::nva) struct Standing {
    /// No more records can be made now.
    pub(in crate::nva) full: bool,
    /// The book may lack what rests at NVEs that have not restated yet.
    pub(in crate::nva) unsure: bool,
}

/// Says if the registrations of an NVE are protected: it is admitted, not fenced, and has a session, or had one not long ago.
pub(in crate::nva) type Protected<'a> = &'a dyn Fn(NveId) -> bool;

/// A withdrawal that waits for the end of a move.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    nve: NveId,
    transaction: u32,
    move_id: MoveId,
}

/// The claims, withdrawals and unplanned moves that wait or count.
#[derive(Debug, Default)]
pub(in crate::nva) struct Registrar {
    duplicates: Duplicates,
    restated: Restated,
    /// Claims that came during a move of their TSI, or began it, or came by a frame while the book may lack where the VM runs: the last of
    /// each NVE. The NVA decides about them when the move has ended, or the NVEs have restated.
    claims: BTreeMap<(TsiKey, NveId), (u32, Claim)>,
    /// TSIs that an NVE withdrew during a move.
    leaving: BTreeMap<TsiKey, Leaving>,
    /// The addresses that each TSI of the directory lacks because they are contested, as management was told last.
    contested: BTreeMap<TsiKey, Vec<IpAddr>>,
}

impl Registrar {
    /// Makes the room after a start. The frozen TSIs of the book begin their time anew.
    pub(in crate::nva) fn resume(facts: &Facts) -> Self {
        let mut registrar = Self::default();
        for key in facts.book().frozen() {
            registrar.duplicates.freeze(facts.now(), facts.config(), key);
        }
        registrar
    }

    /// What each NVE has restated in its session.
    pub(in crate::nva) const fn restated(&self) -> &Restated {
        &self.restated
    }

    pub(in crate::nva) const fn restated_mut(&mut self) -> &mut Restated {
        &mut self.restated
    }

    /// True if an NVE's registration of a TSI still holds against the claims of others.
    pub(in crate::nva) fn holds(&self, protected: Protected<'_>, key: &TsiKey, nve: NveId) -> bool {
        protected(nve) && !self.restated.is_omitted(key)
    }

    /// The addresses that a TSI can have of those that its NVE names, in their order: all but the contested ones. An address is contested
    /// if another TSI has it whose registration holds or that is in a move, or if no record can be made now. `takes`: an address that both
    /// TSIs share is not contested.
    pub(super) fn can_have(
        &self,
        facts: &Facts,
        (full, takes): (bool, bool),
        protected: Protected<'_>,
        key: TsiKey,
        ips: &[IpAddr],
    ) -> Vec<IpAddr> {
        let (book, policy) = (facts.book(), &facts.config().policy);
        let takes = takes && book.move_with(&key).is_none();
        let is_free = |ip: &&IpAddr| {
            let Some(other) = book.find(key.vn, Address::Ip(**ip)).filter(|other| *other != key) else { return true };
            let shares = takes && [&key, &other].iter().all(|key| policy.shares(key, **ip));
            let holds = book.get(&other).is_some_and(|registration| self.holds(protected, &other, registration.nve()));
            !full && (shares || !holds) && book.move_with(&other).is_none()
        };
        ips.iter().filter(is_free).copied().collect()
    }

    /// The record by which another TSI gives up the addresses that a claimed TSI can have; `None` if no TSI has one of them. A TSI keeps
    /// its other addresses, unless it is gone from its NVE.
    fn frees(&self, facts: &Facts, protected: Protected<'_>, key: TsiKey, ips: &[IpAddr]) -> Option<Record> {
        let book = facts.book();
        let other = book.conflict(key, ips).map(|mac| TsiKey { mac, ..key })?;
        let registration = book.get(&other)?;
        let nve = registration.nve();
        let left: Vec<IpAddr> = registration.ips().iter().copied().filter(|ip| !ips.contains(ip)).collect();
        let is_gone = self.restated.is_omitted(&other) || book.is_fenced(nve) || facts.place(nve).is_none();
        let ends = is_gone || left.is_empty() && !self.holds(protected, &other, nve);
        let tsi = Tsi { key: other, ips: left, role: registration.role() };
        Some(if ends { Record::Withdrawn { tsi: other } } else { Record::Registered { tsi, nve } })
    }

    /// The verdict about a TSI that an NVE names with these addresses, of which it can have some; `None` if nothing is against that.
    pub(super) fn judge_entry(
        &self,
        facts: &Facts,
        full: bool,
        protected: Protected<'_>,
        from: NveId,
        key: TsiKey,
        (ips, can_have): (&[IpAddr], &[IpAddr]),
    ) -> Option<Verdict> {
        let (book, config) = (facts.book(), facts.config());
        let registration = book.get(&key);
        let current = registration.map(|registration| registration.version()).unwrap_or_default();
        let refused = |result| Some(Verdict::Answer(result, current));
        if ips.len() > config.ips_per_tsi as usize || key.mac.is_group() {
            return refused(RegistrationResult::Malformed);
        }
        if !config.policy.allows(from, &key, ips) {
            return refused(RegistrationResult::NotAuthorised);
        }
        if let Some(quota) = facts.over_quota(from, [(&key, can_have.len())]) {
            return Some(Verdict::OverQuota(quota, current));
        }
        if can_have.is_empty() && !ips.is_empty() {
            return refused(RegistrationResult::Duplicate);
        }
        if let Some(record) = self.frees(facts, protected, key, can_have) {
            return Some(Verdict::Free(record));
        }
        if full || (registration.is_none() && book.tsi_count() >= config.tsis as usize) {
            return refused(RegistrationResult::Resource);
        }
        None
    }

    /// Decides about the claim of a TSI.
    pub(in crate::nva) fn register(
        &mut self,
        facts: &Facts,
        Standing { full, unsure }: Standing,
        protected: Protected<'_>,
        (from, transaction): (NveId, u32),
        key: TsiKey,
        claim: Claim,
    ) -> Verdict {
        let book = facts.book();
        let registration = book.get(&key);
        let current = registration.map(|registration| registration.version()).unwrap_or_default();
        let refused = |result| Verdict::Answer(result, current);
        // A claim that knows an older mapping of its own TSI may not know either that another TSI has a shared address now.
        let takes = registration.is_none_or(|registration| registration.nve() == from)
            && claim.expected.unwrap_or_default() >= current;
        let can_have = self.can_have(facts, (full, takes), protected, key, &claim.ips);
        if let Some(registration) = registration.filter(|registration| registration.nve() == from)
            && registration.says(&can_have, claim.role)
            // An NVE that has seen a lost record takes only a newer version.
            && claim.expected.is_none_or(|expected| expected <= registration.version())
            && facts.config().policy.allows(from, &key, &claim.ips)
        {
            // The NVE attached the TSI again, or claims a contested address again: that makes no new version.
            self.restated.claim(from, key);
            return refused(RegistrationResult::Accepted);
        }
        if let Some(against) = self.judge_entry(facts, full, protected, from, key, (&claim.ips, &can_have)) {
            return against;
        }
        // A claim waits for the outcome of the move, and so does a change of addresses. A frame waits for the NVE that may have the VM.
        let waits = book.move_with(&key).is_some() || unsure && !claim.by_word;
        let role = claim.role.or(registration.map(|registration| registration.role()).unwrap_or_default());
        let enter = || Verdict::Enter(Record::Registered { tsi: Tsi { key, ips: can_have, role }, nve: from });
        match registration {
            // Management took the TSI away: a frame does not bring it back.
            None if !claim.by_word && book.tombstone(&key).is_some_and(|gone| gone.forgotten) => {
                refused(RegistrationResult::Policy)
            }
            _ if waits && self.claims.len() >= facts.config().tsis as usize => refused(RegistrationResult::Resource),
            _ if waits => {
                self.keep_claim(key, (from, transaction, claim));
                refused(RegistrationResult::Moving)
            }
            None => enter(),
            Some(registration) if registration.nve() == from => {
                self.restated.claim(from, key);
                enter()
            }
            // Several stations share a virtual router's address. It is where it was announced last, so nobody is asked.
            Some(_) if key.mac.is_virtual_router() => enter(),
            Some(_) if claim.expected.is_some_and(|expected| expected < current) => refused(RegistrationResult::Stale),
            Some(_) if book.is_frozen(&key) => refused(RegistrationResult::Duplicate),
            Some(_) if self.duplicates.is_last(facts.now(), facts.config(), key) => Verdict::Freeze(current),
            Some(registration) => Verdict::Yield(registration.nve()),
        }
    }

    /// Decides about a deregistration. It follows all that the NVE said before in its session, and an NVE that has the TSI again takes it
    /// back. So it ends the NVE's mapping under any version: a newer one was made by an earlier word of the NVE, or by the NVA alone.
    pub(in crate::nva) fn deregister(
        &mut self,
        facts: &Facts,
        (from, transaction): (NveId, u32),
        key: TsiKey,
    ) -> Departure {
        self.drop_claim(key, from);
        let at_sender = facts.book().get(&key).is_some_and(|registration| registration.nve() == from);
        let claimed = |id: MoveId| {
            let claim = facts.book().get_move(id).filter(|this_move| this_move.outcome().is_none() && id.is_reserved());
            claim.is_some_and(|claim| claim.plan().new == from)
        };
        match facts.book().move_with(&key) {
            Some(move_id) if claimed(move_id) => Departure::Renounce(move_id),
            _ if !at_sender => Departure::None,
            None => Departure::Withdraw,
            Some(move_id) => {
                self.leaving.insert(key, Leaving { nve: from, transaction, move_id });
                Departure::CallOff(move_id)
            }
        }
    }

    /// The withdrawal that waited for this move of a TSI: who asked, and under which transaction.
    pub(in crate::nva) fn take_leaving(&mut self, key: &TsiKey, id: MoveId) -> Option<(NveId, u32)> {
        let leaving = self.leaving.get(key).filter(|leaving| leaving.move_id == id).copied()?;
        self.leaving.remove(key);
        Some((leaving.nve, leaving.transaction))
    }

    /// An NVE claims a TSI again whose withdrawal waits: it withdraws it no more. Gives the transaction of the withdrawal.
    pub(in crate::nva) fn stays(&mut self, key: &TsiKey, nve: NveId) -> Option<u32> {
        let leaving = self.leaving.get(key).filter(|leaving| leaving.nve == nve).copied()?;
        self.leaving.remove(key);
        Some(leaving.transaction)
    }

    /// Keeps a claim that waits. A move that the claim began may not bring every address that the claim has.
    pub(in crate::nva) fn keep_claim(&mut self, key: TsiKey, (nve, transaction, claim): Claimed) {
        self.claims.insert((key, nve), (transaction, claim));
    }

    /// An NVE claims a TSI no more, or its claim is refused.
    pub(in crate::nva) fn drop_claim(&mut self, key: TsiKey, nve: NveId) {
        self.claims.remove(&(key, nve));
    }

    /// The claims of a TSI that waited, in the order of the NVEs.
    pub(in crate::nva) fn take_claims(&mut self, key: &TsiKey) -> Vec<Claimed> {
        let waiting = self.claims.range((*key, NveId(0))..).take_while(|((of, _), _)| of == key);
        let nves: Vec<NveId> = waiting.map(|((_, nve), _)| *nve).collect();
        let take = |nve| self.claims.remove(&(*key, nve)).map(|(transaction, claim)| (nve, transaction, claim));
        nves.into_iter().filter_map(take).collect()
    }

    /// The TSIs with claims that wait, in order.
    pub(in crate::nva) fn claimed(&self) -> BTreeSet<TsiKey> {
        self.claims.keys().map(|(key, _)| *key).collect()
    }

    /// TSIs moved without a plan.
    pub(in crate::nva) fn note_unplanned(&mut self, facts: &Facts, keys: &[TsiKey]) {
        for key in keys {
            self.duplicates.note_move(facts.now(), facts.config(), *key);
        }
    }

    /// A TSI is frozen from now on.
    pub(in crate::nva) fn freeze(&mut self, facts: &Facts, key: TsiKey) {
        self.duplicates.freeze(facts.now(), facts.config(), key);
    }

    /// A frozen TSI whose release is due; each comes once.
    pub(in crate::nva) fn pop_release(&mut self, now: Instant) -> Option<TsiKey> {
        self.duplicates.pop(now)
    }

    /// The next time at which the room has something to do.
    pub(in crate::nva) fn next_timer(&self) -> Option<Instant> {
        [self.duplicates.next(), self.restated.next()].into_iter().flatten().min()
    }

    /// True if management knows which addresses a TSI lacks because they are contested. With none, a later contest is a new one.
    pub(in crate::nva) fn is_told_contested(&mut self, key: &TsiKey, ips: &[IpAddr]) -> bool {
        if ips.is_empty() {
            self.contested.remove(key);
        }
        self.contested.get(key).map(Vec::as_slice).unwrap_or_default() == ips
    }

    /// Management was told which addresses a TSI lacks.
    pub(in crate::nva) fn told_contested(&mut self, key: TsiKey, ips: Vec<IpAddr>) {
        self.contested.insert(key, ips);
    }

    /// Forgets the suspicions about a TSI that is gone or was released.
    pub(in crate::nva) fn forget(&mut self, key: &TsiKey) {
        self.contested.remove(key);
        self.duplicates.forget(key);
        self.restated.forget(key);
    }

    /// The number of all things that the room keeps.
    pub(in crate::nva) fn footprint(&self) -> usize {
        let waiting = self.claims.len() + self.leaving.len();
        self.duplicates.len() + self.restated.len() + waiting + self.contested.len()
    }
}
