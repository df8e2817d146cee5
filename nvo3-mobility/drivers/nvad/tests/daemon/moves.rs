//! Moves through the real process, which may die in them.

use crate::world::{World, tsi};
use nvo3_mobility::nve::rules::News;
use nvo3_mobility::nve::{Event, Input};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{MoveId, MoveResult, NveId, TsiKey};
use nvoctl::{Reply, Request, What, clock};
use serde_json::Value;
use std::net::{Ipv4Addr, Ipv6Addr};

const MOVE: MoveId = MoveId(9);

fn suspended(world: &mut World, key: TsiKey) {
    world.edges[0].machine.tell(clock::now(), Input::Suspend { key, move_id: MOVE, stopped_at: None }).unwrap();
    world.until("the VM may stop", |world| {
        let told = |event: &Event| matches!(event, Event::News { news: News::Suspended, .. });
        world.edges[0].events.iter().any(told).then_some(())
    });
}

fn activated(world: &mut World, key: TsiKey) {
    world.until("the VM may run", |world| {
        world.edges[1].machine.tell(clock::now(), Input::Activate { key, move_id: Some(MOVE) }).ok()
    });
}

#[test]
fn a_move_is_prepared_goes_and_ends_and_who_watches_sees_it() {
    let vm = tsi(1);
    let mut world = World::new(Ipv6Addr::LOCALHOST.into());
    let mut watched = world.call(&Request::Watch);
    world.vm_at(0, &vm);
    world.directory_is(&[(&vm, 1)]);

    let mut prepare = world.prepare(MOVE.0, &vm);
    let reply = world.until("both are ready", |_| prepare.next());
    assert_eq!(reply, Reply::Prepared { move_id: MOVE });
    let mut again = world.prepare(MOVE.0, &vm);
    assert_eq!(world.until("the same again", |_| again.next()), Reply::Prepared { move_id: MOVE });
    let mut outcome = world.call(&Request::Outcome { move_id: MOVE });
    suspended(&mut world, vm.key);
    assert_eq!(outcome.next(), None);
    world.attach(1, &vm);
    activated(&mut world, vm.key);

    let committed = Reply::Ended { move_id: MOVE, result: MoveResult::Committed };
    assert_eq!(world.until("it ends", |_| outcome.next()), committed);
    assert_eq!(world.ask(&Request::Outcome { move_id: MOVE }), committed);
    world.directory_is(&[(&vm, 2)]);
    let moves = world.show(What::Moves);
    assert_eq!((&moves[0]["state"], &moves[0]["from"], &moves[0]["to"]), (&"committed".into(), &1.into(), &2.into()));
    let mut seen = Vec::new();
    while let Some(Reply::Event { what, .. }) = watched.next() {
        seen.push(what["event"].as_str().unwrap().to_owned());
    }
    assert!(["may-suspend", "move", "ended"].iter().all(|event| seen.iter().any(|it| it == event)), "{seen:?}");
}

/// Checks I6, VMM-7-03.
#[test]
fn a_move_goes_on_when_the_authority_is_killed_in_it_and_returns() {
    let (vm, other) = (tsi(1), tsi(2));
    let mut world = World::new(Ipv4Addr::LOCALHOST.into());
    world.vm_at(0, &vm);
    world.vm_at(1, &other);
    world.directory_is(&[(&vm, 1), (&other, 2)]);
    let epoch = status(&mut world, "epoch").as_u64();
    let mut prepare = world.prepare(MOVE.0, &vm);
    assert_eq!(world.until("both are ready", |_| prepare.next()), Reply::Prepared { move_id: MOVE });
    suspended(&mut world, vm.key);

    world.kill();
    world.attach(1, &vm);
    activated(&mut world, vm.key);
    world.start();

    let reply = world.ask(&Request::Outcome { move_id: MOVE });
    assert_eq!(reply, Reply::Ended { move_id: MOVE, result: MoveResult::Committed });
    world.directory_is(&[(&vm, 2), (&other, 2)]);
    assert_eq!(status(&mut world, "epoch").as_u64(), epoch.map(|epoch| epoch + 1));

    world.kill();
    world.start();
    world.directory_is(&[(&vm, 2), (&other, 2)]);
    let reply = world.ask(&Request::Outcome { move_id: MOVE });
    assert_eq!(reply, Reply::Ended { move_id: MOVE, result: MoveResult::Committed });
}

