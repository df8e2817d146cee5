//! A session's timers and bounds.

use crate::time::Micros;
use core::fmt;

/// Timers and bounds; both sides may differ, but the side with the smaller window throttles the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SessionConfig {
    /// After so long without sending anything, a Keepalive is sent; after so long without an Ack, where there was one, it is sent again.
    pub keepalive: Micros,
    /// After so long without hearing anything, the peer is dead, and also where it acknowledges nothing for so long; at least two
    /// Keepalives.
    pub dead_after: Micros,
    /// The retransmission time before a round trip was measured, and the first wait for a HelloAck.
    pub rto_initial: Micros,
    /// The least retransmission time.
    pub rto_min: Micros,
    /// The most, however often it was doubled.
    pub rto_max: Micros,
    /// Reliable messages under way at once; as many are kept that arrived before their turn or were not polled.
    pub window: u16,
    /// Reliable messages that wait to be acknowledged, those under way included.
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
}
