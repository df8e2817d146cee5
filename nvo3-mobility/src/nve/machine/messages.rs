//! The effects of a datagram: the session's events, the NVA's messages, hints of other NVEs.

use super::Nve;
use crate::nve::io::Event;
use crate::nve::link::Heard;
use crate::nve::mappings::{Lifetime, Said};
use crate::nve::rules::{Input, State};
use crate::nve::stations::{Changed, Revoking};
use alloc::vec::Vec;
use nvo3_nva_proto::{
    Address, Answer, DeregisterReply, Instant, Mapping, Message, MoveResult, MoveWord, Outcome, Place, Prepare,
    RegistrationReply, RegistrationResult, Response, Role, TsiKey, TsiVersion, Update, Version,
};
use nvo3_wire::Vni;

impl Nve {
    /// Takes a datagram of the control port: from the NVA, or a hint of another NVE.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        self.clock(now);
        if let Some(hint) = self.link.receive(self.now, datagram, &mut self.counters) {
            // Another NVE says that it has a newer mapping. All a hint can cause is a query (VMM-5-06).
            if self.mappings.heed(self.now, &hint, &mut self.counters) {
                self.ask(hint.tsi.vn, Address::Mac(hint.tsi.mac), None);
            }
        }
        self.pump();
    }

    /// Handles every output of the session.
    pub(super) fn pump(&mut self) {
        while let Some(heard) = self.link.poll(&mut self.counters) {
            match heard {
                Heard::Up { epoch } => {
                    self.tell(Event::SessionUp);
                    self.begin_session(epoch);
                }
                Heard::Down(reason) => {
                    self.tell(Event::SessionDown(reason));
                    self.backlog.clear();
                    self.stations.go_on_alone(&mut self.orders);
                }
                Heard::Refused(code) => {
                    if self.hello_refusals.note(self.now).is_some() {
                        self.tell(Event::HelloRefused { code });
                    }
                }
                Heard::Message(received) => {
                    let named = (received.sequence, received.message.type_code());
                    self.orders.begin_message();
                    self.message(received.transaction, received.message);
                    let (change, rows) = (self.orders.newest_waiting(), self.orders.end_message());
                    if !self.link.waits_for(named, change, rows) {
                        self.fall_silent();
                    }
                }
            }
        }
        self.link.acknowledge(&self.orders, &mut self.counters);
        self.say_what_waits();
    }

    fn message(&mut self, transaction: u32, message: Message) {
        match message {
            Message::RegistrationReply(reply) => self.registration_reply(transaction, &reply),
            Message::DeregisterReply(reply) => self.deregistered(&reply),
            Message::Response(response) => self.response(transaction, response),
            Message::Update(update) => self.update(transaction, update),
            // An Invalidate removes the mapping only if it names the cached version (R-03: a late withdrawal spares a newer mapping).
            Message::Invalidate(stale) => self.mappings.invalidate(&stale, &mut self.orders),
            Message::Prepare(prepare) => self.prepare(prepare),
            Message::Suspended(word) => self.step_move(word.move_id, Input::Left(word.move_id)),
            Message::Revoke(word) => self.revoke(word),
            Message::Outcome(outcome) => self.outcome(outcome),
            Message::Done(done) => {
                // Done only makes a forward entry end sooner. It changes nothing at the new NVE, or in the TSI's next move.
                for key in self.stations.in_move(done.move_id) {
                    self.step_if_it_fits(key, Input::Converged);
                }
                self.stations.forget_move(done.move_id);
                self.link.forget_promise(done.move_id);
            }
            _ => self.counters.unexpected += 1,
        }
    }

    fn registration_reply(&mut self, transaction: u32, reply: &RegistrationReply) {
        for TsiVersion { mac, version } in &reply.tsis {
            let key = TsiKey { vn: reply.vn, mac: *mac };
            let answers = reply.result != RegistrationResult::Moving && self.stations.take_answer(&key, transaction);
            if answers && reply.result == RegistrationResult::Accepted {
                self.accepted(key, transaction, *version);
            }
            self.registered(key, *version, reply.result, reply.current);
        }
    }

    /// The NVA accepted the newest claim of a TSI, or its restatement. The mapping of that version, if it came before, says which addresses
    /// the TSI has; else the TSI has all that were named.
    fn accepted(&mut self, key: TsiKey, transaction: u32, version: Version) {
        if version < self.stations.state(&key).floor {
            return;
        }
        let said = self.mappings.ips(&key).filter(|_| self.mappings.version(&key) == version).map(<[_]>::to_vec);
        let changed = self.stations.accepted(self.now, &key, (transaction, said), &mut self.orders);
        self.tell_addresses(key, changed);
    }

    /// Tells the owner which addresses of a TSI are contested, and that a learned one was refused.
    fn tell_addresses(&mut self, key: TsiKey, changed: Changed) {
        if changed.unlearned {
            self.tell(Event::Refused { key, result: RegistrationResult::Duplicate });
        }
        if let Some(ips) = changed.contested {
            self.counters.contests += u64::from(!ips.is_empty());
            self.tell(Event::Contested { key, ips });
        }
    }

    fn registered(&mut self, key: TsiKey, version: Version, result: RegistrationResult, current: Option<Place>) {
        match result {
            RegistrationResult::Accepted => {
                // In a move, the outcome gives the version.
                self.step_if_it_fits(key, Input::Registered(version));
                self.mappings.forget_older(key, version, &mut self.orders);
            }
            // The messages of the move follow, and after it the answer.
            RegistrationResult::Moving => {}
            RegistrationResult::Stale => {
                if let Some(ips) = self.stations.ips(&key) {
                    let (ips, role) = (ips.to_vec(), self.stations.role(&key));
                    self.keep(key, (version, ips, role, current), Lifetime::Pushed);
                    // The VM is still here, and this NVE has the newer version now: it asks again.
                    self.step(key, Input::Again);
                }
            }
            RegistrationResult::Duplicate if self.stations.unlearn(self.now, &key, &mut self.orders) => {
                self.tell(Event::Refused { key, result });
                if self.stations.is_settled(&key) {
                    self.claim_new_addresses(key);
                } else {
                    self.backlog.claim(key);
                }
            }
            // The NVA refused other addresses of a VM that is here, and keeps its mapping.
            result
                if self.stations.is_settled(&key)
                    && current.is_some_and(|place| place.nve == self.config.place.nve) =>
            {
                if result == RegistrationResult::Resource {
                    self.stations.readdress_later(self.now, key);
                }
                self.tell(Event::Refused { key, result });
            }
            result => {
                self.stations.refused(self.now, key);
                self.step_if_it_fits(key, Input::NotRegistered);
                self.tell(Event::Refused { key, result });
            }
        }
    }

    fn deregistered(&mut self, reply: &DeregisterReply) {
        for tsi in &reply.tsis {
            let key = TsiKey { vn: reply.vn, mac: tsi.mac };
            self.link.deregistered(&key);
            self.mappings.forget_older(key, tsi.version, &mut self.orders);
            // An aborted move may have come back after the VM had left, and the VM may run here again since.
            if matches!(self.stations.state(&key).state, State::Halted { .. } | State::Here) {
                self.step_if_it_fits(key, Input::Withdrawn(tsi.version));
            }
        }
    }

    fn response(&mut self, transaction: u32, response: Response) {
        let Response { vn, address, answer, lifetime } = response;
        if !self.mappings.answered(vn, address, transaction) {
            self.counters.unasked += 1;
            return;
        }
        let lifetime = Lifetime::Said(lifetime);
        match (answer, address) {
            (Answer::Found(mapping), _) => {
                let (mac, role, is_there) = (mapping.mac, mapping.role, mapping.place.is_some());
                let had = mapping.ips.iter().copied().filter(|_| is_there).collect();
                self.statement(vn, mapping, lifetime);
                match address {
                    Address::Ip(target) if is_there => self.proxy.found(vn, target, (mac, role), &mut self.counters),
                    Address::Ip(_) => self.proxy.not_found(vn, address, &mut self.counters),
                    Address::Mac(mac) => self.recalled(TsiKey { vn, mac }, had),
                }
            }
            (Answer::NotFound | Answer::Prohibited, Address::Mac(mac)) => {
                let key = TsiKey { vn, mac };
                self.keep(key, (self.mappings.version(&key), Vec::new(), Role::Unknown, None), lifetime);
                self.recalled(key, Vec::new());
            }
            (Answer::NotFound | Answer::Prohibited, Address::Ip(_)) => {
                self.proxy.not_found(vn, address, &mut self.counters);
            }
        }
    }

    fn update(&mut self, transaction: u32, update: Update) {
        self.mappings.note_progress(transaction, update.upto, update.synced);
        if let Some(members) = update.members {
            self.mappings.take_members(self.now, update.vn, members, &mut self.orders, &mut self.counters);
        }
        for mapping in update.mappings {
            self.statement(update.vn, mapping, Lifetime::Pushed);
        }
    }

    /// Takes a statement of the directory: first for the TSI if this NVE has it, then for the mapping.
    fn statement(&mut self, vn: Vni, mapping: Mapping, lifetime: Lifetime) {
        let Mapping { mac, version, ips, role, place, .. } = mapping;
        let key = TsiKey { vn, mac };
        if !self.is_current(&key, version) {
            self.counters.stale += 1;
            return;
        }
        let lifetime = if place.is_none() { Lifetime::Gone } else { lifetime };
        if self.stations.ips(&key).is_some() {
            let input = match place {
                Some(place) if place.nve == self.config.place.nve => {
                    let changed = self.stations.hear_addresses(self.now, &key, &ips, &mut self.orders);
                    self.tell_addresses(key, changed);
                    Input::MovedHere(version)
                }
                Some(place) => Input::MovedTo(version, place),
                None => Input::Withdrawn(version),
            };
            self.step_if_it_fits(key, input);
        }
        self.keep(key, (version, ips, role, place), lifetime);
    }

    /// True if a statement of this version is not older than the mapping and the floor of the TSI.
    fn is_current(&self, key: &TsiKey, version: Version) -> bool {
        self.mappings.is_current(key, version, self.stations.state(key).floor)
    }

    fn keep(&mut self, key: TsiKey, statement: Said, lifetime: Lifetime) {
        self.mappings.keep(self.now, key, statement, lifetime, &mut self.orders, &mut self.counters);
    }

    fn prepare(&mut self, prepare: Prepare) {
        let (move_id, version) = (prepare.move_id, prepare.version);
        match self.stations.prepare(self.now, prepare, &mut self.orders) {
            Ok(Some(input)) => self.step_move(move_id, input),
            Ok(None) => self.counters.stale += 1,
            Err(why) => {
                self.counters.shed_moves += 1;
                self.refuse(move_id, version, why);
            }
        }
    }

    fn revoke(&mut self, word: MoveWord) {
        let answer = match self.stations.revoke(word) {
            Revoking::Step(input) => return self.step_move(word.move_id, input),
            Revoking::Activated => Message::Activated(word),
            Revoking::Revoked => Message::Revoked(word),
            Revoking::Nothing => return,
        };
        self.say(&answer);
    }

    fn outcome(&mut self, outcome: Outcome) {
        let Outcome { move_id, result, version, place, tsis } = outcome;
        let here = place.nve == self.config.place.nve;
        let input = match (result, here) {
            (MoveResult::Committed, true) => Input::CommittedHere(move_id, version),
            (MoveResult::Committed, false) => Input::Committed(move_id, version, place),
            (MoveResult::Aborted, true) => Input::AbortedHere(move_id, version),
            (MoveResult::Aborted, false) => Input::Aborted(move_id, version, place),
            (MoveResult::Unknown, _) => return,
        };
        self.link.forget_promise(move_id);
        for key in tsis {
            let ips = self.stations.ips(&key).map(<[_]>::to_vec);
            if ips.is_some() || self.stations.make_room(1) {
                self.step_if_it_fits(key, input);
            }
            if self.is_current(&key, version) {
                let ips = ips.or_else(|| self.mappings.ips(&key).map(<[_]>::to_vec)).unwrap_or_default();
                let role = self.stations.role(&key).or(self.mappings.role(&key));
                self.keep(key, (version, ips, role, Some(place)), Lifetime::Pushed);
            }
        }
    }
}
