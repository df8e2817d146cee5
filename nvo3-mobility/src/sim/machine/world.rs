//! The rooms of a world, its clock, and its events.

use super::course::Phase;
use super::queue::Queue;
use crate::nve;
use crate::sim::Run;
use crate::sim::hypervisor::{Hypervisor, Seat, Step, Vm};
use crate::sim::mishaps::Mishaps;
use crate::sim::net::{EdgeNo, Net, Node, place};
use crate::sim::nodes::{Authority, Edge};
use crate::sim::oracle::{Oracle, Truth, disagreements, leftovers};
use crate::sim::random::Random;
use crate::sim::report::{RunSummary, Timeline};
use crate::sim::scenario::Scenario;
use crate::sim::tenants::Tenants;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Micros, Version};

/// The time between two looks at the whole world.
pub(super) const LOOK: Micros = Micros(2_000);

/// An event of the world.
#[derive(Debug)]
pub(super) enum Event {
    /// A control datagram arrives.
    Control { from: Node, to: Node, bytes: Vec<u8> },
    /// An outer IP packet arrives.
    Tunnel { to: EdgeNo, packet: Vec<u8> },
    /// A frame that a host put into its port reaches the edge.
    Port { edge: EdgeNo, host: usize, frame: Vec<u8> },
    /// A host's next datagram is due.
    Send { flow: u32 },
    /// Hosts ask for the addresses that they need and do not have.
    Resolve,
    /// The next frame of the tenant's own capture is due.
    Tenant(usize),
    /// Management's next step in a leg.
    Step(usize, Step),
    /// A mishap happens.
    Mishap(usize),
    /// The cut of this mishap ends.
    Mended(usize, (Node, Node)),
    /// The NVA's disk has written the records up to this number. It counts only in the same start of the NVA.
    Synced { upto: Version, start: u32 },
    /// A node that died by this mishap returns.
    Return(Node, usize),
    /// The VM of this mishap starts again, gets its ports again, or the port that lied is detached.
    Unplanned(usize),
    /// A look at the whole world.
    Look,
}

/// A simulated world: its rooms, its clock and its events.
pub(in crate::sim) struct World {
    pub(super) queue: Queue<Event>,
    pub(super) random: Random,
    pub(super) net: Net,
    pub(super) edges: Vec<Edge>,
    pub(super) authority: Authority,
    pub(super) tenants: Tenants,
    pub(super) hypervisor: Hypervisor,
    pub(super) mishaps: Mishaps,
    pub(super) oracle: Oracle,
    pub(super) timeline: Timeline,
    pub(super) phase: Phase,
    /// The time at which traffic began.
    pub(super) began: Instant,
    pub(super) rtt: Micros,
    /// The time that the NVA's disk takes to make a record durable.
    pub(super) sync: Micros,
    /// The lies that last, by their mishaps: the interface that is lied about, and the edge of the liar.
    pub(super) lies: BTreeMap<usize, (usize, EdgeNo)>,
    /// The number of datagrams of a flow that were sent before every node knew again where a VM is.
    pub(super) excused: BTreeMap<u32, usize>,
    /// The hosts whose ports have flooded.
    pub(super) flooders: BTreeSet<usize>,
    seed: u64,
}

impl World {
    pub(in crate::sim) fn new(scenario: &Scenario, random: Random) -> Self {
        let (seed, edges) = (scenario.seed, scenario.edges);
        let tenants = Tenants::new(scenario);
        let mut world = Self {
            queue: Queue::new(),
            random,
            net: Net::new(scenario),
            edges: (0..edges).map(|n| Edge::new(n, Random::new(seed, 10 + n as u64))).collect(),
            authority: Authority::new(scenario, (0..edges).map(place).collect()),
            hypervisor: Hypervisor::new(scenario, |host| tenants.key(host)),
            oracle: Oracle::new(scenario, tenants.hosts(), tenants.flows()),
            tenants,
            mishaps: Mishaps::new(scenario),
            timeline: Timeline::new(scenario.record.timeline),
            phase: Phase::SettingUp,
            began: Instant(0),
            rtt: scenario.rtt,
            sync: scenario.sync,
            lies: BTreeMap::new(),
            excused: BTreeMap::new(),
            flooders: BTreeSet::new(),
            seed,
        };
        world.power_on();
        world
    }

