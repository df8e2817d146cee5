//! The answers of the authority, and the messages that it sends by itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::Transport;
use nvo3_mobility::forwarder::{DropReason, Notice, Verdict};
use nvo3_mobility::nva::{self, NvaConfig};
use nvo3_mobility::nve::{self, Transmit};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Address, Answer, Header, Message, Micros, Place, Query, Response, Tsi, TsiKey, Version};
use nvo3_tests::direct::{Direct, Forger, Sent, To, peer, place, trusting, tsi};
use nvo3_wire::{Mac, Vni};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

/// The Query that edge 1 sends for an address it lacks, with its transaction number.
fn query(world: &mut Direct, key: TsiKey, transaction: u32) -> (Header, Query, Vec<u8>) {
    world.edges[0].nve_mut().handle_notice(world.now, Notice::Miss { vn: key.vn, mac: key.mac, vap: None });
    let mut bytes = Vec::new();
    while let Some(to) = world.edges[0].nve_mut().poll_transmit(world.now, &mut bytes) {
        if let (Transmit::Nva, Ok((header, Message::Query(query)))) = (to, Message::decode(&bytes)) {
            let header = Header { transaction, ..header };
            bytes.clear();
            Message::Query(query).encode(&header, &mut bytes).unwrap();
            return (header, query, bytes);
        }
    }
    panic!("an edge that misses an address asks for it")
}

/// The messages that the authority sends now.
fn said(world: &mut Direct) -> Vec<(Header, Message)> {
    let mut bytes = Vec::new();
    let mut said = Vec::new();
    while world.nva.poll_transmit(world.now, &mut bytes).is_some() {
        said.push(Message::decode(&bytes).unwrap());
    }
    said
}

/// Checks DIR-06.
#[test]
fn an_answer_carries_the_question_s_number() {
    let mut world = Direct::new(1);
    let (asked, question, bytes) = query(&mut world, tsi(77).key, 9);

    world.nva.handle_datagram(world.now, peer(1), &bytes);
    let said = said(&mut world);

    let answer = said.iter().find_map(|(header, message)| match message {
        Message::Response(response) => Some((header, response)),
        _ => None,
    });
    let (header, response) = answer.unwrap();
    assert_eq!((header.session, header.transaction), (asked.session, 9));
    assert_eq!((response.vn, response.address, &response.answer), (question.vn, question.address, &Answer::NotFound));
}

/// Checks DIR-06.
#[test]
fn what_is_said_unasked_has_the_session_s_own_number() {
    let mut world = Direct::new(2);
    world.start(0, 1, tsi(1));

    // The authority sends again what edge 1 does not acknowledge.
    world.silence(0);
    world.start(1, 1, tsi(2));
    world.now = world.now + Micros::from_millis(500);
    world.nva.handle_timeout(world.now);
    let said = said(&mut world);

    let update = said.iter().find(|(_, message)| matches!(message, Message::Update(_)));
    let (header, _) = update.unwrap();
    assert!(header.transaction == 0 && header.sequence > 0, "{header:?}");
}

/// Changes each message that arrives at edge 1; `None` drops it.
fn on_the_way_to_the_edge(mut make: impl FnMut(Header, Message) -> Option<(Header, Message)> + 'static) -> Forger {
    Box::new(move |sent| match (sent.to, Message::decode(&sent.bytes)) {
        (To::Edge(0), Ok((header, message))) => make(header, message)
            .map(|(header, message)| {
                let mut bytes = Vec::new();
                message.encode(&header, &mut bytes).unwrap();
                Sent { to: sent.to, bytes }
            })
            .into_iter()
            .collect(),
        _ => vec![sent.clone()],
    })
}

/// Records the messages that an edge sends to the authority.
fn asked(world: &mut Direct) -> Rc<RefCell<Vec<(Header, Message)>>> {
    let all = Rc::new(RefCell::new(Vec::new()));
    let list = Rc::clone(&all);
    world.forger = Some(Box::new(move |sent| {
        if let (To::Nva(_), Ok(said)) = (sent.to, Message::decode(&sent.bytes)) {
            list.borrow_mut().push(said);
        }
        vec![sent.clone()]
    }));
    all
}

fn miss(world: &mut Direct, edge: usize, key: TsiKey) {
    world.edges[edge].nve_mut().handle_notice(world.now, Notice::Miss { vn: key.vn, mac: key.mac, vap: None });
    world.settle();
}

fn place_of(world: &Direct, edge: usize, key: TsiKey) -> Option<Place> {
    world.edges[edge].nve().mapping(&key).and_then(|(_, place)| place)
}

