//! The parts of the authority around its move table: the directory, the journal, registrations, sessions and outcomes.

use super::edge::Stage;
use super::fence::Fence;
use super::net::{At, Msg, Net, Packet};
use super::world::{EDGES, EPOCH, Move, Record, UNPLANNED};
use nvo3_mobility::nva::rules::{Input, Output, State};
use nvo3_nva_proto::{MoveResult, Side};

impl Move {
    pub const fn party(&self, side: Side) -> At {
        match side {
            Side::Old => self.old,
            Side::New => self.new,
        }
    }

    /// The version of the mapping after the commit.
    pub const fn committed(&self) -> u8 {
        if self.renewed > 0 { self.renewed } else { self.version }
    }

    pub fn side(&self, n: At) -> Option<Side> {
        if n == self.new { Some(Side::New) } else { (n == self.old).then_some(Side::Old) }
    }
}

impl Stage<'_> {
    pub fn tell(&mut self, n: At, msg: Msg) {
        if self.world.edge(n).session {
            self.world.net.send(Packet { edge: n, up: false, msg }, self.rules.ordered);
        }
    }

    /// Makes a record. Gives its number.
    pub fn record(&mut self, record: Record) -> u8 {
        self.world.nva.last += 1;
        if self.world.left.stores > 0 {
            self.world.nva.journal.push(record);
        }
        self.world.nva.last
    }

    /// Takes an order of management to move the VM. Returns false if the authority refuses it.
    pub fn plan(&mut self, id: u8, to: At) -> bool {
        let from = self.world.nva.at;
        let sessions = self.world.edge(from).session && self.world.edge(to).session;
        let lacks = self.world.nva.version == 0
            || self.world.nva.memory.as_ref().is_some_and(|memory| !memory.may_plan(from, to));
        if self.world.nva.open.is_some() || from == to || !sessions || lacks {
            return false;
        }
        self.enter(id, from, to, State::PreparingNew { left: false });
        self.carry_out_all([Output::PrepareNew]);
        true
    }

    fn enter(&mut self, id: u8, old: At, new: At, state: State) {
        let claimed = if let State::Yielding { by_word } = state { Some(by_word) } else { None };
        let version = self.record(Record::Planned { id, old, new, failover: claimed });
        let failover = claimed.is_some();
        self.world.nva.open = Some(Move { id, state, old, new, failover, version, renewed: 0, aborted: 0, early: 0 });
    }

    /// Gives one input to the open move. Returns false if the table has no row for it.
    pub fn decide(&mut self, input: Input) -> bool {
        if self.world.nva.memory.as_ref().is_some_and(|memory| memory.is_suspect()) {
            return false;
        }
        let Some(mv) = &mut self.world.nva.open else { return false };
        let before = mv.state;
        let Some((after, outputs)) = self.rules.nva_step(before, input) else { return false };
        mv.state = after;
        self.carry_out_all(outputs);
        if before != after {
            for side in [Side::Old, Side::New] {
                if self.world.nva.open.is_some_and(|mv| self.world.edge(mv.party(side)).gone) {
                    self.decide(Input::Lost(side));
                }
            }
        }
        true
    }

    fn carry_out_all(&mut self, outputs: impl IntoIterator<Item = Output>) {
        for output in outputs {
            let Some(mv) = self.world.nva.open else { return };
            self.order(mv, output);
        }
    }

    fn order(&mut self, mv: Move, output: Output) {
        let Move { id, old, new, version, failover, .. } = mv;
        match output {
            Output::PrepareNew => {
                self.tell(new, Msg::Prepare { id, version, old: false, peer: old, suspended: false, failover });
            }
            Output::PrepareOld(suspended) => self.prepare_old(mv, suspended),
            // By default a hypervisor's word does not take the VM from an edge that answers.
            Output::AskOld(_) => self.prepare_old(mv, false),
            Output::Revoke => self.tell(new, Msg::Revoke { id, version, peer: old }),
            Output::PassSuspended => self.tell(new, Msg::Left { id }),
            Output::EarlyPush => {
                let early = self.push(version, new, |n| n != old && n != new);
                self.note(|mv| mv.early |= early);
            }
            Output::Commit => {
                let number = self.record(Record::Committed);
                let renews = version / EPOCH < number / EPOCH && !self.rules.lacks(Fence::Renewed);
                let version = if renews { number } else { version };
                self.note(|mv| mv.renewed = if version == number { number } else { 0 });
                self.judge_commit(mv);
                (self.world.nva.at, self.world.nva.version) = (new, version);
                self.claims(new);
                let early = if version == mv.version { mv.early } else { 0 };
                self.push(version, new, |n| n != old && n != new && early & (1 << n) == 0);
            }
            Output::Abort => {
                let number = self.record(Record::Aborted);
                let number = if self.rules.lacks(Fence::AbortVersion) { version } else { number };
                (self.world.nva.at, self.world.nva.version) = (old, number);
                self.world.host.overtaken |= self.world.host.astray && self.world.edge(new).gone;
                self.note(|mv| mv.aborted = number);
            }
            Output::PublishAbort => {
                self.push(self.world.nva.version, old, |n| n != old && n != new);
            }
            Output::Outcome(side) => self.send_outcome(id, mv.party(side)),
            Output::Grant => self.tell(new, Msg::Accepted { version: mv.committed() }),
            Output::Deny(_) => self.deny(new, id),
            Output::Alarm => {}
            Output::MaySuspend => {
                if self.world.host.leg == id {
                    self.world.host.may_suspend = true;
                }
            }
            Output::Close(_) => self.end(mv),
        }
    }

    /// Ends the open move: its VM is free.
    pub fn end(&mut self, mv: Move) {
        self.record(Record::Closed);
        self.world.nva.open = None;
        self.world.nva.ended.push(mv);
        for n in [mv.old, mv.new] {
            if self.world.edge(n).gone {
                self.world.nva.unheard.push((n, mv.id));
            }
        }
        self.closed(mv.id);
        self.take_up_claims();
    }

    fn prepare_old(&mut self, mv: Move, suspended: bool) {
        let Move { id, old, new, version, failover, .. } = mv;
        self.tell(old, Msg::Prepare { id, version, old: true, peer: new, suspended, failover });
    }

    /// Refuses a claim. In the session the outcome of the claim's move comes first. Where no order is kept, both arrive at once.
    fn deny(&mut self, n: At, id: u8) {
        if self.rules.ordered {
            return self.tell(n, Msg::Denied);
        }
        if self.world.edge(n).session {
            if let Some(outcome) = self.world.net.outcome(n, id) {
                self.hear(n, outcome.msg);
            }
            self.hear(n, Msg::Denied);
        }
    }

    /// Notes whether a claim is a liar's: then the frames of the VM may be lost until its edge has it again. Notes too whether a planned
    /// move overtakes the search for a VM that is astray.
    fn judge_commit(&mut self, mv: Move) {
        let old_hears = !self.world.edge(mv.old).gone;
        let host = &mut self.world.host;
        host.overtaken |= host.astray && !(mv.failover && old_hears);
        if !mv.failover || !host.runs || host.at == mv.new {
            return;
        }
        let host = &self.world.host;
        let edge = self.world.edge(host.at);
        let knows = edge.session && !edge.gone && !edge.dazed && !edge.untold;
        self.world.host.robbed |= knows;
        self.world.host.astray = true;
    }

    fn note(&mut self, change: impl FnOnce(&mut Move)) {
        if let Some(mv) = &mut self.world.nva.open {
            change(mv);
        }
    }

    /// Pushes a mapping to each edge that `to` selects; all edges are interested. Returns a bit for each edge that it was sent to.
    pub fn push(&mut self, version: u8, place: At, to: impl Fn(At) -> bool) -> u8 {
        let mut sent = 0;
        for n in EDGES.into_iter().filter(|n| to(*n)) {
            self.tell(n, Msg::Update { version, place });
            sent |= 1 << n;
        }
        sent
    }

    pub fn send_outcome(&mut self, id: u8, n: At) {
        let Some(mv) = self.world.nva.find(id).copied() else { return };
        let Some(side) = mv.side(n) else { return };
        let unheard_of = self.rules.lacks(Fence::OldFirst);
        let (result, version, place) = match (mv.state, side) {
            (State::Committing { .. } | State::Ended(MoveResult::Committed), _) => {
                (MoveResult::Committed, mv.committed(), mv.new)
            }
            (State::AbortingOld { .. }, Side::New) if !unheard_of => return,
            (State::AbortingOld { .. } | State::AbortingNew | State::Ended(MoveResult::Aborted), _) => {
                (MoveResult::Aborted, mv.aborted, mv.old)
            }
            _ => return,
        };
        self.tell(n, Msg::Outcome { id, result, version, place });
    }

    /// Takes a message that arrives from an edge.
    pub fn take(&mut self, n: At, msg: Msg) {
        match msg {
            Msg::Ready { id, version } => self.word(n, id, version, Input::Ready),
            Msg::Refused { id, version, why } => self.word(n, id, version, |side| Input::Refused(side, why)),
            Msg::Suspended { id, version } => self.word_of(Side::Old, n, id, version, Input::Suspended),
            Msg::Resumed { id, version } => self.word_of(Side::Old, n, id, version, Input::Resumed),
            Msg::Activated { id, version } => self.word_of(Side::New, n, id, version, Input::Activated),
            Msg::Revoked { id, version } => self.word_of(Side::New, n, id, version, Input::Revoked),
            Msg::OutcomeQuery { id } => self.send_outcome(id, n),
            Msg::OutcomeInForce { id } => {
                let any = self.rules.lacks(Fence::Outcome);
                if let Some(side) = self.world.nva.open.filter(|mv| mv.id == id || any).and_then(|mv| mv.side(n)) {
                    if side == Side::Old && self.world.nva.open.is_some_and(|mv| mv.aborted > 0) {
                        self.claims(n);
                    }
                    self.decide(Input::InForce(side));
                }
            }
            Msg::Register { expected, by_word } => self.register(n, expected, by_word),
            _ => {}
        }
    }

    fn word(&mut self, n: At, id: u8, version: u8, input: impl Fn(Side) -> Input) {
        if let Some(side) = self.world.nva.find(id).and_then(|mv| mv.side(n)) {
            self.word_of(side, n, id, version, input(side));
        }
    }

    /// Takes a word about a move. It counts only from the party that may say it, and with the reserved version.
    fn word_of(&mut self, side: Side, n: At, id: u8, version: u8, input: Input) {
        let mv = self.world.nva.find(id).filter(|mv| mv.version == version && mv.side(n) == Some(side));
        match mv.map(|mv| (mv.state, mv.aborted == mv.version)) {
            // The move was over in records that are lost.
            Some((State::Ended(_), true)) => self.send_outcome(id, n),
            Some((State::Ended(_), false)) | None => {}
            Some(_) => {
                self.decide(input);
            }
        }
    }

    pub fn register(&mut self, n: At, expected: u8, by_word: bool) {
        let shows_loss = self.note_loss(expected);
        self.claim(n, expected, by_word);
        if shows_loss {
            self.settle_moves();
        }
    }

    fn claim(&mut self, n: At, expected: u8, by_word: bool) {
        let (current, owner) = (self.world.nva.version, self.world.nva.at);
        let unsure = self.world.nva.memory.as_ref().is_some_and(|memory| memory.is_unsure());
        let here = current > 0 && owner == n;
        if here && expected <= current {
            self.claims(n);
            self.tell(n, Msg::Accepted { version: current });
        } else if let Some(mv) = self.world.nva.open {
            if !self.rules.lacks(Fence::Claim) {
                self.world.nva.claim = Some((n, expected, by_word));
            }
            if self.rules.lacks(Fence::OnlyActivated) && mv.new == n {
                self.decide(Input::Activated);
            }
        } else if unsure && !by_word {
            self.world.nva.claim = Some((n, expected, by_word));
        } else if current == 0 || here {
            self.enter_at(n);
            self.tell(n, Msg::Accepted { version: self.world.nva.version });
        } else if expected < current && !self.rules.lacks(Fence::Expected) {
            self.tell(n, Msg::Stale { version: current, place: owner });
        } else {
            self.plan_unplanned(n, by_word);
        }
    }

    /// Asks the edge that has the VM whether it is still there.
    pub fn plan_unplanned(&mut self, n: At, by_word: bool) {
        let (owner, id) = (self.world.nva.at, UNPLANNED | (self.world.nva.last + 1));
        self.enter(id, owner, n, State::Yielding { by_word });
        self.carry_out_all([Output::AskOld(by_word)]);
        if self.world.edge(owner).gone {
            self.decide(Input::Lost(Side::Old));
        }
    }

    /// Opens a new session with an edge. Both ends repeat what was not answered.
    pub fn hello(&mut self, n: At) {
        self.cut(n);
        let edge = self.world.edge_mut(n);
        let restarted = edge.fresh;
        (edge.session, edge.gone, edge.fresh) = (true, false, false);
        self.begin_to_restate(n);
        let (missed, kept): (Vec<_>, Vec<_>) = self.world.nva.unheard.iter().partition(|(edge, _)| *edge == n);
        self.world.nva.unheard = kept;
        for (_, id) in missed {
            self.send_outcome(id, n);
        }
        if let Some(left) = self.world.nva.left_by(n).filter(|_| restarted) {
            let comes = self.world.nva.open.is_some_and(|mv| mv.side(n).is_some());
            if !comes || self.rules.lacks(Fence::ComesBack) {
                self.send_outcome(left, n);
            }
        }
        if let Some(side) = self.world.nva.open.and_then(|mv| mv.side(n)) {
            self.decide(Input::Returned(side, restarted));
        }
        // An authority that has all its records learns nothing from what rests at an edge.
        if self.world.nva.memory.is_none() {
            self.step(n, nvo3_mobility::nve::rules::Input::Again);
        }
        self.answer(n);
    }

    /// Sends the directory's mapping to an edge that asked.
    pub fn answer(&mut self, n: At) {
        let (version, place) = (self.world.nva.version, self.world.nva.at);
        if version > 0 {
            self.tell(n, Msg::Update { version, place });
        }
    }

    /// Ends the session of an edge.
    pub fn cut(&mut self, n: At) {
        self.world.edge_mut(n).session = false;
        self.go_on_alone(n);
        self.world.net.cut(n);
        self.note(|mv| {
            if !mv.state.is_decided() {
                mv.early &= !(1 << n);
            }
        });
    }

    /// Lets the authority count an edge as gone.
    pub fn lose(&mut self, n: At) {
        self.world.edge_mut(n).gone = true;
        if let Some(side) = self.world.nva.open.and_then(|mv| mv.side(n)) {
            self.decide(Input::Lost(side));
        }
    }

    /// Fires the timer of the open move: its deadline, or the timer of an outcome that is not acknowledged.
    pub fn timer(&mut self) -> bool {
        let suspect = self.world.nva.memory.as_ref().is_some_and(|memory| memory.is_suspect());
        let Some(mv) = self.world.nva.open.filter(|_| !suspect) else { return false };
        let silent = match mv.state {
            State::AbortingOld { .. } => Side::Old,
            State::AbortingNew => Side::New,
            State::Yielding { by_word: false } => Side::Old,
            State::Revoking { .. } | State::Committing { .. } => return false,
            // An edge answers in time, unless it is in a move that is lost.
            State::Yielding { by_word: true } if self.world.nva.memory.is_none() => return false,
            _ => return self.decide(Input::Deadline),
        };
        // An edge that runs has a session again within a deadline, so one that has none is gone for good.
        let edge = self.world.edge(mv.party(silent));
        let for_good = edge.gone && edge.fresh;
        match mv.state {
            // An edge that has a session answers in time.
            State::Yielding { .. } if !for_good => !edge.session && self.decide(Input::Deadline),
            _ => for_good && self.decide(Input::GoneForGood(silent)),
        }
    }

    /// Restarts the authority, which reads its journal.
    pub fn restart(&mut self) {
        let forgets = self.rules.lacks(Fence::Journal);
        let nva = &mut self.world.nva;
        nva.unheard.clear();
        nva.claim = None;
        nva.open = nva.open.filter(|mv| !forgets || mv.state.is_decided()).map(|mv| {
            let state = match mv.state {
                State::Committing { .. } => State::Committing { old: false, new: mv.failover },
                State::AbortingOld { .. } | State::AbortingNew => State::AbortingOld { denied: None },
                State::Yielding { .. } => mv.state,
                _ => State::PreparingNew { left: false },
            };
            Move { state, early: 0, ..mv }
        });
        self.world.net = Net::default();
        for n in EDGES {
            let edge = self.world.edge_mut(n);
            (edge.session, edge.gone) = (false, false);
            self.go_on_alone(n);
        }
    }
}
