//! What the NVA says, and what other edges hint.

use super::cache::lifetime;
use super::changes::Key;
use super::io::Event;
use super::machine::Nve;
use super::rules::{Input, Plan};
use alloc::vec::Vec;
use nvo3_nva_proto::{
    Address, Answer, Instant, Invalidate, Mapping, Members, Message, MoveId, MoveKind, MoveResult, MoveWord, NveId,
    Outcome, Place, Prepare, Query, Received, RecordNo, Refusal, RegistrationReply, RegistrationResult, Response,
    Resync, SessionEvent, Side, TsiKey, Update, Version,
};
use nvo3_wire::Vni;

impl Nve {
    /// A datagram of the control port: from the NVA, or a hint from another edge.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        self.clock(now);
        #[cfg(feature = "auth")]
        if self.seals.is_some() {
            self.handle_sealed(datagram);
            return self.pump_session();
        }
        match Message::decode(datagram) {
            Ok((header, Message::Invalidate(hint))) if header.session.0 == 0 => self.handle_hint(&hint),
            Ok((header, message)) => {
                let taken = self.session.as_mut().map(|session| session.handle(self.now, &header, message));
                if !matches!(taken, Some(Ok(()))) {
                    self.counters.rejected += 1;
                }
            }
            Err(error) => {
                self.counters.malformed += 1;
                if let Some(session) = &mut self.session {
                    // A datagram of no session of ours gets no answer.
                    let _ = session.handle_undecodable(self.now, &error);
                }
            }
        }
        self.pump_session();
    }

    /// Takes everything that the session has to say.
    pub(super) fn pump_session(&mut self) {
        loop {
            let Some(session) = &mut self.session else { return };
            if let Some(event) = session.poll_event() {
                self.handle_session_event(event);
            } else if let Some(received) = session.poll_message() {
                self.handle_received(received);
            } else {
                break;
            }
        }
        self.advance_in_force();
    }

    fn handle_session_event(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Up(_) => {
                self.unforced.clear();
                self.partial_members.clear();
                self.in_force = 0;
                self.tell(Event::SessionUp);
                self.say_everything_again();
                self.resync();
            }
            SessionEvent::Down(reason) => {
                self.unforced.clear();
                self.tell(Event::SessionDown(reason));
                self.go_on_alone();
            }
            SessionEvent::Acked(_) => {
                if self.say_again {
                    self.say_everything_again();
                }
            }
            SessionEvent::PeerError(_) => self.counters.peer_errors += 1,
        }
    }

    /// Moves may end without this edge now.
    fn go_on_alone(&mut self) {
        for (key, known) in &mut self.tsis {
            let before = known.entry();
            known.alone |= known.core.state.plan().is_some();
            if known.entry() != before {
                self.changes.mark(Key::Tsi(*key));
            }
        }
    }

    /// Restates what this edge holds and asks for all of it (DAP-03).
    fn resync(&mut self) {
        let mappings = self.cache.iter().map(|(key, _)| (key.vn, Address::Mac(key.mac))).collect();
        let vns = self.subscribed.iter().copied().collect();
        let full = Resync { since: RecordNo(0), vns, mappings, more: false };
        let transaction = self.next_transaction();
        for part in full.split() {
            self.send(transaction, &Message::Resync(part));
        }
    }

    fn handle_received(&mut self, received: Received) {
        let Received { sequence, transaction, message } = received;
        self.handle_message(transaction, message);
        let waits_for = self.changes.newest_waiting();
        match self.unforced.back_mut() {
            Some((last, stamp)) if *stamp == waits_for => *last = sequence,
            _ => self.unforced.push_back((sequence, waits_for)),
        }
    }

    /// Acknowledges what has come into force in the forwarder.
    pub(super) fn advance_in_force(&mut self) {
        let in_force = self.changes.in_force();
        while let Some((sequence, _)) = self.unforced.front().copied().filter(|(_, stamp)| *stamp <= in_force) {
            self.in_force = sequence;
            self.unforced.pop_front();
        }
        if let Some(session) = &mut self.session {
            session.set_in_force(self.in_force);
        }
    }

    fn handle_message(&mut self, transaction: u32, message: Message) {
        match message {
            Message::RegistrationReply(reply) => self.handle_registration_reply(&reply),
            Message::DeregisterReply(reply) => {
                self.leaving.remove(&reply.tsi);
            }
            Message::Response(response) => self.handle_response(transaction, response),
            Message::Update(update) => self.handle_update(update),
            Message::Invalidate(invalidate) => self.handle_invalidate(&invalidate),
            Message::Prepare(prepare) => self.handle_prepare(&prepare),
            Message::Suspended(word) => self.step_move(word.move_id, |_| Input::Left(word.move_id)),
            Message::Revoke(word) => self.handle_revoke(word),
            Message::Outcome(outcome) => self.handle_outcome(&outcome),
            Message::Done(done) => {
                self.step_move(done.move_id, |_| Input::Converged);
                self.moves.forget(done.move_id);
            }
            _ => self.counters.unexpected += 1,
        }
    }

    fn step_move(&mut self, id: MoveId, input: impl Fn(Plan) -> Input) {
        let Some(of) = self.moves.get(id).cloned() else { return };
        let plan = Plan { id, version: of.version, peer: of.peer };
        for key in of.tsis {
            self.step(key, input(plan));
        }
    }

    fn handle_registration_reply(&mut self, reply: &RegistrationReply) {
        let key = reply.tsi;
        match reply.result {
            RegistrationResult::Accepted => {
                self.step(key, Input::Registered(reply.version));
                // Where it was before is not where it goes when it leaves here.
                let older = self.cache.get(&key).is_some_and(|cached| cached.version < reply.version);
                if older && self.cache.remove(&key) {
                    self.changes.mark(Key::Tsi(key));
                }
            }
            // The move's own messages follow.
            RegistrationResult::Moving => {}
            RegistrationResult::Stale => {
                if let Some(ips) = self.tsis.get(&key).map(|known| known.ips.clone()) {
                    self.cache_mapping(key, reply.version, ips, reply.current, None);
                    // Still here, and knowing more now: asked again.
                    self.step(key, Input::Again);
                }
            }
            result => {
                self.step(key, Input::NotRegistered);
                self.tell(Event::Refused { key, result });
            }
        }
    }

    fn handle_response(&mut self, transaction: u32, response: Response) {
        let Response { vn, address, answer, lifetime: length } = response;
        if !self.queries.answered(vn, address, transaction) {
            self.counters.unasked += 1;
            return;
        }
        let expires = lifetime(self.now, length);
        match answer {
            Answer::Found(mapping) => {
                let mac = mapping.mac;
                self.take_mapping(vn, mapping, Some(expires));
                self.neighbor_found(vn, address, mac);
            }
            Answer::NotFound | Answer::Prohibited => {
                if let Address::Mac(mac) = address {
                    let key = TsiKey { vn, mac };
                    let version = self.cache.get(&key).map(|cached| cached.version).unwrap_or_default();
                    self.cache_mapping(key, version, Vec::new(), None, expires);
                }
                self.neighbor_unknown(vn, address);
            }
        }
    }

    fn handle_update(&mut self, update: Update) {
        if let Some(Members { mut places, more }) = update.members
            && self.has_room_for_members(update.vn)
        {
            let list = self.partial_members.entry(update.vn).or_default();
            list.append(&mut places);
            list.truncate(self.config.members as usize);
            if !more {
                let list = self.partial_members.remove(&update.vn).unwrap_or_default();
                if list.is_empty() {
                    self.members.remove(&update.vn);
                } else {
                    self.members.insert(update.vn, list);
                }
                self.changes.mark(Key::Members(update.vn));
            }
        }
        for mapping in update.mappings {
            self.take_mapping(update.vn, mapping, None);
        }
    }

    /// Lists of members are kept for as many VNs as there may be TSIs.
    fn has_room_for_members(&mut self, vn: Vni) -> bool {
        let known = self.members.contains_key(&vn) || self.partial_members.contains_key(&vn);
        let room = known || self.members.len() + self.partial_members.len() < self.config.tsis as usize;
        self.counters.shed_mappings += u64::from(!room);
        room
    }

    /// A statement of the directory. `expires` is `None` where it says nothing about the lifetime.
    fn take_mapping(&mut self, vn: Vni, mapping: Mapping, expires: Option<Option<Instant>>) {
        let key = TsiKey { vn, mac: mapping.mac };
        let cached = self.cache.get(&key);
        if mapping.version < cached.map(|cached| cached.version).unwrap_or_default().max(self.state(&key).floor) {
            self.counters.stale += 1;
            return;
        }
        let expires = expires.unwrap_or_else(|| self.expires_untold(&key));
        let Mapping { version, ips, place, .. } = mapping;
        // That a station is gone is not believed for longer than that there is none.
        let expires = if place.is_none() { Some(self.now + self.config.negative) } else { expires };
        self.step_statement(key, version, place);
        self.cache_mapping(key, version, ips, place, expires);
    }

    /// When a mapping expires of which only the version and the place are told.
    fn expires_untold(&self, key: &TsiKey) -> Option<Instant> {
        match self.cache.get(key) {
            Some(cached) => cached.expires,
            None if self.subscribed.contains(&key.vn) => None,
            None => Some(self.now + self.config.pushed),
        }
    }

    fn step_statement(&mut self, key: TsiKey, version: Version, place: Option<Place>) {
        if !self.tsis.contains_key(&key) {
            return;
        }
        let input = match place {
            Some(place) if place.nve == self.config.place.nve => Input::MovedHere(version),
            Some(place) => Input::MovedTo(version, place),
            None => Input::Withdrawn(version),
        };
        self.step_if_it_fits(key, input);
    }

    fn cache_mapping(
        &mut self,
        key: TsiKey,
        version: Version,
        ips: Vec<core::net::IpAddr>,
        place: Option<Place>,
        expires: Option<Instant>,
    ) {
        self.changes.mark(Key::Tsi(key));
        if let Some(oldest) = self.cache.enter(key, version, ips, place, expires) {
            self.counters.shed_mappings += 1;
            self.changes.mark(Key::Tsi(oldest));
        }
    }

    /// Times a mapping out if it still is that one.
    fn handle_invalidate(&mut self, of: &Invalidate) {
        if self.points_to(&of.tsi, of.nve, of.version) && self.cache.remove(&of.tsi) {
            self.changes.mark(Key::Tsi(of.tsi));
        }
    }

    /// Another edge says that its mapping is newer. All it can cause is a question (VMM-5-06).
    pub(super) fn handle_hint(&mut self, hint: &Invalidate) {
        if self.points_to(&hint.tsi, hint.nve, hint.version) {
            self.counters.hints_received += 1;
            self.ask(hint.tsi.vn, Address::Mac(hint.tsi.mac));
        }
    }

    fn points_to(&self, key: &TsiKey, nve: NveId, version: Version) -> bool {
        self.cache
            .get(key)
            .is_some_and(|cached| cached.version <= version && cached.place.is_some_and(|place| place.nve == nve))
    }

    /// Asks where an address is: one question an address until it is answered (VMM-4.2-10).
    pub(super) fn ask(&mut self, vn: Vni, address: Address) {
        if self.queries.is_full() {
            self.counters.shed_queries += 1;
        } else if !self.queries.is_asked(vn, address) {
            let transaction = self.next_transaction();
            self.queries.ask(vn, address, transaction);
            self.send_query(vn, address, transaction);
        }
    }

    /// A question that is asked again keeps its number (DIR-04).
    pub(super) fn send_query(&mut self, vn: Vni, address: Address, transaction: u32) {
        self.counters.queries += 1;
        self.send(transaction, &Message::Query(Query { vn, address }));
    }

    /// What names the next question to the NVA; 0 is for what is said unasked.
    pub(super) fn next_transaction(&mut self) -> u32 {
        self.transaction = self.transaction.checked_add(1).unwrap_or(1);
        self.transaction
    }

    fn handle_prepare(&mut self, prepare: &Prepare) {
        let Prepare { move_id, version, side, kind, suspended, tsis, peer, limits } = prepare;
        let refuse = if tsis.is_empty() || tsis.iter().any(|tsi| tsi.ips.is_empty()) {
            Some(Refusal::UnknownTsi)
        } else if peer.locators.reachable_from(&self.config.place.locators).is_none() {
            Some(Refusal::NoCommonUnderlay)
        } else {
            let new = tsis.iter().filter(|tsi| !self.tsis.contains_key(&tsi.key)).count();
            let keys = tsis.iter().map(|tsi| tsi.key).collect();
            let room = self.make_room(new) && self.moves.enter(*move_id, *version, *peer, keys);
            (!room).then_some(Refusal::Resource)
        };
        if let Some(why) = refuse {
            self.counters.shed_moves += 1;
            return self.refuse_move(*move_id, *version, why);
        }
        for tsi in tsis {
            self.prepare_limits(tsi, *limits);
        }
        let (suspended, kind) = (*suspended, *kind);
        self.step_move(*move_id, |plan| match side {
            Side::New => Input::PrepareNew(plan),
            Side::Old if kind == MoveKind::Failover => Input::Yield(plan),
            Side::Old => Input::PrepareOld(plan, suspended),
        });
    }

    fn handle_revoke(&mut self, word: MoveWord) {
        if self.moves.get(word.move_id).is_some() {
            self.step_move(word.move_id, Input::Revoke);
        } else {
            // Never prepared here, so never activated.
            self.send(0, &Message::Revoked(word));
        }
    }

    fn handle_outcome(&mut self, outcome: &Outcome) {
        let Outcome { move_id, result, version, place, tsis } = outcome;
        let (id, version, place) = (*move_id, *version, *place);
        let here = place.nve == self.config.place.nve;
        let input = match (result, here) {
            (MoveResult::Committed, true) => Input::CommittedHere(id, version),
            (MoveResult::Committed, false) => Input::Committed(id, version, place),
            (MoveResult::Aborted, true) => Input::AbortedHere(id, version),
            (MoveResult::Aborted, false) => Input::Aborted(id, version, place),
            (MoveResult::Unknown, _) => return,
        };
        for key in tsis {
            let ips = self.tsis.get(key).map(|known| known.ips.clone());
            if self.tsis.contains_key(key) || self.make_room(1) {
                self.step_if_it_fits(*key, input);
            }
            let newest =
                self.cache.get(key).map(|cached| cached.version).unwrap_or_default().max(self.state(key).floor);
            if version >= newest {
                let expires = self.expires_untold(key);
                let ips = ips.or_else(|| self.cache.get(key).map(|cached| cached.ips.clone())).unwrap_or_default();
                self.cache_mapping(*key, version, ips, Some(place), expires);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nve::NveConfig;
    use core::net::IpAddr;
    use nvo3_nva_proto::Locators;
    use nvo3_wire::Mac;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const VN: Vni = Vni::MAX;
    const IP: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 10));

    fn place(nve: u64) -> Place {
        Place { nve: NveId(nve), locators: Locators::V4([198, 51, 100, 1].into()) }
    }

    /// What an authority has published of three TSIs of which one at a time has the address, in a new epoch now and then.
    fn history() -> impl Strategy<Value = Vec<Mapping>> {
        vec((0..3_u8, 2..5_u64, any::<bool>(), 0..8_u8), 1..12).prop_map(|steps| {
            let (mut said, mut owner, mut version) = (Vec::new(), None, Version { epoch: 1, generation: 0 });
            for (of, nve, takes, restart) in steps {
                // With its journal lost it numbers from the beginning.
                version = if restart == 0 { Version { epoch: version.epoch + 1, generation: 0 } } else { version };
                let mut say = |of: u8, owner: Option<u8>| {
                    version.generation += 1;
                    let ips = owner.filter(|owner| *owner == of).map(|_| IP).into_iter().collect();
                    said.push(Mapping { mac: Mac([2, 0, 0, 0, 0, of]), ips, version, place: Some(place(nve)) });
                };
                if takes
                    && owner != Some(of)
                    && let Some(before) = owner.take()
                {
                    say(before, None);
                }
                owner = if takes { Some(of) } else { owner };
                say(of, owner);
            }
            said
        })
    }

    proptest! {
        /// Checks R-03.
        #[test]
        fn whatever_the_order_the_newest_word_of_each_tsi_and_address_stays(
            (said, order) in history().prop_flat_map(|said| {
                let order = Just((0..said.len()).cycle().take(2 * said.len()).collect::<Vec<_>>()).prop_shuffle();
                (Just(said), order)
            })
        ) {
            let mut nve = Nve::new(NveConfig::new(place(1)), 7).unwrap();
            for index in order {
                nve.take_mapping(VN, said[index].clone(), None);
            }

            for Mapping { mac, .. } in &said {
                let newest = said.iter().rfind(|other| other.mac == *mac).unwrap();
                let key = TsiKey { vn: VN, mac: *mac };
                prop_assert_eq!(nve.mapping(&key), Some((newest.version, newest.place)));
            }
            let holder = said.iter().rfind(|mapping| mapping.ips.contains(&IP));
            prop_assert_eq!(nve.cache.mac_of(VN, IP), holder.map(|mapping| mapping.mac));
        }
    }
}
