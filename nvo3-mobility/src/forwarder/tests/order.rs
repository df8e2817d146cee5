//! The held frames: which frames are held, how many, and in which order they leave.

use super::*;
use alloc::vec;

/// Checks VMM-5-08, R-07, R-36.
#[test]
fn of_a_hundred_frames_the_last_sixty_four_are_delivered_in_order() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(None, Bum::Skip));

    for n in 0..100 {
        assert_eq!(w.tunnel(3, 1, n), Verdict::Held);
        assert!(w.f.held(&key(1)).frames <= 64);
    }
    w.entry(1, Some(P1), Entry::DELIVER);

    assert_eq!(w.numbers(), (36..100).collect::<Vec<_>>());
    assert_eq!(w.dropped(DropReason::HoldOverflow), 36);
    assert_eq!(w.f.tsi_counters(&key(1)).unwrap().dropped_frames, 36);
}

/// Checks VMM-5-08, R-36.
#[test]
fn bytes_bound_what_is_held_as_frames_do() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(None, Bum::Skip));
    let mut big = frame(mac(1), mac(9), 0);
    big.resize(30_000, 0);

    for _ in 0..3 {
        let _ = w.f.tunnel_frame(w.now, ip(3), VN, &big);
    }
    assert_eq!((w.f.held(&key(1)).frames, w.f.held(&key(1)).bytes), (2, 60_000));
    big.resize(65_535, 0);
    assert_eq!(w.f.tunnel_frame(w.now, ip(3), VN, &big), Verdict::Held);
    assert_eq!(w.f.held(&key(1)).frames, 1);
}

/// Checks VMM-5-08, R-36.
#[test]
fn frames_grow_old_and_are_dropped_at_their_age() {
    let mut w = World::new();
    let _ = w.vap(1, 9, 0);
    w.pass(1_000);
    let _ = w.vap(1, 9, 1);

    assert_eq!(w.f.poll_timeout(), Some(Instant(10_000_000) + Micros::from_secs(3)));
    w.pass(1_999);
    assert_eq!(w.f.held(&key(9)).frames, 2);
    w.pass(1);
    assert_eq!(w.f.held(&key(9)).frames, 1);
    w.pass(1_000);
    assert_eq!((w.f.held(&key(9)).frames, w.f.poll_timeout()), (0, None));
    assert_eq!(w.dropped(DropReason::HoldAge), 2);
    assert!(w.f.tsi_counters(&key(9)).is_none());
}

/// Checks VMM-5-08.
#[test]
fn a_destination_that_aged_out_is_asked_for_again() {
    let mut w = World::new();
    let _ = w.vap(1, 9, 0);
    assert_eq!(w.notices().len(), 1);

    w.pass(3_000);
    let _ = w.vap(1, 9, 1);

    assert_eq!(w.notices(), [Notice::Miss { vn: VN, mac: mac(9), vap: Some(VapId(1)) }]);
}

/// Checks VMM-5-09.
#[test]
fn what_was_tunnelled_leaves_before_what_came_direct() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(Some(place(2)), Bum::Skip));
    let _ = w.tunnel(3, 1, 10);
    let _ = w.tunnel(2, 1, 0);
    let _ = w.vap(2, 1, 11);
    let _ = w.tunnel(2, 1, 1);
    assert_eq!((w.f.held(&key(1)).tunnelled, w.f.held(&key(1)).direct), (2, 2));

    w.entry(1, Some(P1), Entry::DELIVER);

    assert_eq!(w.numbers(), [0, 1, 10, 11]);
}

/// Checks VMM-5-09.
#[test]
fn newer_frames_queue_behind_held_ones_until_none_is_left() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(Some(place(2)), Bum::Skip));
    let _ = w.tunnel(3, 1, 0);
    w.entry(1, Some(P1), Entry::DELIVER);

    assert_eq!(w.tunnel(3, 1, 1), Verdict::Held);
    assert_eq!(w.tunnel(2, 1, 2), Verdict::Held);
    assert_eq!(w.numbers(), [2, 0, 1]);
    assert_eq!(w.tunnel(3, 1, 3), Verdict::Deliver(P1));
    assert_eq!(w.f.counters().reordered_frames, 0);
}

