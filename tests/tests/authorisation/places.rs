//! What an NVE says about its place, and what management admitted.

use nvo3_mobility::Transport;
use nvo3_mobility::forwarder::Notice;
use nvo3_mobility::nva::{self, LocatorsFrom, Nva};
use nvo3_mobility::nve;
use nvo3_nva_proto::{
    Capabilities, Encapsulations, ErrorCode, Hello, Instant, Locators, Micros, Place, Session, SessionConfig,
};
use nvo3_tests::direct::{Direct, peer, place, prompt, sealed, tsi};
use std::net::SocketAddr;

/// NVE `n` at the address of another host.
fn elsewhere(n: u8) -> Place {
    Place { locators: Locators::V4([198, 51, 100, 100 + n].into()), ..place(n) }
}

fn admit(world: &mut Direct, place: Place) {
    world.nva.handle(world.now, nva::Input::Admit(place)).unwrap();
    world.settle();
}

fn knows(world: &Direct, edge: usize, n: u8) -> Option<Place> {
    world.edges[edge].nve().mapping(&tsi(n).key).and_then(|(_, place)| place)
}

fn ask(world: &mut Direct, edge: usize, n: u8) {
    let key = tsi(n).key;
    world.edges[edge].nve_mut().handle_notice(world.now, Notice::Miss { vn: key.vn, mac: key.mac, vap: None });
    world.settle();
}

/// Checks I9.
#[test]
fn an_edge_with_other_locators_than_management_admits_gets_no_session_and_both_ends_say_so() {
    for transport in [Transport::Trusted, sealed([1, 2])] {
        let mut world = Direct::with(2, prompt(transport));

        admit(&mut world, elsewhere(1));
        world.run(Micros::from_secs(15));

        assert!(!world.nva.is_connected(place(1).nve) && world.nva.is_connected(place(2).nve));
        let refusals = world.events.iter().filter(|event| {
            let nva::Event::OtherLocators { nve, admitted, hello, .. } = event else { return false };
            (*nve, *admitted, *hello) == (place(1).nve, elsewhere(1).locators, place(1).locators)
        });
        assert!((1..=2).contains(&refusals.count()), "{:?}", world.events);
        assert!(world.nva.counters().other_locators > 1);
        let heard = nve::Event::HelloRefused { code: ErrorCode::NotAllowed };
        assert!((1..=2).contains(&world.edges[0].events.iter().filter(|event| **event == heard).count()));

        admit(&mut world, place(1));
        world.run(Micros::from_secs(5));
        assert!(world.nva.is_connected(place(1).nve));
    }
}

/// Checks DIR-12, VMM-4.3-06.
#[test]
fn other_locators_of_an_admitted_nve_reach_every_nve_that_uses_its_mappings() {
    let mut world = Direct::new(3);
    world.start(0, 1, tsi(1));
    world.start(2, 1, tsi(3));
    ask(&mut world, 1, 1);
    let before = world.nva.lookup(&tsi(1).key).unwrap();
    assert_eq!(knows(&world, 1, 1), Some(place(1)));

    admit(&mut world, elsewhere(1));

    assert_eq!(knows(&world, 1, 1), Some(elsewhere(1)));
    assert!(world.nva.lookup(&tsi(1).key).unwrap().version > before.version);
    let stale = nvo3_wire::Mac([2, 0, 0, 0, 0, 3]);
    assert_eq!(world.nva.lookup(&nvo3_nva_proto::TsiKey { mac: stale, ..tsi(3).key }).unwrap().place, Some(place(3)));
}

#[test]
fn where_the_hello_counts_its_locators_are_taken_over_and_told() {
    let mut config = prompt(Transport::Trusted);
    config.locators = LocatorsFrom::Hello;
    let mut world = Direct::with(3, config);
    world.start(0, 1, tsi(1));
    ask(&mut world, 1, 1);

    admit(&mut world, elsewhere(1));
    world.run(Micros::from_secs(5));

    assert!(world.nva.is_connected(place(1).nve));
    assert_eq!((world.nva.place(place(1).nve), knows(&world, 1, 1)), (Some(place(1)), Some(place(1))));
    let (before, now) = (elsewhere(1).locators, place(1).locators);
    assert!(world.events.contains(&nva::Event::Readdressed { nve: place(1).nve, before, now }), "{:?}", world.events);
    assert_eq!((world.nva.counters().readdressed, world.nva.counters().other_locators), (1, 0));
    assert_eq!(world.edges[0].nve().state(&tsi(1).key).state.name(), "here");
}

/// A second edge with the id, and the place, of another one.
struct Twin {
    session: Session,
    from: SocketAddr,
}

impl Twin {
    fn new(n: u8, at: u8, nonce: u64) -> Self {
        let (encapsulations, capabilities) = (Encapsulations::VXLAN, Capabilities::HOLD);
        let place = place(n);
        let hello = Hello { place, nonce: 0, resumed: false, encapsulations, capabilities, seen: None };
        Self { session: Session::initiate(SessionConfig::default(), hello, nonce).unwrap(), from: peer(at) }
    }

    /// Sends what is due, and takes the answers.
    fn talks(&mut self, now: Instant, nva: &mut Nva) {
        let mut bytes = Vec::new();
        self.session.handle_timeout(now);
        while self.session.poll_transmit(now, &mut bytes) {
            nva.handle_datagram(now, self.from, &bytes);
        }
    }
}

/// Checks I5.
#[test]
fn one_id_at_two_addresses_stays_with_the_first_while_that_lives() {
    let mut world = Direct::new(2);
    world.start(0, 1, tsi(1));
    let mut twin = Twin::new(1, 77, 5);

    for _ in 0..20 {
        twin.talks(world.now, &mut world.nva);
        world.run(Micros::from_millis(500));
    }

    let down = |event: &nva::Event| matches!(event, nva::Event::NveDown { .. });
    assert!(!world.events.iter().any(down), "the first keeps its session: {:?}", world.events);
    assert_eq!(world.nva.heard_from(place(1).nve), Some(peer(1)));
    let told = world.events.iter().filter(|event| {
        let nva::Event::TwoPlaces { nve, at, other, .. } = event else { return false };
        (*nve, *at, *other) == (place(1).nve, peer(1).ip(), peer(77).ip())
    });
    assert!((1..=2).contains(&told.count()), "{:?}", world.events);
    assert!(world.nva.counters().two_places > 2);

    world.silence(0);
    for _ in 0..20 {
        twin.talks(world.now, &mut world.nva);
        world.run(Micros::from_millis(500));
    }
    let opened =
        world.events.iter().filter(|event| matches!(event, nva::Event::NveUp { nve, .. } if *nve == place(1).nve));
    assert!(opened.count() >= 2, "the second takes over when the first is dead");
}
