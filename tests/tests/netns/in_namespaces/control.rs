//! The same measurement for the kernel's own VXLAN, which floods and learns. It shows that these tests see lost datagrams.

use super::world::{PAUSE, Traffic, say, setting, wait};
use nvo3_tests::netns::Family::V4;

#[test]
fn an_overlay_that_learns_loses_the_datagrams_of_the_pause() {
    let Some(setting) = setting() else { return };
    let (fabric, vm) = (&setting.fabric, &setting.vm);
    for host in 1..=3 {
        let (node, port) = (fabric.host(host), if host == 3 { "cp0" } else { "vm0" });
        node.ip("link add br0 type bridge mcast_snooping 0");
        node.ip(&format!("link add vx0 type vxlan id 77 local {} dstport 4789", V4.underlay(host)));
        for other in (1..=3).filter(|other| *other != host) {
            let to = V4.underlay(other).to_string();
            let words = ["fdb", "append", "00:00:00:00:00:00", "dev", "vx0", "dst", &to];
            assert!(node.command("bridge").args(words).status().unwrap().success());
        }
        for interface in ["vx0", port] {
            node.ip(&format!("link set {interface} mtu 1500 master br0 up"));
        }
        node.ip("link set br0 up");
    }
    let traffic = Traffic::between(vm, &setting.correspondent, V4);

    vm.pause();
    std::thread::sleep(PAUSE);
    vm.resume_at(1);
    wait(300);

    let [to_vm, from_vm] = traffic.end();
    say(&format!("kernel VXLAN, {} ms pause: {} of {} lost", PAUSE.as_millis(), to_vm.lost.len(), to_vm.sent.len()));
    assert!(to_vm.lost.len() >= 30, "{}", to_vm.lost.len());
    assert_eq!((from_vm.lost.len(), from_vm.duplicated), (0, 0));
    assert!(vm.stranded(0) >= 30);
}
