use super::world::{Setting, setting, wait};
use nvo3_tests::frames::router_advertisement;
use nvo3_tests::netns::{Family, Overlay, Station, open_tap};
use nvo3_wire::Ipv6;
use std::net::IpAddr;

/// The router sends its Router Advertisement and answers nothing after it. The host's kernel asks for it again, and the host's edge answers.
///
/// Checks PXY-05, PXY-10.
#[test]
fn a_host_keeps_its_default_route_while_its_edge_answers_for_the_router() {
    let Some(Setting { correspondent: host, fabric, vm: _vm, one: _one }) = setting() else { return };
    let mut router = Station::new(20);
    let gateway = Ipv6::link_local(router.mac).addr();
    router.ips.push(IpAddr::V6(gateway));
    let tap = open_tap(fabric.host(1), "rt0", None);
    let mut overlay = Overlay::new(fabric, Family::V4);
    overlay.port(1, "rt0", &router, "active,router-advertisements");
    overlay.port(3, "cp0", &host.station, "active");
    overlay.start();
    let set = |name: &str, value| host.namespace.set(&format!("ipv6/{name}"), value);
    set("conf/eth0/accept_ra", "2");
    set("neigh/eth0/delay_first_probe_time", "1");
    wait(1_000);
    let routes = || {
        let mut command = host.namespace.command("ip");
        let output = command.args(["-6", "route", "show", "default"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };

    tap.send(&router_advertisement(router.mac)).unwrap();
    wait(1_000);
    assert!(routes().contains(&gateway.to_string()), "{}", routes());
    let answers = overlay.counter("h3", "nve.proxy_answers");
    let mut ping = host.namespace.command("ping");
    ping.args(["-q", "-c", "10", "-i", "1", "-W", "1", &format!("{gateway}%eth0")]).output().unwrap();

    assert!(overlay.counter("h3", "nve.proxy_answers") > answers, "the edge answers for the router");
    assert!(routes().contains(&gateway.to_string()), "{}", routes());
    overlay.terminate();
}
