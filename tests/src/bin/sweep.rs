//! Measures in the simulator what a move costs, over pause, rate and round trip. No frame is lost if the hold limit suffices; otherwise
//! exactly the frames over the limit are lost. Prints a Markdown table. The exit code is 1 if a cell shows another loss.
//!
//! `cargo run --release -p nvo3-tests --bin sweep`
#![allow(clippy::print_stdout, reason = "this program prints a table")]

use nvo3_mobility::sim::{Params, RunSummary, run};
use nvo3_nva_proto::Micros;
use nvo3_tests::say;
use std::process::ExitCode;

/// How long the VM runs nowhere, in milliseconds.
const PAUSES: [u64; 6] = [1, 10, 50, 200, 1_000, 2_000];
/// Frames a second to the VM, from three correspondents, over IPv4 and IPv6 in turn; as many go back.
const RATES: [u32; 5] = [12, 120, 1_200, 12_000, 99_000];
/// Round-trip times in microseconds.
const ROUND_TRIPS: [u64; 4] = [100, 1_000, 10_000, 50_000];
/// How many correspondents send to the VM.
const FLOWS: u32 = 3;

fn main() -> ExitCode {
    say!("| pause | frames/s to the VM | RTT | datagrams | held | over the hold limit | lost | duplicated |");
    say!("|---|---|---|---|---|---|---|---|");
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
    say!("\n{wrong} cells have losses or duplicates that the hold limit does not explain");
    ExitCode::FAILURE
}

/// Runs one world and prints its row; true if its losses are those of the hold limit.
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
    say!("| {pause} ms | {rate} | {rtt} ms | {sent} | {held} | {over} | {lost}{mark} | {duplicated} |");
    right
}
