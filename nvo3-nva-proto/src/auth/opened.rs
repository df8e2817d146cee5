//! A message whose seal was found right.

use super::id::KeyId;
use crate::codec::Reader;
use crate::error::DecodeError;
use crate::header::Header;
use crate::id::{NveId, SessionId};
use crate::message::Message;
use crate::view;

/// A message whose seal is right; whether it is a replay, its number says to who counts them.
#[derive(Clone, Copy, Debug)]
pub struct Opened<'a> {
    /// Its header.
    pub header: Header,
    /// The number of its type.
    pub kind: u8,
    /// The key.
    pub key: KeyId,
    /// Whose key it is.
    pub nve: NveId,
    /// The number in the seal.
    pub number: u64,
    pub(super) body: Reader<'a>,
}

impl<'a> Opened<'a> {
    /// What it says, as it lies in the datagram.
    ///
    /// # Errors
    /// As [`Opened::decode`].
    pub fn view(&self) -> Result<view::Message<'a>, DecodeError> {
        view::Message::get_whole(&self.header, self.kind, self.body)
    }

    /// What it says.
    ///
    /// # Errors
    /// Its sender, who has the key, said what is no message here.
    pub fn decode(&self) -> Result<Message, DecodeError> {
        self.view().map(Into::into)
    }
}

/// The session that the header of a message names.
pub(super) fn session_of(message: &[u8]) -> SessionId {
    let field = message.get(Header::SESSION_OFFSET as usize..).and_then(|rest| rest.first_chunk());
    SessionId(field.map_or(0, |bytes| u64::from_be_bytes(*bytes)))
}
