//! The fate of every numbered datagram (I2).

use super::loss::Loss;
use crate::sim::frame::Numbered;
use crate::sim::net::EdgeNo;
use crate::sim::scenario::EDGES;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The place or the end of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The datagram is between nodes.
    UnderWay,
    /// The forwarder of this edge keeps it.
    Kept(EdgeNo),
    /// Its receiver has it.
    Delivered,
    /// It is lost, for this reason.
    Lost(Loss),
}

/// The datagrams of a flow, and the newest that its receiver has.
#[derive(Clone, Debug, Default)]
struct Flow {
    fates: Vec<(Fate, Visits)>,
    newest: Option<u32>,
}

/// The number of times that a datagram came to each edge by tunnel.
pub(super) type Visits = [u8; EDGES];

/// The place of a delivery in its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// The first delivery of the datagram; no newer datagram of the flow came before it.
    InOrder,
    /// The first delivery of the datagram, after a newer datagram of the flow.
    Reordered,
    /// The datagram was delivered before.
    Duplicate,
    /// Nobody sent the datagram.
    Unknown,
}

/// The book of all flows.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    flows: Vec<Flow>,
    open: u64,
    sent: u64,
    delivered: u64,
    duplicated: u64,
    reordered: u64,
}

impl Ledger {
    pub(super) fn new(flows: usize) -> Self {
        Self { flows: alloc::vec![Flow::default(); flows], ..Self::default() }
    }

    /// The numbers of datagrams sent, delivered, delivered again, and delivered after a newer one.
    pub(super) const fn counts(&self) -> [u64; 4] {
        [self.sent, self.delivered, self.duplicated, self.reordered]
    }

    /// Numbers the next datagram of a flow.
    pub(super) fn send(&mut self, flow: u32) -> Numbered {
        let Some(book) = self.flows.get_mut(flow as usize) else { return Numbered { flow, number: u32::MAX } };
        let number = u32::try_from(book.fates.len()).unwrap_or(u32::MAX);
        book.fates.push((Fate::UnderWay, [0; EDGES]));
        (self.sent, self.open) = (self.sent + 1, self.open + 1);
        Numbered { flow, number }
    }

    /// The number of datagrams that a flow has sent.
    pub(super) fn sent_by(&self, flow: u32) -> usize {
        self.flows.get(flow as usize).map_or(0, |flow| flow.fates.len())
    }

    fn at(&mut self, id: Numbered) -> Option<&mut (Fate, Visits)> {
        self.flows.get_mut(id.flow as usize)?.fates.get_mut(id.number as usize)
    }

    /// Notes that a datagram is now under way, or kept by an edge.
    pub(super) fn moves(&mut self, id: Numbered, to: Fate) {
        if let Some((fate @ (Fate::UnderWay | Fate::Kept(_)), _)) = self.at(id) {
            *fate = to;
        }
    }

    /// Notes the loss of a datagram.
    pub(super) fn lose(&mut self, id: Numbered, loss: Loss) {
        if let Some((fate @ (Fate::UnderWay | Fate::Kept(_)), _)) = self.at(id) {
            *fate = Fate::Lost(loss);
            self.open -= 1;
        }
    }

    /// Corrects the reason of a loss: the edge's drop had another cause.
    pub(super) fn lost_for(&mut self, id: Numbered, loss: Loss) {
        if let Some((fate @ Fate::Lost(Loss::Dropped(_)), _)) = self.at(id) {
            *fate = Fate::Lost(loss);
        }
    }

    /// Notes the death of an edge: the datagrams that it kept are lost.
    pub(super) fn edge_died(&mut self, edge: EdgeNo) {
        let mut gone = 0;
        for (fate, _) in self.flows.iter_mut().flat_map(|flow| flow.fates.iter_mut()) {
            if *fate == Fate::Kept(edge) {
                *fate = Fate::Lost(Loss::InDeadNode);
                gone += 1;
            }
        }
        self.open -= gone;
    }

    /// Counts that a datagram came to an edge by tunnel; the number of times so far.
    pub(super) fn visit(&mut self, id: Numbered, edge: EdgeNo) -> u8 {
        match self.at(id).and_then(|(_, visits)| visits.get_mut(edge)) {
            Some(visits) => {
                *visits = visits.saturating_add(1);
                *visits
            }
            None => 0,
        }
    }

    /// Notes that the receiver has a datagram.
    pub(super) fn deliver(&mut self, id: Numbered) -> Delivery {
        let Some(book) = self.flows.get_mut(id.flow as usize) else { return Delivery::Unknown };
        let Some((fate, _)) = book.fates.get_mut(id.number as usize) else { return Delivery::Unknown };
        match *fate {
            Fate::Delivered => {
                self.duplicated += 1;
                return Delivery::Duplicate;
            }
            Fate::UnderWay | Fate::Kept(_) => self.open -= 1,
            Fate::Lost(_) => {}
        }
        *fate = Fate::Delivered;
        self.delivered += 1;
        if book.newest.is_some_and(|newest| newest > id.number) {
            self.reordered += 1;
            return Delivery::Reordered;
        }
        book.newest = Some(id.number);
        Delivery::InOrder
    }

    /// The number of datagrams that are under way or kept.
    pub(super) const fn open(&self) -> u64 {
        self.open
    }

    /// The number of lost datagrams, by reason.
    pub(super) fn losses(&self) -> BTreeMap<Loss, u64> {
        let mut losses = BTreeMap::new();
        for (fate, _) in self.flows.iter().flat_map(|flow| flow.fates.iter()) {
            if let Fate::Lost(loss) = fate {
                *losses.entry(*loss).or_insert(0) += 1;
            }
        }
        losses
    }

    /// The datagrams that neither arrived nor were lost.
    pub(super) fn unexplained(&self) -> Vec<(Numbered, Fate)> {
        let mut open = Vec::new();
        for (flow, book) in (0..).zip(&self.flows) {
            for (number, (fate, _)) in (0..).zip(&book.fates) {
                if matches!(fate, Fate::UnderWay | Fate::Kept(_)) {
                    open.push((Numbered { flow, number }, *fate));
                }
            }
        }
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarder::DropReason;

    #[test]
    fn every_datagram_has_one_fate() {
        let mut ledger = Ledger::new(1);
        let ids: Vec<_> = (0..5).map(|_| ledger.send(0)).collect();

        assert_eq!(ledger.deliver(ids[1]), Delivery::InOrder);
        assert_eq!(ledger.deliver(ids[0]), Delivery::Reordered);
        assert_eq!(ledger.deliver(ids[0]), Delivery::Duplicate);
        ledger.lose(ids[2], Loss::Dropped(DropReason::Loop));
        ledger.moves(ids[3], Fate::Kept(1));
        ledger.edge_died(1);

        assert_eq!(ledger.open(), 1);
        assert_eq!(ledger.unexplained(), [(ids[4], Fate::UnderWay)]);
        assert_eq!(ledger.losses(), [(Loss::Dropped(DropReason::Loop), 1), (Loss::InDeadNode, 1)].into());
        assert_eq!(ledger.counts(), [5, 2, 1, 1]);
    }
}
