//! An edge over UDP in a blocking loop: one thread owns the edge, and a thread for each socket hands it what arrives.
//!
//! `cargo run -p nvo3-mobility --example edge_udp`
//!
//! The program runs an authority and two edges on 127.0.0.1 and 127.0.0.2. The VM behind edge 1 sends a frame to the VM behind
//! edge 2, in VXLAN through real sockets, and gets an answer.

mod common;
#[path = "common/say.rs"]
mod say;

use common::{Failure, Network, bind, edge, first_words, frame, locator, sent, start, vm};
use nvo3_mobility::edge::{Edge, Next, Peer};
use nvo3_mobility::forwarder::Target;
use nvo3_mobility::nve::{self, Event, Input, rules::News};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Instant, Tsi};
use nvo3_wire::tunnel::{Encap, Encapsulation};
use nvo3_wire::vxlan;
use say::say;
use std::net::{IpAddr, UdpSocket};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

/// The events that the edge's thread waits for.
enum Wakeup {
    /// A datagram of the control socket.
    Control(Vec<u8>),
    /// A datagram of the VXLAN socket.
    Vxlan(IpAddr, Vec<u8>),
    /// A frame that a VM sent into a port.
    Frame(VapId, Vec<u8>),
    /// A word of the hypervisor, and where the edge's answer goes.
    Word(Input, Sender<Result<(), nve::Error>>),
    /// A socket cannot be read any more.
    Failed(std::io::Error),
    /// End in order.
    Stop,
}

/// The destinations of the edge's outputs.
struct Wires {
    network: Network,
    control: UdpSocket,
    vxlan: UdpSocket,
    packet: Vec<u8>,
    /// To the VM. In a real program: a tap for each port.
    port: Sender<Vec<u8>>,
    /// To the hypervisor.
    events: Sender<Event>,
}

impl Wires {
    fn frame(&mut self, target: &Target, frame: &[u8]) -> Result<(), Failure> {
        match *target {
            Target::Port(_) => self.port.send(frame.to_vec())?,
            Target::Tunnel { to, vn } => {
                // The kernel writes the outer IP and UDP headers.
                let encap = Encap::for_socket(Encapsulation::Vxlan, vn)?;
                self.packet.resize(encap.len() + frame.len(), 0);
                encap.write(0, frame, &mut self.packet)?;
                sent(self.vxlan.send_to(&self.packet, (to, self.network.vxlan_port)));
            }
            Target::Again(_) => {} // an Edge never says this
        }
        Ok(())
    }

    fn datagram(&self, peer: Peer, datagram: &[u8]) {
        sent(match peer {
            Peer::Nva => self.control.send_to(datagram, self.network.nva),
            Peer::Nve(to) => self.control.send_to(datagram, (to, self.network.control_port)),
        });
    }
}

/// Does what the edge wants. Returns the time of the next call, if nothing arrives before.
fn carry_out(now: Instant, edge: &mut Edge, wires: &mut Wires) -> Result<Option<Instant>, Failure> {
    let mut buffer = Vec::new();
    loop {
        // This port takes any number of frames. For a full tap, the closure says false: the edge then keeps its held frames.
        match edge.poll(now, &mut |_target| true, &mut buffer) {
            Next::Frame(fate) => fate.targets().iter().try_for_each(|target| wires.frame(target, &buffer))?,
            Next::Datagram(peer) => wires.datagram(peer, &buffer),
            Next::Event(event) => wires.events.send(event)?,
            Next::Changed { .. } => {}
            Next::Wait(until) => return Ok(until),
        }
    }
}

