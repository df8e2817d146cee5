//! The world: nodes, links and hosts under one clock.

use super::authority::Authority;
use super::capture::{Capture, LinkType};
use super::check::Checks;
use super::edge::{Edge, Effect, Entered};
use super::frame::{self, Station};
use super::host::Host;
use super::hypervisor::{Leg, Machine, Seat, Step};
use super::ledger::{EdgeNo, Ledger, Loss};
use super::link::{Link, Mischief};
use super::mishap::Progress;
use super::phase::Phase;
use super::queue::Queue;
use super::random::Random;
use super::scenario::Scenario;
use super::tenant::Tenant;
use super::timeline::Timeline;
use super::visited::Visited;
use crate::forwarder::DropReason;
use crate::nve;
use crate::table::VapId;
use crate::{nva, nve::Transmit};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use nvo3_nva_proto::{Instant, Locators, Message, Micros, NveId, Place, TsiKey};
use nvo3_wire::{Mac, Vni};

/// The host to which the tenant's own capture is played.
pub(super) const TENANT: usize = 0;
/// The control port of every node.
const PORT: u16 = 61_635; // of the dynamic range: no dissector takes it for a protocol of its own
/// The names of the edges.
const LETTERS: &str = "ABCDEFGH";
const NVA_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
/// How often the world is looked at as a whole.
pub(super) const LOOK: Micros = Micros(2_000);

/// A node with a control address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    Nva,
    Edge(EdgeNo),
}

/// What can happen.
#[derive(Debug)]
pub(super) enum Event {
    /// A control datagram arrives.
    Control { from: Node, to: Node, bytes: Vec<u8> },
    /// An outer IP packet arrives.
    Tunnel { to: EdgeNo, packet: Vec<u8> },
    /// A frame that a host put in its port reaches the edge.
    Port { edge: EdgeNo, host: usize, frame: Vec<u8> },
    /// A host's next datagram is due.
    Send { flow: u32 },
    /// Hosts ask for the addresses that they need and do not have.
    Resolve,
    /// The next frame of the tenant's own capture is due.
    Tenant(usize),
    /// Management's next step in a leg.
    Step(usize, Step),
    /// Something goes wrong.
    Mishap(usize),
    /// What one cut is mended.
    Mended(usize, (Node, Node)),
    /// The authority's disk has written up to here; only if it is still the same start of it.
    Synced { upto: nvo3_nva_proto::RecordNo, start: u32 },
    /// A node that died by a mishap is back.
    Return(Node, usize),
    /// The world is looked at as a whole.
    Look,
}

/// See the module.
pub(super) struct World {
    pub(super) scenario: Scenario,
    pub(super) queue: Queue<Event>,
    pub(super) random: Random,
    pub(super) edges: Vec<Edge>,
    pub(super) authority: Authority,
    pub(super) hosts: Vec<Host>,
    /// Which host sends to which, by the number of the flow.
    pub(super) flows: Vec<(usize, usize)>,
    pub(super) vms: Vec<Machine>,
    pub(super) legs: Vec<Leg>,
    pub(super) ledger: Ledger,
    pub(super) tenant: Tenant,
    pub(super) checks: Checks,
    pub(super) timeline: Timeline,
    pub(super) capture: Capture,
    pub(super) last_return: Instant,
    /// When traffic began.
    pub(super) began: Instant,
    pub(super) phase: Phase,
    /// How far each mishap has come.
    pub(super) mishaps: Vec<Progress>,
    /// How many of each kind have happened.
    pub(super) happened: BTreeMap<&'static str, u64>,
    /// Who does not reach whom.
    pub(super) cut: Vec<(Node, Node)>,
    /// Who died for good.
    pub(super) fenced: BTreeSet<EdgeNo>,
    /// Which states were seen.
    pub(super) visited: Visited,
    /// Frames held and tunnelled before traffic began.
    pub(super) before: (u64, u64),
    pub(super) sending: bool,
    control: BTreeMap<(Node, Node), Link>,
    underlay: BTreeMap<(EdgeNo, EdgeNo), Link>,
    effects: Vec<Effect>,
    refused: String,
}

