use super::world::{Setting, bare, done, setting, tenant, wait};
use nved::port::{Port, PortCounters, PortKind};
use nvo3_tests::frames::dhcp;
use nvo3_tests::netns::{Family, Namespace, Overlay, Station, VNI};
use std::net::{IpAddr, Ipv4Addr};

/// How many of some questions to an address are answered.
fn answers(from: &Namespace, ip: &IpAddr, count: u32) -> usize {
    let (count, ip) = (count.to_string(), ip.to_string());
    let output = from.command("ping").args(["-c", &count, "-i", "0.1", "-W", "1", &ip]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().filter(|line| line.contains("bytes from")).count()
}

/// Checks VMM-4.4-01.
#[test]
fn a_vm_attached_with_its_mac_alone_is_reached_after_its_first_words_and_after_a_move_and_a_restart() {
    let Some(Setting { vm, correspondent, fabric, one: _one }) = setting() else { return };
    let alone = Station { ips: Vec::new(), ..vm.station.clone() };
    let mut overlay = Overlay::new(fabric, Family::V4);
    let more = "learn=4,learn-within=192.168.77.0/24,learn-within=fd77::/64";
    overlay.port(1, "vm0", &alone, &format!("active,{more}"));
    overlay.port(2, "vm0", &alone, more);
    overlay.port(3, "cp0", &correspondent.station, "active");
    overlay.start();

    // As a host does that begins to talk. The first packet may wait for the authority.
    for ip in &correspondent.station.ips {
        assert!(answers(&vm.namespace, ip, 5) >= 4, "{ip}");
    }
    let reached = || vm.station.ips.iter().map(|ip| answers(&correspondent.namespace, ip, 10)).collect::<Vec<_>>();
    assert_eq!(reached(), [10, 10]);
    wait(1_500);
    overlay.kill_nved(1);
    overlay.start_nved(1);
    overlay.connected(1);
    assert_eq!(reached(), [10, 10], "nved was restarted");

    let (vni, mac) = (VNI.to_string(), alone.mac.to_string());
    let tsi = ["--vni", &vni, "--mac", &mac];
    done(&overlay.nvoctl("nvad", &[&["prepare"], &tsi[..], &["--to", "2", "--move", "1"]].concat()));
    done(&overlay.nvoctl("h1", &[&["suspend"], &tsi[..], &["--move", "1"]].concat()));
    vm.pause();
    done(&overlay.nvoctl("h2", &[&["activate"], &tsi[..], &["--move", "1"]].concat()));
    vm.resume_at(1);
    assert_eq!(reached(), [10, 10], "it has moved");
    overlay.terminate();
}

/// A server that waits for others says nothing but its DHCP.
#[test]
fn a_vm_that_asked_for_its_address_by_dhcp_and_says_nothing_else_is_reached() {
    let Some((fabric, _one)) = bare() else { return };
    let (correspondent, vm) = (tenant(&fabric, "p", 3, "cp0", 3), tenant(&fabric, "vm", 1, "vm0", 10));
    let mut overlay = Overlay::new(fabric, Family::V4);
    overlay.port(1, "vm0", &Station { ips: Vec::new(), ..vm.station.clone() }, "active,learn=2");
    overlay.port(3, "cp0", &correspondent.station, "active");
    overlay.start();
    let ip = vm.station.ips.iter().find_map(|ip| if let IpAddr::V4(ip) = ip { Some(*ip) } else { None }).unwrap();
    let reached = || answers(&correspondent.namespace, &ip.into(), 5);
    assert_eq!(reached(), 0, "nobody knows the address");

    let request = dhcp(vm.station.mac, 3, Ipv4Addr::UNSPECIFIED, Some(ip));
    vm.namespace.enter(|| {
        let (mut port, _) = Port::open("eth0", PortKind::Packet).unwrap();
        port.write(&[&request], &mut PortCounters::default());
    });
    wait(500);

    assert_eq!((reached(), overlay.counter("h1", "nve.spoofed")), (5, 0));
    overlay.terminate();
}
