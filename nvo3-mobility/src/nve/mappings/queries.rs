//! The open queries to the NVA.

use crate::table::VapId;
use alloc::collections::BTreeMap;
use nvo3_nva_proto::Address;
use nvo3_wire::Vni;

/// The addresses that the NVA was queried for and has not answered, bounded. Each has one query (VMM-4.2-10), with the transaction
/// number that its answer carries (DIR-06). Each port has a share of them.
#[derive(Debug)]
pub(super) struct Queries {
    limit: usize,
    share: usize,
    asked: BTreeMap<(Vni, Address), Query>,
    /// The open queries of each port.
    shares: BTreeMap<VapId, usize>,
}

#[derive(Clone, Copy, Debug)]
struct Query {
    transaction: u32,
    /// The port that caused the query, if one did.
    vap: Option<VapId>,
}

/// The need and the room for a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// The NVA must be queried.
    Free,
    /// The NVA has been queried.
    Asked,
    /// There is no room for another query.
    Full,
    /// The port's share of the queries is used up.
    NoShare(VapId),
}

impl Queries {
    pub(super) const fn new(limit: usize, share: usize) -> Self {
        Self { limit, share, asked: BTreeMap::new(), shares: BTreeMap::new() }
    }

    /// The need and the room for a query that this port causes, or no port.
    pub(super) fn room(&self, vn: Vni, address: Address, vap: Option<VapId>) -> Room {
        let spent = vap.filter(|vap| self.shares.get(vap).is_some_and(|open| *open >= self.share));
        match spent {
            _ if self.asked.contains_key(&(vn, address)) => Room::Asked,
            Some(vap) => Room::NoShare(vap),
            None if self.asked.len() >= self.limit => Room::Full,
            None => Room::Free,
        }
    }

    /// The transaction number of an open query.
    pub(super) fn transaction(&self, vn: Vni, address: Address) -> Option<u32> {
        self.asked.get(&(vn, address)).map(|query| query.transaction)
    }

    /// Enters a query under its transaction number. The caller has checked [`Queries::room`].
    pub(super) fn enter(&mut self, vn: Vni, address: Address, vap: Option<VapId>, transaction: u32) {
        if let Some(vap) = vap {
            *self.shares.entry(vap).or_default() += 1;
        }
        self.asked.insert((vn, address), Query { transaction, vap });
    }

    /// True if this answers an open query, which is closed then.
    pub(super) fn answer(&mut self, vn: Vni, address: Address, transaction: u32) -> bool {
        let asked = self.asked.get(&(vn, address)).filter(|query| query.transaction == transaction);
        let Some(Query { vap, .. }) = asked.copied() else { return false };
        self.asked.remove(&(vn, address));
        if let Some(vap) = vap
            && let Some(open) = self.shares.get_mut(&vap)
        {
            *open -= 1;
            if *open == 0 {
                self.shares.remove(&vap);
            }
        }
        true
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Vni, Address, u32)> {
        self.asked.iter().map(|((vn, address), query)| (*vn, *address, query.transaction))
    }

    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_wire::Mac;

    const VN: Vni = Vni::MAX;
    const PORT: Option<VapId> = Some(VapId(1));

    const fn address(n: u8) -> Address {
        Address::Mac(Mac([2, 0, 0, 0, 0, n]))
    }

    /// Checks I12.
    #[test]
    fn a_port_has_a_share_and_gets_it_back_with_each_answer() {
        let mut queries = Queries::new(4, 2);
        let room = |queries: &Queries, n, vap| queries.room(VN, address(n), vap);
        (1..=2).for_each(|n| queries.enter(VN, address(n), PORT, n.into()));

        assert_eq!(room(&queries, 3, PORT), Room::NoShare(VapId(1)));
        assert_eq!(room(&queries, 1, PORT), Room::Asked);
        assert_eq!([room(&queries, 3, Some(VapId(2))), room(&queries, 3, None)], [Room::Free; 2]);

        assert!(!queries.answer(VN, address(1), 7), "another transaction");
        assert_eq!(room(&queries, 3, PORT), Room::NoShare(VapId(1)));
        assert!(queries.answer(VN, address(1), 1));
        assert_eq!(room(&queries, 3, PORT), Room::Free);
        assert!(queries.answer(VN, address(2), 2));
        assert!(queries.shares.is_empty());
    }

    #[test]
    fn all_together_have_a_limit() {
        let mut queries = Queries::new(2, 2);
        queries.enter(VN, address(1), PORT, 1);
        queries.enter(VN, address(2), None, 2);

        assert_eq!([PORT, None].map(|vap| queries.room(VN, address(3), vap)), [Room::Full; 2]);
        assert_eq!(queries.room(VN, address(2), PORT), Room::Asked);
    }
}