fn place(n: EdgeNo) -> Place {
    let last = u8::try_from(n + 1).unwrap_or(0);
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into());
    Place { nve: NveId(last.into()), locators: Locators::Both(Ipv4Addr::new(192, 0, 2, last), v6) }
}

/// The addresses of the `n`th host of a VN: each VN has the same again.
fn station(n: usize) -> Station {
    let [high, last] = u16::try_from(n + 10).unwrap_or(u16::MAX).to_be_bytes();
    Station {
        mac: Mac([2, 0, 0x5e, high, 0x53, last]),
        v4: Ipv4Addr::new(198, 51, 100u8.saturating_add(high), last),
        v6: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, high.into(), last.into()),
    }
}

/// The hosts of a world: the interfaces of its VMs, and then those who talk to them.
fn hosts(scenario: &Scenario) -> Vec<Host> {
    let mut known: BTreeMap<Vni, usize> = BTreeMap::new();
    let mut hosts = Vec::new();
    let mut host = |name, network, vm, home| {
        let vn = Vni::new(network).unwrap_or(Vni::MAX);
        let of_vn = known.entry(vn).or_default();
        hosts.push(Host::new(name, station(*of_vn), vn, vm, home));
        *of_vn += 1;
    };
    for (n, vm) in scenario.vms.iter().enumerate() {
        for (interface, network) in vm.networks.iter().enumerate() {
            let name = Scenario::vm_name(n);
            let name = if interface == 0 { name } else { format!("{name}.{}", interface + 1) };
            host(name, *network, Some(n), vm.edge);
        }
    }
    for one in &scenario.correspondents {
        host(one.name.clone(), one.network, None, one.edge);
    }
    hosts
}

/// Who sends to whom: those who stay and each VM of their VN, and VMs each other.
fn flows(hosts: &[Host]) -> Vec<(usize, usize)> {
    let is_peer = |a: &Host, b: &Host| a.vn == b.vn && b.vm.is_some() && a.vm != b.vm;
    let mut flows = Vec::new();
    for (n, host) in hosts.iter().enumerate() {
        let vms = hosts.iter().enumerate().filter(|(other, vm)| is_peer(host, vm) && (host.vm.is_none() || *other > n));
        flows.extend(vms.flat_map(|(vm, _)| [(n, vm), (vm, n)]));
    }
    flows
}

/// The name of a host by its address.
fn name_of<'a>(hosts: &'a [Host], key: &TsiKey) -> &'a str {
    hosts.iter().find(|host| host.key() == *key).map_or("?", |host| host.name.as_str())
}

/// The port of a host, on whichever edge.
pub(super) fn vap(host: usize) -> VapId {
    VapId(u32::try_from(host + 1).unwrap_or(0))
}

