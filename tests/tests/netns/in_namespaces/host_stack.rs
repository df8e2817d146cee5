//! What a tenant behind a packet port reaches of the host.

use super::world::{Pluggable, attach, done, pluggable, spec, wait, world};
use nvo3_tests::netns::Family::V4;
use nvo3_tests::netns::Namespace;
use std::net::UdpSocket;
use std::time::Duration;

/// An address of the host on the interface of the VM's port, in the VM's subnet.
const HOST: &str = "192.168.77.254";

impl Pluggable {
    fn host_has_an_address(&self) {
        let host = self.overlay.fabric.host(1);
        host.ip(&format!("addr add {HOST}/24 dev vm0"));
        host.ip("link set vm0 arp on");
        host.set("ipv4/ip_forward", "1");
    }

    /// True if the host's own stack answers the VM.
    fn host_answers(&self) -> bool {
        let vm = &self.vm.namespace;
        // The host's address is no TSI: the VM's question must reach the host itself.
        let ping = vm.command("ping").args(["-q", "-c", "2", "-i", "0.2", "-W", "1", HOST]).output().unwrap();
        ping.status.success()
    }

    fn filters(&self) -> String {
        filters(self.overlay.fabric.host(1))
    }

    fn mac_of_the_hosts_end(&self) -> String {
        let host = self.overlay.fabric.host(1);
        let output = host.command("cat").arg("/sys/class/net/vm0/address").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn loses_nothing(&self) {
        let counted = nvo3_tests::netns::Flow::start(self.correspondent.end(), self.vm.end(), 7_001);
        wait(500);
        let counted = counted.end();
        assert_eq!((counted.lost.len(), counted.duplicated), (0, 0), "of {}", counted.sent.len());
    }
}

/// The filters at the ingress of the port's interface.
fn filters(host: &Namespace) -> String {
    let output = host.command("tc").args(["filter", "show", "dev", "vm0", "ingress"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn tc(host: &Namespace, words: &str) -> bool {
    host.command("tc").args(words.split(' ')).status().unwrap().success()
}

#[test]
fn a_tenant_behind_a_packet_port_does_not_reach_the_hosts_own_stack() {
    let Some(world) = pluggable() else { return };
    world.host_has_an_address();
    let (host, vm) = (world.overlay.fabric.host(1), &world.vm.namespace);
    // The VM knows the MAC of the host's end, and takes it for its router.
    let mac = world.mac_of_the_hosts_end();
    vm.ip(&format!("neigh replace {HOST} lladdr {mac} dev eth0"));
    vm.ip(&format!("route add 10.99.0.0/24 via {HOST}"));

    assert!(!world.host_answers(), "the host answers a ping");
    let open = host.enter(|| UdpSocket::bind((HOST, 9)).unwrap());
    open.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    vm.enter(|| UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"to the host", (HOST, 9)).unwrap());
    assert!(open.recv(&mut [0; 16]).is_err(), "the host has a datagram of the tenant");
    let control = world.overlay.fabric.control.enter(|| UdpSocket::bind("10.99.0.100:9").unwrap());
    control.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let unbelieved = |world: &Pluggable| world.overlay.counter("h1", "nve.malformed");
    let before = unbelieved(&world);
    vm.enter(|| {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        // The edge's own control port, and a host beyond it.
        socket.send_to(b"to the edge", "10.99.0.1:61635").unwrap();
        socket.send_to(b"to the underlay", "10.99.0.100:9").unwrap();
    });
    assert!(control.recv(&mut [0; 16]).is_err(), "the host forwards for the tenant");
    assert_eq!(unbelieved(&world), before, "the edge has a control message of the tenant");
    world.loses_nothing();
}

#[test]
fn the_hosts_stack_stays_shut_over_a_restart_of_the_edge_and_opens_at_detach() {
    let Some(mut world) = pluggable() else { return };
    world.host_has_an_address();
    let mac = world.mac_of_the_hosts_end();
    world.vm.namespace.ip(&format!("neigh replace {HOST} lladdr {mac} dev eth0"));

    world.overlay.kill_nved(1);
    assert!(!world.host_answers(), "while no edge runs");
    world.overlay.start_nved(1);
    world.overlay.connected(1);
    assert!(!world.host_answers(), "after the restart");
    world.loses_nothing();

    done(&attach(&world.overlay, 1, &world.vm.station, ",active,host-may-hear"));
    assert!(world.host_answers(), "the owner lets the host hear");
    world.loses_nothing();
    done(&attach(&world.overlay, 1, &world.vm.station, ",active"));
    assert!(!world.host_answers(), "the owner takes it back");

    done(&world.overlay.nvoctl("h1", &["detach", "vm0"]));
    assert_eq!(world.filters(), "");
    assert!(world.host_answers(), "a detached interface is the host's again");
}

#[test]
fn a_port_that_cannot_be_kept_from_the_host_is_refused() {
    let Some(world) = pluggable() else { return };
    let host = world.overlay.fabric.host(1);
    done(&world.overlay.nvoctl("h1", &["detach", "vm0"]));
    // Somebody else's filter of another kind has the place.
    assert!(tc(host, "filter add dev vm0 ingress protocol all prio 1 u32 match u32 0 0 classid 1:1"));

    let answer = attach(&world.overlay, 1, &world.vm.station, ",active");

    assert_eq!(answer.code, 1, "{}", answer.text);
    assert!(answer.text.contains("vm0: the host's own IP stack would hear the tenant"), "{}", answer.text);
    assert!(answer.text.contains("host-may-hear"), "{}", answer.text);
    done(&world.overlay.nvoctl("h1", &["attach", &spec(&world.vm.station, ",active,host-may-hear")]));
    world.loses_nothing();
}

#[test]
fn a_filter_that_somebody_takes_away_is_put_back() {
    let Some(world) = pluggable() else { return };
    world.host_has_an_address();
    let host = world.overlay.fabric.host(1);
    let whole = world.filters();
    assert!(whole.contains("direct-action"), "{whole}");

    for (round, words) in (1..).zip(["filter del dev vm0 ingress", "qdisc del dev vm0 clsact"]) {
        assert!(tc(host, words));
        let counter = || world.overlay.counter("h1", "ports.shut_again");
        (0..100).take_while(|_| counter() < round).for_each(|_| wait(20));
        assert_eq!((counter(), world.filters()), (round, whole.clone()), "{words}");
        assert!(!world.host_answers(), "{words}");
    }
    world.loses_nothing();

    // The owner's own word is no theft.
    done(&attach(&world.overlay, 1, &world.vm.station, ",active,host-may-hear"));
    wait(300);
    assert_eq!((world.filters().as_str(), world.overlay.counter("h1", "ports.shut_again")), ("", 2));
}

/// Somebody else's filter of another kind has the place in the meantime.
#[test]
fn a_filter_that_cannot_be_put_back_is_tried_again() {
    let Some(world) = pluggable() else { return };
    let host = world.overlay.fabric.host(1);
    let whole = world.filters();
    world.overlay.edge(1).stand_still();
    assert!(tc(host, "filter del dev vm0 ingress"));
    assert!(tc(host, "filter add dev vm0 ingress protocol all prio 1 u32 match u32 0 0 classid 1:1"));
    world.overlay.edge(1).go_on();
    (0..100).take_while(|_| world.overlay.counter("h1", "ports.not_shut_again") == 0).for_each(|_| wait(20));
    let said = world.overlay.warnings();
    assert!(said.iter().any(|line| line.contains("the host's own stack hears the tenant")), "{said:#?}");

    assert!(tc(host, "filter del dev vm0 ingress prio 1"));

    (0..100).take_while(|_| world.filters() != whole).for_each(|_| wait(20));
    assert_eq!(world.filters(), whole);
    world.loses_nothing();
}

#[test]
fn a_port_that_left_the_settings_while_no_edge_ran_is_the_hosts_again() {
    let Some(mut world) = world(V4) else { return };
    assert!(filters(world.overlay.fabric.host(1)).contains("direct-action"));
    world.overlay.kill_nved(1);

    world.overlay.drop_port(1, "vm0");
    world.overlay.start_nved(1);
    world.overlay.connected(1);

    assert_eq!(filters(world.overlay.fabric.host(1)), "");
}
