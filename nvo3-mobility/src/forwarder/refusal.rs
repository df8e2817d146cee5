//! The refusal of a table change.

/// A table change that the forwarder refused; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("change {number} refused: {reason}")]
#[non_exhaustive]
pub struct RefusedChange {
    /// The number of the change.
    pub number: u64,
    /// The reason.
    pub reason: ChangeRefusal,
}

/// The reason for which the forwarder refused a table change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeRefusal {
    /// A change before this one is missing; the forwarder waits for the missing change.
    #[error("change {expected} is missing and must come first")]
    Gap {
        /// The number of the missing change.
        expected: u64,
    },
    /// The limit of TSIs is reached.
    #[error("the limit of TSIs is reached (ForwarderConfig.tsis)")]
    TooManyTsis,
    /// The limit of ports is reached.
    #[error("the limit of ports is reached (ForwarderConfig.ports)")]
    TooManyPorts,
    /// The replication list has too many members.
    #[error("the list has more members than the limit (ForwarderConfig.members_per_vn)")]
    TooManyMembers,
    /// The limit of VNs is reached.
    #[error("the limit of VNs is reached (ForwarderConfig.tsis + ForwarderConfig.ports)")]
    TooManyVns,
    /// The TSI's MAC is a group address.
    #[error("a TSI cannot have a group address")]
    GroupAddress,
}
