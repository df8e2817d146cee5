//! A flood of one port or one sender takes no more than its share: others register, resolve and move as without it.
//!
//! Each flood has 10,000 frames or datagrams a second for two seconds of simulated time. The flooder is at edge 1. The other tenant is in
//! another VN, and has a port at the same edge.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test's own helpers")]

use nvo3_mobility::edge::Edge;
use nvo3_mobility::fairness::Limit;
use nvo3_mobility::forwarder::DropReason;
use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig};
use nvo3_mobility::nva::{self, NvaCounters};
use nvo3_mobility::nve::rules::{News, State};
use nvo3_mobility::nve::{self, Event, Nve, NveConfig, NveCounters};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{
    Header, Invalidate, Message, Micros, MoveId, MoveKind, MoveResult, NveId, SessionId, Tsi, TsiKey, Version,
};
use nvo3_tests::direct::{peer, place, sealed, tsi};
use nvo3_tests::timed::{Arrival, Timed};
use nvo3_wire::{Ipv4, Vni, arp};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const EVERY: u64 = 100;
const LENGTH: u64 = 2_000_000;
/// The ports at edge 1.
const EVIL: u32 = 1;
const GOOD: u32 = 2;
const MOVER: u32 = 3;
const NEW: u32 = 4;

/// Station `n` of the other tenant.
fn good(n: u8) -> Tsi {
    let key = TsiKey { vn: Vni::new(9).unwrap(), ..tsi(n).key };
    Tsi { key, ..tsi(n) }
}

/// The flooder's station is 66, in VN 7. The other tenant's stations are 1 and 3 at edge 1, and 2 at edge 2.
fn world() -> Timed {
    let mut world = Timed::new(3);
    world.start(0, EVIL, tsi(66));
    world.start(2, 1, tsi(67));
    world.start(0, GOOD, good(1));
    world.start(0, MOVER, good(3));
    world.start(1, 1, good(2));
    world.run(Micros::from_millis(500));
    world
}

fn ip(n: u32) -> Ipv4 {
    Ipv4Addr::from(0x0a00_0000 | n).into()
}

fn ipv4(tsi: &Tsi) -> Ipv4 {
    let IpAddr::V4(ip) = tsi.ips[0] else { panic!("{tsi:?}") };
    ip.into()
}

fn question(from: &Tsi, target: Ipv4) -> Vec<u8> {
    let mut frame = vec![0; arp::FRAME_LEN];
    arp::request((from.key.mac, ipv4(from)), target, &mut frame).unwrap();
    frame
}

fn announcement(from: &Tsi) -> Vec<u8> {
    let mut frame = vec![0; arp::FRAME_LEN];
    arp::announcement(from.key.mac, ipv4(from), &mut frame).unwrap();
    frame
}

/// An IPv4 packet of 60 bytes to a MAC that nobody has.
fn data(from: &Tsi, n: u32) -> Vec<u8> {
    let [a, b, c, d] = n.to_be_bytes();
    let mut frame = [&[2, 0x66, a, b, c, d][..], &from.key.mac.0, &[8, 0, 0x45]].concat();
    frame.resize(60, 0);
    frame[26..30].copy_from_slice(&ipv4(from).0);
    frame
}

fn at_port(frame: Vec<u8>) -> Arrival {
    Arrival::AtPort { edge: 0, vap: EVIL, frame }
}

fn flood(world: &mut Timed, mut one: impl FnMut(u32) -> Arrival) {
    (0..LENGTH / EVERY).for_each(|n| world.after(Micros(n * EVERY), one(n as u32)));
}

/// The times that the other tenant's registration, query and move take, in the middle of the flood.
fn delays(world: &mut Timed) -> [Micros; 3] {
    world.run(Micros::from_millis(1_000));
    let new = good(4);
    world.start(0, NEW, new.clone());
    let registered = world.wait(|world| world.edges[0].nve().state(&new.key).state == State::Here);

    let asked = question(&good(1), ipv4(&good(2)));
    world.after(Micros(0), Arrival::AtPort { edge: 0, vap: GOOD, frame: asked });
    let answered = world.wait(|world| {
        let answers = world.out.iter().filter(|(_, edge, vap, _)| (*edge, *vap) == (0, GOOD));
        answers.filter(|(_, _, _, frame)| frame[6..12] == good(2).key.mac.0).count() == 1
    });

    let began = world.now;
    let (key, move_id) = (good(3).key, MoveId(9));
    world.attach(1, 2, good(3));
    let (tsis, to, kind, deadline) = (vec![key], place(2).nve, MoveKind::Hot, Micros::from_secs(5));
    world.nva.handle(world.now, nva::Input::Move { id: move_id, tsis, to, kind, deadline }).unwrap();
    let news = |world: &Timed, what| {
        world.events.iter().any(|(_, _, event)| matches!(event, Event::News { news, .. } if *news == what))
    };
    world.wait(|world| world.nva_events.iter().any(|(_, event)| *event == nva::Event::MaySuspend(move_id)));
    world.tell(0, nve::Input::Suspend { key, move_id, stopped_at: None });
    world.wait(|world| news(world, News::Suspended));
    world.tell(1, nve::Input::Activate { key, move_id: Some(move_id) });
    let ended = nva::Event::Ended { id: move_id, result: MoveResult::Committed };
    world.wait(|world| world.nva_events.iter().any(|(_, event)| *event == ended));
    [registered, answered, world.now - began]
}

