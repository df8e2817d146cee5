//! The rules about single messages.

use super::strategy::message;
use super::{encoded, extended};
use crate::*;
use alloc::string::ToString;
use alloc::vec;
use core::net::{IpAddr, Ipv4Addr};
use nvo3_wire::{Mac, Vni};
use proptest::prelude::*;

fn response(answer: Answer, lifetime: u16) -> Message {
    let lifetime = Lifetime::from_wire(lifetime);
    let address = Address::Ip(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 10)));
    Message::Response(Response { vn: Vni::MAX, address, answer, lifetime })
}

/// Checks DAP-05.
#[test]
fn unknown_and_prohibited_are_two_answers() {
    let code = |answer| encoded(&response(answer, 5))[28];

    assert_eq!((code(Answer::NotFound), code(Answer::Prohibited)), (2, 3));
    for answer in [Answer::NotFound, Answer::Prohibited] {
        let message = response(answer, 5);
        assert_eq!(Message::decode(&encoded(&message)).unwrap().1, message);
    }
}

/// An answer with a mapping has a lifetime, and so has an answer without one.
///
/// Checks DAP-06.
#[test]
fn an_answer_says_how_long_it_may_be_kept() {
    let mapping =
        Mapping { mac: Mac::ZERO, ips: vec![], version: Version::default(), place: None, role: Role::Unknown };

    for answer in [Answer::Found(mapping), Answer::NotFound, Answer::Prohibited] {
        for lifetime in [0, 1, 600, u16::MAX] {
            let (_, Message::Response(read)) = Message::decode(&encoded(&response(answer.clone(), lifetime))).unwrap()
            else {
                panic!("it is a Response")
            };
            assert_eq!(read.lifetime, Lifetime::from_wire(lifetime));
        }
    }
}

fn update() -> Update {
    let mapping = |n| Mapping {
        mac: Mac([2, 0, 0, 0, 0, n]),
        ips: vec![],
        version: Version::default(),
        place: None,
        role: Role::Unknown,
    };
    Update {
        vn: Vni::MAX,
        after: RecordNo(1),
        upto: RecordNo(4),
        mappings: [1, 2, 3].map(mapping).to_vec(),
        members: None,
        synced: false,
    }
}

/// An edge and an authority with a session between them.
fn connected(now: Instant) -> (Session, Session) {
    let place = Place { nve: NveId(1), locators: Locators::V4(Ipv4Addr::LOCALHOST) };
    let (encapsulations, capabilities) = (Encapsulations::VXLAN, Capabilities::HOLD);
    let hello = Hello { place, nonce: 0, resumed: false, encapsulations, capabilities, seen: None };
    let mut nve = Session::initiate(SessionConfig::default(), hello, 1).unwrap();
    let mut bytes = vec![];
    assert!(nve.poll_transmit(now, &mut bytes));
    let (_, Message::Hello(hello)) = Message::decode(&bytes).unwrap() else { panic!("not a Hello") };
    let grant = HelloAck { session: SessionId(9), nonce: hello.nonce, epoch: 1, published: RecordNo(0), seen: None };
    let mut nva = Session::accept(SessionConfig::default(), now, &hello, grant).unwrap();
    assert!(nva.poll_transmit(now, &mut bytes));
    let (header, grant) = Message::decode(&bytes).unwrap();
    nve.handle(now, &header, grant).unwrap();
    (nve, nva)
}

/// A good Update is acknowledged by its number. If one of three records is bad, the Error has the number and the byte of the record.
///
/// Checks DIR-15.
#[test]
fn an_update_is_acknowledged_or_refused_by_the_record_that_is_bad() {
    let (now, mut bytes) = (Instant(0), vec![]);
    let (mut nve, mut nva) = connected(now);
    for n in 1..=2 {
        assert_eq!(nva.send(0, &Message::Update(update())), Ok(n));
    }

    assert!(nva.poll_transmit(now, &mut bytes));
    let (header, good) = Message::decode(&bytes).unwrap();
    nve.handle(now, &header, good).unwrap();
    assert!(nve.poll_transmit(now, &mut bytes));
    let (_, said) = Message::decode(&bytes).unwrap();
    assert!(matches!(said, Message::Ack(Ack { received: 1, .. })), "{said}");

    assert!(nva.poll_transmit(now, &mut bytes));
    let second = Header::LEN + 33 + 4 + 12;
    bytes[second] = 5;
    let error = Message::decode(&bytes).unwrap_err();
    let reply = encoded(&Message::Error(error.reply()));
    let (_, Message::Error(said)) = Message::decode(&reply).unwrap() else { panic!("not an Error") };
    assert_eq!((said.code, said.about, said.sequence), (ErrorCode::Field, 0x24, 2));
    assert_eq!((said.offset as usize, said.tlv), (second, 9));
}

