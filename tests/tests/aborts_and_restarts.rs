//! Moves that do not go as planned, between machines that are joined directly.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use nvo3_mobility::nva;
use nvo3_mobility::nve::rules::{News, State};
use nvo3_mobility::nve::{self, Error};
use nvo3_nva_proto::{Micros, MoveId, MoveKind, MoveResult, NveId, Refusal, Tsi, TsiKey};
use nvo3_tests::direct::{Direct, peer, place, trusting, tsi};
use nvo3_wire::Vni;

const MOVE: MoveId = MoveId(9);

/// A world in which the VM is suspended at edge 0 and its frames are held at edge 1.
fn in_the_pause(vm: &Tsi) -> Direct {
    let mut world = Direct::new(3);
    world.start(0, 1, vm.clone());
    world.plan(MOVE.0, vec![vm.key], 2);
    world.attach(1, 5, vec![vm.clone()]);
    world.tell(0, nve::Input::Suspend { key: vm.key, move_id: MOVE, stopped_at: None });
    world
}

fn ended(world: &Direct, result: MoveResult) -> bool {
    world.events.contains(&nva::Event::Ended { id: MOVE, result })
}

fn state(world: &Direct, edge: usize, key: &TsiKey) -> State {
    world.edges[edge].nve().state(key).state
}

/// Checks VMM-7-03, SPL-06.
#[test]
fn an_aborted_move_ends_with_the_vm_held_at_the_old_nve_until_its_hypervisor_speaks() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = in_the_pause(&vm);

    world.nva.handle(world.now, nva::Input::Cancel(MOVE)).unwrap();
    world.settle();

    assert!(ended(&world, MoveResult::Aborted));
    assert!(matches!(state(&world, 0, &key), State::Halted { .. }));
    assert!(matches!(state(&world, 1, &key), State::Forwarding { to } if to == place(1)));
    let refused = world.edges[1].nve_mut().handle(world.now, nve::Input::Activate { key, move_id: Some(MOVE) });
    assert!(matches!(refused, Err(Error::NotPrepared { .. })), "{refused:?}");
    world.tell(0, nve::Input::Activate { key, move_id: None });
    assert_eq!(state(&world, 0, &key), State::Here);
    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(1)));
}

/// Checks VMM-7-03.
#[test]
fn a_vm_that_stayed_suspended_through_an_abort_moves_again_without_another_word() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = in_the_pause(&vm);
    world.nva.handle(world.now, nva::Input::Cancel(MOVE)).unwrap();
    world.settle();

    world.plan(10, vec![key], 2);
    world.tell(1, nve::Input::Activate { key, move_id: Some(MoveId(10)) });

    assert!(world.events.contains(&nva::Event::Ended { id: MoveId(10), result: MoveResult::Committed }));
    assert_eq!(state(&world, 1, &key), State::Here);
    assert!(matches!(state(&world, 0, &key), State::Forwarding { to } if to == place(2)));
}

/// Checks VMM-7-03, VMM-5-11.
#[test]
fn a_hypervisor_that_resumes_at_the_source_aborts_the_move() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = in_the_pause(&vm);

    world.tell(0, nve::Input::Activate { key, move_id: None });

    assert!(ended(&world, MoveResult::Aborted));
    assert_eq!(state(&world, 0, &key), State::Here);
    assert!(matches!(state(&world, 1, &key), State::Forwarding { to } if to == place(1)));
}

/// A move ends by its deadline and the exchange that revokes it, even if no party sends anything.
///
/// Checks SPL-06.
#[test]
fn a_move_that_nobody_activates_is_revoked_at_its_deadline() {
    let vm = tsi(1);
    let mut world = in_the_pause(&vm);

    world.run(Micros::from_millis(5_100));

    assert!(ended(&world, MoveResult::Aborted));
    assert!(matches!(state(&world, 0, &vm.key), State::Halted { .. }));
}

/// Checks VMM-6-03.
#[test]
fn a_new_nve_that_died_for_good_is_fenced_and_the_move_aborts() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = in_the_pause(&vm);
    world.silence(1);
    world.run(Micros::from_secs(12));
    assert!(!ended(&world, MoveResult::Aborted), "nobody decides alone after Suspended");

    world.nva.handle(world.now, nva::Input::Fenced(NveId(2))).unwrap();
    world.settle();
    assert!(matches!(state(&world, 0, &key), State::Halted { .. }));
    world.tell(0, nve::Input::Activate { key, move_id: None });
    world.run(Micros::from_secs(12));

    assert!(ended(&world, MoveResult::Aborted));
    assert_eq!(state(&world, 0, &key), State::Here);
}

