//! What NVEs ask and say, and what is pushed to them.

use super::io::Event;
use super::journal::Record;
use super::machine::{Nva, Tracked};
use super::moves::Move;
use super::rules;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use nvo3_nva_proto::{
    Address, Answer, Deregister, DeregisterReply, Mapping, Message, Micros, MoveId, NveId, Query, RecordNo,
    RegistrationRequest, RegistrationResult, Response, Resync, Side, TsiKey, Update, Version,
};
use nvo3_wire::Vni;

impl Nva {
    pub(super) fn handle_message(&mut self, from: NveId, transaction: u32, message: Message) {
        match message {
            Message::RegistrationRequest(request) => self.handle_registration(from, transaction, &request),
            Message::Deregister(deregister) => self.handle_deregister(from, transaction, deregister),
            Message::Query(query) => self.handle_query(from, transaction, query),
            Message::Subscribe(vn) => self.directory.subscribe(vn, from),
            Message::Unsubscribe(vn) => self.directory.unsubscribe(vn, from),
            Message::Resync(resync) => self.handle_resync(from, transaction, &resync),
            Message::Ready(ready) => {
                let Some(side) = self.moves.side(ready.move_id, from) else {
                    self.counters.not_party += 1;
                    return;
                };
                let input = match ready.refused {
                    Some(why) => rules::Input::Refused(side, why),
                    None => rules::Input::Ready(side),
                };
                self.handle_word(from, side, ready.move_id, ready.version, input);
            }
            Message::Suspended(word) => {
                self.handle_word(from, Side::Old, word.move_id, word.version, rules::Input::Suspended);
            }
            Message::Activated(word) => {
                self.handle_word(from, Side::New, word.move_id, word.version, rules::Input::Activated);
            }
            Message::Resumed(word) => {
                self.handle_word(from, Side::Old, word.move_id, word.version, rules::Input::Resumed)
            }
            Message::Revoked(word) => {
                self.handle_word(from, Side::New, word.move_id, word.version, rules::Input::Revoked)
            }
            Message::OutcomeQuery(id) => self.handle_outcome_query(id, from),
            Message::Done(done) => {
                if self.moves.side(done.move_id, from).is_some() {
                    self.tell(Event::Report { id: done.move_id, nve: from, report: done.report });
                }
            }
            _ => self.counters.unexpected += 1,
        }
    }

    /// Who asks about a move that has ended could not do what it was told since about the same TSIs: that is said again.
    fn handle_outcome_query(&mut self, id: MoveId, from: NveId) {
        self.send_outcome(id, from);
        let Some(ended) = self.moves.get(id).filter(|of| matches!(of.state, rules::State::Ended(_))) else { return };
        let newer: BTreeSet<MoveId> = ended.tsis.iter().filter_map(|key| self.moves.of_tsi(key)).collect();
        for newer in newer {
            if let Some(side) = self.moves.side(newer, from) {
                self.step_if_it_fits(newer, rules::Input::Returned(side, false));
            }
        }
    }

    /// A word about a move counts only from the party that may say it, about the version that is reserved (I5).
    fn handle_word(&mut self, from: NveId, side: Side, id: MoveId, version: Version, input: rules::Input) {
        let is_party = self.moves.get(id).is_some_and(|of| of.version == version);
        if is_party && self.moves.side(id, from) == Some(side) {
            // After the outcome a word says nothing new; the outcome answers it.
            if !self.moves.get(id).is_some_and(|of| rules::step(of.state, input).is_none() && of.state.decided()) {
                self.step(id, input);
            }
        } else {
            self.counters.not_party += 1;
        }
    }

    /// A move has ended: who asked for its TSI meanwhile is answered now. One that is gone asks again itself.
    pub(super) fn take_claim(&mut self, key: &TsiKey) {
        let claim = self.directory.get_mut(key).and_then(|entry| entry.claim.take());
        if let Some((nve, transaction, request)) = claim.filter(|(nve, ..)| !self.is_gone(*nve)) {
            self.handle_registration(nve, transaction, &request);
        }
    }

