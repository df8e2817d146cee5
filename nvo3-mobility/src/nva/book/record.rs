//! What an authority makes durable.

use alloc::vec::Vec;
use nvo3_nva_proto::{Micros, MoveId, MoveKind, NveId, Side, Tsi, TsiKey};

/// One change of the authority's state. Its number is the version of what it makes or reserves.
///
/// This enum is exhaustive on purpose: a store that skips a kind of record loses state, so a new kind must not compile in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Record {
    /// A TSI is behind an NVE.
    Registered {
        /// What.
        tsi: Tsi,
        /// Where.
        nve: NveId,
    },
    /// A TSI is gone.
    Withdrawn {
        /// What.
        tsi: TsiKey,
    },
    /// A move is under way; its version is reserved.
    Planned(Plan),
    /// A move is committed under its reserved version.
    Committed {
        /// Which.
        id: MoveId,
    },
    /// A move is aborted; the record's number is the mapping's new version.
    Aborted {
        /// Which.
        id: MoveId,
    },
    /// Both parties know.
    Closed {
        /// Which.
        id: MoveId,
    },
}

/// What is planned for a move. It does not change while the move is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Plan {
    /// Which move.
    pub id: MoveId,
    /// What moves.
    pub tsis: Vec<TsiKey>,
    /// From where.
    pub old: NveId,
    /// To where.
    pub new: NveId,
    /// How.
    pub kind: MoveKind,
    /// Until when, counted from its start or the authority's.
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

    /// Which party of the move an NVE is.
    pub fn side(&self, nve: NveId) -> Option<Side> {
        [Side::New, Side::Old].into_iter().find(|side| self.party(*side) == nve)
    }
}
