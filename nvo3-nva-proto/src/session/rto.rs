//! The retransmission time (RFC 6298 §2, in microseconds).

use super::config::SessionConfig;
use crate::time::Micros;

/// The estimated round trip, and the number of doublings since the last acknowledgement.
#[derive(Clone, Debug)]
pub(super) struct Rto {
    estimate: Option<Estimate>,
    doublings: u32,
}

#[derive(Clone, Copy, Debug)]
struct Estimate {
    smoothed: u64,
    variation: u64,
}

impl Rto {
    pub(super) const fn new() -> Self {
        Self { estimate: None, doublings: 0 }
    }

    /// Takes the round trip of a message that was sent only once (Karn).
    pub(super) const fn measured(&mut self, trip: Micros) {
        let trip = trip.0;
        self.estimate = Some(match self.estimate {
            None => Estimate { smoothed: trip, variation: trip / 2 },
            Some(Estimate { smoothed, variation }) => Estimate {
                variation: (variation / 4).saturating_mul(3).saturating_add(smoothed.abs_diff(trip) / 4),
                smoothed: (smoothed / 8).saturating_mul(7).saturating_add(trip / 8),
            },
        });
    }

    /// Ends the doubling: the peer acknowledged something new.
    pub(super) const fn progress(&mut self) {
        self.doublings = 0;
    }

    /// Doubles the wait: nothing was acknowledged in time.
    pub(super) const fn expired(&mut self) {
        self.doublings = self.doublings.saturating_add(1);
    }

    /// The current wait.
    pub(super) fn wait(&self, config: &SessionConfig) -> Micros {
        let base = match self.estimate {
            None => config.rto_initial.0,
            Some(e) => e.smoothed.saturating_add(e.variation.saturating_mul(4)).max(config.rto_min.0),
        };
        doubled(base, self.doublings, config.rto_max)
    }
}

/// `base` doubled `times` times, at most `most`.
pub(super) fn doubled(base: u64, times: u32, most: Micros) -> Micros {
    Micros(base.saturating_mul(1_u64.checked_shl(times).unwrap_or(u64::MAX)).min(most.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_follows_the_round_trip_and_doubles_to_its_bound() {
        let config = SessionConfig::default();
        let mut rto = Rto::new();
        assert_eq!(rto.wait(&config), config.rto_initial);

        for _ in 0..50 {
            rto.measured(Micros(8_000));
        }
        let settled = rto.wait(&config);
        assert!(settled >= Micros(7_900) && settled < Micros(12_000), "{settled:?}");

        rto.expired();
        assert_eq!(rto.wait(&config).0, settled.0 * 2);
        for _ in 0..100 {
            rto.expired();
        }
        assert_eq!(rto.wait(&config), config.rto_max);

        rto.progress();
        assert_eq!(rto.wait(&config), settled);
    }

    /// RFC 6298 §2.2 and §2.3 by hand: the smoothed round trip and four times its variation.
    #[test]
    fn each_round_trip_changes_the_wait_as_the_rfc_says() {
        let config = SessionConfig::default();
        let mut rto = Rto::new();
        for (trip, wait) in [(8_000, 8_000 + 4 * 4_000), (16_000, 9_000 + 4 * 5_000), (1_000, 8_000 + 4 * 5_750)] {
            rto.measured(Micros(trip));
            assert_eq!(rto.wait(&config), Micros(wait), "after {trip}");
        }
    }
}