/// For each error code: the bytes that cause it, and the Error that their sender reads.
///
/// Checks DIR-16.
#[test]
fn every_error_of_decoding_is_caused_and_read() {
    use ErrorCode::*;
    let update = encoded(&Message::Update(update()));
    let query = encoded(&Message::Query(Query { vn: Vni::MAX, address: Address::Mac(Mac::ZERO) }));
    let cases = [
        (Version, &query, 0, 2, 0),
        (UnknownType, &query, 1, 0xff, 0),
        (Truncated, &query, 5, 0xff, 0),
        (Field, &query, 24, 1, 0),
        (Truncated, &query, 31, 8, 6),
        (Field, &query, 32, 7, 6),
        (UnknownCritical, &query, 29, 99, 99),
        (Missing, &query, 28, 0, 6),
        (Field, &update, 61, 4, 9),
    ];

    for (code, bytes, at, byte, tlv) in cases {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        if code == Missing {
            bytes[29] = 99;
        }
        let error = Message::decode(&bytes).unwrap_err();
        let reply = Message::Error(error.reply());
        let (_, read) = Message::decode(&encoded(&reply)).unwrap();
        assert_eq!(read, reply);
        assert_eq!((error.code(), error.tlv), (code, tlv));
    }
}

#[test]
fn a_byte_is_its_value_or_an_error_that_names_it() {
    let moves: std::vec::Vec<MoveKind> = (0..=u8::MAX).filter_map(|byte| MoveKind::try_from(byte).ok()).collect();
    assert_eq!(moves, [MoveKind::Hot, MoveKind::Warm, MoveKind::Cold, MoveKind::Failover]);
    for result in (0..=u8::MAX).filter_map(|byte| RegistrationResult::try_from(byte).ok()) {
        assert_eq!(RegistrationResult::try_from(result as u8), Ok(result));
    }
    let unknown = Refusal::try_from(200).unwrap_err();
    assert_eq!(unknown, UnknownCode { name: "Refusal", found: 200 });
    assert_eq!(unknown.to_string(), "200 is not a value of Refusal");
}

/// Checks VMM-6-02.
#[test]
fn a_registration_s_result_that_nobody_knows_is_no_acceptance() {
    let reply = RegistrationReply {
        vn: Vni::MAX,
        result: RegistrationResult::Moving,
        lifetime: Lifetime::ONCE,
        tsis: vec![TsiVersion { mac: Mac::ZERO, version: Version::default() }],
        current: None,
    };
    let bytes = encoded(&Message::RegistrationReply(reply));

    for code in 10..=u8::MAX {
        let mut bytes = bytes.clone();
        bytes[28] = code;
        let error = Message::decode(&bytes).unwrap_err();
        assert_eq!((error.code(), error.offset), (ErrorCode::Field, 28));
    }
}

proptest! {
    /// The whole message is refused, also the part before the TLV.
    ///
    /// Checks DIR-07.
    #[test]
    fn what_says_that_it_is_longer_than_the_message_is_refused(
        message in message(), kind in 0..28_u16, value in 0..8_u16, beyond in 1..2_000_u16,
    ) {
        let at = message.encoded_len();
        let mut tlv = [kind.to_be_bytes(), (value + beyond).to_be_bytes()].concat();
        tlv.resize(4 + usize::from(value), 0);
        let bytes = extended(&message, &tlv);
        prop_assume!(bytes.len() <= MAX_MESSAGE);

        let error = Message::decode(&bytes).unwrap_err();

        prop_assert_eq!((error.code(), error.tlv), (ErrorCode::Truncated, kind));
        prop_assert_eq!(error.offset as usize, at);
    }
}
