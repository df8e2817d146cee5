//! Registrations: claims, withdrawals and restatements of NVEs, on their way to records and answers.

use super::Nva;
use crate::nva::book::Record;
use crate::nva::conduct::rules;
use crate::nva::io::{Error, Event};
use crate::nva::peers::Letter;
use crate::nva::registrar::{Answers, Departure, Rests, Standing, Verdict};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{
    Claim, Deregister, DeregisterReply, Message, MoveId, MoveKind, NveId, RegistrationRequest, RegistrationResult,
    Restate, Resting, Side, TsiKey, TsiVersion, Version,
};

impl Nva {
    /// Decides about each claim of a request. A claim that must wait for a move is answered when the move has ended.
    pub(super) fn register(&mut self, from: NveId, transaction: u32, request: RegistrationRequest) {
        let (mut answers, mut shows_loss) = (Answers::new(request.vn), false);
        for claim in request.claims {
            let key = TsiKey { vn: request.vn, mac: claim.mac };
            shows_loss |= self.note_loss(from, claim.expected.unwrap_or_default());
            if let Some((result, version)) = self.claim(from, transaction, key, claim) {
                self.note_refused(from, key, result);
                answers.add(&self.facts, key, result, version);
            }
        }
        self.answer_claims(from, transaction, answers);
        if shows_loss {
            self.settle_moves();
        }
    }

    pub(super) fn answer_claims(&mut self, to: NveId, transaction: u32, answers: Answers) {
        let replies: Vec<_> = answers.into_replies(&self.facts).collect();
        for reply in replies {
            self.send(Letter::answer(to, transaction, Message::RegistrationReply(reply)));
        }
    }

    /// Decides about one claim. `None`: a move must end first.
    pub(super) fn claim(
        &mut self,
        from: NveId,
        transaction: u32,
        key: TsiKey,
        claim: Claim,
    ) -> Option<(RegistrationResult, Version)> {
        let (by_word, mut admitted) = (claim.by_word, false);
        if let Some(withdrawal) = self.registrar.stays(&key, from) {
            self.answer_departures(from, withdrawal, key.vn, &[key]);
        }
        loop {
            let standing = Standing { full: self.is_full(), unsure: self.is_unsure() };
            let (peers, facts) = (&self.peers, &self.facts);
            let protected = |nve| is_protected(facts, peers, nve);
            match self.registrar.register(facts, standing, &protected, (from, transaction), key, claim.clone()) {
                Verdict::Answer(result, version) => {
                    if result == RegistrationResult::Stale {
                        // The answer names the TSI's place, and the NVE uses it.
                        self.publish.note_interest(&self.facts, key, from);
                    }
                    if result == RegistrationResult::Accepted {
                        self.say_contested(from, key, &claim.ips);
                    }
                    return Some((result, version));
                }
                Verdict::OverQuota(quota, version) => {
                    self.over_quota(from, quota, 1);
                    return Some((RegistrationResult::Resource, version));
                }
                _ if !admitted && !self.may_register(from) => {
                    let version = self.facts.book().get(&key).map(|registration| registration.version());
                    return Some((RegistrationResult::Resource, version.unwrap_or_default()));
                }
                Verdict::Enter(record) => {
                    let version = self.enter(key, record);
                    self.say_contested(from, key, &claim.ips);
                    return Some((RegistrationResult::Accepted, version));
                }
                Verdict::Free(record) => {
                    admitted = true;
                    self.free(record);
                }
                Verdict::Freeze(version) => {
                    self.record(Record::Frozen { tsi: key });
                    self.tell(Event::Duplicate(key));
                    return Some((RegistrationResult::Duplicate, version));
                }
                Verdict::Yield(old) => {
                    self.registrar.keep_claim(key, (from, transaction, claim));
                    self.plan_unplanned(key, old, from, by_word);
                    return None;
                }
            }
        }
    }

