//! A VM's interface under a hypervisor. It stays up while it is connected to the tap of one host, of no host, or of another.

use super::Namespace;
use nvo3_wire::Mac;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// The addresses of a tenant system.
#[derive(Clone, Debug)]
pub struct Station {
    /// The MAC address.
    pub mac: Mac,
    /// The IP addresses, at most one of each family.
    pub ips: Vec<IpAddr>,
}

impl Station {
    /// The addresses of tenant `number`: `52:54:00:77:00:NN`, `192.168.77.NN` and `fd77::NN`, where NN are decimal digits.
    pub fn new(number: u8) -> Self {
        let ips = [format!("192.168.77.{number}"), format!("fd77::{number}")];
        Self {
            mac: format!("52:54:00:77:00:{number:02}").parse().unwrap(),
            ips: ips.map(|ip| ip.parse().unwrap()).to_vec(),
        }
    }

    /// The addresses as a port's specification has them: `mac=M,ip=A,ip=B`.
    pub fn spec(&self) -> String {
        let ips: String = self.ips.iter().map(|ip| format!(",ip={ip}")).collect();
        format!("mac={}{ips}", self.mac)
    }

    /// Gives `eth0` its IP addresses and sets it up.
    pub fn configure(&self, namespace: &Namespace) {
        namespace.set("ipv6/conf/eth0/accept_ra", "0");
        namespace.set("ipv6/conf/eth0/accept_dad", "0");
        namespace.ip("link set eth0 up");
        for ip in &self.ips {
            let (length, flags) = if ip.is_ipv4() { (24, "") } else { (64, "nodad") };
            namespace.ip(&format!("addr add {ip}/{length} dev eth0 {flags}"));
        }
    }
}

/// The clock of a VM, which can be paused. The VM's processes act only while it runs.
#[derive(Clone, Debug)]
pub struct Clock(Arc<RwLock<bool>>);

impl Clock {
    /// Calls a function, unless the VM is paused. The VM is not paused during the call.
    pub fn while_running<T>(&self, function: impl FnOnce() -> T) -> Option<T> {
        let running = self.0.read().unwrap();
        running.then(function)
    }
}

/// A VM and its hypervisors.
#[derive(Debug)]
pub struct Vm {
    /// The namespace of the VM's processes.
    pub namespace: Namespace,
    /// The addresses of the VM.
    pub station: Station,
    /// The clock of the VM.
    pub clock: Clock,
    shared: Arc<Shared>,
    relay: Option<JoinHandle<()>>,
}

struct Shared {
    interface: SyncDevice,
    hosts: Vec<SyncDevice>,
    /// The index in `hosts` of the host that the VM runs at; `None` while it is paused.
    connected: Mutex<Option<usize>>,
    ended: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("connected", &self.connected).finish_non_exhaustive()
    }
}

impl Vm {
    /// A VM with a tap `vm0` in each host. It runs at the first host.
    pub fn new(name: &str, station: Station, hosts: &[&Namespace]) -> Self {
        let namespace = Namespace::new(name);
        let interface = open_tap(&namespace, "eth0", Some(station.mac));
        station.configure(&namespace);
        let hosts = hosts.iter().map(|host| open_tap(host, "vm0", None)).collect();
        let shared = Shared { interface, hosts, connected: Mutex::new(Some(0)), ended: AtomicBool::new(false) };
        let shared = Arc::new(shared);
        let relay = std::thread::spawn({
            let shared = shared.clone();
            move || shared.relay()
        });
        Self { namespace, station, clock: Clock(Arc::new(RwLock::new(true))), shared, relay: Some(relay) }
    }

    /// Stops the VM, after it has sent all its frames and read the queue of its port. Returns when: nanoseconds of
    /// CLOCK_MONOTONIC.
    pub fn pause(&self) -> i64 {
        *self.clock.0.write().unwrap() = false;
        let mut connected = self.shared.connected.lock().unwrap();
        if let Some(host) = connected.take() {
            while self.shared.carry(host) {}
        }
        let now = clock_gettime(ClockId::Monotonic);
        now.tv_sec * 1_000_000_000 + now.tv_nsec
    }

    /// Resumes the VM at the tap of a host (as given to [`Vm::new`], from 0). The tap's queue is left as it is.
    pub fn resume_at(&self, host: usize) {
        *self.shared.connected.lock().unwrap() = Some(host);
        *self.clock.0.write().unwrap() = true;
    }

    /// Removes the frames that wait at a host's tap although the VM is elsewhere. Returns how many.
    pub fn stranded(&self, host: usize) -> usize {
        let mut frame = [0; 2_048];
        std::iter::from_fn(|| self.shared.hosts[host].recv(&mut frame).ok()).count()
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(relay) = self.relay.take() {
            let _ = relay.join();
        }
    }
}

impl Shared {
    fn relay(&self) {
        while !self.ended.load(Ordering::Relaxed) {
            let connected = *self.connected.lock().unwrap();
            let mut watched = vec![];
            if let Some(host) = connected {
                let host = &self.hosts[host];
                watched = vec![PollFd::new(&self.interface, PollFlags::IN), PollFd::new(host, PollFlags::IN)];
            }
            let _ = poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 1_000_000 }));
            let connected = self.connected.lock().unwrap();
            if let Some(host) = *connected {
                self.carry(host);
            }
        }
    }

    /// Carries the waiting frames, up to a batch in each direction. Returns whether there were any.
    fn carry(&self, host: usize) -> bool {
        let host = &self.hosts[host];
        carry(&self.interface, host) | carry(host, &self.interface)
    }
}

fn carry(from: &SyncDevice, to: &SyncDevice) -> bool {
    let mut frame = [0; 2_048];
    let mut any = false;
    for _ in 0..64 {
        let Ok(length) = from.recv(&mut frame) else { break };
        any = true;
        // Like a network card, this drops a frame that the other side cannot take.
        let _ = to.send(&frame[..length]);
    }
    any
}

/// Opens a tap in a namespace, for the caller to read and write. The host's own stack does not use it unless it has a MAC.
pub fn open_tap(namespace: &Namespace, name: &str, mac: Option<Mac>) -> SyncDevice {
    let device = namespace.enter(|| {
        let builder = DeviceBuilder::new().name(name).layer(Layer::L2);
        let builder = if let Some(mac) = mac { builder.mac_addr(mac.0) } else { builder };
        builder.build_sync().unwrap()
    });
    device.set_nonblocking(true).unwrap();
    if mac.is_none() {
        namespace.set(&format!("ipv6/conf/{name}/disable_ipv6"), "1");
        namespace.ip(&format!("link set {name} arp off up"));
    }
    device
}
