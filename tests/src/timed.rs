//! Edges and an authority with a network between them: each datagram takes half a millisecond, and the clock jumps from one event to the
//! next. Tests put in frames and datagrams of their own at any time, and see when something happens.

use crate::direct::{peer, place, sealed};
use nvo3_mobility::edge::{Edge, Next, Peer};
use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig, Target};
use nvo3_mobility::nva::{self, Nva, NvaConfig};
use nvo3_mobility::nve::{self, Nve, NveConfig};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Instant, Micros, Tsi};
use nvo3_wire::Vni;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// The time that a datagram takes.
pub const DELAY: Micros = Micros(500);

/// Something that arrives.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// A control datagram at the authority.
    AtNva { from: SocketAddr, bytes: Vec<u8> },
    /// A control datagram at an edge.
    AtEdge { edge: usize, bytes: Vec<u8> },
    /// A frame of a tenant at a port.
    AtPort { edge: usize, vap: u32, frame: Vec<u8> },
    /// A tunnelled frame at an edge.
    Tunnelled { edge: usize, from: IpAddr, vn: Vni, frame: Vec<u8> },
}

pub struct Timed {
    pub now: Instant,
    pub nva: Nva,
    pub edges: Vec<Edge>,
    pub nva_events: Vec<(Instant, nva::Event)>,
    pub events: Vec<(Instant, usize, nve::Event)>,
    /// The frames that left by ports, each with its edge and its port.
    pub out: Vec<(Instant, usize, u32, Vec<u8>)>,
    /// The bytes of control datagrams of the authority to each address, an edge's or not.
    pub sent_to: BTreeMap<IpAddr, usize>,
    /// The bytes of hints to each address.
    pub hints_to: BTreeMap<IpAddr, usize>,
    coming: BTreeMap<(Instant, u64), Arrival>,
    number: u64,
}

impl Timed {
    /// A world of `edges` edges, numbered from 1, all admitted and connected.
    pub fn new(edges: u8) -> Self {
        let now = Instant(1_000_000);
        let mut nva = Nva::new(NvaConfig::new(sealed(1..=edges)), 7, now).unwrap();
        (1..=edges).for_each(|n| nva.handle(now, nva::Input::Admit(place(n))).unwrap());
        let mut world = Self {
            now,
            nva,
            edges: Vec::new(),
            nva_events: Vec::new(),
            events: Vec::new(),
            out: Vec::new(),
            sent_to: BTreeMap::new(),
            hints_to: BTreeMap::new(),
            coming: BTreeMap::new(),
            number: 0,
        };
        for n in 1..=edges {
            let nve = Nve::new(NveConfig::new(place(n), sealed([n])), n.into()).unwrap();
            let forwarder = Forwarder::new(ForwarderConfig::new(place(n).locators), n.into()).unwrap();
            world.edges.push(Edge::new(nve, forwarder));
            world.tell(usize::from(n) - 1, nve::Input::Connect);
        }
        world.run(Micros::from_millis(100));
        world
    }

    pub fn tell(&mut self, edge: usize, input: nve::Input) {
        self.edges[edge].tell(self.now, input).unwrap();
        self.drain();
    }

    /// A VM comes into being behind a port of its own.
    pub fn start(&mut self, edge: usize, vap: u32, tsi: Tsi) {
        let key = tsi.key;
        self.attach(edge, vap, tsi);
        self.tell(edge, nve::Input::Activate { key, move_id: None });
    }

    pub fn attach(&mut self, edge: usize, vap: u32, tsi: Tsi) {
        let vn = tsi.key.vn;
        self.tell(edge, nve::Input::Attach { vap: VapId(vap), vn, tsis: vec![tsi], policy: PortPolicy::untrusted() });
    }

    /// Lets something arrive after this time.
    pub fn after(&mut self, wait: Micros, arrival: Arrival) {
        self.number += 1;
        self.coming.insert((self.now + wait, self.number), arrival);
    }

    pub fn run(&mut self, length: Micros) {
        let end = self.now + length;
        self.run_until(end, |_| false);
    }

