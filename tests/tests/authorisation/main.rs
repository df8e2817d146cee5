//! An NVE with a valid key gets what it may have and no more: of the VMs, of the authority's memory, and of other NVEs' names.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod claims;
mod places;
mod quotas;
mod rules;
