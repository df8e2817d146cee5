//! What a tenant behind a packet port reaches of the host.

use super::world::{Pluggable, attach, done, pluggable, spec, wait};
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

    /// The filters at the ingress of the port's interface.
    fn filters(&self) -> String {
        let host = self.overlay.fabric.host(1);
        let output = host.command("tc").args(["filter", "show", "dev", "vm0", "ingress"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
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
    let tc = |words: &str| host.command("tc").args(words.split(' ')).status().unwrap().success();
    // Somebody else's filter of another kind has the place.
    assert!(tc("filter add dev vm0 ingress protocol all prio 1 u32 match u32 0 0 classid 1:1"));

    let answer = attach(&world.overlay, 1, &world.vm.station, ",active");

    assert_eq!(answer.code, 1, "{}", answer.text);
    assert!(answer.text.contains("vm0: the host's own IP stack would hear the tenant"), "{}", answer.text);
    assert!(answer.text.contains("host-may-hear"), "{}", answer.text);
    done(&world.overlay.nvoctl("h1", &["attach", &spec(&world.vm.station, ",active,host-may-hear")]));
    world.loses_nothing();
}
