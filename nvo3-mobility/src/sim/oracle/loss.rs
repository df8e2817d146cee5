//! The reasons for which datagrams are lost.

use crate::forwarder::DropReason;
use core::fmt;

/// The reason for which a datagram will not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// A forwarder dropped it, for this reason.
    Dropped(DropReason),
    /// It was over the limit of frames held for a destination that is being resolved.
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
    /// It was over the limit of held frames, or of their age.
    OverLimit,
    /// It was sent to an edge that died and lost its forward entry, and the NVA could not reach that edge or the sender's.
    Forgotten,
    /// It was dropped while the NVA was down with lost records, or had not learned again what its edges have.
    Rewound,
    /// Its sender's port flooded, and reached a limit of the port.
    Flooded,
    /// Its sender or its receiver was killed or lost its port, and not every node knew that yet.
    Unplanned,
}

impl Loss {
    /// True if no promise covers the loss: the datagram was in the memory of a node that died, was sent to a node that was down,
    /// crossed a cut, was over a limit of held frames or of a port that floods, or needed what the NVA had lost.
    pub const fn is_excused(self) -> bool {
        matches!(
            self,
            Self::InDeadNode
                | Self::ToDownNode
                | Self::Cut
                | Self::OverLimit
                | Self::AskedOverflow
                | Self::Forgotten
                | Self::Rewound
                | Self::Flooded
                | Self::Unplanned
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
            Self::Rewound => f.write_str("rewound"),
            Self::Flooded => f.write_str("flooded"),
            Self::Unplanned => f.write_str("unplanned"),
        }
    }
}
