//! Moves: the way of an input through the table to the rooms that carry out its outputs.

use super::Nva;
use crate::nva::book::{Plan, PlannedMove, Record};
use crate::nva::conduct::rules::{self, Output};
use crate::nva::conduct::{self, Due, Wanted};
use crate::nva::io::{Error, Event};
use crate::nva::policy::ClaimsByWord;
use nvo3_nva_proto::{MoveId, MoveKind, MoveResult, NveId, Refusal, RegistrationResult, Side, TsiKey};

impl Nva {
    /// Plans a move for management: makes every check, then the record.
    pub(super) fn plan(&mut self, wanted: Wanted) -> Result<(), Error> {
        let id = wanted.id;
        // NVEs restate a move of this id, which is not taken up yet: its outcome would count for the new move.
        if self.strays.get(id).is_some() {
            return Err(Error::UsedId(id));
        }
        if wanted.tsis.iter().any(|key| self.strays.have(key)) {
            return Err(Error::Refused { id, why: Refusal::Busy });
        }
        if wanted.tsis.iter().any(|key| self.registrar.restated().is_omitted(key)) {
            return Err(Error::Refused { id, why: Refusal::WrongPlace });
        }
        let plan = self.conduct.draft(&self.facts, self.is_full(), wanted)?;
        // The old NVE's session counts once the NVE has said what rests there: records may be lost, and then the VM may be elsewhere. An
        // NVA that knows of a loss waits for both.
        let spoke = |nve| self.registrar.restated().is_complete(nve) || nve != plan.old && !self.facts.may_lack();
        let able = |nve| self.peers.abilities(nve).filter(|_| !self.facts.book().is_fenced(nve) && spoke(nve));
        let party = |nve| Some((self.facts.place(nve)?, able(nve)));
        conduct::check(&self.facts, &plan, party(plan.old), party(plan.new))?;
        self.record(Record::Planned(plan));
        self.carry_out(id, Output::PrepareNew);
        Ok(())
    }

    /// A TSI shows up at another NVE than its mapping names, and may move: asks its old NVE to stop delivering.
    /// `by_word`: a hypervisor's word shows it, not only a frame.
    pub(super) fn plan_unplanned(&mut self, key: TsiKey, old: NveId, new: NveId, by_word: bool) {
        let id = self.next_unplanned();
        let (kind, deadline) = (MoveKind::Failover, self.facts.config().yield_deadline);
        self.record(Record::Planned(Plan { id, tsis: alloc::vec![key], old, new, kind, by_word, deadline }));
        self.carry_out(id, Output::AskOld(by_word));
        self.note_gone_parties(id);
    }

    /// The id of the next unplanned move: the epoch and the number of its record, so that no id comes again after the records went back.
    fn next_unplanned(&self) -> MoveId {
        let (epoch, number) = (u64::from(self.facts.book().epoch()), self.journal.next().0);
        MoveId(MoveId::FIRST_RESERVED.0 | (epoch & 0x7fff_ffff) << 32 ^ number & (MoveId::FIRST_RESERVED.0 - 1))
    }

    pub(super) fn cancel(&mut self, id: MoveId) -> Result<(), Error> {
        if self.step(id, rules::Input::Deadline) {
            return Ok(());
        }
        Err(self.move_state(id).map_or(Error::UnknownMove(id), |state| Error::NotCancellable { id, state }))
    }

    pub(super) fn fence(&mut self, nve: NveId) -> Result<(), Error> {
        if !self.peers.is_admitted(nve) {
            return Err(Error::UnknownNve(nve));
        }
        if !self.facts.book().is_fenced(nve) {
            self.record(Record::Fenced { nve });
        }
        for id in self.facts.book().moves_with(nve) {
            if self.facts.book().plan(id).is_some_and(|plan| plan.new == nve) {
                self.try_step(id, rules::Input::Fenced);
            }
            self.note_gone_parties(id);
        }
        // Nobody waits for what the NVE restates.
        self.settle_all();
        Ok(())
    }

    /// Gives one input to one move. False if it is out of place, which is counted.
    pub(super) fn step(&mut self, id: MoveId, input: rules::Input) -> bool {
        let stepped = self.try_step(id, input);
        self.counters.out_of_place += u64::from(!stepped && self.facts.book().get_move(id).is_some());
        stepped
    }

