//! The check of the invariants I1 to I12 of RULES.md, from outside the machines.
//!
//! In go the events of the world: datagrams that are sent, kept, delivered or dropped, messages of the NVA, and the true place of
//! every VM. Out come [`Violation`]s and figures. The oracle checks I1 to I3, I5 and I12 after every event, I7 and I11 at intervals, I6 when
//! the NVA has returned, and I4 and I8 to I10 at the end. It drives nothing and changes nothing.

mod agreement;
mod checks;
mod ledger;
mod loss;
mod memory;
mod pace;
mod violation;
mod visited;

pub(crate) use agreement::{Truth, disagreements, leftovers};
pub(crate) use checks::{AGREE, Oracle};
pub use loss::Loss;
pub use violation::{Invariant, Violation};
pub use visited::Visited;
