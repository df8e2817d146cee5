//! The values of flags.

use nvo3_nva_proto::{Instant, Micros, MoveId, NveId};
use nvo3_wire::Vni;
use nvoctl::clock;
use std::num::ParseIntError;
use std::time::{Duration, SystemTime};

/// The farthest that a stop time may be in the future, because clocks are set while they run.
const SKEW: Micros = Micros::from_secs(1);

pub(crate) fn vni(text: &str) -> Result<Vni, String> {
    text.parse().ok().and_then(Vni::new).ok_or_else(|| format!("a VNI is a number up to {}", Vni::MAX))
}

pub(crate) fn move_id(text: &str) -> Result<MoveId, ParseIntError> {
    text.parse().map(MoveId)
}

pub(crate) fn nve_id(text: &str) -> Result<NveId, String> {
    match text.parse() {
        Ok(0) => Err("the number of an NVE is more than 0".into()),
        Ok(id) => Ok(NveId(id)),
        Err(_) => Err("the number of an NVE is needed".into()),
    }
}

pub(crate) fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be more than 0".into()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

/// The time at which a VM stopped. A time in the far future is a mistake, for example of the unit: it would mean that nothing was
/// delivered since.
pub(crate) fn stopped_at(text: &str) -> Result<Instant, String> {
    let ahead = |at: u64, now: u64| at > now.saturating_add(SKEW.0);
    let (at, ahead) = match text.strip_prefix('@') {
        Some(seconds) => {
            let at = micros(seconds).ok_or_else(|| format!("\"{seconds}\" is no number of seconds since 1970"))?;
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            (clock::from_realtime(at), ahead(at, u64::try_from(now.as_micros()).unwrap_or(u64::MAX)))
        }
        None => {
            let nanos: u64 =
                text.parse().map_err(|_| "neither nanoseconds of CLOCK_MONOTONIC nor @SECONDS.FRACTION")?;
            (Instant(nanos / 1_000), ahead(nanos / 1_000, clock::now().0))
        }
    };
    if ahead { Err(format!("{text} is in the future")) } else { Ok(at) }
}

/// Seconds with a fraction as whole microseconds. A float of today's seconds would be less exact.
fn micros(seconds: &str) -> Option<u64> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    if whole.is_empty() || fraction.is_empty() || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    let fraction = digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_read_to_the_microsecond() {
        let cases = [
            ("1700000000.123456789", Some(1_700_000_000_123_456)),
            ("1700000000.5", Some(1_700_000_000_500_000)),
            ("1700000000", Some(1_700_000_000_000_000)),
            ("1.", None),
            (".5", None),
            ("-1", None),
            ("99999999999999999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(micros(text), expected, "{text}");
        }
        assert!(stopped_at(&format!("@{}", i32::MAX / 2)).unwrap() <= clock::now());
    }
}
