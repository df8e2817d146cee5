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
