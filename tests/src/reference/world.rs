//! The world: edges, an authority with its disk, and the queues between them.

use super::Violation;
use super::drive::Node;
use super::hypervisor::Vm;
use super::lines::Lines;
use super::model::{AGE, FRAMES, Model, REMEMBERED, Seat, To};
use super::transition::Transition;
use crate::direct::place;
use nvo3_mobility::Transport;
use nvo3_mobility::edge::foreign::ForeignEdge;
use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig};
use nvo3_mobility::nva::{self, Nva, NvaConfig, Record};
use nvo3_mobility::nve::{self, Nve, NveConfig};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{HoldLimits, Instant, Micros, Place, Role, Tsi, TsiKey, Version};
use nvo3_wire::{Mac, Vni};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

pub const EDGES: usize = 4;
/// The VMs: the edge where each VM runs first, and the VNs of its interfaces.
pub const VMS: [(usize, &[usize]); 5] = [(0, &[0, 1]), (1, &[0]), (2, &[0, 1]), (3, &[1]), (0, &[0])];
/// The number of interfaces of all VMs.
pub const STATIONS: usize = 7;
const NVA: usize = EDGES;
const LENGTHS: [Micros; 7] = [
    Micros(100),
    Micros(1_000),
    Micros(10_000),
    Micros(100_000),
    Micros(1_000_000),
    Micros(4_000_000),
    Micros(35_000_000),
];
const COARSE: [Micros; 3] = [Micros(1), Micros(20_000), Micros(200_000)];
/// The time after a cut in which the edge may lack what the others know.
const AGREE: Micros = Micros::from_secs(8);

#[derive(Default)]
pub struct Edge {
    pub live: Option<Box<Node>>,
    /// The stations that the edge's hypervisor wants a port for.
    pub wanted: BTreeSet<usize>,
    pub attached: BTreeSet<usize>,
    pub cut: bool,
}

pub struct World {
    pub now: Instant,
    pub model: Model,
    pub edges: Vec<Edge>,
    pub nva: Option<Box<Nva>>,
    pub vms: Vec<Vm>,
    /// The VM and the VN of each station.
    pub stations: Vec<(usize, usize)>,
    pub lines: Lines,
    pub disk: Vec<(Version, Record)>,
    starts: u64,
    pub moves: u64,
    timeline: Option<Vec<String>>,
}

fn stations() -> Vec<(usize, usize)> {
    (0..).zip(VMS).flat_map(|(vm, (_, vns))| vns.iter().map(move |vn| (vm, *vn))).collect()
}

pub fn vap(station: usize) -> VapId {
    VapId(station as u32)
}

pub fn place_of(edge: usize) -> Place {
    place(edge as u8 + 1)
}

fn hold(age: Micros) -> HoldLimits {
    HoldLimits { frames: FRAMES as u32, bytes: 1 << 20, age }
}

impl World {
    pub fn new(recorded: bool) -> Self {
        let stations = stations();
        let seats = VMS.iter().map(|(edge, _)| Seat::Runs(*edge)).collect();
        let mut world = Self {
            now: Instant(1_000_000),
            model: Model::new(stations.clone(), seats),
            edges: (0..EDGES).map(|_| Edge::default()).collect(),
            nva: None,
            vms: (0..VMS.len()).map(|_| Vm::default()).collect(),
            stations,
            lines: Lines::default(),
            disk: Vec::new(),
            starts: 0,
            moves: 0,
            timeline: None,
        };
        for station in 0..STATIONS {
            let (vm, _) = world.stations[station];
            world.edges[VMS[vm].0].wanted.insert(station);
        }
        for node in 0..=EDGES {
            world.comes_back(node);
        }
        world.carry();
        world.pass(Micros(20_000), Micros(1));
        world.carry();
        world.timeline = recorded.then(Vec::new);
        world
    }

    pub fn violation(self) -> Violation {
        Violation { what: self.model.wrong, timeline: self.timeline.unwrap_or_default() }
    }

    pub fn is_recorded(&self) -> bool {
        self.timeline.is_some()
    }

    pub fn log(&mut self, line: impl FnOnce() -> String) {
        if let Some(timeline) = &mut self.timeline {
            timeline.push(format!("{:>12} {}", self.now.0 - 1_000_000, line()));
        }
    }

    pub fn key(&self, station: usize) -> TsiKey {
        let (vm, vn) = self.stations[station];
        TsiKey { vn: Vni::new(7 + vn as u32).unwrap(), mac: Mac([2, 0, 0, 0, 0, vm as u8 + 1]) }
    }

    fn tsi(&self, station: usize) -> Tsi {
        let (vm, vn) = self.stations[station];
        let ip = Ipv4Addr::new(192, 0, 2 + vn as u8, vm as u8 + 1);
        Tsi { key: self.key(station), ips: vec![ip.into()], role: Role::Unknown }
    }

    pub fn of_vm(&self, vm: usize) -> Vec<usize> {
        (0..STATIONS).filter(|station| self.stations[*station].0 == vm).collect()
    }

