//! An edge whole: the control plane and what forwards its frames, driven by one loop.
//!
//! Frames, datagrams and the owner's words go in. One `poll` gives what to do next, one thing a call, and at last the time until
//! when nothing is due. [`Edge`] has the [`Forwarder`](crate::forwarder::Forwarder) in it; what a frame does is known when the
//! frame goes in, and the frame is not copied. [`foreign::ForeignEdge`] is for other data planes: a kernel's FDB, eBPF
//! maps, a DPU, or several forwarders on several cores. Its `poll` gives their orders too.
//!
//! `poll` takes table changes first, then held frames, notices, messages and events, and begins again while there was
//! anything. What an edge says of its table is therefore said after the table has it (VMM-5-09, R-35).

mod control;
mod fate;
pub mod foreign;
mod own;
mod tally;
#[cfg(test)]
mod tests;

pub use control::Peer;
pub use fate::Fate;
pub use own::{Edge, Next};
pub use tally::MoveTally;
