//! The hypervisors and the management above them: they ask for moves, suspend, stop, start and resume VMs, and say so
//! to the edges, before it happens or (`Move::late`) after. Nothing that they say is lost; an edge or authority that is down is told again.

use super::authority;
use super::host::Host;
use super::ledger::{EdgeNo, Loss};
use super::scenario::{Move, Scenario};
use super::world::{Event, Node, World};
use crate::nve::rules::News;
use crate::{nva, nve};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use nvo3_nva_proto::{Instant, Micros, MoveId, MoveKind, MoveResult, TsiKey};

/// Between a word heard and the next one said.
const LATENCY: Micros = Micros(100);
/// Until a word that was not taken is said again.
pub(super) const RETRY: Micros = Micros(3_000);
/// At most between *suspended* and the VM's last instant.
const LAST_INSTANT: Micros = Micros(1_000);

/// Where a VM is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// It runs there.
    Runs(EdgeNo),
    /// It does not run; there is its last state.
    Stopped(EdgeNo),
}

impl Seat {
    pub(super) const fn edge(self) -> EdgeNo {
        match self {
            Self::Runs(edge) | Self::Stopped(edge) => edge,
        }
    }
}

/// A VM and its interfaces, which are hosts.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) hosts: Range<usize>,
    pub(super) seat: Seat,
    /// In the ports of a stopped VM, until its edge knows.
    pub(super) unread: Option<Unread>,
    /// When it last began to run.
    pub(super) last_run: Option<Instant>,
}

/// What the ports of a VM that stopped have for it, until its edge is told that it stopped. Whoever resumes it there before
/// that reads it; afterwards nobody does. So the port's queue has no race here: what came in the microsecond of the stop is
/// read, and what came later is not.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) at: EdgeNo,
    /// The first instant of which nothing is read.
    pub(super) since: Instant,
    /// The same by the edge's clock.
    noted: Instant,
    pub(super) frames: Vec<(usize, Vec<u8>)>,
    /// The edge died since, and with it what it remembered of them.
    pub(super) forgotten: bool,
}

/// One move under way, or to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    pub(super) id: MoveId,
    pub(super) plan: Move,
    /// From where, once it was asked for.
    pub(super) from: EdgeNo,
    /// When the authority took the order.
    pub(super) asked: Option<Instant>,
    /// It does not take place.
    pub(super) skipped: bool,
    /// Its turn has come.
    pub(super) due: Option<Instant>,
    /// Which interfaces the edge called suspended, a bit each.
    pub(super) heard: u32,
    /// The VM is about to stop: the edge said *suspended*, or its word will come late.
    stopping: bool,
    pub(super) stopped: Option<Instant>,
    /// The source's hypervisor resumed it by itself: management starts it nowhere else.
    pub(super) self_resumed: bool,
    /// It was told to run where it was: a stop that was still to come is off.
    resumed: bool,
    pub(super) ran: Option<Instant>,
    pub(super) ended: Option<(Instant, MoveResult)>,
    pub(super) converged: Option<Instant>,
}

impl Leg {
    /// Those of a world, in their order.
    pub(super) fn all(moves: &[Move]) -> Vec<Self> {
        let leg = |(id, plan): (u64, &Move)| Self {
            id: MoveId(id),
            plan: *plan,
            from: plan.from.unwrap_or_default(),
            asked: None,
            skipped: false,
            due: None,
            heard: 0,
            stopping: false,
            stopped: None,
            self_resumed: false,
            resumed: false,
            ran: None,
            ended: None,
            converged: None,
        };
        (1..).zip(moves).map(leg).collect()
    }

    /// Whether the authority has taken it and not ended it.
    pub(super) const fn in_hand(&self) -> bool {
        self.asked.is_some() && self.ended.is_none()
    }
}

/// What management does next for a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Ask,
    Suspend,
    Stop,
    SayLate,
    Start,
    Resume,
}

