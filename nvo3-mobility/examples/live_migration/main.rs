//! A virtual machine moves to another edge while hosts talk to it, on real frames in a simulated world, and nothing is lost.
//!
//! ```text
//! cargo run --release --example live_migration
//! cargo run --release --example live_migration -- --seeds 1000 --loss 1% --reorder 5%
//! cargo run --release --example live_migration -- --late 5ms --seeds 1000
//! cargo run --release --example live_migration -- --fault old-restart --seed 7 --pcap move.pcapng
//! ```

mod files;
mod flags;
mod pcapng;
mod show;

use clap::Parser;
use flags::Flags;
use nvo3_mobility::sim::{self, Run};
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let flags = Flags::parse();
    let done = match flags.seeds {
        Some(seeds) => many(&flags, seeds),
        None => one(&flags),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("live_migration: {error}");
            ExitCode::from(2)
        }
    }
}

fn one(flags: &Flags) -> Result<bool, Box<dyn Error>> {
    let mut params = flags.params(flags.seed)?;
    params.record.timeline = !flags.json || flags.mermaid.is_some();
    params.record.packets = flags.pcap.is_some();
    let run = sim::run(params);
    if let Some(path) = &flags.pcap {
        pcapng::write_pcapng(path, &run.capture)?;
    }
    if let Some(path) = &flags.mermaid {
        std::fs::write(path, run.timeline.mermaid(run.began)).map_err(|error| files::named(path, error))?;
    }
    printed(|out| {
        if flags.json {
            return writeln!(out, "{}", serde_json::to_string(&run.summary)?);
        }
        show::timeline(out, &run, flags.verbose)?;
        show::table(out, &run.summary)
    })?;
    for violation in &run.violations {
        eprintln!("violation: {violation}");
    }
    Ok(good(&run))
}

fn many(flags: &Flags, seeds: u64) -> Result<bool, Box<dyn Error>> {
    let params = flags.params(flags.seed)?;
    let mut sum = show::Sum::default();
    for seed in (flags.seed..).take(usize::try_from(seeds)?) {
        let run = sim::run(sim::Params { seed, ..params.clone() });
        if !good(&run) {
            eprintln!("seed {seed}: {}", flags::replay(std::env::args(), seed));
            for violation in run.violations.iter().take(3) {
                eprintln!("  violation: {violation}");
            }
        }
        sum.add(&run.summary, good(&run));
    }
    printed(|out| if flags.json { writeln!(out, "{}", sum.json()) } else { writeln!(out, "{sum}") })?;
    Ok(sum.violated == 0)
}

/// Writes to stdout. A reader that has seen enough and closes it is a normal end.
fn printed(write: impl FnOnce(&mut io::StdoutLock<'static>) -> io::Result<()>) -> io::Result<()> {
    match write(&mut io::stdout().lock()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// True if no invariant was violated.
fn good(run: &Run) -> bool {
    run.violations.is_empty()
}
