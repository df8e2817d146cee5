//! `nvad`: the authority (NVA) of an overlay, on Linux.
//!
//! A loop around [`nvo3_mobility::nva::Nva`]. The inputs are the datagrams of edges, the requests of `nvoctl`, the numbers of durable
//! records, and the time. The outputs are datagrams, records and replies. A message that rests on a record leaves only once that record
//! is durable, and the loop never waits for the disk. The library of this package has the store and the sockets.

mod addresses;
mod allow;
mod authority;
mod config;
mod control;
mod show;
mod start;
mod waiters;
mod words;

use authority::{Authority, Happened};
use config::Config;
use nvoctl::clock;
use nvoctl::daemon::{Calls, asked_to_end, keep_only, log};
use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    let config = Config::from_args();
    log();
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nvad: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config) -> Result<(), Box<dyn Error>> {
    keep_only(&[])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let calls = Calls::listen(&config.socket)?;
        serve(start::authority(config)?, calls).await
    })
}

/// Runs until a signal, or until the store fails: without it the authority must promise nothing more.
async fn serve(mut authority: Authority, mut calls: Calls) -> Result<(), Box<dyn Error>> {
    let mut ending = std::pin::pin!(asked_to_end());
    loop {
        let due = authority.carry_out(clock::now());
        // The network is served last, so that a flood does not keep the other inputs waiting.
        tokio::select! {
            biased;
            ended = &mut ending => {
                ended?;
                tracing::info!("asked to end: nvad answers no more and ends once every record is durable");
                break;
            }
            Some(call) = calls.next() => authority.answer(clock::now(), call),
            () = tokio::time::sleep(due) => {}
            happened = authority.happened() => match happened {
                Happened::Persisted(upto) => authority.release(clock::now(), upto),
                Happened::StoreFailed => {
                    tracing::error!("the store has failed: nvad answers no more and ends");
                    break;
                }
                Happened::Heard => {
                    authority.receive(clock::now());
                    // Lets the other tasks and the signals have their turn.
                    tokio::task::yield_now().await;
                }
            }
        }
    }
    Ok(authority.end()?)
}
