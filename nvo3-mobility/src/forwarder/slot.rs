//! All that the forwarder has of one TSI.

use super::TsiCounters;
use super::directive::Directive;
use super::hold::Lines;
use super::recent::Trail;
use nvo3_nva_proto::HoldLimits;

/// The parts of a TSI, one for each room; a slot is what one look-up finds.
pub(super) struct Slot {
    pub(super) directive: Directive,
    pub(super) lines: Lines,
    pub(super) trail: Trail,
    pub(super) counters: TsiCounters,
    /// Control was told of a frame for an address that it has said nothing of.
    pub(super) missed: bool,
    /// Control was told that the TSI sends behind its closed gate.
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
