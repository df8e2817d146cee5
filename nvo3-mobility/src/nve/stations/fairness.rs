//! The limits of each port on what it makes the control plane do. What exceeds them is told once in a while.

use super::Stations;
use crate::fairness::{Limiter, Rate, Refusals};
use crate::nve::NveConfig;
use crate::table::VapId;
use nvo3_nva_proto::Instant;

/// The rates of one port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    announcements: Rate,
    questions: Rate,
}

impl Rates {
    pub(super) const fn new(config: &NveConfig) -> Self {
        Self { announcements: config.announcements, questions: config.questions }
    }
}

/// The limits of one port, and what they refused.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PortLimits {
    announcements: Limiter,
    questions: Limiter,
    /// Queries beyond the port's share. The room of mappings has the shares.
    queries: Refusals,
    /// TSIs beyond those that the port may learn.
    stations: Refusals,
}

impl PortLimits {
    pub(super) fn note_full(&mut self, now: Instant) -> Option<u64> {
        self.stations.note(now)
    }
}

impl Stations {
    /// Checks that a port may send one more announcement.
    ///
    /// # Errors
    /// It may not. If an event about it is due, the number of refusals since the last one.
    pub(crate) fn may_announce(&mut self, now: Instant, vap: VapId) -> Result<(), Option<u64>> {
        let Some(port) = self.ports.get_mut(&vap) else { return Ok(()) };
        port.limits.announcements.take(now, self.rates.announcements)
    }

    /// Checks that a port may ask one more question.
    ///
    /// # Errors
    /// It may not. If an event about it is due, the number of refusals since the last one.
    pub(crate) fn may_ask(&mut self, now: Instant, vap: VapId) -> Result<(), Option<u64>> {
        let Some(port) = self.ports.get_mut(&vap) else { return Ok(()) };
        port.limits.questions.take(now, self.rates.questions)
    }

    /// Notes that a port has no share left for a query. If an event about it is due, gives the number of refusals since the last one.
    pub(crate) fn note_no_share(&mut self, now: Instant, vap: VapId) -> Option<u64> {
        self.ports.get_mut(&vap)?.limits.queries.note(now)
    }
}
