//! How much of the authority's memory one NVE may take.

use nvo3_mobility::Transport;
use nvo3_mobility::fairness::Rate;
use nvo3_mobility::forwarder::Notice;
use nvo3_mobility::nva::{self, NvaConfig, Quota};
use nvo3_mobility::nve;
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Micros, MoveId, MoveKind, Refusal, RegistrationResult, Tsi, TsiKey};
use nvo3_tests::direct::{Direct, place, prompt, tsi};
use nvo3_wire::{Mac, Vni};

fn limited(limit: impl FnOnce(&mut nva::Quotas)) -> NvaConfig {
    let mut config = prompt(Transport::Trusted);
    limit(&mut config.quotas);
    config
}

fn over(world: &Direct, nve: u8, quota: Quota) -> usize {
    let is = |event: &&nva::Event| matches!(event, nva::Event::OverQuota { nve: who, quota: what, .. } if *who == place(nve).nve && *what == quota);
    world.events.iter().filter(is).count()
}

/// Checks I7, I12.
#[test]
fn an_nve_has_no_more_tsis_than_its_quota_and_room_again_when_one_leaves() {
    let mut world = Direct::with(2, limited(|quotas| quotas.tsis = 2));
    for n in 1..=3 {
        world.start(0, n.into(), tsi(n));
    }
    world.start(1, 1, tsi(4));

    let refused = nve::Event::Refused { key: tsi(3).key, result: RegistrationResult::Resource };
    assert!(world.edges[0].events.contains(&refused));
    assert_eq!((world.nva.tsis_at(place(1).nve), world.nva.tsis_at(place(2).nve)), (2, 1));
    assert_eq!((world.nva.counters().over_quota_registrations, over(&world, 1, Quota::Tsis)), (1, 1));

    let (id, kind, deadline) = (MoveId(1), MoveKind::Hot, Micros::from_secs(5));
    let full = nva::Input::Move { id, tsis: vec![tsi(4).key], to: place(1).nve, kind, deadline };
    assert_eq!(world.nva.handle(world.now, full), Err(nva::Error::Refused { id, why: Refusal::Resource }));

    world.tell(0, nve::Input::Detach { vap: VapId(1) });
    world.tell(0, nve::Input::Activate { key: tsi(3).key, move_id: None });
    assert!(world.nva.lookup(&tsi(3).key).is_some());
}

/// Checks I12.
#[test]
fn an_nve_that_registers_too_often_is_named_and_registers_the_rest_later() {
    let mut world = Direct::with(2, limited(|quotas| quotas.registrations = Rate { per_second: 1, burst: 3 }));
    let there = |world: &Direct| (1..=5).filter(|n| world.nva.lookup(&tsi(*n).key).is_some()).count();
    for n in 1..=5 {
        world.start(0, n.into(), tsi(n));
    }
    world.start(1, 1, tsi(6));

    assert_eq!((there(&world), world.nva.tsis_at(place(2).nve)), (3, 1));
    assert_eq!((world.nva.counters().limited_registrations, over(&world, 1, Quota::Registrations)), (2, 1));
    world.attach(0, 1, vec![Tsi { ips: vec![tsi(101).ips[0]], ..tsi(1) }]);
    assert_eq!(world.nva.lookup(&tsi(1).key).unwrap().ips, tsi(1).ips);

    world.run(Micros::from_secs(20));
    assert_eq!(there(&world), 5);
    assert_eq!(world.nva.lookup(&tsi(1).key).unwrap().ips, tsi(101).ips, "a change of addresses comes later too");
}

#[test]
fn an_nve_has_no_more_addresses_than_its_quota() {
    let mut world = Direct::with(1, limited(|quotas| quotas.addresses = 3));
    let two = |n: u8| Tsi { ips: vec![tsi(n).ips[0], tsi(n + 100).ips[0]], ..tsi(n) };

    world.start(0, 1, two(1));
    world.start(0, 2, two(2));
    world.start(0, 3, tsi(3));

    assert!(world.nva.lookup(&tsi(2).key).is_none());
    assert!(world.nva.lookup(&tsi(3).key).is_some());
    assert_eq!(over(&world, 1, Quota::Addresses), 1);
    world.attach(0, 1, vec![tsi(1)]);
    world.tell(0, nve::Input::Activate { key: tsi(2).key, move_id: None });
    assert_eq!(world.nva.lookup(&tsi(1).key).unwrap().ips, tsi(1).ips, "fewer addresses are always taken");
}

#[test]
fn an_nve_subscribes_to_no_more_vns_than_its_quota_and_each_counts_in_the_footprint() {
    let mut world = Direct::with(2, limited(|quotas| quotas.subscriptions = 4));
    let before = world.nva.footprint();

    for vn in 100..110 {
        world.tell(0, nve::Input::Subscribe(Vni::new(vn).unwrap()));
    }
    world.tell(1, nve::Input::Subscribe(Vni::new(109).unwrap()));

    // Four subscriptions, one of the other NVE, and one offence that is remembered.
    assert_eq!(world.nva.footprint() - before, 4 + 1 + 1);
    assert!(world.nva.counters().over_quota_subscriptions >= 6);
    assert!(world.edges[0].nve().counters().peer_errors >= 6, "the NVE is told");
    assert_eq!(world.edges[1].nve().counters().peer_errors, 0);
    assert_eq!(over(&world, 1, Quota::Subscriptions), 1);
    world.edges[0].control.tell(world.now, nve::Input::Goodbye).unwrap();
    world.settle();
    world.tell(0, nve::Input::Connect);
    // The nonce of its second Hello is remembered too.
    assert_eq!(world.nva.footprint() - before, 4 + 1 + 1 + 1, "a new session says them again");
}

/// Checks DIR-11, DIR-12.
#[test]
fn what_one_nve_asks_takes_no_more_than_its_quota_and_no_others_interest() {
    let mut world = Direct::with(
        3,
        limited(|quotas| {
            quotas.interest = 4;
            quotas.absent = 4;
        }),
    );
    for n in 1..=20 {
        world.start(2, n.into(), tsi(n));
    }
    let ask = |world: &mut Direct, edge: usize, key: TsiKey| {
        world.edges[edge].nve_mut().handle_notice(world.now, Notice::Miss { vn: key.vn, mac: key.mac, vap: None });
        world.settle();
    };
    ask(&mut world, 1, tsi(1).key);
    let before = world.nva.footprint();

    for n in 1..=20 {
        ask(&mut world, 0, tsi(n).key);
        ask(&mut world, 0, TsiKey { mac: Mac([2, 9, 9, 9, 9, n]), ..tsi(n).key });
    }

    // Four of each kind, and two offences that are remembered.
    assert_eq!(world.nva.footprint() - before, 4 + 4 + 2);
    assert_eq!(world.nva.counters().over_quota_interest, 16 + 16);
    assert_eq!((over(&world, 1, Quota::Interest), over(&world, 1, Quota::Absent)), (1, 1));
    world.tell(2, nve::Input::Detach { vap: VapId(1) });
    let knows = |edge: usize, n: u8| world.edges[edge].nve().mapping(&tsi(n).key).and_then(|(_, place)| place);
    assert_eq!(knows(1, 1), None, "who asked once is still told");
    assert_eq!(knows(0, 20), Some(place(3)));
}
