//! The frames that a TSI sends before it may send.

use super::*;

fn senders(w: &mut World) -> Vec<(u32, Verdict)> {
    let mut out = Vec::new();
    let mut verdicts = Vec::new();
    while let Some(target) = w.f.poll_flush(w.now, &mut |_| true, &mut out) {
        assert_eq!(target, Target::Again(Entrance::Vap(P1)));
        verdicts.push((number(&out), w.f.vap_frame(w.now, P1, &out)));
    }
    verdicts
}

/// Checks R-35, SPL-02.
#[test]
fn what_an_attached_tsi_sends_is_kept_and_control_is_told_once() {
    let mut w = World::new();
    w.tsi(1, Some(P1), None, None);

    assert_eq!([w.vap(1, 2, 0), w.vap(1, 2, 1)], [Verdict::Held; 2]);

    assert_eq!(w.notices(), [Notice::Seen { key: key(1), vap: P1 }]);
    assert_eq!(w.f.held(&key(1)).kept, 2);
    assert!(w.flush().is_empty());
}

/// Checks R-35, VMM-5-09.
#[test]
fn kept_frames_follow_in_order_before_newer_ones() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(None, Bum::Skip));
    let _ = w.vap(1, 2, 0);
    let _ = w.vap(1, 2, 1);

    w.entry(1, Some(P1), Entry::DELIVER);
    assert_eq!(w.vap(1, 2, 2), Verdict::Held);

    assert_eq!(senders(&mut w), [(0, Verdict::Deliver(P2)), (1, Verdict::Deliver(P2)), (2, Verdict::Deliver(P2))]);
    assert_eq!(w.vap(1, 2, 3), Verdict::Deliver(P2));
}

/// Checks R-35.
#[test]
fn a_kept_announcement_reaches_control_once_the_gate_opens_and_is_not_kept_again() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(None, Bum::Skip));
    let arp = arp_request(mac(2), mac(1));
    assert_eq!(w.f.vap_frame(w.now, P1, &arp), Verdict::Held);
    let _ = w.vap(1, 2, 1);

    w.entry(1, Some(P1), Entry::DELIVER);
    let mut out = Vec::new();
    let _ = w.f.poll_flush(w.now, &mut |_| true, &mut out);

    assert_eq!(w.f.vap_frame(w.now, P1, &out), Verdict::Punt);
    assert_eq!(w.f.vap_frame_passed(w.now, P1, &out), Verdict::Deliver(P2));
    assert_eq!(senders(&mut w), [(1, Verdict::Deliver(P2))]);
}

/// Checks VMM-5-08, R-36.
#[test]
fn kept_frames_are_bounded_and_grow_old() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(None, Bum::Skip));
    for n in 0..100 {
        let _ = w.vap(1, 2, n);
    }

    assert_eq!(w.f.held(&key(1)).kept, 64);
    w.pass(3_000);
    assert_eq!((w.f.held(&key(1)).kept, w.dropped(DropReason::HoldAge)), (0, 64));
}

#[test]
fn what_was_kept_for_a_sender_that_is_detached_is_dropped() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(None, Bum::Skip));
    let _ = w.vap(1, 2, 0);

    w.entry(1, None, tunnel(2));

    assert_eq!((w.f.held(&key(1)).kept, w.dropped(DropReason::Detached)), (0, 1));
}

#[test]
fn another_sender_at_a_trusted_port_is_not_kept() {
    let mut w = World::new();
    w.port(P1, VN, None);
    w.entry(1, Some(P1), holding(None, Bum::Skip));

    assert_eq!(w.f.vap_frame(w.now, P1, &frame(mac(2), mac(77), 0)), Verdict::Deliver(P2));
}
