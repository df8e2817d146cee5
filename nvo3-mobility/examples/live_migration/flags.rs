//! What the command line can say.

use crate::files;
use clap::{Parser, ValueEnum};
use nvo3_mobility::sim::{Chance, Fault, Mischief, Params, Path};
use nvo3_nva_proto::Micros;
use std::error::Error;
use std::path::PathBuf;

/// Moves a virtual machine between the edges of a simulated overlay and says what that cost its traffic.
///
/// Everything is decided by the flags: the same flags give the same run, byte for byte.
#[derive(Debug, Parser)]
#[command(name = "live_migration")]
pub(crate) struct Flags {
    /// What decides all that chance decides.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Run this many seeds, from --seed on, and print one line about them all.
    #[arg(long)]
    pub(crate) seeds: Option<u64>,
    /// Print one JSON object instead of timeline and table.
    #[arg(long)]
    pub(crate) json: bool,
    /// Show acknowledgements and keepalives in the timeline too.
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Messages lost between edges and authority, such as 1%.
    #[arg(long, value_parser = chance, default_value = "0%")]
    pub(crate) loss: Chance,
    /// Messages there that others may overtake.
    #[arg(long, value_parser = chance, default_value = "0%")]
    pub(crate) reorder: Chance,
    /// Messages there that arrive twice.
    #[arg(long, value_parser = chance, default_value = "0%", num_args = 0..=1, default_missing_value = "5%")]
    pub(crate) duplicate: Chance,
    /// Between any two nodes and back.
    #[arg(long, value_parser = time)]
    pub(crate) rtt: Option<Micros>,
    /// How long the VM runs nowhere.
    #[arg(long, value_parser = time)]
    pub(crate) pause: Option<Micros>,
    /// How long after the VM stopped its hypervisor says so, with the time; before it stops where not said.
    #[arg(long, value_parser = time)]
    pub(crate) late: Option<Micros>,
    /// Until a move is called off by itself.
    #[arg(long, value_parser = time)]
    pub(crate) deadline: Option<Micros>,
    /// Datagrams per second from each host to each of its peers.
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// Datagrams from each host to each of its peers, instead of as many as the move lasts.
    #[arg(long)]
    pub(crate) frames: Option<u32>,
    /// Where the VM goes.
    #[arg(long, value_enum, default_value = "A-B")]
    pub(crate) path: Way,
    /// What goes wrong.
    #[arg(long, value_enum)]
    pub(crate) fault: Option<Wrong>,
    /// When it does: after the move was asked for (self-resume: after the VM stopped). By the seed where not said.
    #[arg(long, value_parser = time)]
    pub(crate) fault_at: Option<Micros>,
    /// Play the Ethernet frames of this capture to the VM and compare what arrives.
    #[arg(long)]
    pub(crate) tenant: Option<PathBuf>,
    /// Write what each link carried, as pcapng with an interface for each link.
    #[arg(long)]
    pub(crate) pcap: Option<PathBuf>,
    /// Write the timeline as a Mermaid sequence diagram.
    #[arg(long)]
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
    /// The edge that it comes to dies and comes back.
    NewRestart,
    /// The source's hypervisor resumes the VM by itself.
    SelfResume,
}

impl Flags {
    /// The world that they shape.
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
    let percent: f64 = text.trim_end_matches('%').parse().map_err(|_| format!("{text} is no percentage"))?;
    match percent {
        p if (0.0..=100.0).contains(&p) => Ok(Chance((p * 10_000.0).round() as u32)),
        p => Err(format!("{p}% is not between 0% and 100%")),
    }
}

fn time(text: &str) -> Result<Micros, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| format!("{text} is no length of time"))?;
    let each = match unit {
        "us" | "µs" => 1.0,
        "ms" | "" => 1_000.0,
        "s" => 1_000_000.0,
        _ => return Err(format!("{unit} is no unit: us, ms or s")),
    };
    Ok(Micros((number * each).round() as u64))
}
