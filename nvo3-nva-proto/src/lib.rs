//! What the edges (NVEs) and the authority (NVA) of an overlay say to each other.
#![no_std]

extern crate alloc;

mod id;
mod message;
mod time;

pub use id::{Locators, MoveId, NveId, Place, RecordNo, SessionId, TsiKey, Version};
pub use message::*;
pub use time::{Instant, Micros};
