//! The facts that every room may read and only the machine changes.

use super::NvaConfig;
use super::book::{Book, Effects, Record};
use alloc::collections::BTreeMap;
use core::cmp::Ordering;
use nvo3_nva_proto::{HelloAck, Instant, Mapping, NveId, Place, RecordNo, Seen, SessionId, Tsi, TsiKey, Version};

/// The time, the configuration, the book, and the place of each NVE.
pub(super) struct Facts {
    now: Instant,
    config: NvaConfig,
    book: Book,
    /// The places that management admitted. Management admits again after each start, so there is no record of them.
    places: BTreeMap<NveId, Place>,
    /// True if what edges say needs no proof: the transport is trusted.
    trusted: bool,
    /// True once an edge has shown that records of older epochs are lost.
    loss_noted: bool,
}

impl Facts {
    pub(super) const fn new(now: Instant, config: NvaConfig, book: Book, trusted: bool) -> Self {
        Self { now, config, book, places: BTreeMap::new(), trusted, loss_noted: false }
    }

    pub(super) const fn now(&self) -> Instant {
        self.now
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
        let remembered = version.epoch <= self.book.epoch() && self.book.remembers_epoch(version.epoch);
        !self.loss_noted && version != Version::default() && remembered && !self.book.has_made(version)
    }

    /// Notes that records are lost: an edge that has seen records of older epochs says nothing new by that.
    pub(super) const fn note_loss(&mut self) {
        self.loss_noted = true;
    }

    /// Sets the time, which never goes back. False if `now` is earlier.
    pub(super) fn set_time(&mut self, now: Instant) -> bool {
        let forward = now >= self.now;
        self.now = self.now.max(now);
        forward
    }

    /// Sets the place of an NVE.
    pub(super) fn set_place(&mut self, place: Place) {
        self.places.insert(place.nve, place);
    }

    /// Applies the next record to the book. `at` is its epoch and its number.
    pub(super) fn apply(&mut self, at: Version, record: &Record) -> Effects {
        self.book.apply(at, record)
    }
}
