//! A claim for a VM that runs at another NVE, by a hypervisor's word.

use nvo3_mobility::forwarder::Verdict;
use nvo3_mobility::nva;
use nvo3_mobility::nve::{self, rules::State};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Micros, RegistrationResult, Tsi};
use nvo3_tests::direct::{Direct, place, trusting, tsi};
use std::net::IpAddr;

const OWNER: usize = 0;
const HOSTILE: usize = 1;

/// The VM at the owner's port says that it is there.
fn speaks(world: &mut Direct, vm: &Tsi) {
    let IpAddr::V4(ip) = vm.ips[0] else { panic!("the test's TSIs have IPv4 addresses") };
    let mut frame = [0; 42];
    nvo3_wire::arp::announcement(vm.key.mac, ip.into(), &mut frame).unwrap();
    if world.edges[OWNER].forwarder.vap_frame(world.now, VapId(1), &frame) == Verdict::Punt {
        let _ = world.edges[OWNER].nve_mut().handle_frame(world.now, VapId(1), &frame);
    }
    world.settle();
}

/// The VM answers each question of the owner's edge.
fn answers_questions(world: &mut Direct, vm: &Tsi, seconds: u64) {
    for _ in 0..seconds * 10 {
        let asked = world.edges[OWNER].said.len();
        world.run(Micros::from_millis(100));
        if world.edges[OWNER].said.len() > asked {
            speaks(world, vm);
        }
    }
}

fn refused(world: &Direct) -> Vec<&nva::Event> {
    world.events.iter().filter(|event| matches!(event, nva::Event::ClaimRefused { .. })).collect()
}

/// Checks I5, I11.
#[test]
fn a_word_takes_no_vm_that_answers_at_its_old_nve() {
    let vm = tsi(1);
    let mut world = Direct::new(2);
    world.start(OWNER, 1, vm.clone());

    world.start(HOSTILE, 1, vm.clone());
    answers_questions(&mut world, &vm, 40);

    assert_eq!(world.nva.lookup(&vm.key).unwrap().place, Some(place(1)));
    assert_eq!(world.edges[OWNER].nve().state(&vm.key).state, State::Here);
    assert!(world.nva.counters().still_here_registrations >= 1);
    let told = refused(&world);
    let first =
        nva::Event::ClaimRefused { nve: place(2).nve, key: vm.key, result: RegistrationResult::Policy, count: 1 };
    assert_eq!(told.first(), Some(&&first));
    assert!(told.len() <= 5, "at most one in 10 s: {told:?}");
}

/// Checks EVM-05.
#[test]
fn claims_that_are_refused_freeze_no_vm_of_another_nve() {
    let vm = tsi(1);
    let mut world = Direct::new(3);
    world.start(OWNER, 1, vm.clone());
    world.attach(HOSTILE, 1, vec![vm.clone()]);
    for _ in 0..8 {
        world.tell(HOSTILE, nve::Input::Activate { key: vm.key, move_id: None });
        answers_questions(&mut world, &vm, 2);
    }
    assert!(world.nva.counters().still_here_registrations >= 5);
    assert!(!world.nva.book().is_frozen(&vm.key));

    world.silence(OWNER);
    world.silence(HOSTILE);
    world.run(Micros::from_secs(10));
    world.start(2, 1, vm.clone());

    assert_eq!(world.nva.lookup(&vm.key).unwrap().place, Some(place(3)), "it can start again elsewhere");
}

/// Checks VMM-8-08, R-03.
#[test]
fn a_word_takes_a_vm_that_left_its_old_nve_without_a_word() {
    let vm = tsi(1);
    let mut world = Direct::new(2);
    world.start(OWNER, 1, vm.clone());
    speaks(&mut world, &vm);

    world.start(HOSTILE, 1, vm.clone());
    assert_eq!(world.edges[OWNER].nve().state(&vm.key).state.name(), "confirming", "it goes on delivering");
    world.run(Micros::from_secs(2));

    assert_eq!(world.nva.lookup(&vm.key).unwrap().place, Some(place(2)));
    assert_eq!(world.edges[HOSTILE].nve().state(&vm.key).state, State::Here);
    assert_eq!(world.nva.counters().still_here_registrations, 0);
}

/// The old NVE restarted, or its VM talks to nobody: it cannot tell silence from absence.
#[test]
fn a_word_takes_a_vm_that_never_spoke_at_the_deadline_and_with_an_alarm() {
    let vm = tsi(1);
    let mut world = Direct::new(2);
    world.start(OWNER, 1, vm.clone());

    world.start(HOSTILE, 1, vm.clone());
    world.run(Micros::from_secs(4));
    assert_eq!(world.nva.lookup(&vm.key).unwrap().place, Some(place(1)));
    assert_eq!(world.edges[OWNER].nve().state(&vm.key).state.name(), "confirming", "it goes on delivering");
    world.run(Micros::from_secs(2));

    assert_eq!(world.nva.lookup(&vm.key).unwrap().place, Some(place(2)));
    let alarms = world.events.iter().filter(|event| matches!(event, nva::Event::DidNotYield { .. }));
    assert_eq!((alarms.count(), refused(&world).len()), (1, 0));
}

#[test]
fn a_word_takes_a_vm_whose_old_hypervisor_stopped_it_at_once() {
    let vm = tsi(1);
    let mut world = Direct::new(2);
    world.start(OWNER, 1, vm.clone());
    speaks(&mut world, &vm);
    world.tell(OWNER, nve::Input::Detach { vap: VapId(1) });

    world.start(HOSTILE, 1, vm.clone());

    assert_eq!(world.nva.lookup(&vm.key).unwrap().place, Some(place(2)));
}

#[test]
fn where_words_are_trusted_one_takes_a_vm_at_once() {
    let vm = tsi(1);
    let mut world = Direct::with(2, trusting());
    world.start(OWNER, 1, vm.clone());
    speaks(&mut world, &vm);

    world.start(HOSTILE, 1, vm.clone());

    assert_eq!(world.nva.lookup(&vm.key).unwrap().place, Some(place(2)));
}
