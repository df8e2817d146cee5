//! The authentication of a machine: by seals, or by trust in the transport below.
//!
//! A machine chooses its [`Transport`] once. From then on it opens every datagram and seals every message in the same way. Over a
//! trusted transport, opening believes everything and sealing adds nothing. An edge uses [`EdgeSeals`]. An authority uses its
//! [`Transport`], which has the keys of all edges, and one [`NvaSeals`] for each edge. [`crate::auth`] describes seals.
//!
//! ```
//! use nvo3_nva_proto::seals::{EdgeSeals, Transport};
//! use nvo3_nva_proto::{Header, Message, NveId, SessionId};
//!
//! let transport = Transport::Trusted;
//! let mut edge = EdgeSeals::new(&transport, NveId(1))?;
//! let mut datagram = Vec::new();
//! Message::Keepalive.encode(&Header { session: SessionId(5), ..Header::default() }, &mut datagram)?;
//! edge.seal(&mut datagram)?;
//!
//! let opened = transport.open(&datagram)?;
//! assert!(opened.sealed().is_none());
//! assert_eq!(opened.decode()?.1, Message::Keepalive);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::auth::{self, AuthError, KeyError, Keys, NvaSeals, NveSeals, Party, SealError};
use crate::error::DecodeError;
use crate::header::Header;
use crate::id::{NveId, SessionId};
use crate::message::Message;
use crate::message::table::code;
use crate::view;
use alloc::vec::Vec;

/// The authentication of the messages of a session (authentication is left out only where the configuration says so, R-38).
///
/// There is no default: a program says which one it uses. With `serde` the keys are left out, and a transport that is read back believes
/// nobody ([`Keys`]). Without the feature `auth` there are no keys, and every transport is a trusted one.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Transport {
    /// The transport below is trusted: only edges and authority can send on it, and nobody can change their messages.
    Trusted,
    /// Each message has a seal (messages are authenticated and protected from replay, VMM-10-10).
    ///
    /// A datagram without a right seal changes nothing, is counted, and is not answered. The ring of an edge has its own keys only.
    #[cfg_attr(all(feature = "serde", not(feature = "auth")), serde(skip))]
    Sealed(Keys),
}

impl Transport {
    /// Checks that an edge can use the transport.
    ///
    /// # Errors
    /// The ring has a key of another NVE, or none of this one.
    pub fn validate_for(&self, nve: NveId) -> Result<(), KeyError> {
        match self {
            Self::Trusted => Ok(()),
            Self::Sealed(keys) => keys.validate_for(nve),
        }
    }

    /// Opens a datagram of an edge, at the authority. [`NvaSeals::take`] tells whether it is a replay.
    ///
    /// # Errors
    /// The reason why the datagram is not believed; it is not answered. A trusted transport has no such error.
    pub fn open<'a>(&self, datagram: &'a [u8]) -> Result<Opened<'a>, AuthError> {
        match self {
            Self::Trusted => Ok(Opened(Source::Plain(datagram))),
            Self::Sealed(keys) => keys.open(Party::Nve, datagram).map(|opened| Opened(Source::Sealed(opened))),
        }
    }

    /// Seals a message of the session with `nve`, at the authority. `edge` has the numbers and the key of that edge.
    ///
    /// # Errors
    /// The ring has no key for the edge. The message must not be sent.
    pub fn seal(&self, edge: &mut NvaSeals, nve: NveId, message: &mut Vec<u8>) -> Result<(), SealError> {
        match self {
            Self::Trusted => Ok(()),
            Self::Sealed(keys) => edge.seal(keys, nve, message),
        }
    }

    /// Seals an answer outside a session, at the authority, under the key of the message `to` that it answers.
    ///
    /// `number` is that of the [`Challenge`](crate::auth::Challenge) of [`NvaSeals::prove`], else 0.
    ///
    /// # Errors
    /// The ring no longer has the key, or `to` has no seal: a trusted transport opened it. The answer must not be sent.
    pub fn seal_answer(&self, to: &Opened<'_>, number: u64, message: &mut Vec<u8>) -> Result<(), SealError> {
        match (self, &to.0) {
            (Self::Trusted, _) => Ok(()),
            (Self::Sealed(keys), Source::Sealed(to)) => keys.seal(Party::Nva, to.key, number, message),
            (Self::Sealed(_), Source::Plain(_)) => Err(SealError::NoSeal),
        }
    }
}

