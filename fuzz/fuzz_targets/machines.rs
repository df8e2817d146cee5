//! Gives the machines inputs, messages, frames, bytes and times in any order. No machine panics, holds more than its bounds, or
//! sends messages without end.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use nvo3_mobility::Transport;
use nvo3_mobility::edge::{Edge as Machine, Next, Peer};
use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig, Notice, Target, Verdict};
use nvo3_mobility::nva::{self, Nva, NvaConfig, Record};
use nvo3_mobility::nve::{self, Nve, NveConfig, Scan};
use nvo3_mobility::table::{
    Action, Binding, Bum, Change, Entry, Gate, Lane, Port, PortPolicy, Route, TableChange, VapId,
};
use nvo3_nva_proto::{
    Header, HoldLimits, Instant, Locators, Message, Micros, MoveId, MoveKind, NveId, Place, Report, Role,
    SessionConfig, Tsi, TsiKey, Version,
};
use nvo3_wire::{Mac, Vni, arp};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const EDGES: usize = 3;
/// The value of each bound in a configuration, small enough that a run reaches it.
const FEW: u32 = 8;
/// The bound of all that a machine keeps: about sixteen of its tables have a bound each.
const MOST: usize = 16 * FEW as usize;
/// The rounds at the end that carry every message and give no new input.
const ROUNDS: usize = 1_000;
const STEPS: usize = 200;

/// A number below `N`, so that steps often name the same thing.
#[derive(Clone, Copy, Debug)]
struct Below<const N: usize>(usize);

impl<const N: usize> Arbitrary<'_> for Below<N> {
    fn arbitrary(u: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        u.choose_index(N).map(Self)
    }
}

type EdgeNo = Below<EDGES>;
type Station = Below<12>;
type Vap = Below<12>;
type MoveNo = Below<12>;

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    Wait(u32),
    BackInTime(u32),
    Carry,
    Tell(EdgeNo, Word),
    Manage(Order),
    /// A planned move. The parts of the move whose bit is set happen.
    Plan {
        id: MoveNo,
        station: Station,
        from: EdgeNo,
        to: EdgeNo,
        parts: u8,
    },
    ToNva {
        from: EdgeNo,
        bytes: &'a [u8],
    },
    ToNve {
        to: EdgeNo,
        bytes: &'a [u8],
    },
    SayToNva {
        from: EdgeNo,
        known: bool,
        header: Header,
        message: Message,
    },
    SayToNve {
        to: EdgeNo,
        known: bool,
        header: Header,
        message: Message,
    },
    FromVap(EdgeNo, Vap, Frame<'a>),
    FromTunnel {
        to: EdgeNo,
        from: EdgeNo,
        vn: bool,
        frame: Frame<'a>,
    },
    Punted(EdgeNo, Vap, Frame<'a>),
    Noticed(EdgeNo, Seen),
    Ordered {
        edge: EdgeNo,
        ahead: Below<3>,
        what: Programmed,
    },
    Flush {
        edge: EdgeNo,
        room: bool,
    },
    RestartNve(EdgeNo),
    RestartNva,
    ResetForwarder(EdgeNo),
}

#[derive(Arbitrary, Debug)]
enum Word {
    Connect,
    Goodbye,
    Attach { vap: Vap, stations: Vec<Station>, trusted: bool, learns: bool },
    AttachAny { vap: u32, vn: Vni, tsis: Vec<Tsi> },
    Detach(Vap),
    Activate(Station, Option<MoveNo>),
    Suspend(Station, MoveNo),
    Applied(u64),
    Refused(u64),
    Report(MoveNo, Report),
}

#[derive(Arbitrary, Debug)]
enum Order {
    Admit(EdgeNo),
    AdmitAny(Place),
    Move { id: MoveNo, stations: Vec<Station>, to: EdgeNo, kind: MoveKind, deadline: u32 },
    Cancel(MoveNo),
    Fenced(EdgeNo),
    Persisted(u64),
    Forget(Station),
    Release(Station),
}

#[derive(Arbitrary, Debug)]
enum Frame<'a> {
    Any(&'a [u8]),
    Unicast { from: Station, to: Station, payload: &'a [u8] },
    Broadcast { from: Station, payload: &'a [u8] },
    Announcement(Station),
    Question { from: Station, about: Station },
}

#[derive(Arbitrary, Debug)]
enum Seen {
    Miss(Station),
    Seen(Station, Vap),
    Stale(Station, [u8; 4], Version),
}

#[derive(Arbitrary, Debug)]
enum Programmed {
    Tsi {
        station: Station,
        vap: Option<Vap>,
        entry: Option<[u8; 6]>,
        route: Option<Option<EdgeNo>>,
        limits: HoldLimits,
    },
    Port {
        vap: Vap,
        macs: Option<Option<Vec<Station>>>,
    },
    Members(Vec<[u8; 4]>),
}

struct Edge {
    machine: Machine,
    /// True if the edge's ports and tunnels take held frames.
    room: bool,
    /// The number of the next order.
    next: u64,
    /// The header of the last datagram to the edge.
    heard: Header,
}

struct World {
    now: Instant,
    nva: Nva,
    records: Vec<(Version, Record)>,
    /// The header of the last datagram from each edge.
    heard: [Header; EDGES],
    edges: Vec<Edge>,
    restarts: u64,
}

fn vn() -> Vni {
    Vni::new(7).unwrap()
}

fn place(n: usize) -> Place {
    Place { nve: NveId(n as u64 + 1), locators: Locators::V4(locator(n)) }
}

fn locator(n: usize) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, n as u8 + 1)
}

fn peer(n: usize) -> SocketAddr {
    SocketAddr::from((locator(n), 4_790))
}

fn ip(station: Station) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, station.0 as u8 + 1)
}

