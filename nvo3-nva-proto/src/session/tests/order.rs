//! Messages come in order and once, whatever the network does.

use super::network::{GOOD, NVA, NVE, Network, Way, numbered};
use crate::session::{SessionConfig, SessionEvent, SessionTimer};
use crate::{Ack, DecodeError, DecodeErrorKind, ErrorCode, Header, Message, Micros, SessionId};
use alloc::vec::Vec;
use proptest::prelude::*;

fn numbers(net: &Network, side: usize) -> Vec<Message> {
    net.messages[side].iter().map(|received| received.message.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_message_arrives_once_and_in_order(
        seed in 1_u64..,
        loss in 0_u64..40,
        twice in 0_u64..30,
        spread in 0_u64..20_000,
        window in 1_u16..80,
        count in 1_u64..300,
    ) {
        // The sessions must not end by loss, because this test is about the order.
        let patient = Micros::from_secs(1_000);
        let config = SessionConfig { window, dead_after: patient, ..SessionConfig::default() };
        let mut net = Network::new(config, Way { loss, twice, late: 100, delay: 300, spread }, seed);
        net.run_until(|net| net.sides.iter().flatten().filter(|s| s.is_up()).count() == 2);

        for n in 1..=count {
            net.side(NVE).send(0, &numbered(n)).unwrap();
            net.side(NVA).send(7, &numbered(n)).unwrap();
            if net.chance(20) {
                net.step();
            }
        }
        net.run_until(|net| net.sides.iter().flatten().all(|s| s.unacknowledged() == 0));

        let sent: Vec<_> = (1..=count).map(numbered).collect();
        prop_assert_eq!(numbers(&net, NVA), sent.clone());
        prop_assert_eq!(numbers(&net, NVE), sent);
        let sequences: Vec<_> = net.messages[NVE].iter().map(|r| u64::from(r.sequence)).collect();
        prop_assert_eq!(sequences, (1..=count).collect::<Vec<_>>());
        prop_assert!(net.messages[NVE].iter().all(|r| r.transaction == 7));
    }
}

#[test]
fn many_messages_cost_few_acks_on_a_good_way() {
    let mut net = Network::connected();
    for n in 0..64 {
        net.side(NVA).send(0, &numbered(n)).unwrap();
    }

    net.run_for(Micros::from_millis(100));

    assert_eq!(net.messages[NVE].len(), 64);
    assert_eq!(net.side(NVA).counters().retransmitted, 0);
    assert!(net.side(NVE).counters().acks_sent <= 2, "{:?}", net.side(NVE).counters());
}

#[test]
fn several_losses_cost_one_wait() {
    let mut net = Network::connected();
    net.side(NVA).send(0, &numbered(0)).unwrap();
    net.run_for(Micros::from_millis(50));
    net.way.loss = 50;
    for n in 1..40 {
        net.side(NVA).send(0, &numbered(n)).unwrap();
    }
    net.step();
    net.way.loss = 0;

    let begin = net.now;
    net.run_until(|net| net.messages[NVE].len() == 40);

    assert!(net.now - begin < Micros::from_millis(60), "{:?}", net.now - begin);
}

#[test]
fn what_is_in_force_is_acknowledged_apart_from_what_was_received() {
    let mut net = Network::connected();
    for n in 1..=3 {
        net.side(NVA).send(0, &numbered(n)).unwrap();
    }
    let mut datagram = Vec::new();
    let now = net.now;
    while net.side(NVA).poll_transmit(now, &mut datagram) {
        let (header, message) = Message::decode(&datagram).unwrap();
        net.side(NVE).handle(now, &header, message).unwrap();
    }
    let mut acks = Vec::new();
    let mut ack = |net: &mut Network| {
        while net.side(NVE).poll_transmit(now, &mut datagram) {
            let (header, message) = Message::decode(&datagram).unwrap();
            net.side(NVA).handle(now, &header, message).unwrap();
        }
        acks.extend(core::iter::from_fn(|| net.side(NVA).poll_event()));
    };

    ack(&mut net);
    net.side(NVE).set_in_force(2);
    ack(&mut net);
    net.side(NVE).set_in_force(1);
    ack(&mut net);
    net.side(NVE).set_in_force(900);
    ack(&mut net);

    let acked = |received, in_force| SessionEvent::Acked(Ack { received, in_force });
    assert_eq!(acks, [acked(3, 0), acked(3, 2), acked(3, 3)]);
}

/// The peer does not ask for the lost Ack again, because its message was received.
#[test]
fn that_the_last_message_is_in_force_is_heard_although_its_ack_was_lost() {
    let mut net = Network::connected();
    net.slow = 100;
    net.side(NVA).send(0, &numbered(1)).unwrap();
    net.run_until(|net| net.sides[NVA].as_ref().is_some_and(|nva| nva.unacknowledged() == 0));
    net.way.loss = 100;
    net.step();
    net.way = GOOD;

    // The Ack must also come while there are many messages to send.
    for n in 1..=30 {
        net.side(NVE).send(0, &numbered(n)).unwrap();
        net.run_for(Micros::from_millis(100));
    }

    let acked = net.events[NVA].iter().rev().find(|event| matches!(event, SessionEvent::Acked(_)));
    assert_eq!(acked, Some(&SessionEvent::Acked(Ack { received: 1, in_force: 1 })));
}

#[test]
fn an_ack_of_what_was_never_sent_changes_nothing() {
    let mut net = Network::connected();
    net.side(NVA).send(0, &numbered(1)).unwrap();
    let header = Header { session: net.side(NVA).id(), ..Header::default() };
    let now = net.now;

    let too_far = net.side(NVA).handle(now, &header, Message::Ack(Ack { received: 9, in_force: 0 }));
    let backwards = net.side(NVA).handle(now, &header, Message::Ack(Ack { received: 0, in_force: 1 }));

    assert!(too_far.is_err() && backwards.is_err());
    net.run_for(Micros::from_millis(20));
    assert_eq!(numbers(&net, NVE), [numbered(1)]);
}

/// Checks ARC-18.
#[test]
fn what_cannot_be_decoded_is_refused_and_passed_over() {
    let mut net = Network::connected();
    net.way = GOOD;
    for n in 1..=3 {
        net.side(NVA).send(0, &numbered(n)).unwrap();
    }
    let mut datagram = Vec::new();
    let now = net.now;
    while net.side(NVA).poll_transmit(now, &mut datagram) {
        if let Ok((header, _)) = Message::decode(&datagram)
            && header.sequence == 2
        {
            datagram[1] = 0xee;
        }
        let result = match Message::decode(&datagram) {
            Ok((header, message)) => net.side(NVE).handle(now, &header, message),
            Err(error) => net.side(NVE).handle_undecodable(now, &error),
        };
        assert_eq!(result, Ok(()));
    }
    net.run_for(Micros::from_millis(20));

    assert_eq!(numbers(&net, NVE), [numbered(1), numbered(3)]);
    let acked = net.events[NVA].iter().rev().find(|event| matches!(event, SessionEvent::Acked(_)));
    assert_eq!(acked, Some(&SessionEvent::Acked(Ack { received: 3, in_force: 3 })));
    let refused = net.events[NVA].iter().find_map(|event| match event {
        SessionEvent::PeerError(error) => Some((error.code, error.sequence)),
        _ => None,
    });
    assert_eq!(refused, Some((ErrorCode::UnknownType, 2)));
}

#[test]
fn what_cannot_be_decoded_is_acknowledged_before_anything_is_in_force() {
    let mut net = Network::connected();
    let (now, session) = (net.now, net.side(NVE).id());
    let error = DecodeError {
        kind: DecodeErrorKind::UnknownType { found: 0xee },
        about: 0xee,
        sequence: 1,
        session,
        offset: 1,
        tlv: 0,
    };

    net.side(NVE).handle_undecodable(now, &error).unwrap();

    let mut datagram = Vec::new();
    let said = core::iter::from_fn(|| {
        net.side(NVE).poll_transmit(now, &mut datagram).then(|| Message::decode(&datagram).unwrap().1)
    });
    assert_eq!(
        said.collect::<Vec<_>>(),
        [Message::Error(error.reply()), Message::Ack(Ack { received: 1, in_force: 1 })]
    );
}

#[test]
fn two_that_do_not_understand_each_other_s_errors_fall_silent() {
    let mut net = Network::connected();
    let session = net.side(NVE).id();
    let error = DecodeError {
        kind: DecodeErrorKind::Value { found: 99 },
        about: Message::Error(crate::ErrorMessage { code: ErrorCode::Field, about: 0, sequence: 0, offset: 0, tlv: 0 })
            .type_code(),
        sequence: 0,
        session,
        offset: 24,
        tlv: 0,
    };
    let now = net.now;

    assert_eq!(net.side(NVE).handle_undecodable(now, &error), Ok(()));
    assert!(!net.side(NVE).poll_transmit(now, &mut Vec::new()));

    let other = DecodeError { session: SessionId(1), ..error };
    assert!(net.side(NVE).handle_undecodable(now, &other).is_err());
}

/// Karn's rule: an acknowledgement does not tell which of the two copies it answers.
#[test]
fn a_round_trip_of_what_was_sent_twice_is_not_measured() {
    let mut net = Network::connected();
    net.side(NVA).send(0, &numbered(1)).unwrap();
    net.way = Way { loss: 100, ..GOOD };
    net.run_for(Micros::from_millis(650));
    assert!(net.side(NVA).counters().retransmitted >= 2);
    net.way = GOOD;
    net.run_until(|net| net.sides[NVA].as_ref().is_some_and(|nva| nva.unacknowledged() == 0));

    assert!(matches!(net.side(NVA).poll_event(), Some(SessionEvent::Acked(_))));

    // Neither the late acknowledgement nor the doubling before it lengthens the next wait.
    let now = net.now;
    net.side(NVA).send(0, &numbered(2)).unwrap();
    assert!(net.side(NVA).poll_transmit(now, &mut Vec::new()));
    let (at, timer) = net.side(NVA).poll_timeout().unwrap();
    assert_eq!((at - now, timer), (SessionConfig::default().rto_initial, SessionTimer::Retransmit));
}
