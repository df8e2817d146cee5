//! The errors of a machine's configuration.

use crate::fairness::Rate;
use nvo3_nva_proto::{HoldLimits, Micros, Setting};

/// A field of a configuration with which no machine works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The field must not be 0.
    #[error("{config}.{field} is 0: must be more than 0")]
    Zero {
        /// The configuration's type.
        config: &'static str,
        /// The field's name.
        field: &'static str,
    },
    /// The field must not be below another one.
    #[error("{config}.{field} is {value}: must be at least {least}, which is {other}")]
    Below {
        /// The configuration's type.
        config: &'static str,
        /// The field's name.
        field: &'static str,
        /// The field's value.
        value: Setting,
        /// The name of the lower bound.
        other: &'static str,
        /// The lower bound.
        least: Setting,
    },
    /// The field is outside the range that messages can carry.
    #[error("{config}.{field} is {value}: must be {least} to {most}")]
    OutOfRange {
        /// The configuration's type.
        config: &'static str,
        /// The field's name.
        field: &'static str,
        /// The field's value.
        value: Setting,
        /// The smallest value that works.
        least: Setting,
        /// The largest value that works.
        most: Setting,
    },
    /// The edge cannot use its ring of keys.
    #[error(transparent)]
    Keys(#[from] nvo3_nva_proto::auth::KeyError),
    /// A field of the session's configuration is out of range.
    #[error(transparent)]
    Session(#[from] nvo3_nva_proto::ConfigError),
}

/// Checks that no field is 0.
pub(crate) fn above_zero<T: Into<u64>>(
    config: &'static str,
    fields: impl IntoIterator<Item = (&'static str, T)>,
) -> Result<(), ConfigError> {
    let zero = fields.into_iter().find_map(|(field, value)| (value.into() == 0).then_some(field));
    zero.map_or(Ok(()), |field| Err(ConfigError::Zero { config, field }))
}

/// Checks that no limit is 0; `fields` names the limits on frames, bytes and age.
pub(crate) fn limits(
    config: &'static str,
    [frames, bytes, age]: [&'static str; 3],
    limits: HoldLimits,
) -> Result<(), ConfigError> {
    above_zero(config, [(frames, limits.frames.into()), (bytes, limits.bytes.into()), (age, limits.age.0)])
}

/// Checks that no rate is 0; `fields` names the rate and its burst.
pub(crate) fn rates(
    config: &'static str,
    fields: impl IntoIterator<Item = ([&'static str; 2], Rate)>,
) -> Result<(), ConfigError> {
    let mut fields = fields.into_iter();
    fields.try_for_each(|([per_second, burst], rate)| {
        above_zero(config, [(per_second, rate.per_second), (burst, rate.burst)])
    })
}

/// Checks that one field is not below another one.
pub(crate) fn covers<T: Copy + PartialOrd + Into<Setting>>(
    config: &'static str,
    (field, value): (&'static str, T),
    (other, least): (&'static str, T),
) -> Result<(), ConfigError> {
    if value < least {
        let (value, least) = (value.into(), least.into());
        return Err(ConfigError::Below { config, field, value, other, least });
    }
    Ok(())
}

/// Checks that a field is in the range that messages can carry.
pub(crate) fn fits<T: Copy + PartialOrd + Into<Setting>>(
    config: &'static str,
    (field, value): (&'static str, T),
    (least, most): (T, T),
) -> Result<(), ConfigError> {
    if value < least || value > most {
        let (value, least, most) = (value.into(), least.into(), most.into());
        return Err(ConfigError::OutOfRange { config, field, value, least, most });
    }
    Ok(())
}

/// The range of the number of addresses of one TSI: that many fit each message about the TSI.
pub(crate) const IPS: (u32, u32) = (1, nvo3_nva_proto::MAX_IPS as u32);
/// The range of the age of held frames: a message carries it in a `u32` of milliseconds.
pub(crate) const AGE: (Micros, Micros) = (Micros(1), Micros::from_millis(u32::MAX as u64));

#[cfg(test)]
mod tests {
    use crate::forwarder::ForwarderConfig;
    use crate::nva::NvaConfig;
    use crate::nve::{NveConfig, Scan};
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
        let mut nve = NveConfig::new(Place { nve: NveId(1), locators }, Transport::Trusted);
        nve.scan = Some(Scan::default());
        let nva = NvaConfig::new(Transport::Trusted);
        assert_eq!((forwarder.validate(), nve.validate(), nva.validate()), (Ok(()), Ok(()), Ok(())));

        let no_notices = ForwarderConfig { notices: 0, ..forwarder };
        let small = ForwarderConfig { total_frames: 63, ..forwarder };
        let no_moves = NveConfig { moves: 0, ..nve.clone() };
        let hasty = NveConfig { in_flight: Micros(1), ..nve.clone() };
        let no_epoch = NvaConfig { epoch: 0, ..nva.clone() };
        let generous = NvaConfig { ips_per_tsi: 65, ..nva.clone() };
        let hurried = NvaConfig { negative_lifetime: Micros::from_millis(99), ..nva.clone() };
        let impatient = NvaConfig { grace: Micros::from_secs(1), ..nva };
        let mut silent = nve;
        silent.session.keepalive = Micros(0);

        assert_eq!(sentence(no_notices.validate()), "ForwarderConfig.notices is 0: must be more than 0");
        assert_eq!(
            sentence(small.validate()),
            "ForwarderConfig.total_frames is 63: must be at least 64, which is asked.frames"
        );
        assert_eq!(sentence(no_moves.validate()), "NveConfig.moves is 0: must be more than 0");
        assert_eq!(sentence(hasty.validate()), "NveConfig.in_flight is 1 us: must be at least 1 s, which is linger");
        assert_eq!(sentence(generous.validate()), "NvaConfig.ips_per_tsi is 65: must be 1 to 64");
        assert_eq!(sentence(no_epoch.validate()), "NvaConfig.epoch is 0: must be more than 0");
        assert_eq!(
            sentence(impatient.validate()),
            "NvaConfig.grace is 1 s: must be at least 3.5 s, which is session.dead_after"
        );
        assert_eq!(sentence(hurried.validate()), "NvaConfig.negative_lifetime is 99 ms: must be 100 ms to 6553.4 s");
        assert!(sentence(silent.validate()).contains("SessionConfig.keepalive"));
    }

    /// The defaults in the docs of a configuration's fields, as `Debug` names each field.
    fn documented(source: &str) -> impl Iterator<Item = (&str, &str)> {
        let mut default = None;
        source.lines().filter_map(move |line| {
            let line = line.trim();
            match line.strip_prefix("pub ").and_then(|rest| rest.strip_suffix(',')?.split_once(": ")) {
                Some((field, _)) => Some((field, default.take()?)),
                None => {
                    let default_text = line.strip_prefix("///").and_then(|doc| doc.split_once("Default: "));
                    default = default_text.map(|(_, rest)| rest.split([';', '.']).next().unwrap_or(rest)).or(default);
                    None
                }
            }
        })
    }

    #[test]
    fn the_numbers_in_the_docs_are_the_defaults() {
        let locators = Locators::V4(Ipv4Addr::LOCALHOST);
        let mut nve = NveConfig::new(Place { nve: NveId(1), locators }, Transport::Trusted);
        nve.scan = Some(Scan::default());
        let nva = NvaConfig::new(Transport::Trusted);
        let configs = [
            (include_str!("nve/config.rs"), alloc::format!("{nve:?}"), 12),
            (include_str!("nva/config.rs"), alloc::format!("{nva:?}"), 15),
            (include_str!("forwarder/config.rs"), alloc::format!("{:?}", ForwarderConfig::new(locators)), 6),
        ];
        for (source, real, least) in configs {
            let mut checked = 0;
            for (field, text) in documented(source) {
                let printed = match text.split_once(' ') {
                    None => text.replace(',', ""),
                    Some((number, "s")) => alloc::format!("Micros({number}000000)"),
                    Some((number, "ms")) => alloc::format!("Micros({number}000)"),
                    Some((number, "MiB")) => (number.parse::<u64>().unwrap() << 20).to_string(),
                    Some(_) => continue,
                };
                if printed.starts_with(['M', 't', 'f']) || printed.parse::<u64>().is_ok() {
                    assert!(real.contains(&alloc::format!(" {field}: {printed}")), "{field}: {printed} in {real}");
                    checked += 1;
                }
            }
            assert!(checked >= least, "{checked} checked");
        }
    }
}
