//! An address that VMs share under their own MACs: keepalived without a virtual MAC, and the address of a cluster.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::nva::{NvaConfig, Policy};
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::nve::{self, Error, Handled};
use nvo3_mobility::table::{Binding, PortPolicy, VapId};
use nvo3_nva_proto::{Micros, MoveId, NveId, Tsi};
use nvo3_tests::direct::{Direct, trusting, tsi};
use nvo3_wire::{Mac, arp};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

const VIRTUAL: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

fn config() -> NvaConfig {
    let mut config = trusting();
    config.policy.share(tsi(1).key.vn, VIRTUAL.into(), [1, 2, 4].map(|n| tsi(n).key.mac));
    config
}

fn attach(world: &mut Direct, edge: usize, vap: u32, n: u8) {
    let mut policy = PortPolicy::untrusted();
    policy.shared = vec![Binding { mac: tsi(n).key.mac, ips: vec![VIRTUAL.into()] }];
    world.tell(edge, nve::Input::Attach { vap: VapId(vap), vn: tsi(n).key.vn, tsis: vec![tsi(n)], policy });
}

fn start(world: &mut Direct, edge: usize, vap: u32, n: u8) {
    attach(world, edge, vap, n);
    world.tell(edge, nve::Input::Activate { key: tsi(n).key, move_id: None });
}

/// VMs 1 and 2 share the address, at edges 1 and 2. VM 3 at edge 3 does not.
fn world_with(config: NvaConfig) -> Direct {
    let mut world = Direct::with(4, config);
    start(&mut world, 0, 1, 1);
    start(&mut world, 1, 1, 2);
    world.start(2, 1, tsi(3));
    world
}

fn world() -> Direct {
    world_with(config())
}

/// A VM says at its port that it has the shared address. False if it may not.
fn announces(world: &mut Direct, edge: usize, vap: u32, n: u8) -> bool {
    let mut frame = [0; arp::FRAME_LEN];
    let length = arp::announcement(tsi(n).key.mac, VIRTUAL.into(), &mut frame).unwrap();
    let handled = world.edges[edge].nve_mut().handle_frame(world.now, VapId(vap), &frame[..length]);
    world.settle();
    handled == Handled::Pass
}

/// The VMs that have the address in the directory.
fn holders(world: &Direct) -> Vec<u8> {
    let has = |n: &u8| world.nva.book().ips(&tsi(*n).key).contains(&VIRTUAL.into());
    (1..=6).filter(has).collect()
}

/// The MAC with which edge 3 answers VM 3 for the address.
fn answer(world: &mut Direct) -> Option<Mac> {
    let Tsi { key, ips, .. } = tsi(3);
    let IpAddr::V4(own) = ips[0] else { panic!("tsi 3 has an IPv4 address first") };
    let mut frame = [0; arp::FRAME_LEN];
    let length = arp::request((key.mac, own.into()), VIRTUAL.into(), &mut frame).unwrap();
    world.edges[2].said.clear();
    let _ = world.edges[2].nve_mut().handle_frame(world.now, VapId(1), &frame[..length]);
    world.settle();
    let said = world.edges[2].said.iter().find(|(_, frame)| frame.starts_with(&key.mac.0));
    said.map(|(_, frame)| Mac(frame[6..12].try_into().unwrap()))
}

fn assert_all_run(world: &Direct, places: &[(u8, usize)]) {
    for (n, edge) in places {
        let Tsi { key, ips, .. } = tsi(*n);
        let registration = world.nva.book().get(&key).unwrap();
        assert_eq!(registration.nve(), NveId(*edge as u64 + 1));
        assert!(ips.iter().all(|ip| registration.ips().contains(ip)), "VM {n} has its own addresses");
        assert_eq!(world.edges[*edge].nve().state(&key).state, State::Here);
    }
}

#[test]
fn vms_that_share_an_address_all_run_with_their_own() {
    let mut world = world();

    assert_all_run(&world, &[(1, 0), (2, 1), (3, 2)]);
    assert_eq!((holders(&world), answer(&mut world)), (vec![], None), "nobody has announced it");
}

