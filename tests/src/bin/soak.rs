//! Runs `nvad` and three `nved` in namespaces for a long time: a VM moves there and back without a pause, 5,000 TSIs are attached and
//! detached at one edge, and programs are killed and started again. Prints a Markdown table with the memory of each program and the
//! length of the store, one row a minute. Ends with an error if one of them grows. Needs root.
//!
//! The authority remembers the last 65,536 TSIs that went and the last 65,536 moves that ended, so its memory grows until these stores are
//! full, and that is no fault. The first is full after 14 rounds of 5,000 TSIs, in the first minutes. So the second half of the run is
//! judged, by its slope: the median of the slopes between every two minutes, which one step of the allocator does not change. Programs are
//! killed in the first half only, because a new process has other memory. The store of moves does not fill in a run; what the moves
//! of an hour take in it is allowed. At the end it says how long each store takes until it is full at the rates of this run.
//!
//! `cargo run --release -p nvo3-tests --bin soak -- --minutes 30`
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a measurement is a test")]

use clap::Parser;
use nvo3_mobility::Transport;
use nvo3_mobility::nva::NvaConfig;
use nvo3_tests::netns::{Answer, Fabric, Family, Overlay, Station, VNI, Vm, missing};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
/// The ports that come and go, and the TSIs behind each.
const PORTS: u32 = 10;
const TSIS: u32 = 500;
/// KiB by which a program may grow in an hour: what the noise of 15 minutes can look like. A leak of some bytes for each TSI that comes and
/// goes is more.
const GROWTH: f64 = 4_096.0;
/// KiB that the authority and its store keep of a move that has ended, at most.
const ENDED_MOVE: f64 = 0.25;
/// The programs and the store in a row.
const NAMES: [&str; 5] = ["nvad", "h1", "h2", "h3", "the store"];

#[derive(Parser)]
struct Args {
    /// The length of the run, in minutes: at least 6. A short run judges what is only noise.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(6..))]
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
    let remembered = NvaConfig::new(Transport::Trusted);
    let (mut rows, mut gone_at_half) = (Vec::new(), 0);
    for minute in 1..=minutes {
        rows.push(soak.minute(minute, minute <= minutes / 2));
        if minute <= minutes / 2 {
            gone_at_half = soak.rounds;
        }
    }
    let of_an_hour = |count: u32| f64::from(count) * 60.0 / minutes as f64;
    for (what, most, count) in [
        ("TSIs that went", remembered.tombstones, soak.rounds),
        ("moves that ended", remembered.ended_moves, soak.moves),
    ] {
        println!(
            "the store of {most} {what} is full after {:.0} minutes",
            f64::from(most) * minutes as f64 / f64::from(count)
        );
    }
    if gone_at_half < remembered.tombstones {
        println!(
            "not judged: only {gone_at_half} TSIs went in the first half, so the second half still fills their store"
        );
        return ExitCode::FAILURE;
    }

    let mut grew = false;
    for (what, name) in NAMES.into_iter().enumerate() {
        let half: Vec<u64> = rows[rows.len() / 2..].iter().map(|row: &Row| row[what]).collect();
        let (growth, moves) = (slope(&half) * 60.0, of_an_hour(soak.moves) * ENDED_MOVE);
        let allowed = GROWTH + if ["nvad", "the store"].contains(&name) { moves } else { 0.0 };
        println!("{name} grows by {growth:.0} KiB in an hour; {allowed:.0} are allowed");
        grew |= growth > allowed;
    }
    if grew { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The median of the slopes between every two values, in units of a value for each step.
fn slope(values: &[u64]) -> f64 {
    let pairs = values.iter().enumerate().flat_map(|(n, later)| {
        values[..n].iter().enumerate().map(move |(m, earlier)| (*later as f64 - *earlier as f64) / (n - m) as f64)
    });
    let mut slopes: Vec<f64> = pairs.collect();
    slopes.sort_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied().unwrap_or_default()
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

    fn minute(&mut self, minute: u64, may_kill: bool) -> Row {
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
        match minute % 8 {
            2 if may_kill => {
                self.overlay.kill_nvad();
                self.overlay.start_nvad();
                self.killed += 1;
            }
            5 if may_kill => {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_most_values() {
        assert_eq!(slope(&[5, 5, 5, 5, 5]), 0.0);
        assert_eq!(slope(&[10, 12, 14, 16, 18]), 2.0);
        assert_eq!(slope(&[10, 10, 10, 900, 10, 10, 10]), 0.0, "one step back and forth");
        assert_eq!(slope(&[]), 0.0);
    }
}
