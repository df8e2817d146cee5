//! The begin and the end of a session, and the next session.

use super::network::{GOOD, NVA, NVE, Network, Way, grant, hello, numbered};
use super::times::{START, up};
use crate::session::random::draw;
use crate::session::{DownReason, Reject, SendError, Session, SessionConfig, SessionEvent, SessionTimer};
use crate::{Ack, ErrorCode, ErrorMessage, Header, Hello, HelloAck, Instant, Message, Micros, SessionId};
use alloc::vec::Vec;

fn next_message(session: &mut Session, now: Instant) -> Option<Message> {
    let mut datagram = Vec::new();
    session.poll_transmit(now, &mut datagram).then(|| Message::decode(&datagram).unwrap().1)
}

fn hello_of(session: &mut Session, now: Instant) -> Hello {
    match next_message(session, now) {
        Some(Message::Hello(hello)) => hello,
        other => panic!("{other:?}"),
    }
}

fn under(session: u64) -> Header {
    Header { session: SessionId(session), ..Header::default() }
}

fn downs(events: &[SessionEvent]) -> Vec<DownReason> {
    let down = |event: &SessionEvent| match event {
        SessionEvent::Down(reason) => Some(*reason),
        _ => None,
    };
    events.iter().filter_map(down).collect()
}

#[test]
fn both_sides_come_up_and_stay_up() {
    let mut net = Network::connected();

    net.run_for(Micros::from_secs(60));

    assert!(matches!(net.events[NVE][..], [SessionEvent::Up(_)]));
    assert!(matches!(net.events[NVA][..], [SessionEvent::Up(_)]));
    assert_eq!(net.side(NVE).id(), net.side(NVA).id());
    assert!(net.side(NVE).counters().keepalives_sent >= 59);
}

#[test]
fn a_repeated_hello_gets_the_same_answer_and_another_one_does_not() {
    let config = SessionConfig::default();
    let asked = Hello { nonce: 5, ..hello() };
    let mut nva = Session::accept(config, Instant(1), &asked, grant(9)).unwrap();
    let first = next_message(&mut nva, Instant(1));
    assert_eq!(next_message(&mut nva, Instant(1)), None);

    assert_eq!(nva.handle(Instant(2), &Header::default(), Message::Hello(asked)), Ok(()));
    assert_eq!(next_message(&mut nva, Instant(2)), first);

    let again = Message::Hello(Hello { nonce: 6, ..hello() });
    assert_eq!(nva.handle(Instant(3), &Header::default(), again), Err(Reject::NewHello { nonce: 6 }));
    assert_eq!(next_message(&mut nva, Instant(3)), None);
}

#[test]
fn a_late_hello_ack_with_an_old_nonce_is_ignored() {
    let mut nve = Session::initiate(SessionConfig::default(), hello(), 3).unwrap();
    let first = hello_of(&mut nve, Instant(1));
    let ack = HelloAck { nonce: first.nonce, ..grant(9) };
    nve.handle(Instant(2), &under(9), Message::HelloAck(ack)).unwrap();
    nve.handle_timeout(Instant(10_000_000));
    assert!(!nve.is_up());
    let second = hello_of(&mut nve, Instant(11_000_000));
    assert!(second.resumed && second.nonce != first.nonce);

    let late = nve.handle(Instant(11_000_001), &under(9), Message::HelloAck(ack));

    assert_eq!(late, Err(Reject::OldNonce { nonce: first.nonce }));
    assert!(!nve.is_up());
    let good = HelloAck { nonce: second.nonce, ..grant(10) };
    let refused = nve.handle(Instant(11_000_002), &under(11), Message::HelloAck(good));
    assert_eq!(refused, Err(Reject::Unexpected { name: "HelloAck" }));
    nve.handle(Instant(11_000_002), &under(10), Message::HelloAck(good)).unwrap();
    assert_eq!(nve.id(), SessionId(10));
}

#[test]
fn the_first_nonce_is_the_first_number_of_the_seed() {
    let (seed, mut state) = (3, 3);
    let mut nve = Session::initiate(SessionConfig::default(), hello(), seed).unwrap();

    assert_eq!(hello_of(&mut nve, Instant(1)).nonce, draw(&mut state));
}

#[test]
fn an_error_outside_a_session_is_taken_only_while_a_session_is_asked_for() {
    let error = ErrorMessage { code: ErrorCode::Field, about: 1, sequence: 0, offset: 0, tlv: 0 };
    let mut nve = Session::initiate(SessionConfig::default(), hello(), 3).unwrap();
    let nonce = hello_of(&mut nve, START).nonce;

    nve.handle(START, &Header::default(), Message::Error(error)).unwrap();
    assert_eq!(nve.poll_event(), Some(SessionEvent::PeerError(error)));
    nve.handle(START, &under(9), Message::HelloAck(HelloAck { nonce, ..grant(9) })).unwrap();

    for mut session in [nve, up()] {
        let result = session.handle(START, &Header::default(), Message::Error(error));
        assert_eq!(result, Err(Reject::Unexpected { name: "Error" }));
    }
}

