//! The scan of the stations that remain here when a VM leaves (VMM-4.2-05, VMM-4.2-06, VMM-4.2-26).
//!
//! Each station of the VN whose VM runs here is asked for its addresses, one after the other at the pace of the configuration, and again
//! while it does not answer. One that never answers is silent. Whatever it sends to the control plane is an answer.

use super::Stations;
use super::rounds::Rounds;
use super::rules::State;
use crate::nve::Scan as Config;
use crate::table::VapId;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, TsiKey};
use nvo3_wire::Mac;

/// The stations that are to be asked, or have not answered.
#[derive(Debug)]
pub(super) struct Scan {
    config: Option<Config>,
    rounds: Rounds,
}

/// What a scan makes of a station.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// Ask it for these addresses.
    Ask(VapId, Vec<IpAddr>),
    /// It has not answered.
    Silent,
}

impl Scan {
    pub(super) fn new(config: Option<Config>) -> Self {
        Self { config, rounds: Rounds::new(config.unwrap_or_default().pace) }
    }

    pub(super) fn len(&self) -> usize {
        self.rounds.len()
    }

    /// A station has shown that it is here.
    pub(super) fn heard(&mut self, key: &TsiKey) {
        self.rounds.remove(key);
    }
}

impl Stations {
    /// A VM has left: the stations that remain in its VN are scanned, if the configuration says so.
    pub(crate) fn scan(&mut self, now: Instant, left: &TsiKey) {
        if self.scan.config.is_none() {
            return;
        }
        let all = (TsiKey { vn: left.vn, mac: Mac::ZERO })..=(TsiKey { vn: left.vn, mac: Mac::BROADCAST });
        for (key, station) in self.tsis.range(all) {
            if station.tsi.state == State::Here && station.vap.is_some() && !station.ips.is_empty() {
                self.scan.rounds.enter(now, *key);
            }
        }
    }

    /// The time at which the scan goes on.
    pub(crate) fn next_scanned(&self) -> Option<Instant> {
        self.scan.rounds.next()
    }

    /// A station that is to be asked, or has not answered.
    pub(crate) fn pop_scanned(&mut self, now: Instant) -> Option<(TsiKey, Scanned)> {
        let Config { times, answer, .. } = self.scan.config?;
        loop {
            let (key, asked) = self.scan.rounds.pop(now)?;
            // One that has moved meanwhile, or moves, is not asked any more.
            let is_here = self.tsis.get(&key).is_some_and(|station| station.tsi.state == State::Here);
            let Some((vap, ips)) = self.reach(&key).filter(|_| is_here) else { continue };
            if asked >= times {
                return Some((key, Scanned::Silent));
            }
            let ips = ips.to_vec();
            self.scan.rounds.again(key, now + answer, asked + 1);
            return Some((key, Scanned::Ask(vap, ips)));
        }
    }
}
