//! Random numbers, all from one seed.

use nvo3_nva_proto::Micros;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// A probability, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Chance(pub u32);

impl Chance {
    /// The probability 0.
    pub const NEVER: Self = Self(0);

    /// The probability of `percent` in 100.
    pub const fn percent(percent: u32) -> Self {
        Self(percent.saturating_mul(10_000))
    }
}

/// One stream of random numbers. Each part of the world has its own, so that the draws of one part do not change those of another.
#[derive(Clone, Debug)]
pub(crate) struct Random(Pcg64Mcg);

impl Random {
    /// The stream numbered `stream` of a seed.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.rotate_left(40)))
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 up to `end`, without `end`; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.number().checked_rem(end).unwrap_or(0)
    }

    /// A number between the two, both included.
    pub(crate) fn between(&mut self, least: Micros, most: Micros) -> Micros {
        Micros(least.0 + self.below(most.0.saturating_sub(least.0).saturating_add(1)))
    }

    /// True if the event of this probability happens this time.
    pub(crate) fn happens(&mut self, chance: Chance) -> bool {
        chance != Chance::NEVER && self.below(1_000_000) < u64::from(chance.0)
    }
}
