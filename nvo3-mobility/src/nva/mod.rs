//! The authority: the directory, who is interested in it, sessions with NVEs, moves and their journal.
//!
//! In come management's words ([`Input`]) and datagrams of NVEs. Out go datagrams, [`Record`]s to be made durable before what
//! depends on them leaves, and [`Event`]s for management. The state that survives is the [`Book`], a fold of the records. How a
//! move goes is the table in [`rules`]. (VMM-4.2-03, VMM-6, DAP, DIR-06 … DIR-13, EVM-05, R-03, R-34.)
//!
//! | room | what it does |
//! |---|---|
//! | `book` | folds records into the directory and the moves |
//! | `peers` | keeps sessions with NVEs, and lets messages leave when their records are durable |
//! | `registrar` | decides what an NVE may register and withdraw |
//! | `conduct` | steps moves by the rules, and keeps their timers |
//! | `publish` | decides who hears of what, and notes when they follow |
//! | `machine` | hands each input to its room and carries each effect to the next room |

mod book;
mod conduct;
mod config;
mod facts;
mod io;
mod machine;
mod peers;
mod publish;
mod registrar;

pub use book::{Book, Effects, Outcome, Plan, PlannedMove, Record, Registration, superseded};
pub use conduct::rules;
pub use config::NvaConfig;
pub use io::{Error, Event, Input, NvaCounters, Peer, Standing, Timer};
pub use machine::Nva;
