//! The seals of an authority, one for each edge.

use super::Keys;
use super::error::{AuthError, Challenge, SealError};
use super::id::{KeyId, Party};
use super::numbers::Numbers;
use super::opened::{Opened, session_of};
use crate::id::{NveId, SessionId};
use crate::time::{Instant, Micros};
use alloc::vec::Vec;

/// The seals of an authority for one edge: numbers, the key that the edge used last, and the challenge. The ring is that of all edges.
#[derive(Clone, Debug, Default)]
pub struct NvaSeals {
    /// The key that the edge used last.
    key: Option<KeyId>,
    numbers: Numbers,
    challenge: Option<(u64, Instant)>,
}

impl NvaSeals {
    /// Takes an opened message of the current session.
    ///
    /// # Errors
    /// [`AuthError::Replayed`] if the message is a replay.
    pub fn take(&mut self, session: SessionId, opened: &Opened<'_>) -> Result<(), AuthError> {
        self.numbers.within(session).take(opened.number)?;
        self.key = Some(opened.key);
        Ok(())
    }

    /// True if the edge has sent a message in this session, and so has received its HelloAck.
    pub fn is_heard(&self, session: SessionId) -> bool {
        self.numbers.came_within(session)
    }

    /// Checks that a Hello answers the last challenge, which is at most `lifetime` old. So the Hello is no replay. A challenge is answered
    /// once.
    ///
    /// # Errors
    /// The challenge for a HelloAck of session 0: the current one, or `fresh`, which must never have been used before.
    pub fn prove(&mut self, now: Instant, lifetime: Micros, hello: &Opened<'_>, fresh: u64) -> Result<(), Challenge> {
        let valid = self.challenge.filter(|(_, given)| now - *given <= lifetime);
        match valid {
            Some((challenge, _)) if challenge == hello.number => {
                self.challenge = None;
                self.key = Some(hello.key);
                Ok(())
            }
            Some((number, _)) => Err(Challenge { number }),
            None => {
                self.challenge = Some((fresh, now));
                Err(Challenge { number: fresh })
            }
        }
    }

    /// Seals a message of the session with the key that the edge used last.
    ///
    /// # Errors
    /// The ring has no key of the edge. The message must not be sent.
    pub fn seal(&mut self, keys: &Keys, nve: NveId, message: &mut Vec<u8>) -> Result<(), SealError> {
        let heard = self.key.filter(|key| keys.nve(*key) == Some(nve));
        let key = heard.or_else(|| keys.newest(nve)).ok_or(SealError::NoKey(nve))?;
        let number = self.numbers.within(session_of(message)).give();
        keys.seal(Party::Nva, key, number, message)
    }
}
