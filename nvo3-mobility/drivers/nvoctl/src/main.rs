//! `nvoctl`, the control client of nved and nvad. `nvoctl --help` has its commands.

mod command;
mod exit;
mod migrate;
mod registration;
mod show;
mod values;

use clap::Parser;
use command::{Command, Flags};
use exit::Exit;
use nvo3_nva_proto::NveId;
use nvoctl::client::{self, Client, Error, Heard};
use nvoctl::{Port, Reply, Request};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let flags = Flags::parse();
    match &flags.command {
        Command::Migrate(migrate) => migrate::run(migrate, flags.socket(), flags.timeout(), flags.json),
        Command::MakeKey { nve, files } => make_key(*nve, files),
        Command::Attach { port, no_wait } => attach(&flags, port, *no_wait),
        _ => call(&flags).unwrap_or_else(|lost| {
            complain(&lost.to_string());
            Exit::without_reply(&lost)
        }),
    }
    .into()
}

/// Sends one request and prints its reply; for `watch`, prints each event.
fn call(flags: &Flags) -> Result<Exit, Error> {
    let Some(request) = flags.command.request() else { return Ok(Exit::Done) };
    let mut client = Client::connect(flags.socket(), flags.until())?;
    client.send(&request)?;
    loop {
        let heard = client.receive()?;
        let printed = print(&heard, flags.json);
        match &printed {
            // The reader of a pipe has seen enough.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => complain(&format!("stdout: {error}")),
            _ => {}
        }
        if printed.is_err() || !matches!(heard.reply, Reply::Event { .. }) {
            return Ok(Exit::for_reply(&heard.reply));
        }
    }
}

/// Attaches a port. If VMs run behind it, waits up to two seconds for the authority's answer to their registration.
fn attach(flags: &Flags, port: &Port, no_wait: bool) -> Exit {
    let request = Request::Attach(port.clone());
    let heard = match client::ask(flags.socket(), &request, flags.until()) {
        Ok(heard) => heard,
        Err(lost) => {
            complain(&lost.to_string());
            return Exit::without_reply(&lost);
        }
    };
    if flags.json || heard.reply != Reply::Done {
        // The reader of a pipe may have seen enough.
        drop(print(&heard, flags.json));
    }
    if heard.reply != Reply::Done {
        return Exit::for_reply(&heard.reply);
    }
    let (exit, said) = registration::wait(flags, port, no_wait);
    match exit {
        Exit::Done if flags.json => {}
        Exit::Done => drop(writeln!(io::stdout(), "port {} is attached; {said}", port.name)),
        _ => complain(&format!("port {} is attached, but {said}", port.name)),
    }
    exit
}

fn make_key(nve: NveId, files: &[PathBuf]) -> Exit {
    match nvoctl::keys::make(nve, files) {
        Ok(id) => {
            drop(writeln!(io::stdout(), "key {id} of {nve}"));
            Exit::Done
        }
        Err(error) => {
            complain(&error.to_string());
            Exit::Refused
        }
    }
}

fn print(heard: &Heard, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match &heard.reply {
        _ if json => writeln!(out, "{}", heard.line),
        Reply::Refused { .. } => {
            complain(&show::sentence(&heard.reply));
            Ok(())
        }
        reply => {
            show::reply(&mut out, reply)?;
            out.flush()
        }
    }
}

/// Prints a line on stderr. If stderr is closed, only the exit code is left.
fn complain(what: &str) {
    drop(writeln!(io::stderr(), "nvoctl: {what}"));
}
