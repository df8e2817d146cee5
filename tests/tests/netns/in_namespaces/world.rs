//! The world of these tests: an overlay with a VM at host 1 that may move to host 2, and a correspondent at host 3.

use nvo3_tests::netns::{Answer, Counted, End, Fabric, Family, Flow, Namespace, Overlay, Station, VNI, Vm, missing};
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One world at a time: two worlds would slow each other down.
static ONE: Mutex<()> = Mutex::new(());

pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// A datagram that is sent to a VM this shortly before it stops may wait in the VM's port, unread.
const PORT_QUEUE: Duration = Duration::from_millis(10);

/// Namespaces and tenants, without an overlay.
pub(crate) struct Setting {
    pub(crate) vm: Vm,
    pub(crate) correspondent: Tenant,
    pub(crate) fabric: Fabric,
    pub(crate) one: MutexGuard<'static, ()>,
}

/// Namespaces, tenants, and the programs of an overlay.
pub(crate) struct World {
    pub(crate) overlay: Overlay,
    pub(crate) vm: Vm,
    pub(crate) correspondent: Tenant,
    _one: MutexGuard<'static, ()>,
}

/// As [`World`], with a VM that is a namespace at the end of a veth pair: its interface can go and come, and move to another host.
pub(crate) struct Pluggable {
    pub(crate) overlay: Overlay,
    pub(crate) vm: Tenant,
    pub(crate) correspondent: Tenant,
    _one: MutexGuard<'static, ()>,
}

/// A tenant system that does not move.
pub(crate) struct Tenant {
    pub(crate) namespace: Namespace,
    pub(crate) station: Station,
}

impl Tenant {
    /// The end of a flow at the tenant's IPv4 address.
    pub(crate) fn end(&self) -> End<'_> {
        let ip = *self.station.ips.iter().find(|ip| ip.is_ipv4()).unwrap();
        End { namespace: &self.namespace, ip, clock: None }
    }
}

/// Prints a line that is seen although the test passes.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Makes the namespaces and tenants; `None` if this machine cannot have them.
pub(crate) fn setting() -> Option<Setting> {
    let (fabric, one) = bare()?;
    let correspondent = tenant(&fabric, "p", 3, "cp0", 3);
    let vm = Vm::new("vm", Station::new(10), &[fabric.host(1), fabric.host(2)]);
    Some(Setting { vm, correspondent, fabric, one })
}

/// The namespaces of the hosts, without tenants; `None` if this machine cannot have them.
pub(crate) fn bare() -> Option<(Fabric, MutexGuard<'static, ()>)> {
    let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    match missing() {
        Some(why) => say(&format!("skipped: {why}")),
        None => return Some((Fabric::new(), one)),
    }
    None
}

/// A tenant system with this number at the end of a veth pair, whose other end is `port` of a host.
pub(crate) fn tenant(fabric: &Fabric, name: &str, host: u8, port: &str, number: u8) -> Tenant {
    let station = Station::new(number);
    Tenant { namespace: fabric.tenant(name, host, port, &station), station }
}

/// A world whose ports at host 1 are attached by command, and which has none at host 2. The VM's interface is `vm0` of host 1.
pub(crate) fn pluggable() -> Option<Pluggable> {
    let (fabric, one) = bare()?;
    let (correspondent, vm) = (tenant(&fabric, "p", 3, "cp0", 3), tenant(&fabric, "vm", 1, "vm0", 10));
    let mut overlay = Overlay::new(fabric, Family::V4);
    overlay.port(3, "cp0", &correspondent.station, "active");
    overlay.start();
    done(&attach(&overlay, 1, &vm.station, ",active"));
    Some(Pluggable { overlay, vm, correspondent, _one: one })
}

/// Attaches `vm0` of a host by command.
pub(crate) fn attach(overlay: &Overlay, host: u8, station: &Station, more: &str) -> Answer {
    overlay.nvoctl(&format!("h{host}"), &["attach", &spec(station, more)])
}

/// The VM's port `vm0` as commands have it.
pub(crate) fn spec(station: &Station, more: &str) -> String {
    format!("vm0,vni={VNI},{}{more}", station.spec())
}

pub(crate) fn world(underlay: Family) -> Option<World> {
    world_with(underlay, |_| {})
}

/// A world with more ports.
pub(crate) fn world_with(underlay: Family, ports: impl FnOnce(&mut Overlay)) -> Option<World> {
    let Setting { vm, correspondent, fabric, one } = setting()?;
    let mut overlay = Overlay::new(fabric, underlay);
    overlay.port(1, "vm0", &vm.station, "active");
    overlay.port(2, "vm0", &vm.station, "");
    overlay.port(3, "cp0", &correspondent.station, "active");
    ports(&mut overlay);
    overlay.start();
    Some(World { vm, correspondent, overlay, _one: one })
}