/// Checks VMM-5-09.
#[test]
fn a_tunnelled_frame_that_comes_after_its_pass_is_delivered_and_counted() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(Some(place(2)), Bum::Skip));
    let _ = w.tunnel(3, 1, 0);
    let _ = w.tunnel(3, 1, 1);
    w.entry(1, Some(P1), Entry::DELIVER);
    let mut taken = 0;
    w.flush_while(&mut |_| {
        taken += 1;
        taken == 1
    });

    w.tsi(1, Some(P1), Some(Entry::DELIVER), Some(Route::At(place(1))));
    assert_eq!(w.tunnel(2, 1, 2), Verdict::Held);

    assert_eq!(w.numbers(), [1, 2]);
    assert_eq!(w.f.counters().reordered_frames, 1);
}

/// Checks VMM-5-09.
#[test]
fn a_full_port_keeps_its_frames_and_their_order_and_does_not_stop_others() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(None, Bum::Skip));
    for n in 0..3 {
        let _ = w.tunnel(3, 1, n);
        let _ = w.vap(2, 9, n);
    }
    w.notices();
    w.pass(2_999);
    w.tsi(9, None, None, Some(Route::At(place(3))));
    w.entry(1, Some(P1), Entry::DELIVER);

    let others = w.flush_while(&mut |target| *target != Target::Port(P1));
    w.pass(10_000);

    assert!(others.iter().all(|(target, _)| *target == Target::Tunnel { to: ip(3), vn: VN }));
    assert_eq!(w.tunnel(3, 1, 3), Verdict::Held);
    assert_eq!(w.numbers(), [0, 1, 2, 3]);
}

/// Checks VMM-5-01, VMM-5-17.
#[test]
fn what_was_held_is_tunnelled_in_the_same_order_when_the_tsi_goes_elsewhere() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(Some(place(2)), Bum::Skip));
    let _ = w.tunnel(3, 1, 10);
    let _ = w.tunnel(2, 1, 0);

    w.entry(1, Some(P1), tunnel(2));

    let to = Target::Tunnel { to: ip(2), vn: VN };
    assert_eq!(w.vap(2, 1, 11), Verdict::Held);
    assert_eq!(w.flush(), [(to, 0), (to, 10), (to, 11)]);
    assert_eq!(w.vap(2, 1, 12), to_nve(2));
    assert_eq!(w.f.tsi_counters(&key(1)).unwrap().tunnelled_frames, 4);
}

/// Checks VMM-5-17.
#[test]
fn from_the_order_to_tunnel_on_nothing_is_delivered() {
    let mut w = World::new();
    assert_eq!(w.tunnel(3, 1, 0), Verdict::Deliver(P1));

    w.entry(1, Some(P1), tunnel(2));

    assert_eq!(w.tunnel(3, 1, 1), to_nve(2));
}

/// Checks R-07.
#[test]
fn a_prepared_attachment_holds_its_party_and_sends_the_rest_there() {
    let mut w = World::new();
    w.entry(9, None, prepared(2));

    assert_eq!(w.tunnel(2, 9, 0), Verdict::Held);
    assert_eq!([w.vap(1, 9, 1), w.tunnel(3, 9, 2)], [to_nve(2); 2]);
    assert!(w.flush().is_empty());
    assert_eq!(w.f.held(&key(9)).tunnelled, 1);
}

/// Checks R-07.
#[test]
fn what_waited_for_an_address_goes_to_the_party_of_its_prepared_attachment() {
    let mut w = World::new();
    let _ = w.vap(1, 9, 0);
    let _ = w.tunnel(2, 9, 1);

    w.entry(9, None, prepared(2));
    let _ = w.tunnel(2, 9, 2);

    assert_eq!(w.vap(1, 9, 3), Verdict::Held);
    assert_eq!(w.numbers(), [0, 3]);
    assert_eq!((w.f.held(&key(9)).tunnelled, w.f.held(&key(9)).direct), (2, 0));
}

