//! Planning moves, stepping the move core, and carrying out what it says.

use super::io::{Error, Event};
use super::journal::Record;
use super::machine::{Nva, Tracked};
use super::moves::Move;
use super::rules::{self, Output, State};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use nvo3_nva_proto::{
    Capabilities, Done, Header, Locators, Message, Micros, MoveId, MoveKind, MoveResult, MoveWord, NveId, Outcome,
    Place, Prepare, RecordNo, Refusal, RegistrationReply, RegistrationResult, Report, SessionId, Side, Tsi, TsiKey,
    Version,
};

/// Moves that nobody planned are named by the authority: by their record, with the top bit set.
const UNPLANNED: u64 = 1 << 63;

impl Nva {
    /// Step 2 of the planned move: every check, then the journal (DESIGN §3.4).
    pub(super) fn plan(
        &mut self,
        id: MoveId,
        tsis: Vec<TsiKey>,
        to: NveId,
        kind: MoveKind,
        deadline: Micros,
    ) -> Result<(), Error> {
        let refused = |why| Err(Error::Refused { id, why });
        if id.0 & UNPLANNED != 0 || self.moves.get(id).is_some() {
            return Err(Error::UnknownMove(id));
        }
        if self.moves.open() >= self.config.moves as usize
            || self.journal.backlog() >= u64::from(self.config.unpersisted)
        {
            return Err(Error::Full("NvaConfig.moves"));
        }
        let Some(first) = tsis.first().and_then(|key| self.directory.get(key)) else {
            return refused(Refusal::UnknownTsi);
        };
        let old = first.nve;
        if kind != MoveKind::Hot {
            return refused(Refusal::NotSupported);
        }
        for key in &tsis {
            let Some(entry) = self.directory.get(key) else { return refused(Refusal::UnknownTsi) };
            if entry.nve != old {
                return refused(Refusal::WrongPlace);
            }
            if self.moves.of_tsi(key).is_some() {
                return refused(Refusal::Busy);
            }
        }
        let (Some(from), Some(target)) = (self.edges.get(&old), self.edges.get(&to)) else {
            return Err(Error::UnknownNve(to));
        };
        if old == to {
            return refused(Refusal::WrongPlace);
        }
        let up = |edge: &super::machine::Edge| {
            !edge.fenced && edge.session.as_ref().is_some_and(nvo3_nva_proto::Session::is_up)
        };
        if !up(from) || !up(target) {
            return refused(Refusal::NoSession);
        }
        let (Some(here), Some(there)) = (&from.hello, &target.hello) else { return refused(Refusal::NoSession) };
        let underlay = target.place.locators.reachable_from(&from.place.locators).is_some();
        if !underlay || !here.encapsulations.overlaps(there.encapsulations) {
            return refused(Refusal::NoCommonUnderlay);
        }
        if !there.capabilities.contains(Capabilities::HOLD) {
            return refused(Refusal::NotSupported);
        }
        if !self.fits(&tsis) {
            return Err(Error::TooLarge(id));
        }
        let number = self.journal.append(Record::Planned { id, tsis: tsis.clone(), old, new: to, kind, deadline });
        self.enter_move(number, id, tsis, old, to, kind, deadline);
        self.carry_out(id, Output::PrepareNew);
        Ok(())
    }

    /// Whether a *Prepare* can name them: one that cannot be sent would end the session, again and again.
    fn fits(&self, keys: &[TsiKey]) -> bool {
        let prepare = Prepare {
            move_id: MoveId(0),
            version: Version::default(),
            side: Side::New,
            kind: MoveKind::Hot,
            suspended: false,
            tsis: self.tsis_of(keys),
            peer: Place { nve: NveId(0), locators: Locators::Both([0; 4].into(), [0; 16].into()) },
            limits: self.config.hold,
        };
        let header = Header { session: SessionId(0), sequence: 0, transaction: 0 };
        Message::Prepare(prepare).encode(&header, &mut Vec::new()).is_ok()
    }

