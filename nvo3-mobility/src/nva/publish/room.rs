//! What a record changed, and who is told.

use super::convergence::Convergence;
use super::interest::Interest;
use super::members::Lists;
use crate::nva::book::{Plan, Registration};
use crate::nva::facts::Facts;
use crate::nva::peers::{Letter, Receipt};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use nvo3_nva_proto::{
    Address, Done, Instant, Mapping, Message, Micros, MoveId, MoveResult, NveId, RecordNo, Report, TsiKey, Update,
};
use nvo3_wire::Vni;

/// See the module.
#[derive(Debug)]
pub(in crate::nva) struct Publish {
    /// The newest record that changed what is published.
    pub(super) published: RecordNo,
    interest: Interest,
    pub(super) lists: Lists,
    convergence: Convergence,
}

impl Publish {
    /// Everything up to this record is published, and nobody is interested.
    pub(in crate::nva) fn after(published: RecordNo) -> Self {
        let (interest, lists, convergence) = (Interest::default(), Lists::default(), Convergence::default());
        Self { published, interest, lists, convergence }
    }

    /// The newest record that changed what is published.
    pub(in crate::nva) const fn published(&self) -> RecordNo {
        self.published
    }

    pub(in crate::nva) fn subscribe(&mut self, vn: Vni, nve: NveId) {
        self.interest.subscribe(vn, nve);
    }

    pub(in crate::nva) fn unsubscribe(&mut self, vn: Vni, nve: NveId) {
        self.interest.unsubscribe(vn, nve);
    }

    /// A TSI is registered: everyone interested hears of it, but not its own NVE.
    pub(in crate::nva) fn registered(&mut self, facts: &Facts, number: RecordNo, key: TsiKey) -> Vec<Letter> {
        let Some(known) = facts.book().get(&key) else { return Vec::new() };
        self.interest.appears(key, known.ips());
        self.published = number;
        let mut letters = self.push(facts, &key, &[known.nve()]);
        letters.extend(self.push_list(facts, key.vn));
        letters
    }

    /// A TSI is gone: everyone interested hears of that, and of the next TSI with this MAC.
    pub(in crate::nva) fn withdrawn(
        &mut self,
        facts: &Facts,
        number: RecordNo,
        key: TsiKey,
        was: &Registration,
    ) -> Vec<Letter> {
        self.published = number;
        let interested = self.interest.disappears(facts.now(), &key);
        let mut letters = Vec::new();
        for nve in interested.into_iter().filter(|nve| *nve != was.nve()) {
            self.note_absent(facts, key.vn, Address::Mac(key.mac), nve);
            let (ips, version) = (was.ips().to_vec(), facts.book().version_at(number));
            letters.push(self.update_one(nve, key.vn, Mapping { mac: key.mac, ips, version, place: None }));
        }
        letters.extend(self.push_list(facts, key.vn));
        letters
    }

    /// A move is planned: the new NVE takes part in its VNs.
    pub(in crate::nva) fn planned(&mut self, facts: &Facts, id: MoveId) -> Vec<Letter> {
        facts.book().plan(id).map_or_else(Vec::new, |plan| self.push_lists(facts, &plan.tsis))
    }

    /// Tells the new NVE of a move, before the VM runs there, where those are whom the old one knows: with them the VM goes
    /// on to speak whether the authority can be asked then or not. Looks through a bounded part of a large VN.
    pub(in crate::nva) fn hand_over(&mut self, facts: &Facts, id: MoveId) -> Vec<Letter> {
        let Some(plan) = facts.book().plan(id) else { return Vec::new() };
        let vns: BTreeSet<Vni> = plan.tsis.iter().map(|key| key.vn).collect();
        let mut letters = Vec::new();
        for vn in vns {
            let keys = self.used_by_old(facts, plan, vn);
            if keys.is_empty() {
                continue;
            }
            let mappings = keys.iter().filter_map(|key| facts.mapping(key)).collect();
            for key in keys {
                self.note_interest(facts, key, plan.new);
            }
            let parts = self.update(vn, mappings).split();
            letters.extend(parts.into_iter().map(|part| Letter::new(plan.new, Message::Update(part))));
        }
        letters
    }

