//! The errors of malformed messages: each names the fault and its place.

use super::{encoded, extended};
use crate::*;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use nvo3_wire::{Mac, Vni};

fn query() -> Message {
    Message::Query(Query { vn: Vni::new(100).unwrap(), address: Address::Mac(Mac([2, 0, 0, 0, 0, 1])) })
}

fn ready() -> Message {
    Message::Ready(Ready { move_id: MoveId(1), version: Version::default(), refused: None })
}

fn update() -> Message {
    let place = Place { nve: NveId(1), locators: Locators::V4(Ipv4Addr::new(192, 0, 2, 1)) };
    let mapping =
        Mapping { mac: Mac::ZERO, ips: vec![], version: Version::default(), place: Some(place), role: Role::Unknown };
    Message::Update(Update {
        vn: Vni::new(100).unwrap(),
        after: RecordNo(1),
        upto: RecordNo(2),
        mappings: vec![mapping],
        members: None,
        synced: false,
    })
}

fn request() -> Message {
    let claim = |n| Claim {
        mac: Mac([2, 0, 0, 0, 0, n]),
        kind: MoveKind::Cold,
        by_word: true,
        old: Some(NveId(1)),
        expected: Some(Version::default()),
        ips: vec![Ipv4Addr::LOCALHOST.into()],
        role: Role::Unknown,
    };
    let claims = vec![claim(1), claim(2)];
    Message::RegistrationRequest(RegistrationRequest { vn: Vni::MAX, lifetime: Lifetime::ONCE, claims })
}

fn restate() -> Message {
    Message::Restate(Restate { vn: Vni::MAX, more: false, tsis: vec![] })
}

fn restate_move() -> Message {
    Message::RestateMove(RestateMove {
        move_id: MoveId(7),
        version: Version::default(),
        side: Side::Old,
        party: PartyState::Runs,
        peer: NveId(2),
        tsis: vec![],
    })
}

/// Changes bytes of a good message, and gives the error of decoding it.
fn with(message: &Message, changes: &[(usize, u8)]) -> alloc::string::String {
    let mut bytes = encoded(message);
    for (at, byte) in changes {
        bytes[*at] = *byte;
    }
    Message::decode(&bytes).unwrap_err().to_string()
}

