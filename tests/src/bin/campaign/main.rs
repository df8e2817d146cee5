//! Runs random worlds by their seeds, and checks every invariant in each world.
//!
//! ```text
//! cargo run --release -p nvo3-tests --bin campaign -- --from 1 --worlds 10000
//! cargo run --release -p nvo3-tests --bin campaign -- --seed 7 --timeline --mermaid move.mmd --pcap move.pcapng
//! cargo run --release -p nvo3-tests --bin campaign -- --seed 7 --shrink > small.json
//! cargo run --release -p nvo3-tests --bin campaign -- --world small.json --timeline
//! ```
//!
//! The last line is `worlds N moves M frames F faults X violations V`. The exit code is 1 if V is not 0, and 2 if the flags or a file are
//! wrong.
#![allow(clippy::unwrap_used, reason = "a campaign is a test")]

mod many;
#[path = "../../../../nvo3-mobility/examples/live_migration/pcapng.rs"]
mod pcapng;

use clap::Parser;
use nvo3_mobility::sim::{self, Invariant, Line, Record, Run, Scenario, What};
use nvo3_tests::say;
use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Example:
  campaign --from 1 --worlds 10000
  campaign --seed 7 --timeline --mermaid move.mmd --pcap move.pcapng

Exit codes:
  0  no world breaks an invariant
  1  a world breaks an invariant
  2  the flags are wrong, or a file cannot be read or written";

/// Runs random worlds of the simulator, and tells whether a world breaks an invariant.
#[derive(Debug, Parser)]
#[command(name = "campaign", after_help = AFTER_HELP)]
struct Flags {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many worlds to run, one for each seed.
    #[arg(long, default_value_t = 1_000)]
    worlds: u64,
    /// Start no world after this many seconds [default: no limit].
    #[arg(long)]
    seconds: Option<u64>,
    /// How many worlds run at once [default: the number of processors].
    #[arg(long)]
    jobs: Option<usize>,
    /// Leave trouble of this kind out of every world, for example store-old. May be repeated.
    #[arg(long, value_name = "KIND")]
    without: Vec<String>,
    /// Run the one world of this seed.
    #[arg(long, group = "one", conflicts_with = "worlds")]
    seed: Option<u64>,
    /// Run the one world of this JSON file.
    #[arg(long, value_name = "FILE", group = "one")]
    world: Option<PathBuf>,
    /// Print the one world as JSON, and do not run it.
    #[arg(long, requires = "one")]
    json: bool,
    /// Print the timeline of the one world.
    #[arg(long, requires = "one")]
    timeline: bool,
    /// Write the timeline of the one world to this file, as a Mermaid sequence diagram.
    #[arg(long, value_name = "FILE", requires = "one")]
    mermaid: Option<PathBuf>,
    /// Write the frames and messages of each link of the one world to this pcapng file.
    #[arg(long, value_name = "FILE", requires = "one")]
    pcap: Option<PathBuf>,
    /// Make the one world smaller while it still breaks one of the same invariants, and print the small world as JSON.
    #[arg(long, requires = "one")]
    shrink: bool,
}

impl Flags {
    /// The world of a seed.
    fn world_of(&self, seed: u64) -> Scenario {
        let mut scenario = Scenario::of_seed(seed);
        scenario.mishaps.retain(|mishap| self.without.iter().all(|kind| kind != mishap.what.kind()));
        scenario
    }
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let done = match (flags.seed, &flags.world) {
        (None, None) => many::run(&flags),
        (Some(seed), _) => one(&flags, flags.world_of(seed)),
        (None, Some(path)) => read(path).and_then(|scenario| one(&flags, scenario)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("campaign: {error}");
            ExitCode::from(2)
        }
    }
}

fn read(path: &PathBuf) -> Result<Scenario, Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?)
}

fn one(flags: &Flags, mut scenario: Scenario) -> Result<bool, Box<dyn Error>> {
    if flags.json {
        say!("{}", serde_json::to_string_pretty(&scenario)?);
        return Ok(true);
    }
    if flags.shrink {
        return shrink(scenario);
    }
    scenario.record = Record { timeline: flags.timeline || flags.mermaid.is_some(), packets: flags.pcap.is_some() };
    let run = sim::run_scenario(scenario)?;
    if let Some(path) = &flags.pcap {
        pcapng::write_pcapng(path, &run.capture)?;
    }
    if let Some(path) = &flags.mermaid {
        fs::write(path, run.timeline.mermaid(run.began)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if flags.timeline {
        say!("{}", timeline(&run).trim_end());
    }
    for violation in &run.violations {
        say!("violation: {violation}");
    }
    let mut sum = many::Sum::default();
    sum.add(&run);
    say!("{sum}");
    Ok(run.violations.is_empty())
}

/// The timeline as lines, without acknowledgements and keepalives.
fn timeline(run: &Run) -> String {
    let lines = run.timeline.lines().iter().filter(|line| line.at >= run.began && !is_noise(line));
    lines.map(|line| format!("{line}\n")).collect()
}

fn is_noise(line: &Line) -> bool {
    matches!(&line.what, What::Said { message, .. } if message.starts_with("Ack") || message.starts_with("Keepalive"))
}

fn shrink(scenario: Scenario) -> Result<bool, Box<dyn Error>> {
    let broken = invariants(&sim::run_scenario(scenario.clone())?);
    if broken.is_empty() {
        return Err("this world breaks no invariant".into());
    }
    say!("{}", serde_json::to_string_pretty(&shrunk(scenario, &broken))?);
    Ok(false)
}

/// The smallest world found that still breaks one of these invariants.
fn shrunk(scenario: Scenario, broken: &BTreeSet<Invariant>) -> Scenario {
    scenario.shrink(|smaller| sim::run_scenario(smaller.clone()).is_ok_and(|run| !invariants(&run).is_disjoint(broken)))
}

fn invariants(run: &Run) -> BTreeSet<Invariant> {
    run.violations.iter().map(|violation| violation.invariant).collect()
}
