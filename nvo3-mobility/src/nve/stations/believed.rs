//! The TSIs that a restarted NVE believes to rest here: its next session restates them.

use super::Stations;
use super::effects::Effect;
use super::rules::{Sign, State, TsiState};
use crate::nve::orders::{Orders, Row};
use alloc::vec::Vec;
use nvo3_nva_proto::{TsiKey, Version};

/// The state of a VM of which the hypervisor says that it runs here.
const CLAIM: State = State::Claiming { forward: None, sign: Sign::Word };

impl Stations {
    /// The TSIs whose VM runs here and gets its frames by the NVA's word, with their floors.
    pub(crate) fn resting(&self) -> Vec<(TsiKey, Version)> {
        let resting = self.iter().filter(|(_, tsi)| matches!(tsi.state, State::Here | State::Leaving(_)));
        resting.map(|(key, tsi)| (key, tsi.floor)).collect()
    }

    /// Believes that a TSI rests here with this version, if the hypervisor said that its VM runs here.
    pub(crate) fn believe(&mut self, key: TsiKey, version: Version, orders: &mut Orders) -> Option<Effect> {
        let floor = self.state(&key).floor.max(version);
        self.replace(key, CLAIM, TsiState { state: State::Here, floor }, orders)
    }

    /// Replaces this state of a TSI; `None` if the TSI is in another one.
    fn replace(&mut self, key: TsiKey, from: State, after: TsiState, orders: &mut Orders) -> Option<Effect> {
        let station = self.tsis.get_mut(&key).filter(|station| station.tsi.state == from)?;
        if station.enter(after, None) {
            orders.mark(Row::Tsi(key));
        }
        Some(Effect::Changed { key, from, to: after.state })
    }
}
