//! A message with a right seal.

use super::id::KeyId;
use crate::codec::Reader;
use crate::error::DecodeError;
use crate::header::Header;
use crate::id::{NveId, SessionId};
use crate::message::Message;
use crate::view;

/// A message with a right seal. The numbers of the session tell whether it is a replay ([`NvaSeals`](super::NvaSeals),
/// [`NveSeals`](super::NveSeals)).
#[derive(Clone, Copy, Debug)]
pub struct Opened<'a> {
    /// The header of the message.
    pub header: Header,
    /// The number of the message type.
    pub kind: u8,
    /// The id of the key.
    pub key: KeyId,
    /// The NVE of the key.
    pub nve: NveId,
    /// The number in the seal.
    pub number: u64,
    pub(super) body: Reader<'a>,
}

impl<'a> Opened<'a> {
    /// The message, read in the datagram.
    ///
    /// # Errors
    /// As for [`Opened::decode`].
    pub fn view(&self) -> Result<view::Message<'a>, DecodeError> {
        view::Message::get_whole(&self.header, self.kind, self.body)
    }

    /// The message.
    ///
    /// # Errors
    /// The sender has the key, and its message cannot be decoded.
    pub fn decode(&self) -> Result<Message, DecodeError> {
        self.view().map(Into::into)
    }
}

/// The session that the header of a message names.
pub(super) fn session_of(message: &[u8]) -> SessionId {
    let field = message.get(Header::SESSION_OFFSET as usize..).and_then(|rest| rest.first_chunk());
    SessionId(field.map_or(0, |bytes| u64::from_be_bytes(*bytes)))
}
