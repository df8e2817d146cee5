//! The changed rows of the forwarder's table, the numbered orders about them, and the orders in force.
//!
//! The other rooms mark the rows that they changed in [`Orders`]. The machine gives the orders to the owner and takes the
//! forwarder's answers. A row that changes again before its order leaves keeps its place: the oldest order carries the newest
//! content. So one comparison shows that every change until now is in force.

use crate::table::VapId;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use nvo3_nva_proto::TsiKey;
use nvo3_wire::Vni;

/// A row of the forwarder's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    /// The row of a port.
    Port(VapId),
    /// The row of a VN's replication list.
    Members(Vni),
    /// The row of a TSI.
    Tsi(TsiKey),
}

#[derive(Clone, Copy, Debug)]
struct Order {
    number: u64,
    stamp: u64,
    row: Row,
}

/// The orders that are due, and the orders that the forwarder has not answered, bounded.
#[derive(Debug)]
pub(super) struct Orders {
    limit: usize,
    last_stamp: u64,
    last_number: u64,
    dirty: BTreeMap<u64, Row>,
    stamps: BTreeMap<Row, u64>,
    handed_out: VecDeque<Order>,
    /// Per row: the number of orders in `handed_out` about it.
    pending: BTreeMap<Row, u32>,
    /// The rows whose last order was refused: the forwarder does not have their content. At most `limit`.
    refused: BTreeSet<Row>,
    /// The rows that were marked since [`Orders::begin_message`].
    marked: Option<Vec<Row>>,
}

