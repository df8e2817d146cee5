//! A one-way link, with its delay and its mischief.

use crate::sim::random::{Chance, Random};
use arrayvec::ArrayVec;
use nvo3_nva_proto::{Instant, Micros};
use serde::{Deserialize, Serialize};

/// The mischief of a link, in addition to its delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mischief {
    /// The chance that a packet is lost.
    pub loss: Chance,
    /// The chance that a packet arrives twice.
    pub duplicate: Chance,
    /// The chance that a packet takes up to three times as long and may be overtaken.
    pub reorder: Chance,
}

impl Mischief {
    /// A link without mischief.
    pub const NONE: Self = Self { loss: Chance::NEVER, duplicate: Chance::NEVER, reorder: Chance::NEVER };
}

/// One direction between two nodes.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    delay: Micros,
    jitter: Micros,
    mischief: Mischief,
    random: Random,
    last: Instant,
}

impl Link {
    /// Makes a link with a delay of `delay` plus up to `jitter`. It keeps the order unless `mischief` reorders.
    pub(crate) const fn new(delay: Micros, jitter: Micros, mischief: Mischief, random: Random) -> Self {
        Self { delay, jitter, mischief, random, last: Instant(0) }
    }

    /// The times at which a packet that is sent now arrives: none, one or two.
    pub(crate) fn send(&mut self, now: Instant) -> ArrayVec<Instant, 2> {
        let mut arrivals = ArrayVec::new();
        if self.random.happens(self.mischief.loss) {
            return arrivals;
        }
        arrivals.push(self.arrival(now));
        if self.random.happens(self.mischief.duplicate) {
            arrivals.push(self.arrival(now));
        }
        arrivals
    }

    fn arrival(&mut self, now: Instant) -> Instant {
        let at = now + self.delay + self.random.between(Micros(0), self.jitter);
        if self.random.happens(self.mischief.reorder) {
            return at + self.random.between(Micros(1), Micros(self.delay.0 * 2));
        }
        self.last = self.last.max(at);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Micros = Micros(500);

    fn arrivals(mischief: Mischief) -> alloc::vec::Vec<u64> {
        let mut link = Link::new(DELAY, Micros(50), mischief, Random::new(1, 2));
        (0..1_000).flat_map(|n| link.send(Instant(n * 10))).map(|at| at.0).collect()
    }

    #[test]
    fn a_plain_link_loses_nothing_and_keeps_the_order() {
        let seen = arrivals(Mischief::NONE);

        assert_eq!(seen.len(), 1_000);
        assert!(seen.is_sorted());
        assert!(seen.iter().zip(0..).all(|(at, n)| *at >= n * 10 + DELAY.0));
    }

    #[test]
    fn each_mischief_shows() {
        assert!(arrivals(Mischief { loss: Chance::percent(10), ..Mischief::NONE }).len() < 950);
        assert!(arrivals(Mischief { duplicate: Chance::percent(10), ..Mischief::NONE }).len() > 1_050);
        assert!(!arrivals(Mischief { reorder: Chance::percent(10), ..Mischief::NONE }).is_sorted());
    }

    #[test]
    fn a_seed_gives_the_same_world_again() {
        let mischief =
            Mischief { loss: Chance::percent(5), duplicate: Chance::percent(5), reorder: Chance::percent(5) };
        assert_eq!(arrivals(mischief), arrivals(mischief));
    }
}