impl World {
    pub(super) fn new(scenario: Scenario, random: Random) -> Self {
        let (seed, edges, mischief) = (scenario.seed, scenario.edges, scenario.control);
        let hosts = hosts(&scenario);
        let flows = flows(&hosts);
        let half = Micros(scenario.rtt.0 / 2);
        let jitter = Micros(half.0 / 20);
        let link = |stream, mischief| Link::new(half, jitter, mischief, Random::new(seed, stream));
        let (mut control, mut underlay, mut stream) = (BTreeMap::new(), BTreeMap::new(), 100);
        let mut next = || {
            stream += 1;
            stream
        };
        for a in 0..edges {
            control.insert((Node::Nva, Node::Edge(a)), link(next(), mischief));
            control.insert((Node::Edge(a), Node::Nva), link(next(), mischief));
            for b in (0..edges).filter(|b| *b != a) {
                control.insert((Node::Edge(a), Node::Edge(b)), link(next(), mischief));
                underlay.insert((a, b), link(next(), Mischief::NONE));
            }
        }
        let mut world = Self {
            queue: Queue::new(),
            random,
            edges: (0..edges)
                .map(|n| Edge::new(LETTERS.get(n..=n).unwrap_or("?"), n, place(n), Random::new(seed, 10 + n as u64)))
                .collect(),
            authority: Authority::new(&scenario, (0..edges).map(place).collect()),
            ledger: Ledger::new(flows.len()),
            flows,
            vms: Machine::all(&scenario),
            legs: Leg::all(&scenario.moves),
            tenant: Tenant::new(&scenario.tenant, hosts.first().map_or(Mac::ZERO, |host| host.station.mac)),
            hosts,
            checks: Checks::new(scenario.moves.len()),
            timeline: Timeline::new(scenario.record.timeline),
            capture: Capture::new(scenario.record.packets),
            last_return: Instant(0),
            began: Instant(0),
            phase: Phase::SettingUp,
            mishaps: alloc::vec![Progress::default(); scenario.mishaps.len()],
            happened: BTreeMap::new(),
            cut: Vec::new(),
            fenced: BTreeSet::new(),
            visited: Visited::default(),
            before: (0, 0),
            sending: true,
            control,
            underlay,
            effects: Vec::new(),
            refused: String::new(),
            scenario,
        };
        world.power_on();
        world
    }

    fn power_on(&mut self) {
        self.authority.start(Instant(0));
        self.drive(Node::Nva);
        for host in 0..self.hosts.len() {
            let edge = self.edge_of(host);
            self.attach(edge, host);
            self.tell(edge, nve::Input::Activate { key: self.key_of(host), move_id: None });
        }
        for edge in 0..self.edges.len() {
            self.tell(edge, nve::Input::Connect);
        }
        self.queue.put(Instant(1_000), Event::Resolve);
        self.queue.put(Instant(0) + LOOK, Event::Look);
    }

    // ---- who is who

    pub(super) fn now(&self) -> Instant {
        self.queue.now()
    }

