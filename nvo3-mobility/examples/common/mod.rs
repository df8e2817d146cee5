//! The surroundings of the edges in `edge_udp` and `edge_tokio`: an authority in a thread, on ports of 127.0.0.1 that are free.

use nvo3_mobility::Transport;
use nvo3_mobility::edge::Edge;
use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig};
use nvo3_mobility::nva::{Input, Nva, NvaConfig};
use nvo3_mobility::nve::{self, Nve, NveConfig};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Instant, Locators, NveId, Place, Role, Tsi, TsiKey};
use nvo3_wire::{Mac, Vni};
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// An error of any kind, which a thread can hand to another.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The address of the authority, and the ports of every edge. Outside of this example the ports are 61635 and 4789, the same at each edge.
#[derive(Clone, Copy)]
pub(crate) struct Network {
    pub(crate) nva: SocketAddr,
    pub(crate) control_port: u16,
    pub(crate) vxlan_port: u16,
}

/// A seed from the system's random source: RandomState takes its keys from there.
fn seed() -> u64 {
    RandomState::new().hash_one(0)
}

/// The underlay address of edge `n`. (macOS has 127.0.0.2 after `sudo ifconfig lo0 alias 127.0.0.2`.)
pub(crate) fn locator(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, n)
}

fn place(n: u8) -> Place {
    Place { nve: NveId(n.into()), locators: Locators::V4(locator(n)) }
}

/// The VM behind edge `n`.
pub(crate) fn vm(n: u8) -> Result<Tsi, Failure> {
    let vn = Vni::new(5001).ok_or("a VNI has 24 bits")?;
    Ok(Tsi { key: TsiKey { vn, mac: Mac([2, 0, 0, 0, 0, n]) }, ips: vec![[192, 0, 2, n].into()], role: Role::Unknown })
}

/// Edge `n`. Loopback is a network on which only this host sends; elsewhere use `Transport::Sealed` with keys.
pub(crate) fn edge(n: u8) -> Result<Edge, Failure> {
    let nve = Nve::new(NveConfig::new(place(n), Transport::Trusted), seed())?;
    Ok(Edge::new(nve, Forwarder::new(ForwarderConfig::new(place(n).locators), seed())?))
}

/// The hypervisor's inputs at the start: connect to the authority; the VM is behind port 1; the VM runs.
pub(crate) fn first_words(vm: &Tsi) -> [nve::Input; 3] {
    let attach =
        nve::Input::Attach { vap: VapId(1), vn: vm.key.vn, tsis: vec![vm.clone()], policy: PortPolicy::untrusted() };
    [nve::Input::Connect, attach, nve::Input::Activate { key: vm.key, move_id: None }]
}

/// A frame from one VM to another, of an EtherType for experiments.
pub(crate) fn frame(from: &Tsi, to: &Tsi) -> Vec<u8> {
    [&to.key.mac.0[..], &from.key.mac.0, &[0x88, 0xb5], &[0; 46]].concat()
}

/// A UDP socket; the error names the address.
pub(crate) fn bind(ip: Ipv4Addr, port: u16) -> Result<UdpSocket, String> {
    UdpSocket::bind((ip, port)).map_err(|error| format!("{ip}:{port}/UDP: {error}"))
}

/// Reports a datagram that the system did not take. The loop goes on: a network loses datagrams too, and sessions repeat them.
pub(crate) fn sent(result: io::Result<usize>) {
    if let Err(error) = result {
        eprintln!("a datagram is lost: {error}");
    }
}

/// Starts the authority, and finds free ports for the edges.
pub(crate) fn start() -> Result<Network, Failure> {
    let mut nva = Nva::new(NvaConfig::new(Transport::Trusted), seed(), Instant(0))?;
    for n in [1, 2] {
        nva.handle(Instant(0), Input::Admit(place(n)))?;
    }
    let sockets = [bind(locator(1), 0)?, bind(locator(1), 0)?, bind(locator(1), 0)?];
    let [nva_socket, control, vxlan] = sockets;
    let network = Network {
        nva: nva_socket.local_addr()?,
        control_port: control.local_addr()?.port(),
        vxlan_port: vxlan.local_addr()?.port(),
    };
    std::thread::spawn(move || {
        if let Err(error) = serve(nva, &nva_socket) {
            eprintln!("the authority ended: {error}");
        }
    });
    Ok(network)
}

/// The authority's loop. Its records are in memory only; the example `authority` has a store.
fn serve(mut nva: Nva, socket: &UdpSocket) -> Result<(), Failure> {
    let (start, mut received, mut buffer) = (std::time::Instant::now(), vec![0; 65_536], Vec::new());
    let clock = || Instant(start.elapsed().as_micros() as u64);
    loop {
        let now = clock();
        nva.handle_timeout(now);
        while let Some((number, _)) = nva.poll_persist() {
            nva.handle(now, Input::Persisted(number))?;
        }
        while let Some(to) = nva.poll_transmit(now, &mut buffer) {
            sent(socket.send_to(&buffer, to));
        }
        while let Some(_event) = nva.poll_event() {}
        // A read timeout of 0 is an error.
        let wait = nva.poll_timeout().map(|(at, _)| Duration::from_micros((at - now).0.max(1)));
        socket.set_read_timeout(wait)?;
        match socket.recv_from(&mut received) {
            Ok((length, from)) => nva.handle_datagram(clock(), from, received.get(..length).unwrap_or_default()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