#[test]
fn who_is_fenced_is_not_waited_for() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = in_the_pause(&vm);
    world.silence(1);
    world.nva.handle(world.now, nva::Input::Fenced(NveId(2))).unwrap();
    world.settle();
    assert!(ended(&world, MoveResult::Aborted), "its session need not die first, nor a deadline pass");
    assert!(matches!(state(&world, 0, &key), State::Halted { .. }));

    // The edge was not gone after all.
    world.edges[1].silent = false;
    world.run(Micros::from_secs(10));
    assert!(matches!(state(&world, 1, &key), State::Forwarding { to } if to == place(1)));
}

/// Checks VMM-5-11, R-03.
#[test]
fn a_party_that_was_gone_when_the_move_ended_hears_of_it_before_the_next_one() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = in_the_pause(&vm);
    world.silence(1);
    world.run(Micros::from_secs(4));
    world.nva.handle(world.now, nva::Input::Fenced(NveId(2))).unwrap();
    world.settle();
    world.tell(0, nve::Input::Activate { key, move_id: None });
    world.run(Micros::from_secs(12));
    assert!(ended(&world, MoveResult::Aborted));
    assert!(matches!(state(&world, 1, &key), State::Holding(_)), "it knows of nothing");

    world.edges[1].silent = false;
    world.run(Micros::from_secs(5));
    assert!(matches!(state(&world, 1, &key), State::Forwarding { to } if to == place(1)));
    world.plan(10, vec![key], 2);
    world.tell(0, nve::Input::Suspend { key, move_id: MoveId(10), stopped_at: None });
    world.tell(1, nve::Input::Activate { key, move_id: Some(MoveId(10)) });

    assert!(world.events.contains(&nva::Event::Ended { id: MoveId(10), result: MoveResult::Committed }));
}

/// Checks VMM-6-03, ARC-13.
#[test]
fn an_authority_that_restarts_in_the_pause_goes_on_with_the_move() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = in_the_pause(&vm);
    let mapping = world.nva.lookup(&key).unwrap();

    world.restart_nva();
    assert_eq!(world.nva.lookup(&key).unwrap(), mapping, "what was acknowledged is still so");
    world.run(Micros::from_secs(3));
    world.tell(1, nve::Input::Activate { key, move_id: Some(MOVE) });
    world.run(Micros::from_secs(3));

    assert!(ended(&world, MoveResult::Committed));
    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(2)));
}

/// Checks VMM-6-03.
#[test]
fn an_outcome_survives_an_authority_that_dies_right_after_it_was_durable() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = in_the_pause(&vm);
    world.tell(1, nve::Input::Activate { key, move_id: Some(MOVE) });
    assert!(ended(&world, MoveResult::Committed));

    world.restart_nva();
    world.run(Micros::from_secs(3));

    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(2)));
    assert_eq!(world.nva.move_state(MOVE), Some(nva::rules::State::Ended(MoveResult::Committed)));
}

/// Checks VMM-5-17, SPL-05.
#[test]
fn a_new_nve_that_restarts_in_the_pause_is_prepared_again_before_anything_else_counts() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = in_the_pause(&vm);

    world.restart_edge(1);
    world.attach(1, 5, vec![vm]);
    world.tell(1, nve::Input::Connect);
    assert!(matches!(state(&world, 1, &key), State::Holding(_)));
    world.tell(1, nve::Input::Activate { key, move_id: Some(MOVE) });

    assert!(ended(&world, MoveResult::Committed));
}

/// The outcome of the earlier move would make it send frames to the old NVE, which tunnels them back.
///
/// Checks I3.
#[test]
fn a_new_nve_that_restarts_hears_nothing_of_the_move_that_once_took_the_vm_from_it() {
    let vm = tsi(1);
    let mut world = in_the_pause(&vm);
    world.tell(1, nve::Input::Activate { key: vm.key, move_id: Some(MOVE) });
    world.plan(10, vec![vm.key], 1);
    world.tell(1, nve::Input::Suspend { key: vm.key, move_id: MoveId(10), stopped_at: None });

    world.restart_edge(0);
    world.tell(0, nve::Input::Connect);

    let sends_on = |event: &nve::Event| matches!(event, nve::Event::State { to: State::Forwarding { .. }, .. });
    assert!(matches!(state(&world, 0, &vm.key), State::Holding(_)));
    assert!(!world.edges[0].events.iter().any(sends_on), "{:?}", world.edges[0].events);
}