    /// The TSIs of a VN that the VM may speak to and whose mappings the new NVE of its move has no other way to get in time.
    fn used_by_old(&self, facts: &Facts, plan: &Plan, vn: Vni) -> Vec<TsiKey> {
        let book = facts.book();
        let mut pulled = self.interest.pulled_by(facts.now(), vn, plan.old).peekable();
        let some = book.in_vn(vn).take(facts.config().handover as usize);
        let used = some.filter(|(key, known)| {
            while pulled.next_if(|pulled| pulled < key).is_some() {}
            let used = known.nve() == plan.old || pulled.peek() == Some(key);
            // What is coming there too needs no mapping: by it, what its old NVE tunnels there would be sent back.
            let comes = || {
                let other = book.move_with(key).and_then(|id| book.plan(id));
                other.is_some_and(|other| other.new == plan.new)
            };
            used && known.nve() != plan.new && !plan.tsis.contains(key) && !comes()
        });
        used.map(|(key, _)| *key).collect()
    }

    /// Pushes the new mappings of a move before the commit. Who has one is not pushed it again.
    pub(in crate::nva) fn push_early(&mut self, facts: &Facts, id: MoveId) -> Vec<Letter> {
        let Some(this_move) = facts.book().get_move(id) else { return Vec::new() };
        let plan = this_move.plan();
        let Some(place) = facts.place(plan.new) else { return Vec::new() };
        let mut letters = Vec::new();
        for key in &plan.tsis {
            let Some(mapping) = facts.mapping(key) else { continue };
            let mapping = Mapping { version: this_move.version(), place: Some(place), ..mapping };
            for nve in self.interest.interested(facts.now(), key) {
                if nve != plan.old && nve != plan.new {
                    self.convergence.note_early(id, *key, nve);
                    let letter = self.update_one(nve, key.vn, mapping.clone());
                    letters.push(letter.with_receipt(Receipt::Update(id)));
                }
            }
        }
        letters
    }

    /// A move is committed: everyone interested hears of it. The old NVE stays interested while frames may be in flight.
    pub(in crate::nva) fn committed(
        &mut self,
        facts: &Facts,
        number: RecordNo,
        id: MoveId,
        planned_at: Instant,
    ) -> Vec<Letter> {
        let Some(plan) = facts.book().plan(id) else { return Vec::new() };
        self.published = number;
        let now = facts.now();
        self.convergence.commit(id, planned_at, now);
        self.keep_interest(facts, &plan.tsis, plan.old);
        let mut letters = Vec::new();
        for key in &plan.tsis {
            let Some(mapping) = facts.mapping(key) else { continue };
            for nve in self.interest.interested(now, key) {
                // Who was pushed one TSI early may have come to know another one since.
                if nve != plan.old && nve != plan.new && !self.convergence.is_early(id, *key, nve) {
                    self.convergence.note_pushed(id, nve);
                    let letter = self.update_one(nve, key.vn, mapping.clone());
                    letters.push(letter.with_receipt(Receipt::Update(id)));
                }
            }
        }
        letters.extend(self.push_lists(facts, &plan.tsis));
        letters
    }

    /// A move is aborted: the new NVE stays interested while frames may be in flight.
    pub(in crate::nva) fn aborted(&mut self, facts: &Facts, id: MoveId) {
        if let Some(plan) = facts.book().plan(id) {
            self.keep_interest(facts, &plan.tsis, plan.new);
        }
    }

    fn keep_interest(&mut self, facts: &Facts, keys: &[TsiKey], nve: NveId) {
        for key in keys.iter().filter(|key| facts.book().get(key).is_some()) {
            self.interest.set(*key, nve, facts.now() + facts.config().in_flight);
        }
    }

    /// The old NVE knows that a move is aborted: now everyone interested hears of it.
    pub(in crate::nva) fn abort_is_known(&mut self, facts: &Facts, id: MoveId) -> Vec<Letter> {
        let Some(plan) = facts.book().plan(id) else { return Vec::new() };
        self.published = facts.book().last();
        plan.tsis.iter().flat_map(|key| self.push(facts, key, &[plan.old, plan.new])).collect()
    }

