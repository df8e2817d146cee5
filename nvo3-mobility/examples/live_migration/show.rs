//! The output: timeline, table, and one line about many runs.

use nvo3_mobility::sim::{Line, Run, RunSummary, What};
use serde_json::{Value, json};
use std::fmt;
use std::io::{self, Write};

/// Prints the timeline from the beginning of traffic on, in milliseconds since then.
pub(crate) fn timeline(out: &mut impl Write, run: &Run, verbose: bool) -> io::Result<()> {
    let wanted = |line: &&Line| {
        let noise = match &line.what {
            What::Said { message, .. } => message.starts_with("Ack") || message.starts_with("Keepalive"),
            What::Did { what, .. } => is_step_within(what),
            _ => false,
        };
        line.at >= run.began && (verbose || !noise)
    };
    for line in run.timeline.lines().iter().filter(wanted) {
        let text = line.to_string();
        let what = text.split_once(' ').map_or("", |(_, rest)| rest);
        let after = (line.at - run.began).0;
        writeln!(out, "{:>8}.{:03} ms {what}", after / 1_000, after % 1_000)?;
    }
    Ok(())
}

/// True if a change of state leaves the state's name as it is: `move1: committing -> committing`.
fn is_step_within(what: &str) -> bool {
    let states = what.split_once(": ").and_then(|(_, states)| states.split_once(" -> "));
    states.is_some_and(|(from, to)| from == to)
}

/// Prints what the move cost.
pub(crate) fn table(out: &mut impl Write, report: &RunSummary) -> io::Result<()> {
    writeln!(out)?;
    let time = |us: Option<u64>| us.map_or("-".to_string(), |us| format!("{}.{:03} ms", us / 1_000, us % 1_000));
    for done in &report.moves {
        let result = done.result.unwrap_or("not ended");
        writeln!(out, "move {}: {result}, {} from prepare to its end", done.id, time(done.took_us))?;
    }
    let (pause, converged) = (time(report.pause_us), time(report.converged_us));
    writeln!(out, "the VM ran nowhere for {pause}; every interested edge followed {converged} after it ran again")?;
    writeln!(out)?;
    let rows = [
        ("sent", report.sent),
        ("delivered", report.delivered),
        ("lost", report.lost),
        ("duplicated", report.duplicated),
        ("reordered", report.reordered),
        ("held", report.held),
        ("tunnelled", report.tunnelled),
        ("replayed", report.replayed),
        ("in a dead node", report.in_dead_node),
        ("to a down node", report.to_down_node),
        ("over the ask limit", report.asked_overflow),
    ];
    for (name, count) in rows {
        writeln!(out, "{name:>20} {count:>8}")?;
    }
    for (reason, count) in &report.dropped {
        writeln!(out, "{:>20} {count:>8}", format!("dropped {reason}"))?;
    }
    if let Some(tenant) = &report.tenant {
        writeln!(out)?;
        writeln!(
            out,
            "tenant's frames: {} sent, {} answered by the edge, {} refused, {} arrived, {} missing, {} again; {}",
            tenant.sent,
            tenant.answered,
            tenant.refused,
            tenant.received,
            tenant.missing,
            tenant.again,
            if tenant.identical { "identical and in order" } else { "NOT identical" }
        )?;
    }
    Ok(())
}

/// The sums of many runs.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    seeds: u64,
    total: RunSummary,
    moves: u64,
    ended: u64,
    committed: u64,
    pub(crate) violated: u64,
}

impl Sum {
    pub(crate) fn add(&mut self, run: &RunSummary, good: bool) {
        let total = &mut self.total;
        for (sum, value) in [
            (&mut total.sent, run.sent),
            (&mut total.lost, run.lost),
            (&mut total.duplicated, run.duplicated),
            (&mut total.reordered, run.reordered),
            (&mut total.held, run.held),
            (&mut total.tunnelled, run.tunnelled),
            (&mut total.replayed, run.replayed),
            (&mut total.in_dead_node, run.in_dead_node),
            (&mut total.to_down_node, run.to_down_node),
            (&mut total.asked_overflow, run.asked_overflow),
        ] {
            *sum += value;
        }
        self.seeds += 1;
        self.moves += run.moves.len() as u64;
        self.ended += run.moves.iter().filter(|done| done.result.is_some()).count() as u64;
        self.committed += run.moves.iter().filter(|done| done.result == Some("committed")).count() as u64;
        self.violated += u64::from(!good);
    }

    fn figures(&self) -> [(&'static str, u64); 15] {
        let total = &self.total;
        [
            ("seeds", self.seeds),
            ("sent", total.sent),
            ("lost", total.lost),
            ("duplicated", total.duplicated),
            ("reordered", total.reordered),
            ("held", total.held),
            ("tunnelled", total.tunnelled),
            ("replayed", total.replayed),
            ("in-dead-node", total.in_dead_node),
            ("to-down-node", total.to_down_node),
            ("asked-overflow", total.asked_overflow),
            ("moves", self.moves),
            ("ended", self.ended),
            ("committed", self.committed),
            ("violations", self.violated),
        ]
    }

    /// The figures as one JSON object.
    pub(crate) fn json(&self) -> Value {
        self.figures().into_iter().map(|(name, count)| (name.replace('-', "_"), json!(count))).collect()
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures: Vec<String> = self.figures().iter().map(|(name, count)| format!("{name} {count}")).collect();
        f.write_str(&figures.join(" "))
    }
}
