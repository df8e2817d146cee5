//! An edge over UDP in an asynchronous task: `select!` waits for sockets, the hypervisor's words, the VM's frames and the time.
//!
//! `cargo run -p nvo3-mobility --example edge_tokio`
//!
//! The program runs an authority and two edges on 127.0.0.1 and 127.0.0.2. The VM behind edge 1 sends a frame to the VM behind
//! edge 2, in VXLAN through real sockets, and gets an answer. The example `edge_udp` is the same with threads.

mod common;
#[path = "common/say.rs"]
mod say;

use common::{Failure, Network, bind, edge, first_words, frame, locator, sent, start, vm};
use nvo3_mobility::edge::{Edge, Next, Peer};
use nvo3_mobility::forwarder::Target;
use nvo3_mobility::nve::{self, Event, Input, rules::News};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Instant, Micros, Tsi};
use nvo3_wire::tunnel::{Encap, Encapsulation};
use nvo3_wire::vxlan;
use say::say;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{self, timeout};

/// A word of the hypervisor, and where the edge's answer goes.
type Word = (Input, oneshot::Sender<Result<(), nve::Error>>);

/// The interfaces of an edge. The port is the VM's: in a real program, a tap.
struct Wires {
    network: Network,
    control: UdpSocket,
    vxlan: UdpSocket,
    from_port: mpsc::Receiver<Vec<u8>>,
    to_port: mpsc::Sender<Vec<u8>>,
    words: mpsc::Receiver<Word>,
    events: mpsc::UnboundedSender<Event>,
}

/// Sends a frame to each target, and waits where a socket or a port is full. An edge with many ports drops the frame there
/// instead, so that one slow VM does not stop the others.
async fn send(wires: &Wires, targets: &[Target], frame: &[u8]) -> Result<(), Failure> {
    for target in targets {
        match *target {
            Target::Port(_) => wires.to_port.send(frame.to_vec()).await?,
            Target::Tunnel { to, vn } => {
                // The kernel writes the outer IP and UDP headers.
                let encap = Encap::for_socket(Encapsulation::Vxlan, vn)?;
                let mut packet = vec![0; encap.len() + frame.len()];
                encap.write(0, frame, &mut packet)?;
                sent(wires.vxlan.send_to(&packet, (to, wires.network.vxlan_port)).await);
            }
            Target::Again(_) => {} // an Edge never says this
        }
    }
    Ok(())
}

/// Does what the edge wants. Returns the time of the next call, if nothing arrives before.
async fn carry_out(now: Instant, edge: &mut Edge, wires: &Wires) -> Result<Option<Instant>, Failure> {
    let mut buffer = Vec::new();
    loop {
        match edge.poll(now, &mut |_target| true, &mut buffer) {
            Next::Frame(fate) => send(wires, fate.targets(), &buffer).await?,
            Next::Datagram(Peer::Nva) => sent(wires.control.send_to(&buffer, wires.network.nva).await),
            Next::Datagram(Peer::Nve(to)) => {
                sent(wires.control.send_to(&buffer, (to, wires.network.control_port)).await);
            }
            // Without a bound: the hypervisor may wait for an answer now. Nobody may listen any more.
            Next::Event(event) => _ = wires.events.send(event),
            Next::Changed { .. } => {}
            Next::Wait(until) => return Ok(until),
        }
    }
}

