//! Whom a machine believes, and how it is believed: by seals, or by the word that the transport below is trusted.
//!
//! An end says so once, by its [`Transport`]; from then on it opens every datagram and seals every message in the same way. Where the
//! transport is trusted, opening believes everything and sealing writes nothing. An edge has [`EdgeSeals`]. An authority opens and seals
//! with its [`Transport`], which has the keys of all edges, and has [`NvaSeals`] for each edge. What [`crate::auth`] says of seals holds
//! here.
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

/// Who vouches for the messages of a session (R-38).
///
/// Stored with `serde`, keys are left out, and what is read back believes nobody: see [`Keys`]. Without the feature `auth` there are no keys,
/// so that every transport is a trusted one.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Transport {
    /// The transport below does: nobody but edges and authority can send on it, or change what they send.
    Trusted,
    /// A seal on each message does (VMM-10-10); what has none, or a wrong one, changes nothing, is counted and not answered. An
    /// edge's ring has its own keys only.
    #[cfg_attr(all(feature = "serde", not(feature = "auth")), serde(skip))]
    Sealed(Keys),
}

impl Transport {
    /// Whether an edge can use it: a ring must have a key of this NVE, and none of another.
    ///
    /// # Errors
    /// Why not.
    pub fn validate_for(&self, nve: NveId) -> Result<(), KeyError> {
        match self {
            Self::Trusted => Ok(()),
            Self::Sealed(keys) => keys.validate_for(nve),
        }
    }

    /// Opens, at the authority, a datagram of an edge. Whether it is a replay, [`NvaSeals::take`] says.
    ///
    /// # Errors
    /// Why it is not believed; it is not answered. A trusted transport has no such error.
    pub fn open<'a>(&self, datagram: &'a [u8]) -> Result<Opened<'a>, AuthError> {
        match self {
            Self::Trusted => Ok(Opened(Source::Plain(datagram))),
            Self::Sealed(keys) => keys.open(Party::Nve, datagram).map(|opened| Opened(Source::Sealed(opened))),
        }
    }

    /// Seals, at the authority, a message that the session with `nve` has written; `edge` is what is remembered of that edge.
    ///
    /// # Errors
    /// It must not be sent then.
    pub fn seal(&self, edge: &mut NvaSeals, nve: NveId, message: &mut Vec<u8>) -> Result<(), SealError> {
        match self {
            Self::Trusted => Ok(()),
            Self::Sealed(keys) => edge.seal(keys, nve, message),
        }
    }

    /// Seals, at the authority, an answer that belongs to no session there, under the key of what it answers. `number` is that
    /// of [`NvaSeals::prove`] in a challenge, else 0.
    ///
    /// # Errors
    /// It must not be sent then.
    pub fn seal_answer(&self, to: &Opened<'_>, number: u64, message: &mut Vec<u8>) -> Result<(), SealError> {
        match (self, &to.0) {
            (Self::Sealed(keys), Source::Sealed(to)) => keys.seal(Party::Nva, to.key, number, message),
            _ => Ok(()),
        }
    }
}

/// A datagram that is believed.
#[derive(Clone, Copy, Debug)]
pub struct Opened<'a>(Source<'a>);

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    /// Without a seal, and not looked at.
    Plain(&'a [u8]),
    Sealed(auth::Opened<'a>),
}

impl<'a> Opened<'a> {
    /// Who sealed it, and with what. `None` where there is no seal.
    pub const fn sealed(&self) -> Option<&auth::Opened<'a>> {
        match &self.0 {
            Source::Plain(_) => None,
            Source::Sealed(opened) => Some(opened),
        }
    }

    /// What it says.
    ///
    /// # Errors
    /// Its sender, who is believed, said what is no message here.
    pub fn decode(&self) -> Result<(Header, Message), DecodeError> {
        match &self.0 {
            Source::Plain(datagram) => Message::decode(datagram),
            Source::Sealed(opened) => Ok((opened.header, opened.decode()?)),
        }
    }
}

/// An edge's end.
#[derive(Clone, Debug)]
pub struct EdgeSeals {
    nve: NveId,
    seals: Option<NveSeals>,
}

impl EdgeSeals {
    /// # Errors
    /// See [`Transport::validate_for`].
    pub fn new(transport: &Transport, nve: NveId) -> Result<Self, KeyError> {
        let mut edge = Self { nve, seals: None };
        if let Transport::Sealed(keys) = transport {
            edge.set_keys(keys.clone())?;
        }
        Ok(edge)
    }

    /// Another ring from now on, sealed from now on; the session goes on. A key is changed without a gap as [`Keys`] says.
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

    /// Seals a message that the session has written.
    ///
    /// # Errors
    /// It must not be sent then.
    pub fn seal(&mut self, message: &mut Vec<u8>) -> Result<(), SealError> {
        self.seals.as_mut().map_or(Ok(()), |seals| seals.seal(message))
    }

    /// Opens a datagram, where `session` is the one that there is, 0 for none. An Invalidate of session 0 needs no seal: it is from another
    /// edge, and all it can cause is a Query (SPEC.md §8.5).
    ///
    /// # Errors
    /// Why it is not believed; it changed nothing. A trusted transport has no such error.
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

    /// The next Hello has the challenge of `ack`: call it with each HelloAck of session 0 that the session took.
    pub const fn challenged(&mut self, ack: &Opened<'_>) {
        if let (Some(seals), Source::Sealed(ack)) = (&mut self.seals, &ack.0) {
            seals.challenged(ack.number);
        }
    }
}

#[cfg(test)]
mod tests;
