//! Interfaces that go and come while their ports are attached.

use super::world::{Pluggable, attach, done, pluggable, say, spec, wait};
use nvo3_tests::netns::{Answer, Counted, Flow, Station, VNI, program};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

impl Pluggable {
    fn flow_to_vm(&self) -> Flow {
        let flow = Flow::start(self.correspondent.end(), self.vm.end(), 7_001);
        wait(300);
        flow
    }

    fn status(&self, host: u8) -> Value {
        let answer = self.overlay.nvoctl(&format!("h{host}"), &["--json", "status"]);
        serde_json::from_str::<Value>(&answer.text).unwrap()["shown"].clone()
    }

    /// The row of a TSI in the tables of a daemon.
    fn row(&self, daemon: &str, station: &Station) -> Option<Value> {
        let (mac, tables) = (station.mac.to_string(), self.overlay.show(daemon, "tables"));
        tables.as_array().unwrap().iter().find(|row| row["mac"] == mac).cloned()
    }

    fn waits_for(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let until = Instant::now() + Duration::from_secs(5);
        while !is_so(self) {
            assert!(Instant::now() < until, "{what}: {} {}", self.status(1), self.overlay.show("nvad", "tables"));
            wait(10);
        }
    }

    /// The hypervisor takes the VM's interface away.
    fn unplug(&self) {
        self.vm.namespace.ip("link del eth0");
    }

    /// The hypervisor makes an interface of the same name, and the VM uses it.
    fn plug(&self) {
        self.make_interface();
        self.vm.station.configure(&self.vm.namespace);
    }

    fn make_interface(&self) {
        let (vm, host) = (&self.vm.namespace, self.overlay.fabric.host(1));
        vm.ip(&format!("link add eth0 address {} type veth peer name vm0 netns {}", self.vm.station.mac, host.name()));
        host.ip("link set vm0 up");
        vm.plain_frames("eth0");
    }

    fn vm_sends(&self) {
        let to = self.correspondent.end().ip.to_string();
        self.vm.namespace.command("ping").args(["-q", "-c", "1", "-W", "2", &to]).output().unwrap();
    }

    /// The command that moves the VM's interface from one host to another.
    fn moves_interface(&self, from: u8, to: u8) -> String {
        let (old, new) = (self.overlay.fabric.host(from).name(), self.overlay.fabric.host(to).name());
        format!("ip -n {old} link set vm0 netns {new} && ip -n {new} link set vm0 up")
    }

    /// The command that attaches the VM's port at a host.
    fn attaches(&self, host: u8) -> String {
        let (nvoctl, socket) = (program("nvoctl"), self.overlay.socket(&format!("h{host}")));
        format!("{} --socket {} attach {}", nvoctl.display(), socket.display(), spec(&self.vm.station, ""))
    }

    fn migrates(&self, from: u8, to: u8, more: &[&str]) -> Answer {
        let socket = |host| self.overlay.socket(&format!("h{host}")).display().to_string();
        let (number, old, new) = (to.to_string(), socket(from), socket(to));
        let words = ["--to", &number, "--old", &old, "--new", &new, "--start", "true"];
        self.overlay.about("nvad", "migrate", &self.vm.station, &[&words, more].concat())
    }

    fn migrate(&self, from: u8, to: u8) {
        let stop = format!("{} && {}", self.moves_interface(from, to), self.attaches(to));
        done(&self.migrates(from, to, &["--stop", &stop]));
    }
}

/// The datagrams that were lost, and the longest time in which all were.
fn report(what: &str, counted: &Counted) {
    let mut lost = counted.lost.iter().peekable();
    let (mut longest, mut since) = (Duration::ZERO, None);
    for sent in &counted.sent {
        if lost.next_if_eq(&sent).is_some() {
            longest = longest.max(*sent - *since.get_or_insert(*sent));
        } else {
            since = None;
        }
    }
    say(&format!(
        "{what}: {} of {} lost, the longest gap {} ms",
        counted.lost.len(),
        counted.sent.len(),
        longest.as_millis()
    ));
}

