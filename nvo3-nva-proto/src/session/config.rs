//! The configuration of a session: its timers and bounds.

use crate::time::Micros;
use core::fmt;

/// The configuration of a [`Session`](crate::Session): its timers and bounds.
///
/// Nothing is required, so it has a `Default`; set fields afterwards. The two sides may differ: the side with the smaller window slows
/// the other one down. [`SessionConfig::validate`] checks the ranges.
///
/// ```
/// use nvo3_nva_proto::{Micros, SessionConfig};
///
/// let mut config = SessionConfig::default();
/// config.keepalive = Micros::from_secs(2);
/// let error = config.validate().unwrap_err();
/// assert_eq!(error.to_string(), "SessionConfig.dead_after is 3.5 s: must be at least 4 s, which is twice keepalive");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SessionConfig {
    /// The longest silence before a Keepalive is sent, and before the last Ack is sent again. Default: 1 s; more than 0.
    pub keepalive: Micros,
    /// The longest time for which the peer may send nothing, or acknowledge none of the messages sent to it. Then the session ends as
    /// [`DownReason::Dead`](crate::DownReason::Dead) (a client finds out whether its server is reached, DIR-01). Default: 3.5 s; at least
    /// twice `keepalive`.
    pub dead_after: Micros,
    /// The retransmission time before a round trip is measured, and the first wait for a HelloAck. Default: 100 ms; at least `rto_min`.
    pub rto_initial: Micros,
    /// The shortest retransmission time. Default: 5 ms; more than 0.
    pub rto_min: Micros,
    /// The longest retransmission time, however often it was doubled. Default: 1 s; at least `rto_initial`.
    pub rto_max: Micros,
    /// The most reliable messages that are sent and not yet acknowledged. Default: 64; more than 0.
    ///
    /// As many received messages are kept until their turn, or until they are polled. A message beyond them is refused as
    /// [`Reject::OutOfWindow`](crate::Reject::OutOfWindow) and counts in `out_of_window`; the peer sends it again.
    pub window: u16,
    /// The most reliable messages that wait to be acknowledged, those already sent included. Default: 4,096; at least `window`.
    ///
    /// At the bound [`Session::send`](crate::Session::send) fails with [`SendError::QueueFull`](crate::SendError::QueueFull), which
    /// counts in `queue_full`.
    pub queue: u16,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            keepalive: Micros::from_secs(1),
            dead_after: Micros::from_millis(3_500),
            rto_initial: Micros::from_millis(100),
            rto_min: Micros::from_millis(5),
            rto_max: Micros::from_secs(1),
            window: 64,
            queue: 4_096,
        }
    }
}

/// The value of a field of a configuration, as an error shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// A number of things.
    Count(u64),
    /// A length of time.
    Time(Micros),
}

impl From<u16> for Setting {
    fn from(count: u16) -> Self {
        Self::Count(count.into())
    }
}

impl From<u32> for Setting {
    fn from(count: u32) -> Self {
        Self::Count(count.into())
    }
}

impl From<Micros> for Setting {
    fn from(time: Micros) -> Self {
        Self::Time(time)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Time(time) => time.fmt(f),
        }
    }
}

/// A field of a [`SessionConfig`] with which no session works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The field must not be 0.
    #[error("SessionConfig.{field} is 0: must be more than 0")]
    Zero {
        /// The field's name.
        field: &'static str,
    },
    /// The field must not be below another one.
    #[error("SessionConfig.{field} is {value}: must be at least {least}, which is {other}")]
    Below {
        /// The field's name.
        field: &'static str,
        /// The field's value.
        value: Setting,
        /// The name of the lower bound.
        other: &'static str,
        /// The lower bound.
        least: Setting,
    },
}

impl SessionConfig {
    /// Checks that a session works with these settings.
    ///
    /// # Errors
    /// The first field that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let positive = [("keepalive", self.keepalive.0), ("rto_min", self.rto_min.0), ("window", self.window.into())];
        if let Some((field, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::Zero { field });
        }
        let twice = Micros(self.keepalive.0.saturating_mul(2));
        covers(("dead_after", self.dead_after), ("twice keepalive", twice))?;
        covers(("rto_initial", self.rto_initial), ("rto_min", self.rto_min))?;
        covers(("rto_max", self.rto_max), ("rto_initial", self.rto_initial))?;
        covers(("queue", self.queue), ("window", self.window))
    }
}

/// Checks that one field is not below another one.
fn covers<T: Copy + PartialOrd + Into<Setting>>(
    (field, value): (&'static str, T),
    (other, least): (&'static str, T),
) -> Result<(), ConfigError> {
    if value < least {
        return Err(ConfigError::Below { field, value: value.into(), other, least: least.into() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_setting_that_cannot_work_is_named() {
        let good = SessionConfig::default();
        assert_eq!(good.validate(), Ok(()));

        let no_window = SessionConfig { window: 0, ..good }.validate().unwrap_err();
        assert_eq!(no_window.to_string(), "SessionConfig.window is 0: must be more than 0");

        let hasty = SessionConfig { dead_after: Micros(7), ..good }.validate().unwrap_err();
        assert_eq!(
            hasty.to_string(),
            "SessionConfig.dead_after is 7 us: must be at least 2 s, which is twice keepalive"
        );
    }

    #[test]
    fn a_setting_works_at_its_bound_and_not_below() {
        let good = SessionConfig::default();
        let twice = good.keepalive.0 * 2;
        let dead_after = |time| SessionConfig { dead_after: Micros(time), ..good };
        let rto_initial = |time| SessionConfig { rto_initial: Micros(time), ..good };
        let rto_max = |time| SessionConfig { rto_max: Micros(time), ..good };
        let queue = |queue| SessionConfig { queue, ..good };
        for (field, at, below) in [
            ("dead_after", dead_after(twice), dead_after(twice - 1)),
            ("rto_initial", rto_initial(good.rto_min.0), rto_initial(good.rto_min.0 - 1)),
            ("rto_max", rto_max(good.rto_initial.0), rto_max(good.rto_initial.0 - 1)),
            ("queue", queue(good.window), queue(good.window - 1)),
        ] {
            assert_eq!(at.validate(), Ok(()), "{field}");
            assert!(matches!(below.validate(), Err(ConfigError::Below { field: named, .. }) if named == field));
        }
    }
}
