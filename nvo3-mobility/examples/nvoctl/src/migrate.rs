//! The whole order of a move from one place (DESIGN's planned hot move): prepare, suspend, stop, activate, start, outcome;
//! and what is left to do where a step fails.

use crate::End;
use crate::command::{Plan, Tsis};
use crate::print::{Printer, ended};
use clap::Args;
use nvo3_nva_proto::{MoveId, MoveResult, TsiKey};
use nvoctl::client::{Client, Error};
use nvoctl::{Reply, Request};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What moves, who is spoken to, and how the VM is stopped and started.
#[derive(Debug, Args)]
pub(crate) struct Order {
    #[command(flatten)]
    tsis: Tsis,
    #[command(flatten)]
    plan: Plan,
    /// The old edge's socket (one of another host by `ssh -L`)
    #[arg(long, value_name = "PATH")]
    old: PathBuf,
    /// The new edge's socket
    #[arg(long, value_name = "PATH")]
    new: PathBuf,
    /// Stops the VM at the old place and brings its last state to the new one
    #[arg(long, value_name = "COMMAND")]
    stop: String,
    /// Starts the VM at the new place
    #[arg(long, value_name = "COMMAND")]
    start: String,
    /// Starts the VM at the old place again, where the move is aborted after it was stopped
    #[arg(long, value_name = "COMMAND")]
    restart: Option<String>,
}

/// What went wrong in a step.
enum Failure {
    Refused(String),
    Broken(Error),
}

struct Migration<'a> {
    order: &'a Order,
    nva: &'a Path,
    until: Instant,
    printer: &'a mut Printer,
    tsi: TsiKey,
}

/// Does all of it.
pub(crate) fn run(order: &Order, nva: &Path, until: Instant, printer: &mut Printer) -> Result<End, Error> {
    let Some(tsi) = order.tsis.keys().first().copied() else { return Ok(End::Refused) };
    let mut migration = Migration { order, nva, until, printer, tsi };
    let began = Instant::now();
    let end = migration.run();
    migration.printer.step("in all", milliseconds(began));
    end
}

impl Migration<'_> {
    fn run(&mut self) -> Result<End, Error> {
        let request = self.order.plan.request(&self.order.tsis);
        let move_id = match self.ask("prepare", self.nva, &request)? {
            Reply::Prepared { move_id } => move_id,
            other => return Ok(self.printer.reply(&other)),
        };
        let (tsi, old, new) = (self.tsi, self.order.old.clone(), self.order.new.clone());
        let suspend = Request::Suspend { tsi, move_id: Some(move_id), stopped_at: None };
        if let Err(failure) = self.done("suspend", &old, &suspend) {
            // Whether the tunnel is in force or not, the VM runs on at its old place.
            return self.back_out(move_id, failure, false);
        }
        if let Err(failure) = self.shell("stop", &self.order.stop) {
            return self.back_out(move_id, failure, true);
        }
        let activate = Request::Activate { tsi, move_id: Some(move_id) };
        if let Err(failure) = self.done("activate", &new, &activate) {
            return self.back_out(move_id, failure, true);
        }
        let started = self.shell("start", &self.order.start);
        let outcome = self.outcome(move_id)?;
        if let Err(failure) = started {
            self.complain(failure);
            self.printer.complain("the VM belongs to the new place, where it was not started");
            return Ok(End::Refused);
        }
        Ok(outcome)
    }

    /// The VM did not get to the new place: the move is called off, and unless it is too late for that, the VM runs on at
    /// the old one.
    fn back_out(&mut self, move_id: MoveId, failure: Failure, stopped: bool) -> Result<End, Error> {
        self.complain(failure);
        let nva = self.nva;
        // It may have ended, or be past calling off: the outcome says.
        let _ = self.ask("cancel", nva, &Request::Cancel { move_id })?;
        // The word that it runs on at its old place ends the move also where the new edge does not answer.
        let old = self.order.old.clone();
        let resume = Request::Resume { tsi: self.tsi };
        if !stopped && let Err(failure) = self.done("resume", &old, &resume) {
            self.complain(failure);
        }
        let end = self.outcome(move_id)?;
        if !stopped {
            return Ok(end);
        }
        if end == End::Done {
            // Only the answer to its activation was lost: the VM belongs to the new place.
            return match self.shell("start", &self.order.start) {
                Ok(()) => Ok(end),
                Err(failure) => {
                    self.complain(failure);
                    Ok(End::Refused)
                }
            };
        }
        if let Err(failure) = self.done("resume", &old, &resume) {
            self.complain(failure);
        }
        if let Some(restart) = &self.order.restart
            && let Err(failure) = self.shell("restart", restart)
        {
            self.complain(failure);
        }
        Ok(end)
    }

    fn outcome(&mut self, move_id: MoveId) -> Result<End, Error> {
        let reply = self.ask("outcome", self.nva, &Request::Outcome { move_id })?;
        if let Reply::Ended { result: result @ MoveResult::Committed, .. } = reply {
            self.printer.step(&format!("{move_id}: {}", ended(result)), 0.0);
            return Ok(End::Done);
        }
        Ok(self.printer.reply(&reply))
    }

    fn done(&mut self, step: &str, socket: &Path, request: &Request) -> Result<(), Failure> {
        match self.ask(step, socket, request) {
            Ok(Reply::Done) => Ok(()),
            Ok(Reply::Refused { why }) => Err(Failure::Refused(format!("{step}: {why}"))),
            Ok(other) => Err(Failure::Refused(format!("{step}: answered by {other:?}"))),
            Err(error) => Err(Failure::Broken(error)),
        }
    }

    fn ask(&mut self, step: &str, socket: &Path, request: &Request) -> Result<Reply, Error> {
        let began = Instant::now();
        let reply = Client::connect(socket)?.call(request, self.until)?;
        self.printer.step(step, milliseconds(began));
        Ok(reply)
    }

    fn shell(&mut self, step: &str, command: &str) -> Result<(), Failure> {
        let began = Instant::now();
        let status = Command::new("sh").args(["-c", command]).status();
        self.printer.step(step, milliseconds(began));
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure::Refused(format!("{step}: {status}"))),
            Err(error) => Err(Failure::Refused(format!("{step}: {error}"))),
        }
    }

    fn complain(&self, failure: Failure) {
        match failure {
            Failure::Refused(why) => self.printer.complain(&why),
            Failure::Broken(error) => self.printer.complain(&error.to_string()),
        }
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}
