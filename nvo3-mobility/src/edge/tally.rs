//! The cost of a move at an edge, for the NVA's report of the move (VMM-5-16).

use crate::forwarder::{Forwarder, TsiCounters};
use crate::nve::rules::State;
use alloc::collections::BTreeMap;
use nvo3_nva_proto::{Instant, MoveId, Report, TsiKey};

/// The cost of each move in hand at this edge, computed from the forwarder's counters.
///
/// The owner calls [`MoveTally::note`] for each [`Event::State`](crate::nve::Event::State) and gives each report that it returns to
/// the edge as [`Input::Report`](crate::nve::Input::Report). A move has one report, when the last of its TSIs has ended its part.
#[derive(Debug, Default)]
pub struct MoveTally {
    parts: BTreeMap<TsiKey, Part>,
    moves: BTreeMap<MoveId, Sum>,
}

/// The cost of a move so far.
#[derive(Debug, Default)]
struct Sum {
    /// The number of TSIs that have not ended their part.
    open: u32,
    report: Report,
}

/// One TSI's part of a move.
#[derive(Debug)]
struct Part {
    move_id: MoveId,
    /// The start of the pause: *Suspend* at the old NVE, *Ready* at the new NVE.
    since: Instant,
    before: TsiCounters,
}

impl Part {
    /// Adds the cost of this part to the report.
    fn add_to(&self, report: &mut Report, now: Instant, counters: &TsiCounters) {
        let grown = |now: u64, before: u64| now.saturating_sub(before);
        report.duration = report.duration.max(now - self.since);
        report.held_frames += grown(counters.held_frames, self.before.held_frames);
        report.tunnelled_frames += grown(counters.tunnelled_frames, self.before.tunnelled_frames);
        report.dropped_frames += grown(counters.dropped_frames, self.before.dropped_frames);
        report.stale_senders += grown(counters.stale_senders, self.before.stale_senders);
    }
}

impl MoveTally {
    /// Notes that the state of a TSI changed `from` one state `to` another. Returns the report when the change ends this edge's
    /// part of a move.
    pub fn note(
        &mut self,
        now: Instant,
        key: TsiKey,
        (from, to): (State, State),
        forwarder: &Forwarder,
    ) -> Option<(MoveId, Report)> {
        let counters = || forwarder.tsi_counters(&key).copied().unwrap_or_default();
        match (from.plan(), to.plan()) {
            (None, Some(plan)) => {
                self.moves.entry(plan.id).or_default().open += 1;
                let part = Part { move_id: plan.id, since: now, before: counters() };
                if let Some(unheard) = self.parts.insert(key, part) {
                    self.close(unheard.move_id);
                }
                None
            }
            (Some(_), None) => {
                let part = self.parts.remove(&key)?;
                part.add_to(&mut self.moves.get_mut(&part.move_id)?.report, now, &counters());
                Some((part.move_id, self.close(part.move_id)?))
            }
            (_, Some(plan)) => {
                let part = self.parts.get_mut(&key)?;
                if matches!(to, State::Suspending(_) | State::Prepared(_)) {
                    part.since = now;
                }
                let before = core::mem::replace(&mut part.move_id, plan.id);
                if before != plan.id {
                    self.moves.entry(plan.id).or_default().open += 1;
                    // The later move reports the cost of the earlier one.
                    self.close(before);
                }
                None
            }
            (None, None) => None,
        }
    }

    /// Removes one TSI from a move. Returns the move's report after the last TSI.
    fn close(&mut self, id: MoveId) -> Option<Report> {
        let sum = self.moves.get_mut(&id)?;
        sum.open -= 1;
        if sum.open > 0 {
            return None;
        }
        self.moves.remove(&id).map(|sum| sum.report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarder::ForwarderConfig;
    use crate::nve::rules::Plan;
    use nvo3_nva_proto::{Locators, Micros, NveId, Place, Version};
    use nvo3_wire::{Mac, Vni};

    const LOCATORS: Locators = Locators::V4(core::net::Ipv4Addr::new(198, 51, 100, 1));

    fn plan(id: u64) -> Plan {
        Plan { id: MoveId(id), version: Version::default(), peer: Place { nve: NveId(2), locators: LOCATORS } }
    }

    const fn key(n: u8) -> TsiKey {
        TsiKey { vn: Vni::MAX, mac: Mac([2, 0, 0, 0, 0, n]) }
    }

    /// Checks VMM-5-16.
    #[test]
    fn a_move_of_several_tsis_has_one_report_when_the_last_has_ended() {
        let (mut reports, forwarder) =
            (MoveTally::default(), Forwarder::new(ForwarderConfig::new(LOCATORS), 1).unwrap());
        let mut note = |now, n, states| reports.note(Instant(now), key(n), states, &forwarder);
        let (here, leaving) = (State::Here, State::Leaving(plan(1)));
        let (suspending, gone) = (State::Suspending(plan(1)), State::Forwarding { to: plan(1).peer });

        for n in [1, 2] {
            assert_eq!(note(10, n, (here, leaving)), None);
            assert_eq!(note(20, n, (leaving, suspending)), None);
        }
        assert_eq!(note(50, 1, (suspending, gone)), None);
        let (id, report) = note(60, 2, (suspending, gone)).unwrap();

        assert_eq!((id, report.duration), (MoveId(1), Micros(40)));
        assert!(reports.parts.is_empty() && reports.moves.is_empty());
    }

    #[test]
    fn a_move_that_another_takes_the_place_of_leaves_nothing() {
        let (mut reports, forwarder) =
            (MoveTally::default(), Forwarder::new(ForwarderConfig::new(LOCATORS), 1).unwrap());
        let mut note = |states| reports.note(Instant(1), key(1), states, &forwarder);

        note((State::Here, State::Leaving(plan(1))));
        note((State::Leaving(plan(1)), State::Leaving(plan(2))));
        let ended = note((State::Leaving(plan(2)), State::Here)).map(|(id, _)| id);

        assert_eq!(ended, Some(MoveId(2)));
        assert!(reports.moves.is_empty());
    }
}