impl Machine {
    /// Those of a world; their interfaces are the first hosts.
    pub(super) fn all(scenario: &Scenario) -> Vec<Self> {
        let mut first = 0;
        let machine = |(n, vm): (usize, &super::scenario::Vm)| {
            let hosts = first..first + vm.networks.len();
            first = hosts.end;
            let (name, seat) = (Scenario::vm_name(n), Seat::Runs(vm.edge));
            Self { name, hosts, seat, unread: None, last_run: None }
        };
        scenario.vms.iter().enumerate().map(machine).collect()
    }
}

impl World {
    /// Does what management has in mind for a leg now.
    pub(super) fn step(&mut self, n: usize, step: Step) {
        let Some(leg) = self.legs.get(n).copied() else { return };
        match step {
            Step::Ask => self.ask(n, &leg),
            Step::Suspend => self.suspend(n, &leg),
            Step::Stop => self.stop(n, &leg),
            Step::SayLate => self.say_late(n, &leg),
            Step::Start => self.start(n, &leg),
            Step::Resume => self.resume(n, &leg),
        }
    }

    fn again(&mut self, n: usize, step: Step, after: Micros) {
        let at = self.queue.now() + after;
        self.queue.put(at, Event::Step(n, step));
    }

    pub(super) fn leg(&mut self, n: usize, change: impl FnOnce(&mut Leg)) {
        if let Some(leg) = self.legs.get_mut(n) {
            change(leg);
        }
    }

    fn machine(&mut self, vm: usize, change: impl FnOnce(&mut Machine)) {
        if let Some(machine) = self.vms.get_mut(vm) {
            change(machine);
        }
    }

    pub(super) fn seat(&self, vm: usize) -> Seat {
        self.vms.get(vm).map_or(Seat::Runs(0), |machine| machine.seat)
    }

    fn unread(&self, vm: usize) -> Option<&Unread> {
        self.vms.get(vm).and_then(|machine| machine.unread.as_ref())
    }

    /// The TSIs of a VM, one for each interface.
    pub(super) fn keys(&self, vm: usize) -> Vec<TsiKey> {
        let hosts = self.vms.get(vm).map(|machine| machine.hosts.clone()).unwrap_or_default();
        hosts.map(|host| self.key_of(host)).collect()
    }

    /// The VM's next move after `before`, or its first: its turn has come, after its own wait or `otherwise`.
    pub(super) fn next_leg(&mut self, vm: usize, before: Option<usize>, otherwise: Option<Micros>) {
        let first = before.map_or(0, |before| before + 1);
        let Some(n) = (first..self.legs.len()).find(|n| self.legs.get(*n).is_some_and(|leg| leg.plan.vm == vm)) else {
            // Nothing follows: a VM that was to wait for it suspended runs on where it is.
            let last = (0..).zip(&self.legs).filter(|(_, leg)| leg.plan.vm == vm && leg.ended.is_some()).last();
            if let Some((last, _)) = last.filter(|(_, leg)| leg.plan.stay && self.seat(vm) == Seat::Stopped(leg.from)) {
                self.again(last, Step::Resume, LATENCY);
            }
            return;
        };
        let wait = self.legs.get(n).and_then(|leg| leg.plan.wait).or(otherwise);
        let now = self.queue.now();
        self.leg(n, |leg| leg.due = Some(now + wait.unwrap_or_default()));
        match wait {
            Some(wait) => self.again(n, Step::Ask, wait),
            None => self.step(n, Step::Ask),
        }
    }

    /// The move of the same VM before this one that took place.
    fn before(&self, n: usize, vm: usize) -> Option<&Leg> {
        self.legs.iter().take(n).rev().find(|leg| leg.plan.vm == vm && leg.asked.is_some())
    }

    /// Whether the VM, stopped for a move that is aborted, stays so: its edge knows of it, and another move is to come.
    fn stays(&self, n: usize, leg: &Leg) -> bool {
        let vm = leg.plan.vm;
        let next = self.legs.iter().skip(n + 1).any(|leg| leg.plan.vm == vm && !leg.skipped);
        leg.plan.stay && next && self.unread(vm).is_none()
    }

