//! What must always hold (DESIGN §3.5), looked at from outside the machines.

use super::frame::Numbered;
use super::hypervisor::Seat;
use super::ledger::{EdgeNo, Fate};
use super::timeline::Line;
use super::world::{Node, World};
use crate::nve::rules::State;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use nvo3_nva_proto::{Instant, Message, Micros, MoveId, MoveResult, RegistrationResult, TsiKey, Version};
use serde::Serialize;

/// Beyond its deadline, what a move may take for the *Revoke* exchange over links that lose messages.
const REVOKE: Micros = Micros(3_000_000);
/// How long the caches may take to agree after the last move and the last return.
pub(super) const AGREE: Micros = Micros(8_000_000);
/// More recorded violations of one run help nobody.
const MOST: usize = 20;
/// How often a datagram may come to one edge by tunnel: to the old one, back after an abort, and once more in a next move ...
const MOST_VISITS: usize = 3;

/// The invariants of DESIGN §3.5 that a run checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Invariant {
    /// At most one edge delivers, and only where the VM runs.
    I1,
    /// No datagram is lost, delivered twice, or overtaken where order is promised.
    I2,
    /// No frame loops.
    I3,
    /// Caches, directory and truth agree in the end.
    I4,
    /// Acknowledged registrations and outcomes survive the authority's death.
    I6,
    /// Memory stays within its bounds.
    I7,
    /// Every move ends and leaves nothing behind.
    I8,
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When it was seen.
    pub at: Instant,
    /// Which rule it breaks.
    pub invariant: Invariant,
    /// What is wrong.
    pub what: String,
    /// What happened last before, where the timeline is recorded.
    pub trace: Vec<Line>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}: {}", self.at, self.invariant, self.what)
    }
}

/// What the checks remember of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks {
    pub(super) violations: Vec<Violation>,
    /// Violations beyond those recorded.
    pub(super) more: u64,
    found: Vec<(Instant, Invariant, String)>,
    /// The newest version that the authority acknowledged to a registrant.
    acknowledged: BTreeMap<TsiKey, Version>,
    outcomes: BTreeMap<MoveId, MoveResult>,
    delivering: Vec<usize>,
    /// How many moves the world has.
    moves: usize,
}

impl Checks {
    /// Of a world with so many moves.
    pub(super) fn new(moves: usize) -> Self {
        Self { moves, ..Self::default() }
    }

    fn find(&mut self, at: Instant, invariant: Invariant, what: String) {
        self.found.push((at, invariant, what));
    }

    /// What the simulator itself must not do.
    pub(super) fn broken(&mut self, at: Instant, what: String) {
        self.find(at, Invariant::I2, what);
    }

    /// A datagram came to an edge by tunnel for the `times`th time, in a world of so many moves (I3).
    pub(super) fn visited(&mut self, at: Instant, edge: &str, id: Numbered, times: u8) {
        // ... and in each of more.
        if usize::from(times) > MOST_VISITS.max(2 * self.moves) {
            self.find(at, Invariant::I3, format!("datagram {}/{} came to {edge} {times} times", id.flow, id.number));
        }
    }

    /// A route returned a frame to where it came from (I3).
    pub(super) fn returned(&mut self, at: Instant, edge: &str, key: TsiKey) {
        self.find(at, Invariant::I3, format!("{edge} returned a frame for {key} by a cached mapping"));
    }

    /// The authority says something to an edge (I6).
    pub(super) fn authority_said(&mut self, at: Instant, message: &Message) {
        match message {
            Message::RegistrationReply(reply) if reply.result == RegistrationResult::Accepted => {
                let known = self.acknowledged.entry(reply.tsi).or_default();
                *known = (*known).max(reply.version);
            }
            Message::Outcome(outcome) if outcome.result != MoveResult::Unknown => {
                let known = *self.outcomes.entry(outcome.move_id).or_insert(outcome.result);
                if known != outcome.result {
                    let what = format!("{} was {known:?} and is {:?} now", outcome.move_id, outcome.result);
                    self.find(at, Invariant::I6, what);
                }
            }
            Message::Outcome(outcome) => {
                if let Some(known) = self.outcomes.get(&outcome.move_id) {
                    let what = format!("{} was {known:?} and is forgotten", outcome.move_id);
                    self.find(at, Invariant::I6, what);
                }
            }
            _ => {}
        }
    }
}

impl World {
    fn violation(&mut self, invariant: Invariant, what: String) {
        let at = self.now();
        self.checks.find(at, invariant, what);
    }

