//! Addresses that two TSIs list: the NVA gives each to one of them.
//!
//! The NVA registers a TSI without the addresses that other TSIs have, and its mapping says which addresses the TSI has. An address that it
//! lacks is *contested* here. It is not bound to the TSI: this NVE does not answer for it with the TSI's MAC, and drops what the TSI sends from
//! it. The TSI's claims name it, and its restatements do not. It is claimed again after a while, and each time after twice the time (I12), so
//! the TSI has it soon after the other one has left (I10). A learned address that another TSI has is unlearned instead.
//!
//! What a mapping says holds for its version. So a mapping that is older than the answer to the newest claim takes away nothing that the claim
//! names.

use super::Stations;
use super::claims::MOST;
use super::learned::{Address, Known};
use super::rules::State;
use crate::nve::orders::{Orders, Row};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, Micros, TsiKey};

/// The addresses that a TSI lists and does not have.
#[derive(Clone, Debug, Default)]
pub(super) struct Contested {
    pub(super) ips: Vec<IpAddr>,
    /// The time of the next claim of them, and the length of the pause before it.
    again: Option<(Instant, Micros)>,
}

/// What a mapping of the NVA changed about the addresses of its TSI.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// The addresses that are contested now, if these are others than before.
    pub(crate) contested: Option<Vec<IpAddr>>,
    /// True if a learned address was claimed and is unlearned.
    pub(crate) unlearned: bool,
}

impl Stations {
    /// The claim of a TSI is sent under this transaction, with every learned address.
    pub(crate) fn claimed(&mut self, key: &TsiKey, transaction: u32) {
        if let Some(station) = self.tsis.get_mut(key) {
            station.asked = Some(transaction);
        }
        self.said(key);
    }

    /// True if a reply answers the newest claim of a TSI, or a restatement after which nothing was claimed.
    pub(crate) fn take_answer(&mut self, key: &TsiKey, transaction: u32) -> bool {
        let Some(station) = self.tsis.get_mut(key) else { return false };
        let answers = station.asked.map_or(transaction == 0, |asked| asked == transaction);
        if answers {
            station.asked = None;
        }
        answers
    }

    /// The NVA accepted the newest claim of a TSI, or its restatement. `said`: the addresses of the mapping of that version; `None`: all.
    pub(crate) fn accepted(
        &mut self,
        now: Instant,
        key: &TsiKey,
        (transaction, said): (u32, Option<Vec<IpAddr>>),
        orders: &mut Orders,
    ) -> Changed {
        let Some(station) = self.tsis.get(key) else { return Changed::default() };
        // A restatement names no contested address.
        let named = station.contested.ips.iter().filter(|_| transaction != 0);
        let said = said.unwrap_or_else(|| station.ips.iter().chain(named).copied().collect());
        let lost = |known, ip: &IpAddr| known == Known::Claimed && !said.contains(ip);
        let unlearned = self.end_told(key, orders, |address| lost(address.known, &address.ip));
        let quiet_until = now + self.claim_interval;
        if let Some(station) = self.tsis.get_mut(key).filter(|_| unlearned) {
            station.learned.be_quiet(quiet_until);
        }
        self.each_learned(key, Known::Claimed, Known::Yes);
        Changed { unlearned, contested: self.contest(now, key, &said, true, orders) }
    }

    /// The NVA's mapping of a TSI that is here has these addresses.
    pub(crate) fn hear_addresses(
        &mut self,
        now: Instant,
        key: &TsiKey,
        said: &[IpAddr],
        orders: &mut Orders,
    ) -> Changed {
        let Some(station) = self.tsis.get(key).filter(|station| station.vap.is_some()) else {
            return Changed::default();
        };
        let open = station.asked.is_some() || station.readdressed;
        let settled = matches!(station.tsi.state, State::Here | State::Halted { .. });
        let told = |known| known == Known::Yes || known == Known::Claimed && !open;
        self.end_told(key, orders, |address| told(address.known) && !said.contains(&address.ip));
        Changed { unlearned: false, contested: self.contest(now, key, said, settled && !open, orders) }
    }

