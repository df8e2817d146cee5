//! Geneve (RFC 8926): header, options, and the receiver's rules.
//!
//! [`Packet`] reads the payload of UDP port [`PORT`]. Options are checked once and then iterated without errors. The
//! caller says which options it knows. The module follows GNV-01 to GNV-03 and GNV-05: version, critical options,
//! option lengths, reserved bits.
//!
//! [`Header`] and [`OptionHeader`] show the layouts.

mod header;
mod option;
#[cfg(test)]
mod tests;

pub use header::{Header, MAX_OPTIONS, PORT, Packet};
pub use option::{GeneveOption, OptionHeader, OptionIter, OptionKind, Options, write_option};
