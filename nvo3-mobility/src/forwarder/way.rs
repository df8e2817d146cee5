//! The way of a frame.

use super::DropReason;
use crate::table::{Lane, VapId};
use core::net::IpAddr;

/// The way of a unicast frame, or of a held copy of a group frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Deliver(VapId),
    /// The frame goes into a tunnel. `stale`: it came out of a tunnel, and its NVE should have sent it there directly.
    Tunnel {
        to: IpAddr,
        stale: bool,
    },
    /// The frame is held in this lane until the entry changes.
    Hold(Lane),
    /// The frame is held until the TSI's VAP is a port of its VN.
    AwaitPort,
    /// The frame is held until the control plane says where the TSI is.
    AwaitAnswer,
    Drop(DropReason),
}

impl Way {
    /// True if the frame leaves this forwarder.
    #[inline]
    pub(super) const fn leaves(&self) -> bool {
        matches!(self, Self::Deliver(_) | Self::Tunnel { .. })
    }

    /// True if the frame is held.
    pub(super) const fn is_held(&self) -> bool {
        matches!(self, Self::Hold(_) | Self::AwaitPort | Self::AwaitAnswer)
    }
}
