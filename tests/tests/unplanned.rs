//! Unplanned moves: a VM appears at an edge without an order.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use nvo3_mobility::forwarder::{Entrance, Target, Verdict};
use nvo3_mobility::nva;
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::nve::{self, Handled};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Micros, MoveId, MoveResult, RegistrationResult, Tsi};
use nvo3_tests::direct::{Direct, place, trusting, tsi};
use std::net::IpAddr;

fn announcement(tsi: &Tsi) -> [u8; 42] {
    let IpAddr::V4(ip) = tsi.ips[0] else { panic!("the test's TSIs have IPv4 addresses") };
    let mut frame = [0; 42];
    nvo3_wire::arp::announcement(tsi.key.mac, ip.into(), &mut frame).unwrap();
    frame
}

/// Gives an edge the announcement of the VM at a port, as a driver would.
fn announce(world: &mut Direct, edge: usize, vap: u32, tsi: &Tsi) -> Verdict {
    let frame = announcement(tsi);
    let verdict = world.edges[edge].forwarder.vap_frame(world.now, VapId(vap), &frame);
    if verdict == Verdict::Punt {
        assert_eq!(world.edges[edge].nve_mut().handle_frame(world.now, VapId(vap), &frame), Handled::Pass);
    }
    world.settle();
    verdict
}

/// Checks ARMD-11, IRB-01, VMM-5-02, R-03.
#[test]
fn an_announcement_moves_the_mapping_once_the_old_nve_has_stopped_delivering() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::new(3);
    world.start(0, 1, vm.clone());
    let before = world.nva.lookup(&key).unwrap();
    let _ = announce(&mut world, 0, 1, &vm);
    world.attach(1, 5, vec![vm.clone()]);
    assert_eq!(world.nva.lookup(&key).unwrap(), before, "a port alone hijacks nothing");

    let verdict = announce(&mut world, 1, 5, &vm);

    assert_eq!(verdict, Verdict::Held, "what the VM says before it may run here is kept");
    assert_eq!(world.nva.lookup(&key).unwrap(), before, "the old NVE asks its VM first");
    world.run(Micros::from_secs(2));
    let mapping = world.nva.lookup(&key).unwrap();
    assert_eq!(mapping.place, Some(place(2)));
    assert!(mapping.version > before.version);
    assert!(matches!(world.edges[0].nve().state(&key).state, State::Forwarding { to } if to == place(2)));
    assert_eq!(world.edges[1].nve().state(&key).state, State::Here);
    let mut out = Vec::new();
    let target = world.edges[1].forwarder.poll_flush(world.now, &mut |_| true, &mut out);
    assert_eq!(target, Some(Target::Again(Entrance::Vap(VapId(5)))), "and leaves once it may");
    assert_eq!(out, announcement(&vm));
}

/// Checks VMM-8-08, EVM-02.
#[test]
fn a_claim_waits_for_an_old_nve_without_a_session_until_that_counts_as_gone() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::new(2);
    world.start(0, 1, vm.clone());
    world.attach(1, 5, vec![vm]);
    world.silence(0);

    world.tell(1, nve::Input::Activate { key, move_id: None });
    let waiting = world.edges[1].nve().state(&key).state;
    world.run(Micros::from_secs(10));

    assert!(matches!(waiting, State::Claiming { .. }));
    assert_eq!(world.edges[1].nve().state(&key).state, State::Here);
    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(2)));
}

/// Checks EVM-05, EVM-06, R-20, VMM-6-02.
#[test]
fn the_fifth_unplanned_move_freezes_the_address_and_planned_ones_do_not_count() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::with(2, trusting());
    world.start(0, 1, vm.clone());
    world.attach(1, 1, vec![vm]);
    for id in 1..=6 {
        let (from, to) = if id % 2 == 1 { (0, 1) } else { (1, 0) };
        world.plan(id, vec![key], to as u8 + 1);
        world.tell(from, nve::Input::Suspend { key, move_id: MoveId(id), stopped_at: None });
        world.tell(to, nve::Input::Activate { key, move_id: Some(MoveId(id)) });
        assert!(world.events.contains(&nva::Event::Ended { id: MoveId(id), result: MoveResult::Committed }));
    }

    for n in 0..4 {
        world.tell(1 - n % 2, nve::Input::Activate { key, move_id: None });
        assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(2 - n as u8 % 2)), "unplanned move {n}");
    }
    assert!(!world.events.contains(&nva::Event::Duplicate(key)));
    world.tell(1, nve::Input::Activate { key, move_id: None });

    assert!(world.events.contains(&nva::Event::Duplicate(key)));
    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(1)), "the fifth is refused");
    let refused = nve::Event::Refused { key, result: RegistrationResult::Duplicate };
    assert!(world.edges[1].events.contains(&refused));
}

