//! Moves: from inputs through the rules to the rooms that carry out what they say.

use super::Nva;
use crate::nva::book::{Plan, PlannedMove, Record};
use crate::nva::conduct::rules::{self, Output};
use crate::nva::conduct::{self, Due};
use crate::nva::io::{Error, Event};
use alloc::vec::Vec;
use nvo3_nva_proto::{Micros, MoveId, MoveKind, MoveResult, NveId, RegistrationResult, Side, TsiKey};

impl Nva {
    /// Management plans a move: every check, then the record.
    pub(super) fn plan(
        &mut self,
        id: MoveId,
        tsis: Vec<TsiKey>,
        to: NveId,
        kind: MoveKind,
        deadline: Micros,
    ) -> Result<(), Error> {
        let plan = conduct::draft(&self.facts, self.is_full(), id, tsis, to, kind, deadline)?;
        let party = |nve| Some((self.facts.place(nve)?, self.peers.abilities(nve)));
        conduct::check(&self.facts, &plan, party(plan.old), party(plan.new))?;
        self.record(Record::Planned(plan));
        self.carry_out(id, Output::PrepareNew);
        Ok(())
    }

    /// A TSI shows up at another NVE than its mapping says, and may: its old NVE is asked to stop delivering.
    pub(super) fn plan_unplanned(&mut self, key: TsiKey, old: NveId, new: NveId) {
        let id = MoveId(MoveId::FIRST_RESERVED.0 | self.journal.next().0);
        let (kind, deadline) = (MoveKind::Failover, Micros(0));
        self.record(Record::Planned(Plan { id, tsis: alloc::vec![key], old, new, kind, deadline }));
        self.carry_out(id, Output::PrepareOld(true));
        self.note_gone_parties(id);
    }

    pub(super) fn cancel(&mut self, id: MoveId) -> Result<(), Error> {
        if self.step(id, rules::Input::Deadline) { Ok(()) } else { Err(Error::UnknownMove(id)) }
    }

    pub(super) fn fence(&mut self, nve: NveId) -> Result<(), Error> {
        if !self.peers.fence(nve) {
            return Err(Error::UnknownNve(nve));
        }
        for id in self.facts.book().moves_with(nve) {
            if self.facts.book().plan(id).is_some_and(|plan| plan.new == nve) {
                self.try_step(id, rules::Input::Fenced);
            }
            self.note_gone_parties(id);
        }
        Ok(())
    }

    /// One input for one move; false where it is out of place, which is counted.
    pub(super) fn step(&mut self, id: MoveId, input: rules::Input) -> bool {
        let stepped = self.try_step(id, input);
        self.counters.out_of_place += u64::from(!stepped && self.facts.book().get_move(id).is_some());
        stepped
    }

    /// As [`Nva::step`], for an input that says nothing new in some states.
    pub(super) fn try_step(&mut self, id: MoveId, input: rules::Input) -> bool {
        let Some((from, to, outputs)) = self.conduct.step(&self.facts, id, input) else { return false };
        if from != to {
            if let rules::Input::Refused(side, why) = input
                && let Some(nve) = self.facts.book().plan(id).map(|plan| plan.party(side))
            {
                self.tell(Event::Refused { id, nve, why });
            }
            self.tell(Event::Move { id, from, to });
        }
        for output in outputs {
            self.carry_out(id, output);
        }
        if from != to {
            self.note_gone_parties(id);
        }
        true
    }

    /// One input for each move under way that an NVE is a party of.
    pub(super) fn step_each(&mut self, nve: NveId, input: impl Fn(Side) -> rules::Input) {
        for id in self.facts.book().moves_with(nve) {
            if let Some(side) = self.facts.book().plan(id).and_then(|plan| plan.side(nve)) {
                self.try_step(id, input(side));
            }
        }
    }

    /// What a party that has been gone for a while means in the state that was just entered.
    fn note_gone_parties(&mut self, id: MoveId) {
        for side in [Side::Old, Side::New] {
            let Some(nve) = self.facts.book().plan(id).map(|plan| plan.party(side)) else { return };
            if self.peers.is_gone(nve) {
                self.try_step(id, rules::Input::Lost(side));
            }
            if self.peers.is_fenced(nve) {
                self.try_step(id, rules::Input::GoneForGood(side));
            }
        }
    }

    pub(super) fn move_timer(&mut self, id: MoveId) {
        match self.conduct.time_out(id) {
            Due::Deadline => {
                self.try_step(id, rules::Input::Deadline);
            }
            Due::Absence(side) => {
                let Some(nve) = self.facts.book().plan(id).map(|plan| plan.party(side)) else { return };
                // By then it knows that it is alone, and takes no part any more.
                let alone = self.facts.config().session.dead_after;
                if self.peers.is_gone_for(nve, self.facts.now(), alone) {
                    self.try_step(id, rules::Input::GoneForGood(side));
                } else {
                    self.conduct.wait_again(&self.facts, id);
                }
            }
        }
    }

