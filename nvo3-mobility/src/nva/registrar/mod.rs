//! The decisions about registrations and withdrawals of TSIs by NVEs.
//!
//! In go a request and the book. Out comes a [`Verdict`]: an answer, a record, or a move that must come first. The room keeps
//! what is not in a record: claims and withdrawals that wait for the end of a move, and the unplanned moves of each TSI. (Rules:
//! VMM-6 says what a registration carries, EVM-05 and R-20 when a TSI is a duplicate, R-31 and PXY-16 how that ends. I5 lets only a
//! permitted NVE change a mapping.)

mod duplicates;
mod room;

pub(super) use room::{Departure, Registrar, Verdict};
