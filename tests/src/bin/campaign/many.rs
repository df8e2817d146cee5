//! Many worlds at once, and what they come to.

use crate::{Flags, invariants, shrunk, timeline};
use nvo3_mobility::sim::{self, Loss, Run, Visited};
use nvo3_tests::say;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The most failing worlds that are shrunk and shown.
const SHOWN: u64 = 5;
/// The most failing worlds that are named; the others are only counted.
const NAMED: u64 = 100;

/// The sums of all worlds. Their text is the campaign's last line.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    worlds: u64,
    moves: u64,
    frames: u64,
    violations: u64,
    moves_by_result: BTreeMap<&'static str, u64>,
    mishaps: BTreeMap<&'static str, u64>,
    losses: BTreeMap<Loss, u64>,
    visited: Visited,
}

impl Sum {
    pub(crate) fn add(&mut self, run: &Run) {
        self.worlds += 1;
        self.moves += run.summary.moves.len() as u64;
        self.frames += run.summary.sent;
        self.violations += run.violations.len() as u64;
        for one in &run.summary.moves {
            *self.moves_by_result.entry(one.result.unwrap_or("not ended")).or_default() += 1;
        }
        for (kind, count) in &run.mishaps {
            *self.mishaps.entry(kind).or_default() += count;
        }
        for (loss, count) in &run.losses {
            *self.losses.entry(*loss).or_default() += count;
        }
        self.visited.join(&run.visited);
    }

    fn join(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.moves += other.moves;
        self.frames += other.frames;
        self.violations += other.violations;
        for (result, count) in other.moves_by_result {
            *self.moves_by_result.entry(result).or_default() += count;
        }
        for (kind, count) in other.mishaps {
            *self.mishaps.entry(kind).or_default() += count;
        }
        for (loss, count) in other.losses {
            *self.losses.entry(loss).or_default() += count;
        }
        self.visited.join(&other.visited);
    }

    fn figures(&self, took: Duration) {
        say!("{:.0} worlds/s", self.worlds as f64 / took.as_secs_f64().max(1e-6));
        say!("moves: {}", listed(self.moves_by_result.iter()));
        say!("faults: {}", listed(self.mishaps.iter()));
        say!("frames lost: {}", listed(self.losses.iter()));
        let (edge, authority) = (&self.visited.edge, &self.visited.authority);
        let (no_edge, no_authority) = self.visited.never();
        say!("states of an edge's table: {}; never: {}", names(edge), names(&no_edge));
        say!("states of the authority's table: {}; never: {}", names(authority), names(&no_authority));
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worlds, moves, frames, violations, .. } = self;
        let faults: u64 = self.mishaps.values().sum();
        write!(f, "worlds {worlds} moves {moves} frames {frames} faults {faults} violations {violations}")
    }
}

fn listed<'a>(counts: impl Iterator<Item = (impl fmt::Display, &'a u64)>) -> String {
    let counts: Vec<_> = counts.map(|(name, count)| format!("{name} {count}")).collect();
    if counts.is_empty() { "none".into() } else { counts.join(", ") }
}

fn names<'a>(names: impl IntoIterator<Item = &'a &'static str>) -> String {
    let names: Vec<_> = names.into_iter().copied().collect();
    if names.is_empty() { "none".into() } else { names.join(" ") }
}

/// Runs all seeds of the flags; true if no invariant is violated.
pub(crate) fn run(flags: &Flags) -> Result<bool, Box<dyn Error>> {
    let jobs = match flags.jobs {
        Some(jobs) => jobs.max(1),
        None => thread::available_parallelism().map_or(1, usize::from),
    };
    let began = Instant::now();
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let sum = Mutex::new(Sum::default());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let mut own = Sum::default();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let late = flags.seconds.is_some_and(|seconds| began.elapsed().as_secs() >= seconds);
                    if n >= flags.worlds || late {
                        break;
                    }
                    let seed = flags.from + n;
                    let run = sim::run_scenario(flags.world_of(seed)).unwrap();
                    if let Some(first) = run.violations.first() {
                        match failed.fetch_add(1, Ordering::Relaxed) {
                            0..SHOWN => show(flags, seed, &run),
                            SHOWN..NAMED => say!("seed {seed}: {first}"),
                            _ => {}
                        }
                    }
                    own.add(&run);
                }
                sum.lock().unwrap().join(own);
            });
        }
    });
    let sum = sum.into_inner()?;
    let failed = failed.into_inner();
    if failed > 0 {
        say!("{failed} worlds break an invariant");
    }
    sum.figures(began.elapsed());
    say!("{sum}");
    Ok(sum.violations == 0)
}

/// Prints a failing world: the violations, the command that runs it again, and the small world that it shrinks to with its timeline.
fn show(flags: &Flags, seed: u64, run: &Run) {
    let mut text =
        format!("seed {seed}: cargo run --release -p nvo3-tests --bin campaign -- --seed {seed} --timeline\n");
    for violation in run.violations.iter().take(3) {
        text += &format!("  violation: {violation}\n");
    }
    let mut small = shrunk(flags.world_of(seed), &invariants(run));
    if let Ok(json) = serde_json::to_string(&small) {
        text += &format!("  shrunk (--world FILE.json): {json}\n");
    }
    small.record.timeline = true;
    if let Ok(run) = sim::run_scenario(small) {
        text += &timeline(&run);
    }
    say!("{text}");
}
