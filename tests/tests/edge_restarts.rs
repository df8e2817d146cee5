//! An edge whose process restarts while its VMs run: it believes its snapshot until the authority says otherwise.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use nvo3_mobility::forwarder::Verdict;
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::nve::{Event, Input, Snapshot};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Micros, MoveId, Tsi};
use nvo3_tests::direct::{Direct, place, tsi};
use nvo3_wire::Mac;
use std::net::IpAddr;

/// The index of the edge that restarts, and of the other edges.
const EDGE: usize = 0;
const OTHER: usize = 1;
const THIRD: usize = 2;

fn frame(to: Mac, from: &Tsi) -> Vec<u8> {
    [&to.0[..], &from.key.mac.0, &[0x88, 0xb5], &[0; 46]].concat()
}

/// A world in which VM 1 runs at the edge, VM 2 at another, and the edge knows where.
fn world() -> Direct {
    let mut world = Direct::new(3);
    world.start(EDGE, 1, tsi(1));
    world.start(OTHER, 1, tsi(2));
    let _ = sends(&mut world, tsi(2).key.mac);
    world.settle();
    assert_eq!(sends(&mut world, tsi(2).key.mac), tunnel(OTHER));
    world
}

/// VM 1 sends a frame.
fn sends(world: &mut Direct, to: Mac) -> Verdict {
    let (forwarder, mut out) = (&mut world.edges[EDGE].forwarder, Vec::new());
    while forwarder.poll_flush(world.now, &mut |_| true, &mut out).is_some() {}
    forwarder.vap_frame(world.now, VapId(1), &frame(to, &tsi(1)))
}

/// A frame of VM 2 for VM 1 arrives at the edge.
fn receives(world: &mut Direct) -> Verdict {
    let from = address(OTHER);
    world.edges[EDGE].forwarder.tunnel_frame(world.now, from, tsi(1).key.vn, &frame(tsi(1).key.mac, &tsi(2)))
}

fn address(edge: usize) -> IpAddr {
    [198, 51, 100, edge as u8 + 1].into()
}

fn tunnel(edge: usize) -> Verdict {
    Verdict::Tunnel { to: address(edge), vn: tsi(1).key.vn }
}

/// The edge's process dies and comes back; its owner says again what runs. True if it believes the snapshot.
fn comes_back(world: &mut Direct, snapshot: Snapshot) -> bool {
    world.restart_edge(EDGE);
    world.start(EDGE, 1, tsi(1));
    let believes = world.edges[EDGE].nve_mut().believe(world.now, snapshot);
    world.settle();
    believes
}

fn snapshot(world: &Direct) -> Snapshot {
    world.edges[EDGE].nve().snapshot()
}

#[test]
fn frames_pass_before_the_authority_has_answered() {
    let mut world = world();
    let before = snapshot(&world);

    assert!(comes_back(&mut world, before));

    assert!(!world.edges[EDGE].nve().is_connected());
    assert_eq!(sends(&mut world, tsi(2).key.mac), tunnel(OTHER));
    assert_eq!(receives(&mut world), Verdict::Deliver(VapId(1)));
    assert_eq!(sends(&mut world, Mac::BROADCAST), Verdict::Replicate);
    assert_eq!(sends(&mut world, tsi(3).key.mac), Verdict::Held, "nobody told this edge of VM 3");
}

#[test]
fn the_authority_confirms_a_vm_and_makes_no_new_version() {
    let mut world = world();
    let (before, records) = (snapshot(&world), world.records.len());
    assert!(comes_back(&mut world, before));

    world.tell(EDGE, Input::Connect);
    world.run(Micros::from_secs(60));

    assert_eq!(world.edges[EDGE].nve().state(&tsi(1).key).state, State::Here);
    assert_eq!(world.records.len(), records);
    assert_eq!(world.edges[EDGE].nve().counters().out_of_place, 0);
    assert!(!world.edges[EDGE].events.iter().any(|event| matches!(event, Event::Refused { .. })));
}

/// The authority has lost its records meanwhile.
#[test]
fn a_vm_that_the_authority_does_not_know_is_registered() {
    let mut world = world();
    let before = snapshot(&world);
    world.records.clear();
    world.restart_nva();
    assert!(comes_back(&mut world, before));
    assert!(world.nva.lookup(&tsi(1).key).is_none());

    world.tell(EDGE, Input::Connect);

    assert_eq!(world.nva.lookup(&tsi(1).key).and_then(|found| found.place), Some(place(1)));
}

