//! The records that an NVA makes durable.

use alloc::vec::Vec;
use nvo3_nva_proto::{Micros, MoveId, MoveKind, NveId, Side, Tsi, TsiKey};

/// One change of the NVA's state. The number of the record is the version of the mapping that it makes or reserves.
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
