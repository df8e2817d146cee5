//! The limits of one port and of one NVE on frames that cost others something.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::fairness::Limit;
use nvo3_mobility::forwarder::{DropReason, ForwarderConfig, Verdict};
use nvo3_mobility::nve::Event;
use nvo3_mobility::table::VapId;
use nvo3_tests::direct::{Direct, place, tsi};
use nvo3_wire::Mac;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

fn frame(to: Mac, from: u8) -> Vec<u8> {
    let mut frame = [&to.0[..], &tsi(from).key.mac.0, &[8, 0, 0x45]].concat();
    frame.resize(60, 0);
    frame[26..30].copy_from_slice(&[192, 0, 2, from]);
    frame
}

/// TSIs 1 and 2 behind two ports of edge 1, TSI 3 at edge 2, TSI 4 at edge 3.
fn world() -> Direct {
    let mut world = Direct::new(3);
    for (edge, vap, n) in [(0, 1, 1), (0, 2, 2), (1, 1, 3), (2, 1, 4)] {
        world.start(edge, vap, tsi(n));
    }
    world
}

/// Checks I12.
#[test]
fn a_port_that_floods_groups_is_limited_and_named_and_others_are_not() {
    let mut world = world();
    let burst = ForwarderConfig::new(place(1).locators).groups.burst as usize;
    let mut sent = |n: u8, count: usize| {
        let (now, forwarder) = (world.now, &mut world.edges[0].forwarder);
        let one =
            |_: &usize| forwarder.vap_frame(now, VapId(n.into()), &frame(Mac::BROADCAST, n)) == Verdict::Replicate;
        (0..count).filter(one).count()
    };

    assert_eq!((sent(1, burst + 100), sent(2, 100)), (burst, 100));

    world.settle();
    let edge = &world.edges[0];
    assert_eq!(edge.forwarder.counters().dropped_frames(DropReason::GroupLimited), 100);
    let named = Event::Limited { vap: VapId(1), what: Limit::Groups, count: 1 };
    assert_eq!(edge.events.iter().filter(|event| matches!(event, Event::Limited { .. })).collect::<Vec<_>>(), [&named]);
}

/// Checks I12.
#[test]
fn an_nve_that_sends_to_everybody_is_limited_and_named_and_others_are_not() {
    let mut world = world();
    let burst = ForwarderConfig::new(place(1).locators).tunnel_misses.burst as usize;
    let from = |n: u8| IpAddr::V4(Ipv4Addr::new(198, 51, 100, n));
    let mut sent = |(nve, sender): (u8, u8), numbers: Range<usize>| {
        let (now, forwarder) = (world.now, &mut world.edges[0].forwarder);
        let one = |n: &usize| {
            let [.., high, low] = n.to_be_bytes();
            let to = Mac([2, 7, 7, nve, high, low]);
            forwarder.tunnel_frame(now, from(nve), tsi(1).key.vn, &frame(to, sender)) == Verdict::Held
        };
        let held = numbers.filter(one).count();
        world.settle();
        held
    };

    assert_eq!([sent((2, 3), 0..burst), sent((2, 3), burst..burst + 100), sent((3, 4), 0..100)], [burst, 0, 100]);

    let edge = &world.edges[0];
    assert_eq!(edge.forwarder.counters().dropped_frames(DropReason::TunnelMissLimited), 100);
    let named = Event::LimitedNve { from: from(2), what: Limit::Misses, count: 1 };
    assert_eq!(
        edge.events.iter().filter(|event| matches!(event, Event::LimitedNve { .. })).collect::<Vec<_>>(),
        [&named]
    );
}
