//! Zero-copy parsers and builders for the frames of a network virtualization overlay.
#![no_std]

mod addr;

pub use addr::{Mac, Vni};
