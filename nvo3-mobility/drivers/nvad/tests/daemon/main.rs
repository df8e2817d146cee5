//! The real process, with edges that are machines in this one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod kills;
mod moves;
mod process;
mod world;
