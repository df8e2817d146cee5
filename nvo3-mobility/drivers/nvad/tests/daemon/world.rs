//! The real `nvad` and edges that are machines in this process, joined by UDP on the loopback interface.

use nvo3_mobility::Transport;
use nvo3_mobility::edge::Peer;
use nvo3_mobility::edge::foreign::{ForeignEdge, Next};
use nvo3_mobility::nve::{Event, Input, Nve, NveConfig};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Locators, Message, Micros, NveId, Place, Role, Tsi, TsiKey};
use nvo3_wire::{Mac, Vni};
use nvoctl::{Reply, Request, What, clock};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn tsi(n: u8) -> Tsi {
    let key = TsiKey { vn: Vni::new(77).unwrap(), mac: Mac([2, 0, 0, 0, 0, n]) };
    Tsi { key, ips: vec![IpAddr::from([192, 0, 2, n])], role: Role::Unknown }
}

pub(crate) fn place(n: u8) -> Place {
    Place { nve: NveId(n.into()), locators: Locators::V4([198, 51, 100, n].into()) }
}

pub(crate) fn nvad(directory: &TempDir, listen: SocketAddr, socket: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nvad"));
    command.arg("--listen").arg(listen.to_string());
    command.arg("--trusted-transport");
    command.args(["--nve", "1=198.51.100.1", "--nve", "2=198.51.100.2"]);
    command.arg("--socket").arg(directory.path().join(socket));
    command.arg("--data").arg(directory.path().join("data"));
    command
}

/// An edge without a data plane.
pub(crate) struct Edge {
    pub(crate) machine: ForeignEdge,
    pub(crate) events: Vec<Event>,
    /// The TSIs whose withdrawal the authority has acknowledged.
    pub(crate) withdrawn: Vec<TsiKey>,
    socket: UdpSocket,
}

/// `nvad` with two edges.
pub(crate) struct World {
    pub(crate) directory: TempDir,
    pub(crate) listen: SocketAddr,
    pub(crate) edges: [Edge; 2],
    daemon: Option<Child>,
}

impl World {
    pub(crate) fn new(ip: IpAddr) -> Self {
        let directory = TempDir::new().unwrap();
        let listen = UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap();
        let edges = [1, 2].map(|n| edge(n, ip));
        let mut world = Self { directory, listen, edges, daemon: None };
        world.start();
        world.connect();
        world
    }

    pub(crate) fn start(&mut self) {
        let daemon = nvad(&self.directory, self.listen, "nvad.sock").spawn().unwrap();
        self.daemon = Some(daemon);
        let path = self.directory.path().join("nvad.sock");
        self.until("nvad answers", |_| UnixStream::connect(&path).is_ok().then_some(()));
    }

    pub(crate) fn connect(&mut self) {
        for edge in &mut self.edges {
            edge.machine.tell(clock::now(), Input::Connect).unwrap();
        }
        self.until("both edges are connected", |world| {
            let up = |edge: &Edge| edge.events.contains(&Event::SessionUp);
            world.edges.iter().all(up).then_some(())
        });
    }

    /// Kills the daemon: it flushes nothing and sends nothing.
    pub(crate) fn kill(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
    }

    pub(crate) fn end(&mut self) -> ExitStatus {
        let mut daemon = self.daemon.take().unwrap();
        let id = rustix::process::Pid::from_child(&daemon);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        daemon.wait().unwrap()
    }

    pub(crate) fn vm_at(&mut self, n: usize, vm: &Tsi) {
        self.attach(n, vm);
        self.edges[n].machine.tell(clock::now(), Input::Activate { key: vm.key, move_id: None }).unwrap();
    }

    pub(crate) fn attach(&mut self, n: usize, vm: &Tsi) {
        let (vn, tsis) = (vm.key.vn, vec![vm.clone()]);
        let attach = Input::Attach { vap: VapId(vm.key.mac.0[5].into()), vn, tsis, policy: PortPolicy::untrusted() };
        self.edges[n].machine.tell(clock::now(), attach).unwrap();
    }

