//! Errors of encoding and decoding, and the answers to them.

use crate::header::{Header, VERSION, frame_len};
use crate::id::SessionId;
use crate::message::table::code;
use crate::message::{ErrorCode, ErrorMessage, Message, type_name};
use core::fmt;

/// The error that bytes are not a message of this protocol: what is wrong, and where.
///
/// [`DecodeError::reply`] makes the answer to the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct DecodeError {
    /// The fault in the bytes.
    pub kind: DecodeErrorKind,
    /// The message type, 0 if it could not be read.
    pub about: u8,
    /// The sequence, 0 if it could not be read or the message is outside the reliable order.
    pub sequence: u32,
    /// The session, 0 if it could not be read.
    pub session: SessionId,
    /// The offset in the datagram of the byte where the error was found.
    pub offset: u32,
    /// The type of the TLV that the error is about, 0 for none.
    pub tlv: u16,
}

/// The error that a byte is not a value of an enum of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} is not a value of {name}")]
pub struct UnknownCode {
    /// The name of the enum.
    pub name: &'static str,
    /// The byte.
    pub found: u8,
}

/// The fault in the bytes of a [`DecodeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The message has another version of the protocol.
    #[error("version {found} is not supported: must be {VERSION}")]
    Version {
        /// The version.
        found: u8,
    },
    /// The message type is unknown.
    #[error("message type {found} is unknown")]
    UnknownType {
        /// The number of the type.
        found: u8,
    },
    /// The message ends too early.
    #[error("{needed} bytes are needed and {available} are there")]
    Truncated {
        /// The bytes that are needed.
        needed: u32,
        /// The bytes that are there.
        available: u32,
    },
    /// The length in the header is less than the datagram's, or more than a message may have.
    #[error("the length is {said}: must be {expected}")]
    Length {
        /// The length in the header.
        said: u32,
        /// The right length: that of the datagram, or of the longest message.
        expected: u32,
    },
    /// Bytes follow the last value.
    #[error("{bytes} bytes are left over")]
    LeftOver {
        /// The number of bytes.
        bytes: u32,
    },
    /// A number has no meaning in its field.
    #[error("{found} is not a value of this field")]
    Value {
        /// The number.
        found: u32,
    },
    /// A number is too large for its field.
    #[error("{found} is too large: must be at most {max}")]
    TooLarge {
        /// The number.
        found: u32,
        /// The largest number that is allowed.
        max: u32,
    },
    /// A list has too many values.
    #[error("{count} values are listed: must be at most {max}")]
    TooMany {
        /// The number of values.
        count: u32,
        /// The most values that are allowed.
        max: u32,
    },
    /// A TLV that may come once comes a second time.
    #[error("comes twice")]
    Repeated,
    /// The rest of the message excludes the TLV.
    #[error("is not allowed in this message")]
    OutOfPlace,
    /// The TLV is unknown and has the critical bit.
    #[error("is critical and unknown")]
    UnknownCritical,
    /// A required TLV is missing.
    #[error("is missing")]
    Missing,
}

impl DecodeErrorKind {
    /// The code that an [`ErrorMessage`] message carries.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Version { .. } => ErrorCode::Version,
            Self::UnknownType { .. } => ErrorCode::UnknownType,
            Self::Truncated { .. } => ErrorCode::Truncated,
            Self::Length { .. }
            | Self::LeftOver { .. }
            | Self::Value { .. }
            | Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::Repeated
            | Self::OutOfPlace => ErrorCode::Field,
            Self::UnknownCritical => ErrorCode::UnknownCritical,
            Self::Missing => ErrorCode::Missing,
        }
    }

    /// Checks if the sentence is about a TLV and not about a value.
    const fn is_of_tlv(&self) -> bool {
        matches!(self, Self::Repeated | Self::OutOfPlace | Self::UnknownCritical | Self::Missing)
    }
}

impl DecodeError {
    /// The code that an [`ErrorMessage`] message carries.
    pub const fn code(&self) -> ErrorCode {
        self.kind.code()
    }

    /// The answer to the sender.
    pub const fn reply(&self) -> ErrorMessage {
        ErrorMessage {
            code: self.code(),
            about: self.about,
            sequence: self.sequence,
            offset: self.offset,
            tlv: self.tlv,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, about, offset, tlv, .. } = self;
        let name = type_name(*about).unwrap_or("message");
        match tlv {
            0 => write!(f, "{name} at byte {offset}: {kind}"),
            _ if kind.is_of_tlv() => write!(f, "{name} at byte {offset}: TLV {tlv} {kind}"),
            _ => write!(f, "{name} at byte {offset}: TLV {tlv}: {kind}"),
        }
    }
}

