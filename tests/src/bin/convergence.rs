//! Measures how long senders still send to the old NVE after a VM runs at the new NVE: 10, 100 and 1,000 edges that each send to the VM,
//! one authority, and half a round trip for each message. The measurement ends when the last edge's forwarder sends to the new NVE.
//! Prints a Markdown table. The exit code is 1 if it takes longer than a round trip to the authority and a push (half a round trip), or
//! if an edge still sends to the old NVE at the end.
//!
//! `cargo run --release -p nvo3-tests --bin convergence`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement is a test")]

use nvo3_mobility::Transport;
use nvo3_mobility::edge::{Edge, Next, Peer};
use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig, Verdict};
use nvo3_mobility::nva::{self, Nva, NvaConfig};
use nvo3_mobility::nve::{self, Nve, NveConfig};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{CONTROL_PORT, Instant, Locators, Micros, MoveId, MoveKind, NveId, Place, Role, Tsi, TsiKey};
use nvo3_tests::say;
use nvo3_wire::{Mac, Vni};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

const ROUND_TRIP: Micros = Micros(1_000);
/// How long the VM runs nowhere.
const PAUSE: Micros = Micros(400);
const OLD: usize = 0;
const NEW: usize = 1;

enum To {
    Nva(usize),
    Edge(usize),
}

struct World {
    now: Instant,
    nva: Nva,
    edges: Vec<Edge>,
    /// Each message takes the same time, so messages arrive in the order in which they were sent.
    under_way: VecDeque<(Instant, To, Vec<u8>)>,
    /// When each edge's forwarder first sent to the new NVE.
    direct: BTreeMap<usize, Instant>,
    converged: bool,
}

fn place(n: usize) -> Place {
    let [.., high, low] = (n as u32 + 1).to_be_bytes();
    Place { nve: NveId(n as u64 + 1), locators: Locators::V4(Ipv4Addr::new(10, 0, high, low)) }
}

fn address(n: usize) -> IpAddr {
    IpAddr::V4(place(n).locators.v4().unwrap())
}

fn tsi(n: usize) -> Tsi {
    let [.., high, low] = (n as u32).to_be_bytes();
    let key = TsiKey { vn: Vni::new(77).unwrap(), mac: Mac([2, 0, 0, 0, high, low]) };
    Tsi { key, ips: vec![IpAddr::V4(Ipv4Addr::new(192, 168, high, low))], role: Role::Unknown }
}

/// A frame from station `from` to the VM, which is station 0.
fn frame(from: usize) -> Vec<u8> {
    let mut frame = vec![0; 60];
    frame[..6].copy_from_slice(&tsi(0).key.mac.0);
    frame[6..12].copy_from_slice(&tsi(from).key.mac.0);
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    frame
}

impl World {
    /// A world with the VM at the first edge. Each edge from the third on has a station that has sent to the VM.
    fn new(senders: usize, early_push: bool) -> Self {
        let now = Instant(1_000_000);
        let mut config = NvaConfig::new(Transport::Trusted);
        config.early_push = early_push;
        let mut nva = Nva::new(config, 7, now).unwrap();
        let edge = |n| {
            let forwarder = Forwarder::new(ForwarderConfig::new(place(n).locators), 3).unwrap();
            Edge::new(Nve::new(NveConfig::new(place(n), Transport::Trusted), n as u64).unwrap(), forwarder)
        };
        let mut edges: Vec<Edge> = (0..senders + 2).map(edge).collect();
        for (n, edge) in edges.iter_mut().enumerate() {
            nva.handle(now, nva::Input::Admit(place(n))).unwrap();
            edge.tell(now, nve::Input::Connect).unwrap();
            let tsi = tsi(if n > NEW { n } else { 0 });
            let (key, vn) = (tsi.key, tsi.key.vn);
            edge.tell(now, nve::Input::Attach { vap: VapId(1), vn, tsis: vec![tsi], policy: PortPolicy::untrusted() })
                .unwrap();
            if n != NEW {
                edge.tell(now, nve::Input::Activate { key, move_id: None }).unwrap();
            }
        }
        let (under_way, direct) = (VecDeque::new(), BTreeMap::new());
        let mut world = Self { now, nva, edges, under_way, direct, converged: false };
        world.run(Micros::from_millis(50));
        for n in NEW + 1..world.edges.len() {
            world.send(n);
        }
        world.run(Micros::from_millis(50));
        world
    }

