//! What `nvoctl` and the daemons say to each other over a Unix socket, one JSON value a line: a [`Request`] in, one
//! [`Reply`] out, and for [`Request::Watch`] as many as there are.
//!
//! The command is the client; feature `daemon` has the daemons' side. A script can rely on the command's exit codes:
//!
//! | code | |
//! |---|---|
//! | 0 | it is done; a move is committed |
//! | 1 | refused, and nothing changed; `migrate`: or what it says last |
//! | 2 | the command line is wrong |
//! | 3 | no daemon there, or it went away before it answered |
//! | 4 | the move ended aborted: the VM's place is where it was |
//! | 5 | timed out; what was asked may still happen |

mod api;
pub mod clock;
#[cfg(feature = "daemon")]
pub mod daemon;
pub mod keys;
mod port;

pub use api::{Reply, Request, What};
pub use port::{Port, PortError, PortKind, Station};

/// The UDP port of the NVE–NVA protocol where nothing else is configured, of the dynamic range.
pub const CONTROL_PORT: u16 = 61_635;

/// Where `nved` listens for `nvoctl` where nothing else is configured.
pub const NVED_SOCKET: &str = "/run/nvo3/nved.sock";

/// Where `nvad` listens for `nvoctl` where nothing else is configured.
pub const NVAD_SOCKET: &str = "/run/nvo3/nvad.sock";
