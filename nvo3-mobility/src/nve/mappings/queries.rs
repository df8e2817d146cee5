//! The open queries to the NVA.

use alloc::collections::BTreeMap;
use nvo3_nva_proto::Address;
use nvo3_wire::Vni;

/// The addresses that the NVA was queried for and has not answered, bounded. Each has one query (VMM-4.2-10), with the transaction
/// number that its answer carries (DIR-06).
#[derive(Debug)]
pub(super) struct Queries {
    limit: usize,
    asked: BTreeMap<(Vni, Address), u32>,
}

impl Queries {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, asked: BTreeMap::new() }
    }

    /// True if there is an open query for the address.
    pub(super) fn is_asked(&self, vn: Vni, address: Address) -> bool {
        self.asked.contains_key(&(vn, address))
    }

    /// The transaction number of an open query.
    pub(super) fn transaction(&self, vn: Vni, address: Address) -> Option<u32> {
        self.asked.get(&(vn, address)).copied()
    }

    /// Enters a query under its transaction number. The caller has checked [`Queries::is_full`].
    pub(super) fn enter(&mut self, vn: Vni, address: Address, transaction: u32) {
        self.asked.insert((vn, address), transaction);
    }

    pub(super) fn is_full(&self) -> bool {
        self.asked.len() >= self.limit
    }

    /// True if this answers an open query, which is closed then.
    pub(super) fn answer(&mut self, vn: Vni, address: Address, transaction: u32) -> bool {
        let asked = self.asked.get(&(vn, address)) == Some(&transaction);
        asked && self.asked.remove(&(vn, address)).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Vni, Address, u32)> {
        self.asked.iter().map(|((vn, address), transaction)| (*vn, *address, *transaction))
    }

    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }
}
