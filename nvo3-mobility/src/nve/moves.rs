//! Stepping the move core, carrying out what it says, and letting a move's TSIs speak as one.

use super::changes::Key;
use super::io::{Error, Event};
use super::machine::{Known, Nve};
use super::rules::{self, Core, Duration, News, Output, Word};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use nvo3_nva_proto::{
    Deregister, Done, HoldLimits, Instant, Message, MoveId, MoveKind, MoveWord, Place, Ready, Refusal,
    RegistrationRequest, Report, Tsi, TsiKey, Version,
};

/// What is known of one move besides its TSIs' states.
#[derive(Clone, Debug)]
pub(super) struct Move {
    pub(super) version: Version,
    pub(super) peer: Place,
    pub(super) tsis: Vec<TsiKey>,
    /// Which TSIs have said a word that the others have not said yet.
    said: BTreeMap<Word, BTreeSet<TsiKey>>,
}

/// The moves in hand, bounded.
#[derive(Debug)]
pub(super) struct Moves {
    limit: usize,
    moves: BTreeMap<MoveId, Move>,
}

impl Moves {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, moves: BTreeMap::new() }
    }

    pub(super) fn get(&self, id: MoveId) -> Option<&Move> {
        self.moves.get(&id)
    }

    pub(super) fn forget(&mut self, id: MoveId) {
        self.moves.remove(&id);
    }

    pub(super) fn len(&self) -> usize {
        self.moves.len()
    }

    /// Enters a move or what a new Prepare says of it; false where there is no room.
    pub(super) fn enter(&mut self, id: MoveId, version: Version, peer: Place, tsis: Vec<TsiKey>) -> bool {
        if self.moves.len() >= self.limit && !self.moves.contains_key(&id) {
            return false;
        }
        self.moves.insert(id, Move { version, peer, tsis, said: BTreeMap::new() });
        true
    }

    /// Whether all TSIs of the move have now said the word.
    fn says(&mut self, id: MoveId, word: Word, key: TsiKey) -> bool {
        let Some(of) = self.moves.get_mut(&id) else { return true };
        let said = of.said.entry(word).or_default();
        said.insert(key);
        let all = of.tsis.iter().all(|tsi| said.contains(tsi));
        if all {
            of.said.remove(&word);
        }
        all
    }
}

impl Nve {
    /// One input for one TSI; false where it is out of place.
    pub(super) fn step(&mut self, key: TsiKey, input: rules::Input) -> bool {
        let before = self.state(&key);
        let Some((after, outputs)) = rules::step(before, input) else {
            self.counters.out_of_place += 1;
            return false;
        };
        if after != before {
            self.enter(key, before, after);
        }
        for output in outputs {
            self.carry_out(key, output);
        }
        if after.state.awaits_forwarder() && !self.changes.is_pending(Key::Tsi(key)) {
            self.step(key, rules::Input::Applied);
        }
        true
    }

    /// As [`Nve::step`], for an input that says nothing new in some states.
    pub(super) fn step_if_it_fits(&mut self, key: TsiKey, input: rules::Input) {
        if rules::step(self.state(&key), input).is_some() {
            self.step(key, input);
        }
    }

    fn enter(&mut self, key: TsiKey, before: Core, after: Core) {
        let known = self.known(key);
        let entry_before = known.entry();
        known.core = after;
        if rules::entry(after.state).is_none_or(|entry| entry.delivers()) {
            known.stopped_at = None;
        }
        if before.state != after.state {
            // What this edge may have missed of a move it may still miss in that move's next state.
            let in_hand = |core: Core| core.state.plan().map(|plan| plan.id);
            known.alone &= in_hand(before).is_some() && in_hand(before) == in_hand(after);
            known.brought_by = match (before.state, after.state) {
                (rules::State::Activating(plan) | rules::State::Active(plan), rules::State::Here) => Some(plan.id),
                _ => None,
            };
            known.taken_by = match (before.state, after.state) {
                (
                    rules::State::Leaving(plan)
                    | rules::State::Suspending(plan)
                    | rules::State::Vacating(plan)
                    | rules::State::Suspended(plan),
                    rules::State::Forwarding { .. },
                ) if after.floor == plan.version => Some(plan.id),
                (rules::State::Forwarding { .. }, rules::State::Forwarding { .. }) => known.taken_by,
                _ => None,
            };
        }
        if known.entry() != entry_before {
            self.changes.mark(Key::Tsi(key));
        }
        if before.state != after.state {
            if !matches!(after.state, rules::State::Forwarding { .. }) {
                self.stop_forward_timer(&key);
            }
            self.tell(Event::State { key, from: before.state, to: after.state });
        }
    }