/// Checks DIR-06.
#[test]
fn each_question_has_a_number_of_its_own_and_what_is_said_unasked_has_none() {
    let mut world = Direct::new(1);
    let asked = asked(&mut world);

    world.start(0, 1, tsi(1));
    miss(&mut world, 0, tsi(77).key);
    miss(&mut world, 0, tsi(78).key);
    world.tell(0, nve::Input::Subscribe(tsi(1).key.vn));
    world.tell(0, nve::Input::Detach { vap: VapId(1) });

    let asked = asked.borrow();
    let is_question = |message: &Message| {
        use Message::{Deregister, Query, RegistrationRequest, Resync};
        matches!(message, RegistrationRequest(_) | Deregister(_) | Query(_) | Resync(_))
    };
    let (questions, others): (Vec<_>, Vec<_>) = asked.iter().partition(|(_, message)| is_question(message));
    let numbers: BTreeSet<u32> = questions.iter().map(|(header, _)| header.transaction).collect();
    assert_eq!((questions.len(), numbers.len(), numbers.contains(&0)), (5, 5, false), "{numbers:?}");
    assert!(others.iter().all(|(header, _)| header.transaction == 0));
}

/// Checks DIR-06.
#[test]
fn an_answer_to_what_was_not_asked_is_not_believed() {
    let (vm, other) = (tsi(1), tsi(2));
    type Lie = fn(&mut Header, &mut Response);
    let lies: [(&str, Lie); 4] = [
        ("another number", |header, _| header.transaction += 1),
        ("no number", |header, _| header.transaction = 0),
        ("another address", |_, response| response.address = Address::Mac(Mac([2, 0, 0, 0, 0, 99]))),
        ("another network", |_, response| response.vn = Vni::new(8).unwrap()),
    ];
    for (name, lie) in lies {
        let mut world = Direct::new(2);
        world.start(1, 1, vm.clone());
        world.start(1, 2, other.clone());
        let mut lies_left = 1;
        world.forger = Some(on_the_way_to_the_edge(move |mut header, mut message| {
            if let Message::Response(response) = &mut message
                && lies_left > 0
            {
                lies_left -= 1;
                lie(&mut header, response);
            }
            Some((header, message))
        }));

        miss(&mut world, 0, vm.key);
        assert_eq!(world.edges[0].nve().mappings().count(), 0, "{name}");
        assert_eq!(world.edges[0].nve().counters().unasked, 1, "{name}");
        miss(&mut world, 0, other.key);

        assert_eq!(place_of(&world, 0, other.key), Some(place(2)), "{name}: the next answer is taken");
        assert_eq!(place_of(&world, 0, vm.key), None, "{name}");
    }
}

/// A TSI with the most addresses that one may have. A TSI with more is never registered, so that no answer is cut.
///
/// Checks DIR-08.
#[test]
fn all_that_answers_a_question_is_in_one_message() {
    let most = NvaConfig::new(Transport::Trusted).ips_per_tsi as u16;
    let ip = |n| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n));
    let vm = Tsi { ips: (1..=most).map(ip).collect(), ..tsi(1) };
    let mut world = Direct::new(2);
    world.start(1, 1, vm.clone());
    let answers = Rc::new(RefCell::new(Vec::new()));
    let list = Rc::clone(&answers);
    world.forger = Some(on_the_way_to_the_edge(move |header, message| {
        list.borrow_mut().push(message.clone());
        Some((header, message))
    }));

    miss(&mut world, 0, vm.key);

    let answers = answers.borrow();
    let answers: Vec<_> =
        answers.iter().filter_map(|m| if let Message::Response(r) = m { Some(r) } else { None }).collect();
    assert_eq!(answers.len(), 1);
    assert!(matches!(&answers[0].answer, Answer::Found(mapping) if mapping.ips == vm.ips));
}

/// An edge follows a message that a station is elsewhere, or gone, whatever the edge knew before. No message flushes a VN: a new
/// session's Resync takes its place.
///
/// Checks DIR-14.
#[test]
fn an_update_replaces_what_was_known_to_be_somewhere_or_nowhere() {
    let key = tsi(1).key;
    let (here, there) = (Some(place(2)), Some(place(3)));
    let cases = [
        ("positive by positive", here, there),
        ("positive by negative", here, None),
        ("negative by positive", None, there),
        ("negative by negative", None, None),
    ];
    for (name, before, after) in cases {
        let mut world = Direct::with(3, trusting());
        miss(&mut world, 0, key);
        if before.is_some() {
            world.start(1, 1, tsi(1));
        }
        let (old, at) = world.edges[0].nve().mapping(&key).unwrap();
        assert_eq!(at, before, "{name}");

        match (before, after) {
            (_, Some(_)) => world.start(2, 1, tsi(1)),
            (Some(_), None) => world.tell(1, nve::Input::Detach { vap: VapId(1) }),
            (None, None) => {
                world.start(1, 1, tsi(1));
                world.tell(1, nve::Input::Detach { vap: VapId(1) });
            }
        }

        let (new, at) = world.edges[0].nve().mapping(&key).unwrap();
        assert_eq!(at, after, "{name}");
        assert!(new > old, "{name}");
        assert_eq!(world.edges[0].nve().counters().queries, 1, "{name}: told, not asked");
    }
}