impl ErrorMessage {
    /// The answer of an NVA to a message of a session that it does not have. The NVE then asks for a new session.
    ///
    /// The answer is sent under the session of the message.
    pub const fn unknown_session(header: &Header) -> Message {
        let offset = Header::SESSION_OFFSET;
        Message::Error(Self { code: ErrorCode::UnknownSession, about: 0, sequence: header.sequence, offset, tlv: 0 })
    }

    /// The answer of an NVA, under session 0, to a Hello that it cannot decode (SPEC.md §7.4).
    ///
    /// `None` if nothing is answered: the datagram is no Hello, or is shorter than the answer. A forger therefore cannot make an NVA send
    /// more bytes to others than the forger sent itself.
    ///
    /// ```
    /// use nvo3_nva_proto::{ErrorCode, ErrorMessage, Message};
    ///
    /// let mut hello = [0; 40];
    /// hello[..6].copy_from_slice(&[2, 1, 0, 0, 0, 40]);
    /// let error = Message::decode(&hello).unwrap_err();
    /// let Some(Message::Error(answer)) = ErrorMessage::refused_hello(&hello, &error) else { panic!("there is an answer") };
    /// assert_eq!(answer.code, ErrorCode::Version);
    /// ```
    pub fn refused_hello(datagram: &[u8], error: &DecodeError) -> Option<Message> {
        let answer = Message::Error(error.reply());
        let hello = datagram.get(1) == Some(&code::Hello);
        let whole = frame_len(datagram) == Some(datagram.len()) && datagram.len() >= answer.encoded_len();
        (hello && whole && error.session.0 == 0).then_some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    /// The shortest Hello of any version that is answered.
    fn hello(version: u8, length: u8) -> Vec<u8> {
        let mut bytes = vec![0; usize::from(length)];
        bytes[..6].copy_from_slice(&[version, 1, 0, 0, 0, length]);
        bytes
    }

    fn answer(datagram: &[u8]) -> Option<Message> {
        ErrorMessage::refused_hello(datagram, &Message::decode(datagram).unwrap_err())
    }

    #[test]
    fn a_hello_of_another_version_is_answered_in_this_one() {
        for version in (0..=u8::MAX).filter(|version| *version != VERSION) {
            let refused = ErrorMessage { code: ErrorCode::Version, about: 0, sequence: 0, offset: 0, tlv: 0 };
            assert_eq!(answer(&hello(version, 36)), Some(Message::Error(refused)));
        }
    }

    #[test]
    fn a_hello_that_cannot_be_decoded_is_answered_with_what_is_wrong() {
        let Some(Message::Error(refused)) = answer(&hello(VERSION, 39)) else { panic!("there is an answer") };
        assert_eq!((refused.code, refused.about), (ErrorCode::Missing, 1));
    }

    /// Two that answer each other's answers would never end, and one that answers with more than it was told serves to flood others.
    #[test]
    fn what_is_no_whole_hello_is_not_answered() {
        assert_eq!(answer(&hello(2, 35)), None);
        assert_eq!(answer(&hello(2, 40)[..39]), None);
        for kind in (0..=u8::MAX).filter(|kind| *kind != 1) {
            let mut other = hello(2, 40);
            other[1] = kind;
            assert_eq!(answer(&other), None);
        }
        let mut of_a_session = hello(VERSION, 50);
        of_a_session[15] = 9;
        assert_eq!(answer(&of_a_session), None);
    }
}

/// The error that a message cannot be encoded. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The message needs more than [`MAX_MESSAGE`](crate::MAX_MESSAGE) bytes.
    #[error("{name} needs {length} bytes, a message has at most 1176: split it")]
    TooLong {
        /// The name of the message.
        name: &'static str,
        /// The bytes that the message needs.
        length: usize,
    },
    /// The mappings of an Update are in more than [`MAX_PLACES`](crate::MAX_PLACES) places.
    #[error("Update names {count} places, a message has at most 4: split it")]
    TooManyPlaces {
        /// The number of different places.
        count: usize,
    },
    /// The buffer is too small.
    #[error("{name} needs {length} bytes, the buffer has {available}")]
    NoRoom {
        /// The name of the message.
        name: &'static str,
        /// The bytes that the message needs.
        length: usize,
        /// The bytes that the buffer has room for.
        available: usize,
    },
}
