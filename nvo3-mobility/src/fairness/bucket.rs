//! A token bucket in integers, whose time is an argument.

use core::fmt;
use nvo3_nva_proto::Instant;

/// A rate with a burst: in any time `t`, at most `burst + per_second * t` of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Rate {
    /// How many in a second, in the long run. More than 0.
    pub per_second: u32,
    /// How many at once, after a time without any. More than 0.
    pub burst: u32,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} a second and {} at once", self.per_second, self.burst)
    }
}

/// The tokens that were taken and that time has not given back. A new bucket is full, and so is one that rested for long enough.
///
/// The bucket counts in millionths of a token: a microsecond gives back `per_second` of them, so no rate is rounded. The rate is an
/// argument, because many buckets have the same one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    spent: u64,
    at: Instant,
}

const TOKEN: u64 = 1_000_000;

impl Bucket {
    pub(crate) const FULL: Self = Self { spent: 0, at: Instant(0) };

    /// Takes a token. False if the bucket is empty. A time that goes back gives nothing back.
    pub(crate) fn take(&mut self, now: Instant, rate: Rate) -> bool {
        let back = (now - self.at).0.saturating_mul(rate.per_second.into());
        self.at = self.at.max(now);
        self.spent = self.spent.saturating_sub(back);
        let spent = self.spent.saturating_add(TOKEN);
        let has_token = spent <= u64::from(rate.burst) * TOKEN;
        if has_token {
            self.spent = spent;
        }
        has_token
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const RATE: Rate = Rate { per_second: 4, burst: 2 };

    #[test]
    fn a_rate_is_written_with_its_burst() {
        assert_eq!(alloc::format!("{RATE}"), "4 a second and 2 at once");
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::default();
        let mut take = |at: u64| bucket.take(Instant(at), RATE);

        assert_eq!([take(9), take(9), take(9)], [true, true, false]);
        assert_eq!([take(250_008), take(250_009), take(250_009)], [false, true, false]);
        assert_eq!([take(0), take(10_000_000), take(10_000_000), take(10_000_000)], [false, true, true, false]);
    }

    proptest! {
        #[test]
        fn no_time_sees_more_than_the_burst_and_the_rate(
            per_second in 1..5_000_u32,
            burst in 1..50_u32,
            steps in vec(0..20_000_u64, 1..200),
        ) {
            let (mut bucket, mut now, mut taken) = (Bucket::default(), 0, Vec::new());
            for step in steps {
                now += step;
                if bucket.take(Instant(now), Rate { per_second, burst }) {
                    taken.push(now);
                }
            }

            for (first, from) in taken.iter().enumerate() {
                for (last, to) in taken.iter().enumerate().skip(first) {
                    let count = (last - first + 1) as u64;
                    prop_assert!(count * TOKEN <= u64::from(burst) * TOKEN + (to - from) * u64::from(per_second));
                }
            }
        }

        #[test]
        fn who_keeps_to_the_rate_is_never_refused(
            per_second in 1..1_000_000_u32,
            burst in 1..50_u32,
            waits in vec(0..10_000_u64, 1..100),
        ) {
            let (mut bucket, mut now) = (Bucket::default(), 0);
            for wait in waits {
                now += 1_000_000_u64.div_ceil(per_second.into()) + wait;
                let taken = bucket.take(Instant(now), Rate { per_second, burst });
                prop_assert!(taken);
            }
        }

        #[test]
        fn no_time_and_no_rate_is_too_large(times in vec(any::<u64>(), 1..20), per_second: u32, burst: u32) {
            let mut bucket = Bucket::default();
            for time in times {
                let taken = bucket.take(Instant(time), Rate { per_second, burst });
                prop_assert!(!taken || burst > 0);
            }
        }
    }
}
