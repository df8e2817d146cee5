//! The sending half: what is under way, and what an acknowledgement sends again.

use super::network::numbered;
use super::times::{START, said, under, up, up_with};
use crate::session::{Session, SessionConfig, SessionTimer};
use crate::{Ack, Instant, Message, Micros};
use alloc::vec::Vec;

const ONE: [&str; 1] = ["OutcomeQuery"];
const NONE: [&str; 0] = [];

fn send(session: &mut Session, numbers: impl IntoIterator<Item = u64>) {
    for n in numbers {
        session.send(0, &numbered(n)).unwrap();
    }
}

fn acknowledge(session: &mut Session, now: Instant, received: u32, in_force: u32) {
    session.handle(now, &under(0), Message::Ack(Ack { received, in_force })).unwrap();
    assert!(session.poll_event().is_some());
}

#[test]
fn no_more_than_a_window_is_under_way() {
    let mut nva = up_with(SessionConfig { window: 4, ..SessionConfig::default() });
    send(&mut nva, 1..=7);

    let mut counts = Vec::from([said(&mut nva, START).len()]);
    for received in [1, 3, 4] {
        acknowledge(&mut nva, START, received, 0);
        counts.push(said(&mut nva, START).len());
    }

    assert_eq!(counts, [4, 1, 2, 0]);
}

#[test]
fn an_acknowledgement_of_some_sends_none_of_the_others_again_before_their_wait_ended() {
    let mut nva = up();
    send(&mut nva, 1..=3);
    assert_eq!(said(&mut nva, START).len(), 3);

    acknowledge(&mut nva, START, 1, 0);

    assert_eq!(said(&mut nva, START), NONE);
}

#[test]
fn what_was_first_sent_after_a_wait_is_not_sent_again_with_what_was_lost_before_it() {
    let mut nva = up();
    send(&mut nva, 1..=2);
    assert_eq!(said(&mut nva, START).len(), 2);
    let now = START + SessionConfig::default().rto_initial;
    assert_eq!(said(&mut nva, now), ONE);
    send(&mut nva, [3]);
    assert_eq!(said(&mut nva, now), ONE);

    acknowledge(&mut nva, now, 1, 0);
    assert_eq!(said(&mut nva, now), ONE);
    acknowledge(&mut nva, now, 2, 0);
    assert_eq!(said(&mut nva, now), NONE);

    assert_eq!((nva.counters().sent, nva.counters().retransmitted), (3, 2));
}

#[test]
fn that_a_message_came_into_force_puts_off_no_message_that_is_not_acknowledged() {
    let mut nva = up();
    send(&mut nva, 1..=2);
    assert_eq!(said(&mut nva, START).len(), 2);
    let now = START + Micros::from_millis(1);
    acknowledge(&mut nva, now, 1, 0);
    let due = nva.poll_timeout();
    assert!(matches!(due, Some((_, SessionTimer::Retransmit))));

    acknowledge(&mut nva, now + Micros::from_millis(1), 1, 1);

    assert_eq!(nva.poll_timeout(), due);
}
