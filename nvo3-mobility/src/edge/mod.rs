//! A whole edge: the control plane and its data plane, driven by one loop.
//!
//! In go frames, datagrams and the owner's inputs. One `poll` gives one thing to do per call, and at last the time of the next
//! deadline. [`Edge`] contains a [`Forwarder`](crate::forwarder::Forwarder): it decides about a frame in the call that takes the
//! frame, and does not copy it. [`foreign::ForeignEdge`] is for other data planes: a kernel's FDB, eBPF maps, a DPU, or several
//! forwarders on several cores. Its `poll` also gives the table changes for them.
//!
//! `poll` gives table changes first, then held frames, notices, messages and events, and starts again as long as it found
//! something. So an edge announces a state only after the table has it: held frames leave before newer ones (VMM-5-09), and a
//! VM's frames do not leave before the VM may run here.

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