    /// Enters a TSI in the directory. The NVE that had it before hears where it is: an owner is not among those that are interested.
    pub(super) fn enter(&mut self, key: TsiKey, record: Record) -> Version {
        let place = |nva: &Self| nva.facts.book().get(&key).map(|registration| registration.nve());
        let before = place(self);
        let version = self.record(record);
        if let Some(before) = before.filter(|before| Some(*before) != place(self)) {
            let letter = self.publish.say_again(&self.facts, before, key);
            self.send(letter);
        }
        version
    }

    /// Makes a record by which a TSI gives up an address. If the TSI stays, its NVE hears which addresses it has left.
    fn free(&mut self, record: Record) {
        let left = match &record {
            Record::Registered { tsi, nve } => Some((*nve, tsi.key)),
            _ => None,
        };
        self.record(record);
        if let Some((nve, key)) = left {
            let letter = self.publish.say_again(&self.facts, nve, key);
            self.send(letter);
        }
    }

    /// The NVE of a TSI named addresses that other TSIs have: the mapping says which addresses the TSI has. It goes before the answer.
    fn say_contested(&mut self, nve: NveId, key: TsiKey, named: &[IpAddr]) {
        let has = |ip: &IpAddr| self.facts.book().ips(&key).contains(ip);
        let mut contested: Vec<IpAddr> = named.iter().copied().filter(|ip| !has(ip)).collect();
        if !contested.is_empty() {
            let letter = self.publish.say_again(&self.facts, nve, key);
            self.send(letter);
        }
        // That another TSI has a shared address is nothing to tell.
        contested.retain(|ip| !self.facts.config().policy.shares(&key, *ip));
        self.note_contested(nve, key, contested);
    }

    pub(super) fn deregister(&mut self, from: NveId, transaction: u32, request: &Deregister) {
        let (mut done, mut shows_loss) = (Vec::new(), false);
        for TsiVersion { mac, version } in &request.tsis {
            let key = TsiKey { vn: request.vn, mac: *mac };
            shows_loss |= self.note_loss(from, *version);
            match self.registrar.deregister(&self.facts, (from, transaction), key) {
                Departure::None => done.push(key),
                Departure::Withdraw => {
                    self.record(Record::Withdrawn { tsi: key });
                    self.take_up_newer(key);
                    done.push(key);
                }
                Departure::Renounce(id) => {
                    self.try_step(id, rules::Input::Revoked);
                    done.push(key);
                }
                Departure::CallOff(id) => {
                    // Where another NVE claims the TSI, its NVE says that the VM is gone.
                    let claimed = matches!(self.move_state(id), Some(rules::State::Yielding { .. }));
                    self.try_step(id, if claimed { rules::Input::Suspended } else { rules::Input::Deadline });
                }
            }
        }
        self.answer_departures(from, transaction, request.vn, &done);
        if shows_loss {
            self.settle_moves();
        }
    }

    pub(super) fn answer_departures(&mut self, to: NveId, transaction: u32, vn: nvo3_wire::Vni, tsis: &[TsiKey]) {
        if tsis.is_empty() {
            return;
        }
        let book = self.facts.book();
        let version = |key: &TsiKey| match (book.get(key), book.tombstone(key)) {
            (Some(registration), _) => registration.version(),
            (None, gone) => gone.map(|gone| gone.version).unwrap_or_default(),
        };
        let tsis = tsis.iter().map(|key| TsiVersion { mac: key.mac, version: version(key) }).collect();
        for part in (DeregisterReply { vn, tsis }).split() {
            self.send(Letter::answer(to, transaction, Message::DeregisterReply(part)));
        }
    }

    /// The withdrawal of a TSI that waited for the end of a move.
    pub(super) fn take_up_leaving(&mut self, key: &TsiKey, id: MoveId) {
        if let Some((nve, transaction)) = self.registrar.take_leaving(key, id) {
            if self.facts.book().get(key).is_some_and(|registration| registration.nve() == nve) {
                self.record(Record::Withdrawn { tsi: *key });
            }
            self.answer_departures(nve, transaction, key.vn, &[*key]);
        }
    }

