//! One planned move, step by step, between machines that are joined directly.

use nvo3_mobility::nva;
use nvo3_mobility::nve;
use nvo3_mobility::nve::core::State;
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
