//! Code that the tests in `tests/` share: tests that cross crates or need the system.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "this crate is a test"
)]

pub mod direct;
pub mod frames;
pub mod healthy;
pub mod model;
pub mod netns;
pub mod printing;
pub mod reference;
pub mod timed;

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