/// The counters at edge 1 and at the authority that this step adds: none of a healthy world.
fn limited(world: &Timed) -> ([u64; 4], u64, [u64; 2]) {
    let NveCounters { limited_announcements, limited_questions, limited_queries, limited_hints, .. } =
        *world.edges[0].nve().counters();
    let NvaCounters { limited_answers, withheld_answers, .. } = *world.nva.counters();
    let misses = world.edges[0].forwarder().counters().dropped_frames(DropReason::MissLimited);
    let edge = [limited_announcements, limited_questions, limited_queries, limited_hints];
    (edge, misses, [limited_answers, withheld_answers])
}

/// The limits that edge 1 told that a port exceeds, each once.
fn told(world: &Timed) -> Vec<(u32, Limit)> {
    let limited = |event: &Event| match event {
        Event::Limited { vap, what, .. } => Some((vap.0, *what)),
        _ => None,
    };
    world.events.iter().filter_map(|(_, edge, event)| limited(event).filter(|_| *edge == 0)).collect()
}

/// Checks that the other tenant's work takes at most twice as long with the flood.
fn assert_fair(world: &mut Timed) {
    let mut alone = self::world();
    let (usual, flooded) = (delays(&mut alone), delays(world));

    assert_eq!(limited(&alone), ([0; 4], 0, [0; 2]));
    for (usual, flooded) in usual.into_iter().zip(flooded) {
        assert!(usual > Micros(0) && flooded.0 <= 2 * usual.0, "{flooded} and not {usual}");
    }
}

/// Checks I12.
#[test]
fn a_flood_of_announcements_is_not_replicated() {
    let mut world = world();
    world.out.clear();
    flood(&mut world, |_| at_port(announcement(&tsi(66))));

    assert_fair(&mut world);

    world.run(Micros(LENGTH));
    let copies = world.out.iter().filter(|(_, edge, ..)| *edge == 2).count();
    assert!((390..=410).contains(&copies), "200 at once and 100 a second for 2 s: {copies}");
    assert!(limited(&world).0[0] > 18_000);
    assert_eq!(told(&world), [(EVIL, Limit::Announcements)]);
}

/// ARP of these kinds asks nothing that an edge can answer, and goes to everybody as an announcement does.
///
/// Checks I12.
#[test]
fn other_arp_to_everybody_has_the_rate_of_announcements() {
    let mut reply = announcement(&tsi(66));
    reply[21] = 2;
    reply[41] = 99;
    let cut = announcement(&tsi(66))[..30].to_vec();
    let (untrusted, trusted) = (PortPolicy::untrusted, PortPolicy::trusted);
    for (frame, policy) in [(reply.clone(), untrusted()), (reply, trusted()), (cut, trusted())] {
        let mut world = world();
        let (vn, tsis) = (tsi(66).key.vn, vec![tsi(66)]);
        world.tell(0, nve::Input::Attach { vap: VapId(EVIL), vn, tsis, policy });
        flood(&mut world, |_| at_port(frame.clone()));

        world.run(Micros(LENGTH));

        let copies = world.edges[0].forwarder().counters().replicated_frames;
        assert!((390..=410).contains(&copies), "{copies} of {frame:?}");
        assert!(limited(&world).0[0] > 18_000);
    }
}

/// Checks I12.
#[test]
fn a_scan_of_addresses_makes_no_more_queries_than_its_rate() {
    let mut world = world();
    let before = world.edges[0].nve().counters().queries;
    flood(&mut world, |n| at_port(question(&tsi(66), ip(n))));

    assert_fair(&mut world);

    world.run(Micros(LENGTH));
    let queries = world.edges[0].nve().counters().queries - before;
    assert!(queries <= 810, "400 at once and 200 a second for 2 s: {queries}");
    assert!(limited(&world).0[1] > 18_000);
    assert!(told(&world).contains(&(EVIL, Limit::Questions)));
}

