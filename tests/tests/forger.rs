//! A forger on the path sees each control datagram and may send anything, but has no key, or only another edge's key. Directory,
//! journal, caches, moves and the events for the owners stay the same as without the forger.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use nvo3_mobility::nva::{self, NvaConfig, NvaCounters, Record};
use nvo3_mobility::nve::rules::TsiState;
use nvo3_mobility::nve::{self, Nve, NveConfig, NveCounters};
use nvo3_nva_proto::auth::{Party, Secret, SeenKey};
use nvo3_nva_proto::{
    Header, HelloAck, Instant, Invalidate, Mapping, Message, Micros, MoveId, MoveResult, Place, SEAL_LEN, TsiKey,
    Version,
};
use nvo3_tests::direct::{Direct, Forger, Sent, To, key, keys, peer, place, prompt, sealed, tsi};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

const EDGES: u8 = 3;

/// The final state of a run, and its events.
#[derive(Debug, PartialEq)]
struct Outcome {
    records: Vec<(Version, Record)>,
    /// The events, without the steps of moves and in no order. A restarted authority answers each replayed message that it does not
    /// know the session. So with the forger, edges return sooner and in another order.
    told: Vec<String>,
    directory: Vec<(TsiKey, Mapping)>,
    edges: Vec<AtEdge>,
}

type Cached = (TsiKey, Option<(Version, Option<Place>)>);

#[derive(Debug, PartialEq)]
struct AtEdge {
    told: Vec<nve::Event>,
    tsis: Vec<(TsiKey, TsiState)>,
    cache: Vec<Cached>,
}

/// The counters of the authority and of each edge, which show what was refused.
#[derive(Debug, Default)]
struct Refused {
    nva: NvaCounters,
    nves: Vec<NveCounters>,
}

/// A history: edges connect, VMs move, the authority and an edge restart, and an edge is cut off.
fn life(forger: Option<Forger>) -> (Outcome, Refused) {
    let config = prompt(sealed(1..=EDGES));
    let mut world = Direct::watched(EDGES, config, forger);
    let mut refused = Refused::default();
    let (vm, other) = (tsi(1), tsi(2));
    world.start(0, 1, vm.clone());
    world.start(2, 2, other.clone());
    world.tell(2, nve::Input::Subscribe(vm.key.vn));
    world.run(Micros::from_millis(1_500));

    // A move to edge 1. The authority restarts before the move ends.
    world.plan(9, vec![vm.key], 2);
    world.attach(1, 5, vec![vm.clone()]);
    world.tell(0, nve::Input::Suspend { key: vm.key, move_id: MoveId(9), stopped_at: None });
    refused.nva = *world.nva.counters();
    world.restart_nva();
    world.run(Micros::from_secs(3));
    world.tell(1, nve::Input::Activate { key: vm.key, move_id: Some(MoveId(9)) });
    world.run(Micros::from_secs(1));

    // A move back, which management cancels.
    world.plan(10, vec![vm.key], 1);
    world.tell(1, nve::Input::Suspend { key: vm.key, move_id: MoveId(10), stopped_at: None });
    world.nva.handle(world.now, nva::Input::Cancel(MoveId(10))).unwrap();
    world.settle();
    world.tell(1, nve::Input::Activate { key: vm.key, move_id: None });

    // An edge restarts, then closes its session.
    world.restart_edge(0);
    world.tell(0, nve::Input::Connect);
    world.run(Micros::from_secs(1));
    world.tell(0, nve::Input::Goodbye);

    // Another edge is cut off for longer than a session lives.
    world.silence(2);
    world.run(Micros::from_secs(5));
    world.edges[2].silent = false;
    world.run(Micros::from_secs(3));

    refused.nves = world.edges.iter().map(|edge| *edge.nve().counters()).collect();
    let after = world.nva.counters();
    refused.nva.replayed += after.replayed;
    refused.nva.wrong_seal += after.wrong_seal;
    refused.nva.unsealed += after.unsealed;
    refused.nva.not_bound += after.not_bound;
    refused.nva.unknown_key += after.unknown_key;
    // Steps come and go with the forger's datagrams, and so does the word that somebody sends too many.
    let steps = |event: &&nva::Event| !matches!(event, nva::Event::Move { .. } | nva::Event::Limited { .. });
    let mut told: Vec<String> = world.events.iter().filter(steps).map(|event| format!("{event:?}")).collect();
    told.sort();
    let edges = world.edges.iter().map(|edge| AtEdge {
        told: edge.events.clone(),
        tsis: edge.nve().tsis().collect(),
        cache: edge.nve().mappings().map(|key| (key, edge.nve().mapping(&key))).collect(),
    });
    let outcome =
        Outcome { edges: edges.collect(), records: world.records, told, directory: world.nva.mappings().collect() };
    (outcome, refused)
}

