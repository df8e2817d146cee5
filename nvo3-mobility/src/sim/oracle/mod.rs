//! What must always hold (RULES.md, I1 to I8), looked at from outside the machines.
//!
//! In goes what happens: a datagram is sent, kept, delivered, dropped; the authority says something; here is where
//! every VM runs in truth. Out come [`Violation`]s and figures. I1 to I3 are checked after every event, I7 at every
//! look, I6 when the authority is back, I4 and I8 at the end. The oracle drives nothing and changes nothing.

mod agreement;
mod checks;
mod ledger;
mod loss;
mod memory;
mod violation;
mod visited;

pub(crate) use agreement::{Truth, disagreements, leftovers};
pub(crate) use checks::{AGREE, Oracle};
pub use loss::Loss;
pub use violation::{Invariant, Violation};
pub use visited::Visited;