    fn ask(&mut self, n: usize, leg: &Leg) {
        if leg.asked.is_some() || leg.skipped {
            return;
        }
        let (vm, to, seat) = (leg.plan.vm, leg.plan.to, self.seat(leg.plan.vm));
        if seat.edge() == to || leg.plan.from.is_some_and(|from| from != seat.edge()) || self.fenced.contains(&to) {
            self.leg(n, |leg| leg.skipped = true);
            return self.next_leg(vm, Some(n), None);
        }
        let waits_suspended = self.before(n, vm).is_some_and(|before| before.plan.stay);
        // The hypervisors finish one migration before the next.
        if self.unread(vm).is_some() || matches!(seat, Seat::Stopped(_)) && !waits_suspended {
            return self.again(n, Step::Ask, RETRY);
        }
        for host in self.vms.get(vm).map(|machine| machine.hosts.clone()).unwrap_or_default() {
            self.attach(to, host);
        }
        let order = nva::Input::Move {
            id: leg.id,
            tsis: self.keys(vm),
            to: self.place(to).nve,
            kind: MoveKind::Hot,
            deadline: leg.plan.deadline,
        };
        match self.tell_authority(order) {
            Ok(()) => {
                let now = self.queue.now();
                let stopped = matches!(seat, Seat::Stopped(_));
                self.leg(n, |leg| {
                    (leg.asked, leg.from) = (Some(now), seat.edge());
                    // It stayed suspended: there is nothing more to say.
                    leg.stopping = stopped;
                    leg.stopped = stopped.then_some(now);
                });
                self.did("mgmt", || format!("{} asked for", leg.id));
                if stopped {
                    self.again(n, Step::Start, leg.plan.pause);
                }
                self.plan_mishaps(super::scenario::Since::Asked(n));
            }
            Err(()) => self.again(n, Step::Ask, RETRY),
        }
    }

    fn suspend(&mut self, n: usize, leg: &Leg) {
        if leg.stopping || leg.ended.is_some() || leg.self_resumed {
            return;
        }
        // Any interface's word stands for all that move with it. Also after it was taken: an edge that dies forgets it.
        if let Some(key) = self.keys(leg.plan.vm).first().copied() {
            let _ = self.tell(leg.from, nve::Input::Suspend { key, move_id: leg.id, stopped_at: None });
        }
        self.again(n, Step::Suspend, RETRY);
    }

    /// The late word. What was in the ports since the stop is not read there any more once the edge has it.
    fn say_late(&mut self, n: usize, leg: &Leg) {
        let vm = leg.plan.vm;
        let committed = leg.ended.map(|(_, result)| result == MoveResult::Committed);
        let unread = self.unread(vm).filter(|_| committed != Some(false) && !leg.self_resumed);
        let (Some(unread), Some(key)) = (unread, self.keys(vm).first().copied()) else { return };
        let stopped_at = Some(unread.noted);
        let forgotten = unread.forgotten || unread.frames.is_empty();
        match self.tell_only(leg.from, nve::Input::Suspend { key, move_id: leg.id, stopped_at }) {
            true => {
                let unread = self.vms.get_mut(vm).and_then(|machine| machine.unread.take());
                self.drive(Node::Edge(leg.from));
                if let Some(unread) = unread {
                    self.count_unread(leg.from, &unread);
                }
            }
            false if committed.is_some() && forgotten => self.lose_unread(vm),
            false => self.again(n, Step::SayLate, RETRY),
        }
    }

    /// What nobody will read: the edge has sent it on, as far as it remembered it and its limits let it.
    fn count_unread(&mut self, edge: EdgeNo, unread: &Unread) {
        let numbered = |(host, frame): &(usize, Vec<u8>)| Some((self.key_of(*host), super::frame::numbered(frame)?));
        let ids: Vec<_> = unread.frames.iter().filter_map(numbered).collect();
        let now = self.now();
        let (lost, why) = match self.edges.get_mut(edge) {
            Some(edge) if !unread.forgotten => {
                (edge.not_resent(now, ids.into_iter(), &mut self.ledger), Loss::OverLimit)
            }
            _ => (ids.into_iter().map(|(_, id)| id).collect(), Loss::InDeadNode),
        };
        for id in lost {
            self.ledger.lose(id, why);
        }
    }

