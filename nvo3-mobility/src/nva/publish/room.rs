//! The letters that follow a change of the book.

use super::convergence::Convergence;
use super::feed::Feeds;
use super::interest::Interest;
use super::members::Lists;
use super::over::Over;
use crate::nva::book::{Plan, Registration};
use crate::nva::facts::Facts;
use crate::nva::peers::{Letter, Receipt};
use crate::nva::policy::Quota;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use nvo3_nva_proto::{
    Address, Done, Instant, Mapping, Message, Micros, MoveId, MoveResult, NveId, RecordNo, Report, TsiKey, Update,
};
use nvo3_wire::Vni;

/// The interest, the lists and the converging moves.
#[derive(Debug)]
pub(in crate::nva) struct Publish {
    /// The newest record that changed what is published.
    pub(super) published: RecordNo,
    interest: Interest,
    pub(super) lists: Lists,
    convergence: Convergence,
    pub(super) feeds: Feeds,
    over: Over,
}

impl Publish {
    /// Makes a room without interest. Every change up to this record is published.
    pub(in crate::nva) fn after(published: RecordNo) -> Self {
        let (interest, lists, convergence) = (Interest::default(), Lists::default(), Convergence::default());
        Self { published, interest, lists, convergence, feeds: Feeds::default(), over: Over::default() }
    }

    /// The newest record that changed what is published.
    pub(in crate::nva) const fn published(&self) -> RecordNo {
        self.published
    }

    /// An NVE subscribes to a VN. False if it has its share of subscriptions.
    pub(in crate::nva) fn subscribe(&mut self, facts: &Facts, vn: Vni, nve: NveId) -> bool {
        let taken = self.interest.subscribe(vn, nve, facts.config().quotas.subscriptions);
        self.over.note(nve, Quota::Subscriptions, taken);
        taken
    }

    /// An NVE has a new session: it says again which VNs it subscribes to.
    pub(in crate::nva) fn unsubscribe_all(&mut self, nve: NveId) {
        self.interest.unsubscribe_all(nve);
    }

    /// An NVE that takes more than its quota, and how often it did; each comes once.
    pub(in crate::nva) fn pop_over_quota(&mut self) -> Option<(NveId, Quota, u64)> {
        self.over.pop()
    }

    pub(in crate::nva) fn unsubscribe(&mut self, vn: Vni, nve: NveId) {
        self.interest.unsubscribe(vn, nve);
    }

    /// A TSI is registered: tells every interested NVE except its own.
    pub(in crate::nva) fn registered(&mut self, facts: &Facts, number: RecordNo, key: TsiKey) -> Vec<Letter> {
        let Some(registration) = facts.book().get(&key) else { return Vec::new() };
        self.interest.appears(facts.now(), key, registration.ips(), facts.config().quotas.interest);
        let interested = self.interest.interested(facts.now(), &key);
        self.changed(number, key, registration.nve(), interested);
        self.push_list(facts, key.vn)
    }

    /// Notes that a mapping changed by this record, for each interested NVE except its own.
    fn changed(&mut self, number: RecordNo, key: TsiKey, own: NveId, interested: BTreeSet<NveId>) {
        let before = core::mem::replace(&mut self.published, number);
        for nve in interested.into_iter().filter(|nve| *nve != own) {
            self.feeds.changed(nve, key, before);
        }
    }

    /// A TSI is gone: tells every interested NVE. They stay interested in the next TSI with this MAC.
    pub(in crate::nva) fn withdrawn(
        &mut self,
        facts: &Facts,
        number: RecordNo,
        key: TsiKey,
        was: &Registration,
    ) -> Vec<Letter> {
        let interested = self.interest.disappears(facts.now(), &key);
        for nve in interested.iter().filter(|nve| **nve != was.nve()) {
            self.note_absent(facts, key.vn, Address::Mac(key.mac), *nve);
        }
        self.changed(number, key, was.nve(), interested);
        self.push_list(facts, key.vn)
    }

    /// A move is planned: the new NVE takes part in the move's VNs.
    pub(in crate::nva) fn planned(&mut self, facts: &Facts, id: MoveId) -> Vec<Letter> {
        facts.book().plan(id).map_or_else(Vec::new, |plan| self.push_lists(facts, &plan.tsis))
    }

