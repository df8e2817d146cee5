use super::world::{bare, done, tenant, wait};
use nvo3_tests::netns::{Family, Overlay};

/// Three tenants are behind one edge. One leaves, and of the others one answers as kernels do, and one does not answer.
///
/// Checks VMM-4.2-05, VMM-4.2-06, VMM-4.2-26.
#[test]
fn of_the_tenants_that_remain_the_one_that_answers_stays_and_the_silent_one_is_withdrawn() {
    let Some((fabric, _one)) = bare() else { return };
    let [leaves, stays, silent] = [10, 11, 12].map(|n| tenant(&fabric, "t", 1, &format!("t{n}"), n));
    let mut overlay = Overlay::new(fabric, Family::V4);
    overlay.edge_flag("--scan");
    for (port, tenant) in [("t10", &leaves), ("t11", &stays), ("t12", &silent)] {
        overlay.port(1, port, &tenant.station, "active");
    }
    overlay.start();
    silent.namespace.set("ipv4/conf/all/arp_ignore", "8");
    silent.namespace.set("ipv6/conf/all/disable_ipv6", "1");
    let registered = || {
        let tables = overlay.show("nvad", "tables").to_string();
        [&leaves, &stays, &silent].map(|tenant| tables.contains(&tenant.station.mac.to_string()))
    };
    assert_eq!(registered(), [true; 3]);

    done(&overlay.nvoctl("h1", &["detach", "t10"]));
    wait(5_000);

    assert_eq!(registered(), [false, true, false]);
    let watched = ["nve.silent_stations", "nve.probes"].map(|name| overlay.counter("h1", name));
    assert_eq!(watched, [1, 2 + 3 * 2], "each address of the one, and three times each of the other");

    silent.namespace.set("ipv4/conf/all/arp_ignore", "0");
    let mut ping = silent.namespace.command("ping");
    ping.args(["-c", "2", "-W", "1", "192.168.77.11"]).output().unwrap();
    wait(500);
    assert_eq!(registered(), [false, true, true], "its frames register it again");
    overlay.terminate();
}
