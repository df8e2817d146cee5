//! Identifier-locator addressing (ILA, draft-herbert-intarea-ila): an IPv6 address that names the endpoint and its
//! place.
//!
//! Applications see a SIR address: the domain's prefix, then the identifier. In transit a locator replaces the prefix,
//! so a move changes only the locator. [`Translation`] translates both ways in place, and keeps the checksums of upper
//! protocols right by the agreed [`Mode`]. The module follows the parts of ILA-01 to ILA-07 that concern formats.
//!
//! [`Address`] shows the layout.

mod address;
#[cfg(test)]
mod tests;
mod translate;

pub use address::{Address, Identifier, IdentifierKind, ParsePrefixError, Prefix};
pub use translate::{Mode, Translation};
