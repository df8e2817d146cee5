//! Edges, an authority with its disk, and what is under way between them.

use super::Violation;
use super::hypervisor::Vm;
use super::model::{AGE, Excuse, FRAMES, Model, REMEMBERED, Seat, To, Where};
use super::transition::{Fate, Queue, Transition};
use crate::direct::{peer, place};
use nvo3_mobility::forwarder::{DropReason, Forwarder, ForwarderConfig, Target, Verdict};
use nvo3_mobility::nva::{self, Nva, NvaConfig, Record};
use nvo3_mobility::nve::core::State;
use nvo3_mobility::nve::{self, Nve, NveConfig, Transmit};
use nvo3_mobility::table::{Change, TableChange, VapId};
use nvo3_nva_proto::{HoldLimits, Instant, Message, Micros, RecordNo, Tsi, TsiKey};
use nvo3_wire::{Mac, Vni};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

pub const EDGES: usize = 4;
/// Where each VM runs first, and the VNs of its interfaces.
pub const VMS: [(usize, &[usize]); 5] = [(0, &[0, 1]), (1, &[0]), (2, &[0, 1]), (3, &[1]), (0, &[0])];
/// All interfaces together.
pub const STATIONS: usize = 7;
const NVA: usize = EDGES;
/// The underlay's and the disk's longest delay.
const DELAY: Micros = Micros::from_millis(300);
/// So many control messages of one direction may be lost one after another: more is a cut, and has to be said.
const LOSSES: u8 = 3;
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
/// How long after a cut its edge may not know what the others do.
const AGREE: Micros = Micros::from_secs(8);
/// The number of a port that there never is.
const NO_PORT: VapId = VapId(u32::MAX);
const ENOUGH: usize = 10_000;

pub struct Node {
    pub nve: Nve,
    pub forwarder: Forwarder,
    /// Promises that its forwarder is going to refuse.
    refusals: u8,
}

#[derive(Default)]
pub struct Edge {
    pub live: Option<Box<Node>>,
    /// The stations of which its hypervisor wants a port.
    pub wanted: BTreeSet<usize>,
    pub attached: BTreeSet<usize>,
    pub cut: bool,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<(Instant, Vec<u8>)>,
    /// Lost since one was delivered.
    lost: u8,
}

/// A frame in a tunnel: since when, its VN, and itself.
type Packet = (Instant, Vni, Vec<u8>);

pub struct World {
    pub now: Instant,
    pub model: Model,
    pub edges: Vec<Edge>,
    pub nva: Option<Box<Nva>>,
    pub vms: Vec<Vm>,
    /// The VM and the VN of each station.
    pub stations: Vec<(usize, usize)>,
    disk: Vec<(RecordNo, Record)>,
    writing: Vec<(Instant, RecordNo, Record)>,
    control: BTreeMap<Queue, Line>,
    tunnels: BTreeMap<(usize, usize), VecDeque<Packet>>,
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

fn frame(number: usize, to: Mac, from: Mac) -> Vec<u8> {
    let header = [&to.0[..], &from.0[..], &[0x88, 0xb5][..], &(number as u32).to_be_bytes()[..]].concat();
    [&header[..], &[0; 42][..]].concat()
}

fn number_of(frame: &[u8]) -> Option<usize> {
    (frame[12..14] == [0x88, 0xb5]).then(|| u32::from_be_bytes(frame[14..18].try_into().unwrap()) as usize)
}

fn edge_at(address: IpAddr) -> usize {
    let IpAddr::V4(address) = address else { panic!("no edge has an IPv6 locator") };
    usize::from(address.octets()[3]) - 1
}

pub fn place_of(edge: usize) -> nvo3_nva_proto::Place {
    place(edge as u8 + 1)
}

fn hold(age: Micros) -> HoldLimits {
    HoldLimits { frames: FRAMES as u32, bytes: 1 << 20, age_ms: (age.0 / 1_000) as u32 }
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
            disk: Vec::new(),
            writing: Vec::new(),
            control: BTreeMap::new(),
            tunnels: BTreeMap::new(),
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
        Tsi { key: self.key(station), ips: vec![ip.into()] }
    }

    pub fn of_vm(&self, vm: usize) -> Vec<usize> {
        (0..STATIONS).filter(|station| self.stations[*station].0 == vm).collect()
    }

