//! The authority.
pub mod core;