    pub(super) fn name(&self, node: Node) -> &'static str {
        match node {
            Node::Nva => "NVA",
            Node::Edge(edge) => self.edges.get(edge).map_or("?", |edge| edge.name),
        }
    }

    pub(super) fn place(&self, edge: EdgeNo) -> Place {
        place(edge)
    }

    pub(super) fn key_of(&self, host: usize) -> TsiKey {
        self.hosts.get(host).map_or(TsiKey { vn: Vni::MAX, mac: Mac::ZERO }, Host::key)
    }

    pub(super) fn host_name(&self, host: usize) -> &str {
        self.hosts.get(host).map_or("?", |host| host.name.as_str())
    }

    /// Where a host's frames enter: for an interface of a VM, where that runs or last ran.
    pub(super) fn edge_of(&self, host: usize) -> EdgeNo {
        let Some(host) = self.hosts.get(host) else { return 0 };
        host.vm.map_or(host.home, |vm| self.seat(vm).edge())
    }

    pub(super) fn is_up(&self, node: Node) -> bool {
        match node {
            Node::Nva => self.authority.is_up(),
            Node::Edge(edge) => self.edges.get(edge).is_some_and(|edge| edge.nve().is_some()),
        }
    }

    fn node_at(&self, address: IpAddr) -> Option<EdgeNo> {
        (0..self.edges.len()).find(|n| place(*n).locators.contains(address))
    }

    fn socket(node: Node) -> (Ipv4Addr, u16) {
        match node {
            Node::Nva => (NVA_ADDRESS, PORT),
            Node::Edge(n) => (place(n).locators.v4().unwrap_or(NVA_ADDRESS), PORT),
        }
    }

    pub(super) fn did(&mut self, node: &'static str, what: impl FnOnce() -> String) {
        self.timeline.did(self.queue.now(), node, what);
    }

    // ---- time

    /// Lets the next thing happen. False when nothing ever will.
    pub(super) fn advance(&mut self) -> bool {
        let sleepers = core::iter::once((self.authority.wake(), Node::Nva))
            .chain(self.edges.iter().enumerate().map(|(n, edge)| (edge.wake(), Node::Edge(n))));
        let next = sleepers.filter_map(|(at, node)| Some((at?, node))).min();
        match (next, self.queue.due()) {
            (Some((at, node)), due) if due.is_none_or(|due| at < due) => {
                self.queue.advance(at);
                let now = self.now();
                match node {
                    Node::Nva => self.authority.time_passed(now),
                    Node::Edge(n) => {
                        if let Some(edge) = self.edges.get_mut(n) {
                            edge.time_passed(now, &mut self.ledger);
                        }
                    }
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
        self.check_delivery();
        true
    }

    fn happen(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Control { from, to, bytes } => {
                match to {
                    Node::Nva => {
                        let (address, port) = Self::socket(from);
                        self.authority.hear(now, SocketAddr::new(IpAddr::V4(address), port), &bytes);
                    }
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
                    edge.tunnel_in(now, &packet, &mut self.ledger, &mut self.checks, &mut self.effects);
                }
                self.drive(Node::Edge(to));
            }
            Event::Port { edge: n, host, frame } => {
                if let Some(edge) = self.edges.get_mut(n) {
                    let entered = edge.port_in(now, vap(host), &frame, &mut self.ledger, &mut self.effects);
                    if entered != Entered::Forwarded {
                        self.tenant.stopped_at_the_edge(&frame, entered);
                    }
                }
                self.drive(Node::Edge(n));
            }
            Event::Send { flow } => self.send(flow),
            Event::Resolve => self.resolve(),
            Event::Tenant(n) => self.play(n),
            Event::Step(n, step) => self.step(n, step),
            Event::Synced { upto, start } => {
                self.authority.synced(now, upto, start);
                self.drive(Node::Nva);
            }
            Event::Mishap(n) => self.go_wrong(n),
            Event::Mended(n, nodes) => self.mended(n, nodes),
            Event::Return(node, mishap) => self.revive(node, mishap),
            Event::Look => {
                self.look();
                self.queue.put(now + LOOK, Event::Look);
            }
        }
    }

    // ---- driving

    /// Takes from a node all that it has to give.
    pub(super) fn drive(&mut self, node: Node) {
        let now = self.now();
        match node {
            Node::Nva => self.drive_authority(now),
            Node::Edge(n) => {
                let mut effects = core::mem::take(&mut self.effects);
                if let Some(edge) = self.edges.get_mut(n) {
                    edge.drive(now, &mut self.ledger, &mut effects);
                }
                for effect in effects.drain(..) {
                    self.effect(n, effect);
                }
                self.effects = effects;
            }
        }
    }

    fn drive_authority(&mut self, now: Instant) {
        if let Some((upto, start)) = self.authority.take_records() {
            self.queue.put(now + self.scenario.sync, Event::Synced { upto, start });
        }
        while let Some((to, bytes)) = self.authority.take_datagram(now) {
            if let Some(edge) = self.node_at(to.ip()) {
                self.say(Node::Nva, Node::Edge(edge), bytes);
            }
        }
        while let Some(event) = self.authority.take_event(now) {
            if let nva::Event::Move { from, to, .. } = &event {
                self.visited.authority(from, to);
            }
            self.did("NVA", || match &event {
                nva::Event::Move { id, from, to } => format!("{id}: {} -> {}", from.name(), to.name()),
                other => format!("{other:?}"),
            });
            self.told(&event);
        }
    }

    fn effect(&mut self, n: EdgeNo, effect: Effect) {
        let now = self.now();
        match effect {
            Effect::Control(Transmit::Nva, bytes) => self.say(Node::Edge(n), Node::Nva, bytes),
            Effect::Control(Transmit::Nve(to), bytes) => {
                if let Some(to) = self.node_at(to) {
                    self.say(Node::Edge(n), Node::Edge(to), bytes);
                }
            }
            Effect::Control(Transmit::Port(vap), frame) | Effect::Port(vap, frame) => self.out_of_port(n, vap, &frame),
            Effect::Tunnel(to, packet) => {
                let Some(to) = self.node_at(to) else { return };
                let names = (self.name(Node::Edge(n)), self.name(Node::Edge(to)));
                self.capture.saw(now, LinkType::Ip, || format!("{}-{}", names.0, names.1), || packet.clone());
                if self.is_cut(Node::Edge(n), Node::Edge(to)) {
                    if let Some(id) = frame::tunnelled(&packet) {
                        self.ledger.lose(id, Loss::Cut);
                    }
                    return;
                }
                let Some(link) = self.underlay.get_mut(&(n, to)) else { return };
                for at in link.send(now) {
                    self.queue.put(at, Event::Tunnel { to, packet: packet.clone() });
                }
            }
            Effect::Event(event) => self.edge_said(n, event),
            Effect::Dropped(id, reason) => {
                let name = self.name(Node::Edge(n));
                self.did(name, || format!("drops datagram {}/{}: {reason:?}", id.flow, id.number));
                let forgot = reason == DropReason::UnknownVn && self.edges.get(n).is_some_and(|edge| edge.has_died);
                let sender = self.flows.get(id.flow as usize).map(|(from, _)| self.edge_of(*from));
                if forgot && sender.is_some_and(|edge| self.was_cut_off(edge)) {
                    self.ledger.lost_for(id, Loss::Forgotten);
                }
            }
        }
    }

    fn edge_said(&mut self, n: EdgeNo, event: nve::Event) {
        let name = self.name(Node::Edge(n));
        match event {
            nve::Event::News { key, move_id, news } => {
                let host = name_of(&self.hosts, &key);
                self.timeline.did(self.queue.now(), name, || format!("{host}: {news:?}"));
                self.news(n, key, move_id, news);
            }
            nve::Event::State { key, from, to } => {
                self.visited.edge(&from, &to);
                let host = name_of(&self.hosts, &key);
                self.timeline.did(self.queue.now(), name, || format!("{host}: {} -> {}", from.name(), to.name()));
            }
            other => self.did(name, || format!("{other:?}")),
        }
    }

    fn say(&mut self, from: Node, to: Node, bytes: Vec<u8>) {
        let now = self.now();
        let names = (self.name(from), self.name(to));
        let mut arrivals = self.control.get_mut(&(from, to)).map(|link| link.send(now)).unwrap_or_default();
        if self.is_cut(from, to) {
            arrivals.clear();
        }
        match Message::decode(&bytes) {
            Ok((_, message)) => {
                if from == Node::Nva {
                    self.checks.authority_said(now, &message);
                }
                self.timeline.said(now, names, arrivals.len(), || format!("{message}"));
            }
            Err(error) => self.timeline.said(now, names, arrivals.len(), || format!("{error}")),
        }
        let name = || format!("{}-{} control", names.0, names.1);
        self.capture.saw(now, LinkType::Ip, name, || frame::control(Self::socket(from), Self::socket(to), &bytes));
        for at in arrivals {
            self.queue.put(at, Event::Control { from, to, bytes: bytes.clone() });
        }
    }

    /// Tells an edge something as its hypervisor; whether it was up and took it.
    pub(super) fn tell(&mut self, n: EdgeNo, input: nve::Input) -> bool {
        let taken = self.tell_only(n, input);
        self.drive(Node::Edge(n));
        taken
    }

    /// The same, and nothing that follows from it happens yet.
    pub(super) fn tell_only(&mut self, n: EdgeNo, input: nve::Input) -> bool {
        let (now, words) = (self.now(), self.timeline_words(&input));
        let name = self.name(Node::Edge(n));
        let Some(result) = self.edges.get_mut(n).and_then(|edge| edge.tell(now, input)) else { return false };
        let line = match &result {
            Ok(()) => format!("is told: {words}"),
            Err(error) => format!("is told: {words}; refuses: {error}"),
        };
        // What is said again and refused again is told once.
        if result.is_ok() || self.refused != line {
            self.did(name, || line.clone());
        }
        if result.is_err() {
            self.refused = line;
        }
        result.is_ok()
    }

    fn timeline_words(&self, input: &nve::Input) -> String {
        if !self.scenario.record.timeline {
            return String::new();
        }
        match input {
            nve::Input::Attach { vap, tsis, .. } => {
                let who = tsis.first().map_or("nobody", |tsi| name_of(&self.hosts, &tsi.key));
                format!("port {} for {who}", vap.0)
            }
            nve::Input::Detach { vap } => format!("port {} is gone", vap.0),
            nve::Input::Activate { key, move_id: Some(id) } => {
                format!("{} runs here by {id}", name_of(&self.hosts, key))
            }
            nve::Input::Activate { key, move_id: None } => format!("{} runs here", name_of(&self.hosts, key)),
            nve::Input::Suspend { key, move_id, stopped_at: None } => {
                format!("{} will stop for {move_id}", name_of(&self.hosts, key))
            }
            nve::Input::Suspend { key, move_id, stopped_at: Some(at) } => {
                format!("{} has stopped for {move_id}, {} us ago", name_of(&self.hosts, key), (self.now() - *at).0)
            }
            other => format!("{other:?}"),
        }
    }

    /// Tells the authority something as management.
    pub(super) fn tell_authority(&mut self, input: nva::Input) -> Result<(), ()> {
        let now = self.now();
        let words = match &input {
            nva::Input::Move { id, to, .. } => format!("{id} of the VM to {to}"),
            other => format!("{other:?}"),
        };
        let result = self.authority.tell(now, input);
        self.did("NVA", || match &result {
            Ok(()) => format!("is told: {words}"),
            Err(Some(error)) => format!("is told: {words}; refuses: {error}"),
            Err(None) => format!("is told, and is down: {words}"),
        });
        self.drive(Node::Nva);
        result.map_err(|_| ())
    }

    // ---- death

    /// A node dies with what it had in memory, and comes back later where the time of that is said, with the mishap's number.
    pub(super) fn kill(&mut self, node: Node, back: Option<(Micros, usize)>) {
        let name = self.name(node);
        self.did(name, || match back {
            Some((down, _)) => format!("dies, for {} ms", down.0 / 1_000),
            None => "dies for good".into(),
        });
        match node {
            Node::Nva => self.authority.die(),
            Node::Edge(n) => {
                if let Some(edge) = self.edges.get_mut(n) {
                    edge.die();
                    self.ledger.edge_died(n);
                }
                for leg in self.legs.iter_mut().filter(|leg| leg.from == n) {
                    leg.heard = 0;
                }
                let unread = self.vms.iter_mut().filter_map(|vm| vm.unread.as_mut());
                for unread in unread.filter(|unread| unread.at == n) {
                    unread.forgotten = true;
                }
            }
        }
        if let Some((down, mishap)) = back {
            let at = self.now() + down;
            self.queue.put(at, Event::Return(node, mishap));
        }
    }

    fn revive(&mut self, node: Node, mishap: usize) {
        let now = self.now();
        self.last_return = self.last_return.max(now);
        self.over(mishap);
        let name = self.name(node);
        self.did(name, || "is back".into());
        match node {
            Node::Nva => {
                self.authority.start(now);
                self.check_memory();
                self.drive(node);
            }
            Node::Edge(n) => {
                let Some(edge) = self.edges.get_mut(n) else { return };
                edge.start();
                let ports: Vec<_> = edge.ports.values().cloned().collect();
                for port in ports {
                    self.tell(n, port);
                }
                for host in 0..self.hosts.len() {
                    let vm = self.hosts.get(host).and_then(|host| host.vm);
                    let here = match vm {
                        Some(vm) => self.seat(vm) == Seat::Runs(n),
                        None => self.edge_of(host) == n,
                    };
                    if here {
                        self.tell(n, nve::Input::Activate { key: self.key_of(host), move_id: None });
                    }
                }
                self.tell(n, nve::Input::Connect);
            }
        }
    }
}
