//! The oracle: the world reports every event to it, and it finds the violations of the invariants.

use super::agreement::Truth;
use super::ledger::{Delivery, Fate, Ledger};
use super::loss::Loss;
use super::memory::Promises;
use super::pace::Pace;
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

/// The time after its deadline in which a move has to end. The *Revoke* exchange needs it over links that lose messages.
const REVOKE: Micros = Micros(3_000_000);
/// The time after the return of a node in which the others notice that it restarted, over links that lose messages: then their session
/// with it is dead.
const NOTICE: Micros = Micros(3_500_000);
/// The time after the last move and the last return of a node in which the caches have to agree.
pub(crate) const AGREE: Micros = Micros(8_000_000);
/// The most violations that one run records.
const MOST: usize = 20;
/// The least limit of how often one datagram may come to one edge by tunnel (I3). A datagram may come to the old edge, come back after
/// an abort, and come once more in the next move.
const MOST_VISITS: usize = 3;

/// The checks of a run, and the violations that they found.
#[derive(Debug)]
pub(crate) struct Oracle {
    ledger: Ledger,
    promises: Promises,
    pace: Pace,
    visited: Visited,
    violations: Vec<Violation>,
    /// The violations since the last event, which have no trace yet.
    found: Vec<(Instant, Invariant, String)>,
    /// The edges that deliver to the host that is checked now. Kept between checks to save an allocation.
    delivering: Vec<EdgeNo>,
    /// The limit of how often one datagram may come to one edge by tunnel: [`MOST_VISITS`], or two for each move if that is more.
    most_visits: usize,
    /// True if the scenario promises the order of datagrams.
    keeps_order: bool,
    /// True once the authority has lost records: what then does not agree breaks I9.
    went_back: bool,
}

