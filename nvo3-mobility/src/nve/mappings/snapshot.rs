//! The knowledge of an edge at one moment, for its owner's store: a restarted edge believes it until the NVA says otherwise.

use super::Mappings;
use super::cache::Statement;
use crate::nve::orders::{Orders, Row};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, Members, Place, Role, TsiKey, Version};
use nvo3_wire::Vni;

/// The mappings and replication lists of an NVE, and the TSIs that rest here, at one moment.
///
/// [`Nve::snapshot`](crate::nve::Nve::snapshot) takes it, [`Nve::believe`](crate::nve::Nve::believe) gives it to a restarted NVE. With
/// the feature `serde`, a stored form belongs to the version of this crate that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Snapshot {
    pub(crate) at: Instant,
    pub(crate) place: Place,
    pub(crate) mappings: Vec<Mapped>,
    pub(crate) lists: Vec<(Vni, Vec<Place>)>,
    /// The TSIs whose VM runs here and that no move has suspended, with their floors.
    pub(crate) here: Vec<(TsiKey, Version)>,
}

/// A cached mapping, without its lifetime: the snapshot's age stands for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Mapped {
    key: TsiKey,
    version: Version,
    ips: Vec<IpAddr>,
    role: Role,
    place: Option<Place>,
}

impl Snapshot {
    /// The time at which it was taken.
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// The number of its mappings.
    pub const fn mappings(&self) -> usize {
        self.mappings.len()
    }
}

impl Mappings {
    /// The mappings and replication lists, for a snapshot.
    pub(crate) fn snapshot(&self) -> (Vec<Mapped>, Vec<(Vni, Vec<Place>)>) {
        let mapped = |(key, said): (&TsiKey, &Statement)| Mapped {
            key: *key,
            version: said.version,
            ips: said.ips.clone(),
            role: said.role,
            place: said.place,
        };
        let lists = self.lists.iter().map(|(vn, list)| (*vn, list.clone()));
        (self.cache.iter().map(mapped).collect(), lists.collect())
    }

    /// The time until when a snapshot that was taken then is believed: a pushed mapping lives as long.
    pub(crate) fn believed_until(&self, taken: Instant) -> Instant {
        taken + self.pushed
    }

    /// Enters the mappings and lists of a snapshot, until `end`. What is known already is newer and stays.
    pub(crate) fn believe(
        &mut self,
        now: Instant,
        end: Instant,
        mappings: Vec<Mapped>,
        lists: Vec<(Vni, Vec<Place>)>,
        orders: &mut Orders,
    ) {
        for Mapped { key, version, ips, role, place } in mappings.into_iter().take(self.cache.limit()) {
            if self.cache.get(&key).is_none() {
                self.cache.enter(key, Statement::new(now, (version, ips, role, place), Some(end)));
                orders.mark(Row::Tsi(key));
            }
        }
        for (vn, places) in lists {
            if !self.lists.lists_vn(vn) {
                self.lists.take(now, vn, Members { places, more: false });
                orders.mark(Row::Members(vn));
            }
        }
    }
}