/// Checks DIR-17.
#[test]
fn each_field_that_is_wrong_is_named() {
    type Case = (&'static str, Message, Vec<(usize, u8)>);
    let cases: Vec<Case> = vec![
        ("message at byte 0: version 2 is not supported: must be 1", query(), vec![(0, 2)]),
        ("message at byte 1: message type 238 is unknown", query(), vec![(1, 0xee)]),
        ("Query at byte 2: 1 is not a value of this field", query(), vec![(2, 1)]),
        ("Query at byte 3: 32 is not a value of this field", query(), vec![(3, 32)]),
        ("Query at byte 4: 40 bytes are needed and 39 are there", query(), vec![(5, 40)]),
        ("Query at byte 4: the length is 38: must be 39", query(), vec![(5, 38)]),
        ("Query at byte 24: 16777316 is too large: must be at most 16777215", query(), vec![(24, 1)]),
        ("Query at byte 28: TLV 6: 8 bytes are needed and 7 are there", query(), vec![(31, 8)]),
        ("Query at byte 32: TLV 6: 5 is not a value of this field", query(), vec![(32, 5)]),
        ("Query at byte 37: TLV 6: 2 bytes are left over", query(), vec![(32, 4)]),
        ("Query at byte 28: TLV 13 is critical and unknown", query(), vec![(29, 13)]),
        ("Query at byte 39: TLV 6 is missing", query(), vec![(28, 0), (29, 13)]),
        ("Ready at byte 44: 13 is not a value of this field", ready(), vec![(44, 13)]),
        ("RegistrationRequest at byte 34: TLV 21: 224 is not a value of this field", request(), vec![(34, 0xe0)]),
        ("RegistrationRequest at byte 66: TLV 21: 229 is not a value of this field", request(), vec![(66, 0xe5)]),
        ("RegistrationRequest at byte 61: TLV 21: 0 is not a value of this field", request(), vec![(61, 0x80)]),
        ("RegistrationRequest at byte 98: TLV 21 is missing", request(), vec![(30, 0), (31, 99)]),
        ("Restate at byte 28: 2 is too large: must be at most 1", restate(), vec![(28, 2)]),
        ("RestateMove at byte 44: 0 is not a value of this field", restate_move(), vec![(44, 0)]),
        ("RestateMove at byte 45: 4 is not a value of this field", restate_move(), vec![(45, 4)]),
        ("Update at byte 56: 2 is too large: must be at most 1", update(), vec![(56, 2)]),
        ("Update at byte 78: TLV 9: 1 is too large: must be at most 0", update(), vec![(78, 1)]),
    ];

    for (sentence, message, changes) in cases {
        assert_eq!(with(&message, &changes), sentence);
    }
}

#[test]
fn what_may_come_once_comes_once() {
    let again = [0x80, 6, 0, 7, 1, 2, 0, 0, 0, 0, 1];
    let error = Message::decode(&extended(&query(), &again)).unwrap_err();

    assert_eq!(error.to_string(), "Query at byte 39: TLV 6 comes twice");
}

#[test]
fn a_list_of_members_is_whole_or_a_part_and_never_both() {
    let (whole, part) = ([0x80, 10, 0, 0], [0x80, 13, 0, 0]);

    for (first, then) in [(whole, part), (part, whole)] {
        let error = Message::decode(&extended(&update(), &[first, then].concat())).unwrap_err();
        assert_eq!((error.code(), error.tlv), (ErrorCode::Field, then[1].into()));
    }
}

#[test]
fn five_places_are_too_many() {
    let place = |n: u8| [0, 0, 0, 0, 0, 0, 0, n, 1, 192, 0, 2, n];
    let mut bytes = encoded(&update());
    let entry = bytes.split_off(74);
    bytes.truncate(57);
    bytes.extend_from_slice(&[0x80, 8, 0, 65]);
    for n in 1..=5 {
        bytes.extend_from_slice(&place(n));
    }
    bytes.extend_from_slice(&entry);
    let length = u16::try_from(bytes.len()).unwrap();
    bytes[4..6].copy_from_slice(&length.to_be_bytes());

    let error = Message::decode(&bytes).unwrap_err();

    assert_eq!((error.code(), error.tlv), (ErrorCode::Field, 8));
    assert_eq!(error.kind, DecodeErrorKind::TooMany { count: 5, max: 4 });
}

#[test]
fn an_answer_that_found_nothing_has_no_mapping() {
    let response = Message::Response(Response {
        vn: Vni::MAX,
        address: Address::Mac(Mac::ZERO),
        answer: Answer::NotFound,
        lifetime: Lifetime::from_wire(5),
    });
    let place = [0x80, 1, 0, 13, 0, 0, 0, 0, 0, 0, 0, 1, 1, 192, 0, 2, 1];

    let error = Message::decode(&extended(&response, &place)).unwrap_err();

    assert_eq!((error.code(), error.tlv), (ErrorCode::Field, 1));
}

/// Checks R-03, VMM-4.2-09.
#[test]
fn a_hint_between_edges_has_one_length() {
    let tsi = TsiKey { vn: Vni::MAX, mac: Mac::ZERO };
    let hint = Message::Invalidate(Invalidate { tsi, nve: NveId(1), version: Version::default() });
    let tlv = [0, 13, 0, 0];
    let mut bytes = extended(&hint, &tlv);
    assert!(Message::decode(&bytes).is_ok());

    bytes[8..16].fill(0);

    let error = Message::decode(&bytes).unwrap_err();
    assert_eq!(error.to_string(), "Invalidate at byte 54: 4 bytes are left over");
}

#[test]
fn an_empty_run_of_addresses_says_only_that_there_are_none() {
    let request = |ips| {
        let claim = Claim {
            mac: Mac::ZERO,
            kind: MoveKind::Cold,
            by_word: true,
            old: None,
            expected: None,
            ips,
            role: Role::Unknown,
        };
        let claims = vec![claim];
        Message::RegistrationRequest(RegistrationRequest { vn: Vni::MAX, lifetime: Lifetime::ONCE, claims })
    };
    let mut bytes = encoded(&request(vec![]));
    assert_eq!(bytes.last(), Some(&0));

    *bytes.last_mut().unwrap() = 0x80;

    assert_eq!(Message::decode(&bytes).unwrap_err().code(), ErrorCode::Field);
}

#[test]
fn the_answer_to_an_error_names_it() {
    let mut bytes = encoded(&query());
    bytes[29] = 13;
    let error = Message::decode(&bytes).unwrap_err();

    let reply = error.reply();

    assert_eq!(reply, ErrorMessage { code: ErrorCode::UnknownCritical, about: 0x20, sequence: 6, offset: 28, tlv: 13 });
}
