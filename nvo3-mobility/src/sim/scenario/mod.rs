//! Worlds as values, before anything runs.
//!
//! A [`Scenario`] says who is where, what moves and what goes wrong. A seed makes one ([`Scenario::of_seed`]), a file
//! holds one, and [`Params`] make the usual one with a single VM. [`Scenario::shrink`] makes one that fails smaller.
//! Nothing here knows a machine.

mod params;
mod plan;
mod seeded;
mod shrink;

pub use params::{Fault, Params, Path, Record};
pub use plan::{Correspondent, EDGES, Mishap, Move, Scenario, Since, Spot, Trouble, Unfit, Vm};
