//! Which way a frame goes.

use super::DropReason;
use crate::table::{Lane, VapId};
use core::net::IpAddr;

/// Which way a unicast frame, or a held copy of a group frame, goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Deliver(VapId),
    /// Into a tunnel. `stale`: it came out of a tunnel whose NVE should have sent it there itself.
    Tunnel {
        to: IpAddr,
        stale: bool,
    },
    /// Held in this lane until the entry says otherwise.
    Hold(Lane),
    /// Held until the TSI's VAP is a port of its VN.
    AwaitPort,
    /// Held until control says where the TSI is.
    AwaitAnswer,
    Drop(DropReason),
}

impl Way {
    /// The frame leaves this forwarder.
    #[inline]
    pub(super) const fn leaves(&self) -> bool {
        matches!(self, Self::Deliver(_) | Self::Tunnel { .. })
    }

    /// The frame stays here.
    pub(super) const fn is_held(&self) -> bool {
        matches!(self, Self::Hold(_) | Self::AwaitPort | Self::AwaitAnswer)
    }
}
