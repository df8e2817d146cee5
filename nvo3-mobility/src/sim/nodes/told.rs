//! The orders that an edge's forwarder has for each TSI, and the reason for the loss of each dropped frame.

use crate::forwarder::{DropReason, Dropped, Forwarder};
use crate::sim::oracle::Loss;
use crate::table::{Change, Entry, Route};
use alloc::collections::BTreeMap;
use nvo3_nva_proto::{HoldLimits, Instant, NveId, TsiKey};

/// The last order about a TSI that the forwarder took.
#[derive(Clone, Copy, Debug)]
struct Order {
    entry: Option<Entry>,
    route: Option<Route>,
    limits: HoldLimits,
}

/// The orders of a forwarder.
#[derive(Debug)]
pub(super) struct Orders {
    all: BTreeMap<TsiKey, Order>,
    /// The limits of a TSI without an entry.
    asked: HoldLimits,
    /// The edge of the forwarder.
    here: NveId,
}

impl Orders {
    /// Makes an empty set of orders.
    pub(super) const fn new(here: NveId, asked: HoldLimits) -> Self {
        Self { all: BTreeMap::new(), asked, here }
    }

    /// Notes a change that the forwarder took.
    pub(super) fn learn(&mut self, change: &Change) {
        if let Change::Tsi { key, entry, route, limits, .. } = change {
            let limits = if entry.is_some() { *limits } else { self.asked };
            self.all.insert(*key, Order { entry: *entry, route: *route, limits });
        }
    }

    /// Forgets every order: the forwarder is gone.
    pub(super) fn clear(&mut self) {
        self.all.clear();
    }

    /// True if an order says that a TSI is here or in a move.
    pub(super) fn has_entry(&self, key: &TsiKey) -> bool {
        self.entry(key).is_some()
    }

    /// True if the order for a TSI delivers.
    pub(super) fn delivers(&self, key: &TsiKey) -> bool {
        self.entry(key).is_some_and(Entry::delivers)
    }

    fn entry(&self, key: &TsiKey) -> Option<&Entry> {
        self.all.get(key)?.entry.as_ref()
    }

    /// A TSI with more held frames than its limit: the number of frames and the limit.
    pub(super) fn overfull(&self, forwarder: &Forwarder) -> Option<(TsiKey, u32, u32)> {
        self.all.iter().find_map(|(key, order)| {
            let (held, most) = (forwarder.held(key), order.limits);
            (held.frames > most.frames || held.bytes > most.bytes).then_some((*key, held.frames, most.frames))
        })
    }

    /// The reason why a dropped frame will not arrive. A frame over the hold limit has a reason of its own if the edge did not know the
    /// place of the TSI, or only knew that it should be here. Otherwise the limit excuses a drop only if it was reached.
    pub(super) fn loss(&self, now: Instant, dropped: &Dropped, forwarder: &Forwarder) -> Loss {
        let order = dropped.tsi.and_then(|key| self.all.get(&key));
        let asked = match order {
            Some(Order { entry: Some(_), .. }) => false,
            Some(Order { route: Some(route), .. }) => route.place().is_some_and(|place| place.nve == self.here),
            Some(Order { route: None, .. }) | None => true,
        };
        let held = dropped.tsi.map(|key| forwarder.held(&key)).unwrap_or_default();
        let reached = order.is_some_and(|order| match dropped.reason {
            DropReason::HoldOverflow => {
                let mean = held.bytes.checked_div(held.frames).unwrap_or(0);
                held.frames >= order.limits.frames || held.bytes.saturating_add(2 * mean) > order.limits.bytes
            }
            DropReason::HoldAge => now - dropped.arrived >= order.limits.age,
            _ => false,
        });
        match dropped.reason {
            DropReason::HoldOverflow | DropReason::HoldAge if asked => Loss::AskedOverflow,
            _ if reached => Loss::OverLimit,
            reason => Loss::Dropped(reason),
        }
    }
}
