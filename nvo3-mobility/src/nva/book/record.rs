//! The records that an NVA makes durable.

use alloc::vec::Vec;
use nvo3_nva_proto::{Micros, MoveId, MoveKind, NveId, Side, Tsi, TsiKey, Version};

/// One change of the NVA's state. The number of the record, with the epoch in which it was made, is the version of the mapping that it
/// makes or reserves.
///
/// The order of the variants, and of the fields in each, is a stored form: nvad writes records in postcard, which has no names. A new
/// variant goes to the end. Every other change is a new format of the store.
///
/// This enum is exhaustive on purpose: a store that skips a kind of record loses state, so a new kind must not compile in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Record {
    /// A TSI is behind an NVE.
    Registered {
        /// The TSI with its addresses.
        tsi: Tsi,
        /// The NVE.
        nve: NveId,
    },
    /// A TSI is gone.
    Withdrawn {
        /// The TSI.
        tsi: TsiKey,
    },
    /// A move is planned, and its version is reserved.
    Planned(Plan),
    /// A move is committed under its reserved version.
    Committed {
        /// The move.
        id: MoveId,
    },
    /// A move is aborted. The number of this record is the new version of the mapping.
    Aborted {
        /// The move.
        id: MoveId,
    },
    /// A move has ended: both NVEs know the outcome.
    Closed {
        /// The move.
        id: MoveId,
    },
    /// An NVA starts, or takes over, and gives the versions of the next epoch from now on.
    Epoch,
    /// An edge has seen records that this NVA does not have: they were lost, or the NVA went back to an old copy. The NVA gives the
    /// versions of a higher epoch from now on. The epochs since then may have been another NVA's too: their mappings have the version
    /// of this record, and no NVE counts as having seen them.
    Rewound {
        /// The newest epoch that is this NVA's alone; 0 if there is none.
        kept: u32,
    },
    /// Management took a TSI away. Only a hypervisor's word registers it again.
    Forgotten {
        /// The TSI.
        tsi: TsiKey,
    },
    /// Management said that an NVE will not return and runs no VM any more.
    Fenced {
        /// The NVE.
        nve: NveId,
    },
    /// A fenced NVE has a session again.
    Returned {
        /// The NVE.
        nve: NveId,
    },
    /// A TSI moved too often without a plan, and does not move without a plan any more.
    Frozen {
        /// The TSI.
        tsi: TsiKey,
    },
    /// A frozen TSI may move again.
    Released {
        /// The TSI.
        tsi: TsiKey,
    },
    /// The parties of a move restated it after the records went back. It is going to be revoked.
    Restored {
        /// The plan.
        plan: Plan,
        /// The version that was reserved.
        version: Version,
    },
}

/// The plan of a move. It does not change while the move is in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Plan {
    /// The id of the move.
    pub id: MoveId,
    /// The TSIs that move.
    pub tsis: Vec<TsiKey>,
    /// The old NVE.
    pub old: NveId,
    /// The new NVE.
    pub new: NveId,
    /// The kind of the move.
    pub kind: MoveKind,
    /// True if a hypervisor's word asks for the move; false if only a frame at the new NVE shows it.
    pub by_word: bool,
    /// The time after which the NVA revokes the move, counted from the plan or from the start of the NVA.
    pub deadline: Micros,
}

impl Plan {
    /// The NVE on one side of the move.
    pub const fn party(&self, side: Side) -> NveId {
        match side {
            Side::Old => self.old,
            Side::New => self.new,
        }
    }

    /// The side of the move that an NVE is on, if any.
    pub fn side(&self, nve: NveId) -> Option<Side> {
        [Side::New, Side::Old].into_iter().find(|side| self.party(*side) == nve)
    }
}
