//! Forwarding allocates nothing once it is warm.
#![allow(clippy::unwrap_used, reason = "a test's own helper")]

use core::net::{IpAddr, Ipv4Addr};
use nvo3_mobility::forwarder::{DropReason, Forwarder, ForwarderConfig, Target, Verdict};
use nvo3_mobility::table::{Action, Binding, Bum, Change, Entry, Gate, Lane, Port, Route, TableChange, VapId};
use nvo3_nva_proto::{HoldLimits, Instant, Locators, Micros, NveId, Place, TsiKey, Version};
use nvo3_wire::{Mac, Vni};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const VN: Vni = Vni::from_bytes([0, 0, 7]);
const LIMITS: HoldLimits = HoldLimits { frames: 64, bytes: 64 * 1024, age: Micros::from_secs(3) };
const HERE: Mac = Mac([2, 0, 0, 0, 0, 1]);
const ALSO_HERE: Mac = Mac([2, 0, 0, 0, 0, 2]);
const ROUTED: Mac = Mac([2, 0, 0, 0, 0, 3]);
const FORWARDED: Mac = Mac([2, 0, 0, 0, 0, 4]);
const HELD: Mac = Mac([2, 0, 0, 0, 0, 5]);
const LEAVING: Mac = Mac([2, 0, 0, 0, 0, 6]);

const fn ip(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))
}

const fn place(n: u8) -> Place {
    Place { nve: NveId(n as u64), locators: Locators::V4(Ipv4Addr::new(192, 0, 2, n)) }
}

fn frame(to: Mac, from: Mac) -> [u8; 1_514] {
    let mut frame = [0; 1_514];
    frame[..6].copy_from_slice(&to.0);
    frame[6..12].copy_from_slice(&from.0);
    frame[12..15].copy_from_slice(&[8, 0, 0x45]);
    frame[26..30].copy_from_slice(&[203, 0, 113, from.0[5]]);
    frame
}

fn tsi(mac: Mac, vap: Option<u32>, entry: Option<Entry>, route: Option<Route>) -> Change {
    let (key, replay_since) = (TsiKey { vn: VN, mac }, Some(Instant(0)));
    Change::Tsi { key, vap: vap.map(VapId), entry, route, version: Version::default(), limits: LIMITS, replay_since }
}

fn healthy() -> (Forwarder, u64) {
    let bound = |mac: Mac| vec![Binding { mac, ips: vec![IpAddr::V4(Ipv4Addr::new(203, 0, 113, mac.0[5]))] }];
    let port = |vap, mac| Change::Port { vap: VapId(vap), port: Some(Port::untrusted(VN, bound(mac))) };
    let changes = [
        port(1, HERE),
        port(2, ALSO_HERE),
        port(3, LEAVING),
        tsi(HERE, Some(1), Some(Entry::DELIVER), None),
        tsi(ALSO_HERE, Some(2), Some(Entry::DELIVER), None),
        tsi(ROUTED, None, None, Some(Route::At(place(2)))),
        tsi(FORWARDED, None, Some(Entry::all(Action::Tunnel(place(3)), Bum::Skip, Gate::Open)), None),
        tsi(HELD, None, Some(Entry::all(Action::Hold(Lane::Direct), Bum::Skip, Gate::Open)), None),
        tsi(LEAVING, Some(3), Some(Entry::DELIVER_AND_REMEMBER), None),
        Change::Members { vn: VN, locators: vec![ip(2), ip(3), ip(4)], sources: vec![ip(2), ip(3), ip(4)] },
    ];
    let mut forwarder = Forwarder::new(ForwarderConfig::new(place(1).locators), 1).unwrap();
    let count = changes.len() as u64;
    for (number, change) in (1..).zip(changes) {
        forwarder.apply(&TableChange { number, change }).unwrap();
    }
    (forwarder, count)
}

fn forward(forwarder: &mut Forwarder, frames: &[[u8; 1_514]; 6]) {
    let [here, routed, forwarded, held, leaving, group] = frames;
    let now = Instant(0);
    for _ in 0..1_000 {
        assert_eq!(forwarder.vap_frame(now, VapId(1), here), Verdict::Deliver(VapId(2)));
        assert_eq!(forwarder.vap_frame(now, VapId(1), routed), Verdict::Tunnel { to: ip(2), vn: VN });
        assert_eq!(forwarder.tunnel_frame(now, ip(4), VN, here), Verdict::Deliver(VapId(2)));
        let stranger = forwarder.tunnel_frame(now, ip(9), VN, here);
        assert!(matches!(stranger, Verdict::Held | Verdict::Drop(DropReason::StrangerOverflow)));
        assert_eq!(forwarder.tunnel_frame(now, ip(4), VN, forwarded), Verdict::Tunnel { to: ip(3), vn: VN });
        assert_eq!(forwarder.vap_frame(now, VapId(1), group), Verdict::Replicate);
        assert_eq!(forwarder.vap_frame(now, VapId(1), held), Verdict::Held);
        assert_eq!(forwarder.tunnel_frame(now, ip(4), VN, leaving), Verdict::Deliver(VapId(3)));
        while forwarder.poll_notice().is_some() {}
    }
}

/// One test only: the counter counts the allocations of the whole process.
#[test]
fn a_warm_forwarder_allocates_nothing_for_a_frame_held_remembered_or_neither() {
    let (mut forwarder, mut number) = healthy();
    let frames = [ALSO_HERE, ROUTED, FORWARDED, HELD, LEAVING, Mac::BROADCAST].map(|to| frame(to, HERE));
    let opened = tsi(HELD, None, Some(Entry::all(Action::Tunnel(place(2)), Bum::Skip, Gate::Open)), None);
    let closed = tsi(HELD, None, Some(Entry::all(Action::Hold(Lane::Direct), Bum::Skip, Gate::Open)), None);
    let leaving = tsi(LEAVING, Some(3), Some(Entry::DELIVER_AND_REMEMBER), None);
    let stopped = tsi(LEAVING, Some(3), Some(Entry::all(Action::Tunnel(place(2)), Bum::Skip, Gate::Open)), None);
    let mut out = Vec::with_capacity(2_048);
    let mut orders = |change: &Change| {
        number += 1;
        TableChange { number, change: change.clone() }
    };

    for round in 0..3 {
        let [open, stop, close, leave] = [&opened, &stopped, &closed, &leaving].map(&mut orders);
        let region = Region::new(ALLOCATOR);
        forward(&mut forwarder, &frames);
        forwarder.apply(&open).unwrap();
        forwarder.apply(&stop).unwrap();
        let mut left = 0_u64;
        while let Some(target) = forwarder.poll_flush(Instant(0), &mut |_| true, &mut out) {
            assert_eq!(target, Target::Tunnel { to: ip(2), vn: VN });
            left += 1;
        }
        forwarder.apply(&close).unwrap();
        forwarder.apply(&leave).unwrap();
        let used = region.change();

        assert_eq!(left, 2 * u64::from(LIMITS.bytes) / 1_514);
        if round > 0 {
            assert_eq!((used.allocations, used.reallocations), (0, 0));
        }
    }
}
