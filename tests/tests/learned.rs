//! Addresses that a TSI shows by its own frames, at a port whose policy lets it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::fairness::Limit;
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::nve::{self, Handled};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Micros, MoveId, NveId, Tsi, TsiKey};
use nvo3_tests::direct::{Direct, tsi};
use nvo3_wire::{Ipv4, Mac, arp, nd};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

fn ip6(n: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n)
}

/// Lets time pass. TSI 1 answers each probe if it still has the address.
fn passes(world: &mut Direct, seconds: u64, has: &[u8]) {
    for _ in 0..seconds {
        world.run(Micros::from_secs(1));
        for (vap, probe) in core::mem::take(&mut world.edges[0].said) {
            let asked = has.iter().find(|n| probe.get(38..42) == Some(&ip(**n).octets()[..]));
            let (Some(n), Some(asker)) = (asked, probe.get(6..12)) else { continue };
            let (mac, asker) = (Mac(probe[..6].try_into().unwrap()), Mac(asker.try_into().unwrap()));
            let mut frame = [0; arp::FRAME_LEN];
            let length = arp::reply((mac, ip(*n).into()), (asker, Ipv4([0; 4])), &mut frame).unwrap();
            let _ = world.edges[0].nve_mut().handle_frame(world.now, vap, &frame[..length]);
        }
        world.settle();
    }
}

#[test]
fn a_learned_address_ends_when_its_tsi_does_not_have_it_any_more() {
    let mut world = world();
    assert_eq!(announces(&mut world, 0, 1, 11), Handled::Pass);
    assert_eq!(announces(&mut world, 0, 1, 12), Handled::Pass);

    passes(&mut world, 299, &[12]);
    assert_eq!(addresses(&world), [ip(11), ip(12)]);
    passes(&mut world, 2, &[12]);

    assert_eq!(addresses(&world), [ip(12)]);
    let counters = *world.edges[0].nve().counters();
    assert_eq!((counters.aged_addresses, counters.probes), (1, 6), "each was asked for, the silent one four times");
    passes(&mut world, 1_000, &[12]);
    assert_eq!(addresses(&world), [ip(12)]);
    assert_eq!(announces(&mut world, 0, 1, 13), Handled::Pass, "there is room for another one");
}

#[test]
fn a_tsi_that_does_not_run_keeps_what_it_learned() {
    let mut world = world();
    assert_eq!(announces(&mut world, 0, 1, 11), Handled::Pass);
    let (key, move_id) = (tsi(1).key, MoveId(1));
    world.plan(1, vec![key], 3);
    world.tell(0, nve::Input::Suspend { key, move_id, stopped_at: None });

    passes(&mut world, 600, &[]);
    assert_eq!(
        world.edges[0].nve().state(&key).state.name(),
        "halted",
        "the move was called off, and nobody resumed the VM"
    );
    assert_eq!((addresses(&world), world.edges[0].nve().counters().probes), (vec![ip(11).into()], 0));
    world.tell(0, nve::Input::Activate { key, move_id: None });
    passes(&mut world, 500, &[]);

    assert_eq!(addresses(&world), [] as [IpAddr; 0]);
}

#[test]
fn a_tsi_learns_only_addresses_of_the_prefixes_of_its_port() {
    let mut world = world();
    let mut policy = PortPolicy::untrusted();
    policy.learn_addresses = 2;
    policy.learn_within = vec!["192.0.2.8/29".parse().unwrap()];
    let tsis = vec![Tsi { ips: Vec::new(), ..tsi(1) }];
    world.tell(0, nve::Input::Attach { vap: VapId(1), vn: tsi(1).key.vn, tsis, policy });

    assert_eq!(announces(&mut world, 0, 1, 16), Handled::Taken);
    assert_eq!(announces(&mut world, 0, 1, 15), Handled::Pass);

    assert_eq!(addresses(&world), [ip(15)]);
}

