//! Tenants' frames that are too long for the underlay.

use super::world::{Pluggable, attach, done, pluggable, wait};
use nvo3_tests::netns::Station;
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

impl Pluggable {
    /// Sets the MTU of the underlay at the host of the VM.
    fn underlay_mtu(&self, mtu: u32) {
        self.overlay.fabric.host(1).ip(&format!("link set u0 mtu {mtu}"));
        wait(200);
    }

    fn says(&self, key: &str) -> Value {
        let answer = self.overlay.nvoctl("h1", &["--json", "status"]);
        serde_json::from_str::<Value>(&answer.text).unwrap()["shown"][key].clone()
    }

    fn counted(&self, name: &str) -> u64 {
        self.overlay.counter("h1", &format!("port.vm0.{name}"))
    }

    /// Sends a datagram with this many bytes behind the IP header from the VM, which may not be fragmented. True if it arrives.
    fn arrives(&self, length: usize, to: IpAddr) -> bool {
        let bind = |ip: IpAddr| UdpSocket::bind(SocketAddr::new(ip, 0)).unwrap();
        let there = self.correspondent.namespace.enter(|| bind(to));
        there.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let port = there.local_addr().unwrap();
        let any = if to.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
        let here = self.vm.namespace.enter(|| bind(any));
        // The kernel heeds an answer only while the socket is there.
        here.send_to(&vec![7; length - 8], port).is_ok() && there.recv(&mut [0; 2_000]).is_ok()
    }

    /// The MTU of the way to an address as the VM's kernel has it.
    fn learned(&self, to: IpAddr) -> bool {
        let output = self.vm.namespace.command("ip").args(["route", "get", &to.to_string()]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().contains("mtu 1350")
    }
}

fn ips(station: &Station) -> [IpAddr; 2] {
    [station.ips[0], station.ips[1]]
}

#[test]
fn the_senders_of_frames_that_are_too_long_learn_which_length_fits() {
    let Some(world) = pluggable() else { return };
    assert_eq!([world.says("underlay_mtu"), world.says("tenant_mtu")], [json!(1_600), json!(1_550)]);
    assert_eq!(world.says("ports_above_tenant_mtu"), json!([]));
    for (to, header) in ips(&world.correspondent.station).into_iter().zip([20, 40]) {
        assert!(world.arrives(1_500 - header, to), "{to}");
    }

    world.underlay_mtu(1_400);

    assert_eq!([world.says("underlay_mtu"), world.says("tenant_mtu")], [json!(1_400), json!(1_350)]);
    assert_eq!(world.says("ports_above_tenant_mtu"), json!(["vm0"]));
    let said = world.overlay.logged("h1", "do not fit the underlay");
    assert!(said.len() == 1 && said[0].contains("port_mtu=1500") && said[0].contains("underlay_mtu=1400"), "{said:?}");
    assert!(said[0].contains("an MTU of 1350 or less") && said[0].contains("one of 1550 or more"), "{said:?}");
    for (to, header) in ips(&world.correspondent.station).into_iter().zip([20, 40]) {
        assert!(!world.arrives(1_351 - header, to) && world.learned(to), "{to}");
        assert!(world.arrives(1_350 - header, to), "{to}");
    }
    assert_eq!([world.counted("too_big"), world.counted("too_big_unanswered")], [2, 0]);

    world.underlay_mtu(1_600);
    assert_eq!(world.says("ports_above_tenant_mtu"), json!([]));
}

#[test]
fn a_port_that_wants_no_answers_gets_none_and_answers_have_a_rate() {
    let Some(world) = pluggable() else { return };
    world.underlay_mtu(1_400);
    let to = ips(&world.correspondent.station)[0];
    let flood = |many: u32| {
        world.vm.namespace.enter(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            // The sender sets DF and heeds no answer.
            set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::PROBE).unwrap();
            for _ in 0..many {
                socket.send_to(&[7; 1_372], (to, 9)).unwrap();
            }
            wait(200);
        });
    };

    done(&attach(&world.overlay, 1, &world.vm.station, ",active,no-too-big"));
    flood(10);
    assert_eq!([world.counted("too_big"), world.counted("too_big_unanswered")], [10, 10]);
    assert!(!world.learned(to));

    done(&attach(&world.overlay, 1, &world.vm.station, ",active"));
    flood(200);
    let [all, unanswered] = [world.counted("too_big"), world.counted("too_big_unanswered")];
    assert_eq!(all, 210);
    assert!((110..=160).contains(&unanswered), "{unanswered}");
    assert!(world.learned(to));
}
