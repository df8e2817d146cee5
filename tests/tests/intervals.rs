//! Each time of the configuration ends when it says: one microsecond before it nothing has happened, and at it everything has.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::Transport;
use nvo3_mobility::forwarder::{Notice, Verdict};
use nvo3_mobility::nva::{self, Nva, NvaConfig, Policy, Rule};
use nvo3_mobility::nve::{self, NveConfig, rules::State};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Message, Micros, MoveId, Place, Tsi, TsiKey, Version};
use nvo3_tests::direct::{Direct, To, place, prompt, trusting, tsi};
use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;

fn nve_config() -> NveConfig {
    NveConfig::new(place(1), Transport::Trusted)
}

fn nva_config() -> NvaConfig {
    prompt(Transport::Trusted)
}

/// Lets all of this time pass but one microsecond, gives `before`, lets the last microsecond pass, and gives `after`.
fn at_the_end<T>(world: &mut Direct, length: Micros, look: impl Fn(&Direct) -> T) -> [T; 2] {
    world.run(Micros(length.0 - 1));
    let before = look(world);
    world.run(Micros(1));
    [before, look(world)]
}

/// The VM shows itself at an edge's port.
fn announce(world: &mut Direct, edge: usize, vm: &Tsi) {
    let IpAddr::V4(ip) = vm.ips[0] else { panic!("the test's TSIs have IPv4 addresses") };
    let mut frame = [0; 42];
    nvo3_wire::arp::announcement(vm.key.mac, ip.into(), &mut frame).unwrap();
    if world.edges[edge].forwarder.vap_frame(world.now, VapId(1), &frame) == Verdict::Punt {
        let _ = world.edges[edge].nve_mut().handle_frame(world.now, VapId(1), &frame);
    }
    world.settle();
}

fn miss(world: &mut Direct, edge: usize, key: TsiKey) {
    world.edges[edge].nve_mut().handle_notice(world.now, Notice::Miss { vn: key.vn, mac: key.mac, vap: None });
    world.settle();
}

fn mapping(world: &Direct, edge: usize, vm: &Tsi) -> Option<(Version, Option<Place>)> {
    world.edges[edge].nve().mapping(&vm.key)
}

fn directory(world: &Direct, vm: &Tsi) -> Option<Place> {
    world.nva.lookup(&vm.key).and_then(|mapping| mapping.place)
}

/// Counts the messages that go to an edge, or to the authority, and that `is` picks.
fn count(world: &mut Direct, is: impl Fn(To, &Message) -> bool + 'static) -> Rc<Cell<usize>> {
    let counted = Rc::new(Cell::new(0));
    let counter = Rc::clone(&counted);
    world.forger = Some(Box::new(move |sent| {
        if Message::decode(&sent.bytes).is_ok_and(|(_, message)| is(sent.to, &message)) {
            counter.set(counter.get() + 1);
        }
        vec![sent.clone()]
    }));
    counted
}

/// Checks VMM-5-01, EVM-05.
#[test]
fn a_vm_that_a_frame_shows_elsewhere_has_the_confirm_time_to_answer() {
    let vm = tsi(1);
    let mut world = Direct::new(2);
    world.start(0, 1, vm.clone());
    announce(&mut world, 0, &vm);
    world.attach(1, 1, vec![vm.clone()]);
    announce(&mut world, 1, &vm);

    // The VM is asked three times, so the time is a multiple of three.
    let time = Micros(nve_config().confirm.0 / 3 * 3);
    let [before, after] = at_the_end(&mut world, time, |world| world.edges[0].nve().state(&vm.key).state);

    assert_eq!(before.name(), "confirming");
    assert_eq!(after, State::Forwarding { to: place(2) });
}

