//! What every room may read and only the machine changes.

use super::NvaConfig;
use super::book::{Book, Effects, Record};
use alloc::collections::BTreeMap;
use nvo3_nva_proto::{Instant, Mapping, NveId, Place, RecordNo, TsiKey};

/// The time, the configuration, the book, and where each NVE is reached.
pub(super) struct Facts {
    now: Instant,
    config: NvaConfig,
    book: Book,
    /// Management's word. It is told again at each start, so it is no record.
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

    /// Time passes, and never goes back; false where it was to.
    pub(super) fn set_time(&mut self, now: Instant) -> bool {
        let forward = now >= self.now;
        self.now = self.now.max(now);
        forward
    }

    /// An NVE is reached there.
    pub(super) fn set_place(&mut self, place: Place) {
        self.places.insert(place.nve, place);
    }

    /// The next record of the book.
    pub(super) fn apply(&mut self, number: RecordNo, record: &Record) -> Effects {
        self.book.apply(number, record)
    }
}