    fn tsis_of(&self, keys: &[TsiKey]) -> Vec<Tsi> {
        let tsi = |key: &TsiKey| Some(Tsi { key: *key, ips: self.directory.get(key)?.ips.clone() });
        keys.iter().filter_map(tsi).collect()
    }

    #[allow(clippy::too_many_arguments, reason = "the fields of a record")]
    fn enter_move(
        &mut self,
        number: RecordNo,
        id: MoveId,
        tsis: Vec<TsiKey>,
        old: NveId,
        new: NveId,
        kind: MoveKind,
        deadline: Micros,
    ) {
        let version = self.version(number);
        let state = if kind == MoveKind::Failover { State::Yielding } else { State::PreparingNew { left: false } };
        let timer = (kind != MoveKind::Failover).then_some(self.now + deadline);
        let mut vns = BTreeSet::new();
        for key in &tsis {
            vns.insert(key.vn);
            self.directory.join(key.vn, new);
        }
        let of = Move {
            state,
            tsis,
            old,
            new,
            kind,
            version,
            aborted: None,
            deadline,
            timer,
            planned_at: self.now,
            committed_at: None,
            early: BTreeSet::new(),
            converging: BTreeSet::new(),
        };
        self.moves.enter(id, of);
        for vn in vns {
            self.push_members(vn);
        }
    }

    /// A TSI shows up at another NVE than its mapping says, and may: its old NVE is asked to stop delivering.
    pub(super) fn plan_unplanned(&mut self, key: TsiKey, old: NveId, new: NveId) {
        let id = MoveId(UNPLANNED | (self.journal.last().0 + 1));
        let (kind, deadline) = (MoveKind::Failover, Micros(0));
        let number = self.journal.append(Record::Planned { id, tsis: alloc::vec![key], old, new, kind, deadline });
        self.enter_move(number, id, alloc::vec![key], old, new, kind, deadline);
        self.carry_out(id, Output::PrepareOld(true));
        self.note_gone_parties(id);
    }

    pub(super) const fn version(&self, number: RecordNo) -> Version {
        Version { epoch: self.config.epoch, generation: number.0 }
    }

    pub(super) fn cancel(&mut self, id: MoveId) -> Result<(), Error> {
        if self.step(id, rules::Input::Deadline) { Ok(()) } else { Err(Error::UnknownMove(id)) }
    }

    pub(super) fn fenced(&mut self, nve: NveId) -> Result<(), Error> {
        self.edges.get_mut(&nve).ok_or(Error::UnknownNve(nve))?.fenced = true;
        for id in self.moves.of(nve) {
            if self.moves.side(id, nve) == Some(Side::New) {
                self.step_if_it_fits(id, rules::Input::Fenced);
            }
            self.note_gone_parties(id);
        }
        Ok(())
    }

    /// One input for one move; false where it is out of place.
    pub(super) fn step(&mut self, id: MoveId, input: rules::Input) -> bool {
        let Some(of) = self.moves.moves.get_mut(&id) else { return false };
        let before = of.state;
        let Some((after, outputs)) = rules::step(before, input) else {
            self.counters.out_of_place += 1;
            return false;
        };
        of.state = after;
        let deadline = of.deadline;
        let (old, new) = (of.old, of.new);
        if before != after {
            if let rules::Input::Refused(side, why) = input {
                let nve = if side == Side::Old { old } else { new };
                self.tell(Event::Refused { id, nve, why });
            }
            self.tell(Event::Move { id, from: before, to: after });
            match after {
                // The deadline is over; from here on the parties' answers decide, or a whole deadline without one.
                State::AbortingOld | State::AbortingNew => self.moves.set_timer(id, Some(self.now + deadline)),
                State::Revoking { .. } | State::Committing { .. } | State::Ended(_) => self.moves.set_timer(id, None),
                _ => {}
            }
        }
        for output in outputs {
            self.carry_out(id, output);
        }
        if before != after {
            self.note_gone_parties(id);
        }
        true
    }

