//! An old copy of the records has moves in hand that are over. They take no running VM away, and end.

use crate::world::{announces, config, copy_of, hot, mapped, replaced, rewinds, state};
use nvo3_mobility::nva::{self, Record};
use nvo3_mobility::nve;
use nvo3_nva_proto::{Micros, MoveId, MoveKind, MoveResult, NveId, Refusal, TsiKey, Version};
use nvo3_tests::direct::{Direct, peer, tsi};

/// A world of three edges whose VM has moved by these moves, each an id and an edge. The VM starts at the first edge.
fn moved(moves: &[(u64, usize)]) -> (Direct, TsiKey) {
    let mut world = Direct::with(3, config(1));
    world.start(0, 1, tsi(1));
    let mut at = 0;
    for (id, to) in moves {
        hot(&mut world, *id, &tsi(1), at, *to);
        at = *to;
    }
    (world, tsi(1).key)
}

/// The copy comes back, and one edge comes back later than the others, if `late` names one.
fn comes_back(world: &mut Direct, copy: Vec<(Version, Record)>, late: Option<usize>) {
    if let Some(late) = late {
        world.silence(late);
    }
    replaced(world, 1, copy);
    if let Some(late) = late {
        world.run(Micros::from_secs(6));
        world.hear(late);
    }
    world.run(Micros::from_secs(30));
}

fn has_left(world: &Direct, edge: usize, key: &TsiKey) -> bool {
    matches!(state(world, edge, key), "forwarding" | "away")
}

fn assert_runs_at(world: &Direct, key: &TsiKey, at: usize, case: &str) {
    assert_eq!(mapped(world, key), Some(at as u64 + 1), "{case}");
    assert_eq!(state(world, at, key), "here", "{case}");
    assert_eq!(world.nva.book().open_moves(), 0, "{case}");
    let (version, _) = world.edges[at].nve().mapping(key).unwrap_or_default();
    assert!(world.nva.lookup(key).unwrap().version >= version, "{case}");
}

/// The last record of each copy is one of move 10. The VM has moved on since.
#[test]
fn a_move_of_the_copy_that_is_over_leaves_the_vm_where_it_runs() {
    let since: [&[(u64, usize)]; 4] = [&[(20, 2)], &[(20, 0)], &[(20, 2), (30, 1)], &[(20, 0), (30, 1), (40, 2)]];
    for (moves, last) in since.iter().flat_map(|moves| (0..3).map(move |last| (*moves, last))) {
        for late in [None, Some(0), Some(1), Some(2)] {
            let (mut world, vm) = moved(&[(10, 1)]);
            let records = world.records.clone();
            for (index, (id, to)) in moves.iter().enumerate() {
                let at = index.checked_sub(1).map_or(1, |before| moves[before].1);
                hot(&mut world, *id, &tsi(1), at, *to);
            }
            let copy = copy_of(&records, 10, last);

            comes_back(&mut world, copy, late);

            let at = moves.last().unwrap().1;
            assert_runs_at(&world, &vm, at, &format!("moves {moves:?}, record {last} of move 10, late {late:?}"));
        }
    }
}

/// The move that the copy lacks is in hand at both parties.
#[test]
fn a_newer_move_in_hand_goes_on_although_the_copy_has_an_older_one_in_hand() {
    for (runs, late) in [false, true].into_iter().flat_map(|runs| [None, Some(0), Some(1)].map(|late| (runs, late))) {
        let (mut world, vm) = moved(&[(10, 1)]);
        let copy = copy_of(&world.records, 10, 0);
        world.attach(0, 1, vec![tsi(1)]);
        world.plan(20, vec![vm], 1);
        world.tell(1, nve::Input::Suspend { key: vm, move_id: MoveId(20), stopped_at: None });
        world.silence_nva();
        if runs {
            world.tell(0, nve::Input::Activate { key: vm, move_id: Some(MoveId(20)) });
        }
        world.hear_nva();

        comes_back(&mut world, copy, late);

        let case = format!("runs {runs}, late {late:?}");
        assert_eq!(mapped(&world, &vm), Some(if runs { 1 } else { 2 }), "{case}");
        let (at, rests, left) = if runs { (0, "here", 1) } else { (1, "halted", 0) };
        assert_eq!((state(&world, at, &vm), has_left(&world, left, &vm)), (rests, true), "{case}");
        assert_eq!(world.nva.book().open_moves(), 0, "{case}");
    }
}

