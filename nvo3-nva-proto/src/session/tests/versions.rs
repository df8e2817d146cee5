//! Peers of other versions, and peers with TLVs that this version does not know (SPEC.md §7.4).

use super::network::{NVA, NVE, Network, hello, numbered};
use crate::session::{Reject, Session, SessionConfig, SessionEvent, SessionTimer};
use crate::{
    Capabilities, DecodeError, Encapsulations, ErrorCode, ErrorMessage, Header, Hello, Instant, Message, SessionId,
    VERSION,
};
use alloc::vec::Vec;

fn encoded(header: &Header, message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(header, &mut bytes).unwrap();
    bytes
}

/// The error of decoding a message that has another version.
fn of_version(version: u8, header: &Header, message: &Message) -> DecodeError {
    let mut bytes = encoded(header, message);
    bytes[0] = version;
    Message::decode(&bytes).unwrap_err()
}

/// An encoded message with one more TLV.
fn with_tlv(message: &Message, tlv: [u8; 4]) -> Vec<u8> {
    let mut bytes = encoded(&Header::default(), message);
    bytes.extend(tlv);
    let length = u16::try_from(bytes.len()).unwrap();
    bytes[4..6].copy_from_slice(&length.to_be_bytes());
    bytes
}

#[test]
fn an_edge_whose_version_the_authority_does_not_speak_says_so_and_goes_on_asking() {
    let mut nve = Session::initiate(SessionConfig::default(), hello(), 3).unwrap();
    let mut datagram = Vec::new();
    assert!(nve.poll_transmit(Instant(1), &mut datagram));
    let refused = ErrorMessage { code: ErrorCode::Version, about: 0, sequence: 0, offset: 0, tlv: 0 };

    nve.handle(Instant(2), &Header::default(), Message::Error(refused)).unwrap();

    assert_eq!(nve.poll_event(), Some(SessionEvent::PeerError(refused)));
    let (at, timer) = nve.poll_timeout().unwrap();
    assert_eq!(timer, SessionTimer::Hello);
    let mut again = Vec::new();
    assert!(nve.poll_transmit(at, &mut again));
    assert_eq!(again, datagram);
}

/// An edge can read nothing of a message of another version, not even whether it is an answer.
#[test]
fn an_edge_answers_nothing_of_another_version_and_takes_nothing_of_it() {
    let mut nve = Session::initiate(SessionConfig::default(), hello(), 3).unwrap();
    assert!(nve.poll_transmit(Instant(1), &mut Vec::new()));
    let refused = Message::Error(ErrorMessage { code: ErrorCode::Version, about: 0, sequence: 0, offset: 0, tlv: 0 });

    let result = nve.handle_undecodable(Instant(2), &of_version(VERSION + 1, &Header::default(), &refused));

    assert_eq!(result, Err(Reject::WrongSession { found: SessionId(0) }));
    assert!(!nve.poll_transmit(Instant(2), &mut Vec::new()));
    assert_eq!((nve.poll_event(), nve.counters().undecodable), (None, 0));
}

#[test]
fn a_session_takes_nothing_of_another_version_and_is_not_kept_alive_by_it() {
    for version in [0, VERSION + 1, u8::MAX] {
        let mut net = Network::connected();
        let config = SessionConfig::default();
        for side in [NVE, NVA] {
            let session = net.side(side).id();
            let mut now = net.now;
            for sequence in 0..8 {
                now = now + config.keepalive;
                let header = Header { session, sequence, transaction: 0 };
                let message = if sequence == 0 { Message::Goodbye } else { numbered(sequence.into()) };
                let error = of_version(version, &header, &message);
                let result = net.side(side).handle_undecodable(now, &error);
                assert_eq!(result, Err(Reject::WrongSession { found: SessionId(0) }));
            }
            net.side(side).handle_timeout(now);
            assert!(!net.side(side).is_up());
            assert_eq!(net.side(side).poll_message(), None);
        }
    }
}

/// Checks ARC-18.
#[test]
fn what_a_later_edge_says_of_itself_is_passed_over_unless_it_must_be_known() {
    let asked = Message::Hello(Hello { nonce: 5, ..hello() });

    assert_eq!(Message::decode(&with_tlv(&asked, [0x3f, 0xff, 0, 0])), Ok((Header::default(), asked.clone())));

    let critical = with_tlv(&asked, [0xbf, 0xff, 0, 0]);
    let error = Message::decode(&critical).unwrap_err();
    let Some(Message::Error(answer)) = ErrorMessage::refused_hello(&critical, &error) else {
        panic!("there is an answer")
    };
    assert_eq!((answer.code, answer.about, answer.tlv), (ErrorCode::UnknownCritical, 1, 0x3fff));
}

#[test]
fn abilities_that_are_not_known_here_change_nothing_of_those_that_are() {
    let all = Hello { capabilities: Capabilities(u32::MAX), encapsulations: Encapsulations(u16::MAX), ..hello() };
    let none = Hello { capabilities: Capabilities(!1), encapsulations: Encapsulations(!1), ..hello() };
    for (said, able) in [(all, true), (none, false)] {
        let bytes = encoded(&Header::default(), &Message::Hello(said));
        let Ok((_, Message::Hello(heard))) = Message::decode(&bytes) else { panic!("it is a Hello") };
        assert_eq!(heard.capabilities.contains(Capabilities::HOLD), able);
        assert_eq!(heard.encapsulations.overlaps(Encapsulations::VXLAN), able);
        assert_eq!(heard.encapsulations.overlaps(heard.encapsulations), able);
    }
}
