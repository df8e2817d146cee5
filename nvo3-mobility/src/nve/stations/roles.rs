//! What the TSIs of this NVE are for Neighbor Discovery: hosts or routers, as their own frames say (PXY-05, PXY-10).

use super::Stations;
use super::rules::State;
use nvo3_nva_proto::{Instant, Role, TsiKey};

impl Stations {
    /// What a TSI is, as far as this NVE knows.
    pub(crate) fn role(&self, key: &TsiKey) -> Role {
        self.tsis.get(key).map(|station| station.role).unwrap_or_default()
    }

    /// A TSI says by its own frame what it is. True if that is new. A TSI that says one thing and then another is believed at most once in
    /// a claim interval, so that its frames do not cause registrations at their rate (I12).
    pub(crate) fn learn_role(&mut self, now: Instant, key: &TsiKey, role: Role) -> bool {
        let interval = self.claim_interval;
        let Some(station) = self.tsis.get_mut(key).filter(|station| station.role != role) else { return false };
        if station.role_since.is_some_and(|since| now - since < interval) {
            return false;
        }
        (station.role, station.role_since) = (role, Some(now));
        station.readdressed |= station.tsi.state != State::Away;
        true
    }

    /// Another NVE heard what a TSI is, before its VM came here.
    pub(crate) fn suppose_role(&mut self, key: &TsiKey, role: Role) {
        if let Some(station) = self.tsis.get_mut(key) {
            station.role = station.role.or(role);
        }
    }
}
