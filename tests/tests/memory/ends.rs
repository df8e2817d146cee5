//! Everything that comes into being has an end that needs nobody's goodwill.

use crate::world::{announces, comes_back, config, mapped, plan, state};
use nvo3_mobility::nva::{self, Nva};
use nvo3_mobility::nve;
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Message, Micros, MoveId, NveId};
use nvo3_tests::direct::{Direct, To, place, tsi};
use nvo3_wire::Mac;
use std::cell::Cell;
use std::rc::Rc;

/// A TSI with the address of TSI 1 and another MAC.
fn heir() -> nvo3_nva_proto::Tsi {
    let mut heir = tsi(1);
    heir.key.mac = Mac([2, 0, 0, 0, 9, 9]);
    heir
}

#[test]
fn an_address_of_a_fenced_nve_can_be_had_also_after_a_restart_of_the_authority() {
    for restart in [false, true] {
        let mut world = Direct::with(3, config(1));
        world.start(0, 1, tsi(1));
        world.silence(0);
        world.run(Micros::from_secs(60));
        world.nva.handle(world.now, nva::Input::Fenced(NveId(1))).unwrap();
        world.settle();
        if restart {
            let records = world.records.clone();
            comes_back(&mut world, 1, records);
        }

        world.start(1, 1, heir());

        assert_eq!((mapped(&world, &heir().key), mapped(&world, &tsi(1).key)), (Some(2), None), "restart: {restart}");
    }
}

#[test]
fn an_address_of_a_lost_nve_is_protected_for_the_lifetime_of_its_registrations() {
    let mut world = Direct::with(3, config(1));
    world.start(0, 1, tsi(1));
    world.silence(0);
    world.run(Micros::from_secs(300));
    world.start(1, 1, heir());
    assert_eq!((mapped(&world, &heir().key), mapped(&world, &tsi(1).key)), (None, Some(1)));

    // The refused registration is tried again by itself.
    world.run(Micros::from_secs(400));

    assert_eq!((mapped(&world, &heir().key), mapped(&world, &tsi(1).key)), (Some(2), None));
}

#[test]
fn what_a_decommissioned_nve_had_is_free() {
    let mut world = Direct::with(3, config(1));
    world.start(0, 1, tsi(1));
    let records = world.records.clone();
    world.silence(0);
    world.nva = Nva::replay(config(1), 5, world.now, records).unwrap();
    for n in 2..=3 {
        world.nva.handle(world.now, nva::Input::Admit(place(n))).unwrap();
    }
    world.run(Micros::from_secs(60));

    world.start(1, 1, heir());

    assert_eq!(mapped(&world, &heir().key), Some(2));
}

#[test]
fn management_takes_a_tsi_away_and_only_a_word_brings_it_back() {
    let mut world = Direct::with(2, config(1));
    world.start(0, 1, tsi(1));

    world.nva.handle(world.now, nva::Input::Forget(tsi(1).key)).unwrap();
    world.run(Micros::from_secs(5));
    assert_eq!((mapped(&world, &tsi(1).key), state(&world, 0, &tsi(1).key)), (None, "away"));
    let records = world.records.clone();
    comes_back(&mut world, 1, records);
    assert_eq!(mapped(&world, &tsi(1).key), None);

    world.tell(0, nve::Input::Activate { key: tsi(1).key, move_id: None });

    assert_eq!((mapped(&world, &tsi(1).key), state(&world, 0, &tsi(1).key)), (Some(1), "here"));
}

#[test]
fn an_address_that_a_running_vm_got_late_is_registered() {
    let mut world = Direct::new(2);
    world.start(0, 1, tsi(1));
    let mut more = tsi(1);
    more.ips.push([192, 0, 2, 201].into());

    world.attach(0, 1, vec![more.clone()]);

    assert_eq!(world.nva.lookup(&more.key).unwrap().ips, more.ips);
    assert_eq!(state(&world, 0, &more.key), "here");
}

#[test]
fn a_station_that_is_taken_off_a_port_is_withdrawn_and_the_other_one_stays() {
    let mut world = Direct::new(2);
    world.attach(0, 1, vec![tsi(1), tsi(11)]);
    for tsi in [tsi(1), tsi(11)] {
        world.tell(0, nve::Input::Activate { key: tsi.key, move_id: None });
    }

    world.attach(0, 1, vec![tsi(1)]);

    assert_eq!((mapped(&world, &tsi(1).key), mapped(&world, &tsi(11).key)), (Some(1), None));
}