    /// As [`Nva::step`], for an input that says nothing new in some states.
    pub(super) fn step_if_it_fits(&mut self, id: MoveId, input: rules::Input) {
        if self.moves.get(id).is_some_and(|of| rules::step(of.state, input).is_some()) {
            self.step(id, input);
        }
    }

    /// What a party that has been gone for a while means in the state that was just entered.
    fn note_gone_parties(&mut self, id: MoveId) {
        let Some(of) = self.moves.get(id) else { return };
        for (nve, side) in [(of.old, Side::Old), (of.new, Side::New)] {
            if self.is_gone(nve) {
                self.step_if_it_fits(id, rules::Input::Lost(side));
            }
            if self.edges.get(&nve).is_some_and(|edge| edge.fenced) {
                self.step_if_it_fits(id, rules::Input::GoneForGood(side));
            }
        }
    }

    pub(super) fn move_timer(&mut self, id: MoveId) {
        let Some(of) = self.moves.get(id) else { return };
        let (state, old, new, again) = (of.state, of.old, of.new, self.now + of.deadline.max(Micros(1)));
        self.moves.set_timer(id, None);
        let waits_for = match state {
            State::AbortingOld => (old, Side::Old),
            State::AbortingNew => (new, Side::New),
            _ => return self.step_if_it_fits(id, rules::Input::Deadline),
        };
        let (nve, side) = waits_for;
        // By then it knows that it is alone, and takes no part any more.
        let alone = self.config.session.dead_after;
        if self.edges.get(&nve).is_none_or(|edge| edge.gone.is_some_and(|since| self.now >= since + alone)) {
            self.step_if_it_fits(id, rules::Input::GoneForGood(side));
        } else {
            self.moves.set_timer(id, Some(again));
        }
    }

    fn carry_out(&mut self, id: MoveId, output: Output) {
        let Some(of) = self.moves.get(id).cloned() else { return };
        let word = MoveWord { move_id: id, version: of.version };
        match output {
            Output::PrepareNew => {
                self.hand_over_mappings(&of);
                self.prepare(id, &of, Side::New, false);
            }
            Output::PrepareOld(suspended) => self.prepare(id, &of, Side::Old, suspended),
            Output::Revoke => self.send(of.new, 0, Message::Revoke(word), Tracked::Nothing),
            Output::PassSuspended => self.send(of.new, 0, Message::Suspended(word), Tracked::Nothing),
            Output::EarlyPush => {
                if self.config.early_push {
                    self.push_early(id, &of);
                }
            }
            Output::Commit => self.commit(id, &of),
            Output::Abort => self.abort(id, &of),
            Output::PublishAbort => {
                self.published = self.journal.last();
                self.push_mappings(&of.tsis, &[of.old, of.new], Tracked::Nothing);
            }
            Output::Outcome(side) => self.send_outcome(id, if side == Side::Old { of.old } else { of.new }),
            Output::Grant => {
                for key in &of.tsis {
                    self.reply(of.new, 0, *key, RegistrationResult::Accepted, of.version);
                }
            }
            Output::Deny(_) => {
                for key in &of.tsis {
                    self.reply(of.new, 0, *key, RegistrationResult::Policy, of.version);
                }
            }
            Output::MaySuspend => self.tell(Event::MaySuspend(id)),
            Output::Close(result) => self.close(id, &of, result),
        }
    }

    fn prepare(&mut self, id: MoveId, of: &Move, side: Side, suspended: bool) {
        let (to, peer) = if side == Side::New { (of.new, of.old) } else { (of.old, of.new) };
        let Some(peer) = self.place_of(peer) else { return };
        let tsis = self.tsis_of(&of.tsis);
        let prepare = Prepare {
            move_id: id,
            version: of.version,
            side,
            kind: of.kind,
            suspended,
            tsis,
            peer,
            limits: self.config.hold,
        };
        self.send(to, 0, Message::Prepare(prepare), Tracked::Nothing);
    }