#[test]
fn hellos_are_repeated_with_the_same_nonce_and_longer_waits() {
    let mut nve = Session::initiate(SessionConfig::default(), hello(), 3).unwrap();
    let (mut now, mut hellos, mut waits) = (Instant(1), Vec::new(), Vec::new());
    while now < Instant(3_500_000) {
        hellos.push(hello_of(&mut nve, now));
        let (next, timer) = nve.poll_timeout().unwrap();
        assert_eq!(timer, SessionTimer::Hello);
        waits.push(next - now);
        now = next;
    }

    assert!(hellos.iter().all(|hello| hello.nonce == hellos[0].nonce && !hello.resumed));
    assert!(waits[0] <= Micros::from_millis(100) && waits[0] >= Micros::from_millis(50));
    assert!(waits[5] <= Micros::from_secs(1) && waits[5] >= Micros::from_millis(500));
}

/// The authority answered and its answers were lost. By now it ignores the nonce as an old one.
#[test]
fn a_nonce_that_is_as_old_as_a_dead_session_is_not_said_again() {
    let mut nve = Session::initiate(SessionConfig::default(), hello(), 3).unwrap();
    let (mut now, mut nonces) = (Instant(1), Vec::new());
    while now < Instant(12_000_000) {
        nonces.push(hello_of(&mut nve, now).nonce);
        now = nve.poll_timeout().unwrap().0;
    }

    let first = nonces[0];
    assert!(nonces.last() != Some(&first));
    nonces.dedup();
    assert!((3..=4).contains(&nonces.len()), "one for each 3.5 s and a wait: {nonces:?}");
    assert_eq!(nonces.iter().filter(|nonce| **nonce == first).count(), 1);
}

/// Checks DIR-01.
#[test]
fn a_peer_that_falls_silent_is_dead_on_both_sides() {
    let mut net = Network::connected();
    net.side(NVE).send(0, &numbered(1)).unwrap();
    net.way = Way { loss: 100, ..GOOD };

    let begin = net.now;
    net.run_until(|net| downs(&net.events[NVE]).len() + downs(&net.events[NVA]).len() == 2);

    assert_eq!(downs(&net.events[NVE]), [DownReason::Dead]);
    assert_eq!(downs(&net.events[NVA]), [DownReason::Dead]);
    assert!(net.now - begin <= Micros::from_millis(3_600), "{:?}", net.now - begin);
    assert_eq!(net.side(NVE).unacknowledged(), 0);
    assert_eq!(net.side(NVE).send(0, &numbered(2)), Err(SendError::NotUp));
    assert!(net.side(NVA).is_over() && net.side(NVA).poll_timeout().is_none());

    net.way = GOOD;
    net.run_until(|net| net.sides.iter().flatten().filter(|s| s.is_up()).count() == 2);
}

/// Checks DIR-01.
#[test]
fn an_authority_that_forgot_the_session_is_asked_for_another() {
    let mut net = Network::connected();
    let old = net.side(NVE).id();
    net.sides[NVA] = None;
    net.side(NVE).send(0, &numbered(1)).unwrap();

    let begin = net.now;
    net.run_until(|net| net.sides[NVE].as_ref().is_some_and(|nve| nve.is_up() && nve.id() != old));

    assert!(net.now - begin < Micros::from_millis(200));
    net.run_for(Micros::from_millis(10));
    assert_eq!(downs(&net.events[NVE]), [DownReason::UnknownSession]);
    assert!(net.messages[NVA].is_empty());
}

#[test]
fn goodbye_ends_the_edge_s_session_for_good_and_the_authority_s_until_the_next() {
    let mut net = Network::connected();
    net.side(NVA).close();
    net.run_for(Micros::from_secs(2));
    assert_eq!(downs(&net.events[NVA]), [DownReason::Closed]);
    assert_eq!(downs(&net.events[NVE]), [DownReason::PeerClosed]);
    assert!(net.side(NVE).is_up() && net.side(NVA).is_up());

    net.side(NVE).close();
    net.run_for(Micros::from_secs(2));
    assert_eq!(downs(&net.events[NVE]), [DownReason::PeerClosed, DownReason::Closed]);
    assert_eq!(downs(&net.events[NVA]), [DownReason::Closed, DownReason::PeerClosed]);
    assert!(net.side(NVE).is_over() && net.side(NVE).poll_timeout().is_none());
}

#[test]
fn what_arrived_before_a_goodbye_is_still_given_out() {
    let asked = Hello { nonce: 5, ..hello() };
    let mut nva = Session::accept(SessionConfig::default(), Instant(1), &asked, grant(9)).unwrap();

    nva.handle(Instant(2), &Header { sequence: 1, ..under(9) }, numbered(1)).unwrap();
    nva.handle(Instant(2), &under(9), Message::Goodbye).unwrap();

    assert_eq!(nva.poll_message().map(|r| r.message), Some(numbered(1)));
    assert_eq!(nva.poll_event(), Some(SessionEvent::Down(DownReason::PeerClosed)));
}

