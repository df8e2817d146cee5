//! What a move cost at an edge, for the NVA's report (VMM-5-16).

use crate::forwarder::{Forwarder, TsiCounters};
use crate::nve::rules::State;
use alloc::collections::BTreeMap;
use nvo3_nva_proto::{Instant, MoveId, Report, TsiKey};

/// What the forwarder had counted when each TSI's move in hand began.
///
/// An owner hands it each [`Event::State`](crate::nve::Event::State), and tells the edge the report that comes of it as
/// [`Input::Report`](crate::nve::Input::Report).
#[derive(Debug, Default)]
pub struct Reports {
    begun: BTreeMap<TsiKey, (Instant, TsiCounters)>,
}

impl Reports {
    /// A TSI's state changed, from the first to the second; the report if that ended its part of a move.
    pub fn note(
        &mut self,
        now: Instant,
        key: TsiKey,
        (from, to): (State, State),
        forwarder: &Forwarder,
    ) -> Option<(MoveId, Report)> {
        let counters = forwarder.tsi_counters(&key).copied().unwrap_or_default();
        match (from.plan(), to.plan()) {
            (None, Some(_)) => {
                self.begun.insert(key, (now, counters));
                None
            }
            (Some(plan), None) => {
                let (since, before) = self.begun.remove(&key)?;
                let report = Report {
                    duration_us: (now - since).0,
                    held_frames: counters.held_frames.saturating_sub(before.held_frames),
                    tunnelled_frames: counters.tunnelled_frames.saturating_sub(before.tunnelled_frames),
                    dropped_frames: counters.dropped_frames.saturating_sub(before.dropped_frames),
                    stale_senders: counters.stale_senders.saturating_sub(before.stale_senders),
                };
                Some((plan.id, report))
            }
            _ => {
                // The pause began: at the old NVE with the suspend, at the new one when it was ready.
                if matches!(to, State::Suspending(_) | State::Prepared(_))
                    && let Some((since, _)) = self.begun.get_mut(&key)
                {
                    *since = now;
                }
                None
            }
        }
    }
}