/// Checks VMM-5-09.
#[test]
fn what_came_from_an_nve_before_it_was_known_to_be_the_party_stays_before_its_later_frames() {
    let mut w = World::new();
    let _ = w.tunnel(2, 9, 0);
    let _ = w.vap(1, 9, 10);

    w.entry(9, Some(P1), holding(Some(place(2)), Bum::Skip));
    let _ = w.tunnel(2, 9, 1);
    w.entry(9, Some(P2), Entry::DELIVER);

    assert_eq!(w.numbers(), [0, 1, 10]);
}

/// Checks VMM-5-09.
#[test]
fn what_came_direct_is_not_delivered_while_the_first_pass_is_held() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(Some(place(2)), Bum::Skip));
    let _ = w.tunnel(2, 1, 0);
    let _ = w.tunnel(3, 1, 10);

    let first_held = Entry { party: Some(place(2)), from_party: Action::Hold(Lane::Tunnelled), ..Entry::DELIVER };
    w.entry(1, Some(P1), first_held);

    assert!(w.numbers().is_empty());
    assert_eq!(w.tunnel(3, 1, 11), Verdict::Held);
    w.entry(1, Some(P1), Entry::DELIVER);
    assert_eq!(w.numbers(), [0, 10, 11]);
}

#[test]
fn what_is_for_a_tsi_without_its_port_waits_for_the_port() {
    let mut w = World::new();
    w.entry(9, Some(VapId(3)), Entry::DELIVER);
    assert_eq!(w.vap(1, 9, 0), Verdict::Held);

    w.port(VapId(3), VN, None);

    assert_eq!(w.flush(), [(Target::Port(VapId(3)), 0)]);
    assert_eq!(w.vap(1, 9, 1), Verdict::Deliver(VapId(3)));
    assert_eq!(w.notices(), []);
}

#[test]
fn held_frames_of_a_tsi_that_control_forgets_are_asked_for() {
    let mut w = World::new();
    w.entry(9, None, holding(None, Bum::Skip));
    let _ = w.vap(1, 9, 0);

    w.tsi(9, None, None, None);

    assert_eq!(w.notices(), [Notice::Miss { vn: VN, mac: mac(9), vap: None }]);
    assert_eq!(w.f.held(&key(9)).frames, 1);
    w.pass(3_000);
    assert_eq!(w.f.held(&key(9)).frames, 0);
}

/// Checks VMM-5-08.
#[test]
fn new_limits_drop_the_oldest_frames_beyond_them_and_no_other() {
    let kept = |limits: HoldLimits| {
        let mut w = World::new();
        w.entry(1, Some(P1), holding(None, Bum::Hold));
        (0..3).for_each(|n| _ = w.vap(2, 1, n));
        let (entry, version) = (Some(holding(None, Bum::Hold)), Version::default());
        w.apply(Change::Tsi { key: key(1), vap: Some(P1), entry, route: None, version, limits, replay_since: None });
        let dropped = w.dropped(DropReason::HoldOverflow);
        w.entry(1, Some(P1), Entry::DELIVER);
        (w.numbers(), dropped)
    };

    let all = HoldLimits { frames: 3, bytes: 300, ..LIMITS };
    assert_eq!(kept(all), (vec![0, 1, 2], 0));
    assert_eq!(kept(HoldLimits { frames: 2, ..all }), (vec![1, 2], 1));
    assert_eq!(kept(HoldLimits { bytes: 299, ..all }), (vec![1, 2], 1));
    assert_eq!(kept(HoldLimits { bytes: 99, ..all }), (vec![], 3));
}

#[test]
fn a_reset_forwarder_keeps_its_clock() {
    let mut w = World::new();
    w.pass(1);
    w.f.reset();

    w.f.handle_timeout(Instant(w.now.0 - 1));

    assert_eq!(w.f.counters().clock_backwards, 1);
}

#[test]
fn a_clock_that_goes_back_is_counted_and_ages_nothing_early() {
    let mut w = World::new();
    let _ = w.vap(1, 9, 0);

    w.f.handle_timeout(Instant(5));

    assert_eq!(w.f.counters().clock_backwards, 1);
    assert_eq!(w.f.held(&key(9)).frames, 1);
}