    fn carry_out(&mut self, id: MoveId, output: Output) {
        match output {
            Output::PrepareNew => {
                let mappings = self.publish.hand_over(&self.facts, id);
                self.send_all(mappings);
                self.send_all(conduct::prepare(&self.facts, id, Side::New, false));
            }
            Output::PrepareOld(suspended) => {
                self.send_all(conduct::prepare(&self.facts, id, Side::Old, suspended));
            }
            Output::Revoke => self.send_all(conduct::revoke(&self.facts, id)),
            Output::PassSuspended => self.send_all(conduct::suspended(&self.facts, id)),
            Output::EarlyPush => {
                if self.facts.config().early_push {
                    let updates = self.publish.push_early(&self.facts, id);
                    self.send_all(updates);
                }
            }
            Output::Commit => {
                self.record(Record::Committed { id });
            }
            Output::Abort => {
                self.record(Record::Aborted { id });
            }
            Output::PublishAbort => {
                let updates = self.publish.abort_is_known(&self.facts, id);
                self.send_all(updates);
            }
            Output::Outcome(side) => {
                if let Some(to) = self.facts.book().plan(id).map(|plan| plan.party(side)) {
                    self.send_outcome(id, to);
                }
            }
            Output::Grant => self.answer_claim(id, RegistrationResult::Accepted),
            Output::Deny(_) => self.answer_claim(id, RegistrationResult::Policy),
            Output::MaySuspend => self.tell(Event::MaySuspend(id)),
            Output::Close(_) => {
                self.record(Record::Closed { id });
            }
        }
    }

    /// Answers the registration that started a move.
    fn answer_claim(&mut self, id: MoveId, result: RegistrationResult) {
        let Some(this_move) = self.facts.book().get_move(id) else { return };
        let (version, new, tsis) = (this_move.version(), this_move.plan().new, this_move.plan().tsis.clone());
        for key in tsis {
            self.reply(new, 0, key, result, version);
        }
    }

    /// How a move ended, to one who may know by now, and what came after it.
    pub(super) fn send_outcome(&mut self, id: MoveId, to: NveId) {
        let Some((letter, version)) = self.conduct.outcome(&self.facts, id, to) else { return };
        self.send(letter);
        let newer = self.publish.catch_up(&self.facts, to, id, version);
        self.send_all(newer);
    }

    /// A move has ended, and the book has it. Its TSIs are free.
    pub(super) fn closed(&mut self, id: MoveId, result: MoveResult, forgotten: Option<&PlannedMove>) {
        if let Some(forgotten) = forgotten {
            self.conduct.forget(forgotten.plan());
            self.publish.forget(forgotten.plan().id);
        }
        let Some(plan) = self.facts.book().plan(id) else { return };
        let tsis = plan.tsis.clone();
        let absent = |nve: &NveId| self.peers.is_gone(*nve) || self.peers.is_fenced(*nve);
        self.conduct.close(id, [plan.old, plan.new].into_iter().filter(absent));
        self.tell(Event::Ended { id, result });
        let lists = self.publish.closed(&self.facts, id, result);
        self.send_all(lists);
        for key in &tsis {
            if result == MoveResult::Aborted && self.registrar.is_taken_back(key) {
                self.record(Record::Withdrawn { tsi: *key });
            }
        }
        self.tell_if_converged(id);
        for key in &tsis {
            self.take_claim(key);
        }
    }

    /// A move has ended: who asked for its TSI meanwhile is answered now. One that is gone asks again itself.
    fn take_claim(&mut self, key: &TsiKey) {
        if let Some((nve, transaction, request)) = self.registrar.take_claim(key)
            && !self.peers.is_gone(nve)
        {
            self.register(nve, transaction, request);
        }
    }

    /// Someone interested follows a move, or is gone.
    pub(super) fn follows(&mut self, id: MoveId, nve: NveId) {
        if self.publish.note_follower(id, nve) {
            self.tell_if_converged(id);
        }
    }

    fn tell_if_converged(&mut self, id: MoveId) {
        if let Some(after) = self.publish.take_converged(&self.facts, id) {
            self.tell(Event::Converged { id, after });
            self.send_if_done(id);
        }
    }

    /// *Done* leaves once the parties' reports are in it.
    pub(super) fn send_if_done(&mut self, id: MoveId) {
        if let Some(letters) = self.publish.take_done(&self.facts, id) {
            self.send_all(letters);
        }
    }
}
