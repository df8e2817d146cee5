//! The callers that wait for a move, the callers that watch all events, and the log.

use crate::show;
use nvo3_mobility::nva::Event;
use nvo3_nva_proto::{DownReason, Instant, MoveId, MoveResult};
use nvoctl::Reply;
use nvoctl::daemon::{Caller, Watchers};
use std::collections::BTreeMap;

/// The most callers that wait for moves.
const MOST: usize = 4_096;

/// The event that a caller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The VM may be suspended, or the move has ended.
    Prepared,
    /// The move has ended.
    Ended,
}

struct Waiter {
    until: Until,
    caller: Caller,
    /// The reason why a party of the move refused its part, if one did.
    refused: Option<String>,
}

/// The callers that wait for moves, and those that watch.
#[derive(Default)]
pub(crate) struct Waiters {
    of_move: BTreeMap<MoveId, Vec<Waiter>>,
    waiting: usize,
    watching: Watchers,
}

impl Waiters {
    /// True if no more callers can wait.
    pub(crate) const fn full(&self) -> bool {
        self.waiting >= MOST
    }

    /// Lets a caller wait for a move, if not [`Waiters::full`].
    pub(crate) fn wait(&mut self, id: MoveId, until: Until, caller: Caller) {
        self.waiting += 1;
        self.of_move.entry(id).or_default().push(Waiter { until, caller, refused: None });
    }

    /// Lets a caller watch all events.
    pub(crate) fn watch(&mut self, caller: Caller) {
        self.watching.add(caller);
    }

    /// Logs an event, tells the callers that watch, and answers the callers that waited for it.
    pub(crate) fn tell(&mut self, now: Instant, event: &Event) {
        if is_silent(event) {
            return;
        }
        log(event);
        if !self.watching.is_empty() {
            self.watching.tell(now, &show::event(event));
        }
        match event {
            Event::MaySuspend(id) => self.prepared(*id),
            Event::Refused { id, nve, why } => {
                for waiter in self.of_move.get_mut(id).into_iter().flatten() {
                    waiter.refused = Some(format!("{nve} refused its part of move {}: {why}", id.0));
                }
            }
            Event::Ended { id, result } => self.ended(*id, *result),
            _ => {}
        }
    }

    fn prepared(&mut self, move_id: MoveId) {
        let Some(mut waiters) = self.of_move.remove(&move_id) else { return };
        let before = waiters.len();
        waiters.retain(|waiter| {
            if waiter.until == Until::Prepared {
                waiter.caller.reply(Reply::Prepared { move_id });
            }
            waiter.until != Until::Prepared
        });
        self.waiting -= before - waiters.len();
        if !waiters.is_empty() {
            self.of_move.insert(move_id, waiters);
        }
    }

    fn ended(&mut self, move_id: MoveId, result: MoveResult) {
        let waiters = self.of_move.remove(&move_id).unwrap_or_default();
        self.waiting -= waiters.len();
        for Waiter { until, caller, refused } in waiters {
            let reply = match refused {
                Some(why) if until == Until::Prepared && result == MoveResult::Aborted => Reply::Refused { why },
                _ => Reply::Ended { move_id, result },
            };
            caller.reply(reply);
        }
    }
}

/// True for a step within a state: the state's name is the same before and after.
fn is_silent(event: &Event) -> bool {
    matches!(event, Event::Move { from, to, .. } if show::state(*from) == show::state(*to))
}

fn log(event: &Event) {
    match event {
        Event::NveUp { nve, restarted } => tracing::info!(%nve, restarted, "the session with an edge is up"),
        Event::NveDown { nve, reason: DownReason::PeerClosed | DownReason::Closed } => {
            tracing::info!(%nve, "an edge has closed its session");
        }
        Event::NveDown { nve, reason } => {
            tracing::warn!(%nve, reason = %reason, "the session with an edge is lost");
        }
        Event::Refused { id, nve, why } => {
            tracing::warn!("move" = id.0, %nve, reason = %why, "an edge refused its part: the move will be aborted");
        }
        Event::MaySuspend(id) => tracing::info!("move" = id.0, "both edges are prepared: the VM may be suspended"),
        Event::Ended { id, result } => {
            tracing::info!("move" = id.0, result = %result, "a move has ended")
        }
        Event::Duplicate(key) => {
            tracing::warn!(tsi = %key, "a TSI moved too often without a plan and is frozen: two VMs may have its MAC; `nvoctl release` releases it");
        }
        Event::Move { id, from, to } => {
            tracing::debug!(
                "move" = id.0,
                from = show::state(*from),
                to = show::state(*to),
                "the state of a move has changed"
            );
        }
        Event::NotFollowed { id, nve } => {
            tracing::warn!("move" = id.0, %nve, "the forwarder of an edge refused a move: frames from there may go to the other place");
        }
        Event::Converged { id, after } => {
            tracing::debug!("move" = id.0, %after, "every interested edge follows a committed move");
        }
        Event::Rewound { nve, seen, had, epoch } => tracing::warn!(
            %nve, %seen, %had, epoch,
            "records are lost or old: an edge has seen a newer one. A higher epoch begins, and the edges restate what they have"
        ),
        Event::TakenUp { key, nve } => {
            tracing::debug!(tsi = %key, %nve, "an edge restated a TSI that the directory did not have so");
        }
        Event::Omitted { key, nve } => {
            tracing::info!(tsi = %key, %nve, "an edge did not restate a TSI: it is withdrawn");
        }
        Event::DidNotYield { id, nve } => tracing::warn!(
            "move" = id.0, %nve,
            "an edge did not yield a TSI in time: the claim of another edge's hypervisor wins"
        ),
        Event::Limited { to, count } => tracing::warn!(
            address = %to, count,
            "answers outside a session were not sent: the address, or all that are no edge's together, would get too many"
        ),
        Event::Stalled(waiting) => {
            tracing::warn!(duty = %waiting.duty.name(), count = waiting.count, "{}", waiting.duty)
        }
        Event::Report { id, nve, report } => tracing::info!(
            "move" = id.0, %nve,
            duration = %report.duration,
            held_frames = report.held_frames,
            tunnelled_frames = report.tunnelled_frames,
            dropped_frames = report.dropped_frames,
            stale_senders = report.stale_senders,
            "an edge reports its part of a move"
        ),
        Event::ClaimRefused { .. }
        | Event::Contested { .. }
        | Event::OverQuota { .. }
        | Event::OtherLocators { .. }
        | Event::Readdressed { .. }
        | Event::TwoPlaces { .. } => tracing::warn!("{event}"),
        other => tracing::info!("{other}"),
    }
}