fn key(station: Station) -> TsiKey {
    TsiKey { vn: vn(), mac: Mac([2, 0, 0, 0, 0, station.0 as u8 + 1]) }
}

fn tsi(station: &Station) -> Tsi {
    Tsi { key: key(*station), ips: vec![ip(*station).into()], role: Role::Unknown }
}

fn vap(vap: Vap) -> VapId {
    VapId(vap.0 as u32)
}

fn move_id(no: MoveNo) -> MoveId {
    MoveId(no.0 as u64)
}

fn session() -> SessionConfig {
    let mut config = SessionConfig::default();
    (config.window, config.queue) = (FEW as u16, FEW as u16);
    config
}

fn nva_config() -> NvaConfig {
    let mut config = NvaConfig::new(Transport::Trusted);
    config.session = session();
    let NvaConfig { nves, tsis, ips_per_tsi, moves, ended_moves, unpersisted, queue, .. } = &mut config;
    for bound in [nves, tsis, ips_per_tsi, moves, ended_moves, unpersisted, queue] {
        *bound = FEW;
    }
    config
}

fn nve(n: usize, seed: u64) -> Nve {
    let mut config = NveConfig::new(place(n), Transport::Trusted);
    config.session = session();
    config.hold = HoldLimits { frames: FEW, bytes: 4_096, age: Micros::from_secs(5) };
    config.scan = (n % 2 == 1).then(Scan::default);
    let NveConfig { tsis, ports, mappings, queries, moves, queue, unapplied, .. } = &mut config;
    for bound in [tsis, ports, mappings, queries, moves, queue, unapplied] {
        *bound = FEW;
    }
    Nve::new(config, seed).unwrap()
}

fn edge(n: usize) -> Edge {
    let mut config = ForwarderConfig::new(place(n).locators);
    config.asked = HoldLimits { frames: FEW, bytes: 4_096, age: Micros::from_secs(3) };
    config.recent = HoldLimits { age: Micros::from_secs(1), ..config.asked };
    (config.total_frames, config.total_bytes) = (2 * FEW, 8_192);
    (config.recent_total_frames, config.recent_total_bytes) = (2 * FEW, 8_192);
    let ForwarderConfig { tsis, ports, members_per_vn, notices, .. } = &mut config;
    for bound in [tsis, ports, members_per_vn, notices] {
        *bound = FEW;
    }
    Edge {
        machine: Machine::new(nve(n, n as u64), Forwarder::new(config, n as u64).unwrap()),
        room: false,
        next: 0,
        heard: Header::default(),
    }
}