    /// The claims of a TSI that waited. An NVE that is gone asks again itself.
    pub(super) fn take_up_claims(&mut self, key: &TsiKey) {
        for (nve, transaction, claim) in self.registrar.take_claims(key) {
            if self.peers.is_gone(nve) {
                continue;
            }
            let mut answers = Answers::new(key.vn);
            if let Some((result, version)) = self.claim(nve, transaction, *key, claim) {
                self.note_refused(nve, *key, result);
                answers.add(&self.facts, *key, result, version);
            }
            self.answer_claims(nve, transaction, answers);
        }
    }

    /// Takes the TSIs that rest at an NVE.
    pub(super) fn restate(&mut self, from: NveId, restate: Restate) {
        let vn = restate.vn;
        let keys: Vec<_> = restate.tsis.iter().map(|tsi| TsiKey { vn, mac: tsi.mac }).collect();
        let omitted = self.registrar.restated_mut().advance(&self.facts, from, &keys, !restate.more);
        let Some(omitted) = omitted else {
            self.counters.disordered += 1;
            return;
        };
        let mut answers = Answers::new(vn);
        for resting in restate.tsis {
            let key = TsiKey { vn, mac: resting.mac };
            self.note_loss(from, resting.version);
            if let Some(id) = self.facts.book().move_with(&key) {
                self.rests_in_move(id, from, key, resting.version);
            }
            self.rests(from, key, resting, &mut answers);
        }
        self.answer_claims(from, 0, answers);
        for key in omitted {
            self.omit(key);
        }
        if !restate.more {
            self.settle_all();
        }
    }

    /// The NVE of a TSI did not restate it: the TSI is withdrawn after a while, and another NVE may have it at once.
    fn omit(&mut self, key: TsiKey) {
        let at = self.facts.now() + self.facts.config().grace;
        self.registrar.restated_mut().omit(key, at);
        self.take_up_newer(key);
    }

    /// The end of a TSI's move: what its NVEs restated during the move counts now.
    pub(super) fn take_up_restated(&mut self, key: TsiKey) {
        let nve = self.facts.book().get(&key).map(|registration| registration.nve());
        if nve.is_some_and(|nve| self.registrar.restated_mut().take_passed(nve, key)) {
            self.omit(key);
        }
        self.take_up_newer(key);
    }

    /// Judges a TSI that rests at an NVE.
    fn rests(&mut self, from: NveId, key: TsiKey, resting: Resting, answers: &mut Answers) {
        // The move that brought it is taken up first: its old NVE has not heard that it is over.
        if self.strays.note_arrival(from, &key, resting.version) {
            return self.registrar.restated_mut().wait(key, from, resting);
        }
        loop {
            let full = self.is_full();
            let (peers, facts) = (&self.peers, &self.facts);
            let protected = |nve| is_protected(facts, peers, nve);
            match self.registrar.judge_resting(facts, (full, peers.grace().is_none()), &protected, from, key, &resting)
            {
                Rests::Known => {}
                Rests::AfterMove => {
                    let Resting { mac, version, ips, role } = resting;
                    let (kind, expected) = (MoveKind::Cold, Some(version));
                    let claim = Claim { mac, kind, by_word: true, old: None, expected, ips, role };
                    self.registrar.keep_claim(key, (from, 0, claim));
                }
                Rests::Enter(record) => {
                    self.counters.taken_up += 1;
                    let version = self.enter(key, record);
                    self.tell(Event::TakenUp { key, nve: from });
                    self.say_contested(from, key, &resting.ips);
                    answers.add(&self.facts, key, RegistrationResult::Accepted, version);
                }
                Rests::Restamp(record) => {
                    let version = self.record(record);
                    self.say_contested(from, key, &resting.ips);
                    answers.add(&self.facts, key, RegistrationResult::Accepted, version);
                }
                Rests::Free(record) => {
                    self.free(record);
                    continue;
                }
                Rests::Confirm(version) => {
                    self.say_contested(from, key, &resting.ips);
                    answers.add(&self.facts, key, RegistrationResult::Accepted, version);
                }
                Rests::Newer => {
                    let letter = self.publish.say_again(&self.facts, from, key);
                    self.send(letter);
                }
                Rests::Wait => self.registrar.restated_mut().wait(key, from, resting),
                Rests::Probe(old) => self.plan_unplanned(key, old, from, false),
                Rests::Refuse(result, version) => {
                    self.note_refused(from, key, result);
                    answers.add(&self.facts, key, result, version);
                }
                Rests::OverQuota(quota, version) => {
                    self.over_quota(from, quota, 1);
                    self.note_refused(from, key, RegistrationResult::Resource);
                    answers.add(&self.facts, key, RegistrationResult::Resource, version);
                }
            }
            return;
        }
    }