/// Checks I12.
#[test]
fn a_flood_to_unknown_destinations_makes_no_more_queries_than_its_rate() {
    let mut world = world();
    let before = world.edges[0].nve().counters().queries;
    flood(&mut world, |n| at_port(data(&tsi(66), n)));

    assert_fair(&mut world);

    world.run(Micros(LENGTH));
    let queries = world.edges[0].nve().counters().queries - before;
    assert!(queries <= 810, "400 at once and 200 a second for 2 s: {queries}");
    assert!(limited(&world).1 > 18_000);
    assert_eq!(told(&world), [(EVIL, Limit::Misses)]);
}

/// The authority is away, so each query stays open.
///
/// Checks I12.
#[test]
fn a_port_leaves_the_open_queries_and_the_waiting_of_others_room() {
    let mut world = world();
    let frames = [question(&good(1), ipv4(&good(2))), data(&good(1), 7)];
    world.edges[0].tell(world.now, nve::Input::Goodbye).unwrap();
    world.run(Micros::from_millis(10));
    (0..40_000).for_each(|n| {
        let flood = if n % 2 == 0 { question(&tsi(66), ip(n)) } else { data(&tsi(66), n) };
        world.after(Micros(u64::from(n) * 400), at_port(flood));
    });
    world.run(Micros::from_secs(17));
    let before = world.edges[0].nve().counters().queries;

    for frame in frames {
        world.after(Micros(0), Arrival::AtPort { edge: 0, vap: GOOD, frame });
    }
    world.run(Micros(1));

    let counters = world.edges[0].nve().counters();
    assert_eq!((counters.queries - before, counters.shed_queries), (2, 0));
    assert!(counters.limited_queries > 0);
    assert!(told(&world).contains(&(EVIL, Limit::Queries)));
}

/// Anybody on the underlay can send a hint: it has no seal.
///
/// Checks VMM-5-06, I12.
#[test]
fn forged_hints_about_one_mapping_make_one_query_in_an_interval() {
    let mut world = world();
    world.after(Micros(0), Arrival::AtPort { edge: 0, vap: GOOD, frame: question(&good(1), ipv4(&good(2))) });
    world.run(Micros::from_millis(10));
    let before = *world.edges[0].nve().counters();
    let hint =
        Invalidate { tsi: good(2).key, nve: NveId(2), version: Version { epoch: u32::MAX, generation: u64::MAX } };
    let mut bytes = Vec::new();
    Message::Invalidate(hint).encode(&Header::default(), &mut bytes).unwrap();
    flood(&mut world, |_| Arrival::AtEdge { edge: 0, bytes: bytes.clone() });

    assert_fair(&mut world);

    world.run(Micros(LENGTH));
    let counters = world.edges[0].nve().counters();
    assert_eq!(counters.queries - before.queries, 20, "one in 100 ms, for 2 s");
    assert_eq!(counters.hints_received - before.hints_received, 20);
    assert!(counters.repeated_hints - before.repeated_hints > 18_000);
}

/// The frames say that they come from addresses of the underlay that are no NVE's.
///
/// Checks VMM-5-12, I12.
#[test]
fn forged_frames_of_an_unknown_vn_make_few_hints_and_true_ones_still_get_theirs() {
    let mut world = world();
    let vn = Vni::new(77).unwrap();
    let from = |n: u32| IpAddr::V4(Ipv4Addr::from(0xc633_0000 | n & 0xffff));
    flood(&mut world, |n| Arrival::Tunnelled { edge: 0, from: from(n), vn, frame: data(&tsi(67), n) });
    world.run(Micros::from_millis(1_500));
    assert_eq!(world.hints_to.get(&peer(3).ip()), None);

    world.after(Micros(0), Arrival::Tunnelled { edge: 0, from: peer(3).ip(), vn, frame: data(&tsi(67), 1) });
    assert_fair(&mut world);

    world.run(Micros(LENGTH));
    let NveCounters { hints_sent, shed_hints, .. } = *world.edges[0].nve().counters();
    assert!((2_990..3_010).contains(&hints_sent), "1,000 at once and 1,000 a second for 2 s: {hints_sent}");
    assert!(shed_hints > 16_000);
    assert_eq!(world.hints_to.get(&peer(3).ip()), Some(&54));
    assert!(world.hints_to.values().all(|bytes| *bytes <= 68), "each address got at most as much as its frame had");
}

fn is_of_edge(address: IpAddr) -> bool {
    (1..=3).any(|n| peer(n).ip() == address)
}

/// The first *Hello* of an edge that starts.
fn hello(n: u8, seed: u64) -> Vec<u8> {
    let mut nve = Nve::new(NveConfig::new(place(n), sealed([n])), seed).unwrap();
    let mut bytes = Vec::new();
    nve.handle(nvo3_nva_proto::Instant(1_000_000), nve::Input::Connect).unwrap();
    assert!(nve.poll_transmit(nvo3_nva_proto::Instant(1_000_000), &mut bytes).is_some());
    bytes
}

