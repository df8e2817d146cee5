//! An NVA whose records are lost or old: it takes a higher epoch, and takes up again the moves that its NVEs restate (I9).

use super::Nva;
use crate::nva::book::{Plan, Record};
use crate::nva::conduct::{Noted, Stray, rules};
use crate::nva::io::Event;
use crate::nva::peers::Letter;
use crate::nva::policy::Quota;
use alloc::vec::Vec;
use nvo3_nva_proto::{
    Message, MoveId, MoveKind, MoveResult, NveId, Outcome, PartyState, Query, Refusal, RestateMove, Seen, Side, TsiKey,
    Version,
};

impl Nva {
    /// An NVE has seen what the book does not have: takes a higher epoch, before the NVE gets a session.
    pub(super) fn go_beyond(&mut self, nve: NveId, seen: &Seen, granted: bool) {
        let Some(epoch) = self.facts.epoch_after(seen, granted) else { return };
        if self.is_full() {
            return;
        }
        let (seen, had) = (Version { epoch: seen.epoch, generation: seen.record.0 }, self.facts.book().newest());
        let kept = self.facts.book().epoch_before();
        self.record_in(epoch, Record::Rewound { kept });
        self.facts.note_loss();
        self.counters.rewinds += 1;
        self.tell(Event::Rewound { nve, seen, had, epoch });
        // Each session began in an epoch that may have been another NVA's: its NVE restates everything in the next session.
        self.peers.close_all();
    }

    /// Answers a query. An NVA that may lack what rests at its NVEs does not say that an address does not exist before they have
    /// restated: the NVE would drop the frames that it holds.
    pub(super) fn query(&mut self, from: NveId, transaction: u32, query: Query) {
        let found = self.facts.book().find(query.vn, query.address).is_some();
        let room = self.unsure.len() < self.facts.config().queue as usize;
        if !found && room && self.is_unsure() {
            self.unsure.push_back((from, transaction, query));
            return;
        }
        let response = self.publish.answer(&self.facts, from, transaction, query);
        self.send(response);
    }

    /// True while the grace runs and an NVE has not restated, in an NVA that may lack what rests there.
    pub(super) fn is_unsure(&self) -> bool {
        let spoke = |nve| self.registrar.restated().is_complete(nve) || self.facts.book().is_fenced(nve);
        self.facts.may_lack() && self.peers.grace().is_some() && !self.facts.admitted().all(spoke)
    }

    /// Answers the queries that waited, as far as their answers are sure now.
    fn answer_unsure(&mut self) {
        if !self.is_unsure() {
            self.publish.become_sure();
        }
        for (from, transaction, query) in core::mem::take(&mut self.unsure) {
            self.query(from, transaction, query);
        }
    }

    /// Takes a party's statement about a move that the book does not have, or may have from an old copy of its records.
    pub(super) fn restate_move(&mut self, from: NveId, said: RestateMove) {
        let id = said.move_id;
        let known = self.facts.book().get_move(id).is_some();
        if !known {
            self.note_loss(from, said.version);
        }
        // The new NVE of a move that the book does not have may have had the TSIs long ago.
        if known || said.side == Side::Old || said.party == PartyState::Runs {
            for tsi in &said.tsis {
                self.registrar.restated_mut().claim(from, tsi.key);
            }
        }
        if let Some(this_move) = self.facts.book().get_move(id) {
            if this_move.is_closed() {
                return self.send_outcome(id, from);
            }
            // The messages of a move that goes on follow.
            let names = (this_move.plan().side(from), this_move.version()) == (Some(said.side), said.version);
            if !self.conduct.may_be_over(id) || !names {
                self.counters.not_party += u64::from(!names);
                return;
            }
        }
        match self.strays.note(from, said, self.facts.config().quotas.moves) {
            Noted::Taken => {}
            Noted::NotParty => self.counters.not_party += 1,
            Noted::OverQuota => self.over_quota(from, Quota::Moves, 1),
        }
    }

    /// An NVE restates a version that this NVA never gave: records are lost or old. That has no proof, so it changes nothing that an NVE
    /// has confirmed: a move that the book had at the start goes on once its parties have said that they take part in it. True if nothing
    /// showed that before: then the moves that wait must be settled, because all parties may have restated already.
    pub(super) fn note_loss(&mut self, nve: NveId, seen: Version) -> bool {
        let shows = self.facts.shows_loss(seen);
        if shows {
            self.facts.note_loss();
            self.conduct.suspect_inherited(|id| self.strays.is_confirmed(id));
            self.counters.rewinds += 1;
            let (had, epoch) = (self.facts.book().newest(), self.facts.book().epoch());
            self.tell(Event::Rewound { nve, seen, had, epoch });
        }
        shows
    }

