//! What is attached here: ports, the TSIs that may be behind them with their addresses, and their moves.
//!
//! In come the owner's words about ports and VMs, owner-checked frames, and what the NVA says about a TSI or a move, each as
//! an input of the table in [`rules`]. Out go [`Effect`]s, and marks of rows that changed. Knows no session and no mapping.
//! (VMM-4.2, VMM-5-01 … VMM-5-17, VMM-10-02, SPL.)

mod effects;
mod forwarding;
mod moves;
mod ports;
pub mod rules;
mod station;
mod words;

pub(super) use effects::{Effect, Effects};

use super::config::NveConfig;
use super::orders::{Orders, Row};
use crate::table::{Change, Route, VapId};
use alloc::collections::BTreeMap;
use core::net::IpAddr;
use forwarding::ForwardTimers;
use moves::Moves;
use nvo3_nva_proto::{HoldLimits, Micros, Place, TsiKey, Version};
use nvo3_wire::{Mac, Vni};
use ports::Attached;
use rules::TsiState;
use station::Station;

/// The ports and TSIs of this edge, bounded.
#[derive(Debug)]
pub(super) struct Stations {
    place: Place,
    limits: Limits,
    hold: HoldLimits,
    alarm_interval: Micros,
    ports: BTreeMap<VapId, Attached>,
    tsis: BTreeMap<TsiKey, Station>,
    /// Which attached TSI has an address.
    local_ips: BTreeMap<(Vni, IpAddr), (Mac, VapId)>,
    forward_timers: ForwardTimers,
    moves: Moves,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    ports: usize,
    tsis: usize,
    ips_per_tsi: usize,
}

impl Stations {
    pub(super) fn new(config: &NveConfig) -> Self {
        Self {
            place: config.place,
            limits: Limits {
                ports: config.ports as usize,
                tsis: config.tsis as usize,
                ips_per_tsi: config.ips_per_tsi as usize,
            },
            hold: config.hold,
            alarm_interval: config.hint_interval,
            ports: BTreeMap::new(),
            tsis: BTreeMap::new(),
            local_ips: BTreeMap::new(),
            forward_timers: ForwardTimers::new(config.in_flight, config.linger),
            moves: Moves::new(config.moves as usize),
        }
    }

    /// What a TSI is to this edge.
    #[inline]
    pub(super) fn state(&self, key: &TsiKey) -> TsiState {
        self.tsis.get(key).map(|station| station.now).unwrap_or_default()
    }

    /// The TSIs that are, were or will be here.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TsiKey, TsiState)> + '_ {
        self.tsis.iter().map(|(key, station)| (*key, station.now))
    }

    /// The addresses of a TSI that is, was or will be here.
    pub(super) fn ips(&self, key: &TsiKey) -> Option<&[IpAddr]> {
        self.tsis.get(key).map(|station| station.ips.as_slice())
    }

    /// Who has an address behind a port of this edge.
    #[inline]
    pub(super) fn holder(&self, vn: Vni, ip: IpAddr) -> Option<(Mac, VapId)> {
        self.local_ips.get(&(vn, ip)).copied()
    }

    /// The table's row of a TSI, with what the directory says of it.
    pub(super) fn row(&self, key: TsiKey, route: Option<Route>, said: Version) -> Change {
        let station = self.tsis.get(&key);
        Change::Tsi {
            key,
            vap: station.and_then(|station| station.vap),
            entry: station.and_then(Station::entry),
            route,
            version: station.map_or(said, |station| station.now.floor.max(said)),
            limits: station.map_or(self.hold, |station| station.limits),
            replay_since: station.and_then(|station| station.stopped_at),
        }
    }

    /// Room for `new` TSIs, by forgetting the floors of some that are gone.
    pub(super) fn make_room(&mut self, new: usize) -> bool {
        while self.tsis.len() + new > self.limits.tsis {
            let Some(gone) = self.tsis.iter().find(|(_, station)| station.is_gone()).map(|(key, _)| *key) else {
                return false;
            };
            self.tsis.remove(&gone);
        }
        true
    }

    fn station_mut(&mut self, key: TsiKey) -> &mut Station {
        self.tsis.entry(key).or_insert_with(|| Station::new(self.hold))
    }

    /// Marks every port, for a forwarder that lost its table.
    pub(super) fn mark_ports(&self, orders: &mut Orders) {
        self.ports.keys().for_each(|vap| orders.mark(Row::Port(*vap)));
    }

    /// Marks every TSI, for a forwarder that lost its table.
    pub(super) fn mark_tsis(&self, orders: &mut Orders) {
        self.tsis.keys().for_each(|key| orders.mark(Row::Tsi(*key)));
    }

    /// How many things are kept.
    pub(super) fn footprint(&self) -> usize {
        let addresses = self.local_ips.len();
        self.ports.len() + self.tsis.len() + addresses + self.forward_timers.len() + self.moves.len()
    }
}
