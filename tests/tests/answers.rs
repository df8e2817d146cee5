//! What the authority answers, and what it says unasked.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::forwarder::Notice;
use nvo3_mobility::nve::Transmit;
use nvo3_nva_proto::{Answer, Header, Message, Micros, Query, TsiKey};
use nvo3_tests::direct::{Direct, peer, tsi};

/// The Query that edge 1 sends where it misses this address, under a number of its own.
fn query(world: &mut Direct, key: TsiKey, transaction: u32) -> (Header, Query, Vec<u8>) {
    world.edges[0].nve.handle_notice(world.now, Notice::Miss { vn: key.vn, mac: key.mac });
    let mut bytes = Vec::new();
    while let Some(to) = world.edges[0].nve.poll_transmit(world.now, &mut bytes) {
        if let (Transmit::Nva, Ok((header, Message::Query(query)))) = (to, Message::decode(&bytes)) {
            let header = Header { transaction, ..header };
            bytes.clear();
            Message::Query(query).encode(&header, &mut bytes).unwrap();
            return (header, query, bytes);
        }
    }
    panic!("an edge that misses an address asks for it")
}

/// What the authority has to say.
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

    // What edge 1 does not acknowledge is said again.
    world.silence(0);
    world.start(1, 1, tsi(2));
    world.now = world.now + Micros::from_millis(500);
    world.nva.handle_timeout(world.now);
    let said = said(&mut world);

    let update = said.iter().find(|(_, message)| matches!(message, Message::Update(_)));
    let (header, _) = update.unwrap();
    assert!(header.transaction == 0 && header.sequence > 0, "{header:?}");
}
