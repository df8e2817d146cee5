//! Addresses that a TSI shows by its own frames, at a port whose policy lets it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::nve::{self, Handled};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Micros, MoveId, NveId, Tsi};
use nvo3_tests::direct::{Direct, tsi};
use nvo3_wire::arp;
use std::net::{IpAddr, Ipv4Addr};

fn ip(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, n)
}

/// TSI 1 with its MAC alone at edge 1, where it may learn two addresses; TSI 2 at edge 2.
fn world() -> Direct {
    let mut world = Direct::new(3);
    attach(&mut world, 0);
    world.tell(0, nve::Input::Activate { key: tsi(1).key, move_id: None });
    world.start(1, 1, tsi(2));
    world
}

fn attach(world: &mut Direct, edge: usize) {
    let mut policy = PortPolicy::untrusted();
    policy.learn_addresses = 2;
    let tsis = vec![Tsi { ips: Vec::new(), ..tsi(1) }];
    world.tell(edge, nve::Input::Attach { vap: VapId(1), vn: tsi(1).key.vn, tsis, policy });
}

fn announces(world: &mut Direct, edge: usize, n: u8, address: u8) -> Handled {
    let mut frame = [0; arp::FRAME_LEN];
    let length = arp::announcement(tsi(n).key.mac, ip(address).into(), &mut frame).unwrap();
    let handled = world.edges[edge].nve_mut().handle_frame(world.now, VapId(1), &frame[..length]);
    world.settle();
    handled
}

fn addresses(world: &Direct) -> Vec<IpAddr> {
    world.nva.book().ips(&tsi(1).key).to_vec()
}

/// Checks VMM-10-02.
#[test]
fn a_tsi_has_the_addresses_that_its_own_frames_show() {
    let mut world = world();
    assert!(world.nva.book().get(&tsi(1).key).is_some_and(|registration| registration.ips().is_empty()));

    assert_eq!(announces(&mut world, 0, 1, 11), Handled::Pass);
    assert_eq!(announces(&mut world, 0, 1, 12), Handled::Pass);
    assert_eq!(announces(&mut world, 0, 1, 13), Handled::Taken, "the policy allows two");

    assert_eq!(addresses(&world), [ip(11), ip(12)]);
    let counters = world.edges[0].nve().counters();
    assert_eq!((counters.learned_addresses, counters.shed_addresses, counters.spoofed), (2, 1, 1));
}

#[test]
fn an_address_of_another_tsi_is_unlearned() {
    let mut world = world();
    assert_eq!(announces(&mut world, 0, 1, 11), Handled::Pass);

    assert_eq!(announces(&mut world, 0, 1, 2), Handled::Pass);

    assert_eq!(addresses(&world), [ip(11)]);
    assert_eq!(announces(&mut world, 0, 1, 2), Handled::Taken, "it is not bound any more");
    world.run(Micros::from_secs(2));
    assert_eq!(announces(&mut world, 0, 1, 12), Handled::Pass);
    assert_eq!(addresses(&world), [ip(11), ip(12)]);
}

#[test]
fn a_tsi_learns_nothing_for_another_mac_and_at_other_ports() {
    let mut world = world();

    assert_eq!(announces(&mut world, 0, 3, 11), Handled::Taken);
    assert_eq!(announces(&mut world, 1, 2, 12), Handled::Taken);

    assert_eq!(world.edges[0].nve().counters().learned_addresses, 0);
}

/// Checks VMM-4.4-01.
#[test]
fn learned_addresses_move_with_the_tsi() {
    let mut world = world();
    assert_eq!(announces(&mut world, 0, 1, 11), Handled::Pass);
    let (key, id) = (tsi(1).key, MoveId(1));

    attach(&mut world, 2);
    world.plan(id.0, vec![key], 3);
    world.tell(0, nve::Input::Suspend { key, move_id: id, stopped_at: None });
    world.tell(2, nve::Input::Activate { key, move_id: Some(id) });

    let registration = world.nva.book().get(&key).unwrap();
    assert_eq!((registration.nve(), registration.ips()), (NveId(3), &[IpAddr::V4(ip(11))][..]));
    assert_eq!(announces(&mut world, 2, 1, 11), Handled::Pass);
    assert_eq!(world.edges[2].nve().counters().learned_addresses, 0, "the new edge had it from the directory");
    assert_eq!(addresses(&world), [ip(11)]);
}
