//! The promises of the codec for every message, and single cases.

mod audit;
#[cfg(feature = "serde")]
mod json;
mod malformed;
mod registration;
mod round_trip;
mod rules;
pub(crate) mod spec;
pub(crate) mod strategy;
mod transfer;
mod update;

use crate::{Header, Message, SessionId};
use alloc::vec::Vec;

pub(super) fn encoded(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&Header { session: SessionId(5), sequence: 6, transaction: 7 }, &mut bytes).unwrap();
    bytes
}

/// An encoded message with these bytes after it.
pub(super) fn extended(message: &Message, tail: &[u8]) -> Vec<u8> {
    let mut bytes = encoded(message);
    bytes.extend_from_slice(tail);
    let length = u16::try_from(bytes.len()).unwrap();
    bytes[4..6].copy_from_slice(&length.to_be_bytes());
    bytes
}
