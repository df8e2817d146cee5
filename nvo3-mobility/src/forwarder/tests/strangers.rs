//! Tunnelled frames from NVEs that the list of the VN does not name.

use super::*;

/// NVE 9 is new in the VN.
const NEW: u8 = 9;
const LISTED: [u8; 2] = [2, 3];

/// A world in which only NVEs 2 and 3 are in the VN.
fn world() -> World {
    let mut w = World::new();
    w.apply(members(&LISTED, &LISTED));
    w
}

impl World {
    fn list_new(&mut self) {
        self.apply(members(&[2, 3, NEW], &[2, 3, NEW]));
    }

    /// Lets kept frames come in again. Gives the verdict of each, with its number.
    fn let_in(&mut self) -> Vec<(Verdict, u32)> {
        let mut out = Vec::new();
        let mut verdicts = Vec::new();
        while let Some(target) = self.f.poll_flush(self.now, &mut |_| true, &mut out) {
            let Target::Again(Entrance::Tunnel { from, vn }) = target else { panic!("{target}") };
            assert_eq!(self.f.flushed_for(), None);
            verdicts.push((self.f.tunnel_frame(self.now, from, vn, &out), number(&out)));
        }
        verdicts
    }

    fn group(&mut self, from: u8, number: u32) -> Verdict {
        self.f.tunnel_frame(self.now, ip(from), VN, &frame(Mac::BROADCAST, mac(200), number))
    }
}

/// Checks TUN-10.
#[test]
fn a_frame_from_no_nve_of_the_vn_reaches_nobody_and_is_told_once() {
    let mut w = world();

    assert_eq!(
        (w.tunnel(NEW, 1, 1), w.group(NEW, 2), w.tunnel(8, 1, 3)),
        (Verdict::Held, Verdict::Held, Verdict::Held)
    );
    assert_eq!(w.f.held_for(), []);
    w.pass(2_999);
    assert_eq!((w.dropped(DropReason::Stranger), w.notices().len()), (0, 0));
    assert_eq!(w.f.poll_timeout(), Some(w.now + Micros::from_millis(1)));
    w.pass(1);

    assert_eq!((w.dropped(DropReason::Stranger), w.f.counters().stranger_frames), (3, 3));
    assert_eq!(w.notices(), [Notice::Stranger { vn: VN, from: ip(8) }]);
    assert_eq!((w.f.counters().delivered_frames, w.f.counters().replicated_frames, w.f.poll_timeout()), (0, 0, None));
}

/// Checks TUN-10.
#[test]
fn a_vn_without_a_list_takes_frames_of_nobody() {
    let mut w = World::new();
    w.apply(members(&[], &[]));

    assert_eq!((w.tunnel(2, 1, 1), w.group(3, 2)), (Verdict::Held, Verdict::Held));
}

/// Checks VMM-5-09, VMM-4.3-06.
#[test]
fn the_first_frames_of_a_new_nve_come_in_again_in_order_when_a_list_names_it() {
    let mut w = world();
    for n in 0..4 {
        assert_eq!(if n == 2 { w.group(NEW, n) } else { w.tunnel(NEW, 1, n) }, Verdict::Held);
        assert_eq!(w.tunnel(8, 1, 100 + n), Verdict::Held);
    }
    w.list_new();

    assert_eq!(w.tunnel(NEW, 1, 4), Verdict::Held, "it waits behind older frames of its sender");
    assert_eq!(w.tunnel(2, 1, 5), Verdict::Deliver(P1), "other senders wait for nobody");
    let one = |n| (Verdict::Deliver(P1), n);
    assert_eq!(w.let_in(), [one(0), one(1), (Verdict::Replicate, 2), one(3), one(4)]);
    assert_eq!(w.tunnel(NEW, 1, 6), Verdict::Deliver(P1));
    w.pass(3_000);
    assert_eq!((w.dropped(DropReason::Stranger), w.f.strangers_in_all().frames), (4, 0));
}