/// Checks that a run with a forger, who sends after each datagram, ends the same. Returns the counters.
fn changes_nothing(mut forger: impl FnMut(&Sent) -> Vec<Sent> + 'static) -> Refused {
    let (alone, nobody) = life(None);
    let after = move |sent: &Sent| {
        let mut all = vec![sent.clone()];
        all.extend(forger(sent));
        all
    };
    let (watched, refused) = life(Some(Box::new(after)));

    assert_eq!((nobody.nva.replayed, nobody.nva.wrong_seal, nobody.nva.unsealed), (0, 0, 0));
    for (id, result) in [(9, MoveResult::Committed), (10, MoveResult::Aborted)] {
        let ended = nva::Event::Ended { id: MoveId(id), result };
        assert!(alone.told.contains(&format!("{ended:?}")));
    }
    assert_eq!(watched, alone);
    refused
}

/// An address that no edge has, so that answers to it reach nobody.
fn stranger() -> SocketAddr {
    "203.0.113.200:7".parse().unwrap()
}

fn everywhere() -> impl Iterator<Item = To> {
    let spoofed = (1..=EDGES).map(|n| To::Nva(peer(n)));
    (0..usize::from(EDGES)).map(To::Edge).chain(spoofed).chain([To::Nva(stranger())])
}

fn to_all(bytes: &[u8]) -> impl Iterator<Item = Sent> + '_ {
    everywhere().map(|to| Sent { to, bytes: bytes.to_vec() })
}

/// Checks VMM-10-10, I5.
#[test]
fn who_says_again_all_that_was_said_whenever_something_is_said_changes_nothing() {
    let mut seen: Vec<Sent> = Vec::new();

    let refused = changes_nothing(move |sent| {
        let new = !seen.contains(sent);
        if new {
            seen.push(sent.clone());
        }
        if new && !is_answer(sent) { seen.clone() } else { Vec::new() }
    });

    assert!(refused.nva.replayed > 1_000, "{refused:?}");
    assert!(refused.nves[1].replayed > 1_000, "{refused:?}");
}

/// Checks VMM-10-10, I5.
#[test]
fn who_says_it_to_others_and_back_changes_nothing() {
    let mut seen: Vec<Sent> = Vec::new();

    let refused = changes_nothing(move |sent| {
        if is_answer(sent) {
            return Vec::new();
        }
        seen.push(sent.clone());
        let old = seen[seen.len() / 2].clone();
        to_all(&sent.bytes).chain(to_all(&old.bytes)).collect()
    });

    assert!(refused.nva.replayed > 100 && refused.nva.wrong_seal > 100, "{refused:?}");
    assert!(refused.nves.iter().all(|nve| nve.wrong_seal > 10 && nve.unknown_key > 10), "{refused:?}");
}

/// Checks VMM-10-10, I5.
#[test]
fn who_changes_cuts_or_splices_changes_nothing() {
    let mut last: Vec<Vec<u8>> = Vec::new();
    let mut turn = 0_usize;

    let refused = changes_nothing(move |sent| {
        let mut forged = Vec::new();
        let bytes = &sent.bytes;
        for at in 0..bytes.len() {
            turn += 1;
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (turn % 8);
            forged.push(flipped);
        }
        for cut in [1, 8, 16, 24, 25, 48] {
            forged.push(bytes[..bytes.len().saturating_sub(cut)].to_vec());
        }
        for other in &last {
            let shorter = bytes.len().min(other.len());
            for at in [2, 8, 16, 24, shorter / 2, shorter - SEAL_LEN] {
                forged.push([&bytes[..at], &other[at..]].concat());
                forged.push([&other[..at], &bytes[at..]].concat());
            }
            forged.push([&bytes[..bytes.len() - SEAL_LEN], &other[other.len() - SEAL_LEN..]].concat());
        }
        // Each datagram comes as it is, with a correct length, and without a seal.
        let lengthened = forged.clone().into_iter().map(|mut bytes| {
            set_length(&mut bytes);
            bytes
        });
        let bare = forged.clone().into_iter().map(without_seal);
        let all = forged.iter().cloned().chain(lengthened).chain(bare).chain([without_seal(bytes.clone())]);
        let all: Vec<Sent> = all.filter(|forged| forged != bytes).map(|bytes| Sent { to: sent.to, bytes }).collect();
        last.push(bytes.clone());
        if last.len() > 4 {
            last.remove(0);
        }
        all
    });

    assert!(refused.nva.wrong_seal > 1_000 && refused.nva.unsealed > 1_000, "{refused:?}");
    assert!(refused.nves[1].wrong_seal > 1_000 && refused.nves[1].unsealed > 1_000, "{refused:?}");
}

/// The forger has edge 3's key. With it the forger can be edge 3, and no other edge.
///
/// Checks VMM-10-10, I5.
#[test]
fn who_has_another_edge_s_key_speaks_for_nobody_else() {
    let ring = keys([EDGES]);
    let mut number = 1 << 40;

    let refused = changes_nothing(move |sent| {
        let own = [To::Nva(peer(EDGES)), To::Edge(usize::from(EDGES) - 1)].contains(&sent.to);
        let mut forged = Vec::new();
        for (from, to) in [(Party::Nve, To::Nva(stranger())), (Party::Nve, sent.to), (Party::Nva, sent.to)] {
            let mut bytes = without_seal(sent.bytes.clone());
            number += 1;
            ring.seal(from, key(EDGES), number, &mut bytes).unwrap();
            if own {
                continue;
            }
            forged.push(Sent { to, bytes: bytes.clone() });
            // The same datagram also comes under the id of the right key.
            bytes[6..8].copy_from_slice(&sent.bytes[6..8]);
            forged.push(Sent { to, bytes });
        }
        forged
    });

    assert!(refused.nva.not_bound > 20 && refused.nva.wrong_seal > 20, "{refused:?}");
    assert!(refused.nves[1].unknown_key > 10 && refused.nves[1].wrong_seal > 10, "{refused:?}");
}

