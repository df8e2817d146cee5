//! What the NVA is being asked.

use alloc::collections::BTreeMap;
use nvo3_nva_proto::Address;
use nvo3_wire::Vni;

/// Addresses that the NVA was asked for and has not answered: one query each (VMM-4.2-10), with the number by which its answer
/// is known (DIR-06). Bounded.
#[derive(Debug)]
pub(super) struct Queries {
    limit: usize,
    asked: BTreeMap<(Vni, Address), u32>,
}

impl Queries {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, asked: BTreeMap::new() }
    }

    /// Whether the question is asked already.
    pub(super) fn is_asked(&self, vn: Vni, address: Address) -> bool {
        self.asked.contains_key(&(vn, address))
    }

    /// Enters a question, under the number of its transaction, where [`Queries::is_full`] says that there is room.
    pub(super) fn enter(&mut self, vn: Vni, address: Address, transaction: u32) {
        self.asked.insert((vn, address), transaction);
    }

    pub(super) fn is_full(&self) -> bool {
        self.asked.len() >= self.limit
    }

    /// Whether this answers a question, which then is none any more.
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
