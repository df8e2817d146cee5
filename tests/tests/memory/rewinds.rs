//! The records are lost, or an old copy of them comes back.

use crate::world::{announces, comes_back, config, hot, mapped, plan, replaced, rewinds, state};
use nvo3_mobility::{nva, nve};
use nvo3_nva_proto::{Micros, MoveId, MoveKind, MoveResult, NveId};
use nvo3_tests::direct::{Direct, tsi};

#[test]
fn what_runs_is_in_the_directory_again_after_the_records_are_lost() {
    for epoch in [1_000, 1] {
        let mut world = Direct::with(2, config(500));
        world.start(0, 1, tsi(1));
        world.start(1, 1, tsi(2));

        comes_back(&mut world, epoch, Vec::new());

        assert_eq!((mapped(&world, &tsi(1).key), mapped(&world, &tsi(2).key)), (Some(1), Some(2)), "epoch {epoch}");
        assert!(world.nva.book().epoch() > 500);
        assert_eq!((rewinds(&world), world.nva.counters().rewinds), (1, 1));
        assert_eq!(world.nva.counters().taken_up, 2);
    }
}

/// An edge whose session still lives holds the frames for an address until the answer. "Not found" would drop them.
#[test]
fn an_address_is_not_denied_before_the_edges_have_restated() {
    let mut world = Direct::with(3, config(500));
    world.start(0, 1, tsi(1));
    world.silence(0);
    replaced(&mut world, 1, Vec::new());
    world.run(Micros::from_secs(5));
    assert!(world.edges[1].nve().is_connected());
    let asked = nvo3_mobility::forwarder::Notice::Miss { vn: tsi(1).key.vn, mac: tsi(1).key.mac, vap: None };
    world.edges[1].control.notice(world.now, asked);
    world.settle();
    assert_eq!(world.edges[1].nve().mapping(&tsi(1).key), None);

    world.hear(0);
    world.run(Micros::from_secs(2));

    let (_, place) = world.edges[1].nve().mapping(&tsi(1).key).unwrap();
    assert_eq!(place.map(|place| place.nve.0), Some(1));
}

/// The same for a mapping that the edge has: it is not told that the TSI is gone.
#[test]
fn a_mapping_is_not_taken_away_before_the_edges_have_restated() {
    let mut world = Direct::with(3, config(500));
    world.start(0, 1, tsi(1));
    world.start(0, 2, tsi(2));
    let asked = |n: u8| nvo3_mobility::forwarder::Notice::Miss { vn: tsi(n).key.vn, mac: tsi(n).key.mac, vap: None };
    for n in [1, 2] {
        world.edges[1].control.notice(world.now, asked(n));
    }
    world.settle();
    let at = |world: &Direct, n| world.edges[1].nve().mapping(&tsi(n).key).map(|(_, place)| place.map(|at| at.nve.0));
    assert_eq!((at(&world, 1), at(&world, 2)), (Some(Some(1)), Some(Some(1))));
    world.silence(0);
    world.tell(0, nve::Input::Detach { vap: nvo3_mobility::table::VapId(2) });
    replaced(&mut world, 1, Vec::new());

    world.run(Micros::from_secs(5));
    assert_eq!((at(&world, 1), at(&world, 2)), (Some(Some(1)), Some(Some(1))));
    world.hear(0);
    world.run(Micros::from_secs(3));

    assert_eq!((at(&world, 1), at(&world, 2)), (Some(Some(1)), Some(None)), "TSI 2 has left");
}

#[test]
fn a_lower_epoch_leaves_no_tsi_claiming() {
    let mut world = Direct::with(2, config(1_000));
    world.start(0, 1, tsi(1));
    comes_back(&mut world, 5, Vec::new());

    world.tell(0, nve::Input::Detach { vap: nvo3_mobility::table::VapId(1) });
    world.start(0, 1, tsi(1));

    assert_eq!((state(&world, 0, &tsi(1).key), mapped(&world, &tsi(1).key)), ("here", Some(1)));
}

#[test]
fn a_vm_that_moved_after_the_copy_was_made_is_found_where_it_runs_and_moves_again() {
    let mut world = Direct::with(4, config(1));
    let vm = tsi(1);
    world.start(0, 1, vm.clone());
    let copy = world.records.clone();
    world.attach(1, 5, vec![vm.clone()]);
    world.plan(10, vec![vm.key], 2);
    world.tell(0, nve::Input::Suspend { key: vm.key, move_id: MoveId(10), stopped_at: None });
    world.tell(1, nve::Input::Activate { key: vm.key, move_id: Some(MoveId(10)) });
    world.start(3, 1, tsi(4));

    comes_back(&mut world, 1, copy);
    assert_eq!((mapped(&world, &vm.key), mapped(&world, &tsi(4).key), rewinds(&world)), (Some(2), Some(4), 1));

    world.attach(2, 7, vec![vm.clone()]);
    plan(&mut world, 50, vm.key, 3);
    world.tell(1, nve::Input::Suspend { key: vm.key, move_id: MoveId(50), stopped_at: None });
    world.tell(2, nve::Input::Activate { key: vm.key, move_id: Some(MoveId(50)) });

    assert!(world.events.contains(&nva::Event::Ended { id: MoveId(50), result: MoveResult::Committed }));
    assert_eq!(mapped(&world, &vm.key), Some(3));
}