/// A registration is not an activation. If the new NVE restarts while the VM runs there, only *Activated* commits the move.
///
/// Checks VMM-6-03, R-35.
#[test]
fn a_vm_that_ran_when_its_nve_restarted_commits_after_it_was_prepared_again() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = in_the_pause(&vm);

    world.restart_edge(1);
    world.attach(1, 5, vec![vm]);
    world.tell(1, nve::Input::Activate { key, move_id: None });
    world.tell(1, nve::Input::Connect);

    assert!(ended(&world, MoveResult::Committed));
    assert_eq!(state(&world, 1, &key), State::Here);
}

/// Checks VMM-5-11, VMM-5-17.
#[test]
fn an_old_nve_that_restarts_in_the_pause_tunnels_again() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = in_the_pause(&vm);

    world.restart_edge(0);
    world.attach(0, 1, vec![vm]);
    world.tell(0, nve::Input::Connect);

    assert!(matches!(state(&world, 0, &key), State::Vacated(_)));
    world.tell(1, nve::Input::Activate { key, move_id: Some(MOVE) });
    assert!(ended(&world, MoveResult::Committed));
}

/// Checks VMM-3-01, VMM-2-01.
#[test]
fn several_interfaces_in_two_networks_move_as_one() {
    let mut second = tsi(1);
    second.key.vn = Vni::new(8).unwrap();
    let (first, keys) = (tsi(1), [tsi(1).key, second.key]);
    let mut world = Direct::new(2);
    world.start(0, 1, first.clone());
    world.start(0, 2, second.clone());

    world.plan(MOVE.0, keys.to_vec(), 2);
    world.tell(0, nve::Input::Suspend { key: keys[1], move_id: MOVE, stopped_at: None });
    for key in &keys {
        assert!(matches!(state(&world, 0, key), State::Suspended(_)), "one word stands for all");
        assert!(matches!(state(&world, 1, key), State::Holding(_)));
    }
    world.attach(1, 1, vec![first]);
    world.attach(1, 2, vec![second]);
    world.tell(1, nve::Input::Activate { key: keys[0], move_id: Some(MOVE) });

    assert!(ended(&world, MoveResult::Committed));
    let versions: Vec<_> = keys.iter().map(|key| world.nva.lookup(key).unwrap().version).collect();
    assert_eq!(versions[0], versions[1], "they share the move's version");
    for key in &keys {
        assert_eq!(world.nva.lookup(key).unwrap().place, Some(place(2)));
        assert_eq!(state(&world, 1, key), State::Here);
    }
}

/// Checks VMM-5-17, R-34.
#[test]
fn nothing_is_promised_before_the_forwarder_has_it() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::new(2);
    world.start(0, 1, vm);
    world.plan(MOVE.0, vec![key], 2);

    let edge = &mut world.edges[0];
    edge.nve_mut().handle(world.now, nve::Input::Suspend { key, move_id: MOVE, stopped_at: None }).unwrap();
    let mut bytes = Vec::new();
    assert_eq!(edge.nve_mut().poll_transmit(world.now, &mut bytes), None, "Suspended waits for the tunnel entry");
    let change = edge.nve_mut().poll_table_change().unwrap();
    assert_eq!(edge.nve_mut().poll_transmit(world.now, &mut bytes), None, "also once the order is handed out");
    edge.forwarder.apply(&change).unwrap();
    edge.nve_mut().handle(world.now, nve::Input::Applied(change.number)).unwrap();

    assert!(edge.nve_mut().poll_transmit(world.now, &mut bytes).is_some());
    let told = std::iter::from_fn(|| edge.nve_mut().poll_event())
        .any(|event| matches!(event, nve::Event::News { news: News::Suspended, .. }));
    assert!(told);
}

#[test]
fn a_party_that_refuses_is_named_with_its_reason_and_the_move_is_shown_as_aborted() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::new(2);
    world.start(0, 1, vm);
    let (to, tsis, deadline) = (place(2).nve, vec![key], Micros::from_secs(5));
    world.nva.handle(world.now, nva::Input::Move { id: MOVE, tsis, to, kind: MoveKind::Hot, deadline }).unwrap();
    while let Some((at, _)) = world.nva.poll_persist() {
        world.nva.handle(world.now, nva::Input::Persisted(at)).unwrap();
    }

    let mut datagram = Vec::new();
    while let Some(to) = world.nva.poll_transmit(world.now, &mut datagram) {
        let edge = usize::from(to == peer(2));
        world.edges[edge].nve_mut().handle_datagram(world.now, &datagram);
    }
    while let Some(change) = world.edges[1].nve_mut().poll_table_change() {
        world.edges[1].nve_mut().handle(world.now, nve::Input::Refused { number: change.number }).unwrap();
    }
    world.settle();

    let refused = nva::Event::Refused { id: MOVE, nve: place(2).nve, why: Refusal::Forwarder };
    assert!(world.events.contains(&refused), "{:?}", world.events);
    let moves: Vec<_> = world.nva.moves().map(|mv| (mv.id, mv.state, mv.tsis, mv.old, mv.new)).collect();
    let ended = nva::rules::State::Ended(MoveResult::Aborted);
    assert_eq!(moves, [(MOVE, ended, &[key][..], place(1).nve, place(2).nve)]);
    assert_eq!((world.nva.tsi_count(), world.nva.is_connected(place(2).nve)), (1, true));
}

