//! Sans-IO state machines of NVE, forwarder and NVA.
#![no_std]

extern crate alloc;

pub mod forwarder;
pub mod nva;
pub mod nve;
#[cfg(feature = "sim")]
pub mod sim;
pub mod table;
