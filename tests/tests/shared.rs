//! An address that several VMs share: a virtual router of VRRP.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::forwarder::Verdict;
use nvo3_mobility::nva;
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::nve::{self, Error, Handled};
use nvo3_mobility::table::{Binding, PortPolicy, VapId};
use nvo3_nva_proto::{Micros, MoveId, NveId, Tsi, TsiKey};
use nvo3_tests::direct::{Direct, tsi};
use nvo3_wire::{Mac, arp};
use std::net::{IpAddr, Ipv4Addr};

const VIRTUAL: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

fn shared() -> Binding {
    Binding { mac: Mac([0, 0, 0x5e, 0, 1, 10]), ips: vec![IpAddr::V4(VIRTUAL)] }
}

fn key() -> TsiKey {
    TsiKey { mac: shared().mac, ..tsi(1).key }
}

/// Attaches the router `n` to a port that shares the address.
fn attach(world: &mut Direct, edge: usize, vap: u32, n: u8) {
    let mut policy = PortPolicy::untrusted();
    policy.shared = vec![shared()];
    world.tell(edge, nve::Input::Attach { vap: VapId(vap), vn: tsi(n).key.vn, tsis: vec![tsi(n)], policy });
}

fn router(world: &mut Direct, edge: usize, vap: u32, n: u8) {
    attach(world, edge, vap, n);
    world.tell(edge, nve::Input::Activate { key: tsi(n).key, move_id: None });
}

/// Router 1 at edge 1, router 2 at edge 2, and a host at edge 3 that may not have the address.
fn world() -> Direct {
    let mut world = Direct::new(4);
    router(&mut world, 0, 1, 1);
    router(&mut world, 1, 1, 2);
    world.start(2, 1, tsi(3));
    world
}

fn gratuitous(mac: Mac) -> Vec<u8> {
    let mut frame = [0; arp::FRAME_LEN];
    let length = arp::announcement(mac, VIRTUAL.into(), &mut frame).unwrap();
    frame[..length].to_vec()
}

/// The router behind this port becomes the master.
fn announces(world: &mut Direct, edge: usize, vap: u32) -> bool {
    let handled = world.edges[edge].nve_mut().handle_frame(world.now, VapId(vap), &gratuitous(shared().mac));
    world.settle();
    handled == Handled::Pass
}

/// The edge where the authority has the address, and the port and the edge's state there.
fn holder(world: &Direct) -> Option<(u64, VapId)> {
    let NveId(nve) = world.nva.book().get(&key())?.nve();
    let edge = world.edges[nve as usize - 1].nve();
    assert_eq!(edge.state(&key()).state, State::Here);
    for other in world.edges.iter().map(|edge| edge.nve()).filter(|other| other.place().nve != NveId(nve)) {
        assert_ne!(other.state(&key()).state, State::Here, "{:?}", other.place());
        assert_eq!(other.port_of(&key()), None);
    }
    Some((nve, edge.port_of(&key()).unwrap()))
}

fn duplicates(world: &Direct) -> usize {
    world.events.iter().filter(|event| matches!(event, nva::Event::Duplicate(_))).count()
}

#[test]
fn the_last_announcer_of_a_shared_address_has_it_and_nobody_is_a_duplicate() {
    let mut world = world();
    assert_eq!(holder(&world), None, "nobody has announced it");

    for edge in [0, 1].repeat(20) {
        assert!(announces(&mut world, edge, 1));
        assert_eq!(holder(&world), Some((edge as u64 + 1, VapId(1))));
        world.run(Micros::from_millis(50));
    }

    assert_eq!(duplicates(&world), 0);
    assert!(!world.nva.book().is_frozen(&key()));
    assert_eq!(world.edges.iter().map(|edge| edge.nve().counters().probes).sum::<u64>(), 0, "no VM is asked");
    assert!(world.events.iter().all(|event| !matches!(event, nva::Event::ClaimRefused { .. })));
}

#[test]
fn the_backup_takes_a_shared_address_from_a_dead_edge_at_once() {
    let mut world = world();
    announces(&mut world, 0, 1);
    world.silence(0);

    announces(&mut world, 1, 1);

    assert_eq!(world.nva.book().get(&key()).unwrap().nve(), NveId(2));
    assert_eq!(world.edges[1].nve().state(&key()).state, State::Here);
    world.hear(0);
    world.run(Micros::from_secs(30));
    assert_eq!(holder(&world), Some((2, VapId(1))), "the old master's edge hears of it when it is back");
}

/// Checks VMM-10-02.
#[test]
fn a_port_outside_the_set_cannot_have_a_shared_address() {
    let mut world = world();
    announces(&mut world, 0, 1);

    assert!(!announces(&mut world, 2, 1));
    let own = gratuitous(tsi(3).key.mac);
    assert_eq!(world.edges[2].nve_mut().handle_frame(world.now, VapId(1), &own), Handled::Taken);
    let now = world.now;
    let forwarded = world.edges[2].forwarder.vap_frame(now, VapId(1), &gratuitous(shared().mac));
    assert!(matches!(forwarded, Verdict::Drop(_)), "{forwarded:?}");

    assert_eq!(holder(&world), Some((1, VapId(1))));
    assert_eq!(world.edges[2].nve().counters().spoofed, 2);
}

