//! `nvoctl`: asks a daemon for something and prints what it answers. `--help` says how.

mod command;
mod migrate;
mod print;

use clap::Parser;
use command::{Arguments, Command};
use nvoctl::client::{Client, Error};
use nvoctl::{Reply, Request};
use print::Printer;
use std::process::ExitCode;
use std::time::Instant;

/// How the command ended; its number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done = 0,
    Refused = 1,
    NoDaemon = 3,
    Aborted = 4,
    Timeout = 5,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut printer = Printer::new(arguments.json);
    let end = run(&arguments, &mut printer).unwrap_or_else(|error| {
        printer.complain(&error.to_string());
        match error {
            Error::Timeout(_) => End::Timeout,
            _ => End::NoDaemon,
        }
    });
    ExitCode::from(end as u8)
}

fn run(arguments: &Arguments, printer: &mut Printer) -> Result<End, Error> {
    let until = Instant::now() + arguments.timeout;
    if let Command::Migrate(order) = &arguments.command {
        return migrate::run(order, &arguments.socket(), until, printer);
    }
    let Some(request) = arguments.command.request() else { return Ok(End::Done) };
    let mut client = Client::connect(&arguments.socket())?;
    if request != Request::Watch {
        return Ok(printer.reply(&client.call(&request, until)?));
    }
    client.ask(&request, until)?;
    loop {
        let reply = client.reply(None)?;
        let end = printer.reply(&reply);
        if printer.closed() || !matches!(reply, Reply::Event { .. }) {
            return Ok(end);
        }
    }
}