    fn commit(&mut self, id: MoveId, of: &Move) {
        self.published = self.journal.append(Record::Committed { id });
        let keeps = self.now + self.config.in_flight;
        for key in &of.tsis {
            self.directory.place(key, of.new, of.version);
            if let Some(entry) = self.directory.get_mut(key) {
                entry.interested.insert(of.old, keeps);
            }
        }
        if let Some(of) = self.moves.moves.get_mut(&id) {
            of.committed_at = Some(self.now);
        }
        for key in &of.tsis {
            // Who was pushed one TSI early may have come to know another one since.
            let early = of.early.iter().filter(|(pushed, _)| pushed == key).map(|(_, nve)| *nve);
            let but: Vec<NveId> = early.chain([of.old, of.new]).collect();
            self.push_mappings(core::slice::from_ref(key), &but, Tracked::Update(id));
        }
        self.push_members_of(&of.tsis);
    }

    fn abort(&mut self, id: MoveId, of: &Move) {
        let number = self.journal.append(Record::Aborted { id });
        let version = self.version(number);
        let keeps = self.now + self.config.in_flight;
        for key in &of.tsis {
            self.directory.place(key, of.old, version);
            if let Some(entry) = self.directory.get_mut(key) {
                entry.interested.insert(of.new, keeps);
            }
        }
        if let Some(of) = self.moves.moves.get_mut(&id) {
            of.aborted = Some(version);
        }
    }

    fn close(&mut self, id: MoveId, of: &Move, result: MoveResult) {
        self.journal.append(Record::Closed { id });
        for key in &of.tsis {
            self.directory.leave(key.vn, of.new);
        }
        self.moves.close(id, self.config.ended_moves as usize);
        for nve in [of.old, of.new] {
            if self.is_gone(nve) || self.edges.get(&nve).is_some_and(|edge| edge.fenced) {
                self.moves.note_unheard(nve, id);
            }
        }
        self.tell(Event::Ended { id, result });
        if result == MoveResult::Aborted {
            self.push_members_of(&of.tsis);
            for key in &of.tsis {
                if self.directory.get(key).is_some_and(|entry| entry.withdraw) {
                    self.withdraw(*key);
                }
            }
        }
        self.tell_if_converged(id);
        for key in &of.tsis {
            self.take_claim(key);
        }
    }

    /// Pushes the new mapping before the commit; who has it is not pushed it again.
    fn push_early(&mut self, id: MoveId, of: &Move) {
        let Some(place) = self.place_of(of.new) else { return };
        for key in &of.tsis {
            let Some(mut mapping) = self.lookup(key) else { continue };
            mapping.version = of.version;
            mapping.place = Some(place);
            for nve in self.directory.interested(key, self.now) {
                if nve != of.old && nve != of.new {
                    self.push_mapping(nve, key.vn, mapping.clone(), Tracked::Update(id));
                    if let Some(of) = self.moves.moves.get_mut(&id) {
                        of.early.insert((*key, nve));
                    }
                }
            }
        }
    }

    /// Someone waits for the acknowledgement of a push.
    pub(super) fn await_follower(&mut self, id: MoveId, nve: NveId) {
        if let Some(of) = self.moves.moves.get_mut(&id) {
            of.converging.insert(nve);
        }
    }

    /// Someone interested follows a move, or is gone.
    pub(super) fn follows(&mut self, id: MoveId, nve: NveId) {
        if let Some(of) = self.moves.moves.get_mut(&id)
            && of.converging.remove(&nve)
        {
            self.tell_if_converged(id);
        }
    }

