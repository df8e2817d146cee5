//! The oracle: it is told everything, and says what must not be.

use super::agreement::Truth;
use super::ledger::{Delivery, Fate, Ledger};
use super::loss::Loss;
use super::memory::Promises;
use super::violation::{Invariant, Violation};
use super::visited::Visited;
use crate::sim::frame::Numbered;
use crate::sim::hypervisor::{Hypervisor, Seat};
use crate::sim::net::{EdgeNo, Node};
use crate::sim::nodes::{Authority, Edge};
use crate::sim::report::Timeline;
use crate::sim::scenario::Scenario;
use crate::{nva, nve};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Message, Micros, MoveResult, TsiKey};

/// Beyond its deadline, what a move may take for the *Revoke* exchange over links that lose messages.
const REVOKE: Micros = Micros(3_000_000);
/// How long the caches may take to agree after the last move and the last return.
pub(crate) const AGREE: Micros = Micros(8_000_000);
/// More recorded violations of one run help nobody.
const MOST: usize = 20;
/// How often a datagram may come to one edge by tunnel: to the old one, back after an abort, and once more in a next
/// move ...
const MOST_VISITS: usize = 3;

/// See the module's front door.
#[derive(Debug)]
pub(crate) struct Oracle {
    ledger: Ledger,
    promises: Promises,
    visited: Visited,
    violations: Vec<Violation>,
    /// What was found since the last event, and has no trace yet.
    found: Vec<(Instant, Invariant, String)>,
    /// Who delivers to the host in hand.
    delivering: Vec<EdgeNo>,
    /// ... and in each of more than one move.
    most_visits: usize,
    keeps_order: bool,
}

impl Oracle {
    /// Of a world with so many flows.
    pub(crate) fn new(scenario: &Scenario, flows: usize) -> Self {
        Self {
            ledger: Ledger::new(flows),
            promises: Promises::default(),
            visited: Visited::default(),
            violations: Vec::new(),
            found: Vec::new(),
            delivering: Vec::new(),
            most_visits: MOST_VISITS.max(2 * scenario.moves.len()),
            keeps_order: scenario.keeps_order(),
        }
    }

    fn find(&mut self, at: Instant, invariant: Invariant, what: String) {
        self.found.push((at, invariant, what));
    }

    fn find_all(&mut self, at: Instant, invariant: Invariant, all: impl IntoIterator<Item = String>) {
        self.found.extend(all.into_iter().map(|what| (at, invariant, what)));
    }

    fn find_i2(&mut self, at: Instant, id: Numbered, what: &str) {
        self.find(at, Invariant::I2, format!("datagram {}/{} {what}", id.flow, id.number));
    }

    // ---- datagrams (I2, I3)

    /// The next datagram of a flow is sent.
    pub(crate) fn sent(&mut self, flow: u32) -> Numbered {
        self.ledger.send(flow)
    }

    /// An edge keeps it.
    pub(crate) fn kept(&mut self, id: Numbered, edge: EdgeNo) {
        self.ledger.moves(id, Fate::Kept(edge));
    }

    /// It goes on.
    pub(crate) fn left(&mut self, id: Numbered) {
        self.ledger.moves(id, Fate::UnderWay);
    }

    /// It will not arrive.
    pub(crate) fn lost(&mut self, id: Numbered, loss: Loss) {
        self.ledger.lose(id, loss);
    }

    /// What an edge dropped was in truth lost for another reason.
    pub(crate) fn lost_for(&mut self, id: Numbered, loss: Loss) {
        self.ledger.lost_for(id, loss);
    }

    /// An edge died: what it kept is gone.
    pub(crate) fn edge_died(&mut self, edge: EdgeNo) {
        self.ledger.edge_died(edge);
    }

    /// A host has it; whether it was overtaken on its way there. `meant` says that it was sent to this host.
    pub(crate) fn delivered(&mut self, now: Instant, id: Numbered, meant: bool) -> bool {
        match self.ledger.deliver(id) {
            _ if !meant => self.find_i2(now, id, "was delivered to another host"),
            Delivery::Duplicate => self.find_i2(now, id, "was delivered again"),
            Delivery::Unknown => self.find_i2(now, id, "was delivered and never sent"),
            Delivery::Reordered => return true,
            Delivery::InOrder => {}
        }
        false
    }