impl Word {
    fn input(self) -> nve::Input {
        match self {
            Self::Connect => nve::Input::Connect,
            Self::Goodbye => nve::Input::Goodbye,
            Self::Attach { vap: to, stations, trusted, learns } => {
                let mut policy = if trusted { PortPolicy::trusted() } else { PortPolicy::untrusted() };
                if learns {
                    (policy.learn_addresses, policy.rarp_server) = (2, Some(Ipv4Addr::LOCALHOST));
                }
                nve::Input::Attach { vap: vap(to), vn: vn(), tsis: stations.iter().map(tsi).collect(), policy }
            }
            Self::AttachAny { vap, vn, tsis } => {
                nve::Input::Attach { vap: VapId(vap), vn, tsis, policy: PortPolicy::untrusted() }
            }
            Self::Detach(from) => nve::Input::Detach { vap: vap(from) },
            Self::Activate(station, no) => nve::Input::Activate { key: key(station), move_id: no.map(move_id) },
            Self::Suspend(station, no) => nve::Input::Suspend {
                key: key(station),
                move_id: move_id(no),
                // Some stations hear of the move before the stop, others long after it.
                stopped_at: (station.0 % 2 == 1).then_some(Instant(0)),
            },
            Self::Applied(number) => nve::Input::Applied(number),
            Self::Refused(number) => nve::Input::Refused { number },
            Self::Report(no, report) => nve::Input::Report { move_id: move_id(no), report },
        }
    }
}

impl Order {
    fn input(self) -> nva::Input {
        match self {
            Self::Admit(edge) => nva::Input::Admit(place(edge.0)),
            Self::AdmitAny(place) => nva::Input::Admit(place),
            Self::Move { id, stations, to, kind, deadline } => nva::Input::Move {
                id: move_id(id),
                tsis: stations.into_iter().map(key).collect(),
                to: place(to.0).nve,
                kind,
                deadline: Micros(u64::from(deadline)),
            },
            Self::Cancel(id) => nva::Input::Cancel(move_id(id)),
            Self::Fenced(edge) => nva::Input::Fenced(place(edge.0).nve),
            Self::Persisted(generation) => nva::Input::Persisted(Version { epoch: 1, generation }),
            Self::Forget(station) => nva::Input::Forget(key(station)),
            Self::Release(station) => nva::Input::Release(key(station)),
        }
    }
}

impl Frame<'_> {
    fn bytes(&self) -> Vec<u8> {
        let ethernet = |to: Mac, from: Station, payload: &[u8]| {
            let header = [&to.0[..], &key(from).mac.0[..], &[0x08, 0x00][..]].concat();
            [&header[..], payload].concat()
        };
        let mut out = [0; arp::FRAME_LEN];
        match *self {
            Self::Any(bytes) => return bytes.to_vec(),
            Self::Unicast { from, to, payload } => return ethernet(key(to).mac, from, payload),
            Self::Broadcast { from, payload } => return ethernet(Mac::BROADCAST, from, payload),
            Self::Announcement(station) => arp::announcement(key(station).mac, ip(station).into(), &mut out).unwrap(),
            Self::Question { from, about } => {
                arp::request((key(from).mac, ip(from).into()), ip(about).into(), &mut out).unwrap()
            }
        };
        out.to_vec()
    }
}

impl Programmed {
    fn change(self) -> Change {
        match self {
            Self::Tsi { station, vap: at, entry, route, limits } => Change::Tsi {
                key: key(station),
                vap: at.map(vap),
                entry: entry.map(|[party, own, from_party, tunnel, bum, gate]| Entry {
                    party: (party & 1 == 1).then(|| place(usize::from(party) % EDGES)),
                    vap: action(own),
                    from_party: action(from_party),
                    tunnel: action(tunnel),
                    bum: [Bum::Deliver, Bum::Hold, Bum::Skip][usize::from(bum % 3)],
                    gate: [Gate::Open, Gate::Hold][usize::from(gate % 2)],
                    remember: gate / 2 % 2 == 1,
                }),
                route: route.map(|at| at.map_or(Route::Nowhere, |edge| Route::At(place(edge.0)))),
                version: Version::default(),
                limits,
                replay_since: station.0.is_multiple_of(2).then_some(Instant(0)),
            },
            Self::Port { vap: at, macs } => {
                let binding = |station| Binding { mac: key(station).mac, ips: tsi(&station).ips };
                let port = macs.map(|macs| match macs {
                    Some(macs) => Port::untrusted(vn(), macs.into_iter().map(binding).collect()),
                    None => Port::trusted(vn()),
                });
                Change::Port { vap: vap(at), port }
            }
            Self::Members(to) => {
                let sources: Vec<IpAddr> = to.into_iter().map(IpAddr::from).collect();
                Change::Members { vn: vn(), locators: sources.clone(), sources }
            }
        }
    }
}

fn action(number: u8) -> Action {
    match number % 4 {
        0 => Action::Deliver,
        1 => Action::Hold(Lane::Tunnelled),
        2 => Action::Hold(Lane::Direct),
        _ => Action::Tunnel(place(usize::from(number) / 4 % EDGES)),
    }
}

