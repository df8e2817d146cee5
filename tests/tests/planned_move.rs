//! One planned move, step by step, between machines that are joined directly.

use nvo3_mobility::nva;
use nvo3_mobility::nve;
use nvo3_mobility::nve::core::State;
use nvo3_nva_proto::{Micros, MoveId, MoveKind, MoveResult, Report};
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

#[test]
fn a_move_that_no_prepare_can_name_is_refused_and_no_session_ends() {
    let vms: Vec<_> = (1..=100).map(tsi).collect();
    let keys: Vec<_> = vms.iter().map(|vm| vm.key).collect();
    let mut world = Direct::new(2);
    for (vap, vm) in (1..).zip(vms) {
        world.start(0, vap, vm);
    }
    let plan = |world: &mut Direct, id, keys: &[_]| {
        let (tsis, deadline) = (keys.to_vec(), Micros::from_secs(5));
        let word = nva::Input::Move { id, tsis, to: place(2).nve, kind: MoveKind::Hot, deadline };
        let taken = world.nva.handle(world.now, word);
        world.settle();
        taken
    };

    let most = (1..=100).rev().find(|n| plan(&mut world, MoveId(*n), &keys[..*n as usize]) != too_large(*n));

    let most = most.unwrap();
    assert!((30..100).contains(&most), "{most}");
    assert!(world.events.contains(&nva::Event::MaySuspend(MoveId(most))));
    assert_eq!(world.nva.counters().shed_sessions, 0);
}

const fn too_large(id: u64) -> Result<(), nva::Error> {
    Err(nva::Error::TooLarge(MoveId(id)))
}