    /// A TSI of a move in hand rests at a party, which may know an outcome of the move: the records of the end are lost.
    pub(super) fn rests_in_move(&mut self, id: MoveId, at: NveId, key: TsiKey, version: Version) {
        let Some(this_move) = self.facts.book().get_move(id) else { return };
        let (reserved, side) = (this_move.version(), this_move.plan().side(at));
        let (known, suspect) = (self.conduct.may_be_over(id), self.conduct.is_suspect(id));
        let is_beyond = self.facts.is_beyond(this_move, at, &key, version);
        match side {
            // Against the old NVE of a claim it counts as a version, once that NVE has spoken.
            Some(Side::New) if version >= reserved && id.is_reserved() => {}
            Some(Side::New) if version >= reserved && suspect => self.note_resting(id, Side::New, key),
            Some(Side::New) if version >= reserved => {
                self.try_step(id, rules::Input::Activated);
            }
            Some(Side::Old) if is_beyond && !suspect => {
                self.try_step(id, rules::Input::Fenced);
            }
            Some(Side::Old) if !is_beyond && known => self.note_resting(id, Side::Old, key),
            _ => {}
        }
    }

    /// A TSI of a move that the book had at the start rests at this party.
    fn note_resting(&mut self, id: MoveId, side: Side, key: TsiKey) {
        let Some(this_move) = self.facts.book().get_move(id) else { return };
        let (plan, version) = (this_move.plan(), this_move.version());
        let Some(registration) = self.facts.book().get(&key) else { return };
        let (at, peer) = match side {
            Side::Old => (plan.old, plan.new),
            Side::New => (plan.new, plan.old),
        };
        let tsis = [registration.tsi(key)].into();
        self.restate_move(at, RestateMove { move_id: id, version, side, party: PartyState::Runs, peer, tsis });
    }

    /// Takes up the moves whose parties have said everything or are gone: those of the book first, because a later move of the same
    /// TSIs may be one that the book does not have.
    pub(super) fn settle_moves(&mut self) {
        let suspects = self.conduct.suspects();
        let strays = self.strays.ids().into_iter().filter(|id| !suspects.contains(id));
        for id in suspects.iter().copied().chain(strays.collect::<Vec<_>>()) {
            self.settle(id);
        }
    }

    /// An NVE has said everything, or is not waited for any more: takes up what waited for that.
    pub(super) fn settle_all(&mut self) {
        for key in self.registrar.restated().waiting() {
            self.take_up_newer(key);
        }
        self.settle_moves();
        if !self.is_unsure() {
            for key in self.registrar.claimed() {
                if self.facts.book().move_with(&key).is_none() {
                    self.take_up_claims(&key);
                }
            }
        }
        // A move that is taken up may have brought an address that was asked for.
        self.answer_unsure();
    }

    /// Takes up a move once nobody can say anything new about it. Where its VM runs at the new NVE, both parties' words are enough.
    fn settle(&mut self, id: MoveId) {
        let stray = self.strays.get(id);
        let parties = match (self.facts.book().plan(id), stray) {
            (Some(plan), _) => [plan.old, plan.new],
            (None, Some(stray)) => [stray.party(Side::Old), stray.party(Side::New)],
            (None, None) => return,
        };
        let runs = stray.is_some_and(|stray| stray.at(Side::New) == Some(PartyState::Runs));
        let spoke = |nve: &NveId| {
            self.registrar.restated().is_complete(*nve) || self.peers.is_gone(*nve) || self.facts.book().is_fenced(*nve)
        };
        if !parties.iter().all(spoke) || !runs && self.is_unsure() {
            return;
        }
        if self.conduct.is_suspect(id) {
            let stray = self.strays.take(id);
            self.settle_suspect(id, stray.as_ref());
        } else if self.facts.book().get_move(id).is_none()
            // A move that the book has is older, and ends first.
            && stray.is_some_and(|stray| stray.tsis.iter().all(|tsi| self.facts.book().move_with(&tsi.key).is_none()))
            && let Some(stray) = self.strays.take(id)
        {
            self.settle_stray(id, &stray);
        }
        if self.facts.book().plan(id).is_some_and(|plan| self.facts.book().is_fenced(plan.new)) {
            self.try_step(id, rules::Input::Fenced);
        }
    }