    fn stop_soon(&mut self, n: usize) {
        self.leg(n, |leg| leg.stopping = true);
        let last = self.random.between(Micros(0), LAST_INSTANT);
        self.again(n, Step::Stop, last);
    }

    fn stop(&mut self, n: usize, leg: &Leg) {
        let vm = leg.plan.vm;
        if leg.ended.is_some() || leg.resumed || self.seat(vm) != Seat::Runs(leg.from) {
            return self.again(n, Step::Resume, LATENCY);
        }
        let now = self.queue.now();
        self.machine(vm, |machine| machine.seat = Seat::Stopped(leg.from));
        self.leg(n, |leg| leg.stopped = Some(now));
        let name = self.vm_name(vm);
        self.did("vm", || format!("{name}stops"));
        self.again(n, Step::Start, leg.plan.pause);
        if let Some(late) = leg.plan.late {
            let since = now + Micros(1);
            let noted = self.edges.get(leg.from).map_or(since, |edge| edge.clock.local(since));
            let unread = Unread { at: leg.from, since, noted, frames: Vec::new(), forgotten: false };
            self.machine(vm, |machine| machine.unread = Some(unread));
            self.again(n, Step::SayLate, late);
        }
        self.plan_mishaps(super::scenario::Since::Stopped(n));
    }

    fn start(&mut self, n: usize, leg: &Leg) {
        let (vm, to) = (leg.plan.vm, leg.plan.to);
        if leg.ended.is_some() || leg.self_resumed || self.seat(vm) != Seat::Stopped(leg.from) {
            return;
        }
        let Some(key) = self.keys(vm).first().copied() else { return };
        match self.tell_only(to, nve::Input::Activate { key, move_id: Some(leg.id) }) {
            true => {
                let now = self.queue.now();
                self.leg(n, |leg| leg.ran = Some(now));
                self.runs(vm, to);
            }
            false => self.again(n, Step::Start, RETRY),
        }
    }

    pub(super) fn resume(&mut self, n: usize, leg: &Leg) {
        let vm = leg.plan.vm;
        let later = self.legs.iter().skip(n + 1).any(|other| other.plan.vm == vm && other.asked.is_some());
        if later || self.seat(vm).edge() != leg.from {
            return;
        }
        let mut taken = true;
        for key in self.keys(vm) {
            taken &= self.tell_only(leg.from, nve::Input::Activate { key, move_id: None });
        }
        if taken {
            self.leg(n, |leg| leg.resumed = true);
            self.runs(vm, leg.from);
        } else {
            self.again(n, Step::Resume, RETRY);
        }
    }

    /// The edge let it run, or cannot help it: it does, and what the edge does about that follows.
    fn runs(&mut self, vm: usize, edge: EdgeNo) {
        if self.seat(vm) != Seat::Runs(edge) {
            let now = self.queue.now();
            self.machine(vm, |machine| (machine.seat, machine.last_run) = (Seat::Runs(edge), Some(now)));
            let (name, who) = (self.name(Node::Edge(edge)), self.vm_name(vm));
            self.did("vm", || format!("{who}runs at {name}"));
            for host in self.vms.get(vm).map(|machine| machine.hosts.clone()).unwrap_or_default() {
                let frame = self.hosts.get(host).map(Host::announcement).unwrap_or_default();
                self.put_in_port(edge, host, frame);
            }
            self.read_ports(vm, edge);
        }
        self.drive(Node::Edge(edge));
    }

    /// The name of a VM before a verb, where there are several.
    fn vm_name(&self, vm: usize) -> String {
        match self.vms.get(vm) {
            Some(machine) if self.vms.len() > 1 => format!("{} ", machine.name),
            _ => String::new(),
        }
    }

