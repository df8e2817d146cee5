//! The authority's end, one for each edge.

use super::Keys;
use super::error::{AuthError, SealError};
use super::id::{KeyId, Party};
use super::numbers::Numbers;
use super::opened::{Opened, session_of};
use crate::id::{NveId, SessionId};
use crate::time::{Instant, Micros};
use alloc::vec::Vec;

/// What an authority remembers of one edge to seal and to open; the ring is that of all edges.
#[derive(Clone, Debug, Default)]
pub struct NvaSeals {
    /// The key that the edge used last.
    key: Option<KeyId>,
    numbers: Numbers,
    challenge: Option<(u64, Instant)>,
}

impl NvaSeals {
    /// Takes an opened message of the session that there is.
    ///
    /// # Errors
    /// It came before.
    pub fn take(&mut self, session: SessionId, opened: &Opened<'_>) -> Result<(), AuthError> {
        self.numbers.within(session).take(opened.number)?;
        self.key = Some(opened.key);
        Ok(())
    }

    /// Whether the edge has spoken in this session, and so has its HelloAck.
    pub fn is_heard(&self, session: SessionId) -> bool {
        self.numbers.came_within(session)
    }

    /// Whether a Hello that asks for a session answers the challenge that was last given, no longer than `lifetime` ago, and was
    /// so sent since; a challenge is answered once. If not, what to seal a HelloAck of session 0 with: the challenge in hand, or `fresh`,
    /// which must never have been one before.
    ///
    /// # Errors
    /// The challenge.
    pub fn prove(&mut self, now: Instant, lifetime: Micros, hello: &Opened<'_>, fresh: u64) -> Result<(), u64> {
        let valid = self.challenge.filter(|(_, given)| now - *given <= lifetime);
        match valid {
            Some((challenge, _)) if challenge == hello.number => {
                self.challenge = None;
                self.key = Some(hello.key);
                Ok(())
            }
            Some((challenge, _)) => Err(challenge),
            None => {
                self.challenge = Some((fresh, now));
                Err(fresh)
            }
        }
    }

    /// Seals a message that the session has written, with the key that the edge used last.
    ///
    /// # Errors
    /// It must not be sent then.
    pub fn seal(&mut self, keys: &Keys, nve: NveId, message: &mut Vec<u8>) -> Result<(), SealError> {
        let heard = self.key.filter(|key| keys.nve(*key) == Some(nve));
        let key = heard.or_else(|| keys.newest(nve)).ok_or(SealError::NoKey(nve))?;
        let number = self.numbers.within(session_of(message)).give();
        keys.seal(Party::Nva, key, number, message)
    }
}
