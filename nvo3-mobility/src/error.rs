//! Errors that several machines share.

/// A configuration that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}: {rule}")]
pub struct ConfigError {
    /// The field, as in `NveConfig.linger`.
    pub field: &'static str,
    /// Its value, in the field's own unit.
    pub value: u64,
    /// What it must be.
    pub rule: &'static str,
}

impl ConfigError {
    /// An error unless `holds`.
    pub(crate) const fn unless(holds: bool, field: &'static str, value: u64, rule: &'static str) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self { field, value, rule }) }
    }
}
