//! One planned move, step by step, between machines that are joined directly.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's own helpers")]

use nvo3_mobility::Transport;
use nvo3_mobility::forwarder::{StoredFrames, Target, Verdict};
use nvo3_mobility::nva::{self, NvaConfig};
use nvo3_mobility::nve;
use nvo3_mobility::nve::rules::{News, State};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Micros, MoveId, MoveKind, MoveResult, Report, TsiKey};
use nvo3_tests::direct::{Direct, peer, place, tsi};

/// Checks VMM-4.2-02, VMM-4.2-03, VMM-4.2-04, VMM-4.3-08, VMM-5-16, VMM-5-17, R-34.
#[test]
fn a_planned_move_goes_step_by_step_and_converges() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::new(3);
    world.start(0, 1, vm.clone());
    assert_eq!(world.edges[0].nve().state(&key).state, State::Here);
    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(1)));

    world.plan(9, vec![key], 2);
    assert!(world.events.contains(&nva::Event::MaySuspend(MoveId(9))));
    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(1)));
    assert!(matches!(world.edges[1].nve().state(&key).state, State::Prepared(_)));

    world.tell(0, nve::Input::Suspend { key, move_id: MoveId(9), stopped_at: None });
    assert!(matches!(world.edges[0].nve().state(&key).state, State::Suspended(_)));
    assert!(matches!(world.edges[1].nve().state(&key).state, State::Holding(_)));

    world.attach(1, 5, vec![vm]);
    world.tell(1, nve::Input::Activate { key, move_id: Some(MoveId(9)) });
    assert_eq!(world.edges[1].nve().state(&key).state, State::Here);
    assert!(matches!(world.edges[0].nve().state(&key).state, State::Forwarding { .. }));
    assert_eq!(world.nva.lookup(&key).unwrap().place, Some(place(2)));
    world.tell(1, nve::Input::Activate { key, move_id: Some(MoveId(9)) });
    let other = nve::Input::Activate { key, move_id: Some(MoveId(8)) };
    assert!(
        world.edges[1].nve_mut().handle(world.now, other).is_err(),
        "only the word of the move that brought it is a repeat"
    );
    assert!(world.events.contains(&nva::Event::Ended { id: MoveId(9), result: MoveResult::Committed }));

    let report = Report { tunnelled_frames: 3, ..Report::default() };
    world.tell(0, nve::Input::Report { move_id: MoveId(9), report });
    assert!(world.events.contains(&nva::Event::Report { id: MoveId(9), nve: place(1).nve, report }));

    world.run(Micros::from_secs(2));
    assert_eq!(
        world.edges[0].nve().state(&key).state,
        State::Away,
        "the forward entry ends a linger after convergence"
    );
}

/// A unicast frame from one station to another.
fn between(to: u8, from: u8) -> Vec<u8> {
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
    let _ = world.edges[0].forwarder.vap_frame(now, VapId(1), &between(2, 1));
    world.settle();

    world.plan(9, vec![vm.key], 2);

    assert_eq!(world.edges[1].nve().mapping(&neighbor.key).unwrap().1, Some(place(3)));
    assert_eq!(world.edges[1].nve().mapping(&stranger.key), None);
    assert_eq!(world.edges[1].nve().counters().queries, 0);
}

/// Checks ARC-16.
#[test]
fn an_edge_believes_what_it_heard_for_as_long_as_it_cannot_ask() {
    let (vm, neighbor) = (tsi(1), tsi(2));
    let mut world = Direct::new(2);
    world.start(0, 1, vm);
    world.start(1, 1, neighbor.clone());
    let now = world.now;
    let _ = world.edges[0].forwarder.vap_frame(now, VapId(1), &between(2, 1));
    world.settle();
    assert!(world.edges[0].nve().mapping(&neighbor.key).is_some());
    assert!(world.edges[0].forwarder.poll_flush(now, &mut |_| true, &mut Vec::new()).is_some());

    world.silence(0);
    world.run(Micros::from_secs(300));
    assert!(!world.edges[0].nve().is_connected() && world.edges[0].nve().mapping(&neighbor.key).is_some());

    world.edges[0].silent = false;
    world.silence(1);
    world.run(Micros::from_secs(300));
    assert!(world.edges[0].nve().is_connected());
    assert_eq!(world.edges[0].nve().mapping(&neighbor.key), None);
}

/// Delivers the frames that an edge's forwarder sends now. Frames in a tunnel arrive at edge `to`. Returns their numbers.
fn flush(world: &mut Direct, edge: usize, to: usize) -> Vec<u32> {
    let (now, mut out, mut numbers) = (world.now, Vec::new(), Vec::new());
    while let Some(target) = world.edges[edge].forwarder.poll_flush(now, &mut |_| true, &mut out) {
        numbers.push(number(&out));
        if let Target::Tunnel { vn, .. } = target {
            let from = peer(edge as u8 + 1).ip();
            assert_eq!(world.edges[to].forwarder.tunnel_frame(now, from, vn, &out), Verdict::Held);
        }
    }
    numbers
}

