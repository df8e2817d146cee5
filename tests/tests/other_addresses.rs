//! The port at a move's target lists other addresses than the VM had.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use nvo3_mobility::forwarder::Verdict;
use nvo3_mobility::nve::{Event, Handled, Input};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Micros, MoveId, Tsi};
use nvo3_tests::direct::{Direct, tsi};
use nvo3_wire::arp;
use std::net::{IpAddr, Ipv4Addr};

/// The VM says an address of its own at its port. Gives the forwarder's verdict.
fn announces(world: &mut Direct, edge: usize, vap: u32, vm: &Tsi) -> Verdict {
    let IpAddr::V4(ip) = vm.ips[0] else { return Verdict::Held };
    let mut frame = vec![0; 60];
    arp::announcement(vm.key.mac, ip.into(), &mut frame).unwrap();
    let (now, at, vap) = (world.now, &mut world.edges[edge], VapId(vap));
    let mut verdict = at.forwarder.vap_frame(now, vap, &frame);
    if verdict == Verdict::Punt && at.nve_mut().handle_frame(now, vap, &frame) == Handled::Pass {
        verdict = at.forwarder.vap_frame_passed(now, vap, &frame);
    }
    world.settle();
    verdict
}

/// The VM goes on with what it had, and has what the port at the target lists too. The owner hears of it.
///
/// Checks VMM-3-02.
#[test]
fn a_vm_keeps_its_addresses_in_a_move_to_a_port_that_lists_another_one() {
    for attached_before in [true, false] {
        let mut world = Direct::new(3);
        let (vm, mut there) = (tsi(1), tsi(1));
        there.ips = vec![Ipv4Addr::new(192, 0, 2, 201).into()];
        world.start(0, 1, vm.clone());
        world.start(2, 1, tsi(3));
        if attached_before {
            world.attach(1, 5, vec![there.clone()]);
        }
        world.plan(9, vec![vm.key], 2);
        if !attached_before {
            world.attach(1, 5, vec![there.clone()]);
        }
        world.tell(0, Input::Suspend { key: vm.key, move_id: MoveId(9), stopped_at: None });
        world.tell(1, Input::Activate { key: vm.key, move_id: Some(MoveId(9)) });

        for has in [&vm, &there] {
            assert_eq!(announces(&mut world, 1, 5, has), Verdict::Replicate);
        }
        let found = world.nva.lookup(&vm.key).unwrap();
        assert_eq!((found.place.unwrap().nve.0, found.ips), (2, [&there.ips[..], &vm.ips].concat()));
        let unlisted = Event::Unlisted { key: vm.key, ips: vm.ips.clone() };
        assert_eq!(world.edges[1].events.iter().filter(|event| **event == unlisted).count(), 1);
        assert_eq!(world.edges[1].nve().counters().spoofed, 0);

        // Who attaches the port again says that the old address is over.
        world.attach(1, 5, vec![there.clone()]);
        world.run(Micros::from_secs(1));
        assert_eq!(world.nva.lookup(&vm.key).unwrap().ips, there.ips);
        assert!(!matches!(announces(&mut world, 1, 5, &vm), Verdict::Replicate));
        assert_eq!(world.edges[1].nve().counters().spoofed, 1);
    }
}

/// A VM that does not use an unlisted address for long loses it.
#[test]
fn an_unlisted_address_that_the_vm_does_not_use_ends() {
    let mut world = Direct::new(2);
    let (vm, mut there) = (tsi(1), tsi(1));
    there.ips = vec![Ipv4Addr::new(192, 0, 2, 201).into()];
    world.start(0, 1, vm.clone());
    world.plan(9, vec![vm.key], 2);
    world.attach(1, 5, vec![there.clone()]);
    world.tell(0, Input::Suspend { key: vm.key, move_id: MoveId(9), stopped_at: None });
    world.tell(1, Input::Activate { key: vm.key, move_id: Some(MoveId(9)) });

    world.run(Micros::from_secs(600));

    assert_eq!(world.nva.lookup(&vm.key).unwrap().ips, there.ips);
}