    /// A TSI comes here with these addresses: it has those that were contested.
    pub(super) fn regain(&mut self, now: Instant, key: &TsiKey, ips: &[IpAddr], orders: &mut Orders) {
        self.contest(now, key, ips, false, orders);
    }

    /// A TSI has of its listed addresses those that the NVA says. `ends`: it has no other ones any more. Gives what is contested now, if
    /// that is something else than before.
    fn contest(
        &mut self,
        now: Instant,
        key: &TsiKey,
        said: &[IpAddr],
        ends: bool,
        orders: &mut Orders,
    ) -> Option<Vec<IpAddr>> {
        let first = (now + self.claim_interval, self.claim_interval);
        let station = self.tsis.get_mut(key)?;
        let vap = station.vap?;
        let won: Vec<IpAddr> = station.contested.ips.extract_if(.., |ip| said.contains(ip)).collect();
        let learned = &station.learned;
        let lost: Vec<IpAddr> = station
            .ips
            .extract_if(.., |ip| ends && !said.contains(ip) && !learned.iter().any(|learned| learned == *ip))
            .collect();
        if won.is_empty() && lost.is_empty() {
            return None;
        }
        station.ips.extend(&won);
        station.contested.ips.extend(&lost);
        if !station.contested.ips.is_empty() && station.contested.again.is_none() {
            station.contested.again = Some(first);
            self.contests.insert((first.0, *key));
        }
        let contested = station.contested.ips.clone();
        self.end_contest(key);
        for ip in lost {
            self.local_ips.remove(&(key.vn, ip, key.mac));
        }
        self.local_ips.extend(won.into_iter().map(|ip| ((key.vn, ip, key.mac), vap)));
        orders.mark(Row::Port(vap));
        Some(contested)
    }

    /// Keeps of the contested addresses of a TSI those that it still lists.
    pub(super) fn keep_contested(&mut self, key: &TsiKey, listed: &[IpAddr]) {
        if let Some(station) = self.tsis.get_mut(key) {
            let lists = station.tsi.state != State::Away;
            station.contested.ips.retain(|ip| lists && listed.contains(ip));
            self.end_contest(key);
        }
    }

    /// A TSI without contested addresses claims none again.
    fn end_contest(&mut self, key: &TsiKey) {
        let station = self.tsis.get_mut(key).filter(|station| station.contested.ips.is_empty());
        if let Some((at, _)) = station.and_then(|station| station.contested.again.take()) {
            self.contests.remove(&(at, *key));
        }
    }

    /// Ends learned addresses of which the NVA has said that the TSI does not have them: it need not hear so.
    fn end_told(&mut self, key: &TsiKey, orders: &mut Orders, ends: impl Fn(&Address) -> bool) -> bool {
        let readdressed = self.tsis.get(key).is_some_and(|station| station.readdressed);
        let ended = self.end_addresses(key, orders, ends);
        if let Some(station) = self.tsis.get_mut(key).filter(|_| ended) {
            station.readdressed = readdressed;
        }
        ended
    }

    /// The time at which the next contested address is claimed again.
    pub(crate) fn next_contest(&self) -> Option<Instant> {
        self.contests.first().map(|(at, _)| *at)
    }

    /// A TSI whose contested addresses are to be claimed again; each comes once per pause.
    pub(crate) fn pop_contest(&mut self, now: Instant) -> Option<TsiKey> {
        while let Some((at, key)) = self.contests.first().copied().filter(|(at, _)| *at <= now) {
            self.contests.pop_first();
            let Some(station) = self.tsis.get_mut(&key) else { continue };
            let Some((_, wait)) = station.contested.again.filter(|(again, _)| *again == at) else { continue };
            let wait = Micros(wait.0.saturating_mul(2).min(self.claim_interval.0.saturating_mul(MOST)));
            station.contested.again = Some((now + wait, wait));
            station.readdressed = true;
            self.contests.insert((now + wait, key));
            return Some(key);
        }
        None
    }
}
