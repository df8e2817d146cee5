//! Everything that the forwarder has of one TSI.

use super::TsiCounters;
use super::directive::Directive;
use super::hold::Lines;
use super::recent::Trail;
use crate::table::VapId;
use nvo3_nva_proto::HoldLimits;

/// The parts of a TSI, one for each room. One look-up finds them all.
pub(super) struct Slot {
    pub(super) directive: Directive,
    pub(super) lines: Lines,
    pub(super) trail: Trail,
    pub(super) counters: TsiCounters,
    /// The port whose share of the TSIs that are being asked for this one takes.
    pub(super) asked_by: Option<VapId>,
    /// True if the control plane was told of frames for an address without an order, or whose mapping ends soon.
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
            asked_by: None,
            missed: false,
            seen: false,
        }
    }
}