    /// As [`Nva::step`], for an input that changes nothing in some states: it is not counted.
    pub(super) fn try_step(&mut self, id: MoveId, input: rules::Input) -> bool {
        let Some((from, to, outputs)) = self.conduct.step(&self.facts, id, input) else { return false };
        if from != to {
            if let rules::Input::Refused(side, why) = input
                && let Some(nve) = self.facts.book().plan(id).map(|plan| plan.party(side))
            {
                self.tell(Event::Refused { id, nve, why });
            }
            // A state that the table decides with a record holds once the record is durable.
            let records = |output: &Output| matches!(output, Output::Commit | Output::Abort | Output::Close(_));
            let next = outputs.iter().any(records).then(|| self.journal.next());
            self.tell_after(next.unwrap_or_else(|| self.rests_on_move(id)), Event::Move { id, from, to });
        }
        for output in outputs {
            self.carry_out(id, output);
        }
        if from != to {
            self.note_gone_parties(id);
        }
        true
    }

    /// Gives one input to each move in hand that an NVE is a party of.
    pub(super) fn step_each(&mut self, nve: NveId, input: impl Fn(Side) -> rules::Input) {
        for id in self.facts.book().moves_with(nve) {
            if let Some(side) = self.facts.book().plan(id).and_then(|plan| plan.side(nve)) {
                self.try_step(id, input(side));
            }
        }
    }

    /// Gives the move the inputs of NVEs that are gone already, after it entered a state.
    fn note_gone_parties(&mut self, id: MoveId) {
        for side in [Side::Old, Side::New] {
            let Some(nve) = self.facts.book().plan(id).map(|plan| plan.party(side)) else { return };
            if self.peers.is_gone(nve) {
                self.try_step(id, rules::Input::Lost(side));
            }
            if !self.is_protected(nve) {
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
                // By then the NVE knows that it has no session, and takes no part in the move any more.
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
            Output::AskOld(by_word) => {
                let at_once = by_word && self.facts.config().claims_by_word == ClaimsByWord::Trusted;
                self.send_all(conduct::prepare(&self.facts, id, Side::Old, at_once));
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
            Output::Deny(why) => {
                if let (Refusal::StillHere, Some(plan)) = (why, self.facts.book().plan(id).cloned()) {
                    for key in plan.tsis {
                        self.note_still_here(plan.new, key);
                    }
                }
                self.answer_claim(id, RegistrationResult::Policy);
            }
            Output::Alarm => {
                if let Some(nve) = self.facts.book().plan(id).map(|plan| plan.old) {
                    self.tell(Event::DidNotYield { id, nve });
                }
            }
            Output::MaySuspend => self.tell(Event::MaySuspend(id)),
            Output::Close(_) => {
                self.record(Record::Closed { id });
            }
        }
    }

    /// Sends the outcome of a move to an NVE that may hear it already, and every newer mapping.
    pub(super) fn send_outcome(&mut self, id: MoveId, to: NveId) {
        let Some((letter, version)) = self.conduct.outcome(&self.facts, id, to) else { return };
        self.send(letter);
        let newer = self.publish.catch_up(&self.facts, to, id, version);
        self.send_all(newer);
        let lists = self.publish.lists_for_party(&self.facts, id, to);
        self.send_all(lists);
    }

    /// Handles the end of a move, which the book has. The move's TSIs are free.
    pub(super) fn closed(&mut self, id: MoveId, result: MoveResult, forgotten: Option<&PlannedMove>) {
        if let Some(forgotten) = forgotten {
            self.conduct.forget(forgotten.plan());
            self.publish.forget(forgotten.plan().id);
        }
        self.strays.take(id);
        let Some(plan) = self.facts.book().plan(id) else { return };
        let tsis = plan.tsis.clone();
        let absent = |nve: &NveId| self.peers.is_gone(*nve) || self.facts.book().is_fenced(*nve);
        self.conduct.close(&self.facts, id, [plan.old, plan.new].into_iter().filter(absent));
        self.tell(Event::Ended { id, result });
        let lists = self.publish.closed(&self.facts, id, result);
        self.send_all(lists);
        self.tell_if_converged(id);
        for key in &tsis {
            self.take_up_leaving(key, id);
        }
        // Where a VM rests comes first: the NVE would take a mapping that points elsewhere for newer.
        for key in &tsis {
            self.take_up_restated(*key);
        }
        self.settle_moves();
        for key in &tsis {
            self.take_up_claims(key);
        }
    }

    /// Notes that an interested NVE uses the new mapping of a move, or is gone.
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

    /// Sends *Done* once the parties' reports are in it.
    pub(super) fn send_if_done(&mut self, id: MoveId) {
        if let Some(letters) = self.publish.take_done(&self.facts, id) {
            self.send_all(letters);
        }
    }
}
