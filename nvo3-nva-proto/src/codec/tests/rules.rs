//! What the requirements say of single messages.

use super::strategy::message;
use super::{encoded, extended};
use crate::*;
use alloc::vec;
use core::net::{IpAddr, Ipv4Addr};
use nvo3_wire::{Mac, Vni};
use proptest::prelude::*;

fn response(answer: Answer, lifetime: u16) -> Message {
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

/// A found answer and one that is not alike.
///
/// Checks DAP-06.
#[test]
fn an_answer_says_how_long_it_may_be_kept() {
    let mapping = Mapping { mac: Mac::ZERO, ips: vec![], version: Version::default(), place: None };

    for answer in [Answer::Found(mapping), Answer::NotFound, Answer::Prohibited] {
        for lifetime in [0, 1, 600, u16::MAX] {
            let (_, Message::Response(read)) = Message::decode(&encoded(&response(answer.clone(), lifetime))).unwrap()
            else {
                panic!("it is a Response")
            };
            assert_eq!(read.lifetime, lifetime);
        }
    }
}

/// Checks VMM-6-02.
#[test]
fn a_registration_s_result_that_nobody_knows_is_no_acceptance() {
    let tsi = TsiKey { vn: Vni::MAX, mac: Mac::ZERO };
    let reply = RegistrationReply {
        tsi,
        result: RegistrationResult::Moving,
        version: Version::default(),
        lifetime: 0,
        current: None,
    };
    let bytes = encoded(&Message::RegistrationReply(reply));

    for code in 10..=u8::MAX {
        let mut bytes = bytes.clone();
        bytes[46] = code;
        let error = Message::decode(&bytes).unwrap_err();
        assert_eq!((error.code, error.offset), (ErrorCode::Field, 46));
    }
}

proptest! {
    /// Nothing of it is taken, what stands before it neither.
    ///
    /// Checks DIR-07.
    #[test]
    fn what_says_that_it_is_longer_than_the_message_is_refused(
        message in message(), kind in 0..24_u16, value in 0..8_u16, beyond in 1..2_000_u16,
    ) {
        let at = message.encoded_len();
        let mut tlv = [kind.to_be_bytes(), (value + beyond).to_be_bytes()].concat();
        tlv.resize(4 + usize::from(value), 0);
        let bytes = extended(&message, &tlv);
        prop_assume!(bytes.len() <= MAX_MESSAGE);

        let error = Message::decode(&bytes).unwrap_err();

        prop_assert_eq!((error.code, error.tlv), (ErrorCode::Truncated, kind));
        prop_assert_eq!(error.offset as usize, at);
    }
}
