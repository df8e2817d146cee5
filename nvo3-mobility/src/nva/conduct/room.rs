//! The moves in hand: the state and the timer of each.

use super::rules::{self, Input, Outputs, State};
use crate::nva::book::{Book, Outcome, Plan, PlannedMove};
use crate::nva::facts::Facts;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Micros, MoveId, MoveKind, MoveResult, NveId, Side};

/// The meaning of a move's timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nva) enum Due {
    /// The deadline of the move has passed.
    Deadline,
    /// An NVE had a whole deadline to answer. If it is not gone, it gets another one: see [`Conduct::wait_again`].
    Absence(Side),
}

#[derive(Debug)]
struct Running {
    state: State,
    timer: Option<Instant>,
    planned_at: Instant,
    /// True if the move was in the book at the start.
    inherited: bool,
    /// True after the records went back: the move waits for what its parties restate.
    suspect: bool,
}

/// The state and the timer of each move in hand.
#[derive(Debug, Default)]
pub(in crate::nva) struct Conduct {
    running: BTreeMap<MoveId, Running>,
    timers: BTreeSet<(Instant, MoveId)>,
    /// Moves that ended while one of their NVEs was gone. The NVE hears of them before anything newer.
    unheard: BTreeSet<(NveId, MoveId)>,
    /// Moves that took a VM away from an NVE, as long as frames may be in flight to it, by the time of their end. If the NVE restarts, it
    /// hears again where the VM is.
    left: BTreeMap<(NveId, MoveId), Instant>,
}

impl Conduct {
    /// Makes the room from the moves in hand of a book, after a start. Each deadline counts from now.
    pub(in crate::nva) fn resume(now: Instant, book: &Book) -> Self {
        let mut conduct = Self::default();
        for this_move in book.moves() {
            if this_move.is_closed() {
                conduct.left.insert((left_by(this_move), this_move.plan().id), now);
            } else {
                conduct.run(now, this_move, true);
            }
        }
        conduct
    }

    /// Enters a move that was planned.
    pub(in crate::nva) fn enter(&mut self, facts: &Facts, id: MoveId) {
        if let Some(this_move) = facts.book().get_move(id) {
            self.run(facts.now(), this_move, false);
        }
    }

    fn run(&mut self, now: Instant, this_move: &PlannedMove, inherited: bool) {
        let Plan { id, kind, deadline, .. } = *this_move.plan();
        let unplanned = kind == MoveKind::Failover;
        let (state, has_deadline) = match this_move.outcome() {
            None if unplanned => (State::Yielding { by_word: this_move.plan().by_word }, true),
            None => (State::PreparingNew { left: false }, true),
            Some(Outcome::Committed(_)) => (State::Committing { old: false, new: unplanned }, false),
            Some(Outcome::Aborted(_)) => (State::AbortingOld { denied: None }, true),
        };
        self.running.insert(id, Running { state, timer: None, planned_at: now, inherited, suspect: false });
        self.set_timer(id, has_deadline.then_some(now + deadline));
    }

    /// The state of a move; `None` if it is not remembered.
    pub(in crate::nva) fn state(&self, book: &Book, id: MoveId) -> Option<State> {
        match self.running.get(&id) {
            Some(running) => Some(running.state),
            None => book.get_move(id).map(|ended| State::Ended(ended.result())),
        }
    }

    /// The time at which a move in hand was planned, or taken over after a start.
    pub(in crate::nva) fn planned_at(&self, id: MoveId) -> Option<Instant> {
        self.running.get(&id).map(|running| running.planned_at)
    }

    /// Gives one input to one move. Returns the state before, the state after and the outputs; `None` if the input is out of place.
    pub(in crate::nva) fn step(&mut self, facts: &Facts, id: MoveId, input: Input) -> Option<(State, State, Outputs)> {
        let running = self.running.get_mut(&id).filter(|running| !running.suspect)?;
        let before = running.state;
        let (after, outputs) = rules::step(before, input)?;
        running.state = after;
        if before != after {
            match after {
                // From here on the answers of the NVEs decide, or a whole deadline without an answer.
                State::AbortingOld { .. } | State::AbortingNew => {
                    self.set_timer(id, Some(facts.now() + deadline(facts, id)))
                }
                State::Revoking { .. } | State::Committing { .. } | State::Ended(_) => self.set_timer(id, None),
                _ => {}
            }
        }
        Some((before, after, outputs))
    }

    /// Notes that records are lost: each move that the book had at the start may be over, and waits for what its parties restate, unless
    /// they confirmed it before. A decided move goes on: its parties hear the outcome again, and what they know better follows when it has
    /// ended.
    pub(in crate::nva) fn suspect_inherited(&mut self, is_confirmed: impl Fn(MoveId) -> bool) {
        let ids: Vec<MoveId> = self.running.keys().filter(|id| self.may_be_over(**id)).copied().collect();
        for id in ids.into_iter().filter(|id| !is_confirmed(*id)) {
            self.set_timer(id, None);
            if let Some(running) = self.running.get_mut(&id) {
                running.suspect = true;
            }
        }
    }