fn probes(world: &mut Direct, address: Ipv6Addr) -> Handled {
    let mut frame = [0; nd::FRAME_LEN];
    let dad = nd::Solicit::dad(tsi(1).key.mac, address.into(), None);
    let length = nd::solicitation(&dad, &mut frame).unwrap();
    let handled = world.edges[0].nve_mut().handle_frame(world.now, VapId(1), &frame[..length]);
    world.settle();
    handled
}

/// A host uses a temporary address after its DAD, without another word.
#[test]
fn a_tsi_has_an_address_that_it_probed_and_that_nobody_has() {
    let mut world = world();
    world.start(1, 2, Tsi { ips: vec![IpAddr::V6(ip6(3))], ..tsi(3) });

    assert_eq!(probes(&mut world, ip6(5)), Handled::Taken);
    assert_eq!(addresses(&world), [ip6(5)]);
    assert_eq!(world.edges[0].said.len(), 0, "it hears no answer");
    world.run(Micros::from_secs(2));
    assert_eq!(probes(&mut world, ip6(3)), Handled::Taken);

    assert_eq!(addresses(&world), [ip6(5)]);
    assert_eq!(world.edges[0].said.len(), 1, "it hears that another one has the address");
    world.run(Micros::from_secs(2));
    assert_eq!([6, 7].map(|n| probes(&mut world, ip6(n))), [Handled::Taken; 2]);
    assert_eq!(addresses(&world), [ip6(5), ip6(6)], "the policy allows two");
}

#[test]
fn what_was_learned_is_there_after_a_restart_of_the_edge() {
    let mut world = bridge(2);
    assert_eq!(announces(&mut world, 0, 21, 121), Handled::Pass);
    let learned: Vec<_> = world.edges[0].nve().learned().collect();
    assert_eq!(learned, [(VapId(1), Tsi { ips: vec![ip(121).into()], ..tsi(21) })]);
    world.restart_edge(0);

    attach_bridge(&mut world, 0, 2);
    for (vap, tsi) in learned {
        world.tell(0, nve::Input::Learned { vap, tsis: vec![tsi] });
    }
    world.tell(0, nve::Input::Connect);

    let registration = world.nva.book().get(&tsi(21).key).unwrap();
    assert_eq!((registration.nve(), registration.ips()), (NveId(1), &[IpAddr::V4(ip(121))][..]));
    assert_eq!(world.edges[0].nve().state(&tsi(21).key).state, State::Here);
}

fn attach_bridge(world: &mut Direct, edge: usize, macs: u32) {
    let mut policy = PortPolicy::trusted();
    (policy.learn_macs, policy.learn_addresses) = (macs, 2);
    world.tell(edge, nve::Input::Attach { vap: VapId(1), vn: tsi(1).key.vn, tsis: vec![tsi(1)], policy });
}

/// TSI 1 at edge 1 is a bridge; this many TSIs behind it are learned. TSI 2 is at edge 2.
fn bridge(macs: u32) -> Direct {
    let mut world = Direct::new(3);
    attach_bridge(&mut world, 0, macs);
    world.tell(0, nve::Input::Activate { key: tsi(1).key, move_id: None });
    world.start(1, 1, tsi(2));
    world
}

fn at(world: &Direct, n: u8) -> Option<u64> {
    world.nva.book().get(&tsi(n).key).map(|registration| registration.nve().0)
}

#[test]
fn tsis_behind_a_bridge_are_registered_up_to_a_bound_and_withdrawn_with_their_port() {
    let mut world = bridge(2);

    for n in [21, 22, 23, 24] {
        assert_eq!(announces(&mut world, 0, n, 100 + n), Handled::Pass, "the port is trusted");
    }

    assert_eq!([21, 22, 23, 24].map(|n| at(&world, n)), [Some(1), Some(1), None, None]);
    assert_eq!(world.nva.book().ips(&tsi(22).key), [ip(122)]);
    let edge = &world.edges[0];
    assert_eq!((edge.nve().counters().learned_tsis, edge.nve().counters().limited_stations), (2, 2));
    let limited = |event: &&nve::Event| matches!(event, nve::Event::Limited { what: Limit::Stations, .. });
    assert_eq!(edge.events.iter().filter(limited).count(), 1, "the log names the port once");
    attach_bridge(&mut world, 0, 3);
    assert_eq!(at(&world, 21), Some(1), "the port was attached again");
    world.tell(0, nve::Input::Detach { vap: VapId(1) });
    assert_eq!([1, 21, 22].map(|n| at(&world, n)), [None; 3]);
}

