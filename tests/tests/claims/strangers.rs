//! No frame reaches a tenant unless it comes from an NVE of the tenant's VN.

use super::*;
use DropReason::Stranger;
use nvo3_mobility::{Transport, nva};
use nvo3_nva_proto::{Locators, MoveId, NveId, Place};
use nvo3_tests::direct::{peer, prompt};

/// The longest time for which an edge accepts frames of an NVE that left the VN.
const IN_FLIGHT: Micros = Micros::from_secs(30);

/// TSI 1 runs at edge 0 and TSI 2 at edge 1. A third edge is there.
fn three() -> Direct {
    let mut world = Direct::new(3);
    world.start(0, PORT.0, station(1));
    world.start(1, PORT.0, station(2));
    world
}

/// A frame for TSI 1 comes out of the tunnel from NVE `nve` at edge 0.
fn tunnels(world: &mut Direct, nve: u8) -> Verdict {
    tunnels_from(world, peer(nve).ip())
}

fn tunnels_from(world: &mut Direct, from: IpAddr) -> Verdict {
    tunnels_to(world, 0, 1, from)
}

/// A frame for TSI `n` comes out of a tunnel at an edge.
fn tunnels_to(world: &mut Direct, edge: usize, n: u8, from: IpAddr) -> Verdict {
    let frame = to(mac(n), datagram(2, v4(2), 17, [0; 4]));
    let (now, vn) = (world.now, tsi(n).key.vn);
    let verdict = world.edges[edge].forwarder.tunnel_frame(now, from, vn, &frame);
    world.settle();
    verdict
}

/// Lets time pass at the control planes and the forwarders.
fn pass(world: &mut Direct, length: Micros) {
    world.run(length);
    for edge in &mut world.edges {
        edge.forwarder.handle_timeout(world.now);
    }
    world.settle();
}

fn strangers(world: &Direct) -> Vec<IpAddr> {
    let of = |event: &Event| match event {
        Event::Stranger { vn, from } if *vn == tsi(1).key.vn => Some(*from),
        _ => None,
    };
    world.edges[0].events.iter().filter_map(of).collect()
}

/// Checks TUN-10.
#[test]
fn a_frame_from_no_nve_of_the_vn_reaches_no_tenant_and_the_owner_is_told_at_a_limited_rate() {
    let mut world = world();

    for _ in 0..50 {
        assert_eq!(tunnels(&mut world, 9), Verdict::Held);
        assert_eq!(tunnels(&mut world, 2), Verdict::Deliver(PORT), "its NVE is in the VN");
        pass(&mut world, Micros::from_millis(10));
    }
    pass(&mut world, Micros::from_secs(3));

    assert_eq!(world.edges[0].forwarder.counters().dropped_frames(Stranger), 50);
    assert_eq!(strangers(&world), [peer(9).ip()], "one for all that were dropped within the interval");
    for _ in 0..20 {
        let _ = tunnels(&mut world, 9);
        pass(&mut world, Micros::from_millis(3_050));
    }
    assert_eq!(strangers(&world).len(), 21);
}

/// Checks TUN-10, VMM-4.3-06.
#[test]
fn the_first_frame_of_an_nve_that_becomes_a_member_waits_for_the_list() {
    let mut world = Direct::new(3);
    world.start(0, PORT.0, station(1));
    assert_eq!(tunnels(&mut world, 2), Verdict::Held);

    world.start(1, PORT.0, station(2));

    let (now, mut bytes) = (world.now, Vec::new());
    let edge = &mut world.edges[0].forwarder;
    let Some(Target::Again(Entrance::Tunnel { from, vn })) = edge.poll_flush(now, &mut |_| true, &mut bytes) else {
        panic!("the frame comes in again");
    };
    assert_eq!(edge.tunnel_frame(now, from, vn, &bytes), Verdict::Deliver(PORT));
    assert_eq!((tunnels(&mut world, 2), tunnels(&mut world, 3)), (Verdict::Deliver(PORT), Verdict::Held));
    assert!(strangers(&world).is_empty());
}

/// Checks TUN-10, R-37.
#[test]
fn an_nve_whose_last_tsi_left_is_accepted_while_frames_may_be_in_flight_and_not_after() {
    let mut world = three();
    world.start(2, PORT.0, station(4));
    world.tell(1, nve::Input::Detach { vap: PORT });
    world.run(Micros::from_secs(1));
    assert!(world.nva.lookup(&tsi(2).key).is_none_or(|mapping| mapping.place.is_none()));

    assert_eq!(tunnels(&mut world, 2), Verdict::Deliver(PORT));
    pass(&mut world, Micros::from_secs(28));
    assert_eq!(tunnels(&mut world, 2), Verdict::Deliver(PORT));
    pass(&mut world, Micros::from_secs(2));
    assert_eq!((tunnels(&mut world, 2), tunnels(&mut world, 3)), (Verdict::Held, Verdict::Deliver(PORT)));
}

/// Checks TUN-10.
#[test]
fn a_move_brings_its_new_nve_into_the_vn_before_the_vm_runs_there() {
    let mut world = three();
    assert_eq!(tunnels(&mut world, 3), Verdict::Held);

    world.plan(1, vec![tsi(2).key], 3);

    assert_eq!(tunnels(&mut world, 3), Verdict::Held, "it waits behind the first");
    pass(&mut world, Micros::from_secs(4));
    assert_eq!(world.edges[0].forwarder.counters().dropped_frames(Stranger), 0);
}

