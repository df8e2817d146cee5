//! The edge's end.

use super::Keys;
use super::error::{AuthError, KeyError, SealError};
use super::id::Party;
use super::numbers::Numbers;
use super::opened::{Opened, session_of};
use crate::id::{NveId, SessionId};
use crate::message::table::code;
use alloc::vec::Vec;

/// What an edge seals and opens with.
#[derive(Clone, Debug)]
pub struct NveSeals {
    keys: Keys,
    nve: NveId,
    /// The NVA's, 0 before the first.
    challenge: u64,
    numbers: Numbers,
}

impl NveSeals {
    /// # Errors
    /// The ring has no key of this NVE, or one of another.
    pub fn new(keys: Keys, nve: NveId) -> Result<Self, KeyError> {
        keys.validate_for(nve)?;
        Ok(Self { keys, nve, challenge: 0, numbers: Numbers::default() })
    }

    /// Another ring from now on; the session goes on.
    ///
    /// # Errors
    /// As for [`NveSeals::new`]; the ring is what it was.
    pub fn set_keys(&mut self, keys: Keys) -> Result<(), KeyError> {
        keys.validate_for(self.nve)?;
        self.keys = keys;
        Ok(())
    }

    /// Seals a message that the session has written.
    ///
    /// # Errors
    /// It must not be sent then.
    pub fn seal(&mut self, message: &mut Vec<u8>) -> Result<(), SealError> {
        let key = self.keys.newest(self.nve).ok_or(SealError::NoKey(self.nve))?;
        let number = match session_of(message) {
            SessionId(0) => self.challenge,
            session => self.numbers.within(session).give(),
        };
        self.keys.seal(Party::Nve, key, number, message)
    }

    /// Opens a datagram of the NVA, where `session` is the one that there is, 0 for none. What is not of that session the session
    /// itself refuses.
    ///
    /// # Errors
    /// Why it is not believed; it changed nothing.
    pub fn open<'a>(&mut self, session: SessionId, datagram: &'a [u8]) -> Result<Opened<'a>, AuthError> {
        let opened = self.keys.open(Party::Nva, datagram)?;
        // An Error of an NVA that has no such session has no number: it is true however often it is said.
        let numbered = session.0 != 0 && opened.header.session == session && !is_stateless(&opened);
        if numbered {
            self.numbers.within(session).take(opened.number)?;
        }
        Ok(opened)
    }

    /// The NVA wants this in the seal of the next Hello: call it with each HelloAck of session 0 that the session took.
    pub const fn challenged(&mut self, number: u64) {
        self.challenge = number;
    }
}

const fn is_stateless(opened: &Opened<'_>) -> bool {
    opened.kind == code::Error && opened.number == 0
}
