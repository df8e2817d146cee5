//! The ports of this NVE, the TSIs behind them with their addresses, and their moves.
//!
//! In go the owner's inputs about ports and VMs, frames whose source was checked, and the NVA's statements about a TSI or a move.
//! Each becomes an input of the table in [`rules`]. Out come [`Effect`]s, and marks of changed rows. The room knows no session and no
//! mapping. (Rules: VMM-4.2 says who learns where a TSI is, VMM-5-01 … VMM-5-17 how frames are treated in a move, SPL when a VM is
//! associated and active. VMM-10-02 binds MAC and IP addresses to a port.)

mod aging;
mod announcing;
mod believed;
mod claims;
mod contested;
mod effects;
mod fairness;
mod floating;
mod forwarding;
mod learned;
mod leases;
mod moves;
mod ports;
mod probes;
mod roles;
mod rounds;
pub mod rules;
mod scan;
mod shared;
mod standing;
mod station;
mod words;

pub(super) use contested::Changed;
pub(super) use effects::{Effect, Effects};
pub(super) use learned::Learning;
pub(super) use leases::Ended;
pub(super) use moves::Revoking;
pub(super) use ports::Reattached;
pub(super) use probes::Unanswered;
pub(super) use scan::Scanned;
pub(super) use shared::Taken;
pub(super) use standing::Standing;

use super::config::NveConfig;
use super::orders::{Orders, Row};
use crate::table::{Change, Route, VapId};
use aging::Aging;
use alloc::collections::{BTreeMap, BTreeSet};
use announcing::Announcing;
use core::net::IpAddr;
use fairness::Rates;
use forwarding::ForwardTimers;
use moves::Moves;
use nvo3_nva_proto::{HoldLimits, Instant, Micros, Place, TsiKey, Version};
use nvo3_wire::{Mac, Vni};
use ports::Attached;
use probes::Probes;
use rules::{State, TsiState};
use scan::Scan;
use station::Station;