    fn carry_out(&mut self, key: TsiKey, output: Output) {
        match output {
            Output::Say(id, version, word) => {
                let all_say = match word {
                    Word::OutcomeQuery => self.asks_for_all(id, &key),
                    _ => self.moves.says(id, word, key),
                };
                if all_say {
                    self.say(id, version, word);
                }
            }
            Output::Refuse(id, version, why) => self.refuse_move(id, version, why),
            Output::Register => self.register(key),
            Output::Deregister => {
                let version = self.state(&key).floor;
                self.leaving.insert(key, version);
                let transaction = self.next_transaction();
                self.send(transaction, &Message::Deregister(Deregister { tsi: key, version }));
            }
            Output::ForwardFor(which) => self.start_forward_timer(key, which),
            Output::Tell(news) => {
                let move_id = self.state(&key).state.plan().map(|plan| plan.id);
                self.tell(Event::News { key, move_id, news });
                if news == News::Running {
                    self.neighbors_settled(key);
                }
            }
        }
    }

    /// One TSI asks how a move ended for all that are still in it: others may have left it, refused by the forwarder.
    fn asks_for_all(&self, id: MoveId, key: &TsiKey) -> bool {
        let in_it = |tsi: &&TsiKey| self.state(tsi).state.plan().is_some_and(|plan| plan.id == id);
        self.moves.get(id).is_none_or(|of| of.tsis.iter().find(in_it) == Some(key))
    }

    fn say(&mut self, move_id: MoveId, version: Version, word: Word) {
        let of = MoveWord { move_id, version };
        let message = match word {
            Word::Ready => Message::Ready(Ready { move_id, version, refused: None }),
            Word::Suspended => Message::Suspended(of),
            Word::Activated => Message::Activated(of),
            Word::Resumed => Message::Resumed(of),
            Word::Revoked => Message::Revoked(of),
            Word::OutcomeQuery => Message::OutcomeQuery(move_id),
        };
        self.send(0, &message);
    }

    pub(super) fn refuse_move(&mut self, move_id: MoveId, version: Version, why: Refusal) {
        self.send(0, &Message::Ready(Ready { move_id, version, refused: Some(why) }));
    }

    fn register(&mut self, key: TsiKey) {
        let Some(known) = self.tsis.get(&key) else { return };
        let tsi = Tsi { key, ips: known.ips.clone() };
        let old = self.cache.get(&key).and_then(|cached| cached.place).map(|place| place.nve);
        let kind =
            if old.is_some_and(|nve| nve != self.config.place.nve) { MoveKind::Failover } else { MoveKind::Cold };
        // A request that comes late, after the mapping has changed, is refused: what it says may not be so any more.
        let known_version = self.cache.get(&key).map(|cached| cached.version).unwrap_or_default();
        let expected = Some(known_version.max(known.core.floor));
        let request = RegistrationRequest { tsi, kind, old, expected, lifetime: u16::MAX };
        let transaction = self.next_transaction();
        self.send(transaction, &Message::RegistrationRequest(request));
    }

    /// Sends within the session. Without one nothing is lost: a new session has everything unanswered said again.
    pub(super) fn send(&mut self, transaction: u32, message: &Message) {
        let Some(session) = self.session.as_mut().filter(|session| session.is_up()) else { return };
        if session.send(transaction, message).is_err() {
            self.counters.shed_messages += 1;
            self.say_again = true;
        }
    }

    pub(super) fn known(&mut self, key: TsiKey) -> &mut Known {
        let limits = self.config.hold;
        self.tsis.entry(key).or_insert_with(|| Known {
            core: Core::default(),
            ips: Vec::new(),
            vap: None,
            limits,
            forward_ends: None,
            brought_by: None,
            taken_by: None,
            stopped_at: None,
            alone: false,
        })
    }

    /// Room for `new` TSIs, by forgetting the floors of some that are gone.
    pub(super) fn make_room(&mut self, new: usize) -> bool {
        let limit = self.config.tsis as usize;
        while self.tsis.len() + new > limit {
            let gone = self.tsis.iter().find(|(_, k)| k.vap.is_none() && k.core.state == rules::State::Away);
            let Some(key) = gone.map(|(key, _)| *key) else { return false };
            self.tsis.remove(&key);
        }
        true
    }

    pub(super) fn prepare_limits(&mut self, tsi: &Tsi, limits: HoldLimits) {
        let known = self.known(tsi.key);
        known.limits = limits;
        if known.vap.is_none() {
            known.ips.clone_from(&tsi.ips);
        }
    }