    /// Gives the new NVE the mappings that the old NVE uses, before the VM runs at the new NVE. So the VM's flows go on, even if the
    /// NVA cannot be asked then. Looks through at most `NvaConfig.handover` mappings of a VN.
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
            let parts = self.update(plan.new, vn, mappings).split();
            letters.extend(parts.into_iter().map(|part| Letter::new(plan.new, Message::Update(part))));
        }
        letters
    }

    /// The TSIs of a VN that the VM may talk to, and whose mappings the new NVE would not get in time otherwise.
    fn used_by_old(&self, facts: &Facts, plan: &Plan, vn: Vni) -> Vec<TsiKey> {
        let book = facts.book();
        let mut pulled = self.interest.pulled_by(facts.now(), vn, plan.old).peekable();
        let some = book.in_vn(vn).take(facts.config().handover as usize);
        let used = some.filter(|(key, registration)| {
            while pulled.next_if(|pulled| pulled < key).is_some() {}
            let used = registration.nve() == plan.old || pulled.peek() == Some(key);
            // A TSI that moves to the new NVE too needs no mapping there: by it, the new NVE would send the old NVE's frames back.
            let comes = || {
                let coming = book.move_with(key).and_then(|id| book.plan(id));
                coming.is_some_and(|coming| coming.new == plan.new)
            };
            used && registration.nve() != plan.new && !plan.tsis.contains(key) && !comes()
        });
        used.map(|(key, _)| *key).collect()
    }

    /// Pushes the new mappings of a move before the commit. An NVE that has one does not get it again.
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

    /// A move is committed: tells every interested NVE. The old NVE stays interested while frames may be in flight.
    pub(in crate::nva) fn committed(
        &mut self,
        facts: &Facts,
        number: RecordNo,
        id: MoveId,
        planned_at: Instant,
    ) -> Vec<Letter> {
        let Some(this_move) = facts.book().get_move(id) else { return Vec::new() };
        let plan = this_move.plan();
        // A move that was planned in an older epoch commits under another version than the one that was pushed early.
        let as_reserved = this_move.decided_version() == this_move.version();
        self.published = number;
        let now = facts.now();
        self.convergence.commit(id, planned_at, now);
        self.keep_interest(facts, &plan.tsis, plan.old);
        let mut letters = Vec::new();
        for key in &plan.tsis {
            let Some(mapping) = facts.mapping(key) else { continue };
            for nve in self.interest.interested(now, key) {
                // An NVE that got the mapping of one TSI early may have become interested in another TSI since.
                let has_it = as_reserved && self.convergence.is_early(id, *key, nve);
                if nve != plan.old && nve != plan.new && !has_it {
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
            let (now, most) = (facts.now(), facts.config().quotas.interest);
            let room = self.interest.set(now, *key, nve, now + facts.config().in_flight, most);
            self.over.note(nve, Quota::Interest, room);
        }
    }

    /// The old NVE knows that a move is aborted: tells every interested NVE now.
    pub(in crate::nva) fn abort_is_known(&mut self, facts: &Facts, id: MoveId) -> Vec<Letter> {
        let Some(plan) = facts.book().plan(id) else { return Vec::new() };
        self.published = facts.book().last();
        plan.tsis.iter().flat_map(|key| self.push(facts, key, &[plan.old, plan.new])).collect()
    }

    /// A move has ended. After an abort the new NVE may take no part in the move's VNs any more.
    pub(in crate::nva) fn closed(&mut self, facts: &Facts, id: MoveId, result: MoveResult) -> Vec<Letter> {
        match facts.book().plan(id) {
            Some(plan) if result == MoveResult::Aborted => {
                self.convergence.forget(id);
                self.push_lists(facts, &plan.tsis)
            }
            _ => Vec::new(),
        }
    }

    /// Forgets a move that the book does not remember any more.
    pub(in crate::nva) fn forget(&mut self, id: MoveId) {
        self.convergence.forget(id);
    }

    /// Notes that an NVE lost its session.
    pub(in crate::nva) fn forget_early(&mut self, nve: NveId) {
        self.convergence.forget_early(nve);
    }

    /// Notes that an NVE uses the new mapping of a move, or is gone. True if the move waited for it.
    pub(in crate::nva) fn note_follower(&mut self, id: MoveId, nve: NveId) -> bool {
        self.convergence.note_follower(id, nve)
    }

    /// Notes that the forwarder of an interested NVE refused the new mapping of a move: the move never converges.
    pub(in crate::nva) fn note_refused(&mut self, id: MoveId, nve: NveId) {
        self.convergence.note_refused(id, nve);
    }

    /// The time since the commit of a move that has ended, once every interested NVE uses the new mapping. It comes once.
    pub(in crate::nva) fn take_converged(&mut self, facts: &Facts, id: MoveId) -> Option<Micros> {
        facts.book().get_move(id).filter(|this_move| this_move.is_closed())?;
        let committed_at = self.convergence.take_converged(id, facts.now())?;
        Some(facts.now() - committed_at)
    }

    /// Notes the report of a party of a move.
    pub(in crate::nva) fn note_report(&mut self, id: MoveId, nve: NveId, report: Report) {
        self.convergence.note_report(id, nve, report);
    }

    /// *Done* for the parties of a move that has converged, once both have reported or had the time to. It comes once.
    pub(in crate::nva) fn take_done(&mut self, facts: &Facts, id: MoveId) -> Option<[Letter; 2]> {
        let Some(plan) = facts.book().plan(id) else {
            self.convergence.forget(id);
            return None;
        };
        let parties = [plan.old, plan.new];
        let report = self.convergence.take_done(id, parties, facts.now())?;
        Some(parties.map(|nve| Letter::new(nve, Message::Done(Done { move_id: id, report }))))
    }

    /// The converged move that is done next, even without reports.
    pub(in crate::nva) fn next_done(&self) -> Option<(Instant, MoveId)> {
        self.convergence.next_timer()
    }

    /// The next time at which a replication list is pushed.
    pub(in crate::nva) fn next_timer(&self) -> Option<(Instant, Vni)> {
        self.lists.next()
    }

    /// The number of all things that the room keeps.
    pub(in crate::nva) fn footprint(&self) -> usize {
        self.lists.len() + self.interest.len() + self.convergence.footprint() + self.feeds.len()
    }

    /// Pushes a mapping to every interested NVE except some.
    fn push(&mut self, facts: &Facts, key: &TsiKey, except: &[NveId]) -> Vec<Letter> {
        let interested = self.interest.interested(facts.now(), key);
        let mut interested = interested.into_iter().filter(|nve| !except.contains(nve)).peekable();
        let mapping = interested.peek().and_then(|_| facts.mapping(key));
        let Some(mapping) = mapping else { return Vec::new() };
        interested.map(|nve| self.update_one(nve, key.vn, mapping.clone())).collect()
    }

    pub(super) fn update_one(&self, nve: NveId, vn: Vni, mapping: Mapping) -> Letter {
        Letter::new(nve, Message::Update(self.update(nve, vn, alloc::vec![mapping])))
    }

    fn update(&self, nve: NveId, vn: Vni, mappings: Vec<Mapping>) -> Update {
        let upto = self.feeds.complete(nve, self.published);
        Update { vn, after: upto, upto, mappings, members: None, synced: false }
    }

    pub(in crate::nva) fn note_interest(&mut self, facts: &Facts, key: TsiKey, nve: NveId) {
        if facts.book().get(&key).is_some() {
            self.note_use(facts, key, nve);
        }
    }

    /// Notes that an NVE has a mapping of a TSI, whether or not the book has one.
    pub(super) fn note_use(&mut self, facts: &Facts, key: TsiKey, nve: NveId) {
        let (now, most) = (facts.now(), facts.config().quotas.interest);
        let room = self.interest.extend(now, key, nve, now + facts.config().lifetime, most);
        self.over.note(nve, Quota::Interest, room);
    }

    pub(super) fn note_absent(&mut self, facts: &Facts, vn: Vni, address: Address, nve: NveId) {
        let (now, config) = (facts.now(), facts.config());
        let until = now + config.negative_lifetime;
        let room = self.interest.note_absent(now, (vn, address), nve, until, config.quotas.absent);
        self.over.note(nve, Quota::Absent, room);
    }
}