    /// Lets time pass until something holds. Gives the time that it took.
    pub fn wait(&mut self, mut holds: impl FnMut(&Self) -> bool) -> Micros {
        let began = self.now;
        self.run_until(began + Micros::from_secs(10), |world| holds(world));
        assert!(holds(self), "it does not come");
        self.now - began
    }

    fn run_until(&mut self, end: Instant, mut stop: impl FnMut(&Self) -> bool) {
        while !stop(self) {
            let edges = self.edges.iter().filter_map(Edge::poll_timeout);
            let due = edges.chain(self.nva.poll_timeout().map(|(at, _)| at)).min();
            let arrival = self.coming.first_key_value().map(|((at, _), _)| *at);
            let Some(next) = due.into_iter().chain(arrival).min().filter(|at| *at <= end) else {
                self.now = end;
                return self.drain();
            };
            self.now = self.now.max(next);
            while let Some(entry) = self.coming.first_entry()
                && entry.key().0 <= self.now
            {
                let arrival = entry.remove();
                self.arrive(arrival);
            }
            self.drain();
        }
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::AtNva { from, bytes } => self.nva.handle_datagram(self.now, from, &bytes),
            Arrival::AtEdge { edge, bytes } => self.edges[edge].datagram(self.now, &bytes),
            Arrival::AtPort { edge, vap, frame } => {
                let fate = self.edges[edge].frame(self.now, VapId(vap), &frame);
                let targets = fate.targets().to_vec();
                self.send(edge, &targets, &frame);
            }
            Arrival::Tunnelled { edge, from, vn, frame } => {
                let targets = self.edges[edge].tunnelled(self.now, from, vn, &frame).targets().to_vec();
                self.send(edge, &targets, &frame);
            }
        }
    }

    fn send(&mut self, edge: usize, targets: &[Target], frame: &[u8]) {
        for target in targets {
            match *target {
                Target::Port(vap) => self.out.push((self.now, edge, vap.0, frame.to_vec())),
                Target::Tunnel { to, vn } => {
                    if let Some(at) = self.edge_at(to) {
                        let from = peer(edge as u8 + 1).ip();
                        self.after(DELAY, Arrival::Tunnelled { edge: at, from, vn, frame: frame.to_vec() });
                    }
                }
                Target::Again(_) => {}
            }
        }
    }

    fn edge_at(&self, address: IpAddr) -> Option<usize> {
        (0..self.edges.len()).find(|n| peer(*n as u8 + 1).ip() == address)
    }

    fn drain(&mut self) {
        let mut bytes = Vec::new();
        for n in 0..self.edges.len() {
            loop {
                match self.edges[n].poll(self.now, &mut |_| true, &mut bytes) {
                    Next::Frame(fate) => {
                        let targets = fate.targets().to_vec();
                        self.send(n, &targets, &bytes);
                    }
                    Next::Datagram(Peer::Nva) => {
                        let from = peer(n as u8 + 1);
                        self.after(DELAY, Arrival::AtNva { from, bytes: bytes.clone() });
                    }
                    Next::Datagram(Peer::Nve(to)) => {
                        *self.hints_to.entry(to).or_default() += bytes.len();
                        if let Some(edge) = self.edge_at(to) {
                            self.after(DELAY, Arrival::AtEdge { edge, bytes: bytes.clone() });
                        }
                    }
                    Next::Event(event) => self.events.push((self.now, n, event)),
                    Next::Changed { refused, .. } => assert_eq!(refused, None),
                    Next::Wait(_) => break,
                }
            }
        }
        if self.nva.poll_timeout().is_some_and(|(at, _)| at <= self.now) {
            self.nva.handle_timeout(self.now);
        }
        while let Some((number, _)) = self.nva.poll_persist() {
            self.nva.handle(self.now, nva::Input::Persisted(number)).unwrap();
        }
        while let Some(to) = self.nva.poll_transmit(self.now, &mut bytes) {
            *self.sent_to.entry(to.ip()).or_default() += bytes.len();
            if let Some(edge) = self.edge_at(to.ip()) {
                self.after(DELAY, Arrival::AtEdge { edge, bytes: bytes.clone() });
            }
        }
        while let Some(event) = self.nva.poll_event() {
            self.nva_events.push((self.now, event));
        }
    }
}
