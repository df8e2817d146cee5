//! The steps of a whole move (see `nvoctl migrate --help`).
//!
//! The VM is never started on a guess. At the new place it starts only after the new nved has accepted it, or nvad says that the move is
//! committed. At the old place it starts only after nvad says that the move is aborted.

use crate::command::Migrate;
use crate::complain;
use crate::exit::Exit;
use crate::show;
use nvo3_nva_proto::{MoveId, MoveResult, TsiKey};
use nvoctl::client::{Client, Error, ask};
use nvoctl::{Reply, Request};
use serde_json::json;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The time between two attempts to reach a daemon that is away.
const AGAIN: Duration = Duration::from_millis(100);

/// Does the move, prints its steps, and gives the exit code.
pub(crate) fn run(what: &Migrate, nva: &Path, timeout: Option<Duration>, json: bool) -> Exit {
    let tsis = what.prepare.tsis().collect();
    let mut order = Order { what, tsis, nva, timeout, log: Log { began: Instant::now(), json } };
    let (exit, why) = order.run();
    if let Some(why) = why {
        complain(&why);
    }
    exit
}

/// The exit code, and a sentence for stderr.
type End = (Exit, Option<String>);

/// The reason why it is not known that a step is done.
enum Stuck {
    /// The request was refused, or no daemon got it: nothing changed.
    Unchanged(Exit),
    /// The daemon may have carried out the request.
    Unheard,
}

struct Order<'a> {
    what: &'a Migrate,
    /// The TSIs that move.
    tsis: Vec<TsiKey>,
    nva: &'a Path,
    timeout: Option<Duration>,
    log: Log,
}

impl Order<'_> {
    fn run(&mut self) -> End {
        let (old, new) = (&self.what.old, &self.what.new);
        for path in [self.nva, old, new] {
            if let Err(lost) = Client::connect(path, self.until()) {
                return (Exit::without_reply(&lost), Some(format!("{lost}; nothing was begun")));
            }
        }
        if self.what.along {
            match self.ask("along", old, &Request::Along { tsis: self.tsis.clone() }) {
                Ok(Reply::Shown(along)) => {
                    let along: Vec<TsiKey> = serde_json::from_value(along).unwrap_or_default();
                    self.tsis.extend(along);
                }
                Ok(reply) => {
                    return (
                        Exit::for_reply(&reply),
                        Some("the old nved does not say what moves along; nothing was begun".into()),
                    );
                }
                Err(lost) => return (Exit::without_reply(&lost), Some(format!("{lost}; nothing was begun"))),
            }
        }
        let move_id = match self.prepare() {
            Ok(move_id) => move_id,
            Err(end) => return end,
        };
        // One interface stands for all that move with it.
        let Some(tsi) = self.tsis.first().copied() else { return (Exit::Refused, None) };

        let suspend = Request::Suspend { tsi, move_id: Some(move_id), stopped_at: None };
        match self.done("suspend", old, &suspend) {
            Ok(()) => {}
            Err(Stuck::Unchanged(exit)) => {
                drop(self.ask("cancel", self.nva, &Request::Cancel { move_id }));
                return (exit, Some("not suspended: the VM runs on where it is".into()));
            }
            Err(Stuck::Unheard) => return self.back(move_id, None, "").unwrap_or_else(|| too_late(move_id)),
        }
        let restart = self.what.restart.as_deref();
        if !self.shell("stop", &self.what.stop) {
            let stopped = "STOP failed, perhaps after a part of its work. ";
            return self.back(move_id, restart, stopped).unwrap_or_else(|| too_late(move_id));
        }
        let activated = self.done("activate", new, &Request::Activate { tsi, move_id: Some(move_id) });
        if let Err(stuck) = activated {
            match (self.back(move_id, restart, "STOP was run. "), stuck) {
                (Some(end), _) => return end,
                (None, Stuck::Unchanged(_)) => return too_late(move_id),
                // The move is committed, so the new nved has accepted the activation.
                (None, Stuck::Unheard) => {}
            }
        }
        if !self.shell("start", &self.what.start) {
            let why =
                format!("START failed: move {} is made, the VM's place is the new NVE and it does not run", move_id.0);
            return (Exit::Refused, Some(why));
        }
        match self.outcome(move_id) {
            Ok(MoveResult::Committed) => (Exit::Done, None),
            Ok(MoveResult::Aborted) => {
                let why = format!("move {} ended aborted after the VM was started at the new place", move_id.0);
                (Exit::Aborted, Some(why))
            }
            Ok(MoveResult::Unknown) => (Exit::Refused, Some(format!("nvad does not know move {}", move_id.0))),
            Err(exit) => {
                (exit, Some(format!("the VM was started at the new place, but move {} has not ended", move_id.0)))
            }
        }
    }

    /// Plans the move; gives its id once the VM may be suspended.
    fn prepare(&self) -> Result<MoveId, End> {
        match self.ask("prepare", self.nva, &self.what.prepare.request_for(self.tsis.clone())) {
            Ok(Reply::Prepared { move_id }) => Ok(move_id),
            Ok(reply @ Reply::Ended { .. }) => {
                Err((Exit::for_reply(&reply), Some("the move had ended: nothing was run".into())))
            }
            Ok(reply) => Err((Exit::for_reply(&reply), Some("not prepared: the VM runs on where it is".into()))),
            Err(lost) => {
                if let Some(move_id) = self.what.prepare.move_id {
                    drop(self.ask("cancel", self.nva, &Request::Cancel { move_id }));
                }
                let why =
                    "not prepared: the VM runs on where it is; nvad calls the move off at its deadline at the latest";
                Err((Exit::without_reply(&lost), Some(why.into())))
            }
        }
    }

    /// Calls the move off and makes the VM run on at the old place if that came in time; `None` if the move is committed. `done` says
    /// what was done to the VM before.
    fn back(&self, move_id: MoveId, restart: Option<&str>, done: &str) -> Option<End> {
        drop(self.patiently("cancel", self.nva, &Request::Cancel { move_id }));
        match self.outcome(move_id) {
            Ok(MoveResult::Committed) => None,
            Ok(MoveResult::Aborted) => {
                // After an abort each interface needs its own resume.
                for tsi in &self.tsis {
                    drop(self.patiently("resume", &self.what.old, &Request::Resume { tsi: *tsi }));
                }
                // RESTART is run even if the old nved did not hear the resume: the VM may run nowhere else now, and its own frames
                // tell the old nved too.
                let to_do = "no frame reaches the VM until its interface is at the old place and the VM runs there";
                let why = match restart.map(|restart| self.shell("restart", restart)) {
                    Some(true) => ", and it runs there".into(),
                    Some(false) => format!(", but RESTART failed. {done}Mend it by hand: {to_do}"),
                    None if done.is_empty() => String::new(),
                    None => format!(". {done}Nothing restarted the VM (--restart would): {to_do}"),
                };
                Some((Exit::Aborted, Some(format!("aborted: the VM's place is the old NVE{why}"))))
            }
            Ok(MoveResult::Unknown) => Some((Exit::Refused, Some(in_doubt(move_id)))),
            Err(exit) => Some((exit, Some(in_doubt(move_id)))),
        }
    }

    /// Waits until the move has ended; gives its result.
    fn outcome(&self, move_id: MoveId) -> Result<MoveResult, Exit> {
        match self.patiently("outcome", self.nva, &Request::Outcome { move_id }) {
            Ok(Reply::Ended { result, .. }) => Ok(result),
            Ok(_) => Ok(MoveResult::Unknown),
            Err(lost) => Err(Exit::without_reply(&lost)),
        }
    }

    /// Sends a request that is done or refused.
    fn done(&self, step: &str, path: &Path, request: &Request) -> Result<(), Stuck> {
        match self.ask(step, path, request) {
            Ok(Reply::Done) => Ok(()),
            Ok(_) => Err(Stuck::Unchanged(Exit::Refused)),
            Err(lost @ Error::NotThere { .. }) => Err(Stuck::Unchanged(Exit::without_reply(&lost))),
            Err(_) => Err(Stuck::Unheard),
        }
    }

    fn ask(&self, step: &str, path: &Path, request: &Request) -> Result<Reply, Error> {
        let asked = Instant::now();
        let reply = ask(path, request, self.until()).map(|heard| heard.reply);
        self.log.reply(step, asked, &reply);
        reply
    }

    /// Asks as [`Order::ask`] does, but also waits for a daemon that is away: it may be restarting.
    fn patiently(&self, step: &str, path: &Path, request: &Request) -> Result<Reply, Error> {
        let (asked, until) = (Instant::now(), self.until());
        loop {
            let reply = ask(path, request, until).map(|heard| heard.reply);
            let again = until.is_none_or(|until| Instant::now() + AGAIN < until);
            if again && matches!(reply, Err(Error::NotThere { .. } | Error::WentAway { .. })) {
                std::thread::sleep(AGAIN);
                continue;
            }
            self.log.reply(step, asked, &reply);
            return reply;
        }
    }

    /// Runs a command of the hypervisor; true if it succeeded. Its output goes to stderr, since stdout is for the steps.
    fn shell(&self, step: &str, script: &str) -> bool {
        let began = Instant::now();
        let mut command = Command::new("sh");
        let status = command.arg("-c").arg(script).stdin(Stdio::null()).stdout(io::stderr()).status();
        self.log.shell(step, began, &status);
        status.is_ok_and(|status| status.success())
    }

    fn until(&self) -> Option<Instant> {
        self.timeout.and_then(|timeout| Instant::now().checked_add(timeout))
    }
}

