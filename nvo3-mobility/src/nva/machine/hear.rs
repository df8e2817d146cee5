//! The messages of NVEs, on their way to the rooms.

use super::Nva;
use crate::nva::book::{self, Record};
use crate::nva::conduct::rules;
use crate::nva::io::Event;
use crate::nva::peers::{Heard, Letter, Receipt, Said};
use alloc::vec::Vec;
use nvo3_nva_proto::{ErrorCode, Instant, Message, MoveId, MoveResult, NveId, Outcome, Side, TsiKey, Version};

impl Nva {
    /// Handles the result of a datagram.
    pub(super) fn heard(&mut self, heard: Heard) {
        match heard {
            Heard::Nothing => {}
            Heard::Session(nve) => self.pump(nve),
            Heard::Behind { nve, seen, granted } => self.go_beyond(nve, &seen, granted),
            Heard::OtherLocators { nve, hello } => self.note_other_locators(nve, hello),
            Heard::TwoPlaces { nve, at, other } => self.note_two_places(nve, at, other),
            Heard::Opened { place, restarted, lost } => {
                let nve = place.nve;
                self.lose(nve, lost);
                self.publish.unsubscribe_all(nve);
                self.take_over_place(place);
                self.registrar.restated_mut().begin(nve);
                self.strays.forget(nve);
                if self.facts.book().is_fenced(nve) {
                    self.record(Record::Returned { nve });
                }
                self.tell(Event::NveUp { nve, restarted });
                for id in self.conduct.unheard(nve) {
                    self.send_outcome(id, nve);
                }
                if restarted {
                    self.say_what_left(nve);
                }
                self.step_each(nve, |side| rules::Input::Returned(side, restarted));
                self.pump(nve);
            }
        }
    }

    /// Tells an NVE that restarted of the moves that took VMs away from it, while frames may be in flight: it sends them on again.
    ///
    /// A VM that comes back to the NVE is left out. The earlier outcome would make a forward entry to an NVE that tunnels to this one.
    fn say_what_left(&mut self, nve: NveId) {
        let (now, in_flight) = (self.facts.now(), self.facts.config().in_flight);
        let coming = self.facts.book().moves_with(nve);
        for id in self.conduct.took_from(nve, Instant(now.0.saturating_sub(in_flight.0))) {
            let book = self.facts.book();
            let is_there = |key: &TsiKey| book.get(key).is_none_or(|registration| registration.nve() == nve);
            let comes = |key: &TsiKey| book.move_with(key).is_some_and(|id| coming.contains(&id));
            if !book.plan(id).is_none_or(|plan| plan.tsis.iter().any(|key| is_there(key) || comes(key))) {
                self.send_outcome(id, nve);
            }
        }
    }

    /// Handles every output of a session.
    pub(super) fn pump(&mut self, nve: NveId) {
        while let Some(said) = self.peers.poll(nve, self.publish.is_busy(nve)) {
            match said {
                Said::Down(reason, lost) => {
                    self.lose(nve, lost);
                    self.registrar.restated_mut().end(nve);
                    self.tell(Event::NveDown { nve, reason });
                    self.count_as_gone(nve);
                }
                Said::InForce(receipts) => {
                    for receipt in receipts {
                        self.in_force(nve, receipt);
                    }
                }
                Said::Message { sequence, transaction, message } => {
                    let (named, last) = (self.named(&message), self.journal.last());
                    self.handle_message(nve, (sequence, transaction), message);
                    let made = Some(self.journal.last()).filter(|now| *now > last).unwrap_or_default();
                    let after = self.undurable.about_tsis(&named).max(made);
                    self.peers.set_in_force(nve, sequence, after, self.journal.durable());
                }
                Said::NotFollowed(receipt) => self.not_followed(nve, receipt),
            }
        }
        self.peers.touch(nve);
        self.feed(nve);
        self.release();
    }

    /// Handles the loss of an NVE's session.
    fn lose(&mut self, nve: NveId, receipts: impl IntoIterator<Item = Receipt>) {
        self.publish.forget_early(nve);
        self.publish.stop_feeding(nve);
        for receipt in receipts {
            self.lost(nve, receipt);
        }
    }

    pub(super) fn count_as_gone(&mut self, nve: NveId) {
        self.peers.count_as_gone(self.facts.now(), nve);
        self.step_each(nve, rules::Input::Lost);
    }

    fn in_force(&mut self, nve: NveId, receipt: Receipt) {
        match receipt {
            Receipt::Outcome(id, side) => {
                self.conduct.note_heard(nve, id);
                self.note_has_again(nve, id, side);
                self.try_step(id, rules::Input::InForce(side));
            }
            Receipt::Update(id) => self.follows(id, nve),
        }
    }

    /// The outcome of an aborted move is in force at the old NVE: the TSIs rest there, also if the NVE had restarted and did not restate
    /// them.
    fn note_has_again(&mut self, nve: NveId, id: MoveId, side: Side) {
        let Some(this_move) = self.facts.book().get_move(id).filter(|_| side == Side::Old) else { return };
        if !matches!(this_move.outcome(), Some(book::Outcome::Aborted(_))) {
            return;
        }
        for key in this_move.plan().tsis.clone() {
            self.registrar.restated_mut().claim(nve, key);
        }
    }

