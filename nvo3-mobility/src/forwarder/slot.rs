//! Everything that the forwarder has of one TSI.

use super::TsiCounters;
use super::directive::Directive;
use super::hold::Lines;
use super::recent::Trail;
use nvo3_nva_proto::HoldLimits;

/// The parts of a TSI, one for each room. One look-up finds them all.
pub(super) struct Slot {
    pub(super) directive: Directive,
    pub(super) lines: Lines,
    pub(super) trail: Trail,
    pub(super) counters: TsiCounters,
    /// True if the control plane was told that frames are held for an address without an order.
    pub(super) missed: bool,
    /// True if the control plane was told that the TSI sends while its gate is closed.
    pub(super) seen: bool,
}

impl Slot {
    pub(super) fn new(limits: HoldLimits) -> Self {
        Self {
            directive: Directive::default(),
            lines: Lines::new(limits),
            trail: Trail::default(),
            counters: TsiCounters::default(),
            missed: false,
            seen: false,
        }
    }
}
