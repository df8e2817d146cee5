//! The edge's control plane: attachments, mappings of stations elsewhere, announcements, moves.
//!
//! In come the owner's words ([`Input`]), datagrams of the NVA and hints of other edges, ARP and ND frames and notices of the
//! forwarder. Out go numbered table changes for a forwarder, datagrams, answers to ARP and ND, and [`Event`]s. Tenant
//! traffic never comes here. What a TSI is to this edge, and what happens to it in a move, is the table in [`rules`]; the rest
//! of this room is sessions, clocks, bounds and counters around it. (VMM-4.2, VMM-5, SPL, R-03, R-35, R-36.)

mod cache;
mod changes;
mod config;
mod counters;
mod io;
mod machine;
mod moves;
mod neighbors;
pub mod rules;
#[cfg(feature = "auth")]
mod sealed;
mod session_side;

pub use config::NveConfig;
pub use counters::NveCounters;
pub use io::{Error, Event, Handled, Input, Timer, Transmit};
pub use machine::Nve;
