//! The NVEs that do not use the new mapping of a move yet, and the reports of its parties.

use alloc::collections::{BTreeMap, BTreeSet};
use nvo3_nva_proto::{Instant, Micros, MoveId, NveId, Report, TsiKey};

/// The time for which the NVA waits for the parties' reports after a move has converged. The old NVE keeps its forward entry
/// until *Done*.
const REPORT_WAIT: Micros = Micros::from_millis(500);

#[derive(Debug, Default)]
struct Following {
    /// The times of the plan and of the commit.
    committed: Option<(Instant, Instant)>,
    /// The NVEs that got the new mapping before the commit.
    early: BTreeSet<(TsiKey, NveId)>,
    /// The NVEs that got the new mapping and have not acknowledged it.
    awaited: BTreeSet<NveId>,
    /// The NVEs that got the new mapping and whose forwarders refused it.
    refused: BTreeSet<NveId>,
    /// Once every interested NVE uses the new mapping: the end of the wait for the parties' reports.
    done_at: Option<Instant>,
    /// The reports of the parties.
    reports: BTreeMap<NveId, Report>,
}

/// The moves whose new mappings were pushed, until every NVE that got them uses them.
#[derive(Debug, Default)]
pub(super) struct Convergence {
    moves: BTreeMap<MoveId, Following>,
    /// The converged moves, by the time at which they are done at the latest.
    timers: BTreeSet<(Instant, MoveId)>,
}

impl Convergence {
    /// Notes that an NVE got the new mapping of a TSI before the commit.
    pub(super) fn note_early(&mut self, id: MoveId, key: TsiKey, nve: NveId) {
        let following = self.moves.entry(id).or_default();
        following.early.insert((key, nve));
        following.awaited.insert(nve);
    }

    /// Notes that a move is committed.
    pub(super) fn commit(&mut self, id: MoveId, planned_at: Instant, now: Instant) {
        self.moves.entry(id).or_default().committed = Some((planned_at, now));
    }

    /// True if an NVE got the new mapping of this TSI before the commit.
    pub(super) fn is_early(&self, id: MoveId, key: TsiKey, nve: NveId) -> bool {
        self.moves.get(&id).is_some_and(|following| following.early.contains(&(key, nve)))
    }

    /// Notes that an NVE got the new mapping with the commit.
    pub(super) fn note_pushed(&mut self, id: MoveId, nve: NveId) {
        if let Some(following) = self.moves.get_mut(&id) {
            following.awaited.insert(nve);
        }
    }

    /// Notes that an NVE lost its session, and maybe the early mapping: the NVA pushes it again with the commit.
    pub(super) fn forget_early(&mut self, nve: NveId) {
        for following in self.moves.values_mut().filter(|following| following.committed.is_none()) {
            following.early.retain(|(_, pushed)| *pushed != nve);
        }
    }

    /// Notes that an NVE uses the new mapping of a move, or is gone. True if the move waited for it.
    pub(super) fn note_follower(&mut self, id: MoveId, nve: NveId) -> bool {
        self.moves.get_mut(&id).is_some_and(|following| following.awaited.remove(&nve))
    }

    /// Notes that an NVE cannot use the new mapping of a move: the move never converges.
    pub(super) fn note_refused(&mut self, id: MoveId, nve: NveId) {
        if let Some(following) = self.moves.get_mut(&id) {
            following.awaited.remove(&nve);
            following.refused.insert(nve);
        }
    }

    /// The time of the commit, once every interested NVE uses the new mapping. It comes once. Then the wait for the reports begins.
    pub(super) fn take_converged(&mut self, id: MoveId, now: Instant) -> Option<Instant> {
        let following = self.moves.get_mut(&id)?;
        let (_, committed_at) =
            following.committed.filter(|_| following.awaited.is_empty() && following.refused.is_empty())?;
        if following.done_at.is_some() {
            return None;
        }
        let done_at = now + REPORT_WAIT;
        following.done_at = Some(done_at);
        self.timers.insert((done_at, id));
        Some(committed_at)
    }

    /// Notes the report of a party.
    pub(super) fn note_report(&mut self, id: MoveId, nve: NveId, report: Report) {
        if let Some(following) = self.moves.get_mut(&id) {
            following.reports.insert(nve, report);
        }
    }