/// Checks VMM-5-09.
#[test]
fn a_frame_whose_sender_left_again_before_it_came_in_waits_anew() {
    let mut w = world();
    let _ = w.tunnel(NEW, 1, 0);
    w.list_new();
    w.apply(members(&LISTED, &LISTED));

    assert_eq!(w.tunnel(NEW, 1, 1), Verdict::Held);
    assert_eq!(w.let_in(), [(Verdict::Held, 0), (Verdict::Held, 1)]);
    w.list_new();
    assert_eq!(w.let_in(), [(Verdict::Deliver(P1), 0), (Verdict::Deliver(P1), 1)]);
}

/// Checks TUN-10, VMM-5-09.
#[test]
fn the_other_party_of_a_move_may_send_for_its_tsi_and_for_no_other() {
    let mut w = world();
    assert_eq!((w.tunnel(NEW, 1, 0), w.tunnel(NEW, 2, 1)), (Verdict::Held, Verdict::Held));
    w.entry(1, Some(P1), holding(Some(place(NEW)), Bum::Skip));

    assert_eq!(w.let_in(), [(Verdict::Held, 0)]);
    assert_eq!((w.tunnel(NEW, 1, 2), w.f.held(&key(1)).tunnelled), (Verdict::Held, 2));
    assert_eq!((w.tunnel(NEW, 2, 3), w.group(NEW, 4)), (Verdict::Held, Verdict::Held));
    assert_eq!(w.f.strangers_in_all().frames, 3);
}

/// Checks VMM-5-09.
#[test]
fn a_frame_that_nothing_names_overtakes_no_older_one_while_another_of_its_sender_is_let_in() {
    let mut w = world();
    assert_eq!((w.tunnel(NEW, 2, 0), w.tunnel(NEW, 1, 1)), (Verdict::Held, Verdict::Held));
    w.entry(1, Some(P1), holding(Some(place(NEW)), Bum::Skip));
    assert_eq!(w.tunnel(NEW, 2, 2), Verdict::Held);
    w.list_new();

    let numbers: Vec<u32> = w.let_in().into_iter().map(|(_, number)| number).filter(|number| *number != 1).collect();
    assert_eq!(numbers, [0, 2]);
}

/// Checks VMM-5-09.
#[test]
fn a_frame_that_was_not_let_in_overtakes_and_is_overtaken_by_none_when_it_is_named_again() {
    let mut w = world();
    let _ = (w.tunnel(NEW, 1, 0), w.tunnel(NEW, 1, 1));
    w.list_new();
    w.apply(members(&LISTED, &LISTED));
    let mut out = Vec::new();
    let Some(Target::Again(Entrance::Tunnel { from, vn })) = w.f.poll_flush(w.now, &mut |_| true, &mut out) else {
        panic!()
    };
    assert_eq!(w.f.tunnel_frame(w.now, from, vn, &out), Verdict::Held);
    w.list_new();

    assert_eq!(w.let_in(), [(Verdict::Deliver(P1), 0), (Verdict::Deliver(P1), 1)]);
}

/// Checks TUN-10, VMM-5-09.
#[test]
fn an_nve_may_send_frames_of_a_tsi_that_the_directory_has_there_and_of_no_other() {
    let mut w = world();
    let sent = |w: &mut World, of: u8, n| w.f.tunnel_frame(w.now, ip(NEW), VN, &frame(mac(1), mac(of), n));
    assert_eq!([sent(&mut w, 50, 0), sent(&mut w, 51, 1)], [Verdict::Held; 2]);
    w.tsi(50, None, None, Some(Route::At(place(NEW))));
    w.tsi(51, None, None, Some(Route::At(place(2))));

    assert_eq!(w.let_in(), [(Verdict::Deliver(P1), 0)]);
    assert_eq!((sent(&mut w, 50, 2), sent(&mut w, 51, 3)), (Verdict::Deliver(P1), Verdict::Held));
    w.tsi(50, None, None, Some(Route::Nowhere));
    assert_eq!(sent(&mut w, 50, 4), Verdict::Held);
}