impl Orders {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            last_stamp: 0,
            last_number: 0,
            dirty: BTreeMap::new(),
            stamps: BTreeMap::new(),
            handed_out: VecDeque::new(),
            pending: BTreeMap::new(),
            refused: BTreeSet::new(),
            marked: None,
        }
    }

    /// Notes the rows that are marked from now on, until [`Orders::end_message`].
    pub(super) fn begin_message(&mut self) {
        self.marked = Some(Vec::new());
    }

    /// The rows that were marked since [`Orders::begin_message`].
    pub(super) fn end_message(&mut self) -> Vec<Row> {
        self.marked.take().unwrap_or_default()
    }

    /// Marks a changed row: an order about it is due.
    pub(super) fn mark(&mut self, row: Row) {
        self.refused.remove(&row);
        if let Some(marked) = &mut self.marked {
            marked.push(row);
        }
        if !self.stamps.contains_key(&row) {
            self.last_stamp += 1;
            self.dirty.insert(self.last_stamp, row);
            self.stamps.insert(row, self.last_stamp);
        }
    }

    /// The number of orders that can leave now.
    pub(super) fn due(&self) -> usize {
        if self.handed_out.len() < self.limit { self.dirty.len() } else { 0 }
    }

    /// The number of orders that the forwarder has not answered.
    pub(super) fn unanswered(&self) -> usize {
        self.handed_out.len()
    }

    /// The number and the row of the next order.
    pub(super) fn hand_out(&mut self) -> Option<(u64, Row)> {
        if self.handed_out.len() >= self.limit {
            return None;
        }
        let (stamp, row) = self.dirty.pop_first()?;
        self.stamps.remove(&row);
        self.last_number += 1;
        self.handed_out.push_back(Order { number: self.last_number, stamp, row });
        *self.pending.entry(row).or_default() += 1;
        Some((self.last_number, row))
    }

    /// Notes that every order up to `number` is in force. Gives their rows.
    pub(super) fn applied(&mut self, number: u64) -> Vec<Row> {
        let mut rows = Vec::new();
        while self.handed_out.front().is_some_and(|order| order.number <= number) {
            if let Some(order) = self.handed_out.pop_front() {
                self.settle(order.row);
                self.refused.remove(&order.row);
                rows.push(order.row);
            }
        }
        rows
    }

    /// Removes a refused order. Gives its row.
    pub(super) fn refused(&mut self, number: u64) -> Option<Row> {
        let at = self.handed_out.iter().position(|order| order.number == number)?;
        let order = self.handed_out.remove(at)?;
        self.settle(order.row);
        if !self.is_pending(order.row) {
            if self.refused.len() >= self.limit {
                self.refused.pop_first();
            }
            self.refused.insert(order.row);
        }
        Some(order.row)
    }

    /// True if the forwarder refused the last order about the row.
    pub(super) fn is_refused(&self, row: Row) -> bool {
        self.refused.contains(&row)
    }

    /// Orders a row again whose last order was refused.
    pub(super) fn order_again(&mut self, row: Row) {
        if self.is_refused(row) {
            self.mark(row);
        }
    }

    /// True if every change up to this one is in force, and none of these rows was refused.
    pub(super) fn carries(&self, change: u64, rows: &[Row]) -> bool {
        change <= self.in_force() && !rows.iter().any(|row| self.is_refused(*row))
    }

    fn settle(&mut self, row: Row) {
        if let Some(count) = self.pending.get_mut(&row) {
            *count -= 1;
            if *count == 0 {
                self.pending.remove(&row);
            }
        }
    }

    /// True while a change of the row is not in force.
    pub(super) fn is_pending(&self, row: Row) -> bool {
        self.stamps.contains_key(&row) || self.pending.contains_key(&row)
    }

    /// The newest change that is not in force; 0 if all are in force.
    pub(super) fn newest_waiting(&self) -> u64 {
        let dirty = self.dirty.last_key_value().map_or(0, |(stamp, _)| *stamp);
        self.handed_out.back().map_or(0, |order| order.stamp).max(dirty)
    }

    /// The number up to which every change is in force.
    pub(super) fn in_force(&self) -> u64 {
        let dirty = self.dirty.first_key_value().map(|(stamp, _)| *stamp);
        let handed_out = self.handed_out.front().map(|order| order.stamp);
        [dirty, handed_out].into_iter().flatten().min().map_or(self.last_stamp, |oldest| oldest - 1)
    }

    /// Forgets every order: the forwarder lost its table. What waits for a change that was not answered goes on waiting, so the row
    /// keeps the place of its oldest order.
    pub(super) fn reset(&mut self) {
        for Order { stamp, row, .. } in core::mem::take(&mut self.handed_out).into_iter().rev() {
            if let Some(newer) = self.stamps.insert(row, stamp) {
                self.dirty.remove(&newer);
            }
            self.dirty.insert(stamp, row);
        }
        self.pending.clear();
        self.refused.clear();
    }

    /// The number of changes that the forwarder has not answered, polled or not.
    pub(super) fn waiting(&self) -> usize {
        self.dirty.len() + self.handed_out.len()
    }

    /// The number of all things that the room keeps, for a test of bounds.
    pub(super) fn len(&self) -> usize {
        self.waiting() + self.refused.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(n: u32) -> Row {
        Row::Port(VapId(n))
    }

    #[test]
    fn a_row_that_changes_again_keeps_its_place() {
        let mut orders = Orders::new(8);
        orders.mark(port(1));
        orders.mark(port(2));
        orders.mark(port(1));

        assert_eq!(orders.hand_out(), Some((1, port(1))));
        assert_eq!(orders.hand_out(), Some((2, port(2))));
        assert_eq!(orders.hand_out(), None);
    }

    #[test]
    fn nothing_is_in_force_before_all_that_was_changed_earlier() {
        let mut orders = Orders::new(8);
        orders.mark(port(1));
        orders.mark(port(2));
        let upto = orders.newest_waiting();
        orders.hand_out();
        assert_eq!(orders.applied(1), [port(1)]);
        assert!(orders.in_force() < upto);

        orders.hand_out();
        assert_eq!(orders.applied(2), [port(2)]);
        assert_eq!(orders.in_force(), upto);
        assert!(!orders.is_pending(port(2)));
    }

    #[test]
    fn what_was_changed_while_handed_out_is_pending_still() {
        let mut orders = Orders::new(8);
        orders.mark(port(1));
        orders.hand_out();
        orders.mark(port(1));

        orders.applied(1);

        assert!(orders.is_pending(port(1)));
    }

    #[test]
    fn a_forwarder_that_never_answers_gets_no_more_than_the_limit() {
        let mut orders = Orders::new(2);
        for n in 0..1_000 {
            orders.mark(port(n % 4));
            orders.hand_out();
        }

        assert!(orders.len() <= 2 + 4);
        assert_eq!(orders.due(), 0);
    }

    #[test]
    fn a_reset_puts_nothing_in_force_that_was_not_answered() {
        let mut orders = Orders::new(8);
        orders.mark(port(1));
        orders.mark(port(2));
        let upto = orders.newest_waiting();
        while orders.hand_out().is_some() {}
        orders.mark(port(1));

        orders.reset();

        assert_eq!(orders.in_force(), 0);
        let handed_out: Vec<_> = core::iter::from_fn(|| orders.hand_out()).collect();
        assert_eq!(handed_out, [(3, port(1)), (4, port(2))]);
        orders.applied(4);
        assert_eq!(orders.in_force(), orders.last_stamp);
        assert!(orders.carries(upto, &[port(1), port(2)]));
    }

    #[test]
    fn a_refused_row_carries_nothing_until_it_is_ordered_again_and_applied() {
        let mut orders = Orders::new(8);
        orders.mark(port(1));
        let upto = orders.newest_waiting();
        orders.hand_out();

        orders.refused(1);
        assert!(orders.carries(upto, &[port(2)]) && !orders.carries(upto, &[port(1)]));
        orders.order_again(port(1));
        assert!(!orders.carries(orders.newest_waiting(), &[port(1)]));
        orders.hand_out();
        orders.applied(2);

        assert!(orders.carries(upto, &[port(1)]));
    }

    #[test]
    fn a_refused_order_whose_row_has_changed_again_leaves_the_row_pending() {
        let mut orders = Orders::new(8);
        orders.mark(port(1));
        orders.hand_out();
        orders.mark(port(1));

        orders.refused(1);

        assert!(orders.is_pending(port(1)) && !orders.is_refused(port(1)));
    }

    #[test]
    fn a_reset_orders_again_what_was_not_answered() {
        let mut orders = Orders::new(8);
        orders.mark(port(1));
        orders.hand_out();

        orders.reset();

        assert_eq!(orders.hand_out(), Some((2, port(1))));
        assert_eq!(orders.refused(2), Some(port(1)));
        assert!(!orders.is_pending(port(1)));
    }
}
