//! `nvo3-nva-proto/SPEC.md` is enough to implement the protocol. A decoder in Python and Wireshark's dissector were written from it
//! alone. They read what the crate writes, and refuse what the crate refuses.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

extern crate alloc;

// The crate's strategy for messages of every shape. It looks for the types in the root.
#[path = "../../../nvo3-nva-proto/src/codec/tests/strategy.rs"]
mod strategy;
use nvo3_nva_proto::*;

mod defaults;
mod document;
mod form;
mod harm;
mod in_python;
mod in_wireshark;
