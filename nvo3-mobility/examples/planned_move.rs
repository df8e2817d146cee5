//! A planned move of a VM from one edge to another: two edges and an authority in one program, joined in memory.
//!
//! `cargo run -p nvo3-mobility --example planned_move`
//!
//! A second VM, the correspondent, sends frames to the VM. The move takes four calls: `Move`, `Suspend`, `Attach` and `Activate`.
//! The new edge holds the frames that are sent while the VM runs nowhere, and delivers them in order.

#[path = "common/say.rs"]
mod say;

use nvo3_mobility::Transport;
use nvo3_mobility::edge::{Edge, Fate, Next, Peer};
use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig, Target};
use nvo3_mobility::nva::{self, Nva, NvaConfig};
use nvo3_mobility::nve::{self, Nve, NveConfig};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Instant, Locators, Micros, MoveId, MoveKind, NveId, Place, Role, Tsi, TsiKey};
use nvo3_wire::{Mac, Vni};
use say::say;
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr};

const OLD: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
const NEW: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2));
/// Two VMs, by the number of their port.
const VM: VapId = VapId(1);
const CORRESPONDENT: VapId = VapId(2);
const MOVE: MoveId = MoveId(1);

/// A VM's interface: its MAC in VNI 7, and its IP address.
fn tsi(port: VapId) -> Tsi {
    let n = port.0 as u8;
    let key = TsiKey { vn: Vni::from_bytes([0, 0, 7]), mac: Mac([2, 0, 0, 0, 0, n]) };
    Tsi { key, ips: vec![[192, 0, 2, n].into()], role: Role::Unknown }
}

/// The destination of a packet: the bytes are a control datagram or a tenant's frame.
enum To {
    Control(Peer),
    Frame(Target),
}

struct World {
    start: std::time::Instant,
    nva: Nva,
    edges: BTreeMap<IpAddr, Edge>,
    /// Packets on their way, each with its sender. Real programs have sockets instead.
    wires: VecDeque<(IpAddr, To, Vec<u8>)>,
    /// The numbers of the frames that the VM received.
    received: Vec<u8>,
}

/// A copy of the frame for each of its targets.
fn copies(from: IpAddr, fate: &Fate<'_>, frame: &[u8]) -> Vec<(IpAddr, To, Vec<u8>)> {
    fate.targets().iter().map(|target| (from, To::Frame(*target), frame.to_vec())).collect()
}

impl World {
    fn new() -> Result<Self, Box<dyn Error>> {
        // RandomState takes its keys from the system's random source. In a test, give a constant: same seed, same run.
        let seed = || RandomState::new().hash_one(0);
        // Nobody else can send in this process. Over a network, use `Transport::Sealed` with keys.
        let mut nva = Nva::new(NvaConfig::new(Transport::Trusted), seed(), Instant(0))?;
        let mut edges = BTreeMap::new();
        for (id, locator, locators) in [(1, OLD, [198, 51, 100, 1]), (2, NEW, [198, 51, 100, 2])] {
            let place = Place { nve: NveId(id), locators: Locators::V4(locators.into()) };
            nva.handle(Instant(0), nva::Input::Admit(place))?;
            let nve = Nve::new(NveConfig::new(place, Transport::Trusted), seed())?;
            let mut edge = Edge::new(nve, Forwarder::new(ForwarderConfig::new(place.locators), seed())?);
            edge.tell(Instant(0), nve::Input::Connect)?;
            edges.insert(locator, edge);
        }
        Ok(Self { start: std::time::Instant::now(), nva, edges, wires: VecDeque::new(), received: Vec::new() })
    }

    /// Microseconds of a monotonic clock.
    fn now(&self) -> Instant {
        Instant(self.start.elapsed().as_micros() as u64)
    }

    /// A hypervisor tells its edge something.
    fn tell(&mut self, edge: IpAddr, word: nve::Input) -> Result<(), Box<dyn Error>> {
        let now = self.now();
        self.edges.get_mut(&edge).ok_or("no such edge")?.tell(now, word)?;
        self.carry_out()
    }

    /// The port of a VM is attached to an edge, and the VM runs there.
    fn start_vm(&mut self, edge: IpAddr, vap: VapId, move_id: Option<MoveId>) -> Result<(), Box<dyn Error>> {
        let tsi = tsi(vap);
        let key = tsi.key;
        self.tell(edge, nve::Input::Attach { vap, vn: key.vn, tsis: vec![tsi], policy: PortPolicy::untrusted() })?;
        self.tell(edge, nve::Input::Activate { key, move_id })
    }