    fn power_on(&mut self) {
        self.authority.start(Instant(0));
        self.drive(Node::Nva);
        for host in 0..self.tenants.hosts() {
            let edge = self.edge_of(host);
            self.attach(edge, host);
            self.tell(edge, nve::Input::Activate { key: self.tenants.key(host), move_id: None });
        }
        for edge in 0..self.edges.len() {
            self.tell(edge, nve::Input::Connect);
        }
        self.queue.put(Instant(1_000), Event::Resolve);
        self.queue.put(Instant(0) + LOOK, Event::Look);
    }

    /// Runs until the run is over or no event is left.
    pub(in crate::sim) fn run(mut self) -> Run {
        while self.phase != Phase::Over && self.advance() {}
        let now = self.now();
        self.oracle.check_ledger(now, &self.hypervisor);
        self.check();
        let summary = RunSummary::new(self.seed, &self.oracle, &self.edges, &self.hypervisor, &self.tenants);
        let losses = self.oracle.losses();
        let (violations, visited) = self.oracle.into_findings();
        Run {
            summary,
            losses,
            mishaps: self.mishaps.into_counts(),
            visited,
            violations,
            began: self.began,
            timeline: self.timeline,
            capture: self.net.into_capture(),
        }
    }

    // ---- what more than one room is needed to know

    pub(super) const fn now(&self) -> Instant {
        self.queue.now()
    }

    /// The edge at which a host's frames enter. For an interface of a VM: the edge where the VM runs or last ran.
    pub(super) fn edge_of(&self, host: usize) -> EdgeNo {
        self.tenants.vm(host).map_or_else(|| self.tenants.home(host), |vm| self.hypervisor.seat(vm).edge())
    }

    /// True if a host is an interface of a VM that does not run.
    pub(super) fn is_stopped(&self, host: usize) -> bool {
        self.tenants.vm(host).is_some_and(|vm| matches!(self.hypervisor.seat(vm), Seat::Stopped(_)))
    }

    pub(super) fn is_up(&self, node: Node) -> bool {
        match node {
            Node::Nva => self.authority.is_up(),
            Node::Edge(edge) => self.edges.get(edge).is_some_and(|edge| edge.nve().is_some()),
        }
    }

    pub(super) fn disagreements(&self) -> Vec<String> {
        // A host at an edge that died for good is nowhere, and nobody has to know that.
        let hosts = truth(&self.tenants, &self.hypervisor).filter(|host| !self.mishaps.is_fenced(host.at));
        disagreements(hosts, &self.authority, &self.edges)
    }

    /// True if every node knows where a VM is. A node that is down knows nothing.
    pub(super) fn agrees_on(&self, vm: &Vm) -> bool {
        let hosts = truth(&self.tenants, &self.hypervisor);
        let hosts = hosts.skip(vm.hosts().start).take(vm.hosts().len());
        self.is_up(Node::Edge(vm.seat().edge())) && disagreements(hosts, &self.authority, &self.edges).is_empty()
    }

    /// Describes the ports that no hypervisor wants, one sentence each (I10).
    pub(super) fn open_ports(&self) -> Vec<String> {
        let edges = self.edges.iter().filter(|edge| edge.nve().is_some() && !self.mishaps.is_fenced(edge.no()));
        let open = |edge: &Edge| {
            let name = edge.name();
            edge.unwanted().into_iter().map(move |vap| format!("{vap} is still open at {name}"))
        };
        edges.flat_map(open).collect()
    }