    fn handle_registration(&mut self, from: NveId, transaction: u32, request: &RegistrationRequest) {
        let key = request.tsi.key;
        let (result, version) = self.register(from, transaction, request);
        if let Some(result) = result {
            self.reply(from, transaction, key, result, version);
        }
    }

    /// The result, or none where the answer comes with the outcome of a move.
    fn register(
        &mut self,
        from: NveId,
        transaction: u32,
        request: &RegistrationRequest,
    ) -> (Option<RegistrationResult>, Version) {
        let tsi = &request.tsi;
        let entry = self.directory.get(&tsi.key);
        let current = entry.map(|entry| entry.version).unwrap_or_default();
        let refused = |result| (Some(result), current);
        if tsi.ips.is_empty() || tsi.ips.len() > self.config.ips_per_tsi as usize || tsi.key.mac.is_group() {
            return refused(RegistrationResult::Malformed);
        }
        if self.directory.conflict(tsi).is_some() {
            return refused(RegistrationResult::Duplicate);
        }
        let full = self.journal.backlog() >= u64::from(self.config.unpersisted);
        let Some(entry) = entry else {
            if full || self.directory.len() >= self.config.tsis as usize {
                return refused(RegistrationResult::Resource);
            }
            return (Some(RegistrationResult::Accepted), self.enter_tsi(from, request));
        };
        if entry.nve == from {
            let same = entry.ips == tsi.ips;
            return match (same, self.moves.of_tsi(&tsi.key).is_some()) {
                // The owner attaching again makes no new version.
                (true, _) => refused(RegistrationResult::Accepted),
                // A change waits for the outcome.
                (false, true) => refused(RegistrationResult::Moving),
                (false, false) if full => refused(RegistrationResult::Resource),
                (false, false) => (Some(RegistrationResult::Accepted), self.enter_tsi(from, request)),
            };
        }
        if self.moves.of_tsi(&tsi.key).is_some() {
            let refused = refused(RegistrationResult::Moving);
            if let Some(entry) = self.directory.get_mut(&tsi.key) {
                entry.claim = Some((from, transaction, request.clone()));
            }
            return refused;
        }
        if request.expected.is_some_and(|expected| expected < current) {
            return refused(RegistrationResult::Stale);
        }
        if full {
            return refused(RegistrationResult::Resource);
        }
        let old = entry.nve;
        if self.is_duplicate(&tsi.key) {
            return refused(RegistrationResult::Duplicate);
        }
        self.plan_unplanned(tsi.key, old, from);
        (None, current)
    }

    fn enter_tsi(&mut self, nve: NveId, request: &RegistrationRequest) -> Version {
        let tsi = request.tsi.clone();
        let number = self.journal.append(Record::Registered { tsi: tsi.clone(), nve });
        let version = self.version(number);
        self.directory.register(&tsi, nve, version);
        self.published = number;
        self.push_mappings(&[tsi.key], &[nve], Tracked::Nothing);
        self.push_members(tsi.key.vn);
        version
    }

    /// Counts an unplanned move; true where there were too many of them, and until the time is over (EVM-05, R-20, R-31).
    fn is_duplicate(&mut self, key: &TsiKey) -> bool {
        let (now, window) = (self.now, self.config.duplicate_window);
        let (limit, hold) = (self.config.duplicate_moves as usize, self.config.duplicate_hold);
        let Some(entry) = self.directory.get_mut(key) else { return false };
        if entry.frozen_until.is_some_and(|until| now < until) {
            return true;
        }
        entry.frozen_until = None;
        entry.unplanned.retain(|at| now - *at < window);
        entry.unplanned.push_back(now);
        if entry.unplanned.len() < limit {
            return false;
        }
        entry.unplanned.clear();
        entry.frozen_until = Some(now + hold);
        self.tell(Event::Duplicate(*key));
        true
    }

