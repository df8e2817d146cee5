//! An edge announces the VMs that come to it at ports behind which nobody hears of them in another way.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::nve;
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Instant, Micros, MoveId, Role, Tsi};
use nvo3_tests::direct::{Direct, tsi};
use nvo3_wire::announce::{self, Kind};
use nvo3_wire::{Ipv6, Mac, Vni};
use std::net::IpAddr;

/// The port with a legacy segment behind it.
const SEGMENT: u32 = 100;
/// An announcement: the port, the MAC, and the address if it names one.
type Said = (u32, Mac, Option<IpAddr>);

const STEP: Micros = Micros::from_millis(10);

/// TSI `n` with an IPv6 address too. It is a router.
fn both(n: u8) -> Tsi {
    let mut tsi = tsi(n);
    tsi.ips.push(format!("2001:db8::{n}").parse().unwrap());
    tsi.role = Role::Router;
    tsi
}

fn segment(world: &mut Direct, vap: u32, vn: Vni, announce: bool) {
    let mut policy = PortPolicy::trusted();
    policy.announce = announce;
    world.tell(1, nve::Input::Attach { vap: VapId(vap), vn, tsis: vec![], policy });
}

/// Edge 2 has a segment that needs announcements, one that does not, and one in another VN. TSI 9 runs there, and TSI 1 at edge 1.
fn world() -> Direct {
    let mut world = Direct::new(2);
    let vn = tsi(1).key.vn;
    segment(&mut world, SEGMENT, vn, true);
    segment(&mut world, 101, vn, false);
    segment(&mut world, 102, Vni::new(8).unwrap(), true);
    world.start(1, 9, tsi(9));
    world.run(Micros::from_secs(10));
    world.edges[1].said.clear();
    world.start(0, 1, both(1));
    world
}

fn moves(world: &mut Direct) {
    world.attach(1, 1, vec![both(1)]);
    world.plan(10, vec![tsi(1).key], 2);
    world.tell(0, nve::Input::Suspend { key: tsi(1).key, move_id: MoveId(10), stopped_at: None });
    world.tell(1, nve::Input::Activate { key: tsi(1).key, move_id: Some(MoveId(10)) });
}

/// The announcements of edge 2 since the last time.
fn said(world: &mut Direct) -> Vec<Said> {
    let read = |(vap, frame): (VapId, Vec<u8>)| {
        let (mac, ip) = match announce::classify(&frame).unwrap() {
            Kind::RarpAnnouncement(arp) => (arp.sender_mac, None),
            Kind::GratuitousRequest(arp) => (arp.sender_mac, Some(IpAddr::V4(arp.sender_ip.addr()))),
            Kind::UnsolicitedNa(na) => {
                let flags = na.body.flags();
                assert_eq!((flags.solicited, flags.overrides, flags.router), (false, true, true));
                assert_eq!((na.ip.destination, na.ip.source), (Ipv6::ALL_NODES, na.body.target));
                (*na.target_link.unwrap(), Some(IpAddr::V6(na.body.target.addr())))
            }
            other => panic!("{other:?}"),
        };
        (vap.0, mac, ip)
    };
    core::mem::take(&mut world.edges[1].said).into_iter().map(read).collect()
}

/// Lets time pass. Gives the announcements, each with the tenths of a second since `start`.
fn run(world: &mut Direct, start: Instant, length: Micros) -> Vec<(u64, Said)> {
    let mut all = Vec::new();
    let end = world.now + length;
    loop {
        let tenths = (world.now - start).0 / 100_000;
        all.extend(said(world).into_iter().map(|said| (tenths, said)));
        if world.now >= end {
            return all;
        }
        world.run(STEP);
    }
}

/// Checks VMM-4.2-01, VMM-4.2-19, VMM-4.2-21, ARMD-04, ARMD-07, GND-03.
#[test]
fn a_vm_that_comes_is_announced_three_times_where_that_is_needed() {
    let mut world = world();
    let start = world.now;
    let before = world.edges[1].nve().counters().announcements;
    moves(&mut world);

    let announced = run(&mut world, start, Micros::from_secs(20));

    let once = [None, Some(both(1).ips[0]), Some(both(1).ips[1])].map(|ip| (SEGMENT, tsi(1).key.mac, ip));
    let expected: Vec<_> = [0, 10, 30].into_iter().flat_map(|at| once.map(|said| (at, said))).collect();
    assert_eq!(announced, expected);
    assert_eq!(world.edges[1].nve().counters().announcements, before + 9);
    assert_eq!(world.edges[0].nve().counters().announcements, 0);
}

/// Checks VMM-4.2-01.
#[test]
fn a_vm_that_starts_without_a_move_is_announced_and_one_that_left_is_not_announced_again() {
    let mut world = world();
    let start = world.now;
    world.start(1, 2, tsi(2));
    assert_eq!(run(&mut world, start, Micros::from_millis(500)).len(), 2);

    world.tell(1, nve::Input::Detach { vap: VapId(2) });

    assert_eq!(run(&mut world, start, Micros::from_secs(10)), []);
}

#[test]
fn a_port_that_is_attached_again_without_the_policy_hears_nothing() {
    let mut world = world();
    segment(&mut world, SEGMENT, tsi(1).key.vn, false);
    let start = world.now;
    moves(&mut world);
    assert_eq!(run(&mut world, start, Micros::from_secs(5)), []);

    segment(&mut world, SEGMENT, tsi(1).key.vn, true);
    world.tell(1, nve::Input::Detach { vap: VapId(SEGMENT) });
    world.start(1, 2, tsi(2));
    assert_eq!(run(&mut world, start, Micros::from_secs(5)), []);
}

/// Checks I12.
#[test]
fn many_vms_that_come_at_once_are_announced_at_a_pace() {
    let mut world = world();
    let start = world.now;
    let tsis: Vec<Tsi> = (20..120).map(tsi).collect();
    world.attach(1, 3, tsis.clone());
    tsis.iter().for_each(|tsi| world.tell(1, nve::Input::Activate { key: tsi.key, move_id: None }));

    let announced = run(&mut world, start, Micros::from_secs(20));

    assert_eq!(announced.len(), 100 * 3 * 2);
    let most = (0..200).map(|at| announced.iter().filter(|(tenths, _)| *tenths == at).count()).max();
    assert!(most.unwrap() <= 2 * 22, "{most:?} in 100 ms");
}
