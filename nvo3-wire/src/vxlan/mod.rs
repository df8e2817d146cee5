//! VXLAN (RFC 7348): its header, and a reader for the payload of a UDP socket.
//!
//! [`tunnel`](crate::tunnel) reads and writes the outer headers too.
//!
//! [`Header`] shows the layout. [`parse`] reads the payload of a UDP socket, [`Header::new`] creates a header.

mod header;
#[cfg(test)]
mod tests;

pub use header::{Header, MIN_INNER, PORT, parse};