    pub fn is_up(&self, node: usize) -> bool {
        if node == NVA { self.nva.is_some() } else { self.edges[node].live.is_some() }
    }

    /// Applies one transition.
    pub fn happen(&mut self, transition: Transition) {
        // No two things happen in one instant.
        self.now = self.now + Micros(1);
        self.log(|| format!("-- {transition:?}"));
        match transition {
            Transition::Send { from, to, count } => {
                let same_vn = self.stations[from].1 == self.stations[to].1;
                for _ in 0..if same_vn && from != to { count } else { 0 } {
                    self.send(from, To::One(to));
                }
            }
            Transition::Broadcast { from } => self.send(from, To::All),
            Transition::Plan { vm, to, deadline } => self.plan(vm, to, deadline),
            Transition::CallOff { vm } => self.call_off(vm),
            Transition::Hypervisor { vm, act } => self.act(vm, act),
            Transition::Control { queue, fate } => self.control(queue, fate),
            Transition::Tunnel { from, to } => self.leave_tunnel(from, to),
            Transition::Carry => self.carry(),
            Transition::Sync => self.sync(self.now),
            Transition::Wait { length, coarse } => self.pass(LENGTHS[length], COARSE[coarse]),
            Transition::Die { node } => self.dies(node),
            Transition::Return { node } => self.comes_back(node),
            Transition::Cut { edge } => {
                self.edges[edge].cut = true;
                self.model.is_cut(edge);
            }
            Transition::Mend { edge } => self.mend(edge),
            Transition::Refuse { edge } => {
                if let Some(node) = &mut self.edges[edge].live {
                    node.refusals = 1;
                }
            }
        }
        self.drive_all();
    }

    pub fn mend(&mut self, edge: usize) {
        self.edges[edge].cut = false;
        if self.nva.is_some() {
            self.model.agrees(edge, self.now + AGREE);
        }
    }

    fn dies(&mut self, node: usize) {
        if !self.is_up(node) {
            return;
        }
        self.model.is_down(node);
        if node == NVA {
            self.nva = None;
            self.lines.writing.clear();
            return;
        }
        self.edges[node].live = None;
        self.edges[node].attached.clear();
        self.model.dies(self.now, node);
        self.edge_died(node);
    }

    pub fn comes_back(&mut self, node: usize) {
        if self.is_up(node) {
            return;
        }
        self.starts += 1;
        let (now, seed) = (self.now, self.starts);
        self.model.is_back(node, now + AGREE);
        if node == NVA {
            let mut config = NvaConfig::new(Transport::Trusted);
            config.hold = hold(Micros::from_secs(5));
            config.duplicate_moves = 1_000;
            let mut nva = Nva::replay(config, seed, now, self.disk.iter().cloned()).unwrap();
            for edge in 0..EDGES {
                nva.handle(now, nva::Input::Admit(place_of(edge))).unwrap();
            }
            self.nva = Some(Box::new(nva));
            for edge in 0..EDGES {
                if !self.edges[edge].cut {
                    self.model.agrees(edge, now + AGREE);
                }
            }
            self.ask_for_outcomes();
            return self.drive_authority();
        }
        let locators = place_of(node).locators;
        let mut config = ForwarderConfig::new(locators);
        config.asked = hold(AGE);
        config.recent = HoldLimits { frames: 1_024, ..hold(REMEMBERED) };
        let mut control = NveConfig::new(place_of(node), Transport::Trusted);
        control.hold = hold(Micros::from_secs(5));
        let control = ForeignEdge::new(Nve::new(control, seed).unwrap(), 1);
        let forwarder = Forwarder::new(config, seed).unwrap();
        self.edges[node].live = Some(Box::new(Node { control, forwarder, refusals: 0 }));
        for station in self.edges[node].wanted.clone() {
            self.attach(node, station);
        }
        for station in 0..STATIONS {
            if self.model.seats[self.stations[station].0] == Seat::Runs(node) {
                let key = self.key(station);
                self.tell(node, nve::Input::Activate { key, move_id: None }).unwrap();
            }
        }
        self.tell(node, nve::Input::Connect).unwrap();
        self.drive(node);
    }

    pub fn attach(&mut self, edge: usize, station: usize) {
        self.edges[edge].wanted.insert(station);
        let (vn, tsis) = (self.key(station).vn, vec![self.tsi(station)]);
        let input = nve::Input::Attach { vap: vap(station), vn, tsis, policy: PortPolicy::untrusted() };
        if self.tell(edge, input) == Some(()) {
            self.edges[edge].attached.insert(station);
        }
    }

    /// Gives an edge an input of its hypervisor. `None` if the edge is down or refuses it.
    pub fn tell(&mut self, edge: usize, input: nve::Input) -> Option<()> {
        let now = self.now;
        let result = self.edges[edge].live.as_mut()?.control.tell(now, input.clone());
        self.log(|| format!("edge {edge} is told {input:?}: {result:?}"));
        result.ok()
    }
}
