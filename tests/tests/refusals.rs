//! The sentences of refused inputs for the person who must act.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use nvo3_mobility::nva::{self, rules};
use nvo3_mobility::nve;
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Micros, MoveId, MoveKind, NveId, TsiKey};
use nvo3_tests::direct::{Direct, tsi};

const DEADLINE: Micros = Micros::from_secs(5);

/// TSI 1 runs at NVE 1.
fn world() -> Direct {
    let mut world = Direct::new(2);
    world.start(0, 1, tsi(1));
    world
}

fn plan(world: &mut Direct, id: u64, tsis: &[u8], to: u64) -> Result<(), nva::Error> {
    let tsis: Vec<TsiKey> = tsis.iter().map(|n| tsi(*n).key).collect();
    let (id, to, kind, deadline) = (MoveId(id), NveId(to), MoveKind::Hot, DEADLINE);
    world.nva.handle(world.now, nva::Input::Move { id, tsis, to, kind, deadline })
}

#[test]
fn a_move_to_an_nve_that_is_not_admitted_names_that_nve_before_any_tsi() {
    let mut world = world();

    assert_eq!(plan(&mut world, 9, &[2], 7), Err(nva::Error::UnknownNve(NveId(7))));
    assert_eq!(plan(&mut world, 9, &[], 7), Err(nva::Error::UnknownNve(NveId(7))));
    assert_eq!(plan(&mut world, 9, &[1], 7), Err(nva::Error::UnknownNve(NveId(7))));
}

#[test]
fn a_move_of_a_tsi_that_moves_already_names_the_other_move_its_state_and_its_deadline() {
    let mut world = world();
    plan(&mut world, 9, &[1], 2).unwrap();

    let refused = plan(&mut world, 10, &[1], 2).unwrap_err();

    let expected = nva::Error::Busy {
        id: MoveId(10),
        key: tsi(1).key,
        other: MoveId(9),
        state: rules::State::PreparingNew { left: false },
        left: Some(DEADLINE),
    };
    assert_eq!(refused, expected);
    assert_eq!(
        refused.to_string(),
        "move10 is refused: 02:00:00:00:00:01@7 still takes part in move9, which is preparing-new (the NVA has asked the new \
         NVE to prepare); the NVA revokes it in 5000 ms at the latest"
    );
}

#[test]
fn a_move_right_after_a_cancelled_one_says_whose_answer_is_missing() {
    let mut world = world();
    plan(&mut world, 9, &[1], 2).unwrap();
    world.nva.handle(world.now, nva::Input::Cancel(MoveId(9))).unwrap();

    let refused = plan(&mut world, 10, &[1], 2).unwrap_err().to_string();
    let again = world.nva.handle(world.now, nva::Input::Cancel(MoveId(9))).unwrap_err().to_string();

    assert!(refused.contains("takes part in move9, which is revoking"), "{refused}");
    assert!(refused.ends_with("it ends after the new NVE has answered Revoke"), "{refused}");
    assert!(again.starts_with("move9 cannot be cancelled: it is revoking"), "{again}");
    world.settle();
    plan(&mut world, 10, &[1], 2).unwrap();
}

#[test]
fn an_id_says_whether_it_was_used_or_is_reserved() {
    let mut world = world();
    plan(&mut world, 9, &[1], 2).unwrap();

    assert_eq!(plan(&mut world, 9, &[1], 2), Err(nva::Error::UsedId(MoveId(9))));
    assert_eq!(plan(&mut world, 1 << 63, &[1], 2), Err(nva::Error::ReservedId(MoveId(1 << 63))));
    let unknown = world.nva.handle(world.now, nva::Input::Cancel(MoveId(8)));
    assert_eq!(unknown, Err(nva::Error::UnknownMove(MoveId(8))));
}

#[test]
fn an_input_that_a_tsi_does_not_take_says_its_state_and_when_it_is_taken() {
    let mut world = world();
    let (key, now) = (tsi(1).key, world.now);
    let nve = world.edges[0].nve_mut();

    let suspend = nve.handle(now, nve::Input::Suspend { key, move_id: MoveId(9), stopped_at: None });
    let activate = nve.handle(now, nve::Input::Activate { key, move_id: Some(MoveId(9)) });
    let detach = nve.handle(now, nve::Input::Detach { vap: VapId(4) });

    assert_eq!(
        suspend.unwrap_err().to_string(),
        "02:00:00:00:00:01@7 does not take Suspend for move9 now: it is here (the VM runs here, and the mapping names this \
         NVE); Suspend is taken once the NVA has prepared this NVE for the move (News::Prepared)"
    );
    let activate = activate.unwrap_err().to_string();
    assert!(
        activate.starts_with("02:00:00:00:00:01@7 is not prepared for move9: it is here (the VM runs"),
        "{activate}"
    );
    assert_eq!(detach.unwrap_err().to_string(), "port 4 is not attached: attach it first (Input::Attach)");
}

#[test]
fn events_are_sentences() {
    let mut world = world();
    plan(&mut world, 9, &[1], 2).unwrap();
    world.settle();

    let of_nva: Vec<String> = world.events.iter().map(ToString::to_string).collect();
    let of_nve: Vec<String> = world.edges[0].events.iter().map(ToString::to_string).collect();

    assert!(of_nva.contains(&"move9: both NVEs are ready; the VM may be suspended".into()), "{of_nva:?}");
    assert!(of_nve.contains(&"02:00:00:00:00:01@7: here -> leaving".into()), "{of_nve:?}");
    assert!(of_nve.iter().any(|said| said.starts_with("02:00:00:00:00:01@7, move9: prepared to leave")), "{of_nve:?}");
}
