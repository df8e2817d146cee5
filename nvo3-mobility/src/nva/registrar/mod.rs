//! The decisions about what NVEs say of their TSIs: registrations, withdrawals, and what rests at them.
//!
//! In go a request and the book. Out comes a [`Verdict`]: an answer, a record, or a move that must come first. The room keeps
//! what is not in a record: claims and withdrawals that wait for the end of a move, the unplanned moves of each TSI, and how far each
//! NVE has restated its TSIs. (Rules: VMM-6 says what a registration carries, EVM-05 and R-20 when a TSI is a duplicate, R-31 and PXY-16
//! how that ends. I5 lets only a permitted NVE change a mapping, I9 lets an NVA that lost records learn them again.)

mod answers;
mod duplicates;
mod restated;
pub mod resting;
mod room;

pub(super) use answers::Answers;
pub(super) use restated::Rests;
pub(super) use room::{Departure, Registrar, Standing, Verdict};