/// A world whose port at host 1 is attached by command, and which has none at host 2.
pub(crate) fn world_by_command() -> Option<World> {
    let Setting { vm, correspondent, fabric, one } = setting()?;
    let mut overlay = Overlay::new(fabric, Family::V4);
    overlay.port(3, "cp0", &correspondent.station, "active");
    overlay.start();
    done(&attach(&overlay, 1, &vm.station, ",active"));
    Some(World { vm, correspondent, overlay, _one: one })
}

impl World {
    /// Datagrams of this family both ways between the VM and its correspondent.
    pub(crate) fn traffic(&self, family: Family) -> Traffic {
        Traffic::between(&self.vm, &self.correspondent, family)
    }

    pub(crate) fn prepare(&self, id: u32, to: u8) -> Answer {
        let (id, to) = (id.to_string(), to.to_string());
        self.overlay.about("nvad", "prepare", &self.vm.station, &["--to", &to, "--move", &id, "--deadline", "5s"])
    }

    pub(crate) fn suspend(&self, at: u8, id: u32) -> Answer {
        self.overlay.about(&format!("h{at}"), "suspend", &self.vm.station, &["--move", &id.to_string()])
    }

    pub(crate) fn activate(&self, at: u8, id: u32) -> Answer {
        self.overlay.about(&format!("h{at}"), "activate", &self.vm.station, &["--move", &id.to_string()])
    }

    pub(crate) fn resume(&self, at: u8) -> Answer {
        self.overlay.about(&format!("h{at}"), "resume", &self.vm.station, &[])
    }

    pub(crate) fn outcome(&self, id: u32) -> Answer {
        self.overlay.nvoctl("nvad", &["outcome", &id.to_string()])
    }

    /// Does the first half of a move: the VM stands still, and its edges hold its frames.
    pub(crate) fn move_until_paused(&self, id: u32, from: u8, to: u8) {
        done(&self.prepare(id, to));
        self.suspend_and_pause(id, from);
    }

    pub(crate) fn suspend_and_pause(&self, id: u32, from: u8) {
        done(&self.suspend(from, id));
        self.vm.pause();
        std::thread::sleep(PAUSE);
    }

    pub(crate) fn run_at(&self, id: u32, at: u8) {
        done(&self.activate(at, id));
        self.vm.resume_at(usize::from(at) - 1);
    }

    /// The edge that `nvad` has for the VM.
    pub(crate) fn place(&self) -> Option<u64> {
        let (mac, tables) = (self.vm.station.mac.to_string(), self.overlay.show("nvad", "tables"));
        let row = tables.as_array().unwrap().iter().find(|row| row["mac"] == mac);
        row.unwrap_or_else(|| panic!("the VM is not in {tables}"))["nve"].as_u64()
    }
}

/// Datagrams between the VM and its correspondent, both ways.
pub(crate) struct Traffic {
    to_vm: Flow,
    from_vm: Flow,
}

impl Traffic {
    pub(crate) fn between(vm: &Vm, correspondent: &Tenant, family: Family) -> Self {
        let of = |station: &Station| *station.ips.iter().find(|ip| ip.is_ipv4() == (family == Family::V4)).unwrap();
        let (namespace, ip) = (&correspondent.namespace, of(&correspondent.station));
        let peer = End { namespace, ip, clock: None };
        let vm = End { namespace: &vm.namespace, ip: of(&vm.station), clock: Some(&vm.clock) };
        let traffic = Self { to_vm: Flow::start(peer, vm, 7_001), from_vm: Flow::start(vm, peer, 7_002) };
        wait(200);
        traffic
    }

    /// Ends the traffic; gives the counts to the VM and from the VM.
    pub(crate) fn end(self) -> [Counted; 2] {
        wait(300);
        [self.to_vm.end(), self.from_vm.end()]
    }

    /// Ends the traffic as [`Traffic::end_whole`], for a stop that the edge hears of late: datagrams that waited in the VM's port at the
    /// stop are lost.
    pub(crate) fn end_whole_but_for_the_port(self, stop: Instant) {
        let [mut to_vm, from_vm] = self.end();
        to_vm.lost.retain(|at| *at > stop || stop - *at > PORT_QUEUE);
        assert_whole(&to_vm, "to the VM");
        assert_whole(&from_vm, "from the VM");
    }

    pub(crate) fn end_whole(self) {
        for (counted, what) in self.end().iter().zip(["to the VM", "from the VM"]) {
            assert_whole(counted, what);
        }
    }
}

pub(crate) fn assert_whole(counted: &Counted, what: &str) {
    let Counted { sent, lost, duplicated } = counted;
    let first = sent.first().copied().unwrap_or_else(Instant::now);
    let when: Vec<_> = lost.iter().map(|at| at.duration_since(first).as_millis()).collect();
    assert!(sent.len() > 200, "{what}: only {} were sent", sent.len());
    assert_eq!((lost.len(), *duplicated), (0, 0), "{what}: of {} lost at these ms: {when:?}", sent.len());
}

pub(crate) fn done(answer: &Answer) {
    assert_eq!(answer.code, 0, "{}", answer.text);
}

pub(crate) fn wait(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}
