//! What a forwarder may use, and what is wrong with a configuration.

use nvo3_nva_proto::{HoldLimits, Locators};

/// Bounds of a [`Forwarder`](super::Forwarder); its memory stays within them whatever arrives (DESIGN I7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ForwarderConfig {
    /// Where this NVE is reached; decides over which family it tunnels.
    pub own: Locators,
    /// What is held for a destination that is being asked for: 64 frames, 64 KiB, 3 s.
    pub asked: HoldLimits,
    /// Frames held in all: 65,536.
    pub total_frames: u32,
    /// Bytes of frames held in all: 64 MiB. Their buffers take at most twice that, and 64 bytes a frame.
    pub total_bytes: u32,
    /// TSIs known from control, and as many again that are being asked for: 65,536.
    pub tsis: u32,
    /// Ports: 4,096.
    pub ports: u32,
    /// Locators in the replication list of one VN: 1,024.
    pub members_per_vn: u32,
    /// Notices that wait to be polled: 1,024.
    pub notices: u32,
}

impl ForwarderConfig {
    /// The defaults for an NVE with these locators.
    pub const fn new(own: Locators) -> Self {
        Self {
            own,
            asked: HoldLimits { frames: 64, bytes: 64 * 1024, age_ms: 3_000 },
            total_frames: 65_536,
            total_bytes: 64 * 1024 * 1024,
            tsis: 65_536,
            ports: 4_096,
            members_per_vn: 1_024,
            notices: 1_024,
        }
    }

    /// Whether a forwarder can work with it.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let least_one = [
            ("asked.frames", self.asked.frames),
            ("asked.bytes", self.asked.bytes),
            ("asked.age_ms", self.asked.age_ms),
            ("total_frames", self.total_frames),
            ("total_bytes", self.total_bytes),
            ("tsis", self.tsis),
            ("ports", self.ports),
            ("members_per_vn", self.members_per_vn),
            ("notices", self.notices),
        ];
        if let Some((field, _)) = least_one.into_iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::Zero { field });
        }
        let covers = [
            ("total_frames", self.total_frames, "asked.frames", self.asked.frames),
            ("total_bytes", self.total_bytes, "asked.bytes", self.asked.bytes),
        ];
        match covers.into_iter().find(|(_, total, _, part)| total < part) {
            Some((field, value, part, least)) => Err(ConfigError::BelowPart { field, value, part, least }),
            None => Ok(()),
        }
    }
}

impl Default for ForwarderConfig {
    /// For an NVE on 127.0.0.1, which a real one replaces.
    fn default() -> Self {
        Self::new(Locators::V4(core::net::Ipv4Addr::LOCALHOST))
    }
}

/// Why a [`ForwarderConfig`] cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A bound of nothing.
    #[error("0: must be at least 1 (ForwarderConfig.{field})")]
    Zero {
        /// The field.
        field: &'static str,
    },
    /// A total that is smaller than what one destination may use.
    #[error("{value}: must be at least {part}, which is {least} (ForwarderConfig.{field})")]
    BelowPart {
        /// The field.
        field: &'static str,
        /// Its value.
        value: u32,
        /// The field that it must cover.
        part: &'static str,
        /// The value of that one.
        least: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// Checks R-36.
    #[test]
    fn the_defaults_are_valid_and_an_error_names_the_field() {
        let good = ForwarderConfig::default();
        let zero = ForwarderConfig { notices: 0, ..good };
        let small = ForwarderConfig { total_frames: 63, ..good };

        assert_eq!(good.validate(), Ok(()));
        assert_eq!(zero.validate().unwrap_err().to_string(), "0: must be at least 1 (ForwarderConfig.notices)");
        assert_eq!(
            small.validate().unwrap_err().to_string(),
            "63: must be at least asked.frames, which is 64 (ForwarderConfig.total_frames)"
        );
    }
}
