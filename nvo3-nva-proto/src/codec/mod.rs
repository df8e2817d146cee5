//! The encoding and decoding of messages.
//!
//! A message is a [`Header`], a body whose shape depends on the type, and TLVs. A module for each group of messages has their
//! layouts, each written once, beside its reader: [`session`], [`registration`], [`directory`], [`update`], [`moves`], [`transfer`],
//! [`audit`]. `value` has the values that they share, and `tlv` walks over the TLVs. Decoding allocates only what the datagram's own
//! bytes fill, so that no length in a datagram costs memory (VMM-6-01, ARC-18, R-03).

mod audit;
#[cfg(feature = "bytes")]
mod buffer;
mod codes;
mod directory;
mod moves;
mod parts;
mod reader;
mod registration;
mod session;
#[cfg(test)]
pub(crate) mod tests;
mod tlv;
mod transfer;
mod update;
mod value;

pub use update::MAX_PLACES;
pub use value::MAX_IPS;

pub(crate) use codes::codes;
pub(crate) use reader::{Reader, number};
pub(crate) use tlv::Tlvs;
pub(crate) use value::{Get, Put, Sink};

use crate::error::{DecodeError, EncodeError};
use crate::header::{Header, MAX_MESSAGE};
use crate::message::Message;
use crate::view;
use alloc::vec::Vec;
use value::Count;

impl Message {
    /// Appends the header and the message to `out`.
    ///
    /// # Errors
    /// The message is too long, or an Update has too many places; `out` is unchanged.
    pub fn encode(&self, header: &Header, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let length = self.checked_len()?;
        out.reserve(length);
        self.put_whole(header, length, out);
        Ok(())
    }

    /// The length of the message, if it can be encoded.
    fn checked_len(&self) -> Result<usize, EncodeError> {
        let length = self.encoded_len();
        if length > MAX_MESSAGE {
            return Err(EncodeError::TooLong { name: self.name(), length });
        }
        if let Self::Update(u) = self {
            u.check_places()?;
        }
        Ok(length)
    }

    fn put_whole<S: Sink>(&self, header: &Header, length: usize, out: &mut S) {
        header.put(self.type_code(), length, out);
        self.put_body(out);
    }

    /// The number of bytes that [`Message::encode`] needs, header included, even if that is too many for a message.
    pub fn encoded_len(&self) -> usize {
        let mut count = Count(Header::LEN);
        self.put_body(&mut count);
        count.0
    }

    /// Decodes `datagram`, which holds one message and nothing else. Unknown TLVs without the critical bit are skipped (ARC-18 wants that).
    ///
    /// # Errors
    /// The bytes are not a message; the error says what is wrong and where.
    ///
    /// ```
    /// use nvo3_nva_proto::{Header, Message, MoveId};
    ///
    /// let mut bytes = Vec::new();
    /// Message::OutcomeQuery(MoveId(7)).encode(&Header::default(), &mut bytes).unwrap();
    /// assert_eq!(Message::decode(&bytes).unwrap().1, Message::OutcomeQuery(MoveId(7)));
    ///
    /// bytes.truncate(30);
    /// let error = Message::decode(&bytes).unwrap_err();
    /// assert_eq!(error.to_string(), "OutcomeQuery at byte 4: 32 bytes are needed and 30 are there");
    /// ```
    pub fn decode(datagram: &[u8]) -> Result<(Header, Self), DecodeError> {
        let (header, message) = view::Message::parse(datagram)?;
        Ok((header, message.into()))
    }
}

impl<'a> view::Message<'a> {
    /// Reads the body and the TLVs of a message of type `kind`.
    pub(crate) fn get_whole(header: &Header, kind: u8, mut r: Reader<'a>) -> Result<Self, DecodeError> {
        let message = Self::get_body(kind, &mut r)?;
        if matches!(message, Self::Invalidate(_)) && header.session.0 == 0 && !r.is_empty() {
            return Err(r.left_over());
        }
        for tlv in r.tlvs() {
            tlv?.skip()?;
        }
        Ok(message)
    }
}
