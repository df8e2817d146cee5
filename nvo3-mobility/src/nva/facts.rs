//! The facts that every room may read and only the machine changes.

use super::NvaConfig;
use super::book::{Book, Effects, PlannedMove, Record};
use super::policy::Quota;
use crate::clock::Clock;
use alloc::collections::BTreeMap;
use core::cmp::Ordering;
use nvo3_nva_proto::{HelloAck, Instant, Mapping, NveId, Place, RecordNo, Seen, SessionId, Tsi, TsiKey, Version};

/// The time, the configuration, the book, and the place of each NVE.
pub(super) struct Facts {
    clock: Clock,
    config: NvaConfig,
    book: Book,
    /// The places that management admitted. Management admits again after each start, so there is no record of them.
    places: BTreeMap<NveId, Place>,
    /// True if what edges say needs no proof: the transport is trusted.
    trusted: bool,
    /// True once an edge has shown that records of older epochs are lost.
    loss_noted: bool,
    /// True if the book had no TSI at the start: records may be lost.
    was_empty: bool,
}

impl Facts {
    pub(super) fn new(now: Instant, config: NvaConfig, book: Book, trusted: bool) -> Self {
        let was_empty = book.tsi_count() == 0;
        let clock = Clock::new(now);
        Self { clock, config, book, places: BTreeMap::new(), trusted, loss_noted: false, was_empty }
    }

    pub(super) const fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The time of the machine, and how it comes from readings of the owner's clock.
    pub(super) const fn clock(&self) -> Clock {
        self.clock
    }

    pub(super) const fn config(&self) -> &NvaConfig {
        &self.config
    }

    pub(super) const fn book(&self) -> &Book {
        &self.book
    }

    pub(super) fn place(&self, nve: NveId) -> Option<Place> {
        self.places.get(&nve).copied()
    }

    /// True if another NVE has one of these locators.
    pub(super) fn has_locator_of_another(&self, place: &Place) -> bool {
        let has = |other: &Place| {
            let (mine, its) = (place.locators, other.locators);
            mine.v4().is_some() && mine.v4() == its.v4() || mine.v6().is_some() && mine.v6() == its.v6()
        };
        self.places.values().any(|other| other.nve != place.nve && has(other))
    }

    /// The quota that an NVE exceeds if it also has these TSIs, each with its number of addresses; `None` if it exceeds none.
    pub(super) fn over_quota<'a>(
        &self,
        nve: NveId,
        tsis: impl IntoIterator<Item = (&'a TsiKey, usize)>,
    ) -> Option<Quota> {
        let (quotas, share) = (&self.config.quotas, self.book.share(nve));
        let (mut gained, mut addresses) = (0, share.addresses);
        for (key, ips) in tsis {
            let here = self.book.get(key).filter(|registration| registration.nve() == nve);
            gained += usize::from(here.is_none());
            addresses = addresses + ips - here.map_or(0, |registration| registration.ips().len());
        }
        if gained > 0 && share.tsis + gained > quotas.tsis as usize {
            return Some(Quota::Tsis);
        }
        (addresses > share.addresses && addresses > quotas.addresses as usize).then_some(Quota::Addresses)
    }

    /// The mapping of a TSI.
    pub(super) fn mapping(&self, key: &TsiKey) -> Option<Mapping> {
        let registration = self.book.get(key)?;
        let (Tsi { ips, role, .. }, version) = (registration.tsi(*key), registration.version());
        Some(Mapping { mac: key.mac, ips, role, version, place: self.place(registration.nve()) })
    }

    /// The *HelloAck* of a session, without its id and nonce. Records up to `published` are durable.
    pub(super) fn greeting(&self, published: RecordNo) -> HelloAck {
        let (epoch, shard) = (self.book.epoch(), self.config.shard);
        let unproven = || Seen { epoch, record: published, shard, proof: [0; 16] };
        let proven = self.config.seen_key.as_ref().map(|key| key.prove(epoch, published, shard));
        let seen = proven.or_else(|| self.trusted.then(unproven));
        HelloAck { session: SessionId(0), nonce: 0, epoch, published, seen }
    }

    /// The epoch to take because an edge has seen a record that the book does not have; `None` if it has. `granted`: this NVA, since its
    /// start, has granted the edge a session, so that the edge may have seen its epoch.
    pub(super) fn epoch_after(&self, seen: &Seen, granted: bool) -> Option<u32> {
        let proven = self.config.seen_key.as_ref().map_or(self.trusted, |key| key.made(seen));
        if !proven || seen.shard != self.config.shard {
            return None;
        }
        let at = Version { epoch: seen.epoch, generation: seen.record.0 };
        let known = match at.epoch.cmp(&self.book.epoch()) {
            Ordering::Less => self.loss_noted || !self.book.remembers_epoch(at.epoch) || self.book.has_made(at),
            Ordering::Equal => granted && self.book.has_made(at),
            Ordering::Greater => false,
        };
        let epoch = at.epoch.max(self.book.epoch()).checked_add(1);
        epoch.filter(|_| !known)
    }

    /// True if a version that an edge restates is of a record which this NVA does not have. It has no proof, so it only shows.
    pub(super) fn shows_loss(&self, version: Version) -> bool {
        !self.loss_noted && version.epoch <= self.book.epoch() && self.is_lost(version)
    }

    /// True if this NVA does not have the record of a version that an edge restates. No version that it gave since then is newer or older.
    pub(super) fn is_lost(&self, version: Version) -> bool {
        version != Version::default() && self.book.remembers_epoch(version.epoch) && !self.book.has_made(version)
    }

    /// True if an NVE restates a version of a TSI that neither the book nor a move of the book in hand can have given it: the move is over.
    pub(super) fn is_beyond(&self, this_move: &PlannedMove, nve: NveId, key: &TsiKey, version: Version) -> bool {
        // A move that was restored after a loss has a version from before.
        let known = self.book.get(key).map(|registration| registration.version()).unwrap_or_default();
        let newest = this_move.decided_version().max(known);
        let has_come = this_move.outcome().is_none() && nve == this_move.plan().new && version >= this_move.version();
        has_come || version > newest || nve != this_move.decided_nve() && self.is_lost(version)
    }

    /// Notes that records are lost: an edge that has seen records of older epochs says nothing new by that.
    pub(super) const fn note_loss(&mut self) {
        self.loss_noted = true;
    }

    /// True once an edge has shown that records are lost.
    pub(super) const fn has_lost(&self) -> bool {
        self.loss_noted
    }

    /// True if the book may lack what rests at the NVEs, until they have restated it.
    pub(super) const fn may_lack(&self) -> bool {
        self.was_empty || self.loss_noted
    }

    /// The NVEs that are admitted.
    pub(super) fn admitted(&self) -> impl Iterator<Item = NveId> {
        self.places.keys().copied()
    }

    /// Takes a reading of the owner's clock. False if the clock went back.
    pub(super) const fn read_clock(&mut self, reading: Instant) -> bool {
        self.clock.read(reading)
    }

    /// Sets the place of an NVE. Gives the place before.
    pub(super) fn set_place(&mut self, place: Place) -> Option<Place> {
        self.places.insert(place.nve, place)
    }

    /// Applies the next record to the book. `at` is its epoch and its number.
    pub(super) fn apply(&mut self, at: Version, record: &Record) -> Effects {
        self.book.apply(at, record)
    }
}