#[test]
fn the_last_announcer_has_the_address_and_others_are_answered_with_its_mac() {
    let mut world = world();

    for (edge, n) in [(0, 1), (1, 2)].repeat(20) {
        assert!(announces(&mut world, edge, 1, n));
        assert_eq!(holders(&world), [n]);
        assert_eq!(answer(&mut world), Some(tsi(n).key.mac));
        world.run(Micros::from_millis(50));
    }

    assert_all_run(&world, &[(1, 0), (2, 1), (3, 2)]);
    let refused = |event: &nve::Event| matches!(event, nve::Event::Refused { .. });
    assert!(world.edges.iter().all(|edge| !edge.events.iter().any(refused)));
}

#[test]
fn the_address_goes_between_ports_of_one_edge() {
    let mut world = world();
    start(&mut world, 0, 2, 4);
    announces(&mut world, 0, 1, 1);

    announces(&mut world, 0, 2, 4);

    assert_eq!((holders(&world), answer(&mut world)), (vec![4], Some(tsi(4).key.mac)));
    assert_all_run(&world, &[(1, 0), (4, 0)]);
    announces(&mut world, 0, 1, 1);
    assert_eq!((holders(&world), answer(&mut world)), (vec![1], Some(tsi(1).key.mac)));
}

/// A claim of other addresses, which was sent before the other VM took over, still names the shared address.
#[test]
fn a_claim_that_was_under_way_does_not_take_the_address_back() {
    let mut world = world();
    let mut policy = PortPolicy::untrusted();
    policy.learn_addresses = 2;
    policy.shared = vec![Binding { mac: tsi(1).key.mac, ips: vec![VIRTUAL.into()] }];
    world.tell(0, nve::Input::Attach { vap: VapId(1), vn: tsi(1).key.vn, tsis: vec![tsi(1)], policy });
    announces(&mut world, 0, 1, 1);
    world.silence_nva();
    let mut frame = [0; arp::FRAME_LEN];
    let length = arp::announcement(tsi(1).key.mac, [192, 0, 2, 99].into(), &mut frame).unwrap();
    let _ = world.edges[0].nve_mut().handle_frame(world.now, VapId(1), &frame[..length]);
    world.silence(0);
    world.hear_nva();
    announces(&mut world, 1, 1, 2);
    assert_eq!(holders(&world), [2]);

    world.hear(0);
    world.run(Micros::from_millis(100));

    assert_eq!(holders(&world), [2]);
    world.run(Micros::from_secs(30));
    assert_eq!(holders(&world), [2]);
    assert_all_run(&world, &[(1, 0), (2, 1)]);
}

/// Checks VMM-10-02.
#[test]
fn a_vm_outside_the_set_cannot_have_the_address() {
    let mut world = world();
    announces(&mut world, 0, 1, 1);

    assert!(!announces(&mut world, 2, 1, 3));
    let mut learning = PortPolicy::untrusted();
    learning.learn_addresses = 4;
    world.tell(3, nve::Input::Attach { vap: VapId(1), vn: tsi(5).key.vn, tsis: vec![tsi(5)], policy: learning });
    world.tell(3, nve::Input::Activate { key: tsi(5).key, move_id: None });

    // The edge lets it learn the address. The authority does not.
    assert!(announces(&mut world, 3, 1, 5));
    assert_eq!(holders(&world), [1]);
    assert_all_run(&world, &[(1, 0), (2, 1), (3, 2), (5, 3)]);
}

/// Checks I11.
#[test]
fn an_address_that_the_authority_does_not_know_as_shared_is_taken_from_nobody() {
    let mut world = world_with(trusting());
    announces(&mut world, 0, 1, 1);

    announces(&mut world, 1, 1, 2);

    assert_eq!(holders(&world), [1]);
    assert_all_run(&world, &[(1, 0), (2, 1)]);
}

