//! Geneve (RFC 8926): header, options, and the receiver's rules.
//!
//! [`Packet`] is what a UDP payload to [`PORT`] holds. Options are checked once and then iterated; a caller says which it
//! knows. Answers GNV-01 to GNV-03 and GNV-05.

mod header;
mod option;
#[cfg(test)]
mod tests;

pub use header::{Header, MAX_OPTIONS, PORT, Packet};
pub use option::{GeneveOption, OptionHeader, OptionIter, OptionKind, Options, write_option};
