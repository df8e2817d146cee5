//! Moves: what may be planned, how each one stands, and what is said in it.
//!
//! In come plans, what parties say, and deadlines. Out come the states and outputs of [`rules`], and the letters that carry them
//! out. The room keeps the running state and the timer of each move under way. What is planned and how a move was decided
//! stands in the book. (VMM-4.3-08, VMM-7-03, R-03, R-34.)

mod check;
mod room;
pub mod rules;
mod words;

pub(super) use check::{check, draft};
pub(super) use room::{Conduct, Due};
pub(super) use words::{prepare, revoke, suspended};