    /// The correspondent, behind the old edge, sends a frame to the VM.
    fn frame(&mut self, number: u8) -> Result<(), Box<dyn Error>> {
        say!("    The correspondent sends frame {number}.");
        let frame = [&tsi(VM).key.mac.0[..], &tsi(CORRESPONDENT).key.mac.0, &[0x88, 0xb5, number]].concat();
        let now = self.now();
        let fate = self.edges.get_mut(&OLD).ok_or("no such edge")?.frame(now, CORRESPONDENT, &frame);
        self.wires.extend(copies(OLD, &fate, &frame));
        self.carry_out()
    }

    /// Does what the machines want, until none of them wants anything. A program that lives longer also calls at the times of
    /// `Next::Wait` and `Nva::poll_timeout`: see the examples `edge_udp` and `authority`.
    fn carry_out(&mut self) -> Result<(), Box<dyn Error>> {
        let (now, mut buffer) = (self.now(), Vec::new());
        loop {
            for (&from, edge) in &mut self.edges {
                loop {
                    match edge.poll(now, &mut |_| true, &mut buffer) {
                        Next::Frame(fate) => self.wires.extend(copies(from, &fate, &buffer)),
                        Next::Datagram(peer) => self.wires.push_back((from, To::Control(peer), buffer.clone())),
                        Next::Event(nve::Event::News { key, news, .. }) => {
                            say!("    The edge {from} says of {key}: {news}.");
                        }
                        Next::Event(_) | Next::Changed { .. } => {}
                        Next::Wait(_) => break,
                    }
                }
            }
            // This authority keeps its records in memory. With a store, say `Persisted` when the disk has them.
            while let Some((number, _)) = self.nva.poll_persist() {
                self.nva.handle(now, nva::Input::Persisted(number))?;
            }
            while let Some(to) = self.nva.poll_transmit(now, &mut buffer) {
                self.wires.push_back((to.ip(), To::Control(Peer::Nve(to.ip())), buffer.clone()));
            }
            while let Some(event) = self.nva.poll_event() {
                match event {
                    nva::Event::MaySuspend(id) => say!("    The authority says: the VM may be suspended for {id}."),
                    nva::Event::Ended { id, .. } => say!("    The authority says: {id} has ended."),
                    nva::Event::Converged { id, .. } => say!("    The authority says: every edge follows {id}."),
                    _ => {}
                }
            }
            let Some((from, to, bytes)) = self.wires.pop_front() else { return Ok(()) };
            match to {
                To::Control(Peer::Nva) => self.nva.handle_datagram(now, (from, 61_635).into(), &bytes),
                To::Control(Peer::Nve(to)) => {
                    self.edges.get_mut(&to).ok_or("no such edge")?.datagram(now, &bytes);
                }
                To::Frame(Target::Tunnel { to, vn }) => {
                    let fate = self.edges.get_mut(&to).ok_or("no such edge")?.tunnelled(now, from, vn, &bytes);
                    self.wires.extend(copies(to, &fate, &bytes));
                }
                To::Frame(_) => {
                    let number = bytes.last().copied().unwrap_or_default();
                    say!("    The VM receives frame {number} from the edge {from}.");
                    self.received.push(number);
                }
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut world, key) = (World::new()?, tsi(VM).key);

    say!("The VM and the correspondent run behind the old edge, {OLD}.");
    world.start_vm(OLD, VM, None)?;
    world.start_vm(OLD, CORRESPONDENT, None)?;
    world.frame(1)?;

    say!("Management tells the authority to move the VM to the new edge, {NEW}.");
    let (tsis, kind, deadline) = (vec![key], MoveKind::Hot, Micros::from_secs(30));
    world.nva.handle(world.now(), nva::Input::Move { id: MOVE, tsis, to: NveId(2), kind, deadline })?;
    world.carry_out()?;
    world.frame(2)?;

    say!("The source's hypervisor tells the old edge that the VM will stop, and stops it when the edge agrees.");
    world.tell(OLD, nve::Input::Suspend { key, move_id: MOVE, stopped_at: None })?;
    world.frame(3)?;
    world.frame(4)?;

    say!("The target's hypervisor attaches the VM's port, tells the new edge that the VM runs, and starts the VM.");
    world.start_vm(NEW, VM, Some(MOVE))?;
    world.frame(5)?;

    let place = world.nva.lookup(&key).and_then(|mapping| mapping.place).ok_or("the authority has no mapping")?;
    say!("The authority maps {key} to {}. The VM received the frames {:?}.", place.nve, world.received);
    if world.received == [1, 2, 3, 4, 5] { Ok(()) } else { Err("a frame is lost, or came out of order".into()) }
}
