//! Table changes, their numbers and their bounds.

use super::*;

fn order(w: &mut World, number: u64, change: Change) -> Result<(), RefusedChange> {
    w.f.apply(&TableChange { number, change })
}

fn members(count: u8) -> Change {
    Change::Members { vn: VN, locators: (10..10 + count).map(ip).collect(), sources: Vec::new() }
}

#[test]
fn an_order_twice_is_ignored_and_a_gap_is_refused_until_it_is_filled() {
    let mut w = World::new();
    let next = w.order + 1;

    assert_eq!(order(&mut w, next, members(1)), Ok(()));
    assert_eq!(order(&mut w, next, members(2)), Ok(()));
    let gap = RefusedChange { number: next + 2, reason: ChangeRefusal::Gap { expected: next + 1 } };
    assert_eq!(order(&mut w, next + 2, members(3)), Err(gap));
    assert_eq!(w.f.vap_frame(w.now, P1, &frame(Mac::BROADCAST, mac(1), 0)), Verdict::Replicate);
    assert_eq!(w.f.replicas().len(), 2);
    assert_eq!(order(&mut w, next + 1, members(3)), Ok(()));
    assert_eq!(order(&mut w, u64::MAX, members(3)).unwrap_err().number, u64::MAX);
}

#[test]
fn after_a_refusal_for_room_the_next_number_is_expected() {
    let mut w = World::with(ForwarderConfig { members_per_vn: 2, ..ForwarderConfig::new(place(1).locators) });
    let next = w.order + 1;

    let refused = order(&mut w, next, members(3)).unwrap_err();

    assert_eq!(refused.reason, ChangeRefusal::TooManyMembers);
    assert_eq!(order(&mut w, next + 1, members(2)), Ok(()));
}

#[test]
fn tables_refuse_more_than_their_bounds() {
    let mut w = World::with(ForwarderConfig { tsis: 2, ports: 2, ..ForwarderConfig::new(place(1).locators) });
    let next = w.order + 1;
    let tsi = |mac| Change::Tsi {
        key: TsiKey { vn: VN, mac },
        vap: None,
        entry: None,
        route: Some(Route::Nowhere),
        version: Version::default(),
        limits: LIMITS,
        replay_since: None,
    };
    let port = Change::Port { vap: VapId(3), port: Some(Port::trusted(VN)) };

    assert_eq!(order(&mut w, next, tsi(mac(3))).unwrap_err().reason, ChangeRefusal::TooManyTsis);
    assert_eq!(order(&mut w, next + 1, port).unwrap_err().reason, ChangeRefusal::TooManyPorts);
    assert_eq!(order(&mut w, next + 2, tsi(Mac::BROADCAST)).unwrap_err().reason, ChangeRefusal::GroupAddress);
    assert_eq!(order(&mut w, next + 3, tsi(mac(2))), Ok(()));
}

#[test]
fn a_reset_forgets_all_orders_and_frames_and_takes_any_number() {
    let mut w = World::new();
    let _ = w.vap(1, 9, 0);

    w.f.reset();

    assert_eq!((w.f.held_in_all(), w.dropped(DropReason::Reset)), (StoredFrames::default(), 1));
    assert_eq!(w.vap(1, 2, 0), Verdict::Drop(DropReason::UnknownPort));
    assert_eq!((w.f.poll_timeout(), w.flush().len(), w.notices().len()), (None, 0, 0));
    assert_eq!(order(&mut w, 500, members(1)), Ok(()));
}

#[test]
fn a_vn_of_which_nothing_is_left_is_unknown() {
    let mut w = World::new();
    for n in [1, 2] {
        w.tsi(n, None, None, None);
        w.apply(Change::Port { vap: VapId(n.into()), port: None });
    }

    assert_eq!(w.tunnel(2, 1, 0), Verdict::Drop(DropReason::UnknownVn));
    w.apply(super::members(&[], &[]));
    assert!(w.f.is_empty());
}