    /// The world did not get ready: the machines do not work at all.
    pub(super) fn not_set_up(&mut self) {
        let mut wrong = self.disagreements();
        if !self.resolved() {
            wrong.push("a host could not resolve its peers".into());
        }
        self.violation(Invariant::I4, format!("the world was never ready: {}", wrong.join("; ")));
    }

    pub(super) fn violation_i2(&mut self, id: Numbered, what: &str) {
        self.violation(Invariant::I2, format!("datagram {}/{} {what}", id.flow, id.number));
    }

    /// After every event: I1, and whatever else was found gets its trace.
    pub(super) fn check_delivery(&mut self) {
        for vm in 0..self.vms.len() {
            let Some(machine) = self.vms.get(vm) else { continue };
            let (hosts, seat) = (machine.hosts.clone(), machine.seat);
            let stopped_at = machine.unread.as_ref().map(|unread| unread.at);
            for host in hosts {
                self.check_deliverers(host, seat, stopped_at);
            }
        }
        for (at, invariant, what) in core::mem::take(&mut self.checks.found) {
            if self.checks.violations.len() < MOST {
                self.did("check", || format!("VIOLATION {invariant:?}: {what}"));
                let trace = self.timeline.tail();
                self.checks.violations.push(Violation { at, invariant, what, trace });
            } else {
                self.checks.more += 1;
            }
        }
    }

    /// `stopped_at` does not know yet that the VM stopped there: nobody reads what it delivers.
    fn check_deliverers(&mut self, host: usize, seat: Seat, stopped_at: Option<EdgeNo>) {
        let key = self.key_of(host);
        let mut delivering = core::mem::take(&mut self.checks.delivering);
        delivering.clear();
        let all = self.edges.iter().filter(|edge| edge.delivers(&key)).map(|edge| edge.no);
        delivering.extend(all.filter(|no| Some(*no) != stopped_at));
        if delivering.len() > 1 {
            let names: Vec<_> = delivering.iter().map(|n| self.name(Node::Edge(*n))).collect();
            self.violation(Invariant::I1, format!("{names:?} all deliver"));
        }
        if let Seat::Runs(at) = seat
            && let Some(other) = delivering.iter().find(|n| **n != at)
        {
            let names = (self.name(Node::Edge(*other)), self.name(Node::Edge(at)));
            let vm = self.host_name(host);
            self.violation(Invariant::I1, format!("{} delivers and {vm} runs at {}", names.0, names.1));
        }
        self.checks.delivering = delivering;
    }

    /// Whenever the world is looked at: I7.
    pub(super) fn check_bounds(&mut self) {
        let over: Vec<String> = self.edges.iter().filter_map(super::edge::Edge::overfull).collect();
        for what in over.into_iter().chain(self.authority.overfull()) {
            self.violation(Invariant::I7, what);
        }
    }

    /// After the authority's return: what it acknowledged before its death is there (I6).
    pub(super) fn check_memory(&mut self) {
        for (key, version) in self.checks.acknowledged.clone() {
            let now_is = self.authority.lookup(&key).map(|(version, _)| version);
            if now_is.is_none_or(|now_is| now_is < version) {
                self.violation(Invariant::I6, format!("{key} was acknowledged at {version} and is {now_is:?} now"));
            }
        }
    }

    /// What is left over of moves, in words (I8).
    pub(super) fn leftovers(&self) -> Vec<String> {
        let mut left = Vec::new();
        for edge in self.edges.iter().filter(|edge| !self.fenced.contains(&edge.no)) {
            let Some(nve) = edge.nve() else {
                left.push(format!("{} is down", edge.name));
                continue;
            };
            for (host, name) in self.hosts.iter().filter(|host| host.vm.is_some()).map(|host| (host, &host.name)) {
                let state = nve.state(&host.key()).state;
                if !matches!(state, State::Away | State::Here | State::Forwarding { .. }) {
                    left.push(format!("{name} is {} at {}", state.name(), edge.name));
                }
            }
        }
        left
    }

