//! The decisions about registrations and withdrawals of TSIs by NVEs.
//!
//! In go a request and the book. Out comes a [`Verdict`]: an answer, a record, or a move that must come first. The room keeps
//! what is not in a record: claims and withdrawals that wait for the end of a move, and the unplanned moves of each TSI. (Rules:
//! VMM-6, EVM-05, R-20, R-31, PXY-16, I5.)

mod duplicates;
mod room;

pub(super) use room::{Departure, Registrar, Verdict};
