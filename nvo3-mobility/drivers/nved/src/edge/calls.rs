//! The requests of `nvoctl`, and their replies.

use super::{Edge, show, words};
use nvo3_mobility::nve::rules::News;
use nvo3_mobility::nve::{Event, Input};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Instant, MoveId, TsiKey};
use nvoctl::daemon::{self, Call, Caller, Watchers};
use nvoctl::{Port, Reply, Request, What, clock};
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
    /// Passes an event to the callers that watch, and answers those that waited for it.
    pub(super) fn tell(&mut self, at: Instant, event: &Event, told: &Value) {
        self.watchers.tell(at, told);
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

/// The policy of a port, as its owner wrote it.
const fn policy(port: &Port) -> PortPolicy {
    let mut policy = if port.trusted { PortPolicy::trusted() } else { PortPolicy::untrusted() };
    policy.router_advertisements |= port.router_advertisements;
    policy.dhcp_server |= port.dhcp_server;
    policy
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

    fn activate(&mut self, now: Instant, key: TsiKey, move_id: Option<MoveId>) -> Result<(), String> {
        self.machine.tell(now, Input::Activate { key, move_id }).map_err(words::error)
    }

    fn reload_keys(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        Ok(self.machine.set_keys(daemon::reload_keys(&self.trust)?)?)
    }

    pub(super) fn attach(&mut self, now: Instant, port: Port) -> Result<(), Box<dyn std::error::Error>> {
        port.validate()?;
        if self.paths.port_named(&port.name).is_some() {
            return Err(format!("{0} is attached already; `nvoctl detach {0}` closes the port", port.name).into());
        }
        let (name, vn, tsis) = (port.name.clone(), port.vni, port.tsis());
        let (policy, active) = (policy(&port), port.active);
        let keys: Vec<TsiKey> = tsis.iter().map(|tsi| tsi.key).collect();
        let vap = self.paths.open_port(port)?;
        if let Err(error) = self.machine.tell(now, Input::Attach { vap, vn, tsis, policy }) {
            self.paths.close_port(vap);
            return Err(format!("{name}: {error}").into());
        }
        if active {
            for key in keys {
                self.machine.tell(now, Input::Activate { key, move_id: None })?;
            }
        }
        Ok(())
    }

    fn detach(&mut self, now: Instant, name: &str) -> Result<(), Box<dyn std::error::Error>> {
        let vap = self.paths.port_named(name).ok_or_else(|| format!("{name} is not attached"))?;
        self.machine.tell(now, Input::Detach { vap })?;
        self.forget_port(vap);
        Ok(())
    }

    /// Closes a port whose interface is gone.
    pub(super) fn lose_port(&mut self, vap: VapId) {
        if let Err(error) = self.machine.tell(clock::now(), Input::Detach { vap }) {
            tracing::error!(%error, "the edge did not take back the port of an interface that is gone");
        }
        self.forget_port(vap);
    }

    fn forget_port(&mut self, vap: VapId) {
        self.paths.close_port(vap);
        let paths = &self.paths;
        self.refused.retain(|key, _| paths.port_of(key).is_some());
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
