//! Edges and an authority that are joined without a network. Each datagram arrives at once, and each record is durable at once.

use nvo3_mobility::Transport;
use nvo3_mobility::edge::Peer;
use nvo3_mobility::edge::foreign::{ForeignEdge, Next};
use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig};
use nvo3_mobility::nva::{self, ClaimsByWord, Nva, NvaConfig, Record};
use nvo3_mobility::nve::{self, Nve, NveConfig};
use nvo3_mobility::table::{Change, PortPolicy, TableChange, VapId};
use nvo3_nva_proto::auth::{KeyId, Keys, Secret};
use nvo3_nva_proto::{
    CONTROL_PORT, Instant, Locators, Micros, MoveId, MoveKind, NveId, Place, Role, Tsi, TsiKey, Version,
};
use nvo3_wire::{Mac, Vni};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub const SECOND: u64 = 1_000_000;
/// An order that changes nothing. It takes the number of a refused order, so that the numbers have no gap.
const NOTHING: Change = Change::Port { vap: VapId(u32::MAX), port: None };

/// An edge over one forwarder. Tests may look into both, and give them any input.
pub struct Edge {
    /// True while no message reaches the edge and none leaves it.
    pub silent: bool,
    /// How many of the next orders about a TSI the forwarder refuses.
    pub refusals: u32,
    pub control: ForeignEdge,
    pub forwarder: Forwarder,
    pub events: Vec<nve::Event>,
    /// The frames that the edge itself sent to tenants, each with its VAP.
    pub said: Vec<(VapId, Vec<u8>)>,
}

/// A control datagram and its destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub to: To,
    pub bytes: Vec<u8>,
}

/// The destination of a control datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The authority. The address is the one that the authority sees as the source.
    Nva(SocketAddr),
    /// An edge, by its index in [`Direct::edges`].
    Edge(usize),
}

/// An attacker on the path: sees each datagram, and returns the datagrams that arrive in its place.
pub type Forger = Box<dyn FnMut(&Sent) -> Vec<Sent>>;

pub struct Direct {
    pub now: Instant,
    pub nva: Nva,
    pub forger: Option<Forger>,
    config: NvaConfig,
    pub records: Vec<(Version, Record)>,
    pub events: Vec<nva::Event>,
    pub edges: Vec<Edge>,
    /// True while no message reaches the authority and none leaves it.
    nva_silent: bool,
    /// How many datagrams the authority sent to edges.
    pub to_edges: u64,
    restarts: u64,
}

pub fn place(n: u8) -> Place {
    Place { nve: NveId(u64::from(n)), locators: Locators::V4(Ipv4Addr::new(198, 51, 100, n)) }
}

/// The id of edge `n`'s key.
pub fn key(n: u8) -> KeyId {
    KeyId::new(u16::from(n)).unwrap()
}

/// A ring with one key for each of `edges`.
pub fn keys(edges: impl IntoIterator<Item = u8>) -> Keys {
    let mut keys = Keys::default();
    for n in edges {
        keys.add(key(n), place(n).nve, &Secret::from([n; Secret::LEN])).unwrap();
    }
    keys
}

/// A transport that believes only messages sealed with the keys of `edges`.
pub fn sealed(edges: impl IntoIterator<Item = u8>) -> Transport {
    Transport::Sealed(keys(edges))
}

pub fn peer(n: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, n)), CONTROL_PORT)
}

pub fn tsi(n: u8) -> Tsi {
    let key = TsiKey { vn: Vni::new(7).unwrap(), mac: Mac([2, 0, 0, 0, 0, n]) };
    Tsi { key, ips: vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))], role: Role::Unknown }
}

/// An authority that tells who is in a VN without delay.
pub fn prompt(transport: Transport) -> NvaConfig {
    let mut config = NvaConfig::new(transport);
    config.members_interval = Micros(0);
    config
}

/// The same, and it takes a TSI from a live edge by a hypervisor's word alone.
pub fn trusting() -> NvaConfig {
    let mut config = prompt(Transport::Trusted);
    config.claims_by_word = ClaimsByWord::Trusted;
    config
}

