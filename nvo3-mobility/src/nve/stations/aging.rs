//! The end of what was learned: an address that a TSI gave up, and a TSI that left its bridge, are not kept for ever (I10).
//!
//! What was not heard by ARP or ND for half of [`NveConfig::learned_age`](crate::nve::NveConfig::learned_age) is asked for, a few times.
//! What was not heard for all of it ends. While its VM does not run here, nothing ages.

use super::Stations;
use super::rules::State;
use crate::nve::orders::Orders;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, Micros, TsiKey};

/// The number of questions before the end is this, less one half.
const PARTS: u64 = 8;

/// The times at which something that was learned is to be looked at.
#[derive(Debug)]
pub(super) struct Aging {
    age: Micros,
    due: BTreeSet<(Instant, TsiKey)>,
}

/// What has become of a TSI of which something was learned.
#[derive(Debug, Default)]
pub(crate) struct Aged {
    /// The addresses that the TSI is to be asked for.
    pub(crate) ask: Vec<IpAddr>,
    /// The number of addresses that ended.
    pub(crate) ended: u64,
    /// True if the TSI was learned and has ended.
    pub(crate) is_gone: bool,
}

impl Aging {
    pub(super) const fn new(age: Micros) -> Self {
        Self { age, due: BTreeSet::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    const fn half(&self) -> Micros {
        Micros(self.age.0 / 2)
    }

    const fn part(&self) -> Micros {
        Micros(self.age.0 / PARTS)
    }
}

impl Stations {
    /// Something of a TSI was learned: it will be looked at.
    pub(super) fn watch(&mut self, now: Instant, key: TsiKey) {
        let Some(station) = self.tsis.get_mut(&key) else { return };
        if station.learned.due.is_none() && (station.learned.itself || !station.learned.addresses.is_empty()) {
            let at = now + self.aging.half();
            station.learned.due = Some(at);
            self.aging.due.insert((at, key));
        }
    }

    /// Nothing of a TSI is looked at any more.
    pub(super) fn unwatch(&mut self, key: TsiKey) {
        if let Some(at) = self.tsis.get_mut(&key).and_then(|station| station.learned.due.take()) {
            self.aging.due.remove(&(at, key));
        }
    }

    /// The time at which the next TSI is to be looked at.
    pub(crate) fn next_aged(&self) -> Option<Instant> {
        self.aging.due.first().map(|(at, _)| *at)
    }

    /// A TSI that is to be looked at.
    pub(crate) fn pop_aged(&mut self, now: Instant, orders: &mut Orders) -> Option<(TsiKey, Aged)> {
        let key = self.aging.due.first().filter(|(at, _)| *at <= now).map(|(_, key)| *key)?;
        self.unwatch(key);
        let mut aged = Aged::default();
        let (age, half, part) = (self.aging.age, self.aging.half(), self.aging.part());
        let Some(station) = self.tsis.get_mut(&key) else { return Some((key, aged)) };
        if station.tsi.state != State::Here {
            station.learned.heard = now;
            station.learned.addresses.iter_mut().for_each(|address| address.heard = now);
        }
        let before = station.learned.addresses.len();
        self.end_addresses(&key, orders, |address| now - address.heard >= age);
        let learned = &self.tsis.get(&key)?.learned;
        aged.ended = before.saturating_sub(learned.addresses.len()) as u64;
        let old = learned.addresses.iter().filter(|address| now - address.heard >= half);
        aged.ask = old.map(|address| address.ip).collect();
        aged.is_gone = learned.itself && learned.addresses.is_empty() && now - learned.heard >= age;
        let own = learned.itself.then_some(learned.heard);
        let oldest = learned.addresses.iter().map(|address| address.heard).chain(own).min();
        if let Some(oldest) = oldest.filter(|_| !aged.is_gone) {
            let at = (oldest + half).max(now + part);
            self.tsis.get_mut(&key)?.learned.due = Some(at);
            self.aging.due.insert((at, key));
        }
        Some((key, aged))
    }
}
