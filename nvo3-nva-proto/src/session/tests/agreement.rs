//! Both ends agree once the network is healthy, whatever happened before.

use super::network::{GOOD, NVA, NVE, Network, Way, numbered};
use crate::session::{SessionConfig, SessionEvent};
use crate::{Ack, Message, Micros, SessionId};
use alloc::vec::Vec;

const BAD: Way = Way { loss: 20, twice: 10, late: 30, delay: 300, spread: 20_000 };
/// The way of a stream's pieces: no piece is lost, and pieces may be late.
const UNEVEN: Way = Way { loss: 0, twice: 0, ..BAD };
/// A way that is so bad that sessions end by silence.
const AWFUL: Way = Way { loss: 70, late: 100, ..BAD };

/// The number of seeds for each test: 10,000, or the value of `NVO3_SESSION_SEEDS`.
fn seeds() -> u64 {
    std::env::var("NVO3_SESSION_SEEDS").map_or(10_000, |seeds| seeds.parse().unwrap())
}

/// The messages that each side sent, in order: the session and the number of each. Numbers are unique.
#[derive(Default)]
struct Said([Vec<(SessionId, u64)>; 2]);

impl Said {
    fn say(&mut self, net: &mut Network, n: u64) {
        for side in [NVE, NVA] {
            if let Some(session) = &mut net.sides[side]
                && session.send(0, &numbered(2 * n + side as u64)).is_ok()
            {
                self.0[side].push((session.id(), 2 * n + side as u64));
            }
        }
    }

    /// Checks the messages that side `by` took. In each session they are the first messages of the other side, in order and once.
    fn was_heard(&self, net: &Network, by: usize) {
        let mut heard = net.messages[by].iter().map(|received| match received.message {
            Message::OutcomeQuery(id) => id.0,
            ref other => panic!("{other:?} was never said"),
        });
        let mut next = heard.next();
        for session in self.0[1 - by].chunk_by(|a, b| a.0 == b.0) {
            for (_, said) in session {
                if next != Some(*said) {
                    break;
                }
                next = heard.next();
            }
        }
        assert_eq!(next, None, "out of order, again, or after something was left out");
    }

    /// The number of messages that a side sent in a session.
    fn within(&self, side: usize, session: SessionId) -> usize {
        self.0[side].iter().filter(|(sent_in, _)| *sent_in == session).count()
    }
}

/// Checks that both sides agree: they have the same session, each has every message of the other, and each knows that.
fn agree(net: &mut Network, said: &Said) {
    let session = net.side(NVE).id();
    assert!(net.side(NVE).is_up() && net.side(NVA).is_up() && net.side(NVA).id() == session);
    for side in [NVE, NVA] {
        said.was_heard(net, side);
        let count = said.within(side, session);
        let heard = said.0[side].iter().rev().take(count).map(|(_, n)| numbered(*n)).rev();
        let given = &net.messages[1 - side];
        assert!(heard.eq(given[given.len() - count..].iter().map(|received| received.message.clone())));

        let since_up = net.events[side].rsplit(|event| matches!(event, SessionEvent::Up(_))).next().unwrap();
        let acked = since_up.iter().rev().find_map(|event| match event {
            SessionEvent::Acked(ack) => Some(*ack),
            _ => None,
        });
        let all = u32::try_from(count).unwrap();
        assert_eq!(acked.unwrap_or_default(), Ack { received: all, in_force: all });
        assert_eq!(net.side(side).unacknowledged(), 0);
    }
}

/// The number of messages that each side sent, without Keepalives and Acks.
fn effort(net: &mut Network) -> [u64; 2] {
    [NVE, NVA].map(|side| {
        let counters = net.side(side).counters();
        counters.hellos_sent + counters.sent + counters.retransmitted + counters.errors_sent
    })
}

fn reach_agreement(seed: u64, way: Way, stream: bool) {
    let (keepalive, dead_after) = (Micros::from_millis(250), Micros::from_secs(1));
    let config = SessionConfig { keepalive, dead_after, ..SessionConfig::default() };
    let mut net = Network::new(config, way, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    if stream {
        net = net.over_a_stream();
    }
    net.slow = 30;
    let mut said = Said::default();
    for n in 1..=30 {
        for _ in 0..net.draw() % 8 {
            net.step();
        }
        for side in [NVE, NVA] {
            if net.chance(4) {
                net.restart(side);
            }
        }
        if net.chance(10) {
            net.cut();
        }
        said.say(&mut net, n);
    }
    for _ in 0..net.draw() % 40 {
        net.step();
    }

    net.way = GOOD;
    net.run_for(Micros::from_secs(3));

    agree(&mut net, &said);
    let before = effort(&mut net);
    net.run_for(Micros::from_secs(1));
    agree(&mut net, &said);
    assert_eq!(effort(&mut net), before);
}

fn with_every_seed(seeds: u64, way: Way, stream: bool) {
    for seed in 1..=seeds {
        let result = std::panic::catch_unwind(|| reach_agreement(seed, way, stream));
        assert!(result.is_ok(), "with seed {seed}");
    }
    std::println!("{seeds} seeds");
}

#[test]
fn two_ends_that_restart_agree_once_a_bad_network_calms() {
    with_every_seed(seeds(), BAD, false);
}

#[test]
fn two_ends_that_restart_agree_once_an_awful_network_calms() {
    with_every_seed(seeds() / 10, AWFUL, false);
}

#[test]
fn two_ends_that_restart_agree_once_their_stream_is_cut_no_more() {
    with_every_seed(seeds(), UNEVEN, true);
}
