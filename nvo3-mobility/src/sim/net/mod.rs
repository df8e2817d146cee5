//! The networks between the nodes: delays, losses, duplicates and reordering.
//!
//! In go a packet and the time. Out come the times at which it arrives: none, one or two. Control links have their [`Mischief`];
//! the underlay between edges loses only packets over a cut. If packets are recorded, each one is captured at its sending end. The
//! module knows no node, only its address.

mod capture;
mod fabric;
mod link;
mod node;

pub use capture::{Capture, Interface, LinkType, Packet};
pub(crate) use fabric::Net;
pub use link::Mischief;
pub(crate) use node::{EdgeNo, Node, place};