/// The edge's loop. It ends when the hypervisor has dropped its end.
async fn run(mut edge: Edge, mut wires: Wires) -> Result<(), Failure> {
    let start = time::Instant::now();
    let clock = || Instant(start.elapsed().as_micros() as u64);
    let (mut control, mut vxlan) = (Vec::with_capacity(65_536), Vec::with_capacity(65_536));
    loop {
        let until = carry_out(clock(), &mut edge, &wires).await?;
        let until = until.unwrap_or(clock() + Micros::from_secs(3600));
        control.clear();
        vxlan.clear();
        // Each branch may lose the race after it began: receiving from a socket or a channel loses nothing then. With much
        // traffic, read on by `try_recv_buf_from` until the socket is empty, and poll the edge once for the batch.
        tokio::select! {
            received = wires.control.recv_buf_from(&mut control) => {
                received?;
                edge.datagram(clock(), &control);
            }
            received = wires.vxlan.recv_buf_from(&mut vxlan) => {
                let (_, from) = received?;
                // nved also counts what is no VXLAN, and takes the outer ECN bits over (RFC 6040).
                let Ok((vn, frame)) = vxlan::parse(&vxlan) else { continue };
                let fate = edge.tunnelled(clock(), from.ip(), vn, frame);
                send(&wires, fate.targets(), frame).await?;
            }
            Some(frame) = wires.from_port.recv() => {
                let fate = edge.frame(clock(), VapId(1), &frame);
                send(&wires, fate.targets(), &frame).await?;
            }
            word = wires.words.recv() => {
                let Some((word, answer)) = word else {
                    edge.tell(clock(), Input::Goodbye)?;
                    return carry_out(clock(), &mut edge, &wires).await.map(|_| ());
                };
                // The hypervisor may have given up the wait for the answer.
                let _ = answer.send(edge.tell(clock(), word));
            }
            () = time::sleep_until(start + Duration::from_micros(until.0)) => {}
        }
    }
}

/// An edge that runs, as its hypervisor and its VM see it.
struct Host {
    words: mpsc::Sender<Word>,
    events: mpsc::UnboundedReceiver<Event>,
    to_port: mpsc::Sender<Vec<u8>>,
    from_port: mpsc::Receiver<Vec<u8>>,
}

impl Host {
    fn open(n: u8, network: Network) -> Result<(Self, Wires), Failure> {
        let (control, vxlan) = (bind(locator(n), network.control_port)?, bind(locator(n), network.vxlan_port)?);
        for socket in [&control, &vxlan] {
            socket.set_nonblocking(true)?;
        }
        let (control, vxlan) = (UdpSocket::from_std(control)?, UdpSocket::from_std(vxlan)?);
        let ((into_port, from_vm), (to_vm, out_of_port)) = (mpsc::channel(64), mpsc::channel(64));
        let ((say, words), (events_in, events)) = (mpsc::channel(64), mpsc::unbounded_channel());
        let wires = Wires { network, control, vxlan, from_port: from_vm, to_port: to_vm, words, events: events_in };
        Ok((Self { words: say, events, to_port: into_port, from_port: out_of_port }, wires))
    }

    /// Starts the VM, and waits until the authority knows that it runs here.
    async fn start_vm(&mut self, vm: &Tsi) -> Result<(), Failure> {
        for word in first_words(vm) {
            let (answer, answered) = oneshot::channel();
            self.words.send((word, answer)).await?;
            answered.await??;
        }
        while let Some(event) = self.events.recv().await {
            if matches!(event, Event::News { news: News::Running, .. }) {
                say!("{} runs, and the authority knows it", vm.key);
                return Ok(());
            }
        }
        Err("the edge ended".into())
    }
}

/// The VM behind one edge sends a frame to the VM behind the other.
async fn exchange(from: (&Tsi, &Host), to: (&Tsi, &mut Host)) -> Result<(), Failure> {
    from.1.to_port.send(frame(from.0, to.0)).await?;
    let frame = to.1.from_port.recv().await.ok_or("the edge ended")?;
    say!("{} received {} bytes from {}", to.0.key, frame.len(), from.0.key);
    Ok(())
}

async fn tenants(mut edge1: Host, mut edge2: Host) -> Result<(), Failure> {
    let (vm1, vm2) = (vm(1)?, vm(2)?);
    edge1.start_vm(&vm1).await?;
    edge2.start_vm(&vm2).await?;
    exchange((&vm1, &edge1), (&vm2, &mut edge2)).await?;
    exchange((&vm2, &edge2), (&vm1, &mut edge1)).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let network = start()?;
    say!(
        "authority at {}; edges with control port {}, VXLAN port {}",
        network.nva,
        network.control_port,
        network.vxlan_port
    );
    let ((host1, wires1), (host2, wires2)) = (Host::open(1, network)?, Host::open(2, network)?);
    // The first error ends all three. A program with more to do spawns each edge as a task: an edge is Send.
    let all = async { tokio::try_join!(run(edge(1)?, wires1), run(edge(2)?, wires2), tenants(host1, host2)) };
    timeout(Duration::from_secs(10), all).await??;
    Ok(())
}