    fn handle_deregister(&mut self, from: NveId, transaction: u32, request: Deregister) {
        let key = request.tsi;
        let current = self.directory.get(&key).map(|entry| (entry.nve, entry.version));
        let version = current.map(|(_, version)| version).unwrap_or_default();
        if let Some(entry) = self.directory.get_mut(&key) {
            entry.claim = entry.claim.take().filter(|(nve, ..)| *nve != from);
        }
        // A late one never undoes a newer mapping.
        if current.is_some_and(|(nve, version)| nve == from && request.version >= version) {
            if let Some(id) = self.moves.of_tsi(&key) {
                if let Some(entry) = self.directory.get_mut(&key) {
                    entry.withdraw = true;
                }
                self.step_if_it_fits(id, rules::Input::Deadline);
            } else {
                self.withdraw(key);
            }
        }
        let reply = DeregisterReply { tsi: key, version };
        self.send(from, transaction, Message::DeregisterReply(reply), Tracked::Nothing);
    }

    pub(super) fn withdraw(&mut self, key: TsiKey) {
        let number = self.journal.append(Record::Withdrawn { tsi: key });
        self.published = number;
        let version = self.version(number);
        let interested = self.directory.interested(&key, self.now);
        let Some(entry) = self.directory.withdraw(&key) else { return };
        let mapping = Mapping { mac: key.mac, ips: entry.ips, version, place: None };
        for nve in interested.into_iter().filter(|nve| *nve != entry.nve) {
            self.note_absent(key.vn, Address::Mac(key.mac), nve);
            self.push_mapping(nve, key.vn, mapping.clone(), Tracked::Nothing);
        }
        self.push_members(key.vn);
    }

    fn handle_query(&mut self, from: NveId, transaction: u32, query: Query) {
        self.counters.queries += 1;
        let Query { vn, address } = query;
        let (answer, lifetime) = match self.directory.find(vn, address) {
            Some(key) => {
                self.note_interest(&key, from);
                match self.lookup(&key) {
                    Some(mapping) => (Answer::Found(mapping), self.config.lifetime),
                    None => (Answer::NotFound, self.config.negative_lifetime),
                }
            }
            None => {
                self.note_absent(vn, address, from);
                (Answer::NotFound, self.config.negative_lifetime)
            }
        };
        let response = Response { vn, address, answer, lifetime };
        self.send(from, transaction, Message::Response(response), Tracked::Nothing);
    }

    fn note_absent(&mut self, vn: Vni, address: Address, nve: NveId) {
        let until = self.now + Micros::from_millis(u64::from(self.config.negative_lifetime) * 100);
        let limit = self.config.tsis as usize;
        self.directory.note_absent(vn, address, nve, until, self.now, limit);
    }

    fn note_interest(&mut self, key: &TsiKey, nve: NveId) {
        let until = self.now + Micros::from_millis(u64::from(self.config.lifetime) * 100);
        if let Some(entry) = self.directory.get_mut(key) {
            let before = entry.interested.entry(nve).or_insert(until);
            *before = (*before).max(until);
        }
    }

    /// An NVE is told of a mapping that may be an old one: it also wants to know what came after it.
    pub(super) fn go_on_from(&mut self, nve: NveId, key: TsiKey, told: Version) {
        self.note_interest(&key, nve);
        let newest = match self.directory.get(&key) {
            Some(entry) if entry.version <= told => return,
            Some(_) => self.lookup(&key),
            None => {
                self.note_absent(key.vn, Address::Mac(key.mac), nve);
                Some(self.gone(&key))
            }
        };
        if let Some(mapping) = newest {
            self.push_mapping(nve, key.vn, mapping, Tracked::Nothing);
        }
    }

    /// That there is no such TSI any more.
    fn gone(&self, key: &TsiKey) -> Mapping {
        Mapping { mac: key.mac, ips: Vec::new(), version: self.version(self.journal.last()), place: None }
    }