/// Checks TUN-10.
#[test]
fn each_locator_of_an_nve_may_send_and_only_one_gets_frames() {
    let mut w = World::new();
    let v6 = IpAddr::V6(core::net::Ipv6Addr::LOCALHOST);
    w.apply(Change::Members { vn: VN, locators: Vec::from([ip(2)]), sources: Vec::from([v6, ip(2)]) });

    assert_eq!(w.f.tunnel_frame(w.now, v6, VN, &frame(mac(1), mac(200), 0)), Verdict::Deliver(P1));
    let mapped = IpAddr::V6(core::net::Ipv4Addr::new(192, 0, 2, 2).to_ipv6_mapped());
    assert_eq!(w.f.tunnel_frame(w.now, mapped, VN, &frame(mac(1), mac(200), 0)), Verdict::Deliver(P1));
    assert_eq!(w.f.vap_frame(w.now, P1, &frame(Mac::BROADCAST, mac(1), 1)), Verdict::Replicate);
    assert_eq!(w.f.replicas().iter().filter(|target| matches!(target, Target::Tunnel { .. })).count(), 1);
}

/// Checks TUN-10, R-36.
#[test]
fn a_flood_of_strangers_stays_within_its_own_bounds_and_costs_nobody_else_a_frame() {
    let strangers = HoldLimits { frames: 8, bytes: 1_000, age: Micros::from_secs(1) };
    let mut w = World::with(ForwarderConfig { strangers, ..ForwarderConfig::new(place(1).locators) });

    for n in 0..1_000 {
        let _ = w.tunnel(20 + (n % 100) as u8, 1, n);
        assert_eq!(w.tunnel(2, 1, n), Verdict::Deliver(P1));
    }

    assert_eq!((w.dropped(DropReason::StrangerOverflow), w.f.strangers_in_all().frames), (992, 8));
    assert_eq!((w.notices().len(), w.f.counters().shed_notices), (1, 0));
    w.f.check();
}

/// Checks VMM-5-04, VXL-09.
#[test]
fn a_frame_of_a_vn_that_a_forwarder_does_not_know_yet_waits_for_a_while_after_a_start() {
    let mut w = world();
    w.f.reset();
    w.order = 0;

    assert_eq!([w.tunnel(2, 1, 0), w.tunnel(2, 1, 1)], [Verdict::Held; 2]);
    assert_eq!(
        w.f.tunnel_frame(w.now, ip(2), VN, &frame(Mac::BROADCAST, mac(9), 0)),
        Verdict::Drop(DropReason::UnknownVn)
    );
    w.entry(1, None, super::tunnel(3));
    w.members(&[]);
    assert_eq!(w.let_in(), [(to_nve(3), 0), (to_nve(3), 1)]);

    w.tsi(1, None, None, None);
    w.apply(members(&[], &[]));
    assert_eq!(w.tunnel(2, 1, 2), Verdict::Held);
    w.pass(3_000);
    assert_eq!((w.dropped(DropReason::UnknownVn), w.tunnel(2, 1, 3)), (2, Verdict::Held));
    w.pass(3_000);
    assert_eq!((w.tunnel(2, 1, 4), w.f.is_empty()), (Verdict::Drop(DropReason::UnknownVn), true));
    w.f.check();
}

#[test]
fn kept_frames_of_a_vn_that_is_gone_and_of_a_reset_forwarder_are_dropped_too() {
    let mut w = world();
    let _ = w.tunnel(NEW, 1, 0);
    for n in [1, 2] {
        w.tsi(n, None, None, None);
        w.apply(Change::Port { vap: VapId(n.into()), port: None });
    }
    w.list_new();
    assert_eq!(w.let_in(), [(Verdict::Drop(DropReason::UnknownVn), 0)]);
    w.apply(members(&[], &[]));
    assert!(w.f.is_empty());

    let mut w = world();
    let _ = w.tunnel(NEW, 1, 0);
    w.f.reset();
    assert_eq!(
        (w.dropped(DropReason::Reset), w.f.strangers_in_all(), w.f.poll_timeout()),
        (1, StoredFrames::default(), None)
    );
}