/// A frame from a host behind the third edge.
fn frame(world: &mut Direct, edge: usize, key: TsiKey, number: u32) -> Verdict {
    if world.nva.lookup(&tsi(9).key).is_none() {
        world.start(2, 9, tsi(9));
    }
    let mut frame = [0; 64];
    frame[..6].copy_from_slice(&key.mac.0);
    frame[6..14].copy_from_slice(&[2, 0, 0, 0, 0, 9, 8, 0]);
    frame[14..18].copy_from_slice(&number.to_be_bytes());
    world.edges[edge].forwarder.tunnel_frame(world.now, peer(3).ip(), key.vn, &frame)
}

fn number(frame: &[u8]) -> u32 {
    u32::from_be_bytes(frame[14..18].try_into().unwrap())
}

/// Checks VMM-5-01, VMM-5-09.
#[test]
fn a_word_that_comes_after_the_stop_costs_no_frame_and_no_order() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::new(3);
    world.start(0, 1, vm.clone());
    world.plan(9, vec![key], 2);
    let mut stopped_at = None;
    for n in 0..6 {
        world.run(Micros(1_000));
        if n == 3 {
            stopped_at = Some(world.now);
        }
        assert_eq!(frame(&mut world, 0, key, n), Verdict::Deliver(VapId(1)));
    }

    world.run(Micros(1_000));
    world.tell(0, nve::Input::Suspend { key, move_id: MoveId(9), stopped_at });
    assert!(matches!(world.edges[1].nve().state(&key).state, State::Holding(_)));
    assert_eq!(frame(&mut world, 1, key, 7), Verdict::Held);
    assert_eq!(frame(&mut world, 0, key, 6), Verdict::Held);
    assert_eq!(flush(&mut world, 0, 1), [3, 4, 5, 6]);

    world.attach(1, 5, vec![vm]);
    world.tell(1, nve::Input::Activate { key, move_id: Some(MoveId(9)) });
    assert_eq!(flush(&mut world, 1, 0), [3, 4, 5, 6, 7]);
    let counters = world.edges[0].forwarder.counters();
    assert_eq!((counters.replayed_frames, counters.incomplete_replays, counters.all_dropped_frames()), (3, 0, 0));
}

/// Checks VMM-5-01.
#[test]
fn a_word_that_comes_after_the_commit_costs_no_frame() {
    let tsis = [tsi(1), tsi(2)];
    let keys = tsis.each_ref().map(|tsi| tsi.key);
    let mut world = Direct::new(3);
    world.attach(0, 1, tsis.to_vec());
    for key in keys {
        world.tell(0, nve::Input::Activate { key, move_id: None });
    }
    world.plan(9, keys.to_vec(), 2);
    world.attach(1, 5, tsis.to_vec());
    let _ = frame(&mut world, 0, keys[0], 0);
    world.run(Micros(1_000));
    let stopped_at = Some(world.now);
    for (n, key) in (1..).zip(keys) {
        assert_eq!(frame(&mut world, 0, key, n), Verdict::Deliver(VapId(1)));
    }

    world.tell(1, nve::Input::Activate { key: keys[0], move_id: Some(MoveId(9)) });
    assert!(matches!(world.edges[0].nve().state(&keys[0]).state, State::Forwarding { .. }));
    world.run(Micros::from_millis(30));
    world.edges[0].events.clear();
    let told = |world: &Direct| {
        let of_move = |event: &&nve::Event| {
            matches!(event, nve::Event::News { move_id: Some(MoveId(9)), news: News::Suspended, .. })
        };
        world.edges[0].events.iter().filter(of_move).count()
    };
    world.tell(0, nve::Input::Suspend { key: keys[1], move_id: MoveId(9), stopped_at: None });
    assert_eq!((told(&world), leaves(&mut world, 0)), (2, vec![]), "it has left: a repeat");
    world.tell(0, nve::Input::Suspend { key: keys[1], move_id: MoveId(9), stopped_at });

    assert_eq!((told(&world), leaves(&mut world, 0)), (4, vec![1, 2]));
    world.tell(0, nve::Input::Suspend { key: keys[1], move_id: MoveId(9), stopped_at });
    assert!(leaves(&mut world, 0).is_empty(), "said again it sends nothing again");
    let other = nve::Input::Suspend { key: keys[0], move_id: MoveId(8), stopped_at };
    assert!(matches!(world.edges[0].nve_mut().handle(world.now, other), Err(nve::Error::OutOfPlace { .. })));
    let counters = world.edges[0].forwarder.counters();
    assert_eq!((counters.replayed_frames, counters.incomplete_replays, counters.all_dropped_frames()), (2, 0, 0));
}

