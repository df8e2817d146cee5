//! What can be wrong with a message, and where.

use crate::header::{Header, VERSION, frame_len};
use crate::id::SessionId;
use crate::message::table::code;
use crate::message::{Error, ErrorCode, Message, type_name};
use core::fmt;

/// Why bytes are not a message that this crate can take. [`DecodeError::reply`] is the answer to its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
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
}

/// What is wrong with the bytes of a [`DecodeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// Another version of the protocol.
    #[error("version {found} is not spoken here, {VERSION} is")]
    Version {
        /// The version.
        found: u8,
    },
    /// A message type that has no name here.
    #[error("message type {found} is not known here")]
    UnknownType {
        /// The type.
        found: u8,
    },
    /// The bytes end too early.
    #[error("{needed} bytes are needed and {available} are there")]
    Truncated {
        /// How many bytes are needed.
        needed: u32,
        /// How many bytes there are.
        available: u32,
    },
    /// The header's length is less than the datagram's, or more than a message's.
    #[error("the length is {said}: must be {expected}")]
    Length {
        /// The length in the header.
        said: u32,
        /// The length that would be right: the datagram's, or the longest message's.
        expected: u32,
    },
    /// Bytes after the last value.
    #[error("{bytes} bytes are left over")]
    LeftOver {
        /// How many.
        bytes: u32,
    },
    /// A number that means nothing here.
    #[error("{found} may not stand here")]
    Value {
        /// The number.
        found: u32,
    },
    /// A number that is too large.
    #[error("{found} may not stand here, at most {max}")]
    TooLarge {
        /// The number.
        found: u32,
        /// The largest one.
        max: u32,
    },
    /// A list with too many values.
    #[error("{count} values are listed, at most {max} may be")]
    TooMany {
        /// How many there are.
        count: u32,
        /// How many there may be.
        max: u32,
    },
    /// A TLV that may come once, a second time.
    #[error("comes twice")]
    Repeated,
    /// A TLV that the rest of the message excludes.
    #[error("has no place in this message")]
    OutOfPlace,
    /// An unknown TLV with the critical bit.
    #[error("is critical and not known here")]
    UnknownCritical,
    /// A TLV that must be there is not.
    #[error("is missing")]
    Missing,
}

impl DecodeErrorKind {
    /// The number that says it on the wire.
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

    /// Whether it is said of a TLV itself and not of a value.
    const fn is_of_tlv(&self) -> bool {
        matches!(self, Self::Repeated | Self::OutOfPlace | Self::UnknownCritical | Self::Missing)
    }
}

impl DecodeError {
    /// The number that says what is wrong on the wire.
    pub const fn code(&self) -> ErrorCode {
        self.kind.code()
    }

    /// What to tell the sender.
    pub const fn reply(&self) -> Error {
        Error { code: self.code(), about: self.about, sequence: self.sequence, offset: self.offset, tlv: self.tlv }
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

impl Error {
    /// What an NVA that has no such session says under it to its sender, who then asks for another.
    pub const fn unknown_session(header: &Header) -> Message {
        let offset = Header::SESSION_OFFSET;
        Message::Error(Self { code: ErrorCode::UnknownSession, about: 0, sequence: header.sequence, offset, tlv: 0 })
    }

    /// What an NVA says, under session 0, to a Hello that cannot be decoded: of a version that is not spoken here, or with something that
    /// it must not contain. `None` where nothing is said (SPEC.md §7.4): it is something else, or shorter than the answer, which then reaches
    /// nobody who did not say as much.
    ///
    /// ```
    /// use nvo3_nva_proto::{Error, ErrorCode, Message};
    ///
    /// let mut hello = [0; 40];
    /// hello[..6].copy_from_slice(&[2, 1, 0, 0, 0, 40]);
    /// let error = Message::decode(&hello).unwrap_err();
    /// let Some(Message::Error(answer)) = Error::refused_hello(&hello, &error) else { panic!("there is an answer") };
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
        Error::refused_hello(datagram, &Message::decode(datagram).unwrap_err())
    }

    #[test]
    fn a_hello_of_another_version_is_answered_in_this_one() {
        for version in (0..=u8::MAX).filter(|version| *version != VERSION) {
            let refused = Error { code: ErrorCode::Version, about: 0, sequence: 0, offset: 0, tlv: 0 };
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
