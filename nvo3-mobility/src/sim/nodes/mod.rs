//! The simulated nodes: the real machines, each with the clock, the disk or the data plane that it would have.
//!
//! In goes what reaches a node: datagrams, frames, words, deadlines. Out comes what it gives: datagrams, frames,
//! events. A node dies with what it has in memory; an authority comes back with what its disk has, an edge with
//! nothing.

mod authority;
mod clock;
mod edge;
mod told;
mod tunnels;

pub(crate) use authority::{Authority, Known, Told};
pub(crate) use clock::Clock;
pub(crate) use edge::{Edge, Effect, Entered};