/// The frames that an edge's forwarder sends into tunnels now.
fn leaves(world: &mut Direct, edge: usize) -> Vec<u32> {
    let (now, mut out, mut numbers) = (world.now, Vec::new(), Vec::new());
    while let Some(target) = world.edges[edge].forwarder.poll_flush(now, &mut |_| true, &mut out) {
        assert!(matches!(target, Target::Tunnel { .. }), "{target:?}");
        numbers.push(number(&out));
    }
    numbers
}

#[test]
fn a_vm_that_came_back_is_sent_nothing_by_a_late_word_of_the_move_before() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::new(3);
    world.start(0, 1, vm.clone());
    world.plan(9, vec![key], 2);
    world.attach(1, 5, vec![vm]);
    let stopped_at = Some(world.now);
    assert_eq!(frame(&mut world, 0, key, 0), Verdict::Deliver(VapId(1)));
    world.tell(1, nve::Input::Activate { key, move_id: Some(MoveId(9)) });

    world.plan(10, vec![key], 1);

    let late = nve::Input::Suspend { key, move_id: MoveId(9), stopped_at };
    assert!(matches!(world.edges[0].nve_mut().handle(world.now, late.clone()), Err(nve::Error::OutOfPlace { .. })));
    world.tell(1, nve::Input::Suspend { key, move_id: MoveId(10), stopped_at: None });
    world.tell(0, nve::Input::Activate { key, move_id: Some(MoveId(10)) });
    assert!(matches!(world.edges[0].nve_mut().handle(world.now, late), Err(nve::Error::OutOfPlace { .. })));
    assert_eq!(world.edges[0].nve().state(&key).state, State::Here);
    assert_eq!(world.edges[0].forwarder.remembered_in_all(), StoredFrames::default());
}

#[test]
fn a_stop_in_the_future_is_a_stop_now_and_stands_for_all_that_move_together() {
    let tsis = [tsi(1), tsi(2)];
    let keys = tsis.each_ref().map(|tsi| tsi.key);
    let mut world = Direct::new(3);
    world.attach(0, 1, tsis.to_vec());
    for key in keys {
        world.tell(0, nve::Input::Activate { key, move_id: None });
    }
    world.plan(9, keys.to_vec(), 2);
    for (n, key) in (0..).zip(keys) {
        let _ = frame(&mut world, 0, key, n);
    }
    world.run(Micros(1_000));
    for (n, key) in (2..).zip(keys) {
        let _ = frame(&mut world, 0, key, n);
    }

    let stopped_at = Some(world.now + Micros::from_secs(5));
    world.tell(0, nve::Input::Suspend { key: keys[0], move_id: MoveId(9), stopped_at });

    assert_eq!(flush(&mut world, 0, 1), [2, 3]);
}

#[test]
fn a_move_called_off_before_the_late_word_replays_nothing() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::new(3);
    world.start(0, 1, vm);
    world.plan(9, vec![key], 2);
    let stopped_at = Some(world.now);
    assert_eq!(frame(&mut world, 0, key, 0), Verdict::Deliver(VapId(1)));

    world.nva.handle(world.now, nva::Input::Cancel(MoveId(9))).unwrap();
    world.settle();
    assert_eq!(world.edges[0].nve().state(&key).state, State::Here);

    let late = nve::Input::Suspend { key, move_id: MoveId(9), stopped_at };
    assert!(matches!(world.edges[0].nve_mut().handle(world.now, late), Err(nve::Error::OutOfPlace { .. })));
    world.settle();
    assert_eq!(frame(&mut world, 0, key, 1), Verdict::Deliver(VapId(1)));
    assert_eq!(world.edges[0].forwarder.remembered_in_all(), StoredFrames::default());
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

/// Checks VMM-4.3-06.
#[test]
fn edges_that_come_together_are_not_told_of_each_other_again_and_again() {
    let edges = 40;
    let mut world = Direct::with(edges, NvaConfig::new(Transport::Trusted));
    let before = world.to_edges;
    for n in 0..edges {
        world.start(usize::from(n), 1, tsi(n + 1));
    }
    world.run(Micros::from_millis(20));

    let broadcast = [&[0xff; 6][..], &tsi(1).key.mac.0, &[0x08, 0x00], &[0; 46]].concat();
    assert_eq!(world.edges[0].forwarder.vap_frame(world.now, VapId(1), &broadcast), Verdict::Replicate);
    assert_eq!(world.edges[0].forwarder.replicas().len(), usize::from(edges) - 1);
    let each = (world.to_edges - before) / u64::from(edges);
    assert!(each < 10, "{each} datagrams to each of {edges} edges");
}