/// A datagram that is believed: its seal is right, or the transport is trusted.
#[derive(Clone, Copy, Debug)]
pub struct Opened<'a>(Source<'a>);

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    /// Without a seal, and not looked at.
    Plain(&'a [u8]),
    Sealed(auth::Opened<'a>),
}

impl<'a> Opened<'a> {
    /// The message with its seal; `None` if there is no seal.
    pub const fn sealed(&self) -> Option<&auth::Opened<'a>> {
        match &self.0 {
            Source::Plain(_) => None,
            Source::Sealed(opened) => Some(opened),
        }
    }

    /// The header and the message.
    ///
    /// # Errors
    /// The sender is believed, and its message cannot be decoded.
    pub fn decode(&self) -> Result<(Header, Message), DecodeError> {
        match &self.0 {
            Source::Plain(datagram) => Message::decode(datagram),
            Source::Sealed(opened) => Ok((opened.header, opened.decode()?)),
        }
    }
}

/// The seals of an edge, over either transport.
#[derive(Clone, Debug)]
pub struct EdgeSeals {
    nve: NveId,
    seals: Option<NveSeals>,
}

impl EdgeSeals {
    /// The seals of the edge `nve` over this transport.
    ///
    /// # Errors
    /// As for [`Transport::validate_for`].
    pub fn new(transport: &Transport, nve: NveId) -> Result<Self, KeyError> {
        let mut edge = Self { nve, seals: None };
        if let Transport::Sealed(keys) = transport {
            edge.set_keys(keys.clone())?;
        }
        Ok(edge)
    }

    /// Replaces the ring of keys and seals from now on; the session goes on. [`Keys`] says how to change a key without a gap.
    ///
    /// # Errors
    /// This edge cannot use the ring; nothing changed.
    pub fn set_keys(&mut self, keys: Keys) -> Result<(), KeyError> {
        match &mut self.seals {
            Some(seals) => seals.set_keys(keys),
            None => {
                self.seals = Some(NveSeals::new(keys, self.nve)?);
                Ok(())
            }
        }
    }

    /// Seals a message of the session.
    ///
    /// # Errors
    /// The ring has no key of this edge. The message must not be sent.
    pub fn seal(&mut self, message: &mut Vec<u8>) -> Result<(), SealError> {
        self.seals.as_mut().map_or(Ok(()), |seals| seals.seal(message))
    }

    /// Opens a datagram. `session` is the current session, 0 for none.
    ///
    /// An Invalidate of session 0 needs no seal: it is a hint of another edge and can only cause a Query (SPEC.md §8.5).
    ///
    /// # Errors
    /// The reason why the datagram is not believed; it changed nothing. A trusted transport has no such error.
    pub fn open<'a>(&mut self, session: SessionId, datagram: &'a [u8]) -> Result<Opened<'a>, AuthError> {
        let Some(seals) = &mut self.seals else { return Ok(Opened(Source::Plain(datagram))) };
        match seals.open(session, datagram) {
            Ok(opened) => Ok(Opened(Source::Sealed(opened))),
            Err(AuthError::NoSeal) if datagram.get(1) == Some(&code::Invalidate) => {
                match view::Message::parse(datagram)? {
                    (header, view::Message::Invalidate(_)) if header.session.0 == 0 => {
                        Ok(Opened(Source::Plain(datagram)))
                    }
                    _ => Err(AuthError::NoSeal),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Answers the challenge of `ack` in the next Hello. Call it for each HelloAck of session 0 that the session took.
    pub const fn challenged(&mut self, ack: &Opened<'_>) {
        if let (Some(seals), Source::Sealed(ack)) = (&mut self.seals, &ack.0) {
            seals.challenged(ack.number);
        }
    }
}

#[cfg(test)]
mod tests;