    /// Sends a frame of station `n` to the VM; gives the locator that it is tunnelled to.
    fn send(&mut self, n: usize) -> Option<IpAddr> {
        match self.edges[n].frame(self.now, VapId(1), &frame(n)).verdict() {
            Verdict::Tunnel { to, .. } => Some(to),
            _ => None,
        }
    }

    /// Puts every message that is to be sent now on its way.
    fn settle(&mut self) {
        let mut bytes = Vec::new();
        for (n, edge) in self.edges.iter_mut().enumerate() {
            // Frames that were held until an answer came do not count here.
            loop {
                match edge.poll(self.now, &mut |_| true, &mut bytes) {
                    Next::Datagram(Peer::Nva) => {
                        self.under_way.push_back((self.now + Micros(ROUND_TRIP.0 / 2), To::Nva(n), bytes.clone()));
                    }
                    Next::Wait(_) => break,
                    _ => {}
                }
            }
        }
        while let Some((at, _)) = self.nva.poll_persist() {
            self.nva.handle(self.now, nva::Input::Persisted(at)).unwrap();
        }
        while let Some(to) = self.nva.poll_transmit(self.now, &mut bytes) {
            let n = (0..self.edges.len()).find(|n| address(*n) == to.ip()).unwrap();
            self.under_way.push_back((self.now + Micros(ROUND_TRIP.0 / 2), To::Edge(n), bytes.clone()));
        }
        while let Some(event) = self.nva.poll_event() {
            self.converged |= matches!(event, nva::Event::Converged { .. });
        }
    }

    fn run(&mut self, length: Micros) {
        let end = self.now + length;
        loop {
            self.settle();
            let arrives = self.under_way.front().map(|(at, ..)| *at);
            let edges = self.edges.iter().filter_map(Edge::poll_timeout).min();
            let next = [arrives, edges, self.nva.poll_timeout().map(|(at, _)| at)].into_iter().flatten().min();
            self.now = next.unwrap_or(end).clamp(self.now, end);
            if self.now == end && arrives.is_none_or(|at| at > end) {
                return;
            }
            while self.under_way.front().is_some_and(|(at, ..)| *at <= self.now) {
                let Some((_, to, bytes)) = self.under_way.pop_front() else { break };
                match to {
                    To::Nva(n) => self.nva.handle_datagram(self.now, SocketAddr::new(address(n), CONTROL_PORT), &bytes),
                    To::Edge(n) => {
                        self.edges[n].datagram(self.now, &bytes);
                        self.settle();
                        if n > NEW && self.send(n) == Some(address(NEW)) {
                            self.direct.entry(n).or_insert(self.now);
                        }
                    }
                }
            }
            self.nva.handle_timeout(self.now);
        }
    }
}

/// Moves the VM. Gives the microseconds from its activation until the last sender sends to the new NVE; 0 if all did before.
fn measure(senders: usize, early_push: bool) -> Option<u64> {
    let mut world = World::new(senders, early_push);
    let (key, id) = (tsi(0).key, MoveId(9));
    let plan = nva::Input::Move {
        id,
        tsis: vec![key],
        to: place(NEW).nve,
        kind: MoveKind::Hot,
        deadline: Micros::from_secs(5),
    };
    world.nva.handle(world.now, plan).unwrap();
    world.run(Micros::from_millis(20));
    let suspend = nve::Input::Suspend { key, move_id: id, stopped_at: None };
    world.edges[OLD].tell(world.now, suspend).unwrap();
    world.run(PAUSE);
    world.edges[NEW].tell(world.now, nve::Input::Activate { key, move_id: Some(id) }).unwrap();
    let runs = world.now;
    world.run(Micros::from_secs(2));

    let last = world.direct.values().max().copied()?;
    let all = world.direct.len() == senders && world.converged;
    all.then_some(last.0.saturating_sub(runs.0))
}

fn main() -> ExitCode {
    say!("| senders | early push | last one direct after the VM runs | in round trips |");
    say!("|---|---|---|---|");
    let mut late = 0;
    for senders in [10, 100, 1_000] {
        for early_push in [true, false] {
            let took = measure(senders, early_push);
            let right = took.is_some_and(|took| took <= ROUND_TRIP.0 + ROUND_TRIP.0 / 2);
            late += u32::from(!right);
            let text = took.map_or("never".to_owned(), |took| format!("{took} µs"));
            let trips = took.map_or(f64::NAN, |took| took as f64 / ROUND_TRIP.0 as f64);
            say!("| {senders} | {early_push} | {text} | {trips:.1} |");
        }
    }
    ExitCode::from(u8::from(late > 0))
}