/// The new NVE is prepared, and the old one has not heard of the move.
#[test]
fn a_newer_move_that_only_its_new_nve_restates_takes_no_running_vm_away() {
    for last in 0..3 {
        let (mut world, vm) = moved(&[(10, 1)]);
        let copy = copy_of(&world.records, 10, last);
        hot(&mut world, 20, &tsi(1), 1, 2);
        world.attach(0, 1, vec![tsi(1)]);
        world.silence(2);
        world.plan(30, vec![vm], 1);
        assert_eq!(state(&world, 0, &vm), "prepared");
        world.hear(2);

        comes_back(&mut world, copy, None);

        assert_runs_at(&world, &vm, 2, &format!("record {last} of move 10"));
        assert!(has_left(&world, 0, &vm), "record {last} of move 10");
    }
}

/// The VM has moved once, and moves again while the records are lost. The copy is older than both moves.
#[test]
fn a_move_in_hand_counts_although_the_copy_has_its_vm_at_a_third_nve() {
    for runs in [false, true] {
        let (mut world, vm) = moved(&[]);
        let copy = world.records.clone();
        hot(&mut world, 10, &tsi(1), 0, 1);
        world.attach(2, 1, vec![tsi(1)]);
        world.plan(20, vec![vm], 3);
        world.tell(1, nve::Input::Suspend { key: vm, move_id: MoveId(20), stopped_at: None });
        world.silence_nva();
        if runs {
            world.tell(2, nve::Input::Activate { key: vm, move_id: Some(MoveId(20)) });
        }
        world.hear_nva();

        comes_back(&mut world, copy, None);

        let (at, rests, left) = if runs { (2, "here", 1) } else { (1, "halted", 2) };
        assert_eq!((state(&world, at, &vm), has_left(&world, left, &vm)), (rests, true));
        assert_eq!((mapped(&world, &vm), world.nva.book().open_moves()), (Some(if runs { 3 } else { 2 }), 0));
    }
}

/// The VM has started at the new NVE by a frame, and the old NVE has yielded, which the copy does not know.
#[test]
fn a_claim_of_the_copy_that_was_granted_leaves_the_vm_where_it_runs() {
    for late in [None, Some(0), Some(1), Some(2)] {
        let (mut world, vm) = moved(&[]);
        announces(&mut world, 0, 1, &tsi(1));
        announces(&mut world, 1, 1, &tsi(1));
        let copy = world.records.clone();
        assert!(matches!(copy.last(), Some((_, Record::Planned(_)))), "{:?}", copy.last());
        world.run(Micros::from_secs(3));
        assert_eq!(state(&world, 1, &vm), "here");

        comes_back(&mut world, copy, late);

        assert_runs_at(&world, &vm, 1, &format!("late {late:?}"));
    }
}

/// The VM was withdrawn after the copy was made: nobody has it.
#[test]
fn a_move_of_the_copy_whose_vm_is_gone_ends_and_leaves_no_mapping() {
    for last in 0..3 {
        let (mut world, vm) = moved(&[(10, 1)]);
        let copy = copy_of(&world.records, 10, last);
        world.tell(1, nve::Input::Detach { vap: nvo3_mobility::table::VapId(1) });

        comes_back(&mut world, copy, None);

        assert_eq!((mapped(&world, &vm), world.nva.book().open_moves()), (None, 0), "record {last}");
    }
}

