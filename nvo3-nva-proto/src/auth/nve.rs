//! The edge's end.

use super::Keys;
use super::error::{AuthError, KeyError, SealError};
use super::id::Party;
use super::numbers::Numbers;
use super::opened::{Opened, session_of};
use crate::id::{NveId, SessionId};
use crate::message::table::code;
use alloc::vec::Vec;

/// The seals of an NVE: it seals, opens, and answers challenges.
#[derive(Clone, Debug)]
pub struct NveSeals {
    keys: Keys,
    nve: NveId,
    /// The NVA's, 0 before the first.
    challenge: u64,
    numbers: Numbers,
}

impl NveSeals {
    /// The seals of this NVE under a ring of keys.
    ///
    /// # Errors
    /// The ring has no key of this NVE, or a key of another NVE.
    pub fn new(keys: Keys, nve: NveId) -> Result<Self, KeyError> {
        keys.validate_for(nve)?;
        Ok(Self { keys, nve, challenge: 0, numbers: Numbers::default() })
    }

    /// Replaces the ring of keys; the session goes on.
    ///
    /// # Errors
    /// As for [`NveSeals::new`]; the old ring stays.
    pub fn set_keys(&mut self, keys: Keys) -> Result<(), KeyError> {
        keys.validate_for(self.nve)?;
        self.keys = keys;
        Ok(())
    }

    /// Seals a message of the session.
    ///
    /// # Errors
    /// The ring has no key of this NVE. The message must not be sent.
    pub fn seal(&mut self, message: &mut Vec<u8>) -> Result<(), SealError> {
        let key = self.keys.newest(self.nve).ok_or(SealError::NoKey(self.nve))?;
        let number = match session_of(message) {
            SessionId(0) => self.challenge,
            session => self.numbers.within(session).give(),
        };
        self.keys.seal(Party::Nve, key, number, message)
    }

    /// Opens a datagram of the NVA. `session` is the current session, 0 for none; the session itself refuses a message of another.
    ///
    /// # Errors
    /// The reason why the datagram is not believed; it changed nothing.
    pub fn open<'a>(&mut self, session: SessionId, datagram: &'a [u8]) -> Result<Opened<'a>, AuthError> {
        let opened = self.keys.open(Party::Nva, datagram)?;
        // An Error of an NVA that has no such session has no number: it is true however often it is said.
        let numbered = session.0 != 0 && opened.header.session == session && !is_stateless(&opened);
        if numbered {
            self.numbers.within(session).take(opened.number)?;
        }
        Ok(opened)
    }

    /// Puts the number of a challenge in the seal of the next Hello. Call it for each HelloAck of session 0 that the session took.
    pub const fn challenged(&mut self, number: u64) {
        self.challenge = number;
    }
}

const fn is_stateless(opened: &Opened<'_>) -> bool {
    opened.kind == code::Error && opened.number == 0
}
