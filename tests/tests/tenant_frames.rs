//! The frames that tenants get in a move: announcements of addresses, and no errors.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use nvo3_mobility::forwarder::{DropReason, Target, Verdict};
use nvo3_mobility::nve::{self, Handled};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Micros, MoveId};
use nvo3_tests::direct::{Direct, peer, tsi};
use nvo3_wire::{Ipv6, arp, nd};

const MOVE: MoveId = MoveId(9);
const PORT: VapId = VapId(1);

/// The VM runs at edge 0 and a correspondent at edge 2, and edge 1 has a port for the VM.
fn world() -> Direct {
    let mut world = Direct::new(3);
    let mut vm = tsi(1);
    vm.ips.push("fd00::1".parse().unwrap());
    world.start(0, PORT.0, vm.clone());
    world.start(2, PORT.0, tsi(3));
    world.attach(1, PORT.0, vec![vm]);
    world
}

fn suspend(world: &mut Direct) {
    let key = tsi(1).key;
    world.plan(MOVE.0, vec![key], 2);
    world.tell(0, nve::Input::Suspend { key, move_id: MOVE, stopped_at: None });
}

/// The announcement may be one that the guest sends after a hot move, or one that the hypervisor sends for a silent guest.
///
/// Checks VMM-7-04, VMM-4.2-17.
#[test]
fn an_announcement_after_a_hot_move_goes_to_everyone() {
    let key = tsi(1).key;
    let mut frames = [vec![0; 60], vec![0; 60], vec![0; 90]];
    arp::announcement(key.mac, std::net::Ipv4Addr::new(192, 0, 2, 1).into(), &mut frames[0]).unwrap();
    arp::rarp_request(key.mac, &mut frames[1]).unwrap();
    let ip = "fd00::1".parse::<std::net::Ipv6Addr>().unwrap();
    let length = nd::announcement(key.mac, ip.into(), nd::To::AllNodes, true, &mut frames[2]).unwrap();
    frames[2].truncate(length);

    for frame in frames {
        let mut world = world();
        suspend(&mut world);
        world.tell(1, nve::Input::Activate { key, move_id: Some(MOVE) });
        let (now, at) = (world.now, &mut world.edges[1]);

        assert_eq!(at.forwarder.vap_frame(now, PORT, &frame), Verdict::Punt);
        assert_eq!(at.nve_mut().handle_frame(now, PORT, &frame), Handled::Pass);
        assert_eq!(at.forwarder.vap_frame_passed(now, PORT, &frame), Verdict::Replicate);
        assert!(at.forwarder.replicas().contains(&Target::Tunnel { to: peer(3).ip(), vn: key.vn }));
    }
}

/// Checks VMM-5-12.
#[test]
fn a_frame_for_nobody_at_this_edge_is_delivered_to_nobody_and_its_sender_asks_again() {
    let key = tsi(1).key;
    let mut frame = vec![0; 60];
    frame[..14].copy_from_slice(&[&key.mac.0[..], &tsi(3).key.mac.0, &[8, 0]].concat());
    let mut world = world();
    for _ in 0..2 {
        let _ = world.edges[2].forwarder.vap_frame(world.now, PORT, &frame);
        world.settle();
    }
    let asked = world.edges[2].nve().counters().queries;
    // Edge 0 comes back without the VM's port, and the VM runs nowhere.
    world.restart_edge(0);

    // It has run for a while: until then the frame would wait for what the NVA says.
    world.edges[0].forwarder.handle_timeout(world.now);
    world.run(Micros::from_secs(4));
    let (now, from) = (world.now, peer(3).ip());
    let verdict = world.edges[0].forwarder.tunnel_frame(now, from, key.vn, &frame);
    world.settle();

    assert_eq!(verdict, Verdict::Drop(DropReason::UnknownVn));
    assert_eq!(world.edges[0].nve().counters().hints_sent, 1);
    let sender = world.edges[2].nve().counters();
    assert_eq!((sender.hints_received, sender.queries), (1, asked + 1));
}

/// Checks VMM-5-14.
#[test]
fn a_frame_that_goes_nowhere_or_a_long_way_is_answered_by_no_icmp() {
    let mut world = world();
    let vm = tsi(1).key;
    // TTL and hop limit are 1: they end at the next router, and an edge is not a router.
    let mut v4 = vec![0; 60];
    v4[..6].copy_from_slice(&vm.mac.0);
    v4[6..12].copy_from_slice(&tsi(3).key.mac.0);
    v4[12..34].copy_from_slice(&[8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 1, 17, 0, 0, 192, 0, 2, 3, 192, 0, 2, 1]);
    let mut v6 = v4.clone();
    v6[12..22].copy_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 6, 17, 1]);
    v6[22..38].copy_from_slice(&Ipv6::link_local(tsi(3).key.mac).0);
    let send = |world: &mut Direct, frame: &[u8]| {
        let verdict = world.edges[2].forwarder.vap_frame(world.now, PORT, frame);
        world.settle();
        verdict
    };

    let mut to_nobody = v4.clone();
    to_nobody[..6].copy_from_slice(&tsi(99).key.mac.0);
    assert_eq!(send(&mut world, &to_nobody), Verdict::Held, "asked for");
    assert_eq!(send(&mut world, &to_nobody), Verdict::Drop(DropReason::UnknownDestination), "and there is none");

    assert_eq!(send(&mut world, &v4), Verdict::Held, "asked for");
    let now = world.now;
    assert!(world.edges[2].forwarder.poll_flush(now, &mut |_| true, &mut Vec::new()).is_some());
    suspend(&mut world);
    for frame in [&v4, &v6] {
        assert_eq!(send(&mut world, frame), Verdict::Tunnel { to: peer(2).ip(), vn: vm.vn });
        let (now, old) = (world.now, &mut world.edges[0].forwarder);
        let sent_on = old.tunnel_frame(now, peer(3).ip(), vm.vn, frame);
        assert_eq!(sent_on, Verdict::Tunnel { to: peer(2).ip(), vn: vm.vn });
        (0..5_000).for_each(|_| _ = world.edges[1].forwarder.tunnel_frame(now, peer(3).ip(), vm.vn, frame));
    }
    world.run(Micros::from_secs(6));

    assert!(world.edges[1].forwarder.counters().dropped_frames(DropReason::HoldOverflow) > 0);
    for edge in &world.edges {
        assert_eq!(edge.said, [], "an edge has nothing to say to a tenant about it");
    }
}