/// The time until edge 2, which starts again in the middle of a flood, has its session.
fn returns(world: &mut Timed) -> Micros {
    world.run(Micros::from_millis(1_000));
    let nve = Nve::new(NveConfig::new(place(2), sealed([2])), 999).unwrap();
    let forwarder = Forwarder::new(ForwarderConfig::new(place(2).locators), 999).unwrap();
    world.edges[1] = Edge::new(nve, forwarder);
    world.tell(1, nve::Input::Connect);
    world.wait(|world| world.edges[1].nve().is_connected())
}

/// Checks VMM-10-10, I12.
#[test]
fn replayed_hellos_get_few_answers_and_an_edge_that_returns_still_gets_its_session() {
    let usual = returns(&mut world());
    let stranger = |n: u32| SocketAddr::new(IpAddr::V4(Ipv4Addr::from(0xcb00_7100 | (n % 200))), 7);
    let old = hello(2, 55);
    for from in [stranger as fn(u32) -> SocketAddr, |_| peer(2)] {
        let mut world = world();
        flood(&mut world, |n| Arrival::AtNva { from: from(n), bytes: old.clone() });

        let flooded = returns(&mut world);

        assert!(flooded.0 <= 2 * usual.0, "{flooded} and not {usual}");
        world.run(Micros(LENGTH));
        let answers: usize = (0..200).filter_map(|n| world.sent_to.get(&stranger(n).ip())).sum();
        assert!(answers <= 25 * 76, "5 at once and 10 a second for 2 s: {answers} bytes");
        assert!(limited(&world).2[0] > 18_000);
        let told = world.nva_events.iter().filter(|(_, event)| matches!(event, nva::Event::Limited { .. }));
        assert_eq!(told.count(), 1);
    }
}

/// Each *Hello* is another one, as an attacker has them who has listened for long.
///
/// Checks I12.
#[test]
fn strangers_together_get_no_more_answers_than_their_rate() {
    let mut world = world();
    let usual = returns(&mut self::world());
    let hellos: Vec<Vec<u8>> = (0..6_000).map(|n| hello(2, n)).collect();
    let stranger = |n: u32| SocketAddr::new(IpAddr::V4(Ipv4Addr::from(0x0b00_0000 | n)), 7);
    flood(&mut world, |n| Arrival::AtNva { from: stranger(n), bytes: hellos[n as usize % hellos.len()].clone() });

    let flooded = returns(&mut world);

    assert!(flooded.0 <= 2 * usual.0, "{flooded} and not {usual}");
    world.run(Micros(LENGTH));
    let answered = world.sent_to.keys().filter(|to| !is_of_edge(**to)).count();
    assert!((2_900..=3_010).contains(&answered), "1,000 at once and 1,000 a second for 2 s: {answered}");
}

/// Checks that no address gets more bytes than came from it. The authority has a trusted transport, so it answers everybody.
///
/// Checks I12.
#[test]
fn an_address_never_gets_more_bytes_than_came_from_it() {
    let mut nva = nva::Nva::new(nva::NvaConfig::new(nvo3_mobility::Transport::Trusted), 7, Default::default()).unwrap();
    while let Some((at, _)) = nva.poll_persist() {
        nva.handle(Default::default(), nva::Input::Persisted(at)).unwrap();
    }
    let bytes_of = |message: Message, session| {
        let mut bytes = Vec::new();
        message.encode(&Header { session: SessionId(session), sequence: 0, transaction: 0 }, &mut bytes).unwrap();
        bytes
    };
    let mut short = bytes_of(Message::Keepalive, 77);
    short[0] = 9;
    let causes = [
        bytes_of(Message::Keepalive, 77),
        bytes_of(Message::Subscribe(Vni::MAX), 77),
        hello(1, 7)[..20].to_vec(),
        vec![0; 8],
        short,
    ];
    let (mut came, mut sent, mut answers, mut out) = ([0_usize; 5], [0_usize; 5], 0, Vec::new());

    for n in 0..100 {
        let which = n % causes.len();
        let from = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, which as u8)), 7);
        nva.handle_datagram(nvo3_nva_proto::Instant(n as u64 * 100_000), from, &causes[which]);
        came[which] += causes[which].len();
        while nva.poll_transmit(nvo3_nva_proto::Instant(n as u64 * 100_000), &mut out).is_some() {
            answers += 1;
            sent[which] += out.len();
            assert!(sent[which] <= came[which], "{:?}: {} of {}", causes[which], sent[which], came[which]);
        }
    }

    assert!(answers > 10, "an edge hears that its session is gone");
    assert!(nva.counters().withheld_answers > 0);
    assert_eq!(nva.counters().limited_answers, 0);
}