impl Direct {
    /// A world of `edges` edges, numbered from 1, all admitted and connected. `members_interval` is 0, because time stands still here.
    pub fn new(edges: u8) -> Self {
        Self::with(edges, prompt(Transport::Trusted))
    }

    /// The same, with this configuration of the authority.
    pub fn with(edges: u8, config: NvaConfig) -> Self {
        Self::watched(edges, config, None)
    }

    /// The same, with a forger on the path from the first datagram on.
    pub fn watched(edges: u8, config: NvaConfig, forger: Option<Forger>) -> Self {
        let now = Instant(SECOND);
        let mut nva = Nva::new(config.clone(), 7, now).unwrap();
        for n in 1..=edges {
            nva.handle(now, nva::Input::Admit(place(n))).unwrap();
        }
        let edges = (1..=edges).map(|n| seeded_edge(n, u64::from(n), &config.transport)).collect();
        let (records, events) = (Vec::new(), Vec::new());
        let mut world =
            Self { now, nva, forger, config, records, events, edges, nva_silent: false, to_edges: 0, restarts: 0 };
        for n in 0..world.edges.len() {
            world.edges[n].control.tell(now, nve::Input::Connect).unwrap();
        }
        world.settle();
        world
    }

    pub fn attach(&mut self, edge: usize, vap: u32, tsis: Vec<Tsi>) {
        let vn = tsis[0].key.vn;
        let input = nve::Input::Attach { vap: VapId(vap), vn, tsis, policy: PortPolicy::untrusted() };
        self.tell(edge, input);
    }

    pub fn tell(&mut self, edge: usize, input: nve::Input) {
        self.edges[edge].control.tell(self.now, input).unwrap();
        self.settle();
    }

    pub fn start(&mut self, edge: usize, vap: u32, tsi: Tsi) {
        let key = tsi.key;
        self.attach(edge, vap, vec![tsi]);
        self.tell(edge, nve::Input::Activate { key, move_id: None });
    }

    pub fn plan(&mut self, id: u64, tsis: Vec<TsiKey>, to: u8) {
        let deadline = Micros::from_secs(5);
        let (id, to, kind) = (MoveId(id), NveId(u64::from(to)), MoveKind::Hot);
        self.nva.handle(self.now, nva::Input::Move { id, tsis, to, kind, deadline }).unwrap();
        self.settle();
    }

    /// Cuts an edge off: from now on no message reaches it and none leaves it.
    pub fn silence(&mut self, edge: usize) {
        self.edges[edge].silent = true;
    }

    /// Messages reach an edge again.
    pub fn hear(&mut self, edge: usize) {
        self.edges[edge].silent = false;
    }

    /// Cuts the authority off: from now on no message reaches it and none leaves it.
    pub fn silence_nva(&mut self) {
        self.nva_silent = true;
    }

    /// Messages reach the authority again.
    pub fn hear_nva(&mut self) {
        self.nva_silent = false;
    }

    /// Restarts an edge, which remembers nothing. Its owner must attach, activate and connect again.
    pub fn restart_edge(&mut self, edge: usize) {
        self.restarts += 1;
        self.edges[edge] = seeded_edge(edge as u8 + 1, 1_000 + self.restarts, &self.config.transport);
    }

    /// Restarts the authority, which remembers its journal.
    pub fn restart_nva(&mut self) {
        self.restarts += 1;
        let records = self.records.clone();
        let mut config = NvaConfig::new(self.config.transport.clone());
        config.claims_by_word = self.config.claims_by_word;
        config.policy = self.config.policy.clone();
        self.nva = Nva::replay(config, 7_000 + self.restarts, self.now, records).unwrap();
        for n in 1..=self.edges.len() as u8 {
            self.nva.handle(self.now, nva::Input::Admit(place(n))).unwrap();
        }
    }