/// A complete list of a VN from the authority is no reason to drop frames for an address that is not in the list.
///
/// Checks DIR-18.
#[test]
fn an_unknown_destination_is_asked_for_and_dropped_only_once_the_authority_says_that_there_is_none() {
    for subscribed in [false, true] {
        let mut world = Direct::new(2);
        world.start(0, 1, tsi(1));
        if subscribed {
            world.tell(0, nve::Input::Subscribe(tsi(1).key.vn));
            world.run(Micros::from_secs(2));
        }
        let frame = [&tsi(9).key.mac.0[..], &tsi(1).key.mac.0[..], &[0x88, 0xb5][..], &[0; 46][..]].concat();
        let send = |world: &mut Direct| {
            let verdict = world.edges[0].forwarder.vap_frame(world.now, VapId(1), &frame);
            world.settle();
            verdict
        };

        assert_eq!(send(&mut world), Verdict::Held, "subscribed: {subscribed}");
        assert_eq!(world.edges[0].nve().counters().queries, 1);
        assert_eq!(send(&mut world), Verdict::Drop(DropReason::UnknownDestination));
    }
}

/// Checks DAP-03.
#[test]
fn who_restarts_asks_for_all_of_its_networks_and_of_no_other() {
    let mut far = tsi(3);
    far.key.vn = Vni::new(8).unwrap();
    let mut world = Direct::new(2);
    world.start(1, 1, tsi(1));
    world.start(1, 2, tsi(2));
    world.start(1, 3, far.clone());
    world.tell(0, nve::Input::Subscribe(tsi(1).key.vn));

    world.restart_edge(0);
    assert_eq!(world.edges[0].nve().mappings().count(), 0);
    world.tell(0, nve::Input::Subscribe(tsi(1).key.vn));
    world.tell(0, nve::Input::Connect);

    assert_eq!(world.edges[0].nve().mappings().collect::<Vec<_>>(), [tsi(1).key, tsi(2).key]);
    assert_eq!(world.edges[0].nve().counters().queries, 0);
}

/// A gap in a session's order is filled before later messages are taken. After a session ends, an edge asks for all that it missed.
///
/// Checks DAP-03.
#[test]
fn a_lost_update_is_noticed_and_made_up_for() {
    let vn = tsi(1).key.vn;
    let mut world = Direct::new(2);
    world.tell(0, nve::Input::Subscribe(vn));
    let mut to_lose = 1;
    world.forger = Some(on_the_way_to_the_edge(move |header, message| {
        let lost = to_lose > 0 && matches!(message, Message::Update(_));
        to_lose -= i32::from(lost);
        (!lost).then_some((header, message))
    }));

    world.start(1, 1, tsi(1));
    world.start(1, 2, tsi(2));
    assert_eq!(world.edges[0].nve().mappings().count(), 0, "what follows the gap waits for it");
    world.run(Micros::from_millis(500));
    assert_eq!(world.edges[0].nve().mappings().collect::<Vec<_>>(), [tsi(1).key, tsi(2).key]);

    let seen = world.nva.book().newest();
    world.silence(0);
    world.run(Micros::from_secs(4));
    world.tell(1, nve::Input::Detach { vap: VapId(1) });
    world.start(1, 3, tsi(3));
    world.edges[0].silent = false;
    let asked = asked(&mut world);
    world.run(Micros::from_secs(4));

    let since = |(_, message): &(Header, Message)| match message {
        Message::Resync(resync) if resync.vns.contains(&vn) => Some(resync.since),
        _ => None,
    };
    let since: Vec<Version> = asked.borrow().iter().filter_map(since).collect();
    assert!(matches!(since.as_slice(), [since] if *since > Version::default() && *since <= seen), "{since:?}, {seen}");
    for n in 1..=3 {
        let truth = world.nva.lookup(&tsi(n).key).and_then(|mapping| mapping.place);
        assert_eq!(place_of(&world, 0, tsi(n).key), truth, "TSI {n}");
    }
}

/// Both ends hear that the other end lives. An Update is sent again at the session's pace, up to its dead time.
///
/// Checks DIR-13.
#[test]
fn who_never_acknowledges_an_update_loses_its_session_and_with_the_next_hears_of_it() {
    let key = tsi(1).key;
    let mut world = Direct::with(3, trusting());
    world.start(1, 1, tsi(1));
    miss(&mut world, 0, key);
    let told = Rc::new(Cell::new(0));
    let (count, mut deaf_in) = (Rc::clone(&told), None);
    world.forger = Some(on_the_way_to_the_edge(move |header, message| {
        if !matches!(message, Message::Update(_)) || *deaf_in.get_or_insert(header.session) != header.session {
            return Some((header, message));
        }
        count.set(count.get() + 1);
        Some((Header { sequence: 0, transaction: 0, ..header }, Message::Keepalive))
    }));

    world.start(2, 1, tsi(1));
    assert_eq!(place_of(&world, 0, key), Some(place(2)), "stale");
    world.run(Micros::from_secs(7));

    assert!(told.get() >= 3, "{}", told.get());
    assert!(world.events.iter().any(|event| matches!(event, nva::Event::NveDown { nve, .. } if *nve == place(1).nve)));
    assert_eq!(place_of(&world, 0, key), Some(place(3)));
}