    /// It came to an edge by tunnel.
    pub(crate) fn tunnelled(&mut self, now: Instant, id: Numbered, edge: EdgeNo) {
        let times = self.ledger.visit(id, edge);
        if usize::from(times) > self.most_visits {
            let (edge, Numbered { flow, number }) = (Node::Edge(edge).name(), id);
            self.find(now, Invariant::I3, format!("datagram {flow}/{number} came to {edge} {times} times"));
        }
    }

    /// A cached mapping returned a frame to where it came from.
    pub(crate) fn returned(&mut self, now: Instant, edge: EdgeNo, key: TsiKey) {
        let edge = Node::Edge(edge).name();
        self.find(now, Invariant::I3, format!("{edge} returned a frame for {key} by a cached mapping"));
    }

    /// An edge received what is no VXLAN packet: the simulator itself is wrong.
    pub(crate) fn no_packet(&mut self, now: Instant, edge: EdgeNo) {
        self.find(now, Invariant::I2, format!("{} received what is no VXLAN packet", Node::Edge(edge).name()));
    }

    /// How many a flow has sent.
    pub(crate) fn sent_by(&self, flow: u32) -> usize {
        self.ledger.sent_by(flow)
    }

    /// Whether none is under way or kept.
    pub(crate) const fn all_arrived(&self) -> bool {
        self.ledger.open() == 0
    }

    /// Datagrams sent, delivered, delivered again and overtaken.
    pub(crate) const fn counts(&self) -> [u64; 4] {
        self.ledger.counts()
    }

    /// What was lost, by reason.
    pub(crate) fn losses(&self) -> BTreeMap<Loss, u64> {
        self.ledger.losses()
    }

    // ---- what machines say

    /// The authority says something to an edge (I6).
    pub(crate) fn authority_said(&mut self, now: Instant, message: &Message) {
        let wrong = self.promises.hear(message);
        self.find_all(now, Invariant::I6, wrong);
    }

    /// The authority is back: what it acknowledged before its death must be there (I6).
    pub(crate) fn authority_returned(&mut self, now: Instant, authority: &Authority) {
        let broken = self.promises.broken(|key| authority.lookup(key).map(|(version, _)| version));
        self.find_all(now, Invariant::I6, broken);
    }

    /// A TSI changed its state at an edge.
    pub(crate) fn edge_state(&mut self, from: &nve::rules::State, to: &nve::rules::State) {
        self.visited.edge(from, to);
    }

    /// A move changed its state at the authority.
    pub(crate) fn authority_state(&mut self, from: &nva::rules::State, to: &nva::rules::State) {
        self.visited.authority(from, to);
    }

    // ---- checks