/// Checks I6.
#[test]
fn a_journal_that_was_shortened_at_a_start_says_the_same() {
    let vm = tsi(1);
    let mut world = World::new(Ipv4Addr::LOCALHOST.into());
    for last_octet in 1..=20 {
        let mut changed = vm.clone();
        changed.ips = vec![[192, 0, 2, last_octet].into()];
        // Of the first there is nothing to detach.
        let _ = world.edges[0].machine.tell(clock::now(), Input::Detach { vap: VapId(1) });
        world.vm_at(0, &changed);
        let ip = changed.ips[0].to_string();
        world.until("it is registered", |world| (world.show(What::Tables)[0]["ips"][0] == *ip).then_some(()));
    }
    let (tables, records) = (world.show(What::Tables), status(&mut world, "records").as_u64().unwrap());

    for starts in 1..=2 {
        assert_eq!(world.end().code(), Some(0));
        world.start();
        assert_eq!(world.show(What::Tables), tables);
        assert_eq!(status(&mut world, "records"), records + starts, "a start makes one record");
    }
}

/// Checks VMM-7-03.
#[test]
fn a_move_that_is_called_off_or_whose_target_is_fenced_ends_aborted() {
    let (vm, other) = (tsi(1), tsi(2));
    let mut world = World::new(Ipv4Addr::LOCALHOST.into());
    world.vm_at(0, &vm);
    world.vm_at(0, &other);
    world.directory_is(&[(&vm, 1), (&other, 1)]);

    let mut prepare = world.prepare(MOVE.0, &vm);
    world.until("both are ready", |_| prepare.next());
    assert_eq!(world.ask(&Request::Cancel { move_id: MOVE }), Reply::Done);
    let aborted = |id| Reply::Ended { move_id: id, result: MoveResult::Aborted };
    assert_eq!(world.ask(&Request::Outcome { move_id: MOVE }), aborted(MOVE));

    let mut prepare = world.prepare(10, &other);
    world.until("both are ready", |_| prepare.next());
    assert_eq!(world.ask(&Request::Fence { nve: NveId(2) }), Reply::Done);
    assert_eq!(world.ask(&Request::Outcome { move_id: MoveId(10) }), aborted(MoveId(10)));
    world.directory_is(&[(&vm, 1), (&other, 1)]);
}

#[test]
fn a_tsi_that_is_forgotten_stays_away_until_its_hypervisor_speaks_again() {
    let (vm, other) = (tsi(1), tsi(2));
    let mut world = World::new(Ipv4Addr::LOCALHOST.into());
    world.vm_at(0, &vm);
    world.vm_at(1, &other);
    world.directory_is(&[(&vm, 1), (&other, 2)]);

    assert_eq!(world.ask(&Request::Forget { tsi: vm.key }), Reply::Done);
    world.directory_is(&[(&other, 2)]);
    world.kill();
    world.start();
    world.directory_is(&[(&other, 2)]);

    world.edges[0].machine.tell(clock::now(), Input::Activate { key: vm.key, move_id: None }).unwrap();
    world.directory_is(&[(&vm, 1), (&other, 2)]);
}

#[test]
fn what_cannot_be_is_refused_with_a_sentence() {
    let (vm, unknown) = (tsi(1), tsi(9));
    let mut world = World::new(Ipv4Addr::LOCALHOST.into());
    world.vm_at(1, &vm);
    world.directory_is(&[(&vm, 2)]);
    let move_id = MOVE;
    let no_id = |id| Request::Prepare {
        move_id: Some(MoveId(id)),
        tsis: vec![unknown.key],
        to: NveId(2),
        deadline: nvo3_nva_proto::Micros::from_secs(1),
    };
    let to = |tsis: &[TsiKey], to| Request::Prepare {
        move_id: None,
        tsis: tsis.to_vec(),
        to: NveId(to),
        deadline: nvo3_nva_proto::Micros::from_secs(1),
    };
    let cases = [
        (no_id(0), "move id 0: must be at least 1"),
        (no_id(1 << 63), "must be below 9223372036854775808"),
        (to(&[unknown.key], 2), "a TSI of the move is not known"),
        (to(&[], 2), "a TSI of the move is not known"),
        (to(&[vm.key], 2), "is already at the new NVE"),
        (to(&[vm.key], 3), "nve 3 is not an edge of this domain"),
        (Request::Outcome { move_id }, "move 9 is not known"),
        (Request::Cancel { move_id }, "move 9 is not in hand"),
        (Request::Fence { nve: NveId(3) }, "nve 3 is not an edge of this domain"),
        (Request::Forget { tsi: unknown.key }, "02:00:00:00:00:09@77 is not in the directory"),
        (Request::Release { tsi: vm.key }, "02:00:00:00:00:01@77 is not frozen"),
        (Request::Resume { tsi: vm.key }, "ask nved"),
        (Request::Detach { port: "vm0".into() }, "ask nved"),
    ];
    for (request, expected) in cases {
        match world.ask(&request) {
            Reply::Refused { why } => assert!(why.contains(expected), "{expected} in {why}"),
            other => panic!("{request:?}: {other:?}"),
        }
    }
    assert_eq!(world.show(What::Moves), Value::Array(vec![]));
}

fn status(world: &mut World, field: &str) -> Value {
    match world.ask(&Request::Status) {
        Reply::Shown(value) => value[field].clone(),
        other => panic!("{other:?}"),
    }
}