/// Checks I10, I12.
#[test]
fn a_refused_claim_is_said_again_after_its_interval_and_then_after_twice_the_time_up_to_a_bound() {
    let mut config = nva_config();
    let mut policy = Policy::default();
    policy.set(place(1).nve, Rule { macs: [tsi(9).key.mac].into(), ..Rule::default() });
    config.policy = policy;
    let mut world = Direct::with(1, config);
    let asked = count(&mut world, |_, message| matches!(message, Message::RegistrationRequest(_)));
    world.start(0, 1, tsi(1));
    assert_eq!(asked.get(), 1);

    let first = nve_config().claim_interval;
    for (n, times) in [1, 2, 4, 8, 16, 32, 32].into_iter().enumerate() {
        let [before, after] = at_the_end(&mut world, Micros(first.0 * times), |_| asked.get());
        assert_eq!([before, after], [n + 1, n + 2], "after {times} intervals");
    }
}

/// Checks DIR-03.
#[test]
fn an_edge_believes_a_withdrawal_for_the_negative_time() {
    let vm = tsi(1);
    let mut config = nva_config();
    config.negative_lifetime = Micros::from_secs(9);
    let mut world = Direct::with(2, config);
    world.start(0, 1, vm.clone());
    miss(&mut world, 1, vm.key);
    world.tell(0, nve::Input::Detach { vap: VapId(1) });

    let [before, after] = at_the_end(&mut world, nve_config().negative, |world| mapping(world, 1, &vm));

    assert!(matches!(before, Some((_, None))), "{before:?}");
    assert_eq!(after, None);
}

/// Checks DIR-03.
#[test]
fn the_answer_that_there_is_no_such_tsi_is_believed_for_the_negative_lifetime() {
    let vm = tsi(1);
    let mut config = nva_config();
    config.negative_lifetime = Micros::from_secs(9);
    let length = config.negative_lifetime;
    let mut world = Direct::with(1, config);
    miss(&mut world, 0, vm.key);

    let [before, after] = at_the_end(&mut world, length, |world| mapping(world, 0, &vm));

    assert!(matches!(before, Some((_, None))), "{before:?}");
    assert_eq!(after, None);
}

/// Checks DIR-03.
#[test]
fn the_answer_where_a_tsi_is_is_believed_for_the_lifetime() {
    let vm = tsi(1);
    let mut config = nva_config();
    config.lifetime = Micros::from_secs(70);
    let length = config.lifetime;
    let mut world = Direct::with(2, config);
    world.start(0, 1, vm.clone());
    miss(&mut world, 1, vm.key);

    let [before, after] = at_the_end(&mut world, length, |world| mapping(world, 1, &vm));

    assert!(matches!(before, Some((_, Some(at))) if at == place(1)), "{before:?}");
    assert_eq!(after, None);
}

/// Checks DIR-03.
#[test]
fn a_mapping_that_was_pushed_unasked_is_believed_for_the_pushed_time() {
    let (vm, other) = (tsi(1), tsi(2));
    let mut world = Direct::new(3);
    world.start(0, 1, vm.clone());
    world.start(2, 1, other.clone());
    miss(&mut world, 0, other.key);

    world.plan(1, vec![vm.key], 2);
    assert!(matches!(mapping(&world, 1, &other), Some((_, Some(at))) if at == place(3)));
    let [before, after] = at_the_end(&mut world, nve_config().pushed, |world| mapping(world, 1, &other));

    assert!(before.is_some());
    assert_eq!(after, None);
}

/// Checks VMM-4.3-06.
#[test]
fn the_members_of_a_network_are_announced_once_in_an_interval() {
    let config = NvaConfig::new(Transport::Trusted);
    let length = config.members_interval;
    let mut world = Direct::with(4, config);
    world.start(0, 1, tsi(1));
    let lists = count(
        &mut world,
        |to, message| matches!((to, message), (To::Edge(0), Message::Update(update)) if update.members.is_some()),
    );

    for n in 1..4 {
        world.start(n, 1, tsi(n as u8 + 1));
    }

    assert_eq!(at_the_end(&mut world, length, |_| lists.get()), [0, 1]);
    world.run(Micros::from_secs(1));
    assert_eq!(lists.get(), 1, "one list has them all");
}