    /// Where cache, directory and truth differ, in words (I4).
    pub(super) fn disagreements(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if !self.authority.is_up() {
            return alloc::vec!["the NVA is down".into()];
        }
        for (host, (name, key)) in self.hosts.iter().map(|host| (host.name.as_str(), host.key())).enumerate() {
            let truth = self.place(self.edge_of(host));
            let Some((version, place)) = self.authority.lookup(&key) else {
                wrong.push(format!("the directory does not know {name}"));
                continue;
            };
            if place.map(|place| place.nve) != Some(truth.nve) {
                wrong.push(format!("the directory has {name} at {place:?}, and it is at {}", truth.nve));
            }
            for edge in &self.edges {
                let Some(nve) = edge.nve() else { continue };
                let here = edge.place.nve == truth.nve;
                if here != edge.delivers(&key) {
                    wrong.push(format!(
                        "{} {} to {name}",
                        edge.name,
                        if here { "does not deliver" } else { "delivers" }
                    ));
                }
                match nve.mapping(&key) {
                    Some((cached, at)) if cached != version || at.map(|at| at.nve) != Some(truth.nve) => {
                        wrong.push(format!("{} has {name} at {at:?} by {cached}, the directory {version}", edge.name));
                    }
                    _ => {}
                }
            }
        }
        wrong
    }

    /// Whether every move that was to happen has ended and nothing is left to settle.
    pub(super) fn at_rest(&self) -> bool {
        self.legs.iter().all(|leg| leg.skipped || leg.ended.is_some())
            && self.vms.iter().all(|machine| matches!(machine.seat, Seat::Runs(_)) && machine.unread.is_none())
            && self.leftovers().is_empty()
            && self.disagreements().is_empty()
    }

    /// Whether a move has outstayed its deadline (I8), or what follows it its bound (I4). Reported once: the run ends then.
    pub(super) fn overdue(&mut self) -> bool {
        // While a node is down or cut off, a move may be in doubt, and caches cannot agree: times count from its return.
        let all_up = (0..self.edges.len()).all(|edge| self.fenced.contains(&edge) || self.is_up(Node::Edge(edge)));
        if !self.cut.is_empty() || !all_up || !self.authority.is_up() {
            return false;
        }
        let (now, last_return) = (self.now(), self.last_return);
        let ends = self.legs.iter().filter_map(|leg| leg.ended).map(|(ended, _)| ended);
        let all_ended = ends.fold(last_return.max(self.began), Instant::max);
        let mut late = Vec::new();
        let mut in_hand = false;
        for leg in self.legs.iter().filter(|leg| !leg.skipped && leg.ended.is_none()) {
            in_hand = true;
            let id = leg.id;
            match (leg.asked, leg.due) {
                (Some(asked), _) if now > asked.max(last_return) + leg.plan.deadline + REVOKE => {
                    late.push(format!("{id} has not ended by its deadline and the revoke exchange"));
                }
                (None, Some(due)) if now > all_ended.max(due) + AGREE => late.push(format!("{id} was never taken")),
                _ => {}
            }
        }
        if in_hand {
            return self.report_late(Invariant::I8, late);
        }
        if now <= all_ended + AGREE {
            return false;
        }
        let late = self.leftovers();
        let left = self.report_late(Invariant::I8, late);
        let mut wrong = self.disagreements();
        for machine in self.vms.iter().filter(|machine| !matches!(machine.seat, Seat::Runs(_))) {
            wrong.push(format!("{} runs nowhere", machine.name));
        }
        for machine in self.vms.iter().filter(|machine| machine.unread.is_some()) {
            wrong.push(format!("the edge that {} left does not take the word that it stopped", machine.name));
        }
        self.report_late(Invariant::I4, wrong) || left
    }

    fn report_late(&mut self, invariant: Invariant, late: Vec<String>) -> bool {
        let any = !late.is_empty();
        for what in late {
            self.violation(invariant, what);
        }
        any
    }

    /// At the very end: every datagram has arrived or is accounted for (I2).
    pub(super) fn check_ledger(&mut self) {
        for (id, fate) in self.ledger.unexplained() {
            let what = match fate {
                Fate::Kept(edge) => format!("is still kept at {}", self.name(Node::Edge(edge))),
                _ => "is missing and nobody knows where".into(),
            };
            self.violation_i2(id, &what);
        }
        for (loss, count) in self.ledger.losses() {
            if !loss.is_excused() {
                self.violation(Invariant::I2, format!("{count} datagrams lost: {loss}"));
            }
        }
        let all_committed = self.legs.iter().all(|leg| matches!(leg.ended, Some((_, MoveResult::Committed))));
        if self.scenario.keeps_order() && all_committed && self.ledger.reordered > 0 {
            self.violation(Invariant::I2, format!("{} datagrams were overtaken", self.ledger.reordered));
        }
        self.check_delivery();
    }
}