#[test]
fn a_session_is_over_once_it_ended_and_all_that_it_had_was_polled() {
    let mut nva = up();
    assert!(!nva.is_over());
    nva.handle(START, &Header { sequence: 1, ..under(9) }, numbered(1)).unwrap();
    nva.handle(START, &under(9), Message::Goodbye).unwrap();

    assert!(!nva.is_over());
    assert_eq!(nva.poll_event(), Some(SessionEvent::Down(DownReason::PeerClosed)));
    assert!(!nva.is_over());
    assert!(nva.poll_message().is_some());
    assert!(nva.is_over());
}

#[test]
fn an_edge_that_is_closed_while_it_asks_for_a_session_asks_no_more() {
    let mut nve = Session::initiate(SessionConfig::default(), hello(), 3).unwrap();
    let _ = hello_of(&mut nve, START);

    nve.close();

    assert!(nve.is_over() && nve.poll_timeout().is_none());
    assert_eq!(next_message(&mut nve, START + Micros::from_secs(9)), None);
    assert_eq!(nve.poll_event(), None);
}

#[test]
fn only_a_session_that_its_owner_did_not_close_counts_as_lost() {
    let (mut closed, mut lost) = (up(), up());

    closed.close();
    lost.handle(START, &under(9), Message::Goodbye).unwrap();

    assert_eq!((closed.counters().lost, lost.counters().lost), (0, 1));
}

#[test]
fn messages_of_a_new_session_wait_for_its_up() {
    let mut nve = Session::initiate(SessionConfig::default(), hello(), 3).unwrap();
    let nonce = hello_of(&mut nve, Instant(1)).nonce;
    nve.handle(Instant(2), &under(9), Message::HelloAck(HelloAck { nonce, ..grant(9) })).unwrap();
    nve.handle(Instant(2), &Header { sequence: 1, ..under(9) }, numbered(1)).unwrap();

    assert_eq!(nve.poll_message(), None);
    assert!(matches!(nve.poll_event(), Some(SessionEvent::Up(_))));
    assert!(nve.poll_message().is_some());
}

#[test]
fn a_message_of_another_session_is_refused_and_keeps_nobody_alive() {
    let mut net = Network::connected();
    let (now, mine) = (net.now, net.side(NVE).id());
    let (_, timer) = net.side(NVE).poll_timeout().unwrap();
    let other = Header { session: SessionId(mine.0 + 1), sequence: 1, transaction: 0 };

    let result = net.side(NVE).handle(now + Micros(5), &other, numbered(1));
    let unordered = net.side(NVE).handle(now, &Header { sequence: 0, ..other }, Message::Goodbye);
    let misplaced = net.side(NVE).handle(now, &Header { session: mine, sequence: 0, transaction: 0 }, numbered(1));

    assert_eq!(result, Err(Reject::WrongSession { found: other.session }));
    assert_eq!(unordered, Err(Reject::WrongSession { found: other.session }));
    assert_eq!(misplaced, Err(Reject::Unexpected { name: "OutcomeQuery" }));
    assert_eq!(net.side(NVE).poll_timeout().unwrap().1, timer);
    assert_eq!(net.side(NVE).counters().clock_backwards, 2);
}

#[test]
fn nothing_of_a_session_passes_to_the_next() {
    let mut nve = Session::initiate(SessionConfig::default(), hello(), 3).unwrap();
    let nonce = hello_of(&mut nve, Instant(1)).nonce;
    nve.handle(Instant(2), &under(9), Message::HelloAck(HelloAck { nonce, ..grant(9) })).unwrap();
    assert!(matches!(nve.poll_event(), Some(SessionEvent::Up(_))));
    nve.send(0, &numbered(1)).unwrap();
    assert!(next_message(&mut nve, Instant(3)).is_some());
    nve.handle(Instant(4), &under(9), Message::Ack(Ack { received: 1, in_force: 1 })).unwrap();
    let error = ErrorMessage { code: ErrorCode::Field, about: 1, sequence: 0, offset: 0, tlv: 0 };
    nve.handle(Instant(4), &under(9), Message::Error(error)).unwrap();
    nve.send(0, &numbered(2)).unwrap();
    nve.refuse(error);
    nve.handle(Instant(5), &under(9), Message::Goodbye).unwrap();

    // The first Hello of the new series comes soon, however many Hellos the last series had.
    let (at, timer) = nve.poll_timeout().unwrap();
    assert_eq!((at, timer), (Instant(5), SessionTimer::Output));
    assert_eq!(nve.poll_event(), Some(SessionEvent::Down(DownReason::PeerClosed)));
    assert_eq!(nve.poll_event(), None);
    let (at, timer) = nve.poll_timeout().unwrap();
    assert!(at - Instant(5) <= Micros::from_millis(100) && timer == SessionTimer::Hello);
    let nonce = hello_of(&mut nve, at).nonce;
    assert!(nve.poll_timeout().unwrap().0 - at <= Micros::from_millis(100));

    nve.handle(at, &under(10), Message::HelloAck(HelloAck { nonce, ..grant(10) })).unwrap();
    assert!(matches!(nve.poll_event(), Some(SessionEvent::Up(_))));
    assert_eq!(next_message(&mut nve, at), None);
    assert_eq!(nve.send(0, &numbered(3)), Ok(1));
}
