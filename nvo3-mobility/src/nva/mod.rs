//! The authority: the directory, who is interested in it, sessions with NVEs, moves and their journal.
//!
//! In come management's words ([`Input`]) and datagrams of NVEs. Out go datagrams, [`Record`]s to be made durable before what
//! depends on them leaves, and [`Event`]s for management. How a move goes is the table in [`rules`]; the rest of this room is
//! the directory, sessions, clocks, bounds and counters around it. (VMM-4.2-03, VMM-6, DAP, DIR-06 … DIR-13, EVM-05, R-03, R-34.)

mod compact;
mod conduct;
mod config;
mod directory;
mod io;
mod journal;
mod machine;
mod members;
mod moves;
mod requests;
pub mod rules;
#[cfg(feature = "auth")]
mod sealed;
mod sessions;

pub use compact::superseded;
pub use config::NvaConfig;
pub use io::{Error, Event, Input, NvaCounters, Peer, Timer};
pub use journal::Record;
pub use machine::Nva;
pub use moves::Standing;