    /// The forwarder of an NVE refused what a message asked for. A move's new mapping is then not in use everywhere.
    fn not_followed(&mut self, nve: NveId, receipt: Option<Receipt>) {
        self.counters.not_followed += 1;
        match receipt {
            // The NVE has heard the outcome, and the end of the move waits for no more than that.
            Some(receipt @ Receipt::Outcome(id, _)) => {
                self.tell(Event::NotFollowed { id, nve });
                self.in_force(nve, receipt);
            }
            Some(Receipt::Update(id)) => {
                self.tell(Event::NotFollowed { id, nve });
                self.publish.note_refused(id, nve);
            }
            None => {}
        }
    }

    fn handle_message(&mut self, from: NveId, (sequence, transaction): (u32, u32), message: Message) {
        use rules::Input::{Activated, Ready, Refused, Resumed, Revoked, Suspended};
        let about = message.type_code();
        match message {
            Message::RegistrationRequest(request) => self.register(from, transaction, request),
            Message::Deregister(request) => self.deregister(from, transaction, &request),
            Message::Restate(restate) => self.restate(from, restate),
            Message::RestateMove(said) => self.restate_move(from, said),
            Message::Query(query) => {
                self.counters.queries += 1;
                self.query(from, transaction, query);
            }
            Message::Subscribe(vn) => {
                if !self.publish.subscribe(&self.facts, vn, from) {
                    self.peers.refuse_message(from, (sequence, about), ErrorCode::Resource);
                }
            }
            Message::Unsubscribe(vn) => self.publish.unsubscribe(vn, from),
            Message::Resync(resync) => {
                if self.note_loss(from, resync.since) {
                    self.settle_moves();
                }
                if !self.publish.resync(&self.facts, from, transaction, resync) {
                    self.peers.refuse_message(from, (sequence, about), ErrorCode::Resource);
                }
            }
            Message::Ready(ready) => match self.side(ready.move_id, from) {
                Some(side) => {
                    let input = ready.refused.map_or(Ready(side), |why| Refused(side, why));
                    self.handle_word(from, side, ready.move_id, ready.version, input);
                }
                None => self.counters.not_party += 1,
            },
            Message::Suspended(word) => self.handle_word(from, Side::Old, word.move_id, word.version, Suspended),
            Message::Activated(word) => self.handle_word(from, Side::New, word.move_id, word.version, Activated),
            Message::Resumed(word) => self.handle_word(from, Side::Old, word.move_id, word.version, Resumed),
            Message::Revoked(word) => self.handle_word(from, Side::New, word.move_id, word.version, Revoked),
            Message::OutcomeQuery(id) => self.answer_outcome_query(id, from),
            Message::Done(done) => {
                if self.side(done.move_id, from).is_some() {
                    self.tell(Event::Report { id: done.move_id, nve: from, report: done.report });
                    self.publish.note_report(done.move_id, from, done.report);
                    self.send_if_done(done.move_id);
                }
            }
            _ => self.counters.unexpected += 1,
        }
    }

    fn side(&self, id: MoveId, nve: NveId) -> Option<Side> {
        self.facts.book().plan(id)?.side(nve)
    }

    /// Handles a message about a move. It counts only from the NVE that may send it, with the reserved version (I5).
    fn handle_word(&mut self, from: NveId, side: Side, id: MoveId, version: Version, input: rules::Input) {
        let book = self.facts.book();
        let this_move = book.get_move(id).filter(|this_move| this_move.version() == version);
        if this_move.and_then(|this_move| this_move.plan().side(from)) != Some(side) {
            self.counters.not_party += 1;
        } else if this_move.is_some_and(|this_move| this_move.is_closed() && this_move.outcome().is_none()) {
            // The move was over in records that are lost, and ended before this NVE was asked.
            self.send_outcome(id, from);
        } else if !self.conduct.is_late(book, id, input) {
            self.step(id, input);
        }
    }

    /// Answers that a move is not known, unless its parties may still restate it.
    fn answer_unknown_move(&mut self, id: MoveId, from: NveId) {
        if self.strays.get(id).is_none()
            && let Some(place) = self.facts.place(from)
        {
            let (result, version) = (MoveResult::Unknown, Version::default());
            let outcome = Outcome { move_id: id, result, version, place, tsis: Vec::new() };
            self.send(Letter::new(from, Message::Outcome(outcome)));
        }
    }

    /// Sends the newer moves of the same TSIs again to an NVE that asks about a move that has ended: it could not take part in them.
    fn answer_outcome_query(&mut self, id: MoveId, from: NveId) {
        if self.facts.book().get_move(id).is_none() {
            return self.answer_unknown_move(id, from);
        }
        self.send_outcome(id, from);
        for newer in self.facts.book().moves_after(id) {
            if let Some(side) = self.side(newer, from) {
                self.try_step(newer, rules::Input::Returned(side, false));
            }
        }
    }
}
