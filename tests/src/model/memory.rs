//! An authority whose records are lost or old, as `nva/machine/memory.rs` of the product has it: what NVEs restate, and what becomes of
//! moves that the records do not have, or have from before. The judgement of a TSI that rests at an NVE is the product's own table.

use super::edge::Stage;
use super::fence::Fence;
use super::net::{At, Msg, Net};
use super::world::{Authority, EDGES, EPOCH, Move, Record, UNPLANNED, generation, short, version};
use nvo3_mobility::nva::resting::{InHand, Judgement, Listed, Said, judge};
use nvo3_mobility::nva::rules::{Input, State};
use nvo3_mobility::nve::rules::{Input as EdgeInput, State as EdgeState};
use nvo3_nva_proto::{MoveResult, PartyState, Refusal, Side};

/// A move as its parties restate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stray {
    id: u8,
    version: u8,
    old: At,
    new: At,
    at_old: Option<PartyState>,
    at_new: Option<PartyState>,
}

/// What an authority knows that came back with a part of its records.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    /// The last record that it has of the first epoch.
    kept: u8,
    /// True if it had no TSI at its start.
    was_empty: bool,
    /// True once an edge has shown that records are lost.
    lost: bool,
    /// True if the open move is one of the records.
    inherited: bool,
    /// True if the open move waits for what its parties restate.
    suspect: bool,
    /// The edges that have restated in their sessions, those that claimed the VM before they came to it, and those that passed it over in a
    /// move; one bit each.
    complete: u8,
    claimed: u8,
    passed: u8,
    /// True if the edge of the directory did not restate the VM.
    omitted: bool,
    /// An edge where the VM rests under a version that is not decided about.
    waiting: Option<(At, u8)>,
    strays: Vec<Stray>,
}

impl Memory {
    /// True if the record of a version is lost.
    pub const fn is_lost(&self, version: u8) -> bool {
        version > self.kept && version < EPOCH
    }

    pub const fn has_restated(&self, n: At) -> bool {
        self.complete & (1 << n) != 0
    }

    pub const fn is_suspect(&self) -> bool {
        self.suspect
    }

    /// True if the authority may lack where the VM rests.
    pub const fn is_unsure(&self) -> bool {
        (self.was_empty || self.lost) && self.complete.count_ones() < EDGES.len() as u32
    }

    /// True if a move from one edge to another may be planned.
    pub fn may_plan(&self, from: At, to: At) -> bool {
        let may_lack = self.was_empty || self.lost;
        self.has_restated(from) && (!may_lack || self.has_restated(to)) && !self.omitted && self.strays.is_empty()
    }

    /// True if edges restate a move that is not taken up yet.
    pub fn has_stray(&self, id: u8) -> bool {
        self.strays.iter().any(|stray| stray.id == id)
    }
}

/// The authority after the first records of a journal, and a restart.
fn replay(journal: &[Record]) -> Authority {
    let mut nva = Authority::new();
    for (record, number) in journal.iter().zip(1..) {
        nva.last = number;
        match *record {
            Record::Registered(at) => (nva.at, nva.version) = (at, number),
            Record::Planned { id, old, new, failover } => {
                let state = match failover {
                    None => State::PreparingNew { left: false },
                    Some(by_word) => State::Yielding { by_word },
                };
                let failover = failover.is_some();
                nva.open =
                    Some(Move { id, state, old, new, failover, version: number, renewed: 0, aborted: 0, early: 0 });
            }
            Record::Committed => {
                if let Some(mv) = &mut nva.open {
                    mv.state = State::Committing { old: false, new: mv.failover };
                    (nva.at, nva.version) = (mv.new, mv.committed());
                }
            }
            Record::Aborted => {
                if let Some(mv) = &mut nva.open {
                    (mv.state, mv.aborted) = (State::AbortingOld { denied: None }, number);
                    (nva.at, nva.version) = (mv.old, number);
                }
            }
            Record::Closed => nva.ended.extend(nva.open.take().map(ended)),
        }
    }
    nva
}

fn ended(mv: Move) -> Move {
    let committed = matches!(mv.state, State::Committing { .. });
    let aborted = if committed || mv.aborted > 0 { mv.aborted } else { mv.version };
    let result = if committed { MoveResult::Committed } else { MoveResult::Aborted };
    Move { state: State::Ended(result), aborted, ..mv }
}