/// Checks VMM-4.2-09, R-03, VMM-6-04.
#[test]
fn a_late_detach_does_not_undo_a_newer_attach() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::with(2, trusting());
    world.start(0, 1, vm.clone());
    world.start(1, 1, vm);
    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(2)));

    world.tell(0, nve::Input::Detach { vap: VapId(1) });

    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(2)));
    assert!(
        matches!(world.edges[0].nve().state(&key).state, State::Forwarding { .. }),
        "a detach keeps a forward entry"
    );
}

/// Checks ARC-15, ARC-16, DIR-23, DAP-02.
#[test]
fn a_subscriber_has_every_mapping_of_its_network_and_of_no_other() {
    let (first, second) = (tsi(1), tsi(2));
    let mut other = tsi(3);
    other.key.vn = nvo3_wire::Vni::new(8).unwrap();
    let mut world = Direct::new(2);
    world.start(0, 1, first.clone());
    world.start(0, 2, other.clone());

    world.tell(1, nve::Input::Subscribe(first.key.vn));
    world.start(0, 3, second.clone());

    let has = |world: &Direct, key| world.edges[1].nve().mapping(&key).and_then(|(_, place)| place);
    assert_eq!(has(&world, first.key), Some(place(1)), "what was there");
    assert_eq!(has(&world, second.key), Some(place(1)), "what came later");
    assert_eq!(has(&world, other.key), None);
    world.tell(1, nve::Input::Unsubscribe(first.key.vn));
    world.tell(0, nve::Input::Detach { vap: VapId(3) });
    assert_eq!(has(&world, second.key), Some(place(1)), "what is no longer asked for is no longer told");
}

/// Checks DIR-11, DAP-07, VMM-4.2-25.
#[test]
fn who_was_told_that_there_is_no_such_station_is_told_when_there_is() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::new(2);
    let miss = nvo3_mobility::forwarder::Notice::Miss { vn: key.vn, mac: key.mac, vap: None };
    world.edges[1].nve_mut().handle_notice(world.now, miss);
    world.settle();
    assert!(matches!(world.edges[1].nve().mapping(&key), Some((_, None))));

    world.start(0, 1, vm.clone());
    assert!(matches!(world.edges[1].nve().mapping(&key), Some((_, Some(at))) if at == place(1)));
    world.tell(0, nve::Input::Detach { vap: VapId(1) });
    assert!(matches!(world.edges[1].nve().mapping(&key), Some((_, None))), "gone again");
    world.start(0, 2, vm);
    assert!(matches!(world.edges[1].nve().mapping(&key), Some((_, Some(at))) if at == place(1)), "and back");
    assert_eq!(world.edges[1].nve().counters().queries, 1);
}

/// Checks VMM-4.3-06.
#[test]
fn a_network_of_a_hundred_edges_has_one_replication_list() {
    let mut world = Direct::new(100);
    for n in 0..100 {
        world.start(n, 1, tsi(n as u8 + 1));
    }

    let mut out = Vec::new();
    let mut frame = announcement(&tsi(1)).to_vec();
    frame.resize(60, 0);
    let _ = world.edges[0].nve_mut().poll_transmit(world.now, &mut out);
    let verdict = world.edges[0].forwarder.vap_frame_passed(world.now, VapId(1), &frame);

    assert_eq!(verdict, Verdict::Replicate);
    assert_eq!(world.edges[0].forwarder.replicas().len(), 99);
}

/// Checks SPL-04, VMM-5-03.
#[test]
fn the_last_detach_withdraws_the_mapping_and_a_new_start_gets_a_newer_version() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::new(2);
    world.start(0, 1, vm.clone());
    let before = world.nva.lookup(&key).unwrap().version;

    world.tell(0, nve::Input::Detach { vap: VapId(1) });
    assert_eq!(world.nva.lookup(&key), None);
    world.start(1, 1, vm);

    let after = world.nva.lookup(&key).unwrap();
    assert_eq!(after.place, Some(place(2)));
    assert!(after.version > before);
}

#[test]
fn a_vm_that_comes_without_a_plan_has_all_its_addresses_in_the_directory() {
    let (mut world, mut vm) = (Direct::with(3, trusting()), tsi(1));
    world.start(0, 1, vm.clone());
    vm.ips.push([192, 0, 2, 200].into());

    world.start(1, 5, vm.clone());
    world.run(Micros::from_secs(1));

    let mapping = world.nva.lookup(&vm.key).unwrap();
    assert_eq!((mapping.place, mapping.ips), (Some(place(2)), vm.ips));
}