#[test]
fn a_withdrawal_in_a_move_is_carried_out_when_the_move_has_ended_and_no_later_move_is_touched() {
    let mut world = Direct::with(3, config(1));
    let vm = tsi(1);
    world.start(0, 1, vm.clone());
    world.attach(1, 5, vec![vm.clone()]);
    world.plan(10, vec![vm.key], 2);
    world.tell(0, nve::Input::Detach { vap: VapId(1) });
    assert_eq!((mapped(&world, &vm.key), world.nva.book().open_moves()), (None, 0));

    world.start(0, 1, vm.clone());
    world.plan(11, vec![vm.key], 2);
    world.nva.handle(world.now, nva::Input::Cancel(nvo3_nva_proto::MoveId(11))).unwrap();
    world.settle();

    assert_eq!((mapped(&world, &vm.key), state(&world, 0, &vm.key)), (Some(1), "here"));
}

/// A port that is attached again gets more addresses, and a move is planned before the authority hears of them.
#[test]
fn addresses_that_came_too_late_for_a_move_are_registered_after_it() {
    let mut world = Direct::with(3, config(1));
    let mut more = tsi(1);
    more.ips.push([192, 0, 2, 201].into());
    world.start(0, 1, tsi(1));
    world.attach(1, 5, vec![tsi(1)]);
    world.plan(10, vec![tsi(1).key], 2);
    world.attach(0, 1, vec![more.clone()]);
    assert_eq!(world.nva.lookup(&more.key).unwrap().ips, tsi(1).ips);

    world.nva.handle(world.now, nva::Input::Cancel(nvo3_nva_proto::MoveId(10))).unwrap();
    world.settle();

    assert_eq!(world.nva.lookup(&more.key).unwrap().ips, more.ips);
}

#[test]
fn a_frozen_tsi_stays_frozen_over_a_restart_until_an_operator_releases_it() {
    let mut world = Direct::with(3, config(1));
    for edge in [0, 1] {
        world.attach(edge, 1, vec![tsi(1)]);
    }
    for n in 0..6 {
        world.tell(n % 2, nve::Input::Activate { key: tsi(1).key, move_id: None });
    }
    assert!(world.nva.book().is_frozen(&tsi(1).key));
    let records = world.records.clone();
    comes_back(&mut world, 1, records);
    assert!(world.nva.book().is_frozen(&tsi(1).key));

    world.nva.handle(world.now, nva::Input::Release(tsi(1).key)).unwrap();

    assert!(!world.nva.book().is_frozen(&tsi(1).key));
}

#[test]
fn an_edge_that_a_vm_left_does_not_think_that_it_is_still_there() {
    let mut world = Direct::with(3, config(1));
    let vm = tsi(1);
    world.start(0, 1, vm.clone());
    world.attach(1, 5, vec![vm.clone()]);
    world.plan(10, vec![vm.key], 2);
    world.tell(0, nve::Input::Suspend { key: vm.key, move_id: nvo3_nva_proto::MoveId(10), stopped_at: None });
    world.tell(1, nve::Input::Activate { key: vm.key, move_id: Some(nvo3_nva_proto::MoveId(10)) });
    world.run(Micros::from_secs(2));

    world.tell(1, nve::Input::Detach { vap: VapId(5) });
    world.start(2, 1, vm.clone());

    let believed = world.edges[1].nve().mapping(&vm.key).and_then(|(_, place)| place);
    assert!(believed.is_none_or(|place| place.nve == NveId(3)), "{believed:?}");
}

#[test]
fn an_address_that_a_vm_got_in_a_move_is_registered_once_the_move_has_ended() {
    let mut world = Direct::with(3, config(1));
    let vm = tsi(1);
    world.start(0, 1, vm.clone());
    world.attach(1, 5, vec![vm.clone()]);
    world.plan(10, vec![vm.key], 2);
    let mut more = vm.clone();
    more.ips.push([192, 0, 2, 201].into());
    world.attach(0, 1, vec![more.clone()]);

    world.nva.handle(world.now, nva::Input::Cancel(nvo3_nva_proto::MoveId(10))).unwrap();
    world.settle();
    world.run(Micros::from_secs(5));

    assert_eq!(world.nva.lookup(&vm.key).unwrap().ips, more.ips);
}

/// The old NVE has not heard of the claim: its withdrawal was under way before.
#[test]
fn a_withdrawal_by_the_old_nve_of_a_claim_is_its_yield() {
    let mut world = Direct::with(3, config(1));
    world.start(0, 1, tsi(1));
    world.silence(0);
    world.tell(0, nve::Input::Detach { vap: VapId(1) });
    announces(&mut world, 1, 9, &tsi(1));
    assert_eq!((mapped(&world, &tsi(1).key), state(&world, 1, &tsi(1).key)), (Some(1), "claiming"));

    world.hear(0);
    world.forger = Some(Box::new(|sent| if sent.to == To::Edge(0) { Vec::new() } else { vec![sent.clone()] }));
    world.run(Micros::from_millis(500));

    assert_eq!((mapped(&world, &tsi(1).key), state(&world, 1, &tsi(1).key)), (Some(2), "here"));
}

