//! The networks between the nodes: who reaches whom, how long it takes, and what is lost, repeated or overtaken.
//!
//! In goes what a node sends and the time; out comes when it arrives: never, once or twice. Control links have their
//! [`Mischief`]; the underlay between edges loses only what is sent over a cut. Everything sent is captured at its
//! sending end, where packets are recorded. No node is known here, only its address.

mod capture;
mod fabric;
mod link;
mod node;

pub use capture::{Capture, Interface, LinkType, Packet};
pub(crate) use fabric::Net;
pub use link::Mischief;
pub(crate) use node::{EdgeNo, Node, place};
