//! The world: nodes, links and hosts under one clock.

use super::authority::Authority;
use super::capture::{Capture, LinkType};
use super::check::Checks;
use super::edge::{Edge, Effect, Entered};
use super::frame::{self, Station};
use super::host::Host;
use super::hypervisor::{Leg, Seat, Step, Unread, legs};
use super::ledger::{EdgeNo, Ledger};
use super::link::{Link, Mischief};
use super::params::{Params, Path};
use super::phase::Phase;
use super::queue::Queue;
use super::random::Random;
use super::tenant::Tenant;
use super::timeline::Timeline;
use crate::nve;
use crate::table::VapId;
use crate::{nva, nve::Transmit};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use nvo3_nva_proto::{Instant, Locators, Message, Micros, NveId, Place, TsiKey};
use nvo3_wire::{Mac, Vni};

/// The VM's number among the hosts.
pub(super) const VM: usize = 0;
/// The control port of every node.
const PORT: u16 = 61_635; // of the dynamic range: no dissector takes it for a protocol of its own
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
    /// The authority's disk has written up to here; only if it is still the same start of it.
    Synced { upto: nvo3_nva_proto::RecordNo, start: u32 },
    /// A node that died is back.
    Return(Node),
    /// The world is looked at as a whole.
    Look,
}

/// See the module.
pub(super) struct World {
    pub(super) params: Params,
    pub(super) queue: Queue<Event>,
    pub(super) random: Random,
    pub(super) edges: Vec<Edge>,
    pub(super) authority: Authority,
    pub(super) hosts: Vec<Host>,
    /// Which host sends to which, by the number of the flow.
    pub(super) flows: Vec<(usize, usize)>,
    pub(super) seat: Seat,
    /// In the port of a stopped VM, until its edge knows.
    pub(super) unread: Option<Unread>,
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
    /// The fault has come, and whoever it killed is back.
    pub(super) fault_over: bool,
    pub(super) fault_planned: bool,
    /// The leg in which it goes wrong.
    pub(super) fault_leg: usize,
    /// When the VM last began to run.
    pub(super) last_run: Option<Instant>,
    /// Frames held and tunnelled before traffic began.
    pub(super) before: (u64, u64),
    pub(super) sending: bool,
    home: Vec<EdgeNo>,
    control: BTreeMap<(Node, Node), Link>,
    underlay: BTreeMap<(EdgeNo, EdgeNo), Link>,
    effects: Vec<Effect>,
    refused: String,
}

/// The virtual network of all hosts.
pub(super) fn vn() -> Vni {
    Vni::new(5_001).unwrap_or(Vni::MAX)
}

fn place(n: EdgeNo) -> Place {
    let last = u8::try_from(n + 1).unwrap_or(0);
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into());
    Place { nve: NveId(last.into()), locators: Locators::Both(Ipv4Addr::new(192, 0, 2, last), v6) }
}

fn station(n: usize) -> Station {
    let last = u8::try_from(n + 10).unwrap_or(0);
    Station {
        mac: Mac([2, 0, 0x5e, 0, 0x53, last]),
        v4: Ipv4Addr::new(198, 51, 100, last),
        v6: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, last.into()),
    }
}

/// The port of a host, on whichever edge.
pub(super) fn vap(host: usize) -> VapId {
    VapId(u32::try_from(host + 1).unwrap_or(0))
}

impl World {
    pub(super) fn new(params: Params) -> Self {
        let seed = params.seed;
        let (names, hosts): (&[&str], &[(&str, EdgeNo)]) = match params.path {
            Path::AB | Path::ABA => (&["A", "B", "C"], &[("vm", 0), ("at-a", 0), ("at-b", 1), ("outside", 2)]),
            Path::ABC => (&["A", "B", "C", "D"], &[("vm", 0), ("at-a", 0), ("at-b", 1), ("at-c", 2), ("outside", 3)]),
        };
        let flows: Vec<_> = (1..hosts.len()).flat_map(|peer| [(peer, VM), (VM, peer)]).collect();
        let half = Micros(params.rtt.0 / 2);
        let jitter = Micros(half.0 / 20);
        let link = |stream, mischief| Link::new(half, jitter, mischief, Random::new(seed, stream));
        let (mut control, mut underlay, mut stream) = (BTreeMap::new(), BTreeMap::new(), 100);
        let mut next = || {
            stream += 1;
            stream
        };
        for a in 0..names.len() {
            control.insert((Node::Nva, Node::Edge(a)), link(next(), params.control));
            control.insert((Node::Edge(a), Node::Nva), link(next(), params.control));
            for b in (0..names.len()).filter(|b| *b != a) {
                control.insert((Node::Edge(a), Node::Edge(b)), link(next(), params.control));
                underlay.insert((a, b), link(next(), Mischief::NONE));
            }
        }
        let mut world = Self {
            queue: Queue::new(),
            random: Random::new(seed, 1),
            edges: names
                .iter()
                .enumerate()
                .map(|(n, name)| Edge::new(name, n, place(n), Random::new(seed, 10 + n as u64)))
                .collect(),
            authority: Authority::new(&params, (0..names.len()).map(place).collect()),
            hosts: hosts.iter().enumerate().map(|(n, (name, _))| Host::new(name, station(n))).collect(),
            ledger: Ledger::new(flows.len()),
            flows,
            seat: Seat::Runs(0),
            unread: None,
            legs: legs(params.path),
            tenant: Tenant::new(&params.tenant, station(VM).mac),
            checks: Checks::default(),
            timeline: Timeline::new(params.record.timeline),
            capture: Capture::new(params.record.packets),
            last_return: Instant(0),
            began: Instant(0),
            phase: Phase::SettingUp,
            fault_over: false,
            fault_planned: false,
            fault_leg: 0,
            last_run: None,
            before: (0, 0),
            sending: true,
            home: hosts.iter().map(|(_, edge)| *edge).collect(),
            control,
            underlay,
            effects: Vec::new(),
            refused: String::new(),
            params,
        };
        world.fault_leg = usize::try_from(world.random.below(world.legs.len() as u64)).unwrap_or(0);
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
        TsiKey { vn: vn(), mac: station(host).mac }
    }