/// The new NVE was fenced. Its word is not waited for.
#[test]
fn a_move_that_only_its_old_nve_can_restate_ends_once_the_new_nve_is_fenced() {
    let (mut world, vm) = moved(&[]);
    world.attach(1, 1, vec![tsi(1)]);
    world.plan(10, vec![vm], 2);
    world.tell(0, nve::Input::Suspend { key: vm, move_id: MoveId(10), stopped_at: None });
    world.silence(1);
    replaced(&mut world, 1, Vec::new());
    world.nva.handle(world.now, nva::Input::Fenced(NveId(2))).unwrap();

    world.run(Micros::from_secs(4));

    assert_eq!((mapped(&world, &vm), state(&world, 0, &vm)), (Some(1), "halted"));
}

/// The registration of another TSI is lost. That shows only once its edge restates it, and says nothing about the move.
#[test]
fn a_shown_loss_stops_no_move_that_both_parties_confirmed() {
    let (mut world, vm) = moved(&[]);
    world.attach(1, 1, vec![tsi(1)]);
    let (id, to, kind, deadline) = (MoveId(10), NveId(2), MoveKind::Hot, Micros::from_secs(60));
    world.nva.handle(world.now, nva::Input::Move { id, tsis: vec![vm], to, kind, deadline }).unwrap();
    world.settle();
    let copy = world.records.clone();
    let mut other = tsi(9);
    other.key.vn = nvo3_wire::Vni::new(8).unwrap();
    world.start(2, 9, other);
    world.silence(2);
    replaced(&mut world, 1, copy);
    world.run(Micros::from_secs(6));
    assert_eq!(rewinds(&world), 0);
    world.hear(2);
    world.run(Micros::from_secs(2));
    assert_eq!(rewinds(&world), 1);

    world.tell(0, nve::Input::Suspend { key: vm, move_id: id, stopped_at: None });
    world.tell(1, nve::Input::Activate { key: vm, move_id: Some(id) });

    assert!(world.events.contains(&nva::Event::Ended { id, result: MoveResult::Committed }));
    assert_runs_at(&world, &vm, 1, "");
}

/// The old NVE of a move did not hear of its end, and comes back when the VM has moved on.
#[test]
fn an_old_nve_that_missed_the_end_of_a_lost_move_leaves_it() {
    let (mut world, vm) = moved(&[]);
    world.attach(1, 1, vec![tsi(1)]);
    world.plan(10, vec![vm], 2);
    world.tell(0, nve::Input::Suspend { key: vm, move_id: MoveId(10), stopped_at: None });
    world.silence(0);
    world.tell(1, nve::Input::Activate { key: vm, move_id: Some(MoveId(10)) });
    world.run(Micros::from_secs(60));
    hot(&mut world, 20, &tsi(1), 1, 2);
    replaced(&mut world, 1, Vec::new());
    world.run(Micros::from_secs(6));
    world.hear(0);
    world.run(Micros::from_secs(30));

    assert_runs_at(&world, &vm, 2, "");
    assert!(has_left(&world, 0, &vm), "{}", state(&world, 0, &vm));
}

/// The copy has the VM at an NVE that it left. That NVE has a session, and says only then that nothing rests there.
#[test]
fn no_move_is_planned_before_the_nve_of_the_copy_has_restated_the_vm() {
    let (mut world, vm) = moved(&[]);
    let copy = world.records.clone();
    hot(&mut world, 10, &tsi(1), 0, 1);
    world.silence(0);
    world.silence(1);
    replaced(&mut world, 1, copy);
    world.run(Micros::from_secs(6));
    let plan = |world: &mut Direct| {
        let (id, to, kind, deadline) = (MoveId(20), NveId(3), MoveKind::Hot, Micros::from_secs(5));
        world.nva.handle(world.now, nva::Input::Move { id, tsis: vec![vm], to, kind, deadline })
    };
    let refused = |why| Err(nva::Error::Refused { id: MoveId(20), why });

    let mut hello = Vec::new();
    while world.edges[0].nve_mut().poll_transmit(world.now, &mut hello).is_none() {
        world.now = world.now + Micros(10_000);
        world.edges[0].nve_mut().handle_timeout(world.now);
    }
    world.nva.handle_datagram(world.now, peer(1), &hello);
    assert_eq!(plan(&mut world), refused(Refusal::NoSession));

    world.hear(0);
    world.run(Micros::from_secs(6));
    assert_eq!(plan(&mut world), refused(Refusal::WrongPlace));

    world.hear(1);
    world.run(Micros::from_secs(30));
    assert_runs_at(&world, &vm, 1, "");
    assert_eq!(plan(&mut world), Ok(()));
}