    /// Lets edges go on until something is there.
    pub(crate) fn until<T>(&mut self, what: &str, mut there: impl FnMut(&mut Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            for edge in &mut self.edges {
                edge.turn(self.listen);
            }
            if let Some(found) = there(self) {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        }
    }

    pub(crate) fn call(&self, request: &Request) -> Call {
        let mut stream = UnixStream::connect(self.directory.path().join("nvad.sock")).unwrap();
        let mut line = serde_json::to_vec(request).unwrap();
        line.push(b'\n');
        stream.write_all(&line).unwrap();
        stream.set_nonblocking(true).unwrap();
        Call { stream, read: Vec::new() }
    }

    pub(crate) fn ask(&mut self, request: &Request) -> Reply {
        let mut call = self.call(request);
        self.until(&format!("a reply to {request:?}"), |_| call.next())
    }

    pub(crate) fn show(&mut self, what: What) -> Value {
        match self.ask(&Request::Show(what)) {
            Reply::Shown(value) => value,
            other => panic!("{other:?}"),
        }
    }

    /// MAC and NVE of each row of the directory.
    pub(crate) fn directory(&mut self) -> Vec<(String, u64)> {
        let tables = self.show(What::Tables);
        let row = |row: &Value| (row["mac"].as_str().unwrap().to_owned(), row["nve"].as_u64().unwrap());
        tables.as_array().unwrap().iter().map(row).collect()
    }

    pub(crate) fn directory_is(&mut self, expected: &[(&Tsi, u64)]) {
        let expected: Vec<_> = expected.iter().map(|(vm, nve)| (vm.key.mac.to_string(), *nve)).collect();
        self.until("the directory is as expected", |world| (world.directory() == expected).then_some(()));
    }

    pub(crate) fn prepare(&self, id: u64, vm: &Tsi) -> Call {
        let (tsis, to, deadline) = (vec![vm.key], NveId(2), Micros::from_secs(15));
        self.call(&Request::Prepare { move_id: Some(nvo3_nva_proto::MoveId(id)), tsis, to, deadline })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

fn edge(n: u8, ip: IpAddr) -> Edge {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    Edge {
        machine: ForeignEdge::new(Nve::new(NveConfig::new(place(n), Transport::Trusted), n.into()).unwrap(), 0),
        events: Vec::new(),
        withdrawn: Vec::new(),
        socket,
    }
}

impl Edge {
    fn turn(&mut self, nva: SocketAddr) {
        let mut buffer = vec![0; 2_048];
        while let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
            if let Ok((_, Message::DeregisterReply(reply))) = Message::decode(&buffer[..length]) {
                self.withdrawn.extend(reply.tsis.iter().map(|tsi| TsiKey { vn: reply.vn, mac: tsi.mac }));
            }
            self.machine.datagram(clock::now(), &buffer[..length]);
        }
        loop {
            match self.machine.poll(clock::now(), &mut buffer) {
                Next::Datagram(Peer::Nva) => _ = self.socket.send_to(&buffer, nva).unwrap(),
                Next::Event(event) => {
                    // As a driver does.
                    if matches!(event, Event::SessionDown(_)) {
                        self.machine.tell(clock::now(), Input::Connect).unwrap();
                    }
                    self.events.push(event);
                }
                Next::Change(_) | Next::Frame(_) | Next::Datagram(Peer::Nve(_)) => {}
                Next::Wait(_) => return,
            }
        }
    }
}

/// A connection to the control socket.
pub(crate) struct Call {
    stream: UnixStream,
    read: Vec<u8>,
}

impl Call {
    pub(crate) fn next(&mut self) -> Option<Reply> {
        let mut buffer = [0; 65_536];
        while let Ok(length @ 1..) = self.stream.read(&mut buffer) {
            self.read.extend_from_slice(&buffer[..length]);
        }
        let end = self.read.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.read.drain(..=end).collect();
        Some(serde_json::from_slice(&line).unwrap())
    }
}

/// Runs `nvad` until it ends by itself.
pub(crate) fn run(command: &mut Command) -> Output {
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it goes on: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}
