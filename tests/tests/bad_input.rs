//! Bad input. It is counted, and answered with an error if there is a session. Nothing else changes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use nvo3_mobility::nva;
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::nve::{self, Transmit};
use nvo3_nva_proto::{
    Capabilities, Claim, Encapsulations, ErrorCode, Header, Hello, Lifetime, Message, MoveId, MoveKind, MoveWord,
    RegistrationRequest, RegistrationResult, Role, SessionId, Version,
};
use nvo3_tests::direct::{Direct, peer, place, tsi};
use proptest::prelude::*;

/// The state that may not change, as text that can be compared.
fn facts(world: &Direct) -> String {
    let mappings: Vec<_> = world.nva.mappings().collect();
    let edges: Vec<Vec<_>> = world.edges.iter().map(|edge| edge.nve().tsis().collect()).collect();
    format!("{mappings:?} {edges:?} {} records", world.records.len())
}

/// A world in the middle of a move.
fn moving() -> Direct {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = Direct::new(3);
    world.start(0, 1, vm.clone());
    world.start(2, 1, tsi(2));
    world.plan(9, vec![key], 2);
    world.attach(1, 5, vec![vm]);
    world.tell(0, nve::Input::Suspend { key, move_id: MoveId(9), stopped_at: None });
    world
}

/// A datagram that edge 1 sent within its session.
fn datagram_of_a_session(world: &mut Direct) -> Vec<u8> {
    let key = tsi(77).key;
    let notice = nvo3_mobility::forwarder::Notice::Miss { vn: key.vn, mac: key.mac, vap: None };
    world.edges[0].nve_mut().handle_notice(world.now, notice);
    let mut bytes = Vec::new();
    while let Some(to) = world.edges[0].nve_mut().poll_transmit(world.now, &mut bytes) {
        if to == Transmit::Nva && matches!(Message::decode(&bytes), Ok((_, Message::Query(_)))) {
            return bytes;
        }
    }
    panic!("an edge that misses an address asks for it");
}

fn answers(world: &mut Direct) -> Vec<Message> {
    let mut bytes = Vec::new();
    let mut answers = Vec::new();
    while world.nva.poll_transmit(world.now, &mut bytes).is_some() {
        answers.push(Message::decode(&bytes).unwrap().1);
    }
    answers
}

fn error_codes(answers: &[Message]) -> Vec<ErrorCode> {
    answers.iter().filter_map(|m| if let Message::Error(error) = m { Some(error.code) } else { None }).collect()
}

/// Checks VMM-10-10.
#[test]
fn garbage_is_counted_and_changes_nothing() {
    let mut world = moving();
    let before = facts(&world);

    world.nva.handle_datagram(world.now, peer(1), b"\xff\xff\xff\xffnot a message at all, but long enough to be one");
    world.edges[1].nve_mut().handle_datagram(world.now, b"neither is this");
    let answers = answers(&mut world);
    world.settle();

    assert_eq!(answers, [], "a stranger's garbage gets no answer");
    assert_eq!(world.nva.counters().malformed, 1);
    assert_eq!(world.edges[1].nve().counters().malformed, 1);
    assert_eq!(facts(&world), before);
}

/// Checks VMM-6-01.
#[test]
fn a_truncated_message_of_a_session_is_answered_with_an_error() {
    let mut world = moving();
    let mut bytes = datagram_of_a_session(&mut world);
    let before = facts(&world);
    bytes.truncate(bytes.len() - 3);

    world.nva.handle_datagram(world.now, peer(1), &bytes);
    let answers = answers(&mut world);

    assert_eq!(error_codes(&answers), [ErrorCode::Truncated]);
    assert_eq!(world.nva.counters().malformed, 1);
    assert_eq!(facts(&world), before);
}

/// Checks ARC-18.
#[test]
fn an_unknown_critical_tlv_is_answered_with_an_error_that_names_it() {
    let mut world = moving();
    let mut bytes = datagram_of_a_session(&mut world);
    let before = facts(&world);
    bytes.extend_from_slice(&[0xbf, 0xff, 0, 0]);
    let len = u16::try_from(bytes.len()).unwrap();
    bytes[4..6].copy_from_slice(&len.to_be_bytes());

    world.nva.handle_datagram(world.now, peer(1), &bytes);
    let answers = answers(&mut world);

    let named = answers.iter().any(
        |m| matches!(m, Message::Error(error) if error.code == ErrorCode::UnknownCritical && error.tlv & 0x7fff == 0x3fff),
    );
    assert!(named, "{answers:?}");
    assert_eq!(facts(&world), before);
}

/// Checks VMM-1-02.
#[test]
fn an_nve_outside_the_domain_gets_an_error_and_no_session() {
    let mut world = moving();
    let before = facts(&world);
    let hello = Hello {
        place: place(66),
        nonce: 1,
        resumed: false,
        encapsulations: Encapsulations::VXLAN,
        capabilities: Capabilities::HOLD,
        seen: None,
    };
    let header = Header { session: SessionId(0), sequence: 0, transaction: 0 };
    let mut bytes = Vec::new();
    Message::Hello(hello).encode(&header, &mut bytes).unwrap();

    world.nva.handle_datagram(world.now, peer(66), &bytes);
    let answers = answers(&mut world);

    assert_eq!(error_codes(&answers), [ErrorCode::UnknownNve]);
    assert_eq!(world.nva.counters().unknown_nve, 1);
    assert_eq!(facts(&world), before);
}