impl World {
    /// Edges with sessions, and a station that runs at each.
    fn new() -> Self {
        let now = Instant(1_000_000);
        let mut world = Self {
            now,
            nva: Nva::new(nva_config(), 7, now).unwrap(),
            records: Vec::new(),
            heard: [Header::default(); EDGES],
            edges: (0..EDGES).map(edge).collect(),
            restarts: 0,
        };
        for n in 0..EDGES {
            let station = Below(n);
            world.nva.handle(now, nva::Input::Admit(place(n))).unwrap();
            let attach = Word::Attach { vap: Below(0), stations: vec![station], trusted: false, learns: false };
            for word in [Word::Connect, attach, Word::Activate(station, None)] {
                world.edges[n].machine.tell(now, word.input()).unwrap();
            }
        }
        world.carry();
        world
    }

    fn step(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Wait(length) => {
                self.now = now + Micros(u64::from(length));
                self.nva.handle_timeout(self.now);
            }
            Step::BackInTime(length) => self.now = Instant(now.0.saturating_sub(u64::from(length))),
            Step::Carry => self.carry(),
            // A refusal is as good as an acceptance: this target checks bounds. An edge answers its own orders, and this input
            // answers them a second time.
            Step::Tell(edge, word) => drop(self.edges[edge.0].machine.nve_mut().handle(now, word.input())),
            Step::Manage(order) => drop(self.nva.handle(now, order.input())),
            Step::Plan { id, station, from, to, parts } => self.plan(id, station, (from, to), parts),
            Step::ToNva { from, bytes } => self.nva.handle_datagram(now, peer(from.0), bytes),
            Step::ToNve { to, bytes } => self.edges[to.0].machine.datagram(now, bytes),
            Step::SayToNva { from, known, header, message } => {
                if let Some(bytes) = datagram(known.then_some(self.heard[from.0]), header, &message) {
                    self.nva.handle_datagram(now, peer(from.0), &bytes);
                }
            }
            Step::SayToNve { to, known, header, message } => {
                let edge = &mut self.edges[to.0];
                if let Some(bytes) = datagram(known.then_some(edge.heard), header, &message) {
                    edge.machine.datagram(now, &bytes);
                }
            }
            Step::FromVap(edge, at, frame) => {
                let fate = self.edges[edge.0].machine.frame(now, vap(at), &frame.bytes());
                assert!(!fate.targets().iter().any(|target| matches!(target, Target::Again(_))));
            }
            Step::FromTunnel { to, from, vn: same, frame } => {
                let vn = if same { vn() } else { Vni::MAX };
                let fate = self.edges[to.0].machine.tunnelled(now, locator(from.0).into(), vn, &frame.bytes());
                assert_ne!(fate.verdict(), Verdict::Punt, "control answers its own ports");
            }
            Step::Punted(edge, at, frame) => {
                let _ = self.edges[edge.0].machine.nve_mut().handle_frame(now, vap(at), &frame.bytes());
            }
            Step::Noticed(edge, seen) => {
                let notice = match seen {
                    Seen::Miss(station) => Notice::Miss { vn: vn(), mac: key(station).mac, vap: None },
                    Seen::Seen(station, at) => Notice::Seen { key: key(station), vap: vap(at) },
                    Seen::Stale(station, from, version) => {
                        Notice::Stale { key: key(station), from: from.into(), version }
                    }
                };
                self.edges[edge.0].machine.nve_mut().handle_notice(now, notice);
            }
            Step::Ordered { edge, ahead, what } => {
                let edge = &mut self.edges[edge.0];
                let number = edge.next + ahead.0 as u64;
                if edge.machine.forwarder_mut().apply(&TableChange { number, change: what.change() }).is_ok() {
                    edge.next = number + 1;
                }
            }
            Step::Flush { edge, room } => {
                self.edges[edge.0].room = room;
                self.drain(edge.0);
            }
            Step::RestartNve(edge) => {
                self.restarts += 1;
                *self.edges[edge.0].machine.nve_mut() = nve(edge.0, 100 + self.restarts);
            }
            Step::RestartNva => {
                self.restarts += 1;
                self.nva = Nva::replay(nva_config(), 100 + self.restarts, now, self.records.iter().cloned()).unwrap();
            }
            Step::ResetForwarder(edge) => {
                self.edges[edge.0].machine.tell(now, nve::Input::ForwarderReset).unwrap();
            }
        }
        self.check();
    }

    fn plan(&mut self, id: MoveNo, station: Station, (from, to): (EdgeNo, EdgeNo), parts: u8) {
        let order = Order::Move { id, stations: vec![station], to, kind: MoveKind::Hot, deadline: 5_000_000 };
        let attach = Word::Attach { vap: Below(station.0), stations: vec![station], trusted: false, learns: false };
        let mut parts = (0..8).map(|bit| parts >> bit & 1 == 1);
        let mut part = || parts.next() == Some(true);
        if part() {
            self.step(Step::Manage(order));
        }
        if part() {
            self.carry();
        }
        if part() {
            self.step(Step::Tell(to, attach));
        }
        if part() {
            self.carry();
        }
        if part() {
            self.step(Step::Tell(from, Word::Suspend(station, id)));
        }
        if part() {
            self.carry();
        }
        if part() {
            self.step(Step::Tell(to, Word::Activate(station, Some(id))));
        }
        if part() {
            self.carry();
        }
    }

    fn check(&self) {
        assert!(self.nva.footprint() <= MOST, "the NVA keeps {} things", self.nva.footprint());
        for edge in &self.edges {
            let (nve, forwarder) = (edge.machine.nve(), edge.machine.forwarder());
            assert!(nve.footprint() <= MOST, "an NVE keeps {} things", nve.footprint());
            let held = forwarder.held_in_all();
            assert!(held.frames <= 2 * FEW && held.bytes <= 8_192, "held: {held:?}");
            let remembered = forwarder.remembered_in_all();
            assert!(remembered.frames <= 2 * FEW && remembered.bytes <= 8_192, "remembered: {remembered:?}");
        }
    }

    /// Carries every message until no machine has one to send now.
    fn carry(&mut self) {
        for _ in 0..ROUNDS {
            if !self.round() {
                return;
            }
            self.check();
        }
        panic!("the machines talk for ever");
    }

    fn round(&mut self) -> bool {
        let (now, mut any, mut bytes) = (self.now, false, Vec::new());
        for n in 0..EDGES {
            any |= self.drain(n);
        }
        while let Some(record) = self.nva.poll_persist() {
            any = true;
            let at = record.0;
            self.records.push(record);
            self.nva.handle(now, nva::Input::Persisted(at)).unwrap();
        }
        while let Some(to) = self.nva.poll_transmit(now, &mut bytes) {
            any = true;
            let (header, _) = Message::decode(&bytes).expect("what the NVA says can be read");
            if let Some(n) = (0..EDGES).find(|n| peer(*n) == to) {
                self.edges[n].heard = header;
                self.edges[n].machine.datagram(now, &bytes);
            }
        }
        while self.nva.poll_event().is_some() {}
        any
    }

    /// Carries out an edge's outputs until it has none; true if it had any.
    fn drain(&mut self, n: usize) -> bool {
        let (now, mut bytes) = (self.now, Vec::new());
        for step in 0..ROUNDS {
            let edge = &mut self.edges[n];
            let room = edge.room;
            match edge.machine.poll(now, &mut |_| room, &mut bytes) {
                Next::Frame(fate) => {
                    assert!(!fate.targets().iter().any(|target| matches!(target, Target::Again(_))));
                }
                Next::Datagram(Peer::Nva) => {
                    self.heard[n] = Message::decode(&bytes).expect("what an NVE says can be read").0;
                    self.nva.handle_datagram(now, peer(n), &bytes);
                }
                Next::Datagram(Peer::Nve(to)) => {
                    if let Some(to) = (0..EDGES).find(|n| IpAddr::from(locator(*n)) == to) {
                        self.edges[to].machine.datagram(now, &bytes);
                    }
                }
                Next::Changed { change, .. } => edge.next = edge.next.max(change.number + 1),
                Next::Event(_) => {}
                Next::Wait(_) => return step > 0,
            }
        }
        panic!("an edge is never done");
    }
}

/// A message under any header, or as the next message after `last` in its session.
fn datagram(last: Option<Header>, header: Header, message: &Message) -> Option<Vec<u8>> {
    let header = match last {
        Some(last) => Header {
            session: last.session,
            sequence: last.sequence.wrapping_add(header.sequence % 4),
            transaction: header.transaction % 16,
        },
        None => header,
    };
    let mut bytes = Vec::new();
    message.encode(&header, &mut bytes).ok().map(|_| bytes)
}

fuzz_target!(|steps: Vec<Step>| {
    let mut world = World::new();
    for step in steps.into_iter().take(STEPS) {
        world.step(step);
    }
    world.carry();
});
