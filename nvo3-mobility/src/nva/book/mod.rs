//! The memory of the NVA: its records, and the state that they fold into.
//!
//! In go [`Record`]s in the order of their numbers. Out come the directory, the moves, and [`Effects`] that say what a record
//! changed. Only [`Book::apply`] changes a book. A running NVA, a replay after a start, a stand-by and the check of a compaction all
//! use it. It reads no clock and no configuration, so the same records make the same book: a crash loses nothing that was
//! acknowledged (I6).

mod compact;
mod directory;
mod fold;
mod journal;
mod moves;
mod record;
mod tombstones;

pub use compact::{Sweep, superseded};
pub use directory::Registration;
pub use fold::{Book, Effects};
pub(super) use journal::Journal;
pub use moves::{Outcome, PlannedMove};
pub use record::{Plan, Record};
pub use tombstones::Tombstone;
