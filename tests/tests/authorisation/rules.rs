//! The rule of an NVE: which TSIs it may have.

use nvo3_mobility::Transport;
use nvo3_mobility::nva::{self, Nva, NvaConfig, Policy, Rule};
use nvo3_mobility::nve;
use nvo3_nva_proto::{Micros, MoveId, MoveKind, Refusal, RegistrationResult, Tsi};
use nvo3_tests::direct::{Direct, place, prompt, tsi};

/// An authority that lets NVE 2 have only what this rule allows.
fn ruled(rule: Rule) -> NvaConfig {
    let mut config = prompt(Transport::Trusted);
    let mut policy = Policy::default();
    policy.set(place(2).nve, rule);
    config.policy = policy;
    config
}

fn only_mac(vm: &Tsi) -> Rule {
    Rule { macs: [vm.key.mac].into(), ..Rule::default() }
}

fn at(world: &Direct, vm: &Tsi) -> Option<u64> {
    world.nva.lookup(&vm.key)?.place.map(|place| place.nve.0)
}

/// Checks I5.
#[test]
fn an_nve_registers_what_its_rule_allows_and_nothing_else() {
    let rules = [
        only_mac(&tsi(2)),
        Rule { vns: [nvo3_wire::Vni::MAX].into(), ..Rule::default() },
        Rule { prefixes: vec!["192.0.2.2".parse().unwrap()], ..Rule::default() },
    ];
    for rule in rules {
        let mut world = Direct::with(3, ruled(rule.clone()));

        world.start(1, 1, tsi(1));
        world.start(2, 1, tsi(3));

        assert_eq!((at(&world, &tsi(1)), at(&world, &tsi(3))), (None, Some(3)), "{rule:?}");
        assert_eq!(world.nva.counters().unauthorised_registrations, 1);
        let result = RegistrationResult::NotAuthorised;
        let told = nva::Event::ClaimRefused { nve: place(2).nve, key: tsi(1).key, result, count: 1 };
        assert!(world.events.contains(&told), "{:?}", world.events);
        let heard = nve::Event::Refused { key: tsi(1).key, result };
        assert!(world.edges[1].events.contains(&heard), "{:?}", world.edges[1].events);
    }
}

#[test]
fn what_an_nve_claims_again_and_again_is_told_once_in_a_while() {
    let mut world = Direct::with(2, ruled(only_mac(&tsi(9))));

    for n in 1..=8 {
        world.start(1, n.into(), tsi(n));
    }

    assert_eq!(world.nva.counters().unauthorised_registrations, 8);
    assert_eq!(world.events.iter().filter(|event| matches!(event, nva::Event::ClaimRefused { .. })).count(), 1);
}

#[test]
fn management_moves_no_vm_to_an_nve_whose_rule_forbids_it() {
    let mut world = Direct::with(2, ruled(only_mac(&tsi(2))));
    world.start(0, 1, tsi(1));
    world.start(0, 2, tsi(2));
    let plan = |id, vm: Tsi| {
        let (kind, deadline) = (MoveKind::Hot, Micros::from_secs(5));
        nva::Input::Move { id, tsis: vec![vm.key], to: place(2).nve, kind, deadline }
    };

    let forbidden = world.nva.handle(world.now, plan(MoveId(1), tsi(1)));
    let allowed = world.nva.handle(world.now, plan(MoveId(2), tsi(2)));

    assert_eq!(forbidden, Err(nva::Error::Refused { id: MoveId(1), why: Refusal::Policy }));
    assert_eq!(allowed, Ok(()));
}

/// Checks I9, I5.
#[test]
fn what_a_stricter_rule_forbids_leaves_the_directory_when_its_nve_restates_it() {
    let mut world = Direct::new(2);
    world.start(1, 1, tsi(1));
    world.start(1, 2, tsi(2));
    for records in [world.records.clone(), Vec::new()] {
        let config = ruled(only_mac(&tsi(2)));
        world.records.clone_from(&records);
        world.nva = Nva::replay(config, 99, world.now, records).unwrap();
        for n in 1..=2 {
            world.nva.handle(world.now, nva::Input::Admit(place(n))).unwrap();
        }

        world.run(Micros::from_secs(20));

        assert_eq!((at(&world, &tsi(1)), at(&world, &tsi(2))), (None, Some(2)));
    }
}