    /// The total cost of a move, once it has converged and both parties have reported or had the time to. It comes once.
    pub(super) fn take_done(&mut self, id: MoveId, parties: [NveId; 2], now: Instant) -> Option<Report> {
        let following = self.moves.get(&id)?;
        let (done_at, (planned_at, _)) = (following.done_at?, following.committed?);
        let reported = parties.iter().all(|nve| following.reports.contains_key(nve));
        if !reported && now < done_at {
            return None;
        }
        // The NVA's own figure: from the plan until every interested NVE used the new mapping.
        let converged_at = Instant(done_at.0 - REPORT_WAIT.0);
        let mut done = Report { duration: converged_at - planned_at, ..Report::default() };
        for report in following.reports.values() {
            done.held_frames = done.held_frames.saturating_add(report.held_frames);
            done.tunnelled_frames = done.tunnelled_frames.saturating_add(report.tunnelled_frames);
            done.dropped_frames = done.dropped_frames.saturating_add(report.dropped_frames);
            done.stale_senders = done.stale_senders.saturating_add(report.stale_senders);
        }
        self.forget(id);
        Some(done)
    }

    /// The converged move that is done next, even without reports.
    pub(super) fn next_timer(&self) -> Option<(Instant, MoveId)> {
        self.timers.first().copied()
    }

    /// The number of moves, pushes, reports and deadlines that are kept.
    pub(super) fn footprint(&self) -> usize {
        let each = self.moves.values().map(|f| 1 + f.early.len() + f.awaited.len() + f.refused.len() + f.reports.len());
        each.sum::<usize>() + self.timers.len()
    }

    /// Forgets a move that is aborted or not remembered any more: it waits for no NVE.
    pub(super) fn forget(&mut self, id: MoveId) {
        if let Some(done_at) = self.moves.remove(&id).and_then(|following| following.done_at) {
            self.timers.remove(&(done_at, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: MoveId = MoveId(1);
    const PARTIES: [NveId; 2] = [NveId(1), NveId(2)];

    /// A move that was planned at 10 and committed at 40, with no interested NVE.
    fn committed() -> Convergence {
        let mut convergence = Convergence::default();
        convergence.commit(ID, Instant(10), Instant(40));
        convergence
    }

    fn report(held_frames: u64, tunnelled_frames: u64) -> Report {
        Report { held_frames, tunnelled_frames, ..Report::default() }
    }

    /// Checks VMM-5-16.
    #[test]
    fn a_move_is_done_with_both_reports_once_everyone_follows() {
        let mut convergence = committed();
        convergence.note_pushed(ID, NveId(3));
        convergence.note_report(ID, NveId(1), report(0, 28));
        assert_eq!(convergence.take_converged(ID, Instant(50)), None);

        convergence.note_follower(ID, NveId(3));
        assert_eq!(convergence.take_converged(ID, Instant(50)), Some(Instant(40)));
        assert_eq!(convergence.take_done(ID, PARTIES, Instant(50)), None);
        convergence.note_report(ID, NveId(2), report(45, 0));

        let done = Report { duration: Micros(40), ..report(45, 28) };
        assert_eq!(convergence.take_done(ID, PARTIES, Instant(60)), Some(done));
        assert_eq!((convergence.take_done(ID, PARTIES, Instant(70)), convergence.next_timer()), (None, None));
    }

    #[test]
    fn a_move_that_an_nve_cannot_follow_never_counts_as_converged() {
        let mut convergence = committed();
        convergence.note_pushed(ID, NveId(3));
        convergence.note_pushed(ID, NveId(4));
        convergence.note_refused(ID, NveId(3));
        assert!(convergence.note_follower(ID, NveId(4)));

        assert_eq!(convergence.take_converged(ID, Instant(50)), None);
        assert_eq!(convergence.take_done(ID, PARTIES, Instant(60)), None);
        convergence.forget(ID);
        assert_eq!(convergence.footprint(), 0);
    }

    #[test]
    fn a_party_that_does_not_report_is_not_waited_for_for_ever() {
        let mut convergence = committed();
        convergence.take_converged(ID, Instant(50));
        convergence.note_report(ID, NveId(2), report(45, 0));

        let (at, _) = convergence.next_timer().unwrap();

        assert_eq!(convergence.take_done(ID, PARTIES, Instant(at.0 - 1)), None);
        assert_eq!(convergence.take_done(ID, PARTIES, at).map(|done| done.held_frames), Some(45));
    }
}