    /// Exchanges messages until no machine has more to send at this time.
    pub fn settle(&mut self) {
        let mut bytes = Vec::new();
        loop {
            let mut quiet = true;
            for n in 0..self.edges.len() {
                loop {
                    let edge = &mut self.edges[n];
                    match edge.control.poll(self.now, &mut bytes) {
                        Next::Wait(_) => match edge.forwarder.poll_notice() {
                            Some(notice) => edge.control.notice(self.now, notice),
                            None => break,
                        },
                        Next::Event(event) => edge.events.push(event),
                        Next::Change(order) => edge.apply(self.now, order),
                        Next::Frame(vap) if !edge.silent => edge.said.push((vap, bytes.clone())),
                        Next::Datagram(to) if !edge.silent => match to {
                            Peer::Nva => self.bring(To::Nva(peer(n as u8 + 1)), &bytes),
                            Peer::Nve(IpAddr::V4(to)) => self.bring(To::Edge(usize::from(to.octets()[3]) - 1), &bytes),
                            Peer::Nve(_) => {}
                        },
                        Next::Frame(_) | Next::Datagram(_) => {}
                    }
                    quiet = false;
                }
            }
            while let Some(record) = self.nva.poll_persist() {
                self.records.push(record.clone());
                self.nva.handle(self.now, nva::Input::Persisted(record.0)).unwrap();
                quiet = false;
            }
            while let Some(to) = self.nva.poll_transmit(self.now, &mut bytes) {
                quiet = false;
                self.to_edges += 1;
                if let IpAddr::V4(ip) = to.ip() {
                    let n = usize::from(ip.octets()[3]) - 1;
                    if !self.nva_silent && self.edges.get(n).is_some_and(|edge| !edge.silent) {
                        self.bring(To::Edge(n), &bytes);
                    }
                }
            }
            while let Some(event) = self.nva.poll_event() {
                self.events.push(event);
            }
            if quiet {
                return;
            }
        }
    }

    fn bring(&mut self, to: To, bytes: &[u8]) {
        let Some(mut forger) = self.forger.take() else { return self.arrive(to, bytes) };
        for sent in forger(&Sent { to, bytes: bytes.to_vec() }) {
            self.arrive(sent.to, &sent.bytes);
        }
        self.forger = Some(forger);
    }

    fn arrive(&mut self, to: To, bytes: &[u8]) {
        match to {
            To::Nva(_) if self.nva_silent => {}
            To::Nva(from) => self.nva.handle_datagram(self.now, from, bytes),
            To::Edge(n) => self.edges[n].control.datagram(self.now, bytes),
        }
    }

    /// Lets time pass, from one deadline of a machine to the next.
    pub fn run(&mut self, length: Micros) {
        let end = self.now + length;
        loop {
            let edges = self.edges.iter().filter_map(|edge| edge.control.poll_timeout());
            let next = edges.chain(self.nva.poll_timeout().map(|(at, _)| at)).min().unwrap_or(end);
            self.now = next.max(self.now).min(end);
            self.nva.handle_timeout(self.now);
            self.settle();
            if self.now >= end {
                return;
            }
        }
    }
}

impl Edge {
    pub fn nve(&self) -> &Nve {
        self.control.nve()
    }

    pub fn nve_mut(&mut self) -> &mut Nve {
        self.control.nve_mut()
    }

    fn apply(&mut self, now: Instant, order: TableChange) {
        let TableChange { number, change } = order;
        if self.refusals > 0 && matches!(change, Change::Tsi { .. }) {
            self.refusals -= 1;
            self.forwarder.apply(&TableChange { number, change: NOTHING }).unwrap();
            self.control.refused(now, 0, number);
        } else {
            self.forwarder.apply(&TableChange { number, change }).unwrap();
            self.control.applied(now, 0, number);
        }
    }
}

pub fn edge(n: u8) -> Edge {
    seeded_edge(n, u64::from(n), &Transport::Trusted)
}

/// The transport of edge `n`: it has only that edge's key of the authority's keys.
fn seeded_edge(n: u8, seed: u64, transport: &Transport) -> Edge {
    let transport = if matches!(transport, Transport::Sealed(_)) { sealed([n]) } else { Transport::Trusted };
    Edge {
        silent: false,
        refusals: 0,
        control: ForeignEdge::new(Nve::new(NveConfig::new(place(n), transport), seed).unwrap(), 1),
        forwarder: Forwarder::new(ForwarderConfig::new(place(n).locators), seed).unwrap(),
        events: Vec::new(),
        said: Vec::new(),
    }
}