    /// A move has ended. After an abort the new NVE takes no part in its VNs any more.
    pub(in crate::nva) fn closed(&mut self, facts: &Facts, id: MoveId, result: MoveResult) -> Vec<Letter> {
        match facts.book().plan(id) {
            Some(plan) if result == MoveResult::Aborted => {
                self.convergence.forget(id);
                self.push_lists(facts, &plan.tsis)
            }
            _ => Vec::new(),
        }
    }

    /// A move is remembered no more.
    pub(in crate::nva) fn forget(&mut self, id: MoveId) {
        self.convergence.forget(id);
    }

    /// An NVE lost its session.
    pub(in crate::nva) fn forget_early(&mut self, nve: NveId) {
        self.convergence.forget_early(nve);
    }

    /// An NVE follows a move, or is gone. True if it was awaited.
    pub(in crate::nva) fn note_follower(&mut self, id: MoveId, nve: NveId) -> bool {
        self.convergence.note_follower(id, nve)
    }

    /// How long ago a move that has ended was committed, once everyone follows. It is said once.
    pub(in crate::nva) fn take_converged(&mut self, facts: &Facts, id: MoveId) -> Option<Micros> {
        facts.book().get_move(id).filter(|this_move| this_move.is_closed())?;
        let committed_at = self.convergence.take_converged(id, facts.now())?;
        Some(facts.now() - committed_at)
    }

    /// A party of a move reports what the move cost there.
    pub(in crate::nva) fn note_report(&mut self, id: MoveId, nve: NveId, report: Report) {
        self.convergence.note_report(id, nve, report);
    }

    /// *Done* for the parties of a move that has converged, once both have reported or had the time to. It is said once.
    pub(in crate::nva) fn take_done(&mut self, facts: &Facts, id: MoveId) -> Option<[Letter; 2]> {
        let Some(plan) = facts.book().plan(id) else {
            self.convergence.forget(id);
            return None;
        };
        let parties = [plan.old, plan.new];
        let report = self.convergence.take_done(id, parties, facts.now())?;
        Some(parties.map(|nve| Letter::new(nve, Message::Done(Done { move_id: id, report }))))
    }

    /// The converged move that is done next, whoever has reported.
    pub(in crate::nva) fn next_done(&self) -> Option<(Instant, MoveId)> {
        self.convergence.next_timer()
    }

    /// The next deadline: a VN's NVEs are to be told who they are.
    pub(in crate::nva) fn next_timer(&self) -> Option<(Instant, Vni)> {
        self.lists.next()
    }

    /// How many things are kept, besides interest in mappings.
    pub(in crate::nva) fn footprint(&self) -> usize {
        self.lists.len() + self.interest.absent_len() + self.convergence.footprint()
    }

    /// Tells everyone interested in a mapping except some.
    fn push(&mut self, facts: &Facts, key: &TsiKey, except: &[NveId]) -> Vec<Letter> {
        let interested = self.interest.interested(facts.now(), key);
        let mut interested = interested.into_iter().filter(|nve| !except.contains(nve)).peekable();
        let mapping = interested.peek().and_then(|_| facts.mapping(key));
        let Some(mapping) = mapping else { return Vec::new() };
        interested.map(|nve| self.update_one(nve, key.vn, mapping.clone())).collect()
    }

    pub(super) fn update_one(&self, nve: NveId, vn: Vni, mapping: Mapping) -> Letter {
        Letter::new(nve, Message::Update(self.update(vn, alloc::vec![mapping])))
    }

    fn update(&self, vn: Vni, mappings: Vec<Mapping>) -> Update {
        let (after, upto) = (RecordNo(self.published.0.saturating_sub(1)), self.published);
        Update { vn, after, upto, mappings, members: None, synced: false }
    }

    pub(super) fn note_interest(&mut self, facts: &Facts, key: TsiKey, nve: NveId) {
        if facts.book().get(&key).is_some() {
            self.interest.extend(key, nve, facts.now() + facts.config().lifetime);
        }
    }

    pub(super) fn note_absent(&mut self, facts: &Facts, vn: Vni, address: Address, nve: NveId) {
        let (now, config) = (facts.now(), facts.config());
        let until = now + config.negative_lifetime;
        self.interest.note_absent(now, vn, address, nve, until, config.tsis as usize);
    }
}