/// The ports and TSIs of this NVE, bounded.
#[derive(Debug)]
pub(super) struct Stations {
    place: Place,
    limits: Limits,
    hold: HoldLimits,
    alarm_interval: Micros,
    rates: Rates,
    ports: BTreeMap<VapId, Attached>,
    tsis: BTreeMap<TsiKey, Station>,
    /// Per address: the attached TSIs to which it is bound, and their ports.
    local_ips: BTreeMap<(Vni, IpAddr, Mac), VapId>,
    forward_timers: ForwardTimers,
    claim_interval: Micros,
    probes: Probes,
    aging: Aging,
    scan: Scan,
    announcing: Announcing,
    /// The ports at which VMs are announced.
    announcing_ports: BTreeSet<(Vni, VapId)>,
    /// The times at which refused TSIs may be tried again.
    claim_ends: BTreeSet<(Instant, TsiKey)>,
    /// The times at which contested addresses are claimed again.
    contests: BTreeSet<(Instant, TsiKey)>,
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
            rates: Rates::new(config),
            ports: BTreeMap::new(),
            tsis: BTreeMap::new(),
            local_ips: BTreeMap::new(),
            forward_timers: ForwardTimers::new(config.in_flight, config.linger, config.registration_lifetime),
            claim_interval: config.claim_interval,
            probes: Probes::new(config.confirm),
            aging: Aging::new(config.learned_age),
            scan: Scan::new(config.scan),
            announcing: Announcing::new(),
            announcing_ports: BTreeSet::new(),
            claim_ends: BTreeSet::new(),
            contests: BTreeSet::new(),
            moves: Moves::new(config.moves as usize),
        }
    }

    /// The state and the floor of a TSI.
    #[inline]
    pub(super) fn state(&self, key: &TsiKey) -> TsiState {
        self.tsis.get(key).map(|station| station.tsi).unwrap_or_default()
    }

    /// The TSIs that are, were or will be here.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TsiKey, TsiState)> + '_ {
        self.tsis.iter().map(|(key, station)| (*key, station.tsi))
    }

    /// True if the VM of a TSI is here and takes part in no move.
    pub(super) fn is_settled(&self, key: &TsiKey) -> bool {
        matches!(self.state(key).state, State::Here | State::Halted { .. })
    }

    /// The port and the addresses of an attached TSI.
    pub(super) fn reach(&self, key: &TsiKey) -> Option<(VapId, &[IpAddr])> {
        self.tsis.get(key).and_then(|station| Some((station.vap?, station.ips.as_slice())))
    }

    /// The addresses of a TSI that is, was or will be here.
    pub(super) fn ips(&self, key: &TsiKey) -> Option<&[IpAddr]> {
        self.tsis.get(key).map(|station| station.ips.as_slice())
    }

    /// The MAC and the port of the attached TSI that has an address, if its VM belongs here. An attached port alone has no address.
    #[inline]
    pub(super) fn holder(&self, vn: Vni, ip: IpAddr) -> Option<(Mac, VapId)> {
        let bound = self.local_ips.range((vn, ip, Mac::ZERO)..=(vn, ip, Mac::BROADCAST));
        bound
            .map(|((.., mac), vap)| (*mac, *vap))
            .find(|(mac, _)| self.state(&TsiKey { vn, mac: *mac }).state.is_home())
    }

    /// The table row of a TSI, with the route and the version that the directory has.
    pub(super) fn row(&self, key: TsiKey, route: Option<Route>, mapping_version: Version) -> Change {
        let station = self.tsis.get(&key);
        Change::Tsi {
            key,
            vap: station.and_then(|station| station.vap),
            entry: station.and_then(Station::entry),
            route,
            version: station.map_or(mapping_version, |station| station.tsi.floor.max(mapping_version)),
            limits: station.map_or(self.hold, |station| station.limits),
            replay_since: station.and_then(|station| station.stopped_at),
        }
    }

    /// Makes room for `new` TSIs: forgets the floors of TSIs that are gone. False if there is no room.
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

    /// The number of all things that the room keeps.
    pub(super) fn footprint(&self) -> usize {
        let addresses = self.local_ips.len();
        let timers = self.forward_timers.len()
            + self.claim_ends.len()
            + self.probes.len()
            + self.aging.len()
            + self.scan.len()
            + self.announcing.len();
        self.ports.len() + self.tsis.len() + addresses + timers + self.contests.len() + self.moves.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;
    use crate::table::PortPolicy;
    use alloc::vec::Vec;
    use nvo3_nva_proto::{Locators, NveId};

    const NOW: Instant = Instant(1_000_000);
    const VAP: VapId = VapId(1);

    const fn key(mac: [u8; 6]) -> TsiKey {
        TsiKey { vn: Vni::MAX, mac: Mac(mac) }
    }

    const fn station(n: u8) -> TsiKey {
        key([2, 0, 0, 0, 0, n])
    }

    /// An edge with room for two TSIs, and a port whose stations are learned.
    fn learning() -> (Stations, Orders) {
        let place = Place { nve: NveId(1), locators: Locators::V4([198, 51, 100, 1].into()) };
        let config = NveConfig { tsis: 2, ..NveConfig::new(place, Transport::Trusted) };
        let (mut stations, mut orders) = (Stations::new(&config), Orders::new(16));
        let policy = PortPolicy { trusted: true, learn_macs: 9, learn_addresses: 9, ..PortPolicy::untrusted() };
        stations.attach(NOW, VAP, Vni::MAX, Vec::new(), policy, &mut orders).unwrap();
        (stations, orders)
    }

    #[test]
    fn room_is_made_of_stations_that_are_gone_alone() {
        let (mut stations, _) = learning();
        stations.station_mut(station(1)).vap = Some(VAP);
        stations.station_mut(station(2));

        assert!(!stations.make_room(3));
        assert!(stations.make_room(1) && !stations.make_room(2));

        assert_eq!(stations.iter().map(|(key, _)| key).collect::<Vec<_>>(), [station(1)]);
    }

    #[test]
    fn every_timer_is_counted() {
        let (mut stations, _) = learning();
        let before = stations.footprint();

        stations.claim_ends.extend([(NOW, station(1)), (NOW, station(2))]);

        assert_eq!(stations.footprint(), before + 2);
    }

    #[test]
    fn no_group_and_no_virtual_router_is_learned_as_a_station() {
        let (mut stations, mut orders) = learning();
        let mut learn = |key| stations.learn_tsi(NOW, VAP, key, true, &mut orders);

        assert_eq!(learn(key([1, 0, 0x5e, 0, 0, 1])), Learning::Nothing);
        assert_eq!(learn(key([0, 0, 0x5e, 0, 1, 7])), Learning::Nothing);
        assert_eq!(learn(station(1)), Learning::New);
    }

    #[test]
    fn a_learned_address_that_was_claimed_is_unlearned_and_one_that_was_not_stays() {
        let (mut stations, mut orders) = learning();
        let (key, addresses) = (station(1), [[192, 0, 2, 1].into(), [192, 0, 2, 2].into()]);
        stations.bind_learned(NOW, VAP, key, &[], &mut orders);

        stations.add_learned(NOW, VAP, key, addresses[0], &mut orders);
        stations.claimed(&key, 1);
        stations.add_learned(NOW, VAP, key, addresses[1], &mut orders);

        assert!(stations.unlearn(NOW, &key, &mut orders) && !stations.unlearn(NOW, &key, &mut orders));
        assert_eq!(stations.ips(&key), Some(&addresses[1..]));
    }
}