/// Checks VMM-10-03, ARC-11.
#[test]
fn a_word_about_a_move_counts_only_from_its_party() {
    let mut world = moving();
    let before = facts(&world);
    let plan = *world.edges[0].nve().state(&tsi(1).key).state.plan().unwrap();
    let liar = datagram_of_a_session(&mut world);
    let (header, _) = Message::decode(&liar).unwrap();
    let word = MoveWord { move_id: plan.id, version: plan.version };
    let mut bytes = Vec::new();
    Message::Activated(word).encode(&header, &mut bytes).unwrap();

    world.nva.handle_datagram(world.now, peer(1), &bytes);
    world.settle();

    assert_eq!(world.nva.counters().not_party, 1, "the old NVE cannot activate");
    assert_eq!(world.nva.move_state(plan.id), Some(nva::rules::State::Suspended));
    assert_eq!(facts(&world), before);
}

/// Checks VMM-6-04, R-03.
#[test]
fn a_registration_that_comes_after_the_mapping_has_changed_is_refused() {
    let vm = tsi(1);
    let key = vm.key;
    let mut world = moving();
    world.tell(1, nve::Input::Activate { key, move_id: Some(MoveId(9)) });
    let before = facts(&world);
    let (header, _) = Message::decode(&datagram_of_a_session(&mut world)).unwrap();
    let late = RegistrationRequest {
        vn: key.vn,
        lifetime: Lifetime::SESSION,
        claims: vec![Claim {
            mac: key.mac,
            kind: MoveKind::Cold,
            by_word: true,
            old: None,
            expected: Some(Version::default()),
            ips: vm.ips,
            role: Role::Unknown,
        }],
    };
    let mut bytes = Vec::new();
    Message::RegistrationRequest(late).encode(&header, &mut bytes).unwrap();

    world.nva.handle_datagram(world.now, peer(1), &bytes);
    let answers = answers(&mut world);

    let reply = answers.iter().find_map(|m| if let Message::RegistrationReply(reply) = m { Some(reply) } else { None });
    assert_eq!(reply.map(|reply| (reply.result, reply.current)), Some((RegistrationResult::Stale, Some(place(2)))));
    assert_eq!(facts(&world), before);
}

/// Checks VMM-5-06.
#[test]
fn a_forged_hint_causes_one_question_and_no_change() {
    let vm = tsi(1);
    let mut world = moving();
    let missed = nvo3_mobility::forwarder::Notice::Miss { vn: vm.key.vn, mac: vm.key.mac, vap: None };
    world.edges[2].nve_mut().handle_notice(world.now, missed);
    world.settle();
    let mapping = world.edges[2].nve().mapping(&vm.key);
    let asked = world.edges[2].nve().counters().queries;
    let hint = nvo3_nva_proto::Invalidate {
        tsi: vm.key,
        nve: place(1).nve,
        version: Version { epoch: u32::MAX, generation: u64::MAX },
    };
    let header = Header { session: SessionId(0), sequence: 0, transaction: 0 };
    let mut bytes = Vec::new();
    Message::Invalidate(hint).encode(&header, &mut bytes).unwrap();

    for _ in 0..100 {
        world.edges[2].nve_mut().handle_datagram(world.now, &bytes);
    }
    let asked_now = world.edges[2].nve().counters().queries - asked;
    world.settle();

    assert!(mapping.is_some());
    assert_eq!(asked_now, 1);
    assert_eq!(world.edges[2].nve().mapping(&vm.key), mapping);
}

/// Checks VMM-10-02.
#[test]
fn a_spoofed_announcement_on_another_port_moves_nothing() {
    let (vm, liar) = (tsi(1), tsi(2));
    let mut world = moving();
    let before = facts(&world);
    let std::net::IpAddr::V4(ip) = vm.ips[0] else { panic!("the VM has an IPv4 address") };
    let mut frame = [0; 42];
    nvo3_wire::arp::announcement(liar.key.mac, ip.into(), &mut frame).unwrap();

    let handled = world.edges[2].nve_mut().handle_frame(world.now, nvo3_mobility::table::VapId(1), &frame);
    world.settle();

    assert_eq!(handled, nve::Handled::Taken);
    assert_eq!(world.edges[2].nve().counters().spoofed, 1);
    assert!(world.edges[2].events.iter().any(|event| matches!(event, nve::Event::Spoofed { .. })));
    assert_eq!(facts(&world), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Checks VMM-6-01, VMM-10-10.
    #[test]
    fn any_bytes_leave_a_move_as_it_is(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20)) {
        let mut world = moving();
        let before = facts(&world);

        for datagram in &datagrams {
            world.nva.handle_datagram(world.now, peer(1), datagram);
            for edge in &mut world.edges {
                edge.nve_mut().handle_datagram(world.now, datagram);
            }
        }
        world.settle();

        prop_assert_eq!(facts(&world), before);
        let key = tsi(1).key;
        prop_assert!(matches!(world.edges[1].nve().state(&key).state, State::Holding(_)));
    }
}