    pub fn is_up(&self, node: usize) -> bool {
        if node == NVA { self.nva.is_some() } else { self.edges[node].live.is_some() }
    }

    /// One transition.
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
            Transition::Tunnel { from, to } => self.tunnel_out(from, to),
            Transition::Carry => self.carry(),
            Transition::Sync => self.sync(self.now),
            Transition::Wait { length, coarse } => self.pass(LENGTHS[length], COARSE[coarse]),
            Transition::Die { node } => self.dies(node),
            Transition::Return { node } => self.comes_back(node),
            Transition::Cut { edge } => {
                self.edges[edge].cut = true;
                self.model.is_cut(edge, Instant(u64::MAX));
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

    // ---- datagrams

    /// A station that runs sends one.
    pub fn send(&mut self, from: usize, to: To) {
        let Seat::Runs(edge) = self.model.seats[self.stations[from].0] else { return };
        let number = self.model.sends(self.now, from, to);
        self.log(|| format!("station {from} sends {number} to {to:?} at edge {edge}"));
        let mac = match to {
            To::One(to) => self.key(to).mac,
            To::All => Mac::BROADCAST,
        };
        let bytes = frame(number, mac, self.key(from).mac);
        self.vap_in(edge, from, &bytes);
        self.drive(edge);
    }

    fn vap_in(&mut self, edge: usize, station: usize, bytes: &[u8]) {
        let Some(number) = number_of(bytes) else { return };
        if !self.is_up(edge) {
            return self.model.excuse(number, Excuse::ToDownNode);
        }
        let now = self.now;
        let verdict = self.forward(edge, |forwarder| Some(forwarder.vap_frame(now, vap(station), bytes)));
        self.follow(edge, verdict, bytes);
    }

    /// Lets an edge's forwarder do something, and tells the model of what it drops from its memory meanwhile.
    fn forward(&mut self, edge: usize, act: impl FnOnce(&mut Forwarder) -> Option<Verdict>) -> Option<Verdict> {
        let node = self.edges[edge].live.as_mut().unwrap();
        let dropped = |forwarder: &Forwarder| DropReason::ALL.map(|why| forwarder.counters().dropped_frames(why));
        let before = dropped(&node.forwarder);
        let done = act(&mut node.forwarder);
        let after = dropped(&node.forwarder);
        for (n, why) in (0..).zip(DropReason::ALL) {
            let own = u64::from(done == Some(Verdict::Drop(why)));
            if after[n] == before[n] + own {
                continue;
            }
            self.log(|| format!("edge {edge} drops from its memory: {why:?}"));
            match why {
                DropReason::HoldAge => self.model.sheds_old(self.now, edge),
                DropReason::HoldOverflow => self.model.sheds_many(self.now, edge),
                // Group frames come at most once, and need not come.
                DropReason::BumNotTunnelled | DropReason::BumPortShared => {}
                other => self.model.sheds(self.now, edge, &format!("{other:?}")),
            }
        }
        done
    }

    fn follow(&mut self, edge: usize, verdict: Option<Verdict>, bytes: &[u8]) {
        let (Some(number), Some(verdict)) = (number_of(bytes), verdict) else { return };
        match verdict {
            Verdict::Deliver(vap) => self.out_of_port(edge, vap, number),
            Verdict::Tunnel { to, vn } => self.tunnel_in(edge, to, vn, bytes),
            Verdict::Replicate => {
                for target in self.edges[edge].live.as_ref().unwrap().forwarder.replicas().to_vec() {
                    match target {
                        Target::Port(vap) => self.out_of_port(edge, vap, number),
                        Target::Tunnel { to, vn } => self.tunnel_in(edge, to, vn, bytes),
                        Target::Again(_) => panic!("a copy goes nowhere again"),
                    }
                }
            }
            Verdict::Held => {
                self.model.seen(number, Where::In(edge, self.now));
                self.log(|| format!("edge {edge} holds {number}"));
            }
            Verdict::Drop(why) => {
                self.log(|| format!("edge {edge} drops {number}: {why:?}"));
                match why {
                    DropReason::HoldOverflow => {
                        self.model.seen(number, Where::In(edge, self.now));
                        self.model.sheds_many(self.now, edge);
                    }
                    other => self.model.drops(self.now, number, edge, &format!("{other:?}")),
                }
            }
            Verdict::Punt => panic!("{bytes:?} is not for control"),
        }
    }

    fn tunnel_in(&mut self, edge: usize, to: IpAddr, vn: Vni, bytes: &[u8]) {
        let (to, now) = (edge_at(to), self.now);
        if let Some(number) = number_of(bytes) {
            self.model.seen(number, Where::Tunnel(edge));
            self.log(|| format!("edge {edge} tunnels {number} to edge {to}"));
        }
        self.tunnels.entry((edge, to)).or_default().push_back((now, vn, bytes.to_vec()));
    }

    fn tunnel_out(&mut self, from: usize, to: usize) {
        let Some((_, vn, bytes)) = self.tunnels.get_mut(&(from, to)).and_then(VecDeque::pop_front) else { return };
        let (now, number) = (self.now, number_of(&bytes));
        self.log(|| format!("edge {to} gets {number:?} from edge {from}"));
        if !self.is_up(to) {
            number.into_iter().for_each(|number| self.model.excuse(number, Excuse::ToDownNode));
            return;
        }
        let source = place_of(from).locators.v4().unwrap().into();
        let verdict = self.forward(to, |forwarder| Some(forwarder.tunnel_frame(now, source, vn, &bytes)));
        self.follow(to, verdict, &bytes);
        self.drive(to);
    }

    // ---- control

    fn say(&mut self, queue: Queue, bytes: Vec<u8>) {
        if self.timeline.is_some() {
            let what =
                Message::decode(&bytes).map_or_else(|error| error.to_string(), |(_, message)| message.to_string());
            self.log(|| format!("{queue:?} << {what}"));
        }
        self.control.entry(queue).or_default().waiting.push_back((self.now, bytes));
    }

    fn control(&mut self, queue: Queue, fate: Fate) {
        let line = self.control.entry(queue).or_default();
        let Some((since, bytes)) = line.waiting.pop_front() else { return };
        match fate {
            Fate::Lost if line.lost < LOSSES => return line.lost += 1,
            Fate::Overtaken => return line.waiting.push_back((since, bytes)),
            Fate::Repeated => line.waiting.push_front((since, bytes.clone())),
            Fate::Delivered | Fate::Lost => {}
        }
        line.lost = 0;
        self.hear(queue, &bytes);
    }

    fn hear(&mut self, queue: Queue, bytes: &[u8]) {
        let now = self.now;
        if let Queue::ToAuthority(edge) | Queue::ToEdge(edge) = queue
            && self.edges[edge].cut
        {
            return;
        }
        if self.timeline.is_some() {
            let what =
                Message::decode(bytes).map_or_else(|error| error.to_string(), |(_, message)| message.to_string());
            self.log(|| format!("{queue:?} >> {what}"));
        }
        match queue {
            Queue::ToAuthority(edge) => {
                if let Some(nva) = &mut self.nva {
                    nva.handle_datagram(now, peer(edge as u8 + 1), bytes);
                    self.drive_authority();
                }
            }
            Queue::ToEdge(edge) | Queue::Hints(edge) => {
                if let Some(node) = &mut self.edges[edge].live {
                    node.nve.handle_datagram(now, bytes);
                    self.drive(edge);
                }
            }
        }
    }

    /// The disk has what it was given until then.
    fn sync(&mut self, until: Instant) {
        let done = self.writing.iter().take_while(|(since, ..)| *since <= until).count();
        let Some((_, upto, _)) = done.checked_sub(1).map(|last| &self.writing[last]) else { return };
        let upto = *upto;
        self.disk.extend(self.writing.drain(..done).map(|(_, number, record)| (number, record)));
        let now = self.now;
        if let Some(nva) = &mut self.nva {
            nva.handle(now, nva::Input::Persisted(upto)).unwrap();
            self.drive_authority();
        }
    }

    /// Everything under way since then arrives, in turn.
    fn arrive(&mut self, until: Instant) -> bool {
        let mut any = self.writing.first().is_some_and(|(since, ..)| *since <= until);
        self.sync(until);
        let queues: Vec<Queue> = self.control.keys().copied().collect();
        for queue in queues {
            let old = |line: &mut Line| line.waiting.front().is_some_and(|(since, _)| *since <= until);
            if self.control.get_mut(&queue).is_some_and(old) {
                any = true;
                self.control(queue, Fate::Delivered);
            }
        }
        let tunnels: Vec<(usize, usize)> = self.tunnels.keys().copied().collect();
        for (from, to) in tunnels {
            if self.tunnels[&(from, to)].front().is_some_and(|(since, ..)| *since <= until) {
                any = true;
                self.tunnel_out(from, to);
            }
        }
        any
    }

    /// Everything arrives until nobody has anything to say now.
    pub fn carry(&mut self) {
        for _ in 0..ENOUGH {
            if !self.arrive(self.now) {
                return;
            }
        }
        self.model.wrong.push("the machines talk for ever".into());
    }

    // ---- time

    /// The next deadline of a machine.
    pub fn next_timer(&self) -> Option<Instant> {
        let edges = self.edges.iter().filter_map(|edge| edge.live.as_deref());
        let edges = edges.flat_map(|node| {
            node.nve.poll_timeout().map(|(at, _)| at).into_iter().chain(node.forwarder.poll_timeout())
        });
        let nva = self.nva.iter().filter_map(|nva| nva.poll_timeout().map(|(at, _)| at));
        edges.chain(nva).min()
    }

    /// Time goes on to then.
    pub fn tick(&mut self, at: Instant) {
        self.now = self.now.max(at);
        let now = self.now;
        for edge in 0..EDGES {
            if let Some(node) = &mut self.edges[edge].live {
                node.nve.handle_timeout(now);
                self.forward(edge, |forwarder| {
                    forwarder.handle_timeout(now);
                    None
                });
            }
        }
        if let Some(nva) = &mut self.nva {
            nva.handle_timeout(now);
        }
        self.drive_all();
    }

    /// Time passes, and nothing stays under way for too long.
    fn pass(&mut self, length: Micros, coarse: Micros) {
        let end = self.now + length;
        while self.now < end {
            let under_way = self.control.values().filter_map(|line| line.waiting.front().map(|(since, _)| *since));
            let tunnels = self.tunnels.values().filter_map(|line| line.front().map(|(since, ..)| *since));
            let disk = self.writing.first().map(|(since, ..)| *since);
            let arrives = under_way.chain(tunnels).chain(disk).min().map(|since| since + DELAY);
            let next = self.next_timer().into_iter().chain(arrives).min().unwrap_or(end);
            self.tick(next.max(self.now + coarse).min(end));
            while self.arrive(Instant(self.now.0.saturating_sub(DELAY.0))) {}
            if !self.model.wrong.is_empty() {
                return;
            }
        }
    }

    // ---- machines

    pub fn drive_all(&mut self) {
        for edge in 0..EDGES {
            self.drive(edge);
        }
        self.drive_authority();
    }

    /// Takes from an edge all that it has to give.
    pub fn drive(&mut self, edge: usize) {
        for _ in 0..ENOUGH {
            if !self.drive_once(edge) {
                return;
            }
        }
        self.model.wrong.push(format!("edge {edge} is never done"));
    }

    fn drive_once(&mut self, edge: usize) -> bool {
        let (now, mut busy, mut bytes) = (self.now, false, Vec::new());
        while let Some(change) = self.edges[edge].live.as_mut().and_then(|node| node.nve.poll_table_change()) {
            busy = true;
            self.apply(edge, change);
        }
        if !self.is_up(edge) {
            return false;
        }
        loop {
            let mut target = None;
            self.forward(edge, |forwarder| {
                target = forwarder.poll_flush(now, &mut |_| true, &mut bytes);
                None
            });
            let Some(target) = target else { break };
            busy = true;
            match target {
                Target::Port(vap) => {
                    number_of(&bytes).into_iter().for_each(|number| self.out_of_port(edge, vap, number))
                }
                Target::Tunnel { to, vn } => self.tunnel_in(edge, to, vn, &bytes),
                Target::Again(vap) => self.vap_in(edge, vap.0 as usize, &bytes.clone()),
            }
        }
        let node = self.edges[edge].live.as_mut().unwrap();
        while let Some(notice) = node.forwarder.poll_notice() {
            busy = true;
            node.nve.handle_notice(now, notice);
        }
        while let Some(event) = self.edges[edge].live.as_mut().and_then(|node| node.nve.poll_event()) {
            busy = true;
            self.edge_said(edge, event);
        }
        while let Some(to) = self.edges[edge].live.as_mut().and_then(|node| node.nve.poll_transmit(now, &mut bytes)) {
            busy = true;
            match to {
                Transmit::Nva => self.say(Queue::ToAuthority(edge), bytes.clone()),
                Transmit::Nve(to) => self.say(Queue::Hints(edge_at(to)), bytes.clone()),
                Transmit::Port(_) => {}
            }
        }
        busy
    }

    fn apply(&mut self, edge: usize, change: TableChange) {
        let (now, number) = (self.now, change.number);
        let node = self.edges[edge].live.as_mut().unwrap();
        let promise = match &change.change {
            Change::Tsi { key, .. } => may_refuse(node.nve.state(key).state),
            _ => false,
        };
        if promise && node.refusals > 0 {
            node.refusals -= 1;
            // An order that changes nothing, so that the next number is the next.
            node.forwarder.apply(&TableChange { number, change: Change::Port { vap: NO_PORT, port: None } }).unwrap();
            self.log(|| format!("edge {edge}: its forwarder refuses {:?}", change.change));
            let node = self.edges[edge].live.as_mut().unwrap();
            return node.nve.handle(now, nve::Input::Refused { number }).unwrap();
        }
        self.forward(edge, |forwarder| {
            forwarder.apply(&change).unwrap();
            None
        });
        let node = self.edges[edge].live.as_mut().unwrap();
        node.nve.handle(now, nve::Input::Applied(number)).unwrap();
    }

    pub fn drive_authority(&mut self) {
        let (now, mut bytes) = (self.now, Vec::new());
        while let Some((number, record)) = self.nva.as_mut().and_then(|nva| nva.poll_persist()) {
            self.log(|| format!("authority writes {number:?} {record:?}"));
            self.writing.push((now, number, record));
        }
        while let Some(to) = self.nva.as_mut().and_then(|nva| nva.poll_transmit(now, &mut bytes)) {
            self.say(Queue::ToEdge(edge_at(to.ip())), bytes.clone());
        }
        while let Some(event) = self.nva.as_mut().and_then(|nva| nva.poll_event()) {
            self.authority_said(&event);
        }
    }

    // ---- death

    pub fn mend(&mut self, edge: usize) {
        if self.edges[edge].cut {
            self.edges[edge].cut = false;
            self.model.is_cut(edge, self.now + AGREE);
        }
    }

    fn dies(&mut self, node: usize) {
        if !self.is_up(node) {
            return;
        }
        if node == NVA {
            self.nva = None;
            self.writing.clear();
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
        if node == NVA {
            let config = NvaConfig { hold: hold(Micros::from_secs(5)), duplicate_moves: 1_000, ..NvaConfig::default() };
            let mut nva = Nva::replay(config, seed, now, self.disk.iter().cloned()).unwrap();
            for edge in 0..EDGES {
                nva.handle(now, nva::Input::Admit(place_of(edge))).unwrap();
            }
            self.nva = Some(Box::new(nva));
            self.ask_for_outcomes();
            return self.drive_authority();
        }
        let locators = place_of(node).locators;
        let remembered = HoldLimits { frames: 1_024, ..hold(REMEMBERED) };
        let config = ForwarderConfig { asked: hold(AGE), recent: remembered, ..ForwarderConfig::new(locators) };
        let control = NveConfig { hold: hold(Micros::from_secs(5)), ..NveConfig::new(place_of(node)) };
        let (nve, forwarder) = (Nve::new(control, seed).unwrap(), Forwarder::new(config, seed).unwrap());
        self.edges[node].live = Some(Box::new(Node { nve, forwarder, refusals: 0 }));
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
        let input = nve::Input::Attach { vap: vap(station), vn, tsis, trusted: false };
        if self.tell(edge, input) == Some(()) {
            self.edges[edge].attached.insert(station);
        }
    }

    /// Tells an edge something as its hypervisor; `None` where it is down or does not take it.
    pub fn tell(&mut self, edge: usize, input: nve::Input) -> Option<()> {
        let now = self.now;
        let result = self.edges[edge].live.as_mut()?.nve.handle(now, input.clone());
        self.log(|| format!("edge {edge} is told {input:?}: {result:?}"));
        result.ok()
    }
}

/// A forwarder may refuse what a promise rests on, but for the one of an unplanned move, after which nobody asks again.
fn may_refuse(state: State) -> bool {
    const UNPLANNED: u64 = 1 << 63;
    state.awaits_forwarder() && state.plan().is_some_and(|plan| plan.id.0 & UNPLANNED == 0)
}