#[test]
fn an_interface_that_is_made_anew_gets_its_port_back() {
    let Some(world) = pluggable() else { return };
    let flow = world.flow_to_vm();

    world.unplug();
    world.waits_for("the VM is gone", |world| {
        world.row("nvad", &world.vm.station).is_none_or(|row| row["nve"].is_null())
    });
    let status = world.status(1);
    assert_eq!((&status["ports"], &status["ports_without_interface"]), (&json!([]), &json!(["vm0"])), "{status}");
    world.make_interface();
    world.waits_for("the port is back", |world| world.status(1)["ports"] == json!(["vm0"]));
    assert!(
        world.row("nvad", &world.vm.station).is_none_or(|row| row["nve"].is_null()),
        "an attached port alone diverts nothing"
    );
    world.vm.station.configure(&world.vm.namespace);
    world.vm_sends();
    world.waits_for("the VM is back", |world| world.row("nvad", &world.vm.station).is_some_and(|row| row["nve"] == 1));
    wait(200);
    let back = Instant::now();
    wait(1_000);

    let counted = flow.end();
    report("an interface made anew", &counted);
    assert!(!counted.lost.iter().any(|at| *at > back), "lost after the interface was back");
    assert_eq!(world.overlay.counter("h1", "ports.gone"), 1);
    assert_eq!(world.overlay.counter("h1", "ports.back"), 1);
    assert_eq!(world.overlay.warnings(), [""; 0]);
}

#[test]
fn a_port_whose_interface_is_away_can_be_detached_and_attached() {
    let Some(world) = pluggable() else { return };
    world.unplug();
    world.waits_for("the port waits", |world| world.status(1)["ports_without_interface"] == json!(["vm0"]));

    done(&world.overlay.nvoctl("h1", &["detach", "vm0"]));
    world.plug();
    wait(200);
    assert_eq!(world.status(1)["ports"], json!([]), "a detached port does not come back");
    done(&attach(&world.overlay, 1, &world.vm.station, ",active"));

    let flow = world.flow_to_vm();
    let counted = flow.end();
    assert_eq!((counted.lost.len(), counted.duplicated), (0, 0));
}

/// The edge finds the command and the news of the new interface at once, and takes either first.
#[test]
fn an_attach_right_after_an_interface_was_made_anew_is_about_the_new_one() {
    let Some(world) = pluggable() else { return };

    for _ in 0..10 {
        world.overlay.edge(1).stand_still();
        world.unplug();
        world.make_interface();
        std::thread::scope(|scope| {
            let command = scope.spawn(|| attach(&world.overlay, 1, &world.vm.station, ",active"));
            wait(50);
            world.overlay.edge(1).go_on();
            done(&command.join().unwrap());
        });
        wait(50);
        assert_eq!(world.row("nvad", &world.vm.station).unwrap()["nve"], 1);
    }

    world.vm.station.configure(&world.vm.namespace);
    let flow = world.flow_to_vm();
    let counted = flow.end();
    assert_eq!((counted.lost.len(), counted.duplicated), (0, 0));
}

#[test]
fn a_tap_that_the_edge_made_and_somebody_removed_gets_its_port_back() {
    let Some(world) = pluggable() else { return };
    let (host, station) = (world.overlay.fabric.host(1), Station::new(12));
    let tap = format!("tap0,kind=tap,vni={VNI},{}", station.spec());
    let ports = |key: &str| world.status(1)[key].as_array().unwrap().contains(&json!("tap0"));
    done(&world.overlay.nvoctl("h1", &["attach", &tap]));

    host.ip("link del tap0");
    world.waits_for("the port waits", |_| ports("ports_without_interface"));
    host.ip("tuntap add tap0 mode tap");
    world.waits_for("the port is back", |_| ports("ports"));

    done(&world.overlay.nvoctl("h1", &["detach", "tap0"]));
    assert!(!ports("ports") && !ports("ports_without_interface"));
}

#[test]
fn an_interface_that_is_only_down_keeps_its_port() {
    let Some(world) = pluggable() else { return };
    let host = world.overlay.fabric.host(1);

    for _ in 0..3 {
        host.ip("link set vm0 down");
        wait(50);
        host.ip("link set vm0 up");
    }
    wait(200);

    let flow = world.flow_to_vm();
    let counted = flow.end();
    assert_eq!((counted.lost.len(), counted.duplicated), (0, 0));
    assert_eq!(world.overlay.counter("h1", "ports.gone"), 0);
    assert_eq!(world.status(1)["ports"], json!(["vm0"]));
}

