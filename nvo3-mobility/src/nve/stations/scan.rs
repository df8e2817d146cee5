//! The scan of the stations that remain here when a VM leaves (VMM-4.2-05, VMM-4.2-06, VMM-4.2-26).
//!
//! Each station of the VN whose VM runs here is asked for its addresses, one after the other at the pace of the configuration, and again
//! while it does not answer. One that never answers is silent. Whatever it sends to the control plane is an answer.

use super::Stations;
use super::rules::State;
use crate::nve::Scan as Config;
use crate::table::VapId;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, Micros, TsiKey};
use nvo3_wire::Mac;

/// The stations that are to be asked, or have not answered, in the order of the times at which something is due.
#[derive(Debug)]
pub(super) struct Scan {
    config: Option<Config>,
    due: BTreeSet<(Instant, TsiKey)>,
    /// For each station the time at which something is due, and how often it was asked.
    asked: BTreeMap<TsiKey, (Instant, u32)>,
    /// The time of the next free place in the pace.
    free: Instant,
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
    pub(super) const fn new(config: Option<Config>) -> Self {
        Self { config, due: BTreeSet::new(), asked: BTreeMap::new(), free: Instant(0) }
    }

    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    fn enter(&mut self, now: Instant, pace: Micros, key: TsiKey) {
        if !self.asked.contains_key(&key) {
            let at = self.free.max(now);
            self.free = at + pace;
            self.set(key, at, 0);
        }
    }

    fn set(&mut self, key: TsiKey, at: Instant, times: u32) {
        self.asked.insert(key, (at, times));
        self.due.insert((at, key));
    }

    /// The station is asked no more. Gives how often it was.
    pub(super) fn remove(&mut self, key: &TsiKey) -> Option<u32> {
        let (at, times) = self.asked.remove(key)?;
        self.due.remove(&(at, *key));
        Some(times)
    }
}

impl Stations {
    /// A VM has left: the stations that remain in its VN are scanned, if the configuration says so.
    pub(crate) fn scan(&mut self, now: Instant, left: &TsiKey) {
        let Some(Config { pace, .. }) = self.scan.config else { return };
        let all = (TsiKey { vn: left.vn, mac: Mac::ZERO })..=(TsiKey { vn: left.vn, mac: Mac::BROADCAST });
        for (key, station) in self.tsis.range(all) {
            if station.tsi.state == State::Here && station.vap.is_some() && !station.ips.is_empty() {
                self.scan.enter(now, pace, *key);
            }
        }
    }

    /// The time at which the scan goes on.
    pub(crate) fn next_scanned(&self) -> Option<Instant> {
        self.scan.due.first().map(|(at, _)| *at)
    }

    /// A station that is to be asked, or has not answered.
    pub(crate) fn pop_scanned(&mut self, now: Instant) -> Option<(TsiKey, Scanned)> {
        let Config { times, answer, .. } = self.scan.config?;
        loop {
            let key = self.scan.due.first().filter(|(at, _)| *at <= now).map(|(_, key)| *key)?;
            let asked = self.scan.remove(&key)?;
            // One that has moved meanwhile, or moves, is not asked any more.
            let is_here = self.tsis.get(&key).is_some_and(|station| station.tsi.state == State::Here);
            let Some((vap, ips)) = self.reach(&key).filter(|_| is_here) else { continue };
            if asked >= times {
                return Some((key, Scanned::Silent));
            }
            let ips = ips.to_vec();
            self.scan.set(key, now + answer, asked + 1);
            return Some((key, Scanned::Ask(vap, ips)));
        }
    }
}
