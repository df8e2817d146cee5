//! The claims that must hold once everything has arrived and time has passed.

use super::model::{Seat, To};
use super::world::{EDGES, STATIONS, VMS, World};
use nvo3_mobility::nve::rules::{self, State};
use nvo3_nva_proto::Micros;

/// Within this time moves end by their deadlines, the authority gives up edges that do not come, and dead sessions are detected.
const ENOUGH: Micros = Micros::from_secs(60);
/// Within this time a dead session is detected, a new one is made, and what was lost is sent again.
const LEAST: Micros = Micros::from_secs(8);

impl World {
    /// Brings back all nodes that are down, lets hypervisors finish what they began without further faults, and checks every claim.
    pub fn come_to_rest(&mut self) {
        self.log(|| "-- rest".into());
        for edge in 0..EDGES {
            self.mend(edge);
        }
        for node in 0..=EDGES {
            self.comes_back(node);
        }
        self.carry();
        let (least, end) = (self.now + LEAST, self.now + ENOUGH);
        loop {
            for edge in 0..EDGES {
                self.sync_ports(edge);
            }
            for vm in 0..VMS.len() {
                self.finish(vm);
            }
            self.carry();
            let rests = self.now >= least && self.disagreements().is_empty();
            if rests || self.now > end || !self.model.wrong.is_empty() {
                break;
            }
            let next = self.next_timer().unwrap_or(end).max(self.now + Micros(1_000));
            self.tick(next);
            self.carry();
        }
        let wrong = self.disagreements();
        self.model.wrong.extend(wrong);
        self.probe();
        self.model.judge();
    }

    /// Checks that each station reaches each other station of its VN, once.
    fn probe(&mut self) {
        self.log(|| "-- probes".into());
        for from in 0..STATIONS {
            for to in 0..STATIONS {
                if to != from && self.stations[to].1 == self.stations[from].1 {
                    self.send(from, To::One(to));
                }
            }
            self.send(from, To::All);
            self.carry();
        }
    }

    /// Checks that no move is left, and that directory, caches and entries name the edges where the VMs run.
    fn disagreements(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let Some(nva) = &self.nva else { return vec!["the authority is down".into()] };
        for vm in (0..VMS.len()).filter(|vm| !self.is_settled(*vm)) {
            wrong.push(format!("VM {vm} is not settled"));
        }
        for station in 0..STATIONS {
            let (vm, key) = (self.stations[station].0, self.key(station));
            let Seat::Runs(at) = self.model.seats[vm] else { continue };
            let truth = super::world::place_of(at);
            let Some(mapping) = nva.lookup(&key) else {
                wrong.push(format!("the directory does not know station {station}"));
                continue;
            };
            if mapping.place != Some(truth) {
                wrong.push(format!(
                    "the directory has station {station} at {:?}, and it is at edge {at}",
                    mapping.place
                ));
            }
            for (n, edge) in self.edges.iter().enumerate() {
                let Some(nve) = edge.live.as_ref().map(|node| node.control.nve()) else {
                    wrong.push(format!("edge {n} is down"));
                    continue;
                };
                let state = nve.state(&key).state;
                if !matches!(state, State::Away | State::Here | State::Forwarding { .. }) {
                    wrong.push(format!("station {station} is {} at edge {n}", state.name()));
                }
                if rules::entry(state).is_some_and(|entry| entry.delivers()) != (n == at) {
                    wrong.push(format!("station {station} is {} at edge {n}, and runs at edge {at}", state.name()));
                }
                if let Some((version, place)) = nve.mapping(&key)
                    && (version, place) != (mapping.version, Some(truth))
                {
                    wrong.push(format!("edge {n} has station {station} at {place:?} by {version}"));
                }
            }
        }
        wrong
    }
}
