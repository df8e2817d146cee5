//! `nved`: an edge (NVE) on Linux.
//!
//! It drives [`nvo3_mobility::nve::Nve`] and [`nvo3_mobility::forwarder::Forwarder`]. Access ports are taps and packet sockets, the
//! underlay is VXLAN over UDP, the authority is reached by UDP, and `nvoctl` by a Unix socket. [`edge`] has the loop; the library of
//! this package has the sockets.

mod config;
mod edge;

use config::Config;
use nved::{kernel, links, port, ready, underlay};
use nvoctl::daemon::{self, Calls, Capability};
use std::process::ExitCode;

fn main() -> ExitCode {
    let config = Config::from_args();
    daemon::log();
    match run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nved: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: &Config) -> Result<(), Box<dyn std::error::Error>> {
    daemon::keep_only(&[Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let calls = Calls::listen(&config.socket)?;
        let edge = edge::Edge::open(config)?;
        edge.run(calls, daemon::asked_to_end()).await?;
        Ok(())
    })
}
