use super::world::{Tenant, bare, done, tenant, wait};
use nvo3_tests::netns::{Family, Overlay, VNI};

const MAC: &str = "00:00:5e:00:01:0a";
const IP: &str = "192.168.77.254";

/// The router becomes the master, as keepalived does it: an interface with the virtual router's MAC comes up and announces the address.
fn becomes_master(router: &Tenant) {
    router.namespace.ip(&format!("link add vrrp0 link eth0 address {MAC} type macvlan mode bridge"));
    router.namespace.set("ipv4/conf/vrrp0/arp_notify", "1");
    router.namespace.ip(&format!("addr add {IP}/32 dev vrrp0"));
    router.namespace.ip("link set vrrp0 up");
    wait(300);
}

fn is_demoted(router: &Tenant) {
    router.namespace.ip("link del vrrp0");
}

/// How many of ten questions are answered.
fn answers(host: &Tenant) -> usize {
    let mut ping = host.namespace.command("ping");
    let output = ping.args(["-c", "10", "-i", "0.1", "-W", "1", IP]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().filter(|line| line.contains("bytes from")).count()
}

fn holder(overlay: &Overlay) -> Option<u64> {
    let tables = overlay.show("nvad", "tables");
    tables.as_array().unwrap().iter().find(|row| row["mac"] == MAC)?["nve"].as_u64()
}

#[test]
fn a_host_reaches_the_router_that_announced_the_shared_address_last() {
    let Some((fabric, _one)) = bare() else { return };
    let host = tenant(&fabric, "p", 3, "cp0", 3);
    let (first, second) = (tenant(&fabric, "r1", 1, "vm0", 10), tenant(&fabric, "r2", 2, "vm0", 11));
    let mut overlay = Overlay::new(fabric, Family::V4);
    let more = format!("active,shared={MAC},ip={IP}");
    overlay.port(1, "vm0", &first.station, &more);
    overlay.port(2, "vm0", &second.station, &more);
    overlay.port(3, "cp0", &host.station, "active");
    overlay.start();

    becomes_master(&first);
    assert_eq!((holder(&overlay), answers(&host)), (Some(1), 10));
    is_demoted(&first);
    becomes_master(&second);
    assert_eq!((holder(&overlay), answers(&host)), (Some(2), 10), "the backup took over");
    becomes_master(&first);
    assert_eq!(
        (holder(&overlay), answers(&host)),
        (Some(1), 10),
        "the master is back, and the backup has not given up"
    );

    overlay.kill_nved(1);
    overlay.start_nved(1);
    overlay.connected(1);
    assert_eq!((holder(&overlay), answers(&host)), (Some(1), 10), "nved was restarted");
    is_demoted(&second);
    overlay.kill_nved(1);
    becomes_master(&second);
    assert_eq!((holder(&overlay), answers(&host)), (Some(2), 10), "the host of the master died");

    done(&overlay.nvoctl("h2", &["detach", "vm0"]));
    wait(300);
    assert_eq!(holder(&overlay), None, "the port of the master is gone");
    let of_death = |line: &&String| line.contains("session");
    let warnings = overlay.warnings();
    assert_eq!(warnings.iter().filter(|line| !of_death(line)).count(), 0, "{warnings:?}");
    overlay.terminate();
}

/// The VM has the address from now on, as keepalived does it without an interface of its own for the virtual router.
fn takes_the_address(vm: &Tenant) {
    vm.namespace.set("ipv4/conf/eth0/arp_notify", "1");
    vm.namespace.ip(&format!("addr add {IP}/32 dev eth0"));
    vm.namespace.ip(&format!("link set eth0 address {}", vm.station.mac));
    wait(300);
}

/// The IP addresses of a VM in the directory.
fn addresses(overlay: &Overlay, vm: &Tenant) -> Vec<String> {
    let tables = overlay.show("nvad", "tables");
    let mac = vm.station.mac.to_string();
    let row = tables.as_array().unwrap().iter().find(|row| row["mac"] == mac).unwrap();
    row["ips"].as_array().unwrap().iter().map(|ip| ip.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_host_reaches_the_vm_that_announced_an_address_last_which_vms_share_under_their_own_macs() {
    let Some((fabric, _one)) = bare() else { return };
    let host = tenant(&fabric, "p", 3, "cp0", 3);
    let vms = [tenant(&fabric, "r1", 1, "vm0", 10), tenant(&fabric, "r2", 2, "vm0", 11)];
    let mut overlay = Overlay::new(fabric, Family::V4);
    let macs = vms.each_ref().map(|vm| vm.station.mac.to_string());
    overlay.authority_flag(format!("--share={VNI}={IP},{},{}", macs[0], macs[1]));
    for (host, mac) in [(1, &macs[0]), (2, &macs[1])] {
        overlay.port(host, "vm0", &vms[usize::from(host) - 1].station, &format!("active,shared={mac},ip={IP}"));
    }
    overlay.port(3, "cp0", &host.station, "active");
    overlay.start();
    let has = |overlay: &Overlay| vms.each_ref().map(|vm| addresses(overlay, vm).iter().any(|ip| ip == IP));
    assert_eq!((has(&overlay), answers(&host)), ([false, false], 0));

    takes_the_address(&vms[0]);
    assert_eq!((has(&overlay), answers(&host)), ([true, false], 10));
    overlay.kill_nved(1);
    overlay.start_nved(1);
    overlay.connected(1);
    assert_eq!((has(&overlay), answers(&host)), ([true, false], 10), "the edge was restarted");
    takes_the_address(&vms[1]);
    assert_eq!((has(&overlay), answers(&host)), ([false, true], 10), "the other one took over");
    for vm in &vms {
        assert!(vm.station.ips.iter().all(|ip| addresses(&overlay, vm).contains(&ip.to_string())));
    }
    overlay.terminate();
}
