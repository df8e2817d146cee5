//! What is to be done with a frame.

use super::DropReason;
use crate::table::VapId;
use core::fmt;
use core::net::IpAddr;
use nvo3_wire::Vni;

/// Where a frame leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Out of a VAP.
    Port(VapId),
    /// To another NVE.
    Tunnel {
        /// Its locator.
        to: IpAddr,
        /// The VN, which an encapsulation carries.
        vn: Vni,
    },
    /// Nowhere yet: the TSI behind this VAP had sent it while its gate was closed. Give it to
    /// [`Forwarder::vap_frame`](super::Forwarder::vap_frame) again, before the next
    /// [`Forwarder::poll_flush`](super::Forwarder::poll_flush).
    Again(VapId),
}

/// What is to be done with a frame.
///
/// This enum is exhaustive on purpose: a caller that ignores a verdict loses the frame, so a new kind must not compile in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Out of a VAP.
    Deliver(VapId),
    /// To another NVE.
    Tunnel {
        /// Its locator.
        to: IpAddr,
        /// The VN, which an encapsulation carries.
        vn: Vni,
    },
    /// A copy to each of [`Forwarder::replicas`](super::Forwarder::replicas).
    Replicate,
    /// Nothing: it is held here, for [`Forwarder::held_for`](super::Forwarder::held_for).
    Held,
    /// To control, which answers it itself or lets it pass by
    /// [`Forwarder::vap_frame_passed`](super::Forwarder::vap_frame_passed).
    Punt,
    /// Nothing: it is dropped and counted.
    Drop(DropReason),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(vap) => vap.fmt(f),
            Self::Tunnel { to, vn } => write!(f, "the tunnel to {to} in VN {vn}"),
            Self::Again(vap) => write!(f, "the forwarder again, at {vap}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deliver(vap) => write!(f, "delivered to {vap}"),
            Self::Tunnel { to, vn } => write!(f, "tunnelled to {to} in VN {vn}"),
            Self::Replicate => f.write_str("replicated"),
            Self::Held => f.write_str("held"),
            Self::Punt => f.write_str("given to the control plane"),
            Self::Drop(reason) => write!(f, "dropped: {reason}"),
        }
    }
}