/// The copy has the move in hand. The VM has moved, and back again, since.
#[test]
fn a_move_of_the_copy_takes_no_running_vm_away() {
    let mut world = Direct::with(3, config(1));
    let vm = tsi(1);
    world.start(0, 1, vm.clone());
    world.attach(1, 5, vec![vm.clone()]);
    world.plan(10, vec![vm.key], 2);
    let copy = world.records.clone();
    world.tell(0, nve::Input::Suspend { key: vm.key, move_id: MoveId(10), stopped_at: None });
    world.tell(1, nve::Input::Activate { key: vm.key, move_id: Some(MoveId(10)) });
    assert_eq!(state(&world, 1, &vm.key), "here");

    comes_back(&mut world, 1, copy);

    assert_eq!((state(&world, 1, &vm.key), mapped(&world, &vm.key)), ("here", Some(2)));
    assert_eq!(world.nva.book().open_moves(), 0);
}

#[test]
fn a_move_in_hand_is_decided_by_where_the_vm_runs_after_its_record_is_lost() {
    for runs in [false, true] {
        let mut world = Direct::with(3, config(1));
        let vm = tsi(1);
        world.start(0, 1, vm.clone());
        let copy = world.records.clone();
        world.attach(1, 5, vec![vm.clone()]);
        world.plan(10, vec![vm.key], 2);
        world.tell(0, nve::Input::Suspend { key: vm.key, move_id: MoveId(10), stopped_at: None });
        world.silence_nva();
        if runs {
            world.tell(1, nve::Input::Activate { key: vm.key, move_id: Some(MoveId(10)) });
        }
        world.hear_nva();

        comes_back(&mut world, 1, copy);

        let (at_old, at_new) = (state(&world, 0, &vm.key), state(&world, 1, &vm.key));
        if runs {
            assert_eq!((at_new, mapped(&world, &vm.key)), ("here", Some(2)));
            assert!(matches!(at_old, "forwarding" | "away"), "{at_old}");
        } else {
            assert_eq!((at_old, mapped(&world, &vm.key)), ("halted", Some(1)));
            assert!(matches!(at_new, "forwarding" | "away"), "{at_new}");
        }
        assert_eq!(world.nva.book().open_moves(), 0);
    }
}

#[test]
fn what_left_after_the_copy_was_made_is_withdrawn_and_what_other_addresses_it_got_are_known() {
    let mut world = Direct::with(3, config(1));
    world.start(0, 1, tsi(1));
    world.start(0, 2, tsi(2));
    let copy = world.records.clone();
    world.tell(0, nve::Input::Detach { vap: nvo3_mobility::table::VapId(1) });
    let mut more = tsi(2);
    more.ips.push([192, 0, 2, 202].into());
    world.attach(0, 2, vec![more.clone()]);

    comes_back(&mut world, 1, copy);

    assert_eq!(mapped(&world, &tsi(1).key), None);
    assert_eq!(world.nva.lookup(&more.key).unwrap().ips, more.ips);
    assert_eq!(world.nva.counters().omitted, 1);
}

/// Without a rewind a restart costs nothing: no record but that of the epoch, and nothing is said to be lost.
#[test]
fn a_restart_with_all_records_takes_up_nothing() {
    let mut world = Direct::with(3, config(1));
    world.start(0, 1, tsi(1));
    world.start(1, 1, tsi(2));
    let records = world.records.clone();

    comes_back(&mut world, 1, records.clone());

    assert_eq!((world.records.len(), rewinds(&world)), (records.len() + 1, 0));
    assert_eq!((world.nva.counters().taken_up, world.nva.counters().omitted), (0, 0));
}

#[test]
fn two_runs_from_one_copy_do_not_share_an_epoch() {
    let mut world = Direct::with(3, config(1));
    world.start(0, 1, tsi(1));
    let copy = world.records.clone();
    comes_back(&mut world, 1, copy.clone());
    world.start(1, 1, tsi(2));
    let first = world.nva.book().epoch();

    replaced(&mut world, 1, copy);
    world.run(Micros::from_secs(20));

    assert!(world.nva.book().epoch() > first);
    assert_eq!((mapped(&world, &tsi(1).key), mapped(&world, &tsi(2).key), rewinds(&world)), (Some(1), Some(2), 1));
}