#[test]
fn a_shared_address_goes_from_port_to_port_of_one_edge() {
    let mut world = world();
    router(&mut world, 0, 2, 4);
    announces(&mut world, 0, 1);
    let records = world.records.len();

    announces(&mut world, 0, 2);

    assert_eq!(holder(&world), Some((1, VapId(2))));
    assert_eq!(world.records.len(), records, "the authority has nothing to do");
    world.tell(0, nve::Input::Detach { vap: VapId(2) });
    assert_eq!(holder(&world), None, "the port of the master is gone");
    announces(&mut world, 1, 1);
    assert_eq!(holder(&world), Some((2, VapId(1))));
}

#[test]
fn only_an_announcement_takes_a_shared_address() {
    let mut world = world();
    announces(&mut world, 0, 1);
    let advertisement = |mac: Mac, n: u8| {
        let ethernet = [&[1, 0, 0x5e, 0, 0, 18][..], &mac.0, &[8, 0]].concat();
        let ip = [0x45, 0, 0, 20, 0, 0, 0, 0, 255, 112, 0, 0, 192, 0, 2, n, 224, 0, 0, 18];
        [&ethernet[..], &ip].concat()
    };

    // The backup may advertise itself before it announces the address: the master must hear it. A host answers from its own MAC.
    let now = world.now;
    for (mac, n, passes) in [(shared().mac, 2, true), (shared().mac, 1, false), (tsi(2).key.mac, 254, true)] {
        let forwarded = world.edges[1].forwarder.vap_frame(now, VapId(1), &advertisement(mac, n));
        assert_eq!(matches!(forwarded, Verdict::Replicate), passes, "{n}: {forwarded:?}");
    }
    world.settle();

    assert_eq!(holder(&world), Some((1, VapId(1))));
}

/// Plans a move of these TSIs from edge 1 to edge 4, and carries it out.
fn moves(world: &mut Direct, keys: &[TsiKey]) {
    attach(world, 3, 1, 1);
    world.plan(1, keys.to_vec(), 4);
    world.tell(0, nve::Input::Suspend { key: tsi(1).key, move_id: MoveId(1), stopped_at: None });
    world.tell(3, nve::Input::Activate { key: tsi(1).key, move_id: Some(MoveId(1)) });
    assert_eq!(world.nva.book().get(&tsi(1).key).unwrap().nve(), NveId(4));
}

#[test]
fn a_shared_address_moves_with_its_holder() {
    let mut world = world();
    announces(&mut world, 0, 1);

    moves(&mut world, &[tsi(1).key, key()]);

    assert_eq!(holder(&world), Some((4, VapId(1))));
    world.tell(0, nve::Input::Detach { vap: VapId(1) });
    assert_eq!(holder(&world), Some((4, VapId(1))));
}

#[test]
fn a_port_that_is_attached_late_gets_the_shared_address_that_comes_with_its_vm() {
    let mut world = world();
    announces(&mut world, 0, 1);
    world.plan(1, vec![tsi(1).key, key()], 4);
    attach(&mut world, 3, 1, 1);

    world.tell(0, nve::Input::Suspend { key: tsi(1).key, move_id: MoveId(1), stopped_at: None });
    world.tell(3, nve::Input::Activate { key: tsi(1).key, move_id: Some(MoveId(1)) });

    assert_eq!(holder(&world), Some((4, VapId(1))));
}

#[test]
fn a_shared_address_stays_when_another_vm_moves() {
    let mut world = world();
    announces(&mut world, 1, 1);

    moves(&mut world, &[tsi(1).key]);

    assert_eq!(holder(&world), Some((2, VapId(1))));
    announces(&mut world, 3, 1);
    assert_eq!(holder(&world), Some((4, VapId(1))), "the moved VM may have it later");
}

#[test]
fn a_holder_is_known_again_after_a_restart_of_its_edge() {
    let mut world = world();
    announces(&mut world, 0, 1);
    world.restart_edge(0);
    world.tell(0, nve::Input::Connect);

    let mut policy = PortPolicy::untrusted();
    policy.shared = vec![shared()];
    let tsis = vec![tsi(1), Tsi { key: key(), ips: shared().ips, ..tsi(1) }];
    world.tell(0, nve::Input::Attach { vap: VapId(1), vn: tsi(1).key.vn, tsis, policy });
    world.tell(0, nve::Input::Activate { key: key(), move_id: None });
    assert_eq!(holder(&world), Some((1, VapId(1))));

    announces(&mut world, 1, 1);
    assert_eq!(holder(&world), Some((2, VapId(1))));
}

#[test]
fn no_foreign_mac_and_no_mac_without_an_address_is_shared() {
    let mut world = world();
    for wrong in [Binding { ips: Vec::new(), ..shared() }, Binding { mac: tsi(8).key.mac, ..shared() }] {
        let mut policy = PortPolicy::untrusted();
        policy.shared = vec![wrong];
        let (now, vn) = (world.now, tsi(9).key.vn);
        let attach = nve::Input::Attach { vap: VapId(9), vn, tsis: vec![tsi(9)], policy };
        let refused = world.edges[0].nve_mut().handle(now, attach);
        assert!(matches!(refused, Err(Error::Malformed(_))), "{refused:?}");
    }
}
