//! What may be wrong with a machine's configuration.

/// A configuration that cannot work; it names the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A bound of nothing.
    #[error("0: must be at least 1 ({of}.{field})")]
    Zero {
        /// The configuration's type.
        of: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A value that is smaller than one that it must cover.
    #[error("{value}: must be at least {other}, which is {least} ({of}.{field})")]
    Below {
        /// The configuration's type.
        of: &'static str,
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
        /// What it must cover.
        other: &'static str,
        /// The value of that.
        least: u64,
    },
    /// A bound that no message could keep to.
    #[error("{value}: must be at most {most} ({of}.{field})")]
    Above {
        /// The configuration's type.
        of: &'static str,
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
        /// The largest that works.
        most: u64,
    },
    /// A ring of keys that the edge cannot use.
    #[error(transparent)]
    Keys(#[from] nvo3_nva_proto::auth::KeyError),
    /// The session's part of it.
    #[error(transparent)]
    Session(#[from] nvo3_nva_proto::ConfigError),
}

/// Every field holds at least one.
pub(crate) fn at_least_one<T: Into<u64>>(
    of: &'static str,
    fields: impl IntoIterator<Item = (&'static str, T)>,
) -> Result<(), ConfigError> {
    let zero = fields.into_iter().find_map(|(field, value)| (value.into() == 0).then_some(field));
    zero.map_or(Ok(()), |field| Err(ConfigError::Zero { of, field }))
}

/// A TSI fits the messages about it.
pub(crate) const fn fits_messages(of: &'static str, ips_per_tsi: u32) -> Result<(), ConfigError> {
    let (value, most) = (ips_per_tsi as u64, nvo3_nva_proto::MAX_IPS as u64);
    if value > most { Err(ConfigError::Above { of, field: "ips_per_tsi", value, most }) } else { Ok(()) }
}

/// One field covers another.
pub(crate) const fn covers(
    of: &'static str,
    (field, value): (&'static str, u64),
    (other, least): (&'static str, u64),
) -> Result<(), ConfigError> {
    if value < least { Err(ConfigError::Below { of, field, value, other, least }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use crate::forwarder::ForwarderConfig;
    use crate::nva::NvaConfig;
    use crate::nve::NveConfig;
    use crate::{ConfigError, Transport};
    use alloc::string::{String, ToString};
    use core::net::Ipv4Addr;
    use nvo3_nva_proto::{Locators, Micros, NveId, Place};

    fn sentence(result: Result<(), ConfigError>) -> String {
        result.unwrap_err().to_string()
    }

    /// Checks R-36, VMM-5-04.
    #[test]
    fn the_defaults_are_valid_and_an_error_names_the_field() {
        let locators = Locators::V4(Ipv4Addr::LOCALHOST);
        let forwarder = ForwarderConfig::new(locators);
        let nve = NveConfig::new(Place { nve: NveId(1), locators }, Transport::Trusted);
        let nva = NvaConfig::new(Transport::Trusted);
        assert_eq!((forwarder.validate(), nve.validate(), nva.validate()), (Ok(()), Ok(()), Ok(())));

        let no_notices = ForwarderConfig { notices: 0, ..forwarder };
        let small = ForwarderConfig { total_frames: 63, ..forwarder };
        let no_moves = NveConfig { moves: 0, ..nve.clone() };
        let hasty = NveConfig { in_flight: Micros(1), ..nve.clone() };
        let no_epoch = NvaConfig { epoch: 0, ..nva.clone() };
        let generous = NvaConfig { ips_per_tsi: 65, ..nva.clone() };
        let impatient = NvaConfig { grace: Micros::from_secs(1), ..nva };
        let mut silent = nve;
        silent.session.keepalive = Micros(0);

        assert_eq!(sentence(no_notices.validate()), "0: must be at least 1 (ForwarderConfig.notices)");
        assert_eq!(
            sentence(small.validate()),
            "63: must be at least asked.frames, which is 64 (ForwarderConfig.total_frames)"
        );
        assert_eq!(sentence(no_moves.validate()), "0: must be at least 1 (NveConfig.moves)");
        assert_eq!(sentence(hasty.validate()), "1: must be at least linger, which is 1000000 (NveConfig.in_flight)");
        assert_eq!(sentence(generous.validate()), "65: must be at most 64 (NvaConfig.ips_per_tsi)");
        assert_eq!(sentence(no_epoch.validate()), "0: must be at least 1 (NvaConfig.epoch)");
        assert_eq!(
            sentence(impatient.validate()),
            "1000000: must be at least session.dead_after, which is 3500000 (NvaConfig.grace)"
        );
        assert!(sentence(silent.validate()).contains("SessionConfig.keepalive"));
    }
}
