//! What the edges (NVEs) and the authority (NVA) of an overlay say to each other.
#![no_std]

extern crate alloc;

mod codec;
mod display;
mod error;
mod header;
mod id;
mod message;
mod time;

pub use codec::{MAX_PLACES, type_name};
pub use error::{DecodeError, EncodeError};
pub use header::{Header, MAX_MESSAGE, VERSION, frame_len};
pub use id::{Locators, MoveId, NveId, Place, RecordNo, SessionId, TsiKey, Version};
pub use message::*;
pub use time::{Instant, Micros};
