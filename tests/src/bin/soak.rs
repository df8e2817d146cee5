//! Runs `nvad` and three `nved` in namespaces for a long time: a VM moves there and back without a pause, 5,000 TSIs are attached and
//! detached at one edge, and programs are killed and started again. Prints a Markdown table with the memory of each program and the
//! length of the store, one row a minute. Ends with an error if one of them grew from the first half to the second. Needs root.
//!
//! `cargo run --release -p nvo3-tests --bin soak -- --minutes 30`
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a measurement is a test")]

use clap::Parser;
use nvo3_tests::netns::{Answer, Fabric, Family, Overlay, Station, VNI, Vm, missing};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
/// The ports that come and go, and the TSIs behind each.
const PORTS: u32 = 10;
const TSIS: u32 = 500;
/// KiB that a program may have more in the second half than in the first: the allocator keeps pages as it likes.
const TOLERANCE: u64 = 4_096;

#[derive(Parser)]
struct Args {
    /// The length of the run, in minutes: at least 2.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..))]
    minutes: u64,
}

/// KiB of `nvad`, of each edge, and of the store.
type Row = [u64; 5];

struct Soak {
    overlay: Overlay,
    vm: Vm,
    at: u8,
    moves: u32,
    rounds: u32,
    killed: u32,
}

fn main() -> ExitCode {
    let Args { minutes } = Args::parse();
    if let Some(why) = missing() {
        println!("skipped: {why}");
        return ExitCode::SUCCESS;
    }
    let mut soak = Soak::new();
    println!(
        "| minute | moves | attached and detached | killed | nvad, KiB | h1, KiB | h2, KiB | h3, KiB | store, KiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let rows: Vec<Row> = (1..=minutes).map(|minute| soak.minute(minute)).collect();

    let (first, second) = rows.split_at(rows.len() / 2);
    let largest = |rows: &[Row], what: usize| rows.iter().map(|row| row[what]).max().unwrap_or(0);
    let grew: Vec<_> = ["nvad", "h1", "h2", "h3", "the store"]
        .into_iter()
        .enumerate()
        .map(|(what, name)| (name, largest(first, what), largest(second, what)))
        .filter(|(_, before, after)| *after > before + before / 10 + TOLERANCE)
        .collect();
    for (name, before, after) in &grew {
        println!("{name} grew from {before} KiB to {after} KiB");
    }
    if grew.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Soak {
    fn new() -> Self {
        let fabric = Fabric::new();
        let vm = Vm::new("vm", Station::new(10), &[fabric.host(1), fabric.host(2)]);
        let mut overlay = Overlay::new(fabric, Family::V4);
        overlay.port(1, "vm0", &vm.station, "active");
        overlay.port(2, "vm0", &vm.station, "");
        overlay.start();
        Self { overlay, vm, at: 1, moves: 0, rounds: 0, killed: 0 }
    }

    fn minute(&mut self, minute: u64) -> Row {
        let begun = Instant::now();
        while begun.elapsed() < MINUTE {
            self.come_and_go();
            (0..10).for_each(|_| self.move_once());
        }
        let edges = [1, 2, 3].map(|n| self.overlay.edge(n).resident());
        let store = std::fs::metadata(self.overlay.data().join("nva.redb")).unwrap().len() / 1_024;
        let row = [self.overlay.authority().resident(), edges[0], edges[1], edges[2], store];
        let [nvad, h1, h2, h3, store] = row;
        let (moves, rounds, killed) = (self.moves, self.rounds, self.killed);
        println!("| {minute} | {moves} | {rounds} | {killed} | {nvad} | {h1} | {h2} | {h3} | {store} |");
        // Long lives show what grows: each program is killed once in some minutes.
        match minute % 8 {
            2 => {
                self.overlay.kill_nvad();
                self.overlay.start_nvad();
                self.killed += 1;
            }
            5 => {
                let n = 3 - self.at;
                self.overlay.kill_nved(n);
                self.overlay.nobody_runs_at(n);
                self.overlay.start_nved(n);
                self.killed += 1;
            }
            _ => {}
        }
        (1..=3).for_each(|n| self.overlay.connected(n));
        row
    }

    /// Attaches and detaches TSIs at host 3.
    fn come_and_go(&mut self) {
        for port in 0..PORTS {
            let station = |n: u32| {
                let [_, b, c, d] = (port * TSIS + n).to_be_bytes();
                format!(",mac=02:77:00:{b:02x}:{c:02x}:{d:02x},ip=10.{b}.{c}.{d}")
            };
            let stations: String = (1..=TSIS).map(station).collect();
            let spec = format!("many{port},vni={VNI},kind=tap{stations},active");
            done(&self.overlay.nvoctl("h3", &["attach", &spec]));
        }
        for port in 0..PORTS {
            done(&self.overlay.nvoctl("h3", &["detach", &format!("many{port}")]));
        }
        self.rounds += PORTS * TSIS;
    }

    /// Moves the VM to the other host.
    fn move_once(&mut self) {
        self.moves += 1;
        let (id, from, to) = (self.moves.to_string(), self.at, 3 - self.at);
        let about = |daemon: &str, command: &str, words: &[&str]| {
            done(&self.overlay.about(daemon, command, &self.vm.station, &[&["--move", &id], words].concat()));
        };
        about("nvad", "prepare", &["--to", &to.to_string(), "--deadline", "20s"]);
        about(&format!("h{from}"), "suspend", &[]);
        self.vm.pause();
        about(&format!("h{to}"), "activate", &[]);
        self.vm.resume_at(usize::from(to) - 1);
        done(&self.overlay.nvoctl("nvad", &["outcome", &id]));
        self.at = to;
    }
}

fn done(answer: &Answer) {
    assert_eq!(answer.code, 0, "{}", answer.text);
}
