//! VXLAN (RFC 7348) over IPv4 and IPv6.
//!
//! [`Encap`] is the outer headers of one tunnel, built once, then stamped in front of inner frames; [`decap`] goes the
//! other way from an outer IP packet, [`parse`] from the payload of a UDP socket. No outer Ethernet header: the outer
//! packet is handed to an IP stack. Answers VXL-01 to VXL-07, VXL-12, TUN-01, TUN-03, TUN-07, TUN-08, U6-01 to U6-04.

mod decap;
mod encap;
mod header;
#[cfg(test)]
mod tests;

pub use crate::tunnel::{EcnMode, source_port};
pub use decap::{Accept, Decap, decap, decap_with};
pub use encap::{Encap, MAX_OVERHEAD};
pub use header::{Header, MIN_INNER, PORT, parse};
