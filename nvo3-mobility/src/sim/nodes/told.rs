//! What an edge's forwarder was told of each TSI, and what a frame that it dropped was lost for.

use crate::forwarder::{DropReason, Dropped, Forwarder};
use crate::sim::oracle::Loss;
use crate::table::{Change, Entry, Route};
use alloc::collections::BTreeMap;
use nvo3_nva_proto::{HoldLimits, Instant, NveId, TsiKey};

/// The last order about a TSI that was not refused.
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
    /// What is held of a TSI without an entry.
    asked: HoldLimits,
    /// Whose forwarder it is.
    here: NveId,
}

impl Orders {
    /// None yet.
    pub(super) const fn new(here: NveId, asked: HoldLimits) -> Self {
        Self { all: BTreeMap::new(), asked, here }
    }

    /// The forwarder took a change.
    pub(super) fn learn(&mut self, change: &Change) {
        if let Change::Tsi { key, entry, route, limits, .. } = change {
            let limits = if entry.is_some() { *limits } else { self.asked };
            self.all.insert(*key, Order { entry: *entry, route: *route, limits });
        }
    }

    /// The forwarder is gone.
    pub(super) fn clear(&mut self) {
        self.all.clear();
    }

    /// Whether it was told that a TSI is here or in a move.
    pub(super) fn has_entry(&self, key: &TsiKey) -> bool {
        self.entry(key).is_some()
    }

    /// Whether it delivers to a TSI.
    pub(super) fn delivers(&self, key: &TsiKey) -> bool {
        self.entry(key).is_some_and(Entry::delivers)
    }

    fn entry(&self, key: &TsiKey) -> Option<&Entry> {
        self.all.get(key)?.entry.as_ref()
    }

    /// A TSI of which it holds more than it may: how many frames, and how many it may.
    pub(super) fn overfull(&self, forwarder: &Forwarder) -> Option<(TsiKey, u32, u32)> {
        self.all.iter().find_map(|(key, order)| {
            let (held, most) = (forwarder.held(key), order.limits);
            (held.frames > most.frames || held.bytes > most.bytes).then_some((*key, held.frames, most.frames))
        })
    }

    /// Why a frame that it dropped will not arrive. Over the hold limit while the edge did not know where the TSI is,
    /// or only that it should be here, is a class of its own. Else the limit excuses what it drops only where it is
    /// reached.
    pub(super) fn loss(&self, now: Instant, dropped: &Dropped, forwarder: &Forwarder) -> Loss {
        let order = dropped.tsi.and_then(|key| self.all.get(&key));
        let asked = match order {
            Some(Order { entry: Some(_), .. } | Order { route: Some(Route::Nowhere), .. }) => false,
            Some(Order { route: Some(Route::At(place)), .. }) => place.nve == self.here,
            Some(Order { route: None, .. }) | None => true,
        };
        let held = dropped.tsi.map(|key| forwarder.held(&key)).unwrap_or_default();
        let reached = order.is_some_and(|order| match dropped.reason {
            DropReason::HoldOverflow => {
                let one = held.bytes.checked_div(held.frames).unwrap_or(0);
                held.frames >= order.limits.frames || held.bytes.saturating_add(2 * one) > order.limits.bytes
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
