//! The facts that every room may read and only the machine changes.

use super::NvaConfig;
use super::book::{Book, Effects, Record};
use alloc::collections::BTreeMap;
use nvo3_nva_proto::{Instant, Mapping, NveId, Place, RecordNo, TsiKey};

/// The time, the configuration, the book, and the place of each NVE.
pub(super) struct Facts {
    now: Instant,
    config: NvaConfig,
    book: Book,
    /// The places that management admitted. Management admits again after each start, so there is no record of them.
    places: BTreeMap<NveId, Place>,
}

impl Facts {
    pub(super) const fn new(now: Instant, config: NvaConfig, book: Book) -> Self {
        Self { now, config, book, places: BTreeMap::new() }
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
        let (ips, version) = (registration.ips().to_vec(), registration.version());
        Some(Mapping { mac: key.mac, ips, version, place: self.place(registration.nve()) })
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

    /// Applies the next record to the book.
    pub(super) fn apply(&mut self, number: RecordNo, record: &Record) -> Effects {
        self.book.apply(number, record)
    }
}