    /// Goes on with a move of an old copy of the records: where the VM runs decides, else it is revoked. If no party takes part in it, or
    /// an NVE knows something newer of its TSIs, it is over, and what rests at the NVEs decides. Who named it, or answered before it
    /// waited, hears that.
    fn settle_suspect(&mut self, id: MoveId, stray: Option<&Stray>) {
        self.conduct.trust(&self.facts, id);
        let yields = matches!(self.move_state(id), Some(rules::State::Yielding { .. }));
        let runs = stray.is_some_and(|stray| stray.at(Side::New) == Some(PartyState::Runs));
        let tsis = self.facts.book().plan(id).map(|plan| plan.tsis.clone()).unwrap_or_default();
        let is_over = stray.is_none() || tsis.iter().any(|key| self.registrar.restated().is_waiting(key));
        if runs && !yields {
            self.try_step(id, rules::Input::Activated);
        } else if is_over {
            use rules::State::{PreparingOld, Ready, Revoking, Suspended};
            let state = self.move_state(id);
            let has_answered = |side| match side {
                Side::Old => matches!(state, Some(Ready | Suspended)),
                Side::New => matches!(state, Some(PreparingOld | Ready | Suspended | Revoking { .. })),
            };
            let parties = self.facts.book().plan(id).map(|plan| [plan.old, plan.new]);
            self.record(Record::Closed { id });
            for (side, party) in [Side::Old, Side::New].into_iter().zip(parties.into_iter().flatten()) {
                if has_answered(side) || stray.is_some_and(|stray| stray.at(side).is_some()) {
                    self.send_outcome(id, party);
                }
            }
        } else if yields {
            self.try_step(id, rules::Input::Refused(Side::Old, Refusal::Stale));
        } else if !self.try_step(id, rules::Input::Deadline) {
            // It was revoked before, and the new NVE may have a new session since.
            self.try_step(id, rules::Input::Returned(Side::New, false));
        }
    }

    /// Takes up a move that the book does not have. Where its VM runs at the new NVE it is over, else it is revoked.
    fn settle_stray(&mut self, id: MoveId, stray: &Stray) {
        if self.is_full() {
            return;
        }
        // What the book says of the TSI is older than the move: both parties know a newer version, or the NVE of the book did not
        // restate the TSI.
        let named = stray.at(Side::Old).is_some() && stray.at(Side::New).is_some();
        let runs = stray.at(Side::New) == Some(PartyState::Runs);
        for tsi in &stray.tsis {
            let book = self.facts.book();
            let is_older = book.get(&tsi.key).is_none_or(|known| {
                let is_old = known.version() < stray.version || self.facts.is_lost(stray.version);
                let elsewhere = known.nve() != if runs { stray.new } else { stray.old };
                book.move_with(&tsi.key).is_none()
                    && elsewhere
                    && (runs && known.nve() == stray.old
                        || (named || self.registrar.restated().is_omitted(&tsi.key)) && is_old)
            });
            if is_older && book.conflict(tsi.key, &tsi.ips).is_none() {
                let nve = if runs { stray.new } else { stray.old };
                self.enter(tsi.key, Record::Registered { tsi: tsi.clone(), nve });
            }
        }
        let tsis: Vec<TsiKey> = stray.tsis.iter().map(|tsi| tsi.key).collect();
        let book = self.facts.book();
        let at_old = |key: &TsiKey| {
            book.move_with(key).is_none() && book.get(key).is_some_and(|registration| registration.nve() == stray.old)
        };
        if tsis.is_empty() || !tsis.iter().all(at_old) {
            return self.end_stray(id, stray, &tsis);
        }
        let unplanned = id.is_reserved();
        let kind = if unplanned { MoveKind::Failover } else { MoveKind::Hot };
        let deadline = self.facts.config().yield_deadline;
        let plan = Plan { id, tsis, old: stray.old, new: stray.new, kind, by_word: false, deadline };
        self.record(Record::Restored { plan, version: stray.version });
        if !unplanned && stray.at(Side::Old) == Some(PartyState::Stopped) {
            self.try_step(id, rules::Input::Suspended);
        }
        self.try_step(id, rules::Input::Deadline);
    }

    /// The TSIs of a move are elsewhere by now: the move ends at its parties, with the mappings of now.
    fn end_stray(&mut self, id: MoveId, stray: &Stray, tsis: &[TsiKey]) {
        for key in tsis {
            let book = self.facts.book();
            let older = book.get(key).filter(|known| known.version() < stray.version && book.move_with(key).is_none());
            // The parties heed nothing that is older than the move.
            if let Some((tsi, nve)) = older.map(|known| (known.tsi(*key), known.nve())) {
                self.record(Record::Registered { tsi, nve });
            }
            let Some(registration) = self.facts.book().get(key) else { continue };
            let (version, nve) = (registration.version(), registration.nve());
            let Some(place) = self.facts.place(nve) else { continue };
            for side in [Side::Old, Side::New] {
                let to = stray.party(side);
                // An old NVE that still names the move gave the VM to no other: at a third NVE it came by the new one.
                let went_on = nve != stray.old && stray.at(Side::Old).is_some();
                let committed = nve == stray.new || went_on;
                let result = if committed { MoveResult::Committed } else { MoveResult::Aborted };
                // An old NVE leaves a move by the mapping where the TSI is at a third NVE. The NVEs hear of its changes from now on.
                let mapping = self.publish.say_again(&self.facts, to, *key);
                if nve != stray.old && nve != stray.new {
                    self.send(mapping);
                }
                let outcome = Outcome { move_id: id, result, version, place, tsis: [*key].into() };
                self.send(Letter::new(to, Message::Outcome(outcome)));
            }
        }
    }
}
