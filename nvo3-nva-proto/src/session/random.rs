//! Random numbers from the seed of the owner: nonces, and waits that differ between edges.

use crate::time::Micros;

/// The next number of a sequence that `state` begins (SplitMix64).
pub(super) const fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Between a half of `wait` and all of it, so that edges that lost one authority do not all return at once.
pub(super) fn between_half_and_all(seed: &mut u64, wait: Micros) -> Micros {
    let half = wait.0 / 2;
    Micros(half.saturating_add(up_to(seed, Micros(wait.0.saturating_sub(half))).0))
}

/// Up to `wait`.
pub(super) const fn up_to(seed: &mut u64, wait: Micros) -> Micros {
    Micros(draw(seed) % wait.0.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// The numbers are those of the reference implementation, <https://prng.di.unimi.it/splitmix64.c>.
    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let mut state = 1_234_567;
        assert_eq!(
            [(); 3].map(|()| draw(&mut state)),
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn a_wait_is_at_least_a_half_and_at_most_all_and_each_of_both_is_drawn() {
        let mut seed = 1;
        for wait in [0, 1, 2, 9, 10] {
            let mut waits: Vec<_> = (0..500).map(|_| between_half_and_all(&mut seed, Micros(wait)).0).collect();
            waits.sort_unstable();
            waits.dedup();
            assert_eq!(waits, (wait / 2..=wait).collect::<Vec<_>>());
        }
    }
}
