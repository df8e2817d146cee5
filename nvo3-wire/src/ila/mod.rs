//! Identifier-locator addressing (draft-herbert-intarea-ila): an IPv6 address that says who and where.
//!
//! Applications see a SIR address: the domain's prefix, then the identifier. On the way the prefix is replaced by a
//! locator, so that a move changes the locator alone. [`Translation`] goes both ways in place, and keeps the checksums
//! of upper protocols right in the [`Mode`] agreed on. Answers ILA-01 to ILA-07 as far as they speak of formats.

mod address;
#[cfg(test)]
mod tests;
mod translate;

pub use address::{Address, Identifier, IdentifierKind, Prefix};
pub use translate::{Mode, Translation};
