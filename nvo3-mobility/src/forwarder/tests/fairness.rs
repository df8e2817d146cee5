//! The share of each port in what the forwarder asks the control plane for.

use super::*;
use crate::fairness::{Limit, Rate, TOLD_EVERY};

/// Sends a frame from TSI `from` to a MAC of this number.
fn miss(w: &mut World, from: u8, to: u32) -> Verdict {
    let [a, b, c, d] = to.to_be_bytes();
    w.f.vap_frame(w.now, VapId(from.into()), &frame(Mac([2, 1, a, b, c, d]), mac(from), 0))
}

/// The notices of misses at each port, and those that name a port that sends too many.
fn told(w: &mut World) -> ([usize; 2], Vec<Notice>) {
    let (misses, limited): (Vec<_>, _) =
        w.notices().into_iter().partition(|notice| matches!(notice, Notice::Miss { .. }));
    let at = |port| misses.iter().filter(|miss| matches!(miss, Notice::Miss { vap, .. } if *vap == Some(port))).count();
    ([at(P1), at(P2)], limited)
}

#[test]
fn a_port_that_sends_to_everybody_leaves_others_their_share_of_held_frames() {
    let mut w = World::new();
    let share = ForwarderConfig::new(place(1).locators).asked_per_port;

    let flood = (0..60_000).filter(|n| miss(&mut w, 1, n / 2) == Verdict::Held).count() as u32;
    let other = miss(&mut w, 2, 1_000_000);

    assert_eq!((flood, other), (2 * share, Verdict::Held));
    let limited = Notice::Limited { vap: P1, what: Limit::Misses, count: 1 };
    assert_eq!(told(&mut w), ([share as usize, 1], Vec::from([limited])));
    assert_eq!(w.dropped(DropReason::MissLimited), 60_000 - u64::from(flood));
    w.f.check();
}

#[test]
fn a_port_makes_no_more_misses_than_its_rate_however_fast_they_are_answered() {
    let misses = Rate { per_second: 10, burst: 3 };
    let mut w = World::with(ForwarderConfig { misses, ..ForwarderConfig::new(place(1).locators) });
    let missed = |w: &mut World, to: core::ops::Range<u8>| {
        let one = |n: &u8| {
            let missed = w.vap(1, *n, 0) == Verdict::Held;
            w.tsi(*n, None, None, Some(Route::Nowhere));
            missed
        };
        to.filter(one).count()
    };

    assert_eq!(missed(&mut w, 10..100), 3);
    w.pass(200);
    assert_eq!(missed(&mut w, 100..200), 2);
    assert_eq!(w.vap(2, 250, 0), Verdict::Held);
}

#[test]
fn a_share_comes_back_with_the_answer_and_when_held_frames_are_too_old() {
    let mut w = World::with(ForwarderConfig { asked_per_port: 1, ..ForwarderConfig::new(place(1).locators) });

    assert_eq!([w.vap(1, 9, 0), w.vap(1, 8, 0)], [Verdict::Held, Verdict::Drop(DropReason::MissLimited)]);
    w.tsi(9, None, None, Some(Route::At(place(2))));
    assert_eq!([w.vap(1, 8, 0), w.vap(1, 7, 0)], [Verdict::Held, Verdict::Drop(DropReason::MissLimited)]);
    w.pass(3_000);
    assert_eq!(w.vap(1, 7, 0), Verdict::Held);
    w.f.check();
}

#[test]
fn frames_to_a_destination_that_is_asked_for_take_no_further_share() {
    let mut w = World::with(ForwarderConfig { asked_per_port: 1, ..ForwarderConfig::new(place(1).locators) });

    let held = (0..64).filter(|n| w.vap(1, 9, *n) == Verdict::Held).count();

    assert_eq!((held, w.dropped(DropReason::MissLimited)), (64, 0));
}

#[test]
fn an_offender_is_named_once_in_an_interval_with_the_number_of_its_frames() {
    let mut w = World::with(ForwarderConfig { asked_per_port: 1, ..ForwarderConfig::new(place(1).locators) });
    let limited = |count| Vec::from([Notice::Limited { vap: P1, what: Limit::Misses, count }]);

    (0..101).for_each(|n| _ = miss(&mut w, 1, n));
    assert_eq!(told(&mut w), ([1, 0], limited(1)));
    w.now = w.now + TOLD_EVERY;
    (0..101).for_each(|n| _ = miss(&mut w, 1, 1 + n));
    assert_eq!(told(&mut w).1, limited(100));
}

#[test]
fn a_port_that_floods_groups_is_limited_and_named_and_others_are_not() {
    let groups = Rate { per_second: 10, burst: 3 };
    let mut w = World::with(ForwarderConfig { groups, ..ForwarderConfig::new(place(1).locators) });
    let sent = |w: &mut World, from: u8, count: u32| {
        let one = |n| w.f.vap_frame(w.now, VapId(from.into()), &frame(Mac::BROADCAST, mac(from), n));
        (0..count).map(one).filter(|verdict| *verdict == Verdict::Replicate).count()
    };

    assert_eq!((sent(&mut w, 1, 100), sent(&mut w, 2, 3)), (3, 3));
    let limited = Notice::Limited { vap: P1, what: Limit::Groups, count: 1 };
    assert_eq!((w.dropped(DropReason::GroupLimited), w.notices()), (97, Vec::from([limited])));
    w.port(P1, VN, Some(&[mac(1)]));
    w.pass(200);
    assert_eq!(sent(&mut w, 1, 100), 2, "a port that is changed does not begin anew");
}

#[test]
fn an_nve_that_sends_to_everybody_is_limited_and_named_and_others_are_not() {
    let tunnel_misses = Rate { per_second: 10, burst: 3 };
    let mut w = World::with(ForwarderConfig { tunnel_misses, ..ForwarderConfig::new(place(1).locators) });
    let held =
        |w: &mut World, from: u8| (0..100).filter(|n| w.tunnel(from, from + 8 + 2 * n, 0) == Verdict::Held).count();

    assert_eq!([held(&mut w, 2), held(&mut w, 3)], [3, 3]);
    let told = |from| Notice::LimitedNve { from: ip(from), what: Limit::Misses, count: 1 };
    let named = w.notices().into_iter().filter(|notice| !matches!(notice, Notice::Miss { .. }));
    assert_eq!(named.collect::<Vec<_>>(), [told(2), told(3)]);
    assert_eq!(w.dropped(DropReason::TunnelMissLimited), 194);
    assert_eq!(w.tunnel(2, 1, 0), Verdict::Deliver(P1), "what is known is not limited");
    w.f.check();
}

/// The bound of one tunnelled frame: it has no more bytes than the hint that it causes.
#[test]
fn a_frame_that_is_shorter_than_a_hint_causes_none() {
    let mut w = World::new();
    let mut tunnelled = |length| {
        let _ = w.f.tunnel_frame(w.now, ip(9), OTHER_VN, &frame(mac(8), mac(9), 0)[..length]);
        w.notices().len()
    };

    assert_eq!([tunnelled(14), tunnelled(45), tunnelled(46), tunnelled(100)], [0, 0, 1, 1]);
}
