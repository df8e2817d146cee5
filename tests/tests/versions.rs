//! Edges of other versions, and with capabilities that the authority does not know (SPEC.md §7.4).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use nvo3_mobility::nva::NvaConfig;
use nvo3_mobility::nve::Transmit;
use nvo3_nva_proto::auth::Party;
use nvo3_nva_proto::{Capabilities, Encapsulations, ErrorCode, ErrorMessage, Header, Hello, Message, VERSION};
use nvo3_tests::direct::{Direct, key, keys, peer, place, sealed};

/// The Hello of an edge.
fn hello() -> Vec<u8> {
    let (encapsulations, capabilities) = (Encapsulations::VXLAN, Capabilities::HOLD);
    let hello = Hello { place: place(1), nonce: 77, resumed: false, encapsulations, capabilities, seen: None };
    let mut bytes = Vec::new();
    Message::Hello(hello).encode(&Header::default(), &mut bytes).unwrap();
    bytes
}

/// A Hello with a critical TLV that the authority does not know.
fn with_unknown() -> Vec<u8> {
    let mut bytes = hello();
    bytes.extend([0xbf, 0xff, 0, 0]);
    let length = u16::try_from(bytes.len()).unwrap();
    bytes[4..6].copy_from_slice(&length.to_be_bytes());
    bytes
}

/// The authority's answers to a datagram of an edge without a session.
fn answers(world: &mut Direct, datagram: &[u8]) -> Vec<Vec<u8>> {
    world.nva.handle_datagram(world.now, peer(1), datagram);
    let (mut bytes, mut answers) = (Vec::new(), Vec::new());
    while world.nva.poll_transmit(world.now, &mut bytes).is_some() {
        answers.push(bytes.clone());
    }
    answers
}

fn errors(answers: &[Vec<u8>]) -> Vec<ErrorMessage> {
    let error = |bytes: &Vec<u8>| match Message::decode(bytes).unwrap() {
        (header, Message::Error(error)) if header == Header::default() => error,
        other => panic!("{other:?}"),
    };
    answers.iter().map(error).collect()
}

#[test]
fn a_hello_of_another_version_is_told_which_one_is_spoken() {
    for version in [0, VERSION + 1, u8::MAX] {
        let mut world = Direct::new(0);
        let mut bytes = hello();
        bytes[0] = version;

        let answers = answers(&mut world, &bytes);

        assert_eq!(answers[0][0], VERSION);
        assert_eq!(
            errors(&answers),
            [ErrorMessage { code: ErrorCode::Version, about: 0, sequence: 0, offset: 0, tlv: 0 }]
        );
        assert!(answers[0].len() <= bytes.len());
    }
}

/// Checks ARC-18.
#[test]
fn a_hello_with_what_must_be_known_is_told_what_is_not() {
    let mut world = Direct::new(0);

    let errors = errors(&answers(&mut world, &with_unknown()));

    assert_eq!(
        errors.iter().map(|error| (error.code, error.tlv)).collect::<Vec<_>>(),
        [(ErrorCode::UnknownCritical, 0x3fff)]
    );
}

#[test]
fn nothing_else_of_another_version_is_answered_by_anybody() {
    let mut world = Direct::new(1);
    world.run(nvo3_nva_proto::Micros::from_millis(10));
    answers(&mut world, &[]);
    let mut answer = Vec::new();
    let refused = ErrorMessage { code: ErrorCode::Version, about: 0, sequence: 0, offset: 0, tlv: 0 };
    Message::Error(refused).encode(&Header::default(), &mut answer).unwrap();
    for kind in 0..=u8::MAX {
        answer[..2].copy_from_slice(&[VERSION + 1, kind]);
        if kind != 1 {
            assert_eq!(answers(&mut world, &answer), Vec::<Vec<u8>>::new());
        }

        let now = world.now;
        world.edges[0].nve_mut().handle_datagram(now, &answer);
        let mut said = Vec::new();
        while let Some(to) = world.edges[0].nve_mut().poll_transmit(now, &mut said) {
            assert_ne!(to, Transmit::Nva, "{said:?}");
        }
    }
}

/// Checks VMM-10-10.
#[test]
fn under_seals_only_who_has_the_key_is_told() {
    let mut world = Direct::with(0, NvaConfig::new(sealed([1])));
    let ring = keys([1]);
    let seal = |mut bytes: Vec<u8>| {
        ring.seal(Party::Nve, key(1), 0, &mut bytes).unwrap();
        bytes
    };
    let mut later = seal(hello());
    later[0] = VERSION + 1;
    let mut changed = seal(with_unknown());
    *changed.last_mut().unwrap() ^= 1;
    for unanswered in [later, changed, with_unknown()] {
        assert_eq!(answers(&mut world, &unanswered), Vec::<Vec<u8>>::new());
    }

    let answers = answers(&mut world, &seal(with_unknown()));

    let opened = ring.open(Party::Nva, &answers[0]).unwrap();
    let Ok(Message::Error(error)) = opened.decode() else { panic!("it is an Error") };
    assert_eq!((opened.header, opened.number, error.code), (Header::default(), 0, ErrorCode::UnknownCritical));
    assert_eq!(answers.len(), 1);
}