/// Checks TUN-10.
#[test]
fn an_nve_may_send_from_both_of_its_locators() {
    let v6 = Ipv6Addr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 2]);
    let mut world = Direct::with(2, prompt(Transport::Trusted));
    let both = Locators::Both(Ipv4Addr::new(198, 51, 100, 2), v6);
    world.start(0, PORT.0, station(1));
    world.start(1, PORT.0, station(2));
    world.nva.handle(world.now, nva::Input::Admit(Place { nve: NveId(2), locators: both })).unwrap();
    world.settle();

    assert_eq!([tunnels_from(&mut world, v6.into()), tunnels(&mut world, 2)], [Verdict::Deliver(PORT); 2]);
    assert_eq!(tunnels_from(&mut world, Ipv6Addr::LOCALHOST.into()), Verdict::Held);
}

/// Checks TUN-10.
#[test]
fn what_a_reset_forwarder_is_told_again_has_those_that_left_too() {
    let mut world = three();
    world.start(2, PORT.0, station(4));
    world.tell(1, nve::Input::Detach { vap: PORT });
    world.run(Micros::from_secs(1));

    world.edges[0].forwarder.reset();
    world.tell(0, nve::Input::ForwarderReset);

    assert_eq!([tunnels(&mut world, 2), tunnels(&mut world, 3)], [Verdict::Deliver(PORT); 2]);
    pass(&mut world, IN_FLIGHT);
    assert_eq!(tunnels(&mut world, 2), Verdict::Held);
}

/// Checks TUN-10, VMM-5-04, R-37.
#[test]
fn late_frames_of_the_old_nve_are_accepted_though_no_list_named_it() {
    let mut world = Direct::with(3, nva::NvaConfig::new(Transport::Trusted));
    world.start(0, PORT.0, station(1));
    world.start(1, PORT.0, station(2));
    let (vm, id) = (tsi(1).key, MoveId(1));
    world.plan(1, vec![vm], 3);
    world.attach(2, PORT.0, vec![station(1)]);
    world.tell(0, nve::Input::Suspend { key: vm, move_id: id, stopped_at: None });
    world.tell(2, nve::Input::Activate { key: vm, move_id: Some(id) });
    assert_eq!(place_of(&world, &vm), Some(3));
    world.run(Micros::from_secs(1));

    assert_eq!(tunnels_to(&mut world, 2, 1, peer(1).ip()), Verdict::Deliver(PORT));
    pass(&mut world, IN_FLIGHT);
    assert_eq!(tunnels_to(&mut world, 2, 1, peer(1).ip()), Verdict::Held);
}

/// Checks TUN-10, R-37.
#[test]
fn an_nve_that_comes_into_a_vn_accepts_frames_of_those_that_left_lately() {
    let mut world = three();
    world.tell(1, nve::Input::Detach { vap: PORT });
    world.run(Micros::from_secs(1));

    world.start(2, PORT.0, station(4));

    assert_eq!(tunnels_to(&mut world, 2, 4, peer(2).ip()), Verdict::Deliver(PORT));
    let question = to(Mac::BROADCAST, datagram(4, v4(4), 17, [0; 4]));
    assert_eq!(sends_at(&mut world, 2, PORT, &question), Verdict::Replicate);
    let copies: Vec<_> = world.edges[2].forwarder.replicas().to_vec();
    assert_eq!(copies, [Target::Tunnel { to: peer(1).ip(), vn: tsi(4).key.vn }], "those that left get no BUM frame");
}

/// Checks TUN-10, VMM-5-04.
#[test]
fn an_old_nve_that_restarted_knows_the_senders_of_late_frames_once_it_hears_the_outcome() {
    let mut world = three();
    let (vm, id) = (tsi(1).key, MoveId(1));
    world.plan(1, vec![vm], 3);
    world.tell(0, nve::Input::Suspend { key: vm, move_id: id, stopped_at: None });
    world.attach(2, PORT.0, vec![station(1)]);
    world.silence(0);
    world.tell(2, nve::Input::Activate { key: vm, move_id: Some(id) });
    assert_eq!(place_of(&world, &vm), Some(3));

    world.restart_edge(0);
    world.attach(0, PORT.0, vec![station(1)]);
    assert_eq!(tunnels(&mut world, 2), Verdict::Held);
    world.tell(0, nve::Input::Connect);

    let (now, mut bytes) = (world.now, Vec::new());
    let edge = &mut world.edges[0].forwarder;
    let Some(Target::Again(Entrance::Tunnel { from, vn })) = edge.poll_flush(now, &mut |_| true, &mut bytes) else {
        panic!("the frame comes in again");
    };
    assert_eq!(edge.tunnel_frame(now, from, vn, &bytes), Verdict::Tunnel { to: peer(3).ip(), vn });
}

/// Checks TUN-10, VMM-5-04.
#[test]
fn an_old_nve_that_restarts_after_the_move_sends_late_frames_on() {
    let mut world = three();
    let (vm, id) = (tsi(1).key, MoveId(1));
    world.plan(1, vec![vm], 3);
    world.tell(0, nve::Input::Suspend { key: vm, move_id: id, stopped_at: None });
    world.attach(2, PORT.0, vec![station(1)]);
    world.tell(2, nve::Input::Activate { key: vm, move_id: Some(id) });
    world.run(Micros::from_secs(1));
    assert!(world.nva.book().get_move(id).is_some_and(|ended| ended.is_closed()));

    world.restart_edge(0);
    assert_eq!(tunnels(&mut world, 2), Verdict::Held, "the NVA has not said yet what is here");
    world.tell(0, nve::Input::Connect);

    let (now, mut bytes) = (world.now, Vec::new());
    let edge = &mut world.edges[0].forwarder;
    let Some(Target::Again(Entrance::Tunnel { from, vn })) = edge.poll_flush(now, &mut |_| true, &mut bytes) else {
        panic!("the frame comes in again");
    };
    assert_eq!(edge.tunnel_frame(now, from, vn, &bytes), Verdict::Tunnel { to: peer(3).ip(), vn });
}
