//! The NVA: the directory, the NVEs' interest in it, sessions with NVEs, moves and their journal.
//!
//! In go management's [`Input`]s and datagrams of NVEs. Out come datagrams, [`Record`]s, and [`Event`]s for management. A record must
//! be durable before a message that depends on it leaves. The state that survives a restart is the [`Book`], a fold of the records.
//! The table in [`rules`] says how a move goes. (Rules: VMM-4.2-03 and VMM-6 say how a TSI is registered, DAP and DIR-06 … DIR-13 how
//! NVEs get answers and updates, EVM-05 what a duplicate address is. R-03 orders statements by version, R-34 says when the new
//! mapping may be pushed.)
//!
//! | room | what it does |
//! |---|---|
//! | `book` | folds records into the directory and the moves |
//! | `peers` | keeps the sessions with NVEs, and lets a message leave when its records are durable |
//! | `registrar` | decides what an NVE may register and withdraw |
//! | `conduct` | steps moves by the table, and keeps their timers |
//! | `publish` | decides which NVE gets which mapping, and notes when the NVE uses it |
//! | `machine` | gives each input to its room and carries each effect to the next room |

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