    /// An edge tells its hypervisor something of a VM.
    pub(super) fn news(&mut self, edge: EdgeNo, key: TsiKey, move_id: Option<MoveId>, news: News) {
        let found = self.hosts.iter().position(|host| host.key() == key);
        let Some((host, vm)) = found.and_then(|n| Some((n, self.hosts.get(n)?.vm?))) else { return };
        let found = self.legs.iter().enumerate().rev().find(|(_, leg)| match move_id {
            Some(id) => leg.id == id,
            None => leg.from == edge && leg.asked.is_some() && leg.plan.vm == vm,
        });
        let Some((n, leg)) = found.map(|(n, leg)| (n, *leg)) else { return };
        let hosts = self.vms.get(vm).map(|machine| machine.hosts.clone()).unwrap_or_default();
        match news {
            News::Suspended if edge == leg.from && !leg.stopping && !leg.self_resumed => {
                let heard = leg.heard | 1 << (host - hosts.start);
                self.leg(n, |leg| leg.heard = heard);
                if heard.count_ones() as usize == hosts.len() {
                    self.stop_soon(n);
                }
            }
            News::Halted if edge == leg.from && !self.stays(n, &leg) => {
                self.again(n, Step::Resume, LATENCY);
            }
            _ => {}
        }
    }

    /// The authority tells management something of a move.
    pub(super) fn told(&mut self, event: &nva::Event) {
        let now = self.queue.now();
        match authority::about(event) {
            authority::About::MaySuspend(id) => {
                let Some((n, leg)) = self.numbered_leg(id) else { return };
                match leg.plan.late {
                    None => self.again(n, Step::Suspend, LATENCY),
                    Some(_) if leg.stopping => {}
                    Some(_) => self.stop_soon(n),
                }
            }
            authority::About::Ended(id, result) => self.ended(id, result),
            authority::About::Converged(id) => {
                if let Some((n, _)) = self.numbered_leg(id) {
                    self.leg(n, |leg| leg.converged = leg.converged.or(Some(now)));
                }
            }
            authority::About::Other => {}
        }
    }

    fn numbered_leg(&self, id: MoveId) -> Option<(usize, Leg)> {
        (0..).zip(&self.legs).find(|(_, leg)| leg.id == id).map(|(n, leg)| (n, *leg))
    }

    /// An authority that died may have forgotten an order that was not yet on its disk, or had no time to say how a move
    /// ended: management asks.
    pub(super) fn ask_for_outcomes(&mut self) {
        for n in 0..self.legs.len() {
            let Some(leg) = self.legs.get(n).filter(|leg| leg.in_hand()) else { continue };
            let id = leg.id;
            match self.authority.knows(id) {
                Some(authority::Known::Ended(result)) => self.ended(id, result),
                Some(authority::Known::Nothing) => {
                    self.leg(n, |leg| leg.asked = None);
                    self.step(n, Step::Ask);
                }
                Some(authority::Known::InHand) | None => {}
            }
        }
    }

    fn ended(&mut self, id: MoveId, result: MoveResult) {
        let Some((n, leg)) = self.numbered_leg(id) else { return };
        if leg.ended.is_some() {
            return;
        }
        let (now, vm) = (self.queue.now(), leg.plan.vm);
        self.leg(n, |leg| leg.ended = Some((now, result)));
        self.did("mgmt", || format!("{id} ended {result:?}"));
        let hosts = self.vms.get(vm).map(|machine| machine.hosts.clone()).unwrap_or_default();
        match result {
            MoveResult::Committed => {
                for host in hosts {
                    self.detach(leg.from, host);
                }
            }
            MoveResult::Aborted | MoveResult::Unknown => {
                for host in hosts {
                    self.detach(leg.plan.to, host);
                }
                if !self.stays(n, &leg) {
                    self.again(n, Step::Resume, LATENCY);
                }
            }
        }
        self.next_leg(vm, Some(n), None);
    }
}