#[test]
fn edges_take_the_new_words_of_an_authority_that_went_back() {
    let mut world = Direct::with(3, config(900));
    for n in 1..=9 {
        world.start(0, u32::from(n), tsi(n));
    }
    comes_back(&mut world, 1, Vec::new());

    world.attach(1, 5, vec![tsi(1)]);
    plan(&mut world, 50, tsi(1).key, 2);
    world.tell(0, nve::Input::Suspend { key: tsi(1).key, move_id: MoveId(50), stopped_at: None });
    world.tell(1, nve::Input::Activate { key: tsi(1).key, move_id: Some(MoveId(50)) });

    assert_eq!((mapped(&world, &tsi(1).key), state(&world, 1, &tsi(1).key)), (Some(2), "here"));
}

/// NVEs still restate a move of that id: its outcome would count for the new one.
#[test]
fn the_id_of_a_move_that_is_not_taken_up_yet_cannot_be_used() {
    let mut world = Direct::with(3, config(1));
    let vm = tsi(1);
    world.start(0, 1, vm.clone());
    let copy = world.records.clone();
    world.attach(1, 5, vec![vm.clone()]);
    world.plan(10, vec![vm.key], 2);
    world.silence(0);
    replaced(&mut world, 1, copy);
    world.run(Micros::from_secs(5));

    let (id, to, kind, deadline) = (MoveId(10), NveId(2), MoveKind::Hot, Micros::from_secs(5));
    let again = nva::Input::Move { id, tsis: vec![vm.key], to, kind, deadline };

    assert_eq!(world.nva.handle(world.now, again), Err(nva::Error::UsedId(id)));
}

/// A VM runs at the first edge, which has not spoken since the records are lost or old. A frame shows the VM at the second one.
#[test]
fn a_frame_takes_no_vm_before_the_edges_have_restated() {
    for (records_are_old, comes) in [false, true].into_iter().flat_map(|old| [(old, true), (old, false)]) {
        let mut world = Direct::with(3, config(1));
        world.start(2, 1, tsi(1));
        let copy = if records_are_old { world.records.clone() } else { Vec::new() };
        hot(&mut world, 10, &tsi(1), 2, 0);
        world.silence(0);
        replaced(&mut world, 1, copy);
        world.run(Micros::from_secs(5));

        announces(&mut world, 1, 9, &tsi(1));
        world.run(Micros::from_secs(2));
        let at = (mapped(&world, &tsi(1).key), state(&world, 1, &tsi(1).key));
        assert_eq!(at, (records_are_old.then_some(3), "claiming"), "old {records_are_old}");
        if comes {
            world.hear(0);
        }
        world.run(Micros::from_secs(60));

        let at = (mapped(&world, &tsi(1).key), state(&world, 0, &tsi(1).key), state(&world, 1, &tsi(1).key));
        let expected = if comes { (Some(1), "here", "away") } else { (Some(2), "here", "here") };
        assert_eq!(at, expected, "old {records_are_old}, comes {comes}");
    }
}

/// The NVE has a version of a lost record, and takes no answer that is older.
#[test]
fn a_claim_of_what_the_copy_has_at_the_same_nve_gets_a_newer_version() {
    let mut world = Direct::with(2, config(1));
    let off = nve::Input::Detach { vap: nvo3_mobility::table::VapId(1) };
    world.start(0, 1, tsi(1));
    let copy = world.records.clone();
    world.tell(0, off.clone());
    world.start(0, 1, tsi(1));
    world.silence_nva();
    world.tell(0, off);
    world.start(0, 1, tsi(1));
    world.hear_nva();

    comes_back(&mut world, 1, copy);

    assert_eq!((state(&world, 0, &tsi(1).key), mapped(&world, &tsi(1).key)), ("here", Some(1)));
}

/// The copy has the VM as withdrawn, or at an NVE that it left. The other NVE is interested in it since.
#[test]
fn an_nve_that_has_a_lost_mapping_hears_where_the_vm_rests() {
    for withdrawn in [false, true] {
        let mut world = Direct::with(2, config(1));
        let vm = tsi(1);
        world.start(0, 1, vm.clone());
        if withdrawn {
            world.tell(0, nve::Input::Detach { vap: nvo3_mobility::table::VapId(1) });
        }
        let copy = world.records.clone();
        if withdrawn {
            world.start(0, 1, vm.clone());
        }
        hot(&mut world, 10, &vm, 0, 1);
        world.run(Micros::from_secs(2));
        assert_eq!(state(&world, 0, &vm.key), "away");

        world.silence(1);
        replaced(&mut world, 1, copy);
        world.run(Micros::from_secs(6));
        world.hear(1);
        world.run(Micros::from_secs(20));

        let (known, directory) = (world.edges[0].nve().mapping(&vm.key), world.nva.lookup(&vm.key).unwrap());
        assert_eq!(known, Some((directory.version, directory.place)), "withdrawn {withdrawn}");
        assert_eq!(mapped(&world, &vm.key), Some(2));
    }
}