impl Stage<'_> {
    /// The authority dies, and comes back with its first `kept` records.
    pub fn rewind(&mut self, kept: u8) {
        let nva = replay(&self.world.nva.journal[..usize::from(kept)]);
        self.world.nva = Authority { last: EPOCH | nva.last, journal: Vec::new(), ..nva };
        self.world.nva.memory = Some(Memory {
            kept,
            was_empty: self.world.nva.version == 0,
            lost: false,
            inherited: self.world.nva.open.is_some(),
            suspect: false,
            complete: 0,
            claimed: 0,
            passed: 0,
            omitted: false,
            waiting: None,
            strays: Vec::new(),
        });
        self.world.net = Net::default();
        for n in EDGES {
            let edge = self.world.edge_mut(n);
            (edge.session, edge.gone) = (false, false);
            self.go_on_alone(n);
        }
    }

    fn memory(&mut self, change: impl FnOnce(&mut Memory)) {
        if let Some(memory) = &mut self.world.nva.memory {
            change(memory);
        }
    }

    fn remembers(&self) -> Option<&Memory> {
        self.world.nva.memory.as_ref()
    }

    /// True if nobody waits for what an edge restates.
    fn spoke(&self, n: At) -> bool {
        self.world.edge(n).gone || self.remembers().is_some_and(|memory| memory.has_restated(n))
    }

    /// An edge has a new session: what it said before does not count.
    pub fn begin_to_restate(&mut self, n: At) {
        self.memory(|memory| {
            for bits in [&mut memory.complete, &mut memory.claimed, &mut memory.passed] {
                *bits &= !(1 << n);
            }
            for stray in &mut memory.strays {
                if stray.old == n {
                    stray.at_old = None;
                }
                if stray.new == n {
                    stray.at_new = None;
                }
            }
            memory.strays.retain(|stray| stray.at_old.is_some() || stray.at_new.is_some());
        });
    }

    /// The VM is at an edge after all: the edge claims it, or names its move.
    pub fn claims(&mut self, n: At) {
        let here = self.world.nva.at == n;
        self.memory(|memory| {
            memory.omitted &= !here;
            memory.passed &= !(1 << n);
            if !memory.has_restated(n) {
                memory.claimed |= 1 << n;
            }
        });
    }

    /// An edge restates what it has in its new session, and repeats its words of the move in hand.
    pub fn restates(&mut self, n: At) {
        use EdgeState::{
            Activating, Active, Away, Claiming, Confirming, Forwarding, Halted, Here, Holding, Installing, Leaving,
            Prepared, Resuming, Revoked, Suspended, Suspending, Vacated, Vacating,
        };
        let tsi = self.world.edge(n).tsi.get();
        let (side, party) = match tsi.state {
            Away | Forwarding { .. } | Claiming { .. } => {
                self.step(n, EdgeInput::Again);
                return self.restate(n, None);
            }
            Here | Halted { .. } => return self.restate(n, Some(generation(tsi.floor))),
            Leaving(_) | Confirming(_) | Resuming(_) => (Side::Old, PartyState::Runs),
            Suspending(_) | Vacating(_) | Suspended(_) | Vacated(_) => (Side::Old, PartyState::Stopped),
            Installing(_) | Prepared(_) | Holding(_) => (Side::New, PartyState::Stopped),
            Activating(_) | Active(_) => (Side::New, PartyState::Runs),
            Revoked(_) => (Side::New, PartyState::Revoked),
        };
        if let Some(plan) = tsi.state.plan() {
            let peer = super::world::at(plan.peer);
            self.restate_move(n, short(plan.id), generation(plan.version), side, party, peer);
        }
        self.step(n, EdgeInput::Again);
        self.restate(n, None);
    }

    /// Takes an edge's word about a version: records of before may be lost. True if nothing showed that before.
    pub fn note_loss(&mut self, seen: u8) -> bool {
        if !self.remembers().is_some_and(|memory| memory.is_lost(seen) && !memory.lost) {
            return false;
        }
        let undecided = self.world.nva.open.filter(|mv| !mv.state.is_decided());
        self.memory(|memory| {
            memory.lost = true;
            let confirmed = |id| {
                let both = |stray: &Stray| stray.at_old.is_some() && stray.at_new.is_some();
                memory.strays.iter().any(|stray| stray.id == id && both(stray))
            };
            memory.suspect = memory.inherited && undecided.is_some_and(|mv| !confirmed(mv.id));
        });
        true
    }

    fn restate_move(&mut self, n: At, id: u8, version: u8, side: Side, party: PartyState, peer: At) {
        let nva = &self.world.nva;
        let known = nva.find(id).copied();
        if known.is_none() {
            self.note_loss(version);
        }
        if known.is_some() || side == Side::Old || party == PartyState::Runs {
            self.claims(n);
        }
        if let Some(mv) = known {
            if matches!(mv.state, State::Ended(_)) {
                return self.send_outcome(id, n);
            }
            let may_be_over = self.may_be_over();
            if !may_be_over || (mv.side(n), mv.version) != (Some(side), version) {
                return;
            }
        }
        let (old, new) = if side == Side::Old { (n, peer) } else { (peer, n) };
        self.memory(|memory| {
            if !memory.has_stray(id) {
                memory.strays.push(Stray { id, version, old, new, at_old: None, at_new: None });
                memory.strays.sort_unstable_by_key(|stray| stray.id);
            }
            let same = |stray: &&mut Stray| (stray.id, stray.old, stray.new, stray.version) == (id, old, new, version);
            if let Some(stray) = memory.strays.iter_mut().find(same) {
                match side {
                    Side::Old => stray.at_old = Some(party),
                    Side::New => stray.at_new = Some(party),
                }
            }
        });
    }

    /// True if the open move is one of the records, and not decided.
    fn may_be_over(&self) -> bool {
        self.remembers().is_some_and(|memory| memory.inherited)
            && self.world.nva.open.is_some_and(|mv| !mv.state.is_decided())
    }

    /// Takes what rests at an edge: the VM under a version, or nothing.
    fn restate(&mut self, n: At, rests: Option<u8>) {
        let nva = &self.world.nva;
        let listed = nva.version > 0 && nva.at == n;
        let claimed = self.remembers().is_some_and(|memory| memory.claimed & (1 << n) != 0);
        if listed && rests.is_none() && !claimed {
            let moving = nva.open.is_some();
            self.memory(|memory| match moving {
                true => memory.passed |= 1 << n,
                false => memory.omitted = true,
            });
            if !moving {
                self.take_up_newer();
            }
        }
        if let Some(seen) = rests {
            self.note_loss(seen);
            if let Some(mv) = self.world.nva.open {
                self.rests_in_move(mv, n, seen);
            }
            self.rests(n, seen);
        }
        self.memory(|memory| memory.complete |= 1 << n);
        self.settle_all();
    }

    /// True if no version that the open move can have given to an edge is so new.
    fn is_beyond(&self, mv: &Move, n: At, seen: u8) -> bool {
        let committed = matches!(mv.state, State::Committing { .. });
        let (decided, at) = match (committed, mv.aborted) {
            (true, _) => (mv.committed(), mv.new),
            (false, 0) => (mv.version, mv.old),
            (false, aborted) => (aborted, mv.old),
        };
        let has_come = !mv.state.is_decided() && n == mv.new && seen >= mv.version;
        let lost = self.remembers().is_some_and(|memory| memory.is_lost(seen));
        has_come || seen > decided.max(self.world.nva.version) || n != at && lost
    }

    fn rests_in_move(&mut self, mv: Move, n: At, seen: u8) {
        let suspect = self.remembers().is_some_and(Memory::is_suspect);
        let beyond = self.is_beyond(&mv, n, seen);
        let unplanned = mv.id & UNPLANNED != 0;
        match mv.side(n) {
            Some(Side::New) if seen >= mv.version && unplanned => {}
            Some(Side::New) if seen >= mv.version && suspect => {
                self.restate_move(n, mv.id, mv.version, Side::New, PartyState::Runs, mv.old);
            }
            Some(Side::New) if seen >= mv.version => {
                self.decide(Input::Activated);
            }
            Some(Side::Old) if beyond && !suspect => {
                self.decide(Input::Fenced);
            }
            Some(Side::Old) if !beyond && self.may_be_over() => {
                self.restate_move(n, mv.id, mv.version, Side::Old, PartyState::Runs, mv.new);
            }
            _ => {}
        }
    }

    /// Judges the VM that rests at an edge.
    fn rests(&mut self, n: At, seen: u8) {
        let (mut brought, unheeded) = (false, self.rules.lacks(Fence::Arrival));
        self.memory(|memory| {
            if !unheeded
                && let Some(stray) = memory.strays.iter_mut().find(|stray| stray.new == n && seen >= stray.version)
            {
                stray.at_new = Some(PartyState::Runs);
                brought = true;
            }
        });
        if brought {
            return self.waits(n, seen);
        }
        let nva = &self.world.nva;
        let Some(memory) = self.remembers() else { return };
        let (at, current) = (nva.at, nva.version);
        let in_hand = nva.open.map(|mv| InHand { beyond: self.is_beyond(&mv, n, seen), differs: false });
        let listed = match (current, at == n) {
            (0, _) => Listed::Nowhere(None),
            (_, true) => {
                Listed::Here { version: version(current), same: true, restamps: memory.lost && current < EPOCH }
            }
            (_, false) => {
                Listed::There { version: version(current), holds: !memory.omitted, spoke: memory.has_restated(at) }
            }
        };
        match judge(in_hand, listed, Said { version: version(seen), lost: memory.is_lost(seen) }) {
            Judgement::Known | Judgement::AfterMove => {}
            Judgement::Enter | Judgement::Restamp => {
                self.enter_at(n);
                self.tell(n, Msg::Accepted { version: self.world.nva.version });
            }
            Judgement::Confirm(version) => self.tell(n, Msg::Accepted { version: generation(version) }),
            Judgement::Newer => self.answer(n),
            Judgement::Wait => self.waits(n, seen),
            Judgement::Probe => self.plan_unplanned(n, false),
        }
    }

    fn waits(&mut self, n: At, seen: u8) {
        self.memory(|memory| {
            if memory.waiting.is_none_or(|(_, other)| other < seen) {
                memory.waiting = Some((n, seen));
            }
        });
    }

    /// Records that the VM is at an edge.
    pub fn enter_at(&mut self, n: At) {
        let number = self.record(Record::Registered(n));
        (self.world.nva.at, self.world.nva.version) = (n, number);
        self.claims(n);
        self.push(number, n, |other| other != n);
    }

    fn take_up_newer(&mut self) {
        let mut waiting = None;
        self.memory(|memory| waiting = memory.waiting.take());
        if let Some((n, seen)) = waiting.filter(|(n, _)| !self.world.edge(*n).gone) {
            self.rests(n, seen);
        }
    }

    /// An edge has said everything, or is not waited for any more.
    pub fn settle_all(&mut self) {
        if self.remembers().is_none() {
            return;
        }
        self.take_up_newer();
        self.settle_moves();
        self.take_up_claims();
    }

    /// The claim that waited, once the move in hand has ended and the edges have restated.
    pub fn take_up_claims(&mut self) {
        let unsure = self.remembers().is_some_and(Memory::is_unsure);
        if self.world.nva.open.is_none()
            && !unsure
            && let Some((n, expected, by_word)) = self.world.nva.claim.take()
            && !self.world.edge(n).gone
        {
            self.register(n, expected, by_word);
        }
    }

    /// A move has ended: what its edges restated meanwhile counts now.
    pub fn closed(&mut self, id: u8) {
        let at = self.world.nva.at;
        self.memory(|memory| {
            memory.strays.retain(|stray| stray.id != id);
            (memory.inherited, memory.suspect) = (false, false);
            memory.omitted |= memory.passed & (1 << at) != 0;
            memory.passed &= !(1 << at);
        });
        self.take_up_newer();
        self.settle_moves();
    }

    pub fn settle_moves(&mut self) {
        let Some(memory) = self.remembers() else { return };
        let suspect = self.world.nva.open.map(|mv| mv.id).filter(|_| memory.suspect);
        let strays = memory.strays.iter().map(|stray| stray.id).filter(|id| Some(*id) != suspect);
        for id in suspect.into_iter().chain(strays.collect::<Vec<_>>()) {
            self.settle(id);
        }
    }

    fn settle(&mut self, id: u8) {
        let Some(memory) = self.remembers() else { return };
        let stray = memory.strays.iter().find(|stray| stray.id == id).copied();
        let open = self.world.nva.open.filter(|mv| mv.id == id);
        let (suspect, unsure) = (memory.suspect && open.is_some(), memory.is_unsure());
        let Some((old, new)) = open.map(|mv| (mv.old, mv.new)).or(stray.map(|stray| (stray.old, stray.new))) else {
            return;
        };
        let runs = stray.is_some_and(|stray| stray.at_new == Some(PartyState::Runs));
        if !self.spoke(old) || !self.spoke(new) || !runs && unsure {
            return;
        }
        let is_known = self.world.nva.ended.iter().any(|mv| mv.id == id);
        if suspect {
            self.memory(|memory| memory.strays.retain(|stray| stray.id != id));
            self.settle_suspect(stray, runs);
        } else if self.world.nva.open.is_none()
            && !is_known
            && let Some(stray) = stray
        {
            self.memory(|memory| memory.strays.retain(|stray| stray.id != id));
            self.settle_stray(stray);
        }
    }

    fn settle_suspect(&mut self, stray: Option<Stray>, runs: bool) {
        let mut waits = false;
        self.memory(|memory| {
            (memory.suspect, memory.inherited) = (false, false);
            waits = memory.waiting.is_some();
        });
        let Some(mv) = self.world.nva.open else { return };
        let yields = matches!(mv.state, State::Yielding { .. });
        if runs && !yields {
            self.decide(Input::Activated);
        } else if stray.is_none() || waits {
            self.end(ended(mv));
            let Some(stray) = stray else { return };
            for (said, n) in [(stray.at_old, stray.old), (stray.at_new, stray.new)] {
                if said.is_some() {
                    self.send_outcome(mv.id, n);
                }
            }
        } else if yields {
            self.decide(Input::Refused(Side::Old, Refusal::Stale));
        } else if !self.decide(Input::Deadline) {
            self.decide(Input::Returned(Side::New, false));
        }
    }

    fn settle_stray(&mut self, stray: Stray) {
        let nva = &self.world.nva;
        let Some(memory) = self.remembers() else { return };
        let Stray { id, version, old, new, .. } = stray;
        let runs = stray.at_new == Some(PartyState::Runs);
        let named = stray.at_old.is_some() && stray.at_new.is_some();
        let is_old = nva.version < version || memory.is_lost(version);
        let elsewhere = nva.at != if runs { new } else { old };
        if nva.version == 0 || elsewhere && (runs && nva.at == old || (named || memory.omitted) && is_old) {
            self.enter_at(if runs { new } else { old });
        }
        if self.world.nva.at != old {
            return self.end_stray(stray);
        }
        let failover = id & UNPLANNED != 0;
        let state = if failover { State::Yielding { by_word: false } } else { State::PreparingNew { left: false } };
        self.record(Record::Planned { id, old, new, failover: failover.then_some(false) });
        self.world.nva.open = Some(Move { id, state, old, new, failover, version, renewed: 0, aborted: 0, early: 0 });
        if !failover && stray.at_old == Some(PartyState::Stopped) {
            self.decide(Input::Suspended);
        }
        self.decide(Input::Deadline);
    }

    /// The VM of a move is elsewhere by now: the move ends at its parties, with the mapping of now.
    fn end_stray(&mut self, stray: Stray) {
        let at = self.world.nva.at;
        if self.world.nva.version < stray.version {
            self.enter_at(at);
        }
        let version = self.world.nva.version;
        let went_on = at != stray.old && stray.at_old.is_some();
        let result = if at == stray.new || went_on { MoveResult::Committed } else { MoveResult::Aborted };
        for n in [stray.old, stray.new] {
            if at != stray.old && at != stray.new {
                self.tell(n, Msg::Update { version, place: at });
            }
            self.tell(n, Msg::Outcome { id: stray.id, result, version, place: at });
        }
    }
}