impl Oracle {
    /// Makes the oracle of a scenario with these numbers of hosts and flows.
    pub(crate) fn new(scenario: &Scenario, hosts: usize, flows: usize) -> Self {
        Self {
            ledger: Ledger::new(flows),
            promises: Promises::default(),
            pace: Pace::new(scenario, hosts),
            visited: Visited::default(),
            violations: Vec::new(),
            found: Vec::new(),
            delivering: Vec::new(),
            most_visits: MOST_VISITS.max(2 * scenario.moves.len()),
            keeps_order: scenario.keeps_order(),
            went_back: false,
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

    /// Notes that a flow sends its next datagram, and numbers it.
    pub(crate) fn sent(&mut self, flow: u32) -> Numbered {
        self.ledger.send(flow)
    }

    /// Notes that an edge keeps a datagram.
    pub(crate) fn kept(&mut self, id: Numbered, edge: EdgeNo) {
        self.ledger.moves(id, Fate::Kept(edge));
    }

    /// Notes that a kept datagram leaves its edge.
    pub(crate) fn left(&mut self, id: Numbered) {
        self.ledger.moves(id, Fate::UnderWay);
    }

    /// Notes the loss of a datagram.
    pub(crate) fn lost(&mut self, id: Numbered, loss: Loss) {
        self.ledger.lose(id, loss);
    }

    /// Corrects the reason of a loss: the edge's drop had another cause.
    pub(crate) fn lost_for(&mut self, id: Numbered, loss: Loss) {
        self.ledger.lost_for(id, loss);
    }

    /// Notes the death of an edge: the datagrams that it kept are lost.
    pub(crate) fn edge_died(&mut self, edge: EdgeNo) {
        self.ledger.edge_died(edge);
        self.promises.edge_died(edge);
    }

    /// Checks a delivery to a host; true if a newer datagram of the flow arrived before it.
    ///
    /// `meant` is true if the datagram was sent to this host, and `crosses` if it was sent in another VN.
    pub(crate) fn delivered(&mut self, now: Instant, id: Numbered, meant: bool, crosses: bool) -> bool {
        match self.ledger.deliver(id) {
            _ if crosses => {
                let Numbered { flow, number } = id;
                self.find(now, Invariant::I5, format!("datagram {flow}/{number} was delivered in another VN"));
            }
            _ if !meant => self.find_i2(now, id, "was delivered to another host"),
            Delivery::Duplicate => self.find_i2(now, id, "was delivered again"),
            Delivery::Unknown => self.find_i2(now, id, "was delivered and never sent"),
            Delivery::Reordered => return true,
            Delivery::InOrder => {}
        }
        false
    }

    /// Checks how often a datagram has come to an edge by tunnel (I3).
    pub(crate) fn tunnelled(&mut self, now: Instant, id: Numbered, edge: EdgeNo) {
        let times = self.ledger.visit(id, edge);
        if usize::from(times) > self.most_visits {
            let (edge, Numbered { flow, number }) = (Node::Edge(edge).name(), id);
            self.find(now, Invariant::I3, format!("datagram {flow}/{number} came to {edge} {times} times"));
        }
    }

    /// Records that an edge sent a frame back to its sender because of a cached mapping (I3).
    pub(crate) fn returned(&mut self, now: Instant, edge: EdgeNo, key: TsiKey) {
        let edge = Node::Edge(edge).name();
        self.find(now, Invariant::I3, format!("{edge} returned a frame for {key} by a cached mapping"));
    }

    /// Records that an edge received a packet that is not VXLAN: an error of the simulator itself.
    pub(crate) fn no_packet(&mut self, now: Instant, edge: EdgeNo) {
        self.find(now, Invariant::I2, format!("{} received a packet that is not VXLAN", Node::Edge(edge).name()));
    }

    /// The number of datagrams that a flow has sent.
    pub(crate) fn sent_by(&self, flow: u32) -> usize {
        self.ledger.sent_by(flow)
    }

    /// True if no datagram is under way or kept.
    pub(crate) const fn all_arrived(&self) -> bool {
        self.ledger.open() == 0
    }

    /// The numbers of datagrams sent, delivered, delivered again, and delivered after a newer one.
    pub(crate) const fn counts(&self) -> [u64; 4] {
        self.ledger.counts()
    }

    /// The number of lost datagrams, by reason.
    pub(crate) fn losses(&self) -> BTreeMap<Loss, u64> {
        self.ledger.losses()
    }

    // ---- messages and states

    /// Checks a message of the authority: a result that it reported never changes (I6).
    pub(crate) fn authority_said(&mut self, now: Instant, to: EdgeNo, transaction: u32, message: &Message) {
        let wrong = self.promises.hear(to, transaction, message);
        self.find_all(now, Invariant::I6, wrong);
    }

    /// Checks the pace of a datagram (I12).
    pub(crate) fn paced(&mut self, now: Instant, way: (Node, Node), message: &Message, bytes: &[u8]) {
        let wrong = self.pace.note(now, way, message, bytes);
        self.find_all(now, Invariant::I12, wrong);
    }

    /// Records that a frame elsewhere took a running VM away (I11).
    pub(crate) fn stolen(&mut self, now: Instant, vm: &str, liar: EdgeNo) {
        let liar = Node::Edge(liar).name();
        self.find(now, Invariant::I11, format!("the directory has {vm} at {liar}, where only a liar is"));
    }

    /// Notes a message of an edge.
    pub(crate) fn edge_said(&mut self, from: EdgeNo, transaction: u32, message: &Message) {
        self.promises.hear_edge(from, transaction, message);
    }

    /// Notes that management said that the edge of a TSI is gone.
    pub(crate) fn edge_is_gone(&mut self, key: &TsiKey) {
        self.promises.forget(key);
    }

    /// Checks a restarted authority: it still has every registration that it acknowledged (I6).
    pub(crate) fn authority_returned(&mut self, now: Instant, authority: &Authority) {
        let broken = self.promises.broken(|key| authority.lookup(key).map(|(version, _)| version));
        self.find_all(now, Invariant::I6, broken);
    }

    /// Notes that the authority loses records: it need not have what it acknowledged or reported before.
    pub(crate) fn authority_forgot(&mut self) {
        self.promises = Promises::default();
        self.went_back = true;
    }

    /// True if the NVA lost records.
    pub(crate) const fn went_back(&self) -> bool {
        self.went_back
    }

    /// Notes a TSI's change of state at an edge.
    pub(crate) fn edge_state(&mut self, from: &nve::rules::State, to: &nve::rules::State) {
        self.visited.edge(from, to);
    }

    /// Notes a move's change of state at the authority.
    pub(crate) fn authority_state(&mut self, from: &nva::rules::State, to: &nva::rules::State) {
        self.visited.authority(from, to);
    }

    // ---- checks

    /// Checks, after every event, which edges deliver to each VM (I1), and records what was found with its trace.
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

    /// Checks that at most one edge delivers, and only where the VM runs (I1).
    ///
    /// An edge that does not know yet that the VM stopped there does not count: nobody reads what it delivers.
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
            && let Some(wrong) = delivering.iter().find(|n| **n != at)
        {
            let (wrong, at) = (Node::Edge(*wrong).name(), Node::Edge(at).name());
            self.find(now, Invariant::I1, format!("{wrong} delivers and {} runs at {at}", host.name));
        }
        self.delivering = delivering;
    }

    /// Checks that no machine holds more than its limits (I7).
    pub(crate) fn check_bounds(&mut self, now: Instant, authority: &Authority, edges: &[Edge]) {
        let over = edges.iter().filter_map(Edge::overfull).chain(authority.overfull());
        self.find_all(now, Invariant::I7, over);
    }

    /// Records that the world never became ready to start its moves (I4).
    pub(crate) fn not_set_up(&mut self, now: Instant, mut wrong: Vec<String>, resolved: bool) {
        if !resolved {
            wrong.push("a host could not resolve its peers".into());
        }
        self.find(now, Invariant::I4, format!("the world was never ready: {}", wrong.join("; ")));
    }

    /// Records what is overdue; true if something is, and then the run ends.
    ///
    /// A move is overdue after its deadline and [`REVOKE`], counted from its order or from [`NOTICE`] after the last return (I8). After the last move and [`AGREE`], whatever is `left` of moves (I8),
    /// every port in `open` that no hypervisor wants (I10), and every disagreement in `wrong` (I4) is overdue. Times count from the last
    /// return of a node.
    pub(crate) fn overdue(
        &mut self,
        now: Instant,
        (began, last_return): (Instant, Instant),
        moves: &Hypervisor,
        [left, open, wrong]: [Vec<String>; 3],
    ) -> bool {
        let before = self.found.len();
        let ends = moves.legs().iter().filter_map(|leg| leg.ended()).map(|(ended, _)| ended);
        let all_ended = ends.fold(last_return.max(began), Instant::max);
        let noticed = if last_return > Instant(0) { last_return + NOTICE } else { last_return };
        let mut in_hand = false;
        for leg in moves.legs().iter().filter(|leg| !leg.is_skipped() && leg.ended().is_none()) {
            in_hand = true;
            let id = leg.id();
            match (leg.asked(), leg.due()) {
                (Some(asked), _) if now > asked.max(noticed) + leg.deadline() + REVOKE => {
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
            self.find_all(now, Invariant::I10, open);
            self.find_all(now, if self.went_back { Invariant::I9 } else { Invariant::I4 }, wrong);
            self.check_seats(now, moves);
        }
        self.found.len() > before
    }

    /// Checks that every VM runs, and that its old edge knows that the VM left (I4).
    fn check_seats(&mut self, now: Instant, moves: &Hypervisor) {
        for vm in moves.vms().iter().filter(|vm| !matches!(vm.seat(), Seat::Runs(_))) {
            self.find(now, Invariant::I4, format!("{} runs nowhere", vm.name()));
        }
        for vm in moves.vms().iter().filter(|vm| vm.unread_at().is_some()) {
            let what = format!("the edge that {} left does not accept that the VM stopped", vm.name());
            self.find(now, Invariant::I4, what);
        }
    }

    /// Checks at the end of the run that every datagram has arrived or has an excused loss (I2).
    pub(crate) fn check_ledger(&mut self, now: Instant, moves: &Hypervisor) {
        for (id, fate) in self.ledger.unexplained() {
            let what = match fate {
                Fate::Kept(edge) => format!("is still kept at {}", Node::Edge(edge).name()),
                _ => "is missing, and no node reported its loss".into(),
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

    /// The violations so far.
    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The violations, and the states that the machines visited.
    pub(crate) fn into_findings(self) -> (Vec<Violation>, Visited) {
        (self.violations, self.visited)
    }
}
