//! The requests of `nvoctl`, and their replies.

use super::{Edge, show, words};
use nvo3_mobility::nve::rules::News;
use nvo3_mobility::nve::{Event, Input};
use nvo3_nva_proto::{Instant, MoveId, TsiKey};
use nvoctl::daemon::{self, Call, Caller, Watchers};
use nvoctl::{Reply, Request, What, clock};
use serde_json::Value;

/// The most callers that wait for the end of a suspend.
const MOST: usize = 1_024;

/// The callers that wait for an event.
#[derive(Debug, Default)]
pub(super) struct Callers {
    suspends: Vec<(TsiKey, Caller)>,
    watchers: Watchers,
}

impl Callers {
    /// Passes an event to the callers that watch.
    pub(super) fn tell_watchers(&mut self, at: Instant, told: &Value) {
        self.watchers.tell(at, told);
    }

    /// Passes an event to the callers that watch, and answers those that waited for it.
    pub(super) fn tell(&mut self, at: Instant, event: &Event, told: &Value) {
        self.tell_watchers(at, told);
        let Event::News { key, news, .. } = event else { return };
        let reply = match news {
            News::Suspended => Reply::Done,
            News::SuspendFailed => Reply::refused("the forwarder refused the tunnel: the VM must go on here"),
            News::Running | News::Gone | News::Displaced | News::Halted => Reply::refused("the move has ended"),
            _ => return,
        };
        for (_, caller) in self.suspends.extract_if(.., |(waits_for, _)| waits_for == key) {
            caller.reply(reply.clone());
        }
    }
}

impl Edge {
    pub(super) fn answer(&mut self, call: Call) {
        let Call { request, caller } = call;
        let now = clock::now();
        let reply = match request {
            Request::Status => Reply::Shown(show::status(self)),
            Request::Show(What::Tables) => Reply::Shown(show::tables(self)),
            Request::Show(What::Moves) => Reply::Shown(show::moves(self)),
            Request::Show(What::Counters) => Reply::Shown(show::counters(self)),
            Request::Watch => return self.callers.watchers.add(caller),
            Request::Attach(port) => self.attach(now, port).into(),
            Request::Detach { port } => self.detach(now, &port).into(),
            Request::Suspend { tsi, move_id, stopped_at } => {
                return self.suspend(now, tsi, move_id, stopped_at, caller);
            }
            Request::Activate { tsi, move_id } => self.activate(now, tsi, move_id).into(),
            Request::Along { tsis } => Reply::Shown(show::along(self, &tsis)),
            Request::Resume { tsi } => self.activate(now, tsi, None).into(),
            Request::ReloadKeys => self.reload_keys().into(),
            Request::Prepare { .. }
            | Request::Outcome { .. }
            | Request::Cancel { .. }
            | Request::Fence { .. }
            | Request::Forget { .. }
            | Request::Release { .. } => {
                Reply::refused("this is an edge (nved); ask the authority: nvoctl --socket /run/nvo3/nvad.sock …")
            }
        };
        self.settle(now);
        caller.reply(reply);
    }

    fn reload_keys(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        Ok(self.machine.set_keys(daemon::reload_keys(&self.trust)?)?)
    }

    fn suspend(
        &mut self,
        now: Instant,
        key: TsiKey,
        move_id: Option<MoveId>,
        stopped_at: Option<Instant>,
        caller: Caller,
    ) {
        let state = self.machine.nve().state(&key).state;
        let Some(move_id) = move_id.or(state.plan().map(|plan| plan.id)) else {
            let why = "has no move in hand here; plan a move first (`nvoctl prepare` at nvad)";
            caller.reply(Reply::refused(format!("{key} is {} and {why}", state.name())));
            return;
        };
        if self.callers.suspends.len() >= MOST {
            caller.reply(Reply::refused(format!("{MOST} callers wait for the end of a suspend already")));
            return;
        }
        match self.machine.tell(now, Input::Suspend { key, move_id, stopped_at }) {
            Ok(()) => self.callers.suspends.push((key, caller)),
            Err(error) => _ = caller.reply(Reply::refused(words::error(error))),
        }
        self.settle(now);
    }
}
