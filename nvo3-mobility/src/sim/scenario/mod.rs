//! Worlds as values, before anything runs.
//!
//! A [`Scenario`] has the hosts, the moves and the mishaps. A seed makes one ([`Scenario::of_seed`]), a file holds one, and [`Params`]
//! make the usual one with a single VM. [`Scenario::shrink`] makes a failing one smaller. This module knows no machine.

mod params;
mod plan;
mod seeded;
mod shrink;

pub use params::{Fault, Params, Path, Record};
pub use plan::{Correspondent, EDGES, Mishap, Move, Scenario, Since, Spot, Trouble, Unfit, Vm};
