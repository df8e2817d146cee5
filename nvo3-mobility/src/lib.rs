//! Sans-IO state machines of NVE, forwarder and NVA.
#![no_std]

extern crate alloc;

mod error;
pub mod forwarder;
pub mod nva;
pub mod nve;
#[cfg(test)]
mod printed;
#[cfg(feature = "sim")]
pub mod sim;
pub mod table;

pub use error::ConfigError;