    /// Reports a VM that a liar took from where it runs (I11).
    pub(super) fn look_for_the_stolen(&mut self) {
        let now = self.now();
        let taken = |(_, (host, liar)): (&usize, &(usize, EdgeNo))| {
            let place = self.authority.lookup(&self.tenants.key(*host)).and_then(|(_, place)| place);
            self.edge_of(*host) != *liar && place.map(|place| place.nve) == Some(crate::sim::net::place(*liar).nve)
        };
        let stolen: Vec<usize> = self.lies.iter().filter(|lie| taken(*lie)).map(|(mishap, _)| *mishap).collect();
        for mishap in stolen {
            if let Some((host, liar)) = self.lies.remove(&mishap) {
                self.oracle.stolen(now, self.tenants.name(host), liar);
            }
        }
    }

    pub(super) fn leftovers(&self) -> Vec<String> {
        let edges = self.edges.iter().filter(|edge| !self.mishaps.is_fenced(edge.no()));
        leftovers(truth(&self.tenants, &self.hypervisor), edges)
    }

    fn check(&mut self) {
        let now = self.now();
        let hosts = truth(&self.tenants, &self.hypervisor);
        self.oracle.check(now, hosts, &self.edges, &mut self.timeline);
    }

    pub(super) fn did(&mut self, node: &'static str, what: impl FnOnce() -> String) {
        self.timeline.did(self.queue.now(), node, what);
    }

    // ---- time

    /// Carries out the next event. False if there is none.
    fn advance(&mut self) -> bool {
        let sleepers = core::iter::once((self.authority.wake(), Node::Nva))
            .chain(self.edges.iter().map(|edge| (edge.wake(), Node::Edge(edge.no()))));
        let next = sleepers.filter_map(|(at, node)| Some((at?, node))).min();
        match (next, self.queue.due()) {
            (Some((at, node)), due) if due.is_none_or(|due| at < due) => {
                self.queue.advance(at);
                if node == Node::Nva {
                    self.authority.time_passed(self.queue.now());
                }
                self.drive(node);
            }
            (_, None) => return false,
            _ => {
                if let Some(event) = self.queue.take() {
                    self.happen(event);
                }
            }
        }
        self.check();
        true
    }

    fn happen(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Control { from, to, bytes } => {
                match to {
                    Node::Nva => self.authority.hear(now, from.address(), &bytes),
                    Node::Edge(n) => {
                        if let Some(edge) = self.edges.get_mut(n) {
                            edge.hear(now, &bytes);
                        }
                    }
                }
                self.drive(to);
            }
            Event::Tunnel { to, packet } => {
                if let Some(edge) = self.edges.get_mut(to) {
                    edge.tunnel_in(now, &packet);
                }
                self.drive(Node::Edge(to));
            }
            Event::Port { edge, host, frame } => self.enter(edge, host, &frame),
            Event::Send { flow } => self.send(flow),
            Event::Resolve => self.resolve(),
            Event::Tenant(n) => self.play(n),
            Event::Step(n, step) => self.step(n, step),
            Event::Synced { upto, start } => {
                self.authority.synced(now, upto, start);
                self.drive(Node::Nva);
            }
            Event::Mishap(n) => self.go_wrong(n),
            Event::Mended(n, nodes) => self.mend(n, nodes),
            Event::Return(node, mishap) => self.revive(node, mishap),
            Event::Unplanned(n) => self.after_unplanned(n),
            Event::Look => {
                self.look();
                self.queue.put(now + LOOK, Event::Look);
            }
        }
    }
}

/// The true place of every host, interfaces of VMs first.
fn truth<'a>(tenants: &'a Tenants, hypervisor: &'a Hypervisor) -> impl Iterator<Item = Truth<'a>> + Clone {
    (0..tenants.hosts()).map(|host| {
        let vm = tenants.vm(host).and_then(|vm| hypervisor.vms().get(vm));
        Truth {
            name: tenants.name(host),
            key: tenants.key(host),
            addresses: tenants.addresses(host),
            at: vm.map_or_else(|| tenants.home(host), |vm| vm.seat().edge()),
            vm: vm.map(|vm| (vm.seat(), vm.unread_at().or(vm.astray()))),
        }
    })
}
