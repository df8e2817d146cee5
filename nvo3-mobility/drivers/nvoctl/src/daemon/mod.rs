//! What both daemons need around their machine: the socket that `nvoctl` speaks to, logs, capabilities, an orderly end.

mod caller;
mod privileges;
mod socket;
mod unbelieved;

pub use caller::Caller;
pub use caps::Capability;
pub use privileges::keep_only;
pub use socket::{Call, Calls, Error};
pub use unbelieved::Unbelieved;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Logs to stderr, as `RUST_LOG` says, else from `info` on.
pub fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}

/// Waits for Ctrl-C or SIGTERM.
///
/// # Errors
/// The signals cannot be waited for.
pub async fn asked_to_end() -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