#[test]
fn a_tsi_that_left_its_bridge_ends_and_makes_room() {
    let mut world = bridge(1);
    assert_eq!(announces(&mut world, 0, 21, 121), Handled::Pass);

    passes(&mut world, 1_000, &[121]);
    assert_eq!(at(&world, 21), Some(1), "it answers");
    passes(&mut world, 301, &[]);

    assert_eq!((at(&world, 21), world.edges[0].nve().counters().aged_tsis), (None, 1));
    assert_eq!(announces(&mut world, 0, 22, 122), Handled::Pass);
    assert_eq!(at(&world, 22), Some(1));
}

#[test]
fn a_learned_tsi_goes_from_bridge_to_bridge_of_one_edge_by_its_announcement() {
    let mut world = bridge(2);
    let mut policy = PortPolicy::trusted();
    (policy.learn_macs, policy.learn_addresses) = (2, 2);
    world.tell(0, nve::Input::Attach { vap: VapId(2), vn: tsi(1).key.vn, tsis: Vec::new(), policy });
    assert_eq!(announces(&mut world, 0, 21, 121), Handled::Pass);

    let mut frame = [0; arp::FRAME_LEN];
    let length = arp::announcement(tsi(21).key.mac, ip(121).into(), &mut frame).unwrap();
    let handled = world.edges[0].nve_mut().handle_frame(world.now, VapId(2), &frame[..length]);
    world.settle();

    assert_eq!((handled, world.edges[0].nve().port_of(&tsi(21).key)), (Handled::Pass, Some(VapId(2))));
    assert_eq!(
        (world.edges[0].nve().behind(VapId(1)), world.nva.book().ips(&tsi(21).key)),
        (vec![tsi(1).key], &[ip(121).into()][..])
    );
    world.tell(0, nve::Input::Detach { vap: VapId(1) });
    assert_eq!(at(&world, 21), Some(1));
}

/// Checks VMM-4.4-01.
#[test]
fn tsis_behind_a_bridge_move_with_it() {
    let mut world = bridge(2);
    assert_eq!(announces(&mut world, 0, 21, 121), Handled::Pass);
    let keys: Vec<TsiKey> = world.edges[0].nve().behind(VapId(1));
    assert_eq!(keys, [tsi(1).key, tsi(21).key]);

    attach_bridge(&mut world, 2, 2);
    world.plan(1, keys, 3);
    world.tell(0, nve::Input::Suspend { key: tsi(1).key, move_id: MoveId(1), stopped_at: None });
    world.tell(2, nve::Input::Activate { key: tsi(1).key, move_id: Some(MoveId(1)) });

    assert_eq!([1, 21].map(|n| at(&world, n)), [Some(3); 2]);
    assert_eq!(world.edges[2].nve().port_of(&tsi(21).key), Some(VapId(1)));
    assert_eq!(world.edges[0].nve().behind(VapId(1)), [tsi(1).key]);
    world.tell(2, nve::Input::Detach { vap: VapId(1) });
    assert_eq!(at(&world, 21), None);
}

#[test]
fn a_tsi_that_another_one_contradicts_is_not_registered_and_its_frames_pass() {
    let mut world = bridge(2);

    assert_eq!(announces(&mut world, 0, 21, 2), Handled::Pass);

    assert_eq!(world.nva.book().ips(&tsi(21).key), [] as [IpAddr; 0], "TSI 2 has the address");
    assert_eq!(announces(&mut world, 0, 2, 2), Handled::Pass);
    world.run(Micros::from_secs(10));
    assert_eq!(at(&world, 2), Some(2), "TSI 2 never spoke, so it counts as there");
    assert_eq!(world.edges[0].nve().port_of(&tsi(2).key), None);
}