fn too_late(move_id: MoveId) -> End {
    let why = format!("too late: move {} is committed and the VM's place is the new NVE; START was not run", move_id.0);
    (Exit::Refused, Some(why))
}

fn in_doubt(move_id: MoveId) -> String {
    format!("move {0} is in doubt: nothing was started; `nvoctl outcome {0}` tells where the VM may run", move_id.0)
}

/// Prints the steps on stdout. A reader that closes the pipe does not stop a move.
struct Log {
    began: Instant,
    json: bool,
}

impl Log {
    fn reply(&self, step: &str, asked: Instant, reply: &Result<Reply, Error>) {
        match reply {
            Ok(reply) => self.line(step, asked, "reply", &json!(reply), &show::sentence(reply)),
            Err(lost) => self.line(step, asked, "lost", &json!(lost.to_string()), &lost.to_string()),
        }
    }

    fn shell(&self, step: &str, began: Instant, status: &io::Result<std::process::ExitStatus>) {
        match status {
            Ok(status) => self.line(step, began, "exit", &json!(status.code()), &status.to_string()),
            Err(error) => self.line(step, began, "lost", &json!(error.to_string()), &error.to_string()),
        }
    }

    fn line(&self, step: &str, began: Instant, key: &str, value: &serde_json::Value, text: &str) {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let (at, took) = (millis(began.duration_since(self.began)), millis(began.elapsed()));
        let mut out = io::stdout().lock();
        drop(if self.json {
            let (at, took) = ((at * 1e3).round() / 1e3, (took * 1e3).round() / 1e3);
            writeln!(out, "{}", json!({"step": step, "at_ms": at, "took_ms": took, key: value}))
        } else {
            writeln!(out, "{at:>10.3} ms  {step:<8} {took:>10.3} ms  {text}")
        });
    }
}