    /// True if a move becomes suspect once records are lost.
    pub(in crate::nva) fn may_be_over(&self, id: MoveId) -> bool {
        self.running.get(&id).is_some_and(|running| running.inherited && !running.state.is_decided())
    }

    /// True if a move waits for what its parties restate.
    pub(in crate::nva) fn is_suspect(&self, id: MoveId) -> bool {
        self.running.get(&id).is_some_and(|running| running.suspect)
    }

    /// The moves that wait for what their parties restate, in order.
    pub(in crate::nva) fn suspects(&self) -> Vec<MoveId> {
        self.running.iter().filter(|(_, running)| running.suspect).map(|(id, _)| *id).collect()
    }

    /// A move goes on, with a whole deadline.
    pub(in crate::nva) fn trust(&mut self, facts: &Facts, id: MoveId) {
        if let Some(running) = self.running.get_mut(&id) {
            (running.suspect, running.inherited) = (false, false);
        }
        self.wait_again(facts, id);
    }

    /// True if an input changes nothing because the move is decided. The NVA answers it with the outcome.
    pub(in crate::nva) fn is_late(&self, book: &Book, id: MoveId, input: Input) -> bool {
        self.state(book, id).is_some_and(|state| state.is_decided() && rules::step(state, input).is_none())
    }

    /// The next deadline of a move.
    pub(in crate::nva) fn next_timer(&self) -> Option<(Instant, MoveId)> {
        self.timers.first().copied()
    }

    /// Takes the timer of a move that has run out. Gives its meaning.
    pub(in crate::nva) fn time_out(&mut self, id: MoveId) -> Due {
        self.set_timer(id, None);
        match self.running.get(&id).map(|running| running.state) {
            Some(State::AbortingOld { .. }) => Due::Absence(Side::Old),
            Some(State::AbortingNew) => Due::Absence(Side::New),
            _ => Due::Deadline,
        }
    }

    /// The time until the deadline of a move revokes it; `None` where the NVA has revoked it, or it is decided how it ends.
    pub(super) fn time_left(&self, facts: &Facts, id: MoveId) -> Option<Micros> {
        let running = self.running.get(&id).filter(|running| !running.state.is_decided())?;
        running.timer.map(|at| at - facts.now())
    }

    /// Gives an NVE another whole deadline to answer.
    pub(in crate::nva) fn wait_again(&mut self, facts: &Facts, id: MoveId) {
        self.set_timer(id, Some(facts.now() + deadline(facts, id).max(Micros(1))));
    }

    fn set_timer(&mut self, id: MoveId, at: Option<Instant>) {
        let Some(running) = self.running.get_mut(&id) else { return };
        if let Some(before) = core::mem::replace(&mut running.timer, at) {
            self.timers.remove(&(before, id));
        }
        if let Some(at) = at {
            self.timers.insert((at, id));
        }
    }

    /// Closes a move that has ended. The NVEs of `gone` hear of it when they return.
    pub(in crate::nva) fn close(&mut self, facts: &Facts, id: MoveId, gone: impl IntoIterator<Item = NveId>) {
        self.set_timer(id, None);
        self.running.remove(&id);
        self.unheard.extend(gone.into_iter().map(|nve| (nve, id)));
        if let Some(ended) = facts.book().get_move(id) {
            self.left.insert((left_by(ended), id), facts.now());
        }
    }

    /// Forgets a move that the book does not remember any more.
    pub(in crate::nva) fn forget(&mut self, plan: &Plan) {
        for nve in [plan.old, plan.new] {
            self.unheard.remove(&(nve, plan.id));
            self.left.remove(&(nve, plan.id));
        }
    }

    /// The moves that took a VM away from this NVE since a time, in the order of their ends, without [`Conduct::unheard`]. Older ones are
    /// forgotten.
    pub(in crate::nva) fn took_from(&mut self, nve: NveId, since: Instant) -> Vec<MoveId> {
        self.left.retain(|(from, _), ended| *from != nve || *ended >= since);
        let all = self.left.range((nve, MoveId(0))..=(nve, MoveId(u64::MAX)));
        let all = all.filter(|(left, _)| !self.unheard.contains(left));
        let mut moves: Vec<(Instant, MoveId)> = all.map(|((_, id), ended)| (*ended, *id)).collect();
        moves.sort_unstable();
        moves.into_iter().map(|(_, id)| id).collect()
    }

    /// The moves that ended while this NVE was gone, and whose outcome it does not have in force.
    pub(in crate::nva) fn unheard(&self, nve: NveId) -> Vec<MoveId> {
        self.unheard.range((nve, MoveId(0))..=(nve, MoveId(u64::MAX))).map(|(_, id)| *id).collect()
    }

    /// Notes that an NVE has the outcome of a move in force.
    pub(in crate::nva) fn note_heard(&mut self, nve: NveId, id: MoveId) {
        self.unheard.remove(&(nve, id));
    }
}

/// The NVE of a move that has ended where the VM is not.
fn left_by(ended: &PlannedMove) -> NveId {
    match ended.result() {
        MoveResult::Committed => ended.plan().old,
        _ => ended.plan().new,
    }
}

fn deadline(facts: &Facts, id: MoveId) -> Micros {
    facts.book().plan(id).map_or(Micros(0), |plan| plan.deadline)
}