#[test]
fn a_claim_ends_when_its_nve_withdraws_it() {
    let mut world = Direct::with(2, config(1));
    world.start(0, 1, tsi(1));
    announces(&mut world, 0, 1, &tsi(1));
    announces(&mut world, 1, 9, &tsi(1));
    assert_eq!((state(&world, 0, &tsi(1).key), world.nva.book().open_moves()), ("confirming", 1));

    world.tell(1, nve::Input::Detach { vap: VapId(9) });

    assert_eq!((state(&world, 0, &tsi(1).key), world.nva.book().open_moves()), ("here", 0));
    assert_eq!(mapped(&world, &tsi(1).key), Some(1));
}

/// The NVE is away when the move ends. It hears the outcome in its next session, and not in the one after that.
#[test]
fn an_outcome_that_was_heard_is_not_said_again() {
    let mut world = Direct::with(2, config(1));
    let (vm, id) = (tsi(1), MoveId(10));
    world.start(0, 1, vm.clone());
    world.attach(1, 1, vec![vm.clone()]);
    plan(&mut world, id.0, vm.key, 2);
    world.tell(0, nve::Input::Suspend { key: vm.key, move_id: id, stopped_at: None });
    world.silence(0);
    world.tell(1, nve::Input::Activate { key: vm.key, move_id: Some(id) });
    world.run(Micros::from_secs(60));
    assert_eq!(world.nva.book().open_moves(), 0);
    let outcomes = Rc::new(Cell::new(0));
    let count = outcomes.clone();
    world.forger = Some(Box::new(move |sent| {
        let message = Message::decode(&sent.bytes).map(|(_, message)| message);
        count.set(count.get() + u32::from(sent.to == To::Edge(0) && matches!(message, Ok(Message::Outcome(_)))));
        vec![sent.clone()]
    }));

    for first in [true, false] {
        outcomes.set(0);
        world.hear(0);
        world.run(Micros::from_secs(20));
        assert!(world.edges[0].nve().is_connected());
        assert_eq!(outcomes.get() > 0, first);
        world.silence(0);
        world.run(Micros::from_secs(20));
        assert!(!world.edges[0].nve().is_connected());
    }
}

/// The old NVE of a move restarts while the VM is stopped there, and restates nothing. The move is called off, which gives it the VM again.
#[test]
fn a_vm_that_an_aborted_move_leaves_at_a_restarted_nve_stays_registered() {
    let mut world = Direct::with(3, config(1));
    let (vm, id) = (tsi(1), MoveId(10));
    world.start(0, 1, vm.clone());
    world.attach(1, 1, vec![vm.clone()]);
    plan(&mut world, id.0, vm.key, 2);
    world.tell(0, nve::Input::Suspend { key: vm.key, move_id: id, stopped_at: None });
    world.restart_edge(0);
    world.nva.handle(world.now, nva::Input::Cancel(id)).unwrap();
    world.attach(0, 1, vec![vm.clone()]);
    world.tell(0, nve::Input::Connect);
    world.run(Micros::from_secs(2));
    assert_eq!(state(&world, 0, &vm.key), "halted");
    world.tell(0, nve::Input::Activate { key: vm.key, move_id: None });

    world.run(Micros::from_secs(600));

    assert_eq!((state(&world, 0, &vm.key), mapped(&world, &vm.key)), ("here", Some(1)));
    assert!(!world.events.iter().any(|event| matches!(event, nva::Event::Omitted { .. })), "{:?}", world.events);
    world.attach(2, 1, vec![vm.clone()]);
    plan(&mut world, 20, vm.key, 3);
}

/// The VM is taken off its port and put back while the move that brought it has not ended at its old NVE.
#[test]
fn a_vm_that_is_attached_again_in_a_move_is_not_withdrawn_at_its_end() {
    let mut world = Direct::with(2, config(1));
    let (vm, id) = (tsi(1), MoveId(10));
    world.start(0, 1, vm.clone());
    world.attach(1, 1, vec![vm.clone()]);
    plan(&mut world, id.0, vm.key, 2);
    world.tell(0, nve::Input::Suspend { key: vm.key, move_id: id, stopped_at: None });
    world.silence(0);
    world.tell(1, nve::Input::Activate { key: vm.key, move_id: Some(id) });
    assert_eq!(state(&world, 1, &vm.key), "here");
    world.tell(1, nve::Input::Detach { vap: VapId(1) });
    world.start(1, 1, vm.clone());
    world.hear(0);
    world.run(Micros::from_secs(60));

    assert_eq!(world.nva.book().open_moves(), 0);
    assert_eq!((state(&world, 1, &vm.key), mapped(&world, &vm.key)), ("here", Some(2)));
}
