//! Moves: the checks of a plan, the state of each move, and the messages of a move.
//!
//! In go plans, messages of the parties, and deadlines. Out come the states and outputs of [`rules`], and the letters that carry the
//! outputs out. The room keeps the state and the timer of each move in hand. The book has the plans and the decisions. (Rules:
//! VMM-4.3-08 and VMM-7-03 give the order of a hot move, R-03 orders statements by version, R-34 says when the new mapping may be
//! pushed.)

mod check;
mod room;
pub mod rules;
mod strays;
mod words;

pub(super) use check::{Wanted, check};
pub(super) use room::{Conduct, Due};
pub(super) use strays::{Noted, Stray, Strays};
pub(super) use words::{prepare, revoke, suspended};
