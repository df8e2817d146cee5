//! What can be wrong with a message, and where.

use crate::codec::type_name;
use crate::header::Header;
use crate::id::SessionId;
use crate::message::{Error, ErrorCode, Message};
use core::fmt;

/// Why bytes are not a message that this crate can take. [`DecodeError::reply`] is the answer to its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct DecodeError {
    /// What is wrong.
    pub code: ErrorCode,
    /// The message type, 0 where it could not be read.
    pub about: u8,
    /// The sequence, 0 where it could not be read or the message is outside the reliable order.
    pub sequence: u32,
    /// The session, 0 where it could not be read.
    pub session: SessionId,
    /// The byte of the datagram where it was found.
    pub offset: u32,
    /// The TLV type concerned, 0 for none.
    pub tlv: u16,
    /// For [`ErrorCode::Truncated`] the bytes needed, else the largest value that may stand there (0 where that says nothing).
    pub needed: usize,
    /// For [`ErrorCode::Truncated`] the bytes there are, else the value that stands there.
    pub available: usize,
}

impl DecodeError {
    /// What to tell the sender.
    pub fn reply(&self) -> Error {
        Error { code: self.code, about: self.about, sequence: self.sequence, offset: self.offset, tlv: self.tlv }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, tlv, needed, available, about, .. } = self;
        match type_name(*about) {
            Some(name) => write!(f, "{name} at byte {offset}: ")?,
            None => write!(f, "message at byte {offset}: ")?,
        }
        match (self.code, *tlv) {
            (ErrorCode::UnknownCritical, _) => return write!(f, "TLV {tlv} is critical and not known here"),
            (ErrorCode::Missing, _) => return write!(f, "TLV {tlv} is missing"),
            (_, 0) => {}
            _ => write!(f, "TLV {tlv}: ")?,
        }
        match self.code {
            ErrorCode::Version => write!(f, "version {available} is not spoken here, {needed} is"),
            ErrorCode::UnknownType => write!(f, "message type {about} is not known here"),
            ErrorCode::Truncated => write!(f, "{needed} bytes are needed and {available} are there"),
            _ if *needed == 0 => write!(f, "{available} may not stand here"),
            _ => write!(f, "{available} may not stand here, at most {needed}"),
        }
    }
}

impl Error {
    /// What an NVA that has no such session says under it to its sender, who then asks for another.
    pub const fn unknown_session(header: &Header) -> Message {
        let offset = Header::SESSION_OFFSET;
        Message::Error(Self { code: ErrorCode::UnknownSession, about: 0, sequence: header.sequence, offset, tlv: 0 })
    }
}

/// Why a message cannot be put in bytes; nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// It needs more than [`crate::MAX_MESSAGE`].
    #[error("{name} needs {length} bytes, a message has at most 1176: split it")]
    TooLong {
        /// The message's.
        name: &'static str,
        /// How many bytes it needs.
        length: usize,
    },
    /// An Update with mappings in more than [`crate::MAX_PLACES`] places.
    #[error("Update names {count} places, a message has at most 4: split it")]
    TooManyPlaces {
        /// How many different places it names.
        count: usize,
    },
    /// The output is too small.
    #[error("{name} needs {length} bytes, the buffer has {available}")]
    NoRoom {
        /// The message's.
        name: &'static str,
        /// How many bytes it needs.
        length: usize,
        /// How many bytes there is room for.
        available: usize,
    },
}
