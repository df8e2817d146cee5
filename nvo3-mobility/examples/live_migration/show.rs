//! What is printed.

use nvo3_mobility::sim::{Line, Run, RunSummary, What};
use std::fmt;

/// The lines from the beginning of traffic on, in milliseconds since then.
pub(crate) fn timeline(run: &Run, verbose: bool) {
    let wanted = |line: &&Line| {
        let noise = match &line.what {
            What::Said { message, .. } => message.starts_with("Ack") || message.starts_with("Keepalive"),
            _ => false,
        };
        line.at >= run.began && (verbose || !noise)
    };
    for line in run.timeline.lines().iter().filter(wanted) {
        let text = line.to_string();
        let what = text.split_once(' ').map_or("", |(_, rest)| rest);
        let after = (line.at - run.began).0;
        println!("{:>8}.{:03} ms {what}", after / 1_000, after % 1_000);
    }
}

/// What the move cost.
pub(crate) fn table(report: &RunSummary) {
    println!();
    let time = |us: Option<u64>| us.map_or("-".to_string(), |us| format!("{}.{:03} ms", us / 1_000, us % 1_000));
    for done in &report.moves {
        println!("move {}: {} after {}", done.id, done.result.unwrap_or("not ended"), time(done.took_us));
    }
    println!("pause {}, converged {} after it", time(report.pause_us), time(report.converged_us));
    println!();
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
        println!("{name:>20} {count:>8}");
    }
    for (reason, count) in &report.dropped {
        println!("{:>20} {count:>8}", format!("dropped {reason}"));
    }
    if let Some(tenant) = &report.tenant {
        println!();
        println!(
            "tenant's frames: {} sent, {} answered by the edge, {} refused, {} arrived, {} missing, {} again; {}",
            tenant.sent,
            tenant.answered,
            tenant.refused,
            tenant.received,
            tenant.missing,
            tenant.again,
            if tenant.identical { "identical and in order" } else { "NOT identical" }
        );
    }
}

/// Many runs in one line.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    seeds: u64,
    total: RunSummary,
    moves: usize,
    ended: usize,
    committed: usize,
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
        self.moves += run.moves.len();
        self.ended += run.moves.iter().filter(|done| done.result.is_some()).count();
        self.committed += run.moves.iter().filter(|done| done.result == Some("committed")).count();
        self.violated += u64::from(!good);
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunSummary { sent, lost, duplicated, reordered, held, tunnelled, .. } = self.total;
        let RunSummary { replayed, in_dead_node, to_down_node, asked_overflow, .. } = self.total;
        let Self { seeds, moves, ended, committed, violated, .. } = self;
        write!(f, "seeds {seeds} sent {sent} lost {lost} duplicated {duplicated} reordered {reordered} held {held} ")?;
        write!(
            f,
            "tunnelled {tunnelled} replayed {replayed} in-dead-node {in_dead_node} to-down-node {to_down_node} "
        )?;
        write!(
            f,
            "asked-overflow {asked_overflow} moves {moves} ended {ended} committed {committed} violations {violated}"
        )
    }
}
