//! An authority that forgot, went back, or was replaced learns again what runs; what has no owner any more ends.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod departures;
mod ends;
mod expiry;
mod old_moves;
mod rewinds;
mod world;
