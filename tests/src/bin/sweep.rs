//! What a move costs over pause, rate and round trip, in the simulator: nothing where the hold limit suffices, and exactly
//! what is over it where it does not. A Markdown table; the exit code is 1 where a cell says something else.
//!
//! `cargo run --release -p nvo3-tests --bin sweep`
#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use nvo3_mobility::sim::{Params, RunSummary, run};
use nvo3_nva_proto::Micros;
use std::process::ExitCode;

/// Milliseconds.
const PAUSES: [u64; 6] = [1, 10, 50, 200, 1_000, 2_000];
/// Frames a second to the VM, from three correspondents, over both families in turn; as many go back.
const RATES: [u32; 5] = [12, 120, 1_200, 12_000, 99_000];
/// Microseconds.
const ROUND_TRIPS: [u64; 4] = [100, 1_000, 10_000, 50_000];
/// Correspondents.
const FLOWS: u32 = 3;

fn main() -> ExitCode {
    println!("| pause | frames/s to the VM | RTT | datagrams | held | over the hold limit | lost | duplicated |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut wrong = 0;
    for pause in PAUSES {
        for rate in RATES {
            for rtt in ROUND_TRIPS {
                wrong += u32::from(!cell(pause, rate, rtt));
            }
        }
    }
    if wrong == 0 {
        return ExitCode::SUCCESS;
    }
    println!("\n{wrong} cells lost, or delivered twice, what the hold limit does not explain");
    ExitCode::FAILURE
}

/// Runs one world, prints its row, and says whether its losses are those of the limit.
fn cell(pause: u64, rate: u32, rtt: u64) -> bool {
    let params = Params {
        pause: Micros::from_millis(pause),
        rate: rate / FLOWS,
        rtt: Micros(rtt),
        deadline: Micros::from_secs(10),
        ..Params::new(1)
    };
    let limit = u64::from(params.hold.frames);
    let RunSummary { sent, held, lost, duplicated, asked_overflow, .. } = run(params).summary;
    let over = held.saturating_sub(limit);
    let right = lost == over && duplicated == 0 && asked_overflow == 0;
    let mark = if right { "" } else { " **wrong**" };
    let rtt = rtt as f64 / 1_000.0;
    println!("| {pause} ms | {rate} | {rtt} ms | {sent} | {held} | {over} | {lost}{mark} | {duplicated} |");
    right
}