#[test]
fn the_address_moves_with_its_vm_and_stays_when_another_vm_moves() {
    let mut world = world();
    announces(&mut world, 0, 1, 1);
    for (id, n, from, to) in [(1, 1, 0, 3), (2, 2, 1, 0)] {
        let (key, move_id) = (tsi(n).key, MoveId(id));
        attach(&mut world, to, 7, n);
        world.plan(id, vec![key], to as u8 + 1);
        world.tell(from, nve::Input::Suspend { key, move_id, stopped_at: None });
        world.tell(to, nve::Input::Activate { key, move_id: Some(move_id) });
        world.run(Micros::from_secs(1));
        assert_eq!((holders(&world), answer(&mut world)), (vec![1], Some(tsi(1).key.mac)));
    }

    assert_all_run(&world, &[(1, 3), (2, 0)]);
    assert!(announces(&mut world, 0, 7, 2));
    assert_eq!(holders(&world), [2]);
    assert!(announces(&mut world, 3, 7, 1));
    assert_eq!(holders(&world), [1]);
}

/// The edge was cut off, and restates the address that another VM has by then.
#[test]
fn an_edge_that_returns_does_not_take_the_address_back() {
    let mut world = world();
    announces(&mut world, 0, 1, 1);
    world.silence(0);
    world.run(Micros::from_secs(30));
    announces(&mut world, 1, 1, 2);
    assert_eq!(holders(&world), [2]);

    world.hear(0);
    world.run(Micros::from_secs(30));

    assert_eq!((holders(&world), answer(&mut world)), (vec![2], Some(tsi(2).key.mac)));
    assert_all_run(&world, &[(1, 0), (2, 1)]);
    announces(&mut world, 0, 1, 1);
    assert_eq!(holders(&world), [1]);
}

#[test]
fn an_authority_that_restarts_with_or_without_its_records_has_one_holder() {
    let mut world = world();
    announces(&mut world, 0, 1, 1);
    announces(&mut world, 1, 1, 2);
    world.restart_nva();
    world.run(Micros::from_secs(30));
    assert_eq!(holders(&world), [2]);

    world.records.clear();
    world.restart_nva();
    world.run(Micros::from_secs(60));

    assert_eq!((holders(&world), answer(&mut world)), (vec![2], Some(tsi(2).key.mac)));
    assert_all_run(&world, &[(1, 0), (2, 1)]);
}

#[test]
fn an_address_is_shared_under_the_mac_of_a_station_of_the_port_and_is_not_bound_to_it() {
    let mut world = world();
    let own = tsi(9).ips;
    for wrong in [Binding { mac: tsi(8).key.mac, ips: vec![VIRTUAL.into()] }, Binding { mac: tsi(9).key.mac, ips: own }]
    {
        let mut policy = PortPolicy::untrusted();
        policy.shared = vec![wrong];
        let attach = nve::Input::Attach { vap: VapId(9), vn: tsi(9).key.vn, tsis: vec![tsi(9)], policy };
        let (now, edge) = (world.now, world.edges[0].nve_mut());
        let refused = edge.handle(now, attach);
        assert!(matches!(refused, Err(Error::Malformed(_))), "{refused:?}");
    }
}

proptest! {
    /// Whatever happens in whatever order: at most one VM has the address, each VM runs with its own, and the last word counts.
    #[test]
    fn one_vm_at_most_has_the_address(events in proptest::collection::vec((0usize..2, 0u8..5), 1..12)) {
        let mut world = world();
        for (edge, event) in events {
            match event {
                0 => world.silence(edge),
                1 => world.hear(edge),
                2 => world.restart_nva(),
                3 => world.run(Micros::from_millis(1_500)),
                _ => { announces(&mut world, edge, 1, edge as u8 + 1); }
            }
            prop_assert!(holders(&world).len() <= 1);
        }
        world.hear(0);
        world.hear(1);
        world.run(Micros::from_secs(60));
        announces(&mut world, 1, 1, 2);
        prop_assert_eq!(holders(&world), [2]);
        assert_all_run(&world, &[(1, 0), (2, 1)]);
    }
}

#[test]
fn a_policy_with_shared_addresses_is_stored_as_json_and_one_of_before_reads() {
    let policy = config().policy;
    let text = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
    assert_eq!(serde_json::from_str::<Policy>(r#"{"rules":{}}"#).unwrap(), Policy::default());
}