/// Until the authority has answered, also over a second restart.
#[test]
fn what_is_believed_is_in_the_next_snapshot() {
    let mut world = world();
    let before = snapshot(&world);
    assert!(comes_back(&mut world, before));

    let again = snapshot(&world);
    assert!(comes_back(&mut world, again));

    assert_eq!(receives(&mut world), Verdict::Deliver(VapId(1)));
    assert_eq!(sends(&mut world, tsi(2).key.mac), tunnel(OTHER));
}

#[test]
fn a_mapping_that_changed_meanwhile_is_put_right_by_the_session() {
    let mut world = world();
    let before = snapshot(&world);
    world.silence(EDGE);
    world.plan(9, vec![tsi(2).key], 3);
    world.attach(THIRD, 1, vec![tsi(2)]);
    world.tell(OTHER, Input::Suspend { key: tsi(2).key, move_id: MoveId(9), stopped_at: None });
    world.tell(THIRD, Input::Activate { key: tsi(2).key, move_id: Some(MoveId(9)) });
    assert!(comes_back(&mut world, before));
    assert_eq!(sends(&mut world, tsi(2).key.mac), tunnel(OTHER));

    world.tell(EDGE, Input::Connect);

    assert_eq!(sends(&mut world, tsi(2).key.mac), tunnel(THIRD));
}

/// The claim of a VM that the authority has elsewhere holds its frames, as any claim.
#[test]
fn a_vm_that_the_authority_does_not_accept_is_a_claim_and_no_longer_delivered_to() {
    let mut world = world();
    let before = snapshot(&world);
    world.silence(EDGE);
    world.run(Micros::from_secs(60));
    world.start(THIRD, 1, tsi(1));
    world.run(Micros::from_secs(60));
    let after = Snapshot::clone(&before);
    assert!(!comes_back(&mut world, after), "two minutes old");
    let fresh = at(&world, before);
    assert!(world.edges[EDGE].nve_mut().believe(world.now, fresh));
    world.settle();
    assert_eq!(receives(&mut world), Verdict::Deliver(VapId(1)));

    world.tell(EDGE, Input::Connect);
    world.run(Micros::from_secs(1));

    let claimed = |event: &Event| matches!(event, Event::State { from: State::Here, to: State::Claiming { .. }, .. });
    assert!(world.edges[EDGE].events.iter().any(claimed), "{:?}", world.edges[EDGE].events);
}

/// The same snapshot as if it had just been taken.
fn at(world: &Direct, snapshot: Snapshot) -> Snapshot {
    let mut stored = serde_json::to_value(snapshot).unwrap();
    stored["at"] = serde_json::to_value(world.now).unwrap();
    serde_json::from_value(stored).unwrap()
}

#[test]
fn a_snapshot_is_believed_for_as_long_as_a_pushed_mapping() {
    let mut world = world();
    let before = snapshot(&world);
    world.silence(EDGE);
    world.run(Micros::from_secs(49));
    assert!(comes_back(&mut world, before.clone()));
    world.run(Micros::from_secs(1));

    assert!(!comes_back(&mut world, before));
    assert_eq!(sends(&mut world, tsi(2).key.mac), Verdict::Held);
}

#[test]
fn a_snapshot_of_another_edge_is_not_believed() {
    let mut world = world();
    let others = world.edges[OTHER].nve().snapshot();

    assert!(!comes_back(&mut world, others));
    assert_ne!(place(1), place(2));
}

#[test]
fn a_vm_that_the_owner_does_not_say_to_run_is_not_delivered_to() {
    let mut world = world();
    let before = snapshot(&world);
    world.restart_edge(EDGE);
    world.attach(EDGE, 1, vec![tsi(1)]);

    assert!(world.edges[EDGE].nve_mut().believe(world.now, before));
    world.settle();

    assert_eq!(world.edges[EDGE].nve().state(&tsi(1).key).state, State::Away);
    assert_ne!(receives(&mut world), Verdict::Deliver(VapId(1)));
}