    /// After every event: who delivers to a VM (I1), and whatever else was found gets its trace.
    pub(crate) fn check<'a>(
        &mut self,
        now: Instant,
        hosts: impl Iterator<Item = Truth<'a>>,
        edges: &[Edge],
        timeline: &mut Timeline,
    ) {
        for host in hosts {
            self.check_deliverers(now, &host, edges);
        }
        for (at, invariant, what) in core::mem::take(&mut self.found) {
            if self.violations.len() < MOST {
                timeline.did(now, "check", || format!("VIOLATION {invariant}: {what}"));
                self.violations.push(Violation { at, invariant, what, trace: timeline.tail() });
            }
        }
    }

    /// Nobody reads what an edge delivers to a VM that stopped there, while that edge does not know it yet.
    fn check_deliverers(&mut self, now: Instant, host: &Truth<'_>, edges: &[Edge]) {
        let Some((seat, stopped_at)) = host.vm else { return };
        let mut delivering = core::mem::take(&mut self.delivering);
        delivering.clear();
        let all = edges.iter().filter(|edge| edge.delivers(&host.key)).map(Edge::no);
        delivering.extend(all.filter(|no| Some(*no) != stopped_at));
        if delivering.len() > 1 {
            let names: Vec<_> = delivering.iter().map(|n| Node::Edge(*n).name()).collect();
            self.find(now, Invariant::I1, format!("{} all deliver", names.join(", ")));
        }
        if let Seat::Runs(at) = seat
            && let Some(other) = delivering.iter().find(|n| **n != at)
        {
            let (other, at) = (Node::Edge(*other).name(), Node::Edge(at).name());
            self.find(now, Invariant::I1, format!("{other} delivers and {} runs at {at}", host.name));
        }
        self.delivering = delivering;
    }

    /// At every look: memory (I7).
    pub(crate) fn check_bounds(&mut self, now: Instant, authority: &Authority, edges: &[Edge]) {
        let over = edges.iter().filter_map(Edge::overfull).chain(authority.overfull());
        self.find_all(now, Invariant::I7, over);
    }

    /// The world did not get ready: the machines do not work at all.
    pub(crate) fn not_set_up(&mut self, now: Instant, mut wrong: Vec<String>, resolved: bool) {
        if !resolved {
            wrong.push("a host could not resolve its peers".into());
        }
        self.find(now, Invariant::I4, format!("the world was never ready: {}", wrong.join("; ")));
    }

    /// Whether a move has outstayed its deadline (I8), or what follows the moves its bound: what is `left` of them (I8)
    /// and who does not agree is `wrong` then (I4). Times count from the last return of a node. Reported once: the run
    /// ends then.
    pub(crate) fn overdue(
        &mut self,
        now: Instant,
        (began, last_return): (Instant, Instant),
        moves: &Hypervisor,
        left: Vec<String>,
        wrong: Vec<String>,
    ) -> bool {
        let before = self.found.len();
        let ends = moves.legs().iter().filter_map(|leg| leg.ended()).map(|(ended, _)| ended);
        let all_ended = ends.fold(last_return.max(began), Instant::max);
        let mut in_hand = false;
        for leg in moves.legs().iter().filter(|leg| !leg.is_skipped() && leg.ended().is_none()) {
            in_hand = true;
            let id = leg.id();
            match (leg.asked(), leg.due()) {
                (Some(asked), _) if now > asked.max(last_return) + leg.deadline() + REVOKE => {
                    let what = format!("{id} has not ended by its deadline and the revoke exchange");
                    self.find(now, Invariant::I8, what);
                }
                (None, Some(due)) if now > all_ended.max(due) + AGREE => {
                    self.find(now, Invariant::I8, format!("{id} was never taken"));
                }
                _ => {}
            }
        }
        if !in_hand && now > all_ended + AGREE {
            self.find_all(now, Invariant::I8, left);
            self.find_all(now, Invariant::I4, wrong);
            self.check_seats(now, moves);
        }
        self.found.len() > before
    }

    /// Every VM runs, and its old edge knows that it left (I4).
    fn check_seats(&mut self, now: Instant, moves: &Hypervisor) {
        for vm in moves.vms().iter().filter(|vm| !matches!(vm.seat(), Seat::Runs(_))) {
            self.find(now, Invariant::I4, format!("{} runs nowhere", vm.name()));
        }
        for vm in moves.vms().iter().filter(|vm| vm.unread_at().is_some()) {
            let what = format!("the edge that {} left does not take the word that it stopped", vm.name());
            self.find(now, Invariant::I4, what);
        }
    }

    /// At the very end: every datagram has arrived or is accounted for (I2).
    pub(crate) fn check_ledger(&mut self, now: Instant, moves: &Hypervisor) {
        for (id, fate) in self.ledger.unexplained() {
            let what = match fate {
                Fate::Kept(edge) => format!("is still kept at {}", Node::Edge(edge).name()),
                _ => "is missing and nobody knows where".into(),
            };
            self.find_i2(now, id, &what);
        }
        for (loss, count) in self.ledger.losses() {
            if !loss.is_excused() {
                self.find(now, Invariant::I2, format!("{count} datagrams lost: {loss}"));
            }
        }
        let [.., reordered] = self.ledger.counts();
        let all_committed = moves.legs().iter().all(|leg| matches!(leg.ended(), Some((_, MoveResult::Committed))));
        if self.keeps_order && all_committed && reordered > 0 {
            self.find(now, Invariant::I2, format!("{reordered} datagrams were overtaken"));
        }
    }

    /// What was violated so far.
    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// What was violated, and which states were seen.
    pub(crate) fn into_findings(self) -> (Vec<Violation>, Visited) {
        (self.violations, self.visited)
    }
}
