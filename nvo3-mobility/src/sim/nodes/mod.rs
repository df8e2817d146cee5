//! The simulated nodes: the real machines, each with the clock, the disk or the data plane that it would have.
//!
//! In go datagrams, frames, inputs and deadlines of a node. Out come its datagrams, frames and events. A node dies with everything in
//! its memory. An NVA returns with the records on its disk, an edge with nothing.

mod authority;
mod clock;
mod edge;
mod told;
mod tunnels;

pub(crate) use authority::{Authority, AuthorityNews, MoveStatus};
pub(crate) use clock::Clock;
pub(crate) use edge::{Edge, Effect, Entered};
