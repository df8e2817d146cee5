//! One planned move, step by step, between machines that are joined directly.

use nvo3_mobility::nva;
use nvo3_mobility::nve;
use nvo3_mobility::nve::core::State;
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Micros, MoveId, MoveResult, Report};
use nvo3_tests::direct::{Direct, place, tsi};

/// Checks VMM-4.2-02, VMM-4.2-03, VMM-4.2-04, VMM-4.3-08, VMM-5-16, VMM-5-17, R-34.
#[test]
fn a_planned_move_goes_step_by_step_and_converges() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::new(3);
    world.start(0, 1, vm.clone());
    assert_eq!(world.edges[0].nve.state(&key).state, State::Here);
    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(1)));

    world.plan(9, vec![key], 2);
    assert!(world.events.contains(&nva::Event::MaySuspend(MoveId(9))));
    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(1)));
    assert!(matches!(world.edges[1].nve.state(&key).state, State::Prepared(_)));

    world.tell(0, nve::Input::Suspend { key, move_id: MoveId(9) });
    assert!(matches!(world.edges[0].nve.state(&key).state, State::Suspended(_)));
    assert!(matches!(world.edges[1].nve.state(&key).state, State::Holding(_)));

    world.attach(1, 5, vec![vm]);
    world.tell(1, nve::Input::Activate { key, move_id: Some(MoveId(9)) });
    assert_eq!(world.edges[1].nve.state(&key).state, State::Here);
    assert!(matches!(world.edges[0].nve.state(&key).state, State::Forwarding { .. }));
    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(2)));
    assert!(world.events.contains(&nva::Event::Ended { id: MoveId(9), result: MoveResult::Committed }));

    let report = Report { tunnelled_frames: 3, ..Report::default() };
    world.tell(0, nve::Input::Report { move_id: MoveId(9), report });
    assert!(world.events.contains(&nva::Event::Report { id: MoveId(9), nve: place(1).nve, report }));

    world.run(Micros::from_secs(2));
    assert_eq!(world.edges[0].nve.state(&key).state, State::Away, "the forward entry ends a linger after convergence");
}

/// A unicast frame from one station to another.
fn frame(to: u8, from: u8) -> Vec<u8> {
    let mut frame = vec![0; 60];
    frame[..6].copy_from_slice(&tsi(to).key.mac.0);
    frame[6..12].copy_from_slice(&tsi(from).key.mac.0);
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    frame
}

#[test]
fn the_new_nve_knows_whom_the_vm_talks_to_before_it_runs_there() {
    let (vm, neighbor, stranger) = (tsi(1), tsi(2), tsi(3));
    let mut world = Direct::new(3);
    world.start(0, 1, vm.clone());
    world.start(2, 1, neighbor.clone());
    world.start(2, 2, stranger.clone());
    let now = world.now;
    world.edges[0].forwarder.vap_frame(now, VapId(1), &frame(2, 1));
    world.settle();

    world.plan(9, vec![vm.key], 2);

    assert_eq!(world.edges[1].nve.mapping(&neighbor.key).unwrap().1, Some(place(3)));
    assert_eq!(world.edges[1].nve.mapping(&stranger.key), None);
    assert_eq!(world.edges[1].nve.counters().queries, 0);
}

/// Checks ARC-16.
#[test]
fn an_edge_believes_what_it_heard_for_as_long_as_it_cannot_ask() {
    let (vm, neighbor) = (tsi(1), tsi(2));
    let mut world = Direct::new(2);
    world.start(0, 1, vm);
    world.start(1, 1, neighbor.clone());
    let now = world.now;
    world.edges[0].forwarder.vap_frame(now, VapId(1), &frame(2, 1));
    world.settle();
    assert!(world.edges[0].nve.mapping(&neighbor.key).is_some());
    assert!(world.edges[0].forwarder.poll_flush(now, &mut |_| true, &mut Vec::new()).is_some());

    world.silence(0);
    world.run(Micros::from_secs(300));
    assert!(!world.edges[0].nve.is_connected() && world.edges[0].nve.mapping(&neighbor.key).is_some());

    world.edges[0].silent = false;
    world.silence(1);
    world.run(Micros::from_secs(300));
    assert!(world.edges[0].nve.is_connected());
    assert_eq!(world.edges[0].nve.mapping(&neighbor.key), None);
}