/// Checks VMM-5-01.
#[test]
fn a_forwarder_that_refuses_the_tunnel_fails_the_suspend_and_goes_on_delivering() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::new(2);
    world.start(0, 1, vm);
    world.plan(MOVE.0, vec![key], 2);

    world.edges[0].nve_mut().handle(world.now, nve::Input::Suspend { key, move_id: MOVE, stopped_at: None }).unwrap();
    let change = world.edges[0].nve_mut().poll_table_change().unwrap();
    world.edges[0].forwarder.apply(&change).unwrap();
    world.edges[0].nve_mut().handle(world.now, nve::Input::Refused { number: change.number }).unwrap();
    world.settle();

    let failed = |event: &nve::Event| matches!(event, nve::Event::News { news: News::SuspendFailed, .. });
    assert!(world.edges[0].events.iter().any(failed));
    assert!(ended(&world, MoveResult::Aborted));
    assert_eq!(state(&world, 0, &key), State::Here);
}

/// Checks VMM-6-03.
#[test]
fn nothing_that_depends_on_a_record_leaves_before_it_is_durable() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::new(1);
    world.attach(0, 1, vec![vm]);
    world.edges[0].nve_mut().handle(world.now, nve::Input::Activate { key, move_id: None }).unwrap();
    let mut bytes = Vec::new();
    while world.edges[0].nve_mut().poll_transmit(world.now, &mut bytes).is_some() {
        world.nva.handle_datagram(world.now, nvo3_tests::direct::peer(1), &bytes);
    }
    let replies = |world: &mut Direct| {
        let mut bytes = Vec::new();
        let mut names = Vec::new();
        while world.nva.poll_transmit(world.now, &mut bytes).is_some() {
            names.push(nvo3_nva_proto::Message::decode(&bytes).unwrap().1.name());
        }
        names
    };

    let before = replies(&mut world);
    let (at, _) = world.nva.poll_persist().unwrap();
    let polled = replies(&mut world);
    world.nva.handle(world.now, nva::Input::Persisted(at)).unwrap();
    let after = replies(&mut world);

    assert!(!before.contains(&"RegistrationReply"), "{before:?}");
    assert!(!polled.contains(&"RegistrationReply"), "{polled:?}");
    assert!(after.contains(&"RegistrationReply"), "{after:?}");
}

/// Checks SPL-04.
#[test]
fn a_vm_that_shows_up_at_a_third_nve_during_a_move_is_answered_when_that_has_ended() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::with(3, trusting());
    world.start(0, 1, vm.clone());
    world.plan(MOVE.0, vec![key], 2);
    world.start(2, 7, vm);
    assert!(matches!(state(&world, 2, &key), State::Claiming { .. }));

    world.nva.handle(world.now, nva::Input::Cancel(MOVE)).unwrap();
    world.settle();

    assert!(ended(&world, MoveResult::Aborted));
    assert_eq!(state(&world, 2, &key), State::Here);
    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(3)));
}

/// An edge gets the mapping of one interface by an early push, and learns the other mapping before the commit.
///
/// Checks VMM-3-01.
#[test]
fn a_commit_is_pushed_to_whoever_was_pushed_another_tsi_early() {
    let mut second = tsi(1);
    second.key.vn = Vni::new(8).unwrap();
    let (first, keys) = (tsi(1), [tsi(1).key, second.key]);
    let mut world = Direct::new(3);
    world.start(0, 1, first.clone());
    world.start(0, 2, second.clone());
    world.tell(2, nve::Input::Subscribe(keys[0].vn));
    world.plan(MOVE.0, keys.to_vec(), 2);
    world.tell(0, nve::Input::Suspend { key: keys[0], move_id: MOVE, stopped_at: None });

    world.tell(2, nve::Input::Subscribe(keys[1].vn));
    world.attach(1, 1, vec![first]);
    world.attach(1, 2, vec![second]);
    world.tell(1, nve::Input::Activate { key: keys[0], move_id: Some(MOVE) });

    for key in &keys {
        assert_eq!(world.edges[2].nve().mapping(key).map(|(_, at)| at), Some(Some(place(2))), "{key}");
    }
}