    /// Where a host's frames enter: for the VM, where it runs or last ran.
    pub(super) fn edge_of(&self, host: usize) -> EdgeNo {
        match (host, self.seat) {
            (VM, Seat::Runs(edge) | Seat::Stopped(edge)) => edge,
            _ => self.home.get(host).copied().unwrap_or(0),
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
            Event::Return(node) => self.revive(node),
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
            self.queue.put(now + self.params.sync, Event::Synced { upto, start });
        }
        while let Some((to, bytes)) = self.authority.take_datagram(now) {
            if let Some(edge) = self.node_at(to.ip()) {
                self.say(Node::Nva, Node::Edge(edge), bytes);
            }
        }
        while let Some(event) = self.authority.take_event(now) {
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
                let Some(link) = self.underlay.get_mut(&(n, to)) else { return };
                for at in link.send(now) {
                    self.queue.put(at, Event::Tunnel { to, packet: packet.clone() });
                }
            }
            Effect::Event(event) => self.edge_said(n, event),
        }
    }

    fn edge_said(&mut self, n: EdgeNo, event: nve::Event) {
        let name = self.name(Node::Edge(n));
        match event {
            nve::Event::News { key, move_id, news } => {
                let host = self.name_of(&key);
                self.did(name, || format!("{host}: {news:?}"));
                self.news(n, key, move_id, news);
            }
            nve::Event::State { key, from, to } => {
                let host = self.name_of(&key);
                self.did(name, || format!("{host}: {} -> {}", from.name(), to.name()));
            }
            other => self.did(name, || format!("{other:?}")),
        }
    }

    fn say(&mut self, from: Node, to: Node, bytes: Vec<u8>) {
        let now = self.now();
        let names = (self.name(from), self.name(to));
        let arrivals = self.control.get_mut(&(from, to)).map(|link| link.send(now)).unwrap_or_default();
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
        if !self.params.record.timeline {
            return String::new();
        }
        match input {
            nve::Input::Attach { vap, tsis, .. } => {
                let who = tsis.first().map_or("nobody", |tsi| self.name_of(&tsi.key));
                format!("port {} for {who}", vap.0)
            }
            nve::Input::Detach { vap } => format!("port {} is gone", vap.0),
            nve::Input::Activate { key, move_id: Some(id) } => format!("{} runs here by {id}", self.name_of(key)),
            nve::Input::Activate { key, move_id: None } => format!("{} runs here", self.name_of(key)),
            nve::Input::Suspend { key, move_id, stopped_at: None } => {
                format!("{} will stop for {move_id}", self.name_of(key))
            }
            nve::Input::Suspend { key, move_id, stopped_at: Some(at) } => {
                format!("{} has stopped for {move_id}, {} us ago", self.name_of(key), (self.now() - *at).0)
            }
            other => format!("{other:?}"),
        }
    }

    /// The name of a host by its address.
    fn name_of(&self, key: &TsiKey) -> &'static str {
        self.hosts.iter().find(|host| host.station.mac == key.mac).map_or("?", |host| host.name)
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

    /// A node dies with what it had in memory and comes back later.
    pub(super) fn kill(&mut self, node: Node, down: Micros) {
        let name = self.name(node);
        self.did(name, || format!("dies, for {} ms", down.0 / 1_000));
        match node {
            Node::Nva => self.authority.die(),
            Node::Edge(n) => {
                if let Some(edge) = self.edges.get_mut(n) {
                    edge.die();
                    self.ledger.edge_died(n);
                }
                if let Some(unread) = self.unread.as_mut().filter(|unread| unread.at == n) {
                    unread.forgotten = true;
                }
            }
        }
        let at = self.now() + down;
        self.queue.put(at, Event::Return(node));
    }

    fn revive(&mut self, node: Node) {
        let now = self.now();
        (self.last_return, self.fault_over) = (now, true);
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
                    let here = match host {
                        VM => self.seat == Seat::Runs(n),
                        _ => self.edge_of(host) == n,
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
