//! Faults that the reference model found, each in a few lines.

use nvo3_mobility::forwarder::Verdict;
use nvo3_mobility::nva;
use nvo3_mobility::nve::{self, rules::State};
use nvo3_nva_proto::{Micros, MoveId, MoveResult};
use nvo3_tests::direct::{Direct, peer, place, trusting, tsi};
use nvo3_wire::Mac;

fn frame(to: Mac) -> Vec<u8> {
    [&to.0[..], &[2, 0, 0, 0, 0, 99, 0x88, 0xb5][..], &[0; 46][..]].concat()
}

fn ended(world: &Direct) -> Option<MoveResult> {
    world.events.iter().rev().find_map(|event| match event {
        nva::Event::Ended { result, .. } => Some(*result),
        _ => None,
    })
}

/// Some time after an aborted move, the authority pushes no more changes to the new NVE of that move.
#[test]
fn what_an_outcome_says_of_a_mapping_is_not_believed_for_ever() {
    let mut world = Direct::new(2);
    world.start(0, 1, tsi(1));
    world.plan(1, vec![tsi(1).key], 2);

    world.nva.handle(world.now, nva::Input::Cancel(MoveId(1))).unwrap();
    world.settle();
    assert_eq!(ended(&world), Some(MoveResult::Aborted));
    assert!(world.edges[1].nve().mapping(&tsi(1).key).is_some());
    world.run(Micros::from_secs(60));

    assert_eq!(world.edges[1].nve().mapping(&tsi(1).key), None);
}

#[test]
fn who_has_the_mapping_forgets_where_the_station_was_before() {
    let mut world = Direct::with(2, trusting());
    world.start(0, 1, tsi(1));

    world.start(1, 1, tsi(1));

    assert_eq!(world.edges[1].nve().state(&tsi(1).key).state, State::Here);
    assert_eq!(world.edges[1].nve().mapping(&tsi(1).key), None);
}

/// The new NVE may know of the abort already, and then it sends back the frames that it holds. Checks R-37.
#[test]
fn an_old_nve_that_suspends_while_it_is_cut_off_keeps_what_the_new_one_sends_back() {
    let (mut world, key) = (Direct::new(2), tsi(1).key);
    world.start(0, 1, tsi(1));
    world.plan(1, vec![key], 2);

    world.silence(0);
    world.run(Micros::from_secs(4));
    world.tell(0, nve::Input::Suspend { key, move_id: MoveId(1), stopped_at: None });
    world.run(Micros::from_secs(10));
    assert_eq!(ended(&world), Some(MoveResult::Aborted));
    assert!(matches!(world.edges[1].nve().state(&key).state, State::Forwarding { .. }));

    let sent_back = world.edges[0].forwarder.tunnel_frame(world.now, peer(2).ip(), key.vn, &frame(key.mac));
    assert_eq!(sent_back, Verdict::Held);
}

#[test]
fn one_tsi_asks_for_an_outcome_although_another_was_refused() {
    let (mut world, other) = (Direct::new(2), tsi(2));
    world.start(0, 1, tsi(1));
    world.start(0, 2, other.clone());
    world.silence(0);
    world.edges[1].refusals = 1;
    world.plan(1, vec![tsi(1).key, other.key], 2);
    assert_eq!(world.edges[1].nve().state(&tsi(1).key).state, State::Away);
    assert!(matches!(world.edges[1].nve().state(&other.key).state, State::Prepared(_)));

    world.edges[0].silent = false;
    world.silence(1);
    world.run(Micros::from_secs(20));
    assert_eq!(ended(&world), Some(MoveResult::Aborted));
    world.restart_nva();
    world.edges[1].silent = false;
    world.run(Micros::from_secs(20));

    let state = world.edges[1].nve().state(&other.key).state;
    assert!(matches!(state, State::Away | State::Forwarding { .. }), "{}", state.name());
}

#[test]
fn a_party_hears_of_a_move_that_ended_without_it_before_the_next_also_where_that_word_is_lost() {
    let (mut world, key) = (Direct::new(2), tsi(1).key);
    world.start(0, 1, tsi(1));
    // An NVA that began with records need not wait until the new NVE has restated before it plans a move.
    world.restart_nva();
    world.run(Micros::from_secs(6));
    world.attach(1, 1, vec![tsi(1)]);
    world.plan(1, vec![key], 2);
    world.silence(0);
    world.tell(0, nve::Input::Suspend { key, move_id: MoveId(1), stopped_at: None });
    world.tell(1, nve::Input::Activate { key, move_id: Some(MoveId(1)) });
    world.run(Micros::from_secs(5));
    assert_eq!(ended(&world), Some(MoveResult::Committed));

    // The Hello of edge 1 arrives, and none of its later messages.
    let mut hello = Vec::new();
    while world.edges[0].nve_mut().poll_transmit(world.now, &mut hello).is_none() {
        world.now = world.now + Micros(10_000);
        world.edges[0].nve_mut().handle_timeout(world.now);
    }
    world.nva.handle_datagram(world.now, peer(1), &hello);
    world.plan(2, vec![key], 1);
    world.run(Micros::from_secs(10));
    world.edges[0].silent = false;
    world.run(Micros::from_secs(20));

    assert_eq!(ended(&world), Some(MoveResult::Aborted));
    assert_eq!(world.edges[1].nve().state(&key).state, State::Here);
}

#[test]
fn what_came_since_is_said_again_to_a_party_that_asks_how_a_move_ended() {
    let (mut world, key) = (Direct::new(2), tsi(1).key);
    world.start(0, 1, tsi(1));
    world.plan(1, vec![key], 2);
    world.silence(0);
    world.tell(0, nve::Input::Suspend { key, move_id: MoveId(1), stopped_at: None });
    world.run(Micros::from_secs(20));
    assert_eq!(ended(&world), Some(MoveResult::Aborted));

    // The journal does not say which NVE has not heard of the outcome. Meanwhile the VM shows up at the other edge.
    world.restart_nva();
    world.run(Micros::from_secs(6));
    world.start(1, 1, tsi(1));
    world.edges[0].silent = false;
    world.run(Micros::from_secs(20));

    assert_eq!(world.edges[1].nve().state(&key).state, State::Here);
    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(2)));
}