/// The copy has the VM at an NVE that it left. It was in a further move when the records went back, and the new NVE died.
#[test]
fn a_vm_of_a_lost_move_rests_where_it_stopped_although_the_copy_has_it_elsewhere() {
    let (mut world, vm) = moved(&[]);
    let copy = world.records.clone();
    hot(&mut world, 10, &tsi(1), 0, 1);
    world.attach(2, 1, vec![tsi(1)]);
    world.plan(20, vec![vm], 3);
    world.tell(1, nve::Input::Suspend { key: vm, move_id: MoveId(20), stopped_at: None });
    world.silence(2);
    replaced(&mut world, 1, copy);
    world.nva.handle(world.now, nva::Input::Fenced(NveId(3))).unwrap();
    world.run(Micros::from_secs(30));

    assert_eq!((mapped(&world, &vm), state(&world, 1, &vm)), (Some(2), "halted"));
    world.tell(1, nve::Input::Activate { key: vm, move_id: None });
    assert_runs_at(&world, &vm, 1, "");
}

/// The authority restarts in a move, and the move is called off before a session. Then an NVE shows that other records were lost before.
#[test]
fn a_move_that_was_called_off_before_a_loss_showed_is_revoked_again() {
    let (mut world, vm) = moved(&[]);
    let copy = world.records.clone();
    let mut other = tsi(9);
    other.key.vn = nvo3_wire::Vni::new(8).unwrap();
    world.start(2, 9, other);
    world.silence(2);
    replaced(&mut world, 1, copy);
    world.run(Micros::from_secs(6));
    world.attach(1, 1, vec![tsi(1)]);
    world.plan(10, vec![vm], 2);
    let copy = world.records.clone();
    for edge in 0..2 {
        world.silence(edge);
    }
    replaced(&mut world, 1, copy);
    world.nva.handle(world.now, nva::Input::Cancel(MoveId(10))).unwrap();
    world.hear(2);
    world.run(Micros::from_secs(6));
    assert_eq!(rewinds(&world), 1);
    for edge in 0..2 {
        world.hear(edge);
    }
    world.run(Micros::from_secs(30));

    assert_runs_at(&world, &vm, 0, "");
    assert!(has_left(&world, 1, &vm), "{}", state(&world, 1, &vm));
}

/// The new NVE has heard that the move is over, and the old one has not. The copy has no such move.
#[test]
fn a_lost_move_that_is_over_at_its_new_nve_ends_at_the_old_one() {
    for late in [None, Some(0), Some(1)] {
        let (mut world, vm) = moved(&[]);
        let copy = world.records.clone();
        world.attach(1, 1, vec![tsi(1)]);
        world.plan(10, vec![vm], 2);
        world.tell(0, nve::Input::Suspend { key: vm, move_id: MoveId(10), stopped_at: None });
        world.silence(0);
        world.tell(1, nve::Input::Activate { key: vm, move_id: Some(MoveId(10)) });
        world.hear(0);

        comes_back(&mut world, copy, late);

        assert_runs_at(&world, &vm, 1, &format!("late {late:?}"));
        assert!(has_left(&world, 0, &vm), "late {late:?}: {}", state(&world, 0, &vm));
        let displaced = nve::rules::News::Displaced;
        let is_displaced = |event: &nve::Event| matches!(event, nve::Event::News { news, .. } if *news == displaced);
        assert!(!world.edges[1].events.iter().any(is_displaced), "late {late:?}");
    }
}
