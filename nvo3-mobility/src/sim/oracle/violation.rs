//! The violation of an invariant.

use crate::sim::report::Line;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use nvo3_nva_proto::Instant;
use serde::Serialize;

/// The invariants of RULES.md that a run checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub enum Invariant {
    /// At most one edge delivers, and only where the VM runs.
    I1,
    /// No datagram is lost, delivered twice, or overtaken while order is promised.
    I2,
    /// No frame loops.
    I3,
    /// Caches, directory and truth agree at the end.
    I4,
    /// Nothing crosses a VN.
    I5,
    /// Acknowledged registrations and outcomes survive the death of the NVA.
    I6,
    /// Memory stays within its bounds.
    I7,
    /// Every move ends and leaves nothing behind.
    I8,
    /// An authority that lost records has everything that runs again.
    I9,
    /// What comes into being has an end: no port is left that no hypervisor wants.
    I10,
    /// Nobody gets what it is not bound to: a frame elsewhere takes no running VM away.
    I11,
    /// Nothing is said faster than its timer, and no edge gets more messages than its hosts can cause.
    I12,
}

impl Invariant {
    /// The invariant's id in RULES.md.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I1 => "I1",
            Self::I2 => "I2",
            Self::I3 => "I3",
            Self::I4 => "I4",
            Self::I5 => "I5",
            Self::I6 => "I6",
            Self::I7 => "I7",
            Self::I8 => "I8",
            Self::I9 => "I9",
            Self::I10 => "I10",
            Self::I11 => "I11",
            Self::I12 => "I12",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The violation of an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The time at which the oracle saw it.
    pub at: Instant,
    /// The invariant.
    pub invariant: Invariant,
    /// The description.
    pub what: String,
    /// The last lines of the timeline before it, if the timeline is recorded.
    pub trace: Vec<Line>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.at, self.invariant, self.what)
    }
}