/// A message of the authority outside a session. An answer to it would cause another one, without end.
fn is_answer(sent: &Sent) -> bool {
    matches!(sent.bytes[1], 2 | 5)
}

/// A forger that cuts and delays makes the network slow and lossy. The machines recover, also from a delayed challenge of a Hello.
///
/// Checks VMM-10-10.
#[test]
fn who_cuts_and_lets_through_later_only_delays() {
    for every in 2..8 {
        let (mut held, mut turn) = (Vec::new(), 0_usize);
        let cutter: Forger = Box::new(move |sent| {
            turn += 1;
            if turn.is_multiple_of(every) {
                held.push(sent.clone());
                return Vec::new();
            }
            let late = (held.len() > 3).then(|| held.remove(0));
            [sent.clone()].into_iter().chain(late).collect()
        });
        let config = NvaConfig::new(sealed(1..=EDGES));
        let mut world = Direct::watched(EDGES, config, Some(cutter));
        for n in 0..EDGES {
            world.start(usize::from(n), 1, tsi(n + 1));
        }
        world.run(Micros::from_secs(10));

        world.restart_nva();
        world.run(Micros::from_secs(10));

        world.forger = None;
        world.run(Micros::from_secs(5));
        let places: Vec<_> = world.nva.mappings().map(|(_, mapping)| mapping.place).collect();
        assert_eq!(places, (1..=EDGES).map(|n| Some(place(n))).collect::<Vec<_>>(), "each {every}th");
        assert!((1..=EDGES).all(|n| world.nva.is_connected(place(n).nve)), "each {every}th");
        assert!(world.edges.iter().all(|edge| edge.nve().is_connected()), "each {every}th");
    }
}

/// Whoever sends a Hello gets a challenge. It names the Hello and says nothing of what the authority has.
///
/// Checks VMM-10-10.
#[test]
fn a_challenge_says_nothing_of_the_records() {
    let (challenges, granted) = <(Rc<RefCell<Vec<HelloAck>>>, Rc<RefCell<Vec<HelloAck>>>)>::default();
    let (first, later) = (challenges.clone(), granted.clone());
    let listener: Forger = Box::new(move |sent| {
        if let Ok((header, Message::HelloAck(ack))) = Message::decode(&without_seal(sent.bytes.clone())) {
            if header.session.0 == 0 { &first } else { &later }.borrow_mut().push(ack);
        }
        vec![sent.clone()]
    });
    let mut config = prompt(sealed([1]));
    config.seen_key = Some(SeenKey::new(&Secret::from([9; Secret::LEN])));
    let mut world = Direct::watched(1, config, Some(listener));
    world.start(0, 1, tsi(1));

    assert!(world.edges[0].nve().is_connected());
    let (challenges, granted) = (challenges.borrow(), granted.borrow());
    assert!(!challenges.is_empty() && challenges.iter().all(|ack| ack.seen.is_none()), "{challenges:?}");
    assert!(granted.iter().any(|ack| ack.seen.is_some()), "{granted:?}");
    let answers_one = |ack: &&HelloAck| challenges.iter().any(|challenge| challenge.nonce == ack.nonce);
    assert!(granted.iter().all(|ack| answers_one(&ack)), "{granted:?}");
}

/// Checks VMM-10-10, VMM-5-06.
#[test]
fn an_edge_that_has_not_connected_yet_counts_by_its_reason_what_it_does_not_believe() {
    let config = NveConfig::new(place(1), sealed([1]));
    let mut nve = Nve::new(config, 1).unwrap();
    let hint = Invalidate { tsi: tsi(2).key, nve: place(3).nve, version: Version::default() };

    for message in [Message::Invalidate(hint), Message::Keepalive] {
        let mut datagram = Vec::new();
        message.encode(&Header::default(), &mut datagram).unwrap();
        nve.handle_datagram(Instant(1), &datagram);
    }

    // The hint needs no seal.
    assert_eq!((nve.counters().unsealed, nve.counters().unbelieved(), nve.counters().malformed), (1, 1, 0));
}

fn set_length(bytes: &mut [u8]) {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    if let Some(field) = bytes.get_mut(4..6) {
        field.copy_from_slice(&length);
    }
}

/// A message as a sender without a key writes it.
fn without_seal(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len().saturating_sub(SEAL_LEN));
    if let Some(flags) = bytes.get_mut(2..4) {
        flags.fill(0);
    }
    set_length(&mut bytes);
    bytes
}
