//! Broadcast and multicast frames.

use super::*;

const P3: VapId = VapId(3);

fn broadcast(w: &mut World, from: u8) -> Verdict {
    w.f.vap_frame(w.now, VapId(from.into()), &frame(Mac::BROADCAST, mac(from), 7))
}

fn tunnelled(w: &mut World) -> Verdict {
    w.f.tunnel_frame(w.now, ip(2), VN, &frame(Mac::BROADCAST, mac(200), 7))
}

fn sorted(w: &World) -> Vec<Target> {
    let mut targets = w.f.replicas().to_vec();
    targets.sort_by_key(|target| match target {
        Target::Port(vap) | Target::Again(Entrance::Vap(vap)) => (0, vap.0, None),
        Target::Again(Entrance::Tunnel { from, .. }) => (2, 0, Some(*from)),
        Target::Tunnel { to, .. } => (1, 0, Some(*to)),
    });
    targets
}

const fn to(nve: u8) -> Target {
    Target::Tunnel { to: ip(nve), vn: VN }
}

/// Checks VXL-14, ARC-06.
#[test]
fn each_member_and_port_gets_one_copy_and_the_sender_none() {
    let mut w = World::new();
    w.port(P3, VN, None);
    w.tsi(3, Some(P2), Some(Entry::DELIVER), None);
    w.port(VapId(4), OTHER_VN, None);
    w.members(&[1, 2, 3, 4, 3, 1]);

    assert_eq!(broadcast(&mut w, 1), Verdict::Replicate);
    assert_eq!(sorted(&w), [Target::Port(P2), Target::Port(P3), to(2), to(3), to(4)]);
    assert_eq!((w.f.counters().replicated_frames, w.f.counters().replicas), (1, 5));
}

/// Checks VXL-14.
#[test]
fn what_a_tunnel_brought_goes_into_no_tunnel() {
    let mut w = World::new();
    w.members(&[2, 3]);

    assert_eq!(tunnelled(&mut w), Verdict::Replicate);
    assert_eq!(sorted(&w), [Target::Port(P1), Target::Port(P2)]);
}

/// Checks SPL-02.
#[test]
fn a_port_whose_tsi_is_not_active_gets_no_copy() {
    let mut w = World::new();
    w.tsi(2, Some(P2), None, None);

    assert_eq!(broadcast(&mut w, 1), Verdict::Drop(DropReason::NoReceiver));
}

/// Checks VMM-5-09.
#[test]
fn a_held_copy_is_delivered_once_behind_what_was_tunnelled() {
    let mut w = World::new();
    w.entry(2, Some(P2), holding(Some(place(2)), Bum::Hold));

    assert_eq!(broadcast(&mut w, 1), Verdict::Held);
    let _ = w.tunnel(2, 2, 0);
    w.entry(2, Some(P2), Entry::DELIVER);

    assert_eq!(w.flush(), [(Target::Port(P2), 0), (Target::Port(P2), 7)]);
}

#[test]
fn a_held_copy_is_never_tunnelled_on() {
    for after in [tunnel(2), holding(None, Bum::Skip)] {
        let mut w = World::new();
        w.entry(2, Some(P2), holding(None, Bum::Hold));
        let _ = broadcast(&mut w, 1);

        w.entry(2, Some(P2), after);

        assert_eq!(w.flush(), []);
        assert_eq!((w.f.held(&key(2)).frames, w.dropped(DropReason::BumNotTunnelled)), (0, 1));
    }
}

#[test]
fn two_held_tsis_behind_one_port_get_one_copy_there() {
    let mut w = World::new();
    w.entry(2, Some(P2), holding(None, Bum::Hold));
    w.entry(3, Some(P2), holding(None, Bum::Hold));

    assert_eq!(broadcast(&mut w, 1), Verdict::Held);
    w.entry(2, Some(P2), Entry::DELIVER);
    w.entry(3, Some(P2), Entry::DELIVER);

    assert_eq!(w.flush(), [(Target::Port(P2), 7)]);
}

#[test]
fn a_tsi_that_is_held_for_without_a_port_has_its_copy_held_too() {
    let mut w = World::new();
    w.entry(9, None, holding(None, Bum::Hold));

    assert_eq!(tunnelled(&mut w), Verdict::Replicate);
    assert_eq!(w.f.held(&key(9)).direct, 1);
    w.port(P3, VN, Some(&[mac(9)]));
    w.entry(9, Some(P3), Entry::DELIVER);
    assert_eq!(w.flush(), [(Target::Port(P3), 7)]);
}

#[test]
fn a_port_that_had_its_copy_for_another_tsi_gets_no_second_one() {
    let mut w = World::new();
    w.entry(9, None, holding(None, Bum::Hold));
    assert_eq!(tunnelled(&mut w), Verdict::Replicate);

    w.entry(9, Some(P1), Entry::DELIVER);

    assert_eq!(w.flush(), []);
    assert_eq!(w.dropped(DropReason::BumPortShared), 1);
}

/// Checks VMM-5-09.
#[test]
fn a_copy_does_not_overtake_what_is_still_held() {
    let mut w = World::new();
    w.entry(2, Some(P2), holding(None, Bum::Skip));
    let _ = w.tunnel(3, 2, 0);
    w.entry(2, Some(P2), Entry::DELIVER);

    assert_eq!(broadcast(&mut w, 1), Verdict::Held);
    assert_eq!(w.numbers(), [0, 7]);
    assert_eq!(broadcast(&mut w, 1), Verdict::Replicate);
}
