//! The bounds of a session hold, whatever arrives and whatever the owner does not poll.

use super::network::{NVA, NVE, Network, grant, hello, numbered};
use super::times::{START, said, under, up};
use crate::session::{Reject, SendError, Session, SessionConfig, SessionTimer};
use crate::{Ack, ErrorCode, ErrorMessage, Header, Hello, HelloAck, Instant, Message, Micros, Role, SessionId};
use alloc::vec;
use alloc::vec::Vec;

#[test]
fn a_full_queue_refuses_and_changes_nothing() {
    let mut net = Network::connected();
    let queue = SessionConfig::default().queue;
    for n in 1..=queue {
        assert_eq!(net.side(NVE).send(0, &numbered(n.into())), Ok(n.into()));
    }

    assert_eq!(net.side(NVE).send(0, &numbered(0)), Err(SendError::QueueFull { queue }));
    assert_eq!(net.side(NVE).counters().queue_full, 1);

    net.run_until(|net| net.messages[NVA].len() == usize::from(queue));
    assert_eq!(net.side(NVE).send(0, &numbered(0)), Ok(u32::from(queue) + 1));
}

#[test]
fn what_does_not_fit_or_is_the_session_s_own_is_not_queued() {
    let mut net = Network::connected();
    let ips = vec!["2001:db8::1".parse().unwrap(); 100];
    let tsi = crate::Resting { mac: crate::Mac::ZERO, version: crate::Version::default(), ips, role: Role::Unknown };
    let too_long = Message::Restate(crate::Restate { vn: crate::Vni::MAX, more: false, tsis: vec![tsi] });

    assert!(matches!(net.side(NVE).send(0, &too_long), Err(SendError::Encode(_))));
    assert_eq!(net.side(NVE).send(0, &Message::Goodbye), Err(SendError::Internal { name: "Goodbye" }));
    assert_eq!(net.side(NVE).send(0, &numbered(1)), Ok(1));
}

#[test]
fn what_is_not_polled_closes_the_window() {
    let config = SessionConfig { window: 4, ..SessionConfig::default() };
    let asked = Hello { nonce: 5, ..hello() };
    let mut nva = Session::accept(config, Instant(1), &asked, grant(9)).unwrap();
    let at = |sequence| Header { session: SessionId(9), sequence, transaction: 0 };
    for n in 1..=4 {
        nva.handle(Instant(2), &at(n), numbered(n.into())).unwrap();
    }

    let beyond = nva.handle(Instant(2), &at(5), numbered(5));
    assert_eq!(beyond, Err(Reject::OutOfWindow { sequence: 5, last: 4 }));

    assert!(nva.poll_message().is_some());
    assert_eq!(nva.handle(Instant(2), &at(5), numbered(5)), Ok(()));
}

/// With a keepalive of 0 a session would always have a Keepalive to send.
#[test]
fn no_session_begins_with_settings_that_cannot_work() {
    let config = SessionConfig { keepalive: Micros(0), ..SessionConfig::default() };
    let refused = config.validate().unwrap_err();

    assert_eq!(Session::initiate(config, hello(), 1).err(), Some(refused));
    assert_eq!(Session::accept(config, Instant(1), &hello(), grant(9)).err(), Some(refused));
}

/// Both sides get a million of each input, and nobody polls an output.
#[test]
fn a_million_inputs_that_nobody_drains_stay_within_bounds() {
    let config = SessionConfig::default();
    let asked = Hello { nonce: 5, ..hello() };
    let mut nva = Session::accept(config, Instant(1), &asked, grant(9)).unwrap();
    let mut nve = Session::initiate(config, hello(), 1).unwrap();
    let error = ErrorMessage { code: ErrorCode::Field, about: 0, sequence: 0, offset: 0, tlv: 0 };
    let mut datagram = Vec::new();
    let mut at = Instant(1);

    for n in 0_u32..1_000_000 {
        at = Instant(at.0 + 1);
        if n % 1_000 == 0 {
            nve.handle_timeout(Instant(at.0 + 10_000_000));
            at = Instant(at.0 + 11_000_000);
            if nve.poll_transmit(at, &mut datagram)
                && let Ok((_, Message::Hello(hello))) = Message::decode(&datagram)
            {
                let ack = HelloAck { nonce: hello.nonce, ..grant(9) };
                nve.handle(at, &Header { session: SessionId(9), ..Header::default() }, Message::HelloAck(ack)).unwrap();
            }
        }
        for session in [&mut nva, &mut nve] {
            let (sequence, message) = match n % 6 {
                0 => (0, Message::Error(error)),
                1 => (0, Message::Ack(Ack { received: n, in_force: n })),
                2 => (0, Message::Hello(Hello { nonce: u64::from(n) % 7, ..hello() })),
                3 => (0, Message::Keepalive),
                _ => (n.wrapping_mul(0x9e37_79b9) % 200 + n / 500 * 50, numbered(n.into())),
            };
            let header = Header { session: SessionId(9), sequence, transaction: n };
            let _ = session.handle(at, &header, message);
            let _ = session.handle_undecodable(
                at,
                &crate::DecodeError {
                    kind: crate::DecodeErrorKind::Value { found: 99 },
                    about: 0x24,
                    sequence: n % 300,
                    session: SessionId(9),
                    offset: 24,
                    tlv: 0,
                },
            );
            let _ = session.send(n, &numbered(n.into()));
            session.refuse(error);
        }
    }

    for session in [&mut nva, &mut nve] {
        assert!(session.held() <= usize::from(config.window), "{}", session.held());
        assert!(session.unacknowledged() <= config.queue.into());
        assert!(core::iter::from_fn(|| session.poll_event()).count() <= 20);
        assert!(session.counters().out_of_window > 0 && session.counters().errors_shed > 0);
    }
}