/// Checks EVM-05, I10.
#[test]
fn an_old_nve_has_the_yield_deadline_to_give_a_vm_away() {
    let vm = tsi(1);
    let mut config = trusting();
    config.session.dead_after = Micros::from_secs(60);
    config.grace = Micros::from_secs(60);
    let length = config.yield_deadline;
    let mut world = Direct::with(2, config);
    world.start(0, 1, vm.clone());
    world.silence(0);
    world.start(1, 1, vm.clone());

    let places = at_the_end(&mut world, length, |world| directory(world, &vm));

    assert_eq!(places, [Some(place(1)), Some(place(2))]);
    assert!(world.events.iter().any(|event| matches!(event, nva::Event::DidNotYield { .. })), "{:?}", world.events);
}

/// Checks VMM-8-08.
#[test]
fn after_a_start_an_nve_without_a_session_counts_as_alive_for_the_grace() {
    let vm = tsi(1);
    let mut config = trusting();
    config.yield_deadline = Micros::from_secs(60);
    let length = config.grace;
    let mut world = Direct::with(2, config.clone());
    world.start(0, 1, vm.clone());
    world.silence(0);
    world.nva = Nva::replay(config, 99, world.now, world.records.clone()).unwrap();
    for n in 1..=2 {
        world.nva.handle(world.now, nva::Input::Admit(place(n))).unwrap();
    }
    let begin = world.now;
    world.start(1, 1, vm.clone());
    world.run(Micros::from_secs(8));
    assert!(world.edges[1].nve().is_connected());

    let rest = (begin + length) - world.now;
    let places = at_the_end(&mut world, rest, |world| directory(world, &vm));

    assert_eq!(places, [Some(place(1)), Some(place(2))]);
}

/// Checks I10.
#[test]
fn the_address_of_an_nve_without_a_session_is_nobody_elses_for_the_registration_lifetime() {
    let vm = tsi(1);
    let mut world = Direct::new(3);
    world.start(0, 1, vm.clone());
    world.tell(0, nve::Input::Goodbye);
    let heir = |n| Tsi { ips: vm.ips.clone(), ..tsi(n) };

    world.run(Micros(nva_config().registration_lifetime.0 - 1));
    world.start(1, 1, heir(2));
    world.run(Micros(1));
    world.start(2, 1, heir(3));

    assert_eq!([2, 3].map(|n| directory(&world, &heir(n))), [None, Some(place(3))]);
}

/// Checks VMM-5-04.
#[test]
fn an_old_nve_hears_of_the_next_moves_for_the_in_flight_time_of_the_authority() {
    let vm = tsi(1);
    let mut config = nva_config();
    // Longer than the lifetime of an answer, for which the old NVE would hear too.
    config.in_flight = Micros(config.lifetime.0 * 2);
    let moved = |early: u64| {
        let mut world = Direct::with(3, config.clone());
        world.start(0, 1, vm.clone());
        moves(&mut world, 1, &vm, 0, 1);
        world.run(Micros(config.in_flight.0 - early));
        let heard = count(&mut world, |to, message| match message {
            Message::Update(update) => to == To::Edge(0) && !update.mappings.is_empty(),
            _ => false,
        });
        moves(&mut world, 2, &vm, 1, 2);
        heard.get() > 0
    };

    assert_eq!([moved(1), moved(0)], [true, false]);
}

/// Moves the VM from an edge to another one.
fn moves(world: &mut Direct, id: u64, vm: &Tsi, from: usize, to: usize) {
    let (key, move_id) = (vm.key, MoveId(id));
    world.plan(id, vec![key], to as u8 + 1);
    world.tell(from, nve::Input::Suspend { key, move_id, stopped_at: None });
    world.attach(to, 1, vec![vm.clone()]);
    world.tell(to, nve::Input::Activate { key, move_id: Some(move_id) });
    assert_eq!(directory(world, vm), Some(place(to as u8 + 1)));
}
