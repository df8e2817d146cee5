//! Why datagrams are lost.

use crate::forwarder::DropReason;
use core::fmt;

/// Why a datagram will not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// The forwarder dropped it and said why.
    Dropped(DropReason),
    /// It was more than may be held for an address that is being asked for.
    AskedOverflow,
    /// Its sender had no address for its receiver.
    Unresolved,
    /// It was handed to a VM that does not run there.
    StoppedVm,
    /// It was in the memory of an edge that died.
    InDeadNode,
    /// It was sent to an edge that was down.
    ToDownNode,
    /// It was sent to an edge that was cut off from its sender.
    Cut,
    /// As many were held as may be, or as long.
    OverLimit,
    /// It was sent to an edge that has died since it could have sent it on, by one whom the authority could not tell or
    /// had nothing to tell yet.
    Forgotten,
}

impl Loss {
    /// Whether no promise covers it: what was in the memory of a node that died, or sent to it while it was down, or
    /// sent over a link that was cut or by who was cut off, or more than may be held, for a TSI that moves or for an
    /// address being asked for.
    pub const fn is_excused(self) -> bool {
        matches!(
            self,
            Self::InDeadNode | Self::ToDownNode | Self::Cut | Self::OverLimit | Self::AskedOverflow | Self::Forgotten
        )
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped(reason) => f.write_str(reason.name()),
            Self::AskedOverflow => f.write_str("asked-overflow"),
            Self::Unresolved => f.write_str("unresolved"),
            Self::StoppedVm => f.write_str("to-stopped-vm"),
            Self::InDeadNode => f.write_str("in-dead-node"),
            Self::ToDownNode => f.write_str("to-down-node"),
            Self::Cut => f.write_str("cut"),
            Self::OverLimit => f.write_str("over-limit"),
            Self::Forgotten => f.write_str("forgotten"),
        }
    }
}