const ERROR: ErrorMessage = ErrorMessage { code: ErrorCode::Field, about: 0, sequence: 0, offset: 0, tlv: 0 };

#[test]
fn sixteen_errors_wait_to_be_sent_and_what_is_beyond_them_or_has_no_session_is_counted() {
    let mut nva = up();
    let taken = [(); 17].map(|()| nva.refuse(ERROR));
    assert_eq!((taken.iter().position(|taken| !taken), nva.counters().errors_shed), (Some(16), 1));

    while !said(&mut nva, START).is_empty() {}
    assert_eq!(nva.counters().errors_sent, 16);

    nva.close();
    assert!(!nva.refuse(ERROR));
    assert_eq!(nva.counters().errors_shed, 2);
}

#[test]
fn sixteen_errors_of_a_peer_wait_to_be_polled_and_what_is_beyond_them_is_counted() {
    let mut nva = up();
    for _ in 0..17 {
        nva.handle(START, &under(0), Message::Error(ERROR)).unwrap();
    }

    assert_eq!(core::iter::from_fn(|| nva.poll_event()).count(), 16);
    assert_eq!(nva.counters().peer_errors_shed, 1);
}

#[test]
fn each_thing_that_waits_to_be_polled_answers_now() {
    let mut nva = up();
    let waits = |nva: &Session| nva.poll_timeout() == Some((START, SessionTimer::Output));
    assert!(!waits(&nva));

    nva.handle(START, &under(1), numbered(1)).unwrap();
    assert!(nva.poll_message().is_some() && waits(&nva));
    assert_eq!(said(&mut nva, START), ["Ack"]);
    assert!(!waits(&nva));

    nva.handle(START, &under(2), numbered(2)).unwrap();
    assert_eq!(said(&mut nva, START), ["Ack"]);
    assert!(waits(&nva) && nva.poll_message().is_some());
    assert!(!waits(&nva));

    assert!(nva.refuse(ERROR) && waits(&nva));
    assert_eq!(said(&mut nva, START), ["Error"]);
    assert!(!waits(&nva));

    nva.handle(START, &Header::default(), Message::Hello(Hello { nonce: 5, ..hello() })).unwrap();
    assert!(waits(&nva));
    assert_eq!(said(&mut nva, START), ["HelloAck"]);
    assert!(!waits(&nva));
}

#[test]
fn each_reason_to_refuse_a_message_has_a_counter_of_its_own() {
    let mut nva = up();
    nva.handle(START, &under(1), numbered(1)).unwrap();
    let other = Header { session: SessionId(8), ..under(2) };
    for (times, header) in [(1, other), (2, under(1)), (3, under(99)), (4, under(0))] {
        for _ in 0..times {
            assert!(nva.handle(START, &header, numbered(1)).is_err());
        }
    }

    let counters = nva.counters();
    assert_eq!([counters.wrong_session, counters.repeated, counters.out_of_window, counters.unexpected], [1, 2, 3, 4]);
}

#[test]
fn undrained_output_answers_now() {
    let mut net = Network::connected();
    let now = net.now;
    net.side(NVE).send(0, &numbered(1)).unwrap();
    assert_eq!(net.side(NVE).poll_timeout(), Some((now, SessionTimer::Output)));

    let mut datagram = Vec::new();
    assert!(net.side(NVE).poll_transmit(now, &mut datagram));
    assert_eq!(net.side(NVE).poll_timeout().map(|(_, timer)| timer), Some(SessionTimer::Retransmit));
}

#[test]
fn the_clock_never_goes_back() {
    let mut net = Network::connected();
    let now = net.now;
    net.side(NVE).handle_timeout(Instant(0));

    assert_eq!(net.side(NVE).counters().clock_backwards, 1);
    assert!(net.side(NVE).is_up());
    assert!(net.side(NVE).poll_timeout().is_some_and(|(at, _)| at >= now));
}

#[test]
fn same_seed_same_bytes() {
    let mut first = Network::new(SessionConfig::default(), super::network::GOOD, 42);
    let mut second = Network::new(SessionConfig::default(), super::network::GOOD, 42);
    for net in [&mut first, &mut second] {
        net.run_for(crate::Micros::from_secs(3));
    }

    assert_eq!(first.events, second.events);
    assert_eq!(first.datagrams, second.datagrams);
}
