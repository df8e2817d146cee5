//! The edge's control plane: attachments, mappings of stations elsewhere, announcements, moves.
//!
//! In come the owner's words ([`Input`]), datagrams of the NVA and hints of other edges, ARP and ND frames and notices of the
//! forwarder. Out go numbered table changes for a forwarder, datagrams, answers to ARP and ND, and [`Event`]s. Tenant
//! traffic never comes here. What a TSI is to this edge, and what happens to it in a move, is the table in [`rules`].
//! (VMM-4.2, VMM-5, SPL, R-03, R-35, R-36.)
//!
//! | room | what it owns |
//! |---|---|
//! | `link` | the session with the NVA, and hints to other edges |
//! | `stations` | what is attached here: ports, TSIs, their moves |
//! | `mappings` | what is elsewhere: mappings, queries, replication lists |
//! | `proxy` | who waits for an ARP or ND answer, and the answers |
//! | `orders` | which rows of the forwarder's table changed, and what is in force |
//!
//! A room sees no other room, except that all mark their rows in `orders`. `machine` has them all: it keeps the clock, hands each
//! input to its room, and carries each effect to the next room before it looks at the next effect.

mod config;
mod counters;
mod io;
mod link;
mod machine;
mod mappings;
mod orders;
mod proxy;
mod stations;

pub use config::NveConfig;
pub use counters::NveCounters;
pub use io::{Error, Event, Handled, Input, Timer, Transmit};
pub use machine::Nve;
pub use stations::rules;
