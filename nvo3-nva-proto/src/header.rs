//! The header of every message, and its limits.

use crate::codec::{Reader, Sink, number};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::id::SessionId;

/// The default UDP port of the NVA, and of NVEs for messages between them: 61,635.
///
/// IANA has not registered it; it is in the range for private use. A deployment may use any other port.
pub const CONTROL_PORT: u16 = 61_635;
/// The version of the protocol that this crate speaks.
pub const VERSION: u8 = 1;
/// The most bytes of a message with its header and without its seal: 1,176. There is always room for a seal.
pub const MAX_MESSAGE: usize = MAX_SEALED - SEAL_LEN;
/// The most bytes of a message with its header and its seal: 1,200.
pub const MAX_SEALED: usize = 1_200;
/// The bytes that a seal adds to a message, 24: its number (8) and its code (16).
pub const SEAL_LEN: usize = 24;

/// The flag of a message that ends with a seal.
#[cfg(feature = "auth")]
pub(crate) const SEALED: u8 = 1;

/// The header of a message, except its type and its length.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+---------------+---------------+
/// |  version = 1  |     type      |     flags     |    trailer    |
/// +---------------+---------------+---------------+---------------+
/// |            length             |            key id             |
/// +-------------------------------+-------------------------------+
/// |                          session (8)                          |
/// +---------------------------------------------------------------+
/// |                           sequence                            |
/// +---------------------------------------------------------------+
/// |                          transaction                          |
/// +---------------------------------------------------------------+
/// ```
///
/// `length` counts the whole message. Bit 0 of the flags says that the message ends with a seal: the last `trailer` bytes, always
/// [`SEAL_LEN`], authenticate the rest under the key `key id`. Without a seal, flags, trailer and key id are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Header {
    /// The session; 0 in a Hello and in messages between NVEs.
    pub session: SessionId,
    /// The place in the session's reliable order, from 1; 0 for a message outside that order.
    pub sequence: u32,
    /// The number that an answer repeats from its request; 0 in a message that is neither.
    pub transaction: u32,
}

impl Header {
    /// The length of a header in bytes: 24.
    pub const LEN: usize = 24;
    /// The offset of the session field.
    pub(crate) const SESSION_OFFSET: u32 = 8;

    /// Writes the header of a message of `length` bytes, at most [`MAX_MESSAGE`].
    pub(crate) fn put<S: Sink>(&self, kind: u8, length: usize, out: &mut S) {
        out.put(&[VERSION, kind, 0, 0]);
        out.put(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        out.put(&[0, 0]);
        out.put(&self.session.0.to_be_bytes());
        out.put(&self.sequence.to_be_bytes());
        out.put(&self.transaction.to_be_bytes());
    }

    /// The header, the message type and a reader over the body of a message without a seal.
    pub(crate) fn get(datagram: &[u8]) -> Result<(Self, u8, Reader<'_>), DecodeError> {
        let (header, kind, _, body) = Self::read(datagram, datagram.len(), [0, 0], MAX_MESSAGE)?;
        Ok((header, kind, body))
    }

    /// The header, the message type, the key id and a reader over the body of a sealed message.
    ///
    /// `message` ends before the seal; `length` counts the seal too.
    #[cfg(feature = "auth")]
    pub(crate) fn get_sealed(message: &[u8], length: usize) -> Result<(Self, u8, u16, Reader<'_>), DecodeError> {
        Self::read(message, length, [SEALED, SEAL_LEN as u8], MAX_SEALED)
    }

    /// Reads a header whose flags and trailer must be the two bytes `flags`.
    fn read(
        message: &[u8],
        available: usize,
        flags: [u8; 2],
        longest: usize,
    ) -> Result<(Self, u8, u16, Reader<'_>), DecodeError> {
        let mut r = Reader::new(message);
        let version = r.get::<u8>()?;
        if version != VERSION {
            return Err(r.fail(0, DecodeErrorKind::Version { found: version }));
        }
        let kind = r.get::<u8>()?;
        r.about(kind);
        for (at, expected) in (2..4).zip(flags) {
            let byte = r.get::<u8>()?;
            if byte != expected {
                return Err(r.wrong(at, byte));
            }
        }
        let length = usize::from(r.get::<u16>()?);
        let key = r.get()?;
        let header = Self { session: SessionId(r.get()?), sequence: r.get()?, transaction: r.get()? };
        // The answer to a truncated message names its session, and no sequence: a whole copy may still take its place.
        r.under(header.session, 0);
        if length > available {
            return Err(r.truncated(4, length, available));
        }
        if length < available || length > longest {
            let (said, expected) = (number(length), number(available.min(longest)));
            return Err(r.fail(4, DecodeErrorKind::Length { said, expected }));
        }
        r.under(header.session, header.sequence);
        Ok((header, kind, key, r))
    }
}

/// The length of the message at the front of a stream; `None` if fewer than six bytes are there.
///
/// A length below [`Header::LEN`] or above [`MAX_SEALED`] means that the stream is not of this protocol; the owner closes it.
/// [`StreamDecoder`](crate::StreamDecoder) finds the messages in a stream that arrives in pieces.
///
/// ```
/// use nvo3_nva_proto::{Header, Message, frame_len};
///
/// let mut stream = Vec::new();
/// Message::Keepalive.encode(&Header::default(), &mut stream).unwrap();
/// Message::Goodbye.encode(&Header::default(), &mut stream).unwrap();
///
/// let (first, rest) = stream.split_at(frame_len(&stream).unwrap());
/// assert_eq!(Message::decode(first).unwrap().1, Message::Keepalive);
/// assert_eq!(Message::decode(rest).unwrap().1, Message::Goodbye);
/// ```
pub fn frame_len(stream: &[u8]) -> Option<usize> {
    match stream {
        [_, _, _, _, high, low, ..] => Some(usize::from(u16::from_be_bytes([*high, *low]))),
        _ => None,
    }
}
