//! A session's timers and bounds.

use crate::time::Micros;

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

/// A setting that a session cannot work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// One that may not be 0.
    #[error("{field} is 0: must be at least 1 (SessionConfig.{field})")]
    Zero {
        /// The field's name.
        field: &'static str,
    },
    /// One that must not be below another.
    #[error("{field} {value} is less than {other} {least} (SessionConfig.{field})")]
    Below {
        /// The field's name.
        field: &'static str,
        /// What it says.
        value: u64,
        /// What it is measured by.
        other: &'static str,
        /// The least that it may be.
        least: u64,
    },
}

impl SessionConfig {
    /// The first setting that cannot work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let values = [("keepalive", self.keepalive.0), ("rto_min", self.rto_min.0), ("window", self.window.into())];
        for (field, value) in values {
            if value == 0 {
                return Err(ConfigError::Zero { field });
            }
        }
        let pairs = [
            ("dead_after", self.dead_after.0, "twice keepalive", self.keepalive.0.saturating_mul(2)),
            ("rto_initial", self.rto_initial.0, "rto_min", self.rto_min.0),
            ("rto_max", self.rto_max.0, "rto_initial", self.rto_initial.0),
            ("queue", self.queue.into(), "window", self.window.into()),
        ];
        for (field, value, other, least) in pairs {
            if value < least {
                return Err(ConfigError::Below { field, value, other, least });
            }
        }
        Ok(())
    }
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
        assert_eq!(no_window.to_string(), "window is 0: must be at least 1 (SessionConfig.window)");

        let hasty = SessionConfig { dead_after: Micros(7), ..good }.validate().unwrap_err();
        assert_eq!(hasty.to_string(), "dead_after 7 is less than twice keepalive 2000000 (SessionConfig.dead_after)");
    }
}
