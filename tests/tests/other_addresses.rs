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

/// Who attached the port has said what the VM may use there. It is in force after the move, in the directory too, and the owner hears of the
/// VM that goes on with what it had.
#[test]
fn the_addresses_of_the_target_s_port_count_after_a_move_and_the_owner_hears_of_others() {
    let mut world = Direct::new(2);
    let (vm, mut there) = (tsi(1), tsi(1));
    there.ips = vec![Ipv4Addr::new(192, 0, 2, 201).into()];
    world.start(0, 1, vm.clone());
    world.plan(9, vec![vm.key], 2);
    world.attach(1, 5, vec![there.clone()]);
    world.tell(0, Input::Suspend { key: vm.key, move_id: MoveId(9), stopped_at: None });
    world.tell(1, Input::Activate { key: vm.key, move_id: Some(MoveId(9)) });
    world.run(Micros::from_secs(5));

    let said = announces(&mut world, 1, 5, &vm);

    let found = world.nva.lookup(&vm.key).unwrap();
    assert_eq!((found.place.unwrap().nve.0, found.ips), (2, there.ips.clone()));
    assert!(!matches!(said, Verdict::Replicate), "{said:?}");
    let spoofed = |world: &Direct| -> Vec<Event> {
        world.edges[1].events.iter().filter(|event| matches!(event, Event::Spoofed { .. })).cloned().collect()
    };
    let told = [Event::Spoofed { vap: VapId(5), mac: vm.key.mac, ip: Some(vm.ips[0]) }];
    assert_eq!(spoofed(&world), told);
    world.run(Micros::from_secs(5));
    let _ = announces(&mut world, 1, 5, &there);
    assert_eq!(spoofed(&world), told, "its new address is its own");
}
