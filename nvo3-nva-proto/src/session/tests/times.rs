//! Each time of the configuration ends when it says: one microsecond before it nothing has happened.

use super::network::{grant, hello, numbered};
use crate::session::{DownReason, Session, SessionConfig, SessionEvent, SessionTimer};
use crate::{Ack, Header, Hello, Instant, Message, Micros, SessionId};
use alloc::vec::Vec;

pub(super) const START: Instant = Instant(1_000_000);

pub(super) fn under(sequence: u32) -> Header {
    Header { session: SessionId(9), sequence, transaction: 0 }
}

/// An authority's side with a session, which has said its HelloAck.
pub(super) fn up() -> Session {
    up_with(SessionConfig::default())
}

pub(super) fn up_with(config: SessionConfig) -> Session {
    let asked = Hello { nonce: 5, ..hello() };
    let mut nva = Session::accept(config, START, &asked, grant(9)).unwrap();
    assert_eq!(said(&mut nva, START), ["HelloAck"]);
    while nva.poll_event().is_some() {}
    nva
}

/// The first ten messages that a session says at this time.
pub(super) fn said(session: &mut Session, now: Instant) -> Vec<&'static str> {
    let mut datagram = Vec::new();
    core::iter::from_fn(|| {
        session.poll_transmit(now, &mut datagram).then(|| Message::decode(&datagram).unwrap().1.name())
    })
    .take(10)
    .collect()
}

const fn just_before(at: Instant) -> Instant {
    Instant(at.0 - 1)
}

#[test]
fn who_has_said_nothing_for_the_keepalive_time_says_that_it_is_there_and_not_earlier() {
    let mut nva = up();
    let due = START + SessionConfig::default().keepalive;

    assert_eq!(nva.poll_timeout(), Some((due, SessionTimer::Keepalive)));
    assert!(said(&mut nva, just_before(due)).is_empty());
    assert_eq!(said(&mut nva, due), ["Keepalive"]);
    assert_eq!(nva.poll_timeout(), Some((due + SessionConfig::default().keepalive, SessionTimer::Keepalive)));
}

#[test]
fn the_last_ack_is_said_again_after_each_keepalive_time_and_not_earlier() {
    let mut nva = up();
    nva.handle(START, &under(1), numbered(1)).unwrap();
    assert!(nva.poll_message().is_some());
    assert_eq!(said(&mut nva, START), ["Ack"]);

    let mut due = START;
    for _ in 0..2 {
        due = due + SessionConfig::default().keepalive;
        assert_eq!(nva.poll_timeout(), Some((due, SessionTimer::Keepalive)));
        assert!(said(&mut nva, just_before(due)).is_empty());
        assert_eq!(said(&mut nva, due), ["Ack"]);
    }
}

/// Checks DIR-01.
#[test]
fn a_peer_that_says_nothing_for_the_dead_time_is_dead_and_not_earlier() {
    let mut nva = up();
    let heard = START + Micros::from_millis(700);
    nva.handle(heard, &under(0), Message::Keepalive).unwrap();
    let due = heard + SessionConfig::default().dead_after;

    nva.handle_timeout(just_before(due));
    let _ = said(&mut nva, just_before(due));
    assert!(nva.is_up());
    assert_eq!(nva.poll_timeout(), Some((due, SessionTimer::Dead)));
    nva.handle_timeout(due);

    assert!(!nva.is_up());
    assert_eq!(nva.poll_event(), Some(SessionEvent::Down(DownReason::Dead)));
}

/// Checks DIR-13.
#[test]
fn a_peer_that_speaks_and_acknowledges_nothing_for_the_dead_time_is_dead_and_not_earlier() {
    let mut nva = up();
    nva.send(0, &numbered(1)).unwrap();
    let due = START + SessionConfig::default().dead_after;
    let mut now = START;
    loop {
        let _ = said(&mut nva, now);
        nva.handle(now, &under(0), Message::Keepalive).unwrap();
        let (at, timer) = nva.poll_timeout().unwrap();
        now = at;
        nva.handle_timeout(now);
        if !nva.is_up() {
            assert_eq!(timer, SessionTimer::Retransmit);
            break;
        }
        assert!(now < due, "up at {now}");
    }

    assert!(now >= due && now <= due + SessionConfig::default().rto_max, "{now}");
    assert_eq!(nva.poll_event(), Some(SessionEvent::Down(DownReason::Dead)));
}

#[test]
fn what_is_not_acknowledged_is_said_again_after_twice_the_time_each_time_up_to_the_longest_wait() {
    let mut nva = up();
    let config = SessionConfig::default();
    nva.send(0, &numbered(1)).unwrap();
    assert_eq!(said(&mut nva, START), ["OutcomeQuery"]);

    let mut due = START;
    for times in [1, 2, 4, 8] {
        due = due + Micros(config.rto_initial.0 * times).min(config.rto_max);
        let early = said(&mut nva, just_before(due));
        assert!(!early.contains(&"OutcomeQuery"), "{times} times, {early:?}");
        assert_eq!(said(&mut nva, due), ["OutcomeQuery"], "{times} times");
    }
    assert_eq!(nva.counters().retransmitted, 4);
    assert_eq!(nva.counters().sent, 1);
}

#[test]
fn however_fast_the_peer_acknowledges_the_wait_is_never_shorter_than_the_shortest_one() {
    let mut nva = up();
    let mut now = START;
    for n in 1..=20 {
        now = now + Micros(3);
        nva.send(0, &numbered(n.into())).unwrap();
        assert_eq!(said(&mut nva, now), ["OutcomeQuery"]);
        nva.handle(now + Micros(2), &under(0), Message::Ack(Ack { received: n, in_force: 0 })).unwrap();
        now = now + Micros(2);
    }
    while nva.poll_event().is_some() {}

    nva.send(0, &numbered(21)).unwrap();
    assert_eq!(said(&mut nva, now), ["OutcomeQuery"]);

    let due = now + SessionConfig::default().rto_min;
    assert_eq!(nva.poll_timeout(), Some((due, SessionTimer::Retransmit)));
}
