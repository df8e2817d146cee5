//! Virtual networks are apart: what happens in one changes nothing in another one, also where both have the same MACs and IP addresses.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::forwarder::{Notice, Verdict};
use nvo3_mobility::nva;
use nvo3_mobility::nve::{self, rules::State};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Micros, MoveId, Place, Tsi, TsiKey, Version};
use nvo3_tests::direct::{Direct, place, trusting, tsi};
use nvo3_wire::Vni;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The ports of each edge in the network where everything happens, and in the quiet one.
const BUSY: VapId = VapId(1);
const QUIET: VapId = VapId(2);

/// The station of the quiet network that has the MAC of station `n`, and the IP address of the next one of three.
fn twin(n: u8) -> Tsi {
    let key = TsiKey { vn: Vni::new(8).unwrap(), ..tsi(n).key };
    Tsi { key, ..tsi(n % 3 + 1) }
}

/// Station 1 of the busy network is at edge 0 and station 2 at edge 1; in the quiet network it is the other way. Edge 2 has station 3
/// of each, and edge 3 is in the busy network alone. Each edge knows where all are.
fn world() -> Direct {
    let mut world = Direct::with(4, trusting());
    world.start(0, BUSY.0, tsi(1));
    world.start(1, BUSY.0, tsi(2));
    world.start(1, QUIET.0, twin(1));
    world.start(0, QUIET.0, twin(2));
    world.start(2, BUSY.0, tsi(3));
    world.start(2, QUIET.0, twin(3));
    world.start(3, BUSY.0, tsi(4));
    for edge in 0..3 {
        for n in 1..=3 {
            miss(&mut world, edge, tsi(n).key);
            miss(&mut world, edge, twin(n).key);
        }
    }
    world
}

fn miss(world: &mut Direct, edge: usize, key: TsiKey) {
    world.edges[edge].nve_mut().handle_notice(world.now, Notice::Miss { vn: key.vn, mac: key.mac, vap: None });
    world.settle();
}

type Registered = (Version, Option<Place>, Vec<IpAddr>);

/// All that can be seen of the quiet network.
#[derive(Debug, PartialEq)]
struct Seen {
    directory: Vec<Option<Registered>>,
    frozen: Vec<TsiKey>,
    members: BTreeSet<u64>,
    states: Vec<State>,
    mappings: Vec<Option<(Version, Option<Place>)>>,
    /// What each edge does with a frame of its station for each other one, and with one for all.
    frames: Vec<Verdict>,
    /// What the edges answer to the question of station 3 for the others.
    answers: Vec<Vec<u8>>,
}

fn seen(world: &mut Direct) -> Seen {
    let keys = [1, 2, 3].map(|n| twin(n).key);
    let vn = keys[0].vn;
    let book = world.nva.book();
    let directory =
        keys.map(|key| world.nva.lookup(&key).map(|mapping| (mapping.version, mapping.place, book.ips(&key).to_vec())));
    let frozen = book.frozen().filter(|key| key.vn == vn).collect();
    let members = book.members(vn).map(|nve| nve.0).collect();
    let edges = || world.edges.iter().flat_map(|edge| keys.map(|key| (edge, key)));
    let states = edges().map(|(edge, key)| edge.nve().state(&key).state).collect();
    let mappings = edges().map(|(edge, key)| edge.nve().mapping(&key)).collect();

    let mut frames = Vec::new();
    for (edge, from) in [(0, 2), (1, 1), (2, 3)] {
        let to = [1, 2, 3].into_iter().filter(|to| *to != from).map(|to| twin(to).key.mac.0).chain([[0xff; 6]]);
        for to in to {
            let frame = [&to[..], &twin(from).key.mac.0, &[0x88, 0xb5], &[0; 46]].concat();
            frames.push(world.edges[edge].forwarder.vap_frame(world.now, QUIET, &frame));
            world.settle();
        }
    }
    let before = world.edges[2].said.len();
    for n in 1..=2 {
        let question = question(&twin(3), &twin(n));
        let _ = world.edges[2].nve_mut().handle_frame(world.now, QUIET, &question);
        world.settle();
    }
    let answers = world.edges[2].said.split_off(before).into_iter().map(|(_, frame)| frame).collect();
    Seen { directory: directory.into(), frozen, members, states, mappings, frames, answers }
}

fn v4(tsi: &Tsi) -> nvo3_wire::Ipv4 {
    let IpAddr::V4(ip) = tsi.ips[0] else { panic!("the test's TSIs have IPv4 addresses") };
    ip.into()
}