/// By the README's recipe, without a `detach` in between.
///
/// Checks VMM-5-01, VMM-5-07.
#[test]
fn a_vm_moves_there_and_back_ten_times_and_no_datagram_is_lost() {
    let Some(world) = pluggable() else { return };
    let flow = world.flow_to_vm();

    for _ in 0..10 {
        world.migrate(1, 2);
        world.migrate(2, 1);
    }

    wait(300);
    let counted = flow.end();
    report("ten moves there and back", &counted);
    assert_eq!((counted.lost.len(), counted.duplicated), (0, 0));
    assert_eq!(world.row("nvad", &world.vm.station).unwrap()["nve"], 1);
    assert_eq!(world.overlay.warnings(), [""; 0]);
}

/// A guest that gets another address, and a second one behind its interface that comes and goes.
#[test]
fn an_attach_of_an_attached_port_changes_what_is_bound_while_the_vm_runs() {
    let Some(world) = pluggable() else { return };
    let flow = world.flow_to_vm();
    let (vm, second) = (&world.vm.station, Station::new(11));
    let port = |station: &Station| world.row("h1", station).map_or(Value::Null, |row| row["port"].clone());

    done(&attach(&world.overlay, 1, vm, &format!(",ip=192.168.77.110,{},active", second.spec())));
    world.waits_for("the second is here", |world| world.row("nvad", &second).is_some_and(|row| row["nve"] == 1));
    assert_eq!(port(&second), "vm0");

    done(&attach(&world.overlay, 1, vm, ",active"));
    assert_eq!((port(&second), port(vm)), (Value::Null, json!("vm0")));
    let refused = world.overlay.nvoctl("h1", &["attach", &format!("vm0,kind=tap,vni={VNI},{}", vm.spec())]);
    assert_eq!(refused.code, 1, "{}", refused.text);

    let counted = flow.end();
    assert_eq!((counted.lost.len(), counted.duplicated), (0, 0));
    assert_eq!(world.status(1)["ports"], json!(["vm0"]));
}

/// The exit code of a move that ended aborted.
const ABORTED: i32 = 4;

/// The hypervisor's word that the VM runs on comes before its interface.
#[test]
fn a_move_that_fails_after_the_interface_left_ends_where_it_began() {
    let Some(world) = pluggable() else { return };
    let flow = world.flow_to_vm();

    let (stop, restart) = (format!("{} && false", world.moves_interface(1, 2)), world.moves_interface(2, 1));
    let ended = world.migrates(1, 2, &["--stop", &stop, "--restart", &restart]);

    assert_eq!(ended.code, ABORTED, "{}", ended.text);
    wait(500);
    assert_eq!(world.row("nvad", &world.vm.station).unwrap()["nve"], 1);
    let counted = flow.end();
    report("a move that failed", &counted);
    assert_eq!((counted.lost.len(), counted.duplicated), (0, 0));
}

/// The hypervisor removes the VM's interface when the VM has stopped, and says only then that it has.
#[test]
fn the_word_of_a_stop_may_come_after_the_interface_is_gone() {
    let Some(world) = pluggable() else { return };
    let (vm, overlay) = (&world.vm.station, &world.overlay);
    let flow = world.flow_to_vm();
    done(&overlay.about("nvad", "prepare", vm, &["--to", "2", "--move", "1", "--deadline", "5s"]));

    let stopped_at = clock_gettime(ClockId::Monotonic);
    overlay.fabric.host(1).ip(&format!("link set vm0 netns {}", overlay.fabric.host(2).name()));
    wait(50);
    overlay.fabric.host(2).ip("link set vm0 up");
    done(&attach(overlay, 2, vm, ""));
    let stopped_at = (stopped_at.tv_sec * 1_000_000_000 + stopped_at.tv_nsec).to_string();
    done(&overlay.about("h1", "suspend", vm, &["--move", "1", "--stopped-at", &stopped_at]));
    done(&overlay.about("h2", "activate", vm, &["--move", "1"]));

    done(&overlay.nvoctl("nvad", &["outcome", "1"]));
    assert_eq!(world.row("nvad", vm).unwrap()["nve"], 2);
    let counted = flow.end();
    report("a late word after the interface is gone", &counted);
    assert_eq!(counted.lost.len(), 0);
    assert_eq!(world.status(1)["ports_without_interface"], json!(["vm0"]));
}
