//! The requests of `nvoctl`, and their replies.

use crate::authority::{Authority, Journal};
use crate::waiters::Until;
use crate::{show, start, words};
use nvo3_mobility::nva::rules::State;
use nvo3_mobility::nva::{Input, Standing};
use nvo3_nva_proto::{Instant, Micros, MoveId, MoveKind, NveId, TsiKey};
use nvoctl::daemon::{self, Call, Caller};
use nvoctl::keys::{KeysError, Trust};
use nvoctl::{Reply, Request, What};
use serde_json::{Value, json};

/// The ids that nvad chooses are below this number, so that a JSON reader that has only doubles keeps them exact.
const EXACT: u64 = 1 << 53;

const TOO_MANY: &str = "4096 callers wait for moves already";

impl Authority {
    /// Carries out a request. The reply comes now, or when the event that the caller waits for has happened.
    pub(crate) fn answer(&mut self, now: Instant, Call { request, caller }: Call) {
        match request {
            Request::Status => shown(&caller, self.status()),
            Request::Show(What::Tables) => shown(&caller, show::tables(&self.nva)),
            Request::Show(What::Moves) => shown(&caller, show::moves(&self.nva)),
            Request::Show(What::Counters) => shown(&caller, self.counters()),
            Request::Watch => self.waiters.watch(caller),
            Request::Prepare { move_id, tsis, to, deadline } => {
                self.prepare(now, move_id, tsis, to, deadline, caller);
            }
            Request::Outcome { move_id } => self.outcome(now, move_id, caller),
            Request::Cancel { move_id } => self.word(now, Input::Cancel(move_id), caller),
            Request::Fence { nve } => self.word(now, Input::Fenced(nve), caller),
            Request::Forget { tsi } => self.word(now, Input::Forget(tsi), caller),
            Request::Release { tsi } => self.word(now, Input::Release(tsi), caller),
            Request::ReloadKeys => _ = caller.reply(self.reload_keys().into()),
            Request::Attach(_)
            | Request::Detach { .. }
            | Request::Suspend { .. }
            | Request::Along { .. }
            | Request::Activate { .. }
            | Request::Resume { .. } => {
                refuse(&caller, "this is the authority (nvad), which has no ports: ask nved on the hypervisor")
            }
        }
    }

    fn reload_keys(&mut self) -> Result<(), KeysError> {
        let keys = daemon::reload_keys(&self.trust)?;
        start::warn_without_key(&keys, &self.places);
        self.nva.set_keys(keys);
        Ok(())
    }

    fn prepare(
        &mut self,
        now: Instant,
        id: Option<MoveId>,
        tsis: Vec<TsiKey>,
        to: NveId,
        deadline: Micros,
        caller: Caller,
    ) {
        let id = match id.map_or_else(|| self.new_id(), Ok) {
            Ok(MoveId(0)) => return refuse(&caller, "move id 0: must be at least 1"),
            Ok(id) => id,
            Err(error) => return refuse(&caller, format!("no move id: {error}")),
        };
        if self.waiters.full() {
            return refuse(&caller, TOO_MANY);
        }
        if let Some(state) = self.nva.move_state(id) {
            // A caller that lost its connection asks again. Any other use of the id is a mistake.
            let is = |standing: &Standing<'_>| standing.id == id && standing.new == to && standing.tsis == tsis;
            if self.nva.moves().any(|standing| is(&standing)) {
                self.prepare_again(now, id, state, caller);
            } else {
                refuse(&caller, format!("move {} is another move: an id is used once", id.0));
            }
            return;
        }
        match self.nva.handle(now, Input::Move { id, tsis, to, kind: MoveKind::Hot, deadline }) {
            Ok(()) => self.waiters.wait(id, Until::Prepared, caller),
            Err(error) => refuse(&caller, words::error(error)),
        }
    }

    fn prepare_again(&mut self, now: Instant, move_id: MoveId, state: State, caller: Caller) {
        match state {
            State::Ended(result) => self.reply_durably(now, caller, Reply::Ended { move_id, result }),
            State::Ready | State::Suspended => self.reply_durably(now, caller, Reply::Prepared { move_id }),
            _ => self.waiters.wait(move_id, Until::Prepared, caller),
        }
    }

    fn outcome(&mut self, now: Instant, move_id: MoveId, caller: Caller) {
        match self.nva.move_state(move_id) {
            None => refuse(&caller, format!("move {} is not known, or ended too long ago", move_id.0)),
            Some(State::Ended(result)) => self.reply_durably(now, caller, Reply::Ended { move_id, result }),
            Some(_) if self.waiters.full() => refuse(&caller, TOO_MANY),
            Some(_) => self.waiters.wait(move_id, Until::Ended, caller),
        }
    }

    fn word(&mut self, now: Instant, word: Input, caller: Caller) {
        match self.nva.handle(now, word) {
            Ok(()) => self.reply_durably(now, caller, Reply::Done),
            Err(error) => refuse(&caller, words::error(error)),
        }
    }

    fn new_id(&self) -> Result<MoveId, getrandom::Error> {
        loop {
            let id = MoveId(getrandom::u64()? % EXACT);
            if id.0 != 0 && self.nva.move_state(id).is_none() {
                return Ok(id);
            }
        }
    }

    fn status(&self) -> Value {
        let store = match &self.journal {
            Journal::Memory => None,
            Journal::Store { path, .. } => Some(path),
        };
        json!({
            "daemon": "nvad",
            "listen": self.sockets.addresses(),
            "authenticates": self.trust != Trust::Transport,
            "epoch": self.nva.book().epoch(),
            "records": self.last.generation,
            "nves": show::nves(&self.nva, &self.places),
            "tsis": self.nva.tsi_count(),
            "moves_in_hand": self.nva.moves().filter(|standing| !matches!(standing.state, State::Ended(_))).count(),
            "store": store,
        })
    }

    fn counters(&self) -> Value {
        let mut here = serde_json::Map::new();
        here.insert("shed_later".into(), self.shed_later.into());
        let machine = show::fields(self.nva.counters());
        show::counters([machine, show::fields(self.sockets.counters()), show::fields(&self.written), here])
    }
}

fn shown(caller: &Caller, what: Value) {
    caller.reply(Reply::Shown(what));
}

fn refuse(caller: &Caller, why: impl Into<String>) {
    caller.reply(Reply::refused(why));
}
