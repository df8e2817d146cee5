//! The control plane of an NVE: attachments, mappings of remote TSIs, announcements, moves.
//!
//! In go the owner's [`Input`]s, datagrams of the NVA, hints of other NVEs, ARP and ND frames, and notices of the forwarder. Out
//! come numbered table changes for a forwarder, datagrams, ARP and ND answers, and [`Event`]s. Tenant traffic never comes here. The
//! table in [`rules`] says what state a TSI has and how a move changes it. (Rules: VMM-4.2 says who learns where a TSI is, VMM-5 how
//! frames are treated in a move, SPL when a VM is associated and active. R-03 orders statements by version, R-35 keeps a VM's frames
//! until it may run, R-36 bounds what is held.)
//!
//! | room | what it owns |
//! |---|---|
//! | `link` | the session with the NVA, and hints to other NVEs |
//! | `stations` | the attached ports and TSIs, and their moves |
//! | `mappings` | mappings of remote TSIs, queries, replication lists |
//! | `proxy` | stations that wait for an ARP or ND answer, and the answers |
//! | `orders` | changed rows of the forwarder's table, and the changes in force |
//!
//! A room sees no other room, except that all rooms mark changed rows in `orders`. `machine` has the rooms: it keeps the clock,
//! gives each input to its room, and carries each effect to the next room before it looks at the next effect.

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
