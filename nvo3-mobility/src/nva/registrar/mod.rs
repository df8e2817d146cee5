//! What an NVE may say of TSIs: it registers and withdraws them.
//!
//! In come a request and what the book says. Out comes a [`Verdict`]: an answer, a record, or a move that has to come first. The
//! room remembers what is no record: claims and withdrawals that wait for the end of a move, and how often a TSI moved without
//! a plan. (VMM-6, EVM-05, R-20, R-31, PXY-16, I5.)

mod duplicates;
mod room;

pub(super) use room::{Departure, Registrar, Verdict};
