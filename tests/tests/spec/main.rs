//! `nvo3-nva-proto/SPEC.md` is enough: what was written from it alone, a decoder in Python and Wireshark's dissector, reads
//! what the crate writes and refuses what the crate refuses.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

extern crate alloc;

// The crate's own messages of every shape; it finds the types where it looks for them, in the root.
#[path = "../../../nvo3-nva-proto/src/codec/tests/strategy.rs"]
mod strategy;
use nvo3_nva_proto::*;

mod defaults;
mod document;
mod form;
mod harm;
mod in_python;
mod in_wireshark;