    /// The NVE of the book has spoken about a TSI, or is not protected any more: what rests elsewhere is judged again.
    pub(super) fn take_up_newer(&mut self, key: TsiKey) {
        if let Some((nve, resting)) = self.registrar.restated_mut().take_waiting(&key)
            && !self.peers.is_gone(nve)
        {
            let mut answers = Answers::new(key.vn);
            self.rests(nve, key, resting, &mut answers);
            self.answer_claims(nve, 0, answers);
        }
    }

    /// Withdraws the TSIs that their NVE did not restate, and releases the frozen TSIs whose time is over.
    pub(super) fn end_registrations(&mut self) {
        let now = self.facts.now();
        while let Some(key) = self.registrar.restated_mut().pop_omitted(now) {
            let Some(nve) = self.facts.book().get(&key).map(|registration| registration.nve()) else { continue };
            if self.facts.book().move_with(&key).is_none() {
                self.counters.omitted += 1;
                self.record(Record::Withdrawn { tsi: key });
                self.tell(Event::Omitted { key, nve });
                self.take_up_newer(key);
            }
        }
        while let Some(key) = self.registrar.pop_release(now) {
            self.record(Record::Released { tsi: key });
        }
    }

    /// Takes a TSI out of the directory for management.
    pub(super) fn forget(&mut self, key: TsiKey) -> Result<(), Error> {
        let book = self.facts.book();
        let Some(nve) = book.get(&key).map(|registration| registration.nve()) else {
            return Err(Error::UnknownTsi(key));
        };
        if let Some(other) = book.move_with(&key) {
            return Err(Error::InMove { key, other });
        }
        self.record(Record::Forgotten { tsi: key });
        self.registrar.restated_mut().take_waiting(&key);
        let letter = self.publish.say_again(&self.facts, nve, key);
        self.send(letter);
        Ok(())
    }

    /// Releases a frozen TSI for management.
    pub(super) fn release_frozen(&mut self, key: TsiKey) -> Result<(), Error> {
        if !self.facts.book().is_frozen(&key) {
            return Err(Error::NotFrozen(key));
        }
        self.record(Record::Released { tsi: key });
        Ok(())
    }

    /// True if an NVE's registrations hold against the claims of others.
    pub(super) fn is_protected(&self, nve: NveId) -> bool {
        is_protected(&self.facts, &self.peers, nve)
    }

    /// Answers the registration that started a move.
    pub(super) fn answer_claim(&mut self, id: MoveId, result: RegistrationResult) {
        let Some(this_move) = self.facts.book().get_move(id) else { return };
        let (version, new, tsis) =
            (this_move.decided_version(), this_move.plan().party(Side::New), this_move.plan().tsis.clone());
        for key in tsis {
            if result != RegistrationResult::Accepted {
                self.registrar.drop_claim(key, new);
            }
            let mut answers = Answers::new(key.vn);
            answers.add(&self.facts, key, result, version);
            self.answer_claims(new, 0, answers);
        }
    }
}

/// True if an NVE is admitted, not fenced, and has a session, or had one within `NvaConfig.registration_lifetime`.
fn is_protected(facts: &crate::nva::facts::Facts, peers: &crate::nva::peers::Peers, nve: NveId) -> bool {
    !facts.book().is_fenced(nve) && peers.is_present(nve, facts.now(), facts.config().registration_lifetime)
}
