//! Why an order is not carried out.

/// An order that is not in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("change {number} refused: {reason}")]
#[non_exhaustive]
pub struct RefusedChange {
    /// The order's number.
    pub number: u64,
    /// Why.
    pub reason: ChangeRefusal,
}

/// Why an order was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeRefusal {
    /// An order before it is missing; the forwarder still waits for that one.
    #[error("change {expected} must come first")]
    Gap {
        /// The number of the missing order.
        expected: u64,
    },
    /// There is no room for another TSI.
    #[error("the limit of TSIs is reached (ForwarderConfig.tsis)")]
    TooManyTsis,
    /// There is no room for another port.
    #[error("the limit of ports is reached (ForwarderConfig.ports)")]
    TooManyPorts,
    /// The replication list is too long.
    #[error("the list has more members than the limit (ForwarderConfig.members_per_vn)")]
    TooManyMembers,
    /// There is no room for another VN.
    #[error("the limit of VNs is reached (ForwarderConfig.tsis + ForwarderConfig.ports)")]
    TooManyVns,
    /// The TSI's MAC is a group address.
    #[error("a TSI cannot have a group address")]
    GroupAddress,
}
