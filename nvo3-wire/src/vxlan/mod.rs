//! The header of VXLAN (RFC 7348), and how to read a UDP payload that begins with it; [`tunnel`](crate::tunnel) has the
//! outer headers too.

mod header;
#[cfg(test)]
mod tests;

pub use header::{Header, MIN_INNER, PORT, parse};