    fn tell_if_converged(&mut self, id: MoveId) {
        let Some(of) = self.moves.get(id) else { return };
        let Some(committed_at) = of.committed_at else { return };
        if of.state != State::Ended(MoveResult::Committed) || !of.converging.is_empty() {
            return;
        }
        let (old, new, planned_at) = (of.old, of.new, of.planned_at);
        if let Some(of) = self.moves.moves.get_mut(&id) {
            of.committed_at = None;
        }
        self.tell(Event::Converged { id, after_us: (self.now - committed_at).0 });
        let report = Report { duration_us: (self.now - planned_at).0, ..Report::default() };
        for nve in [old, new] {
            self.send(nve, 0, Message::Done(Done { move_id: id, report }), Tracked::Nothing);
        }
    }

    /// How a move ended, to one who may know by now (DESIGN §3.4: the old NVE hears of an abort first).
    pub(super) fn send_outcome(&mut self, id: MoveId, to: NveId) {
        let Some(of) = self.moves.get(id) else { return };
        let Some(side) = self.moves.side(id, to) else { return };
        let (result, version, place) = match (of.state, side) {
            (State::Committing { .. } | State::Ended(MoveResult::Committed), _) => {
                (MoveResult::Committed, Some(of.version), of.new)
            }
            (State::AbortingOld, Side::Old) | (State::AbortingNew | State::Ended(MoveResult::Aborted), _) => {
                (MoveResult::Aborted, of.aborted, of.old)
            }
            _ => return,
        };
        let (Some(version), Some(place)) = (version, self.place_of(place)) else { return };
        let tsis = of.tsis.clone();
        let outcome = Outcome { move_id: id, result, version, place, tsis: tsis.clone() };
        self.send(to, 0, Message::Outcome(outcome), Tracked::Outcome(id, side));
        for key in tsis {
            self.go_on_from(to, key, version);
        }
    }

    pub(super) fn reply(
        &mut self,
        to: NveId,
        transaction: u32,
        tsi: TsiKey,
        result: RegistrationResult,
        version: Version,
    ) {
        if result != RegistrationResult::Accepted {
            self.counters.refused_registrations += 1;
        }
        let current = self.directory.get(&tsi).and_then(|entry| self.place_of(entry.nve));
        let current = current.filter(|_| result != RegistrationResult::Accepted);
        let reply = RegistrationReply { tsi, result, version, lifetime: u16::MAX, current };
        self.send(to, transaction, Message::RegistrationReply(reply), Tracked::Nothing);
    }

    /// Does again what a record says was done.
    pub(super) fn redo(&mut self, number: RecordNo, record: Record) {
        let version = self.version(number);
        match record {
            Record::Registered { tsi, nve } => self.directory.register(&tsi, nve, version),
            Record::Withdrawn { tsi } => {
                self.directory.withdraw(&tsi);
            }
            Record::Planned { id, tsis, old, new, kind, deadline } => {
                self.enter_move(number, id, tsis, old, new, kind, deadline);
            }
            Record::Committed { id } => {
                let Some(of) = self.moves.moves.get_mut(&id) else { return };
                of.state = State::Committing { old: false, new: of.kind == MoveKind::Failover };
                let (tsis, new, version) = (of.tsis.clone(), of.new, of.version);
                for key in tsis {
                    self.directory.place(&key, new, version);
                }
                self.moves.set_timer(id, None);
            }
            Record::Aborted { id } => {
                let Some(of) = self.moves.moves.get_mut(&id) else { return };
                of.state = State::AbortingOld;
                of.aborted = Some(version);
                let (tsis, old, deadline) = (of.tsis.clone(), of.old, of.deadline);
                for key in tsis {
                    self.directory.place(&key, old, version);
                }
                self.moves.set_timer(id, Some(self.now + deadline));
            }
            Record::Closed { id } => {
                let Some(of) = self.moves.moves.get_mut(&id) else { return };
                let committed = matches!(of.state, State::Committing { .. });
                of.state = State::Ended(if committed { MoveResult::Committed } else { MoveResult::Aborted });
                let (tsis, new) = (of.tsis.clone(), of.new);
                for key in tsis {
                    self.directory.leave(key.vn, new);
                }
                self.moves.close(id, self.config.ended_moves as usize);
            }
        }
    }
}
