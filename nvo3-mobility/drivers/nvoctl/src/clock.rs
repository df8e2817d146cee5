//! The time that the machines are given: microseconds of CLOCK_MONOTONIC, which all processes of a host share.

use nvo3_nva_proto::Instant;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime};

/// The time now.
pub fn now() -> Instant {
    microseconds(ClockId::Monotonic)
}

/// The time on CLOCK_MONOTONIC when CLOCK_REALTIME showed `micros` microseconds since 1970. Events of a hypervisor carry such times.
pub fn from_realtime(micros: u64) -> Instant {
    let ago = microseconds(ClockId::Realtime).0.saturating_sub(micros);
    Instant(now().0.saturating_sub(ago))
}

/// The time of day at a time of CLOCK_MONOTONIC, as the clock is set now.
pub fn to_realtime(at: Instant) -> SystemTime {
    let realtime = microseconds(ClockId::Realtime).0.saturating_sub(now().0.saturating_sub(at.0));
    SystemTime::UNIX_EPOCH + Duration::from_micros(realtime)
}

fn microseconds(clock: ClockId) -> Instant {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let micros = u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000;
    Instant(seconds * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_found_on_the_clock_of_the_machines() {
        let (before, today) = (now(), microseconds(ClockId::Realtime).0);

        let second_ago = from_realtime(today - 1_000_000);

        assert!(second_ago.0 + 1_000_000 >= before.0 && second_ago < now());
        assert_eq!(from_realtime(0), Instant(0));
    }
}