/// The edge's loop.
fn run(mut edge: Edge, mut wires: Wires, wakeups: &Receiver<Wakeup>) -> Result<(), Failure> {
    let start = std::time::Instant::now();
    let clock = || Instant(start.elapsed().as_micros() as u64);
    loop {
        let until = carry_out(clock(), &mut edge, &mut wires)?;
        let wait = until.map_or(Duration::from_secs(3600), |at| Duration::from_micros((at - clock()).0));
        let first = match wakeups.recv_timeout(wait) {
            Ok(wakeup) => Some(wakeup),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        // What has arrived by now goes in as one batch: one look at the clock and one round of polls for all of it.
        let now = clock();
        for wakeup in first.into_iter().chain(wakeups.try_iter().take(64)) {
            match wakeup {
                Wakeup::Control(datagram) => edge.datagram(now, &datagram),
                Wakeup::Vxlan(from, datagram) => {
                    // nved also counts what is no VXLAN, and takes the outer ECN bits over (RFC 6040).
                    let Ok((vn, frame)) = vxlan::parse(&datagram) else { continue };
                    let fate = edge.tunnelled(now, from, vn, frame);
                    fate.targets().iter().try_for_each(|target| wires.frame(target, frame))?;
                }
                Wakeup::Frame(vap, frame) => {
                    let fate = edge.frame(now, vap, &frame);
                    fate.targets().iter().try_for_each(|target| wires.frame(target, &frame))?;
                }
                // The hypervisor may have given up the wait for the answer.
                Wakeup::Word(word, answer) => _ = answer.send(edge.tell(now, word)),
                Wakeup::Failed(error) => return Err(error.into()),
                Wakeup::Stop => {
                    edge.tell(now, Input::Goodbye)?;
                    return carry_out(now, &mut edge, &mut wires).map(|_| ());
                }
            }
        }
    }
}

/// An edge that runs, as its hypervisor and its VM see it.
struct Host {
    wakeups: SyncSender<Wakeup>,
    port: Receiver<Vec<u8>>,
    events: Receiver<Event>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Host {
    fn start(n: u8, network: Network) -> Result<Self, Failure> {
        let (control, vxlan) = (bind(locator(n), network.control_port)?, bind(locator(n), network.vxlan_port)?);
        // With a bound: while the edge is behind, the kernel's socket buffers fill, and memory does not.
        let (wakeups, woken) = sync_channel(1_024);
        let ((port_in, port), (events_in, events)) = (channel(), channel());
        read(control.try_clone()?, wakeups.clone(), |_, datagram| Wakeup::Control(datagram));
        read(vxlan.try_clone()?, wakeups.clone(), Wakeup::Vxlan);
        let wires = Wires { network, control, vxlan, packet: Vec::new(), port: port_in, events: events_in };
        let edge = edge(n)?;
        Ok(Self { wakeups, port, events, thread: spawn(move || run(edge, wires, &woken)) })
    }

    /// Starts the VM, and waits until the authority knows that it runs here.
    fn start_vm(&self, vm: &Tsi) -> Result<(), Failure> {
        for word in first_words(vm) {
            let (answer, answered) = channel();
            self.wakeups.send(Wakeup::Word(word, answer))?;
            answered.recv()??;
        }
        while !matches!(self.events.recv_timeout(Duration::from_secs(5))?, Event::News { news: News::Running, .. }) {}
        say!("{} runs, and the authority knows it", vm.key);
        Ok(())
    }
}

/// Hands over what a socket receives. (nved reads many datagrams by one system call, and allocates for none.)
fn read(socket: UdpSocket, to: SyncSender<Wakeup>, wakeup: fn(IpAddr, Vec<u8>) -> Wakeup) {
    spawn(move || {
        let mut buffer = vec![0; 65_536];
        loop {
            let woken = match socket.recv_from(&mut buffer) {
                Ok((length, from)) => wakeup(from.ip(), buffer.get(..length).unwrap_or_default().to_vec()),
                Err(error) => Wakeup::Failed(error),
            };
            // An error here says that the edge has ended.
            if to.send(woken).is_err() {
                return;
            }
        }
    });
}

/// The VM behind one edge sends a frame to the VM behind the other.
fn send(from: (&Tsi, &Host), to: (&Tsi, &Host)) -> Result<(), Failure> {
    from.1.wakeups.send(Wakeup::Frame(VapId(1), frame(from.0, to.0)))?;
    let frame = to.1.port.recv_timeout(Duration::from_secs(5)).map_err(|_| "the frame did not arrive within 5 s")?;
    say!("{} received {} bytes from {}", to.0.key, frame.len(), from.0.key);
    Ok(())
}

fn main() -> Result<(), Failure> {
    let network = start()?;
    say!(
        "authority at {}; edges with control port {}, VXLAN port {}",
        network.nva,
        network.control_port,
        network.vxlan_port
    );
    let (vm1, edge1, vm2, edge2) = (vm(1)?, Host::start(1, network)?, vm(2)?, Host::start(2, network)?);
    edge1.start_vm(&vm1)?;
    edge2.start_vm(&vm2)?;
    send((&vm1, &edge1), (&vm2, &edge2))?;
    send((&vm2, &edge2), (&vm1, &edge1))?;
    for edge in [edge1, edge2] {
        edge.wakeups.send(Wakeup::Stop)?;
        edge.thread.join().map_err(|_| "the thread of an edge panicked")??;
    }
    Ok(())
}
