//! The parts of a daemon around its machine: the socket for `nvoctl`, the file of settings, keys, logs, capabilities, an orderly end.
//!
//! ```no_run
//! use nvoctl::daemon::{Calls, asked_to_end, keep_only, log};
//! use nvoctl::{Reply, Request};
//! use std::path::Path;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! log();
//! keep_only(&[])?;
//! let mut calls = Calls::listen(Path::new("/run/nvo3/mine.sock"))?;
//! let mut end = std::pin::pin!(asked_to_end());
//! loop {
//!     tokio::select! {
//!         Some(call) = calls.next() => {
//!             call.caller.reply(match call.request {
//!                 Request::Status => Reply::Shown("well".into()),
//!                 _ => Reply::refused("this daemon answers status only"),
//!             });
//!         }
//!         ended = &mut end => return Ok(ended?),
//!     }
//! }
//! # }
//! ```

mod caller;
mod checks;
mod privileges;
mod settings;
mod socket;
mod unbelieved;
mod watchers;

pub use caller::Caller;
pub use caps::Capability;
pub use checks::{check_host, check_loopback, check_socket};
pub use privileges::keep_only;
pub use settings::{SettingsError, flags_or_file, one_or_many, settings};
pub use socket::{Call, Calls, Error};
pub use unbelieved::Unbelieved;
pub use watchers::Watchers;

use crate::keys::{KeysError, Trust};
use nvo3_nva_proto::auth::Keys;
use nvo3_nva_proto::seals::Transport;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Logs to stderr: the events that the environment variable `RUST_LOG` selects, or the levels from `info` on by default.
pub fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}

/// The transport for the daemon's machine. The log says if it is a trusted one.
///
/// # Errors
/// Those of [`keys::read`](crate::keys::read).
pub fn transport(trust: &Trust) -> Result<Transport, KeysError> {
    let transport = trust.transport()?;
    match &transport {
        Transport::Sealed(keys) => {
            tracing::info!(keys = keys.len(), "the messages of NVEs and NVA are authenticated by the file of keys")
        }
        _ => {
            tracing::warn!(
                "trusted-transport: the messages of NVEs and NVA are not authenticated, whoever can send to this address is believed"
            );
        }
    }
    Ok(transport)
}

/// Reads the file of keys again, for [`Request::ReloadKeys`](crate::Request::ReloadKeys).
///
/// # Errors
/// Those of [`keys::read`](crate::keys::read), and [`KeysError::NoFile`] if the transport is trusted.
pub fn reload_keys(trust: &Trust) -> Result<Keys, KeysError> {
    let Transport::Sealed(keys) = trust.transport()? else { return Err(KeysError::NoFile) };
    tracing::info!(keys = keys.len(), "the file of keys was read again");
    Ok(keys)
}

/// Waits for Ctrl-C or SIGTERM.
///
/// # Errors
/// The system's error if it does not let the process wait for these signals.
pub async fn asked_to_end() -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