    /// Interest restated, and everything that the NVE may have missed (DAP-03).
    fn handle_resync(&mut self, from: NveId, transaction: u32, resync: &Resync) {
        let mut wanted: BTreeMap<Vni, BTreeMap<TsiKey, Option<Mapping>>> = BTreeMap::new();
        for (vn, address) in &resync.mappings {
            let found = self.directory.find(*vn, *address);
            let key = match (found, address) {
                (Some(key), _) => key,
                (None, Address::Mac(mac)) => TsiKey { vn: *vn, mac: *mac },
                (None, Address::Ip(_)) => continue,
            };
            self.note_interest(&key, from);
            wanted.entry(*vn).or_default().insert(key, self.lookup(&key));
        }
        for vn in &resync.vns {
            self.directory.subscribe(*vn, from);
            let all = self.directory.of_vn(*vn).map(|(key, _)| *key).collect::<Vec<_>>();
            for key in all {
                wanted.entry(*vn).or_default().insert(key, self.lookup(&key));
            }
        }
        for vn in self.directory.vns_of(from) {
            wanted.entry(vn).or_default();
        }
        let last = wanted.last_key_value().map(|(vn, _)| *vn);
        for (vn, mappings) in wanted {
            let mapping = |(key, found): (&TsiKey, &Option<Mapping>)| found.clone().unwrap_or_else(|| self.gone(key));
            let mappings = mappings.iter().map(mapping).collect();
            let members = self.directory.members(vn);
            let members = members.contains(&from).then(|| self.members(&members));
            let update = Update {
                vn,
                after: resync.since,
                upto: self.published,
                mappings,
                members,
                synced: Some(vn) == last && !resync.more,
            };
            for part in update.split() {
                self.counters.updates += part.mappings.len() as u64;
                self.send(from, transaction, Message::Update(part), Tracked::Nothing);
            }
        }
    }

    /// Pushes mappings to everyone interested but some, to be tracked or not.
    pub(super) fn push_mappings(&mut self, keys: &[TsiKey], but: &[NveId], tracked: Tracked) {
        for key in keys {
            let Some(mapping) = self.lookup(key) else { continue };
            for nve in self.directory.interested(key, self.now).into_iter().filter(|nve| !but.contains(nve)) {
                self.push_mapping(nve, key.vn, mapping.clone(), tracked);
            }
        }
    }

    /// Tells the new NVE of a move, before the VM runs there, where those are whom the old one knows: with them the VM goes
    /// on to speak whether the authority can be asked then or not. Looks through a bounded part of a large VN.
    pub(super) fn hand_over_mappings(&mut self, of: &Move) {
        let vns: BTreeSet<Vni> = of.tsis.iter().map(|key| key.vn).collect();
        for vn in vns {
            let some = self.directory.of_vn(vn).take(self.config.handover as usize);
            let now = self.now;
            let used = some.filter(|(key, entry)| {
                let used = entry.nve == of.old || entry.interested.get(&of.old).is_some_and(|until| *until > now);
                // What is coming there too needs no mapping: by it, what its old NVE tunnels there would be sent back.
                let comes =
                    self.moves.of_tsi(key).and_then(|id| self.moves.get(id)).is_some_and(|other| other.new == of.new);
                used && entry.nve != of.new && !comes && !of.tsis.contains(key)
            });
            let keys: Vec<TsiKey> = used.map(|(key, _)| *key).collect();
            let mappings: Vec<Mapping> = keys.iter().filter_map(|key| self.lookup(key)).collect();
            if mappings.is_empty() {
                continue;
            }
            for key in &keys {
                self.note_interest(key, of.new);
            }
            let (after, upto) = (RecordNo(self.published.0.saturating_sub(1)), self.published);
            let update = Update { vn, after, upto, mappings, members: None, synced: false };
            for part in update.split() {
                self.counters.updates += part.mappings.len() as u64;
                self.send(of.new, 0, Message::Update(part), Tracked::Nothing);
            }
        }
    }

    pub(super) fn push_mapping(&mut self, nve: NveId, vn: Vni, mapping: Mapping, tracked: Tracked) {
        let after = RecordNo(self.published.0.saturating_sub(1));
        let update =
            Update { vn, after, upto: self.published, mappings: alloc::vec![mapping], members: None, synced: false };
        self.counters.updates += 1;
        if let Tracked::Update(id) = tracked {
            self.await_follower(id, nve);
        }
        self.send(nve, 0, Message::Update(update), tracked);
    }
}