fn question(from: &Tsi, to: &Tsi) -> [u8; 42] {
    let mut frame = [0; 42];
    nvo3_wire::arp::request((from.key.mac, v4(from)), v4(to), &mut frame).unwrap();
    frame
}

fn announce(world: &mut Direct, edge: usize, vm: &Tsi) {
    let mut frame = [0; 42];
    nvo3_wire::arp::announcement(vm.key.mac, v4(vm), &mut frame).unwrap();
    if world.edges[edge].forwarder.vap_frame(world.now, BUSY, &frame) == Verdict::Punt {
        let _ = world.edges[edge].nve_mut().handle_frame(world.now, BUSY, &frame);
    }
    world.settle();
}

fn suspend(world: &mut Direct, edge: usize, id: u64) {
    let (key, move_id) = (tsi(1).key, MoveId(id));
    world.tell(edge, nve::Input::Suspend { key, move_id, stopped_at: None });
}

fn manage(world: &mut Direct, input: nva::Input) {
    world.nva.handle(world.now, input).unwrap();
    world.settle();
}

type Happening = (&'static str, fn(&mut Direct));

/// What happens in the busy network, one after the other.
const HAPPENINGS: &[Happening] = &[
    ("a station shows itself", |world| announce(world, 0, &tsi(1))),
    ("a station asks for another one", |world| {
        let _ = world.edges[2].nve_mut().handle_frame(world.now, BUSY, &question(&tsi(3), &tsi(1)));
    }),
    ("an edge asks for one that is not there", |world| miss(world, 2, tsi(9).key)),
    ("an edge subscribes", |world| world.tell(2, nve::Input::Subscribe(tsi(1).key.vn))),
    ("a move is planned", |world| world.plan(1, vec![tsi(1).key], 3)),
    ("its station is suspended", |world| suspend(world, 0, 1)),
    ("its station runs at the new edge", |world| {
        world.attach(2, 5, vec![tsi(1)]);
        world.tell(2, nve::Input::Activate { key: tsi(1).key, move_id: Some(MoveId(1)) });
    }),
    ("another move is called off", |world| {
        world.plan(2, vec![tsi(1).key], 2);
        manage(world, nva::Input::Cancel(MoveId(2)));
    }),
    ("an edge takes a station without a plan", |world| {
        world.tell(0, nve::Input::Activate { key: tsi(1).key, move_id: None });
    }),
    ("a station shows itself elsewhere", |world| {
        world.attach(1, 7, vec![tsi(3)]);
        announce(world, 1, &tsi(3));
    }),
    ("a station moves until it is frozen", |world| {
        for n in 0..8_usize {
            let edge = [2, 0][n % 2];
            let _ = world.edges[edge].control.tell(world.now, nve::Input::Activate { key: tsi(1).key, move_id: None });
            world.settle();
        }
        assert!(world.nva.book().is_frozen(&tsi(1).key), "the world is wrong");
    }),
    ("an operator releases it", |world| manage(world, nva::Input::Release(tsi(1).key))),
    ("management takes one away", |world| manage(world, nva::Input::Forget(tsi(2).key))),
    ("a port is detached", |world| world.tell(2, nve::Input::Detach { vap: BUSY })),
    ("an edge subscribes no more", |world| world.tell(2, nve::Input::Unsubscribe(tsi(1).key.vn))),
    ("the ports at the edges of the others are detached", |world| {
        for (edge, vap) in [(0, 1), (1, 1), (1, 7), (2, 5)] {
            let _ = world.edges[edge].control.tell(world.now, nve::Input::Detach { vap: VapId(vap) });
            world.settle();
        }
        world.run(Micros::from_millis(50));
    }),
];

/// Checks I5.
#[test]
fn what_happens_in_a_network_changes_nothing_of_the_same_addresses_in_another_one() {
    let mut world = world();
    let before = seen(&mut world);
    let places = before.directory.iter().flatten().map(|(_, place, _)| *place);
    assert!(places.eq([2, 1, 3].map(|n| Some(place(n)))) && before.members == [1, 2, 3].into(), "{before:#?}");
    let answered = before.answers.iter().map(|frame| &frame[22..28]);
    assert!(answered.eq([1, 2].map(|n| twin(n).key.mac.0)), "{before:#?}");
    assert!(before.frames.iter().all(|verdict| !matches!(verdict, Verdict::Drop(_) | Verdict::Held)), "{before:#?}");

    for (what, happen) in HAPPENINGS {
        happen(&mut world);
        assert_eq!(seen(&mut world), before, "{what}");
    }
}
