//! What NVEs are refused: counted, and told once in a while.

use super::Nva;
use crate::nva::book::Record;
use crate::nva::io::Event;
use crate::nva::policy::{Offence, Quota};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Locators, NveId, RegistrationResult, TsiKey};

impl Nva {
    /// Notes the result of a claim, or of what rests at an NVE. What its rule does not allow is not in the directory any more.
    pub(super) fn note_refused(&mut self, nve: NveId, key: TsiKey, result: RegistrationResult) {
        self.counters.refused_registrations += u64::from(result != RegistrationResult::Accepted);
        if result != RegistrationResult::NotAuthorised {
            return;
        }
        self.counters.unauthorised_registrations += 1;
        let book = self.facts.book();
        let is_there = book.get(&key).is_some_and(|registration| registration.nve() == nve);
        if is_there && book.move_with(&key).is_none() && !self.is_full() {
            self.record(Record::Withdrawn { tsi: key });
        }
        self.tell_refused(nve, key, result);
    }

    /// Notes that the VM of a claimed TSI answers at its old NVE.
    pub(super) fn note_still_here(&mut self, nve: NveId, key: TsiKey) {
        self.counters.refused_registrations += 1;
        self.counters.still_here_registrations += 1;
        self.tell_refused(nve, key, RegistrationResult::Policy);
    }

    fn tell_refused(&mut self, nve: NveId, key: TsiKey, result: RegistrationResult) {
        if let Some(count) = self.offenders.note(self.facts.now(), nve, Offence::Claim) {
            self.tell(Event::ClaimRefused { nve, key, result, count });
        }
    }

    /// Notes the contested addresses of a TSI of the directory. What management was told is not told again.
    pub(super) fn note_contested(&mut self, nve: NveId, key: TsiKey, ips: Vec<IpAddr>) {
        if self.registrar.is_told_contested(&key, &ips) {
            return;
        }
        self.counters.contested_addresses += ips.len() as u64;
        if let Some(count) = self.offenders.note(self.facts.now(), nve, Offence::Contested) {
            self.registrar.told_contested(key, ips.clone());
            self.tell(Event::Contested { nve, key, ips, count });
        }
    }

    /// True if an NVE may make one more registration that changes the directory. What it may not is noted.
    pub(super) fn may_register(&mut self, nve: NveId) -> bool {
        let rate = self.facts.config().quotas.registrations;
        let may = self.offenders.may_register(self.facts.now(), nve, rate);
        if !may {
            self.over_quota(nve, Quota::Registrations, 1);
        }
        may
    }

    /// Notes that an NVE wants more than its quota.
    pub(super) fn over_quota(&mut self, nve: NveId, quota: Quota, times: u64) {
        let counters = &mut self.counters;
        *match quota {
            Quota::Tsis | Quota::Addresses => &mut counters.over_quota_registrations,
            Quota::Registrations => &mut counters.limited_registrations,
            Quota::Subscriptions => &mut counters.over_quota_subscriptions,
            Quota::Interest | Quota::Absent => &mut counters.over_quota_interest,
            Quota::Moves => &mut counters.over_quota_moves,
        } += times;
        if let Some(count) = self.offenders.note(self.facts.now(), nve, Offence::Quota(quota)) {
            self.tell(Event::OverQuota { nve, quota, count });
        }
    }

    /// Notes that the *Hello* of an NVE named other locators than management, and was refused.
    pub(super) fn note_other_locators(&mut self, nve: NveId, hello: Locators) {
        self.counters.other_locators += 1;
        let Some(place) = self.facts.place(nve) else { return };
        if let Some(count) = self.offenders.note(self.facts.now(), nve, Offence::Locators) {
            self.tell(Event::OtherLocators { nve, admitted: place.locators, hello, count });
        }
    }

    /// Notes that a *Hello* came from another address while the NVE has a session, and was refused.
    pub(super) fn note_two_places(&mut self, nve: NveId, at: IpAddr, other: IpAddr) {
        self.counters.two_places += 1;
        if let Some(count) = self.offenders.note(self.facts.now(), nve, Offence::TwoPlaces) {
            self.tell(Event::TwoPlaces { nve, at, other, count });
        }
    }
}