    fn start_forward_timer(&mut self, key: TsiKey, which: Duration) {
        let ends = self.now + self.in_flight(which);
        let before = self.tsis.get(&key).and_then(|known| known.forward_ends);
        let ends = match (which, before) {
            (Duration::Linger, Some(before)) => before.min(ends),
            _ => ends,
        };
        self.stop_forward_timer(&key);
        self.known(key).forward_ends = Some(ends);
        self.forward_timers.insert((ends, key));
    }

    pub(super) fn stop_forward_timer(&mut self, key: &TsiKey) {
        if let Some(ends) = self.tsis.get_mut(key).and_then(|known| known.forward_ends.take()) {
            self.forward_timers.remove(&(ends, *key));
        }
    }

    pub(super) fn activate(&mut self, key: TsiKey, move_id: Option<MoveId>) -> Result<(), Error> {
        let known = self.tsis.get(&key).ok_or(Error::UnknownTsi(key))?;
        if known.vap.is_none() {
            return Err(Error::NoPort(key));
        }
        let state = known.core.state;
        // Said again, or after the VM's own frames had said it and the move has been committed.
        if move_id.is_some() && known.brought_by == move_id {
            return Ok(());
        }
        if let Some(move_id) = move_id {
            let prepared = state.may_run_for(move_id);
            if !prepared {
                return Err(Error::NotPrepared { key, move_id, state: state.name() });
            }
        }
        self.for_all_of_move(key, rules::Input::Runs)
    }

    pub(super) fn suspend(&mut self, key: TsiKey, move_id: MoveId, stopped_at: Option<Instant>) -> Result<(), Error> {
        let known = self.tsis.get(&key).ok_or(Error::UnknownTsi(key))?;
        let stopped_at = stopped_at.map(|at| at.min(self.now));
        if known.taken_by == Some(move_id) {
            self.suspended_before(move_id, stopped_at);
            return Ok(());
        }
        self.for_all_of_move(key, rules::Input::Suspend(move_id))?;
        let of_move = self.moves.get(move_id).map(|of| of.tsis.as_slice()).unwrap_or_default();
        for tsi in of_move.iter().chain([&key]) {
            // In a later state the tunnel is in force, and what it was to replay has been ordered.
            if let Some(known) = self.tsis.get_mut(tsi)
                && matches!(known.core.state, rules::State::Suspending(_))
            {
                known.stopped_at = stopped_at.or(known.stopped_at);
            }
        }
        Ok(())
    }

    /// The word comes when the move that took the VM away is over: what that one did not read here is sent after it.
    fn suspended_before(&mut self, move_id: MoveId, stopped_at: Option<Instant>) {
        let of_move = self.tsis.iter().filter(|(_, known)| known.taken_by == Some(move_id));
        let keys: Vec<TsiKey> = of_move.map(|(key, _)| *key).collect();
        for key in keys {
            let known = self.known(key);
            if known.stopped_at.is_none() && stopped_at.is_some() {
                known.stopped_at = stopped_at;
                self.changes.mark(Key::Tsi(key));
            }
            self.tell(Event::News { key, move_id: Some(move_id), news: News::Suspended });
        }
    }

    /// Any TSI's word stands for all that move with it.
    pub(super) fn for_all_of_move(&mut self, key: TsiKey, input: rules::Input) -> Result<(), Error> {
        let state = self.state(&key).state;
        let of_move = state.plan().and_then(|plan| self.moves.get(plan.id)).map(|of| of.tsis.clone());
        if !self.step(key, input) {
            return Err(Error::OutOfPlace { key, state: state.name() });
        }
        for other in of_move.unwrap_or_default().into_iter().filter(|other| *other != key) {
            self.step(other, input);
        }
        Ok(())
    }

    pub(super) fn report(&mut self, move_id: MoveId, report: Report) {
        self.send(0, &Message::Done(Done { move_id, report }));
    }

    /// A new session, or room in it again: everything unanswered is said again.
    pub(super) fn say_everything_again(&mut self) {
        self.say_again = false;
        let keys: Vec<TsiKey> = self.tsis.keys().copied().collect();
        for key in keys {
            self.step_if_it_fits(key, rules::Input::Again);
        }
        let leaving: Vec<_> = self.leaving.iter().map(|(tsi, version)| (*tsi, *version)).collect();
        for (tsi, version) in leaving {
            let transaction = self.next_transaction();
            self.send(transaction, &Message::Deregister(Deregister { tsi, version }));
        }
        let asked: Vec<_> = self.queries.iter().collect();
        for (vn, address, transaction) in asked {
            self.send_query(vn, address, transaction);
        }
    }
}
