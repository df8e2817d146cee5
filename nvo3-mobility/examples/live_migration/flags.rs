//! The command line.

use crate::files;
use clap::{Parser, ValueEnum};
use nvo3_mobility::sim::{Chance, Fault, Mischief, Params, Path};
use nvo3_nva_proto::Micros;
use std::error::Error;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
TIME is a number with us, ms or s; without a unit it is ms. PERCENT is such as 1%.

Example:
  live_migration --fault old-restart --fault-at 12ms --seed 7 --pcap move.pcapng
  live_migration --seeds 1000 --loss 1% --reorder 5% --json

Exit codes:
  0  nothing is violated: no frame is lost, duplicated or reordered but for what a fault excuses
  1  something is violated; stderr says what
  2  the flags are wrong, or a file cannot be read or written";

/// Moves a virtual machine between the edges of a simulated overlay, and prints what the move cost its traffic.
///
/// The flags decide everything: the same flags give the same run, byte for byte.
#[derive(Debug, Parser)]
#[command(name = "live_migration", after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// The seed of everything that chance decides.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Run this many seeds, from --seed on, and print one line about all of them [default: one run with its timeline].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["pcap", "mermaid"])]
    pub(crate) seeds: Option<u64>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// Show acknowledgements and keepalives in the timeline too.
    #[arg(long)]
    pub(crate) verbose: bool,
    /// How many of the messages between edges and authority are lost.
    #[arg(long, value_name = "PERCENT", value_parser = chance, default_value = "0%")]
    pub(crate) loss: Chance,
    /// How many of those messages later ones may overtake.
    #[arg(long, value_name = "PERCENT", value_parser = chance, default_value = "0%")]
    pub(crate) reorder: Chance,
    /// How many of those messages arrive twice; 5% if PERCENT is left out.
    #[arg(long, value_name = "PERCENT", value_parser = chance, default_value = "0%", num_args = 0..=1, default_missing_value = "5%")]
    pub(crate) duplicate: Chance,
    /// The round-trip time between any two nodes [default: 1ms].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) rtt: Option<Micros>,
    /// How long the VM runs nowhere [default: 30ms].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) pause: Option<Micros>,
    /// How long after the VM stopped its hypervisor says so, with the time of the stop [default: it says so before the stop].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) late: Option<Micros>,
    /// How long until a move that has no end is called off [default: 2s].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) deadline: Option<Micros>,
    /// Datagrams per second from each host to each of its peers [default: 500].
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// Datagrams from each host to each of its peers [default: as many as the move lasts].
    #[arg(long)]
    pub(crate) frames: Option<u32>,
    /// Between which edges the VM moves.
    #[arg(long, value_enum, default_value = "A-B")]
    pub(crate) path: Way,
    /// The fault that happens in the move [default: none].
    #[arg(long, value_enum)]
    pub(crate) fault: Option<Wrong>,
    /// When the fault happens, after the move was asked for (self-resume: after the VM stopped) [default: the seed decides].
    #[arg(long, value_name = "TIME", value_parser = time, requires = "fault")]
    pub(crate) fault_at: Option<Micros>,
    /// Play the Ethernet frames of this pcap or pcapng file to the VM, and compare the frames that arrive.
    #[arg(long, value_name = "FILE")]
    pub(crate) tenant: Option<PathBuf>,
    /// Write the frames and messages of each link to this pcapng file, with an interface for each link.
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
    /// Write the timeline to this file, as a Mermaid sequence diagram.
    #[arg(long, value_name = "FILE")]
    pub(crate) mermaid: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Way {
    #[value(name = "A-B")]
    Once,
    #[value(name = "A-B-A")]
    Back,
    #[value(name = "A-B-C")]
    On,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Wrong {
    /// Management calls the move off.
    Abort,
    /// The authority dies and comes back.
    NvaRestart,
    /// The edge that the VM leaves dies and comes back.
    OldRestart,
    /// The edge that the VM comes to dies and comes back.
    NewRestart,
    /// The hypervisor at the old place resumes the VM by itself.
    SelfResume,
}

impl Flags {
    /// The simulator's parameters for one seed.
    pub(crate) fn params(&self, seed: u64) -> Result<Params, Box<dyn Error>> {
        let plain = Params::new(seed);
        Ok(Params {
            rtt: self.rtt.unwrap_or(plain.rtt),
            pause: self.pause.unwrap_or(plain.pause),
            late: self.late,
            deadline: self.deadline.unwrap_or(plain.deadline),
            rate: self.rate.unwrap_or(plain.rate).max(1),
            frames: self.frames,
            control: Mischief { loss: self.loss, duplicate: self.duplicate, reorder: self.reorder },
            path: match self.path {
                Way::Once => Path::AB,
                Way::Back => Path::ABA,
                Way::On => Path::ABC,
            },
            fault: self.fault.map(|wrong| match wrong {
                Wrong::Abort => Fault::Abort,
                Wrong::NvaRestart => Fault::NvaRestart,
                Wrong::OldRestart => Fault::OldRestart,
                Wrong::NewRestart => Fault::NewRestart,
                Wrong::SelfResume => Fault::SelfResume,
            }),
            fault_at: self.fault_at,
            tenant: self.tenant.as_deref().map(files::read_frames).transpose()?.unwrap_or_default(),
            ..plain
        })
    }
}

/// The command that runs one seed of these arguments again.
pub(crate) fn replay(args: impl Iterator<Item = String>, seed: u64) -> String {
    let mut command = String::from("cargo run --release -p nvo3-mobility --example live_migration --");
    let mut args = args.skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seed" | "--seeds" => _ = args.next(),
            other if other.starts_with("--seed=") || other.starts_with("--seeds=") => {}
            other => command.extend([" ", other]),
        }
    }
    format!("{command} --seed {seed}")
}

fn chance(text: &str) -> Result<Chance, String> {
    let percent: f64 =
        text.trim_end_matches('%').parse().map_err(|_| format!("{text} is no percentage, such as 1%"))?;
    match percent {
        p if (0.0..=100.0).contains(&p) => Ok(Chance((p * 10_000.0).round() as u32)),
        p => Err(format!("{p}% is not between 0% and 100%")),
    }
}

fn time(text: &str) -> Result<Micros, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| format!("{text} is no length of time, such as 5ms"))?;
    let each = match unit {
        "us" | "µs" => 1.0,
        "ms" | "" => 1_000.0,
        "s" => 1_000_000.0,
        _ => return Err(format!("{unit} is no unit: us, ms or s")),
    };
    Ok(Micros((number * each).round() as u64))
}
