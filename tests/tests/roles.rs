//! Hosts and routers: the Router flag of the Neighbor Advertisements that an edge makes on behalf of a TSI.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::nva::Record;
use nvo3_mobility::nve::{self, Handled};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Micros, Role, Tsi};
use nvo3_tests::direct::{Direct, tsi};
use nvo3_tests::frames::router_advertisement;
use nvo3_wire::nd;
use std::net::{IpAddr, Ipv6Addr};

const ROUTER: u8 = 0x80;

fn ip(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into())
}

fn station(n: u8) -> Tsi {
    Tsi { ips: vec![IpAddr::V6(ip(n))], ..tsi(n) }
}

/// A TSI that may be a router at edge 1, and a host at edge 2.
fn world() -> Direct {
    let mut world = Direct::new(2);
    world.start(0, 1, station(1));
    world.start(1, 1, station(2));
    world
}

fn hears(world: &mut Direct, edge: usize, frame: &[u8]) -> Handled {
    let handled = world.edges[edge].nve_mut().handle_frame(world.now, VapId(1), frame);
    world.settle();
    handled
}

/// TSI 1 says what it is, at this edge.
fn says(world: &mut Direct, edge: usize, router: bool) {
    let mut own = nd::Advertise::unsolicited(station(1).key.mac, ip(1).into(), nd::To::AllNodes, true);
    own.flags.router = router;
    let mut frame = [0; nd::FRAME_LEN];
    nd::advertisement(&own, &mut frame).unwrap();
    assert_eq!(hears(world, edge, &frame), Handled::Pass);
}

/// The flags of the answer that an edge gives for TSI 1 to a station of it.
fn answer(world: &mut Direct, edge: usize, source: Option<u8>) -> u8 {
    let asker = station(2).key.mac;
    let question = match source {
        Some(n) => nd::Solicit::resolve(asker, ip(n).into(), ip(1).into()),
        None => nd::Solicit::dad(asker, ip(1).into(), None),
    };
    let mut frame = [0; nd::FRAME_LEN];
    let length = nd::solicitation(&question, &mut frame).unwrap();
    assert_eq!(hears(world, edge, &frame[..length]), Handled::Taken);
    let (_, answer) = world.edges[edge].said.pop().unwrap();
    answer[58]
}

/// Checks PXY-10.
#[test]
fn an_answer_has_the_router_flag_that_the_tsi_said() {
    for (router, flag) in [(true, ROUTER), (false, 0)] {
        let mut world = world();

        says(&mut world, 0, router);

        assert_eq!(answer(&mut world, 1, Some(2)), flag | 0x60);
        assert_eq!(answer(&mut world, 1, None), flag | 0x20, "and to a probe for its address");
    }
}

/// A neighbour that hears Router = 0 gives up its routes by the TSI.
///
/// Checks PXY-05.
#[test]
fn a_tsi_that_has_not_said_what_it_is_is_answered_for_as_a_router() {
    let mut world = world();

    assert_eq!(answer(&mut world, 1, Some(2)) & ROUTER, ROUTER);
}

/// Checks PXY-10, I12.
#[test]
fn a_tsi_becomes_a_router_and_stops_being_one() {
    let mut world = world();
    for router in [true, false, true] {
        says(&mut world, 0, router);

        assert_eq!(answer(&mut world, 1, Some(2)) & ROUTER, if router { ROUTER } else { 0 });
        world.run(Micros::from_secs(2));
    }
    let registrations =
        |world: &Direct| world.records.iter().filter(|(_, record)| matches!(record, Record::Registered { .. })).count();
    let before = registrations(&world);

    (0..100).for_each(|n| says(&mut world, 0, n % 2 == 0));

    assert_eq!(registrations(&world), before + 1, "a TSI that says both is believed once in a while");
}

/// Checks PXY-10.
#[test]
fn a_router_advertisement_says_that_its_sender_is_a_router() {
    for policy in [PortPolicy::trusted(), {
        let mut policy = PortPolicy::untrusted();
        policy.router_advertisements = true;
        policy
    }] {
        let mut world = world();
        let (vn, router) = (station(1).key.vn, station(1));
        let mac = router.key.mac;
        world.tell(0, nve::Input::Attach { vap: VapId(1), vn, tsis: vec![router], policy });
        says(&mut world, 0, false);
        world.run(Micros::from_secs(2));

        assert_eq!(hears(&mut world, 0, &router_advertisement(mac)), Handled::Pass);

        assert_eq!(answer(&mut world, 1, Some(2)) & ROUTER, ROUTER);
    }
}

/// Checks PXY-10.
#[test]
fn a_router_stays_a_router_where_it_goes_and_over_restarts() {
    let mut world = Direct::new(3);
    world.start(0, 1, station(1));
    world.start(1, 1, station(2));
    says(&mut world, 0, false);
    let role = |world: &Direct| world.nva.book().get(&station(1).key).unwrap().role();
    assert_eq!(role(&world), Role::Host);

    // Its new edge claims it without a word of it.
    world.start(2, 1, station(1));
    world.run(Micros::from_secs(10));
    assert_eq!((role(&world), answer(&mut world, 1, Some(2)) & ROUTER), (Role::Host, 0));

    world.restart_nva();
    world.run(Micros::from_secs(60));
    assert_eq!((role(&world), answer(&mut world, 1, Some(2)) & ROUTER), (Role::Host, 0));
}
