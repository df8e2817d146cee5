//! The NVA: the directory, the NVEs' interest in it, sessions with NVEs, moves and their journal.
//!
//! | in | call |
//! |---|---|
//! | what management says, and what the journal has made durable | [`Nva::handle`] with an [`Input`] |
//! | a datagram of an NVE | [`Nva::handle_datagram`] |
//! | a deadline has passed | [`Nva::handle_timeout`] |
//!
//! | out | call until it gives nothing |
//! |---|---|
//! | a [`Record`] to make durable; answer it by [`Input::Persisted`] | [`Nva::poll_persist`] |
//! | a datagram for an NVE | [`Nva::poll_transmit`] |
//! | an [`Event`] for management | [`Nva::poll_event`] |
//! | the next deadline | [`Nva::poll_timeout`] |
//!
//! No message, no acknowledgement and no event that rests on a record leaves before the record is durable. After a restart, [`Nva::replay`] continues from the records.
//! The state that
//! survives is the [`Book`], a fold of the records. The table in [`rules`] says how a move goes. [`Nva`] shows the loop, and the example
//! `authority` a whole
//! program with a store.
//!
//! # Inside
//!
//! | room | what it does |
//! |---|---|
//! | `book` | folds records into the directory and the moves |
//! | `peers` | keeps the sessions with NVEs, and lets a message leave when the record that it rests on is durable |
//! | `policy` | says what each NVE may register, and how much memory it may take |
//! | `registrar` | decides what an NVE may register and withdraw (VMM-6: registrations; EVM-05: a TSI that moves too often is frozen) |
//! | `conduct` | steps moves by the table, and keeps their timers |
//! | `publish` | decides which NVE gets which mapping, and notes when the NVE uses it (DIR-06 … DIR-13: push and pull) |
//! | `machine` | gives each input to its room and carries each effect to the next room |

mod book;
mod conduct;
mod config;
mod events;
mod facts;
mod io;
mod machine;
mod peers;
mod policy;
mod publish;
mod registrar;
mod undurable;

pub use book::{Book, Effects, Outcome, Plan, PlannedMove, Record, Registration, Sweep, Tombstone, superseded};
pub use conduct::rules;
pub use config::NvaConfig;
pub use io::{Error, Event, Input, NvaCounters, Peer, Standing, Timer};
pub use machine::Nva;
pub use policy::{ClaimsByWord, LocatorsFrom, Policy, Prefix, PrefixError, Quota, Quotas, Rule};
pub use registrar::resting;
