//! The bytes of a seal.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------------------------------------------------------+
//! |           header, body and TLVs (flags 1, trailer 24)         |
//! +---------------------------------------------------------------+
//! |                          number (8)                           |
//! +---------------------------------------------------------------+
//! |    code (16): HMAC-SHA-256 of all before it, its first half   |
//! +---------------------------------------------------------------+
//! ```

use super::error::{AuthError, SealError};
use super::id::{KeyId, Party};
use super::keys::Keys;
use super::opened::Opened;
use crate::header::{Header, MAX_MESSAGE, SEAL_LEN, SEALED};
use alloc::vec::Vec;
use hmac::Mac;

/// A number's length in bytes.
const NUMBER: usize = 8;
/// A code's: half of what SHA-256 gives, as RFC 2104 §5 allows and RFC 4868 does.
const CODE: usize = SEAL_LEN - NUMBER;

impl Keys {
    /// Opens a datagram of the end `from`: checks its seal. Only the header is parsed; the code is compared in constant time.
    ///
    /// # Errors
    /// The reason why the datagram is not believed.
    pub fn open<'a>(&self, from: Party, datagram: &'a [u8]) -> Result<Opened<'a>, AuthError> {
        if datagram.get(2).is_some_and(|flags| flags & SEALED == 0) {
            return Err(AuthError::NoSeal);
        }
        let split = datagram.split_last_chunk::<CODE>();
        let parts = split.and_then(|(covered, code)| Some((covered, covered.split_last_chunk::<NUMBER>()?, code)));
        let Some((covered, (message, number), code)) = parts else {
            // Shorter than a header, which says what is missing.
            return Err(Header::get_sealed(datagram, 0).map_or_else(AuthError::Malformed, |_| AuthError::NoSeal));
        };
        let (header, kind, id, body) = Header::get_sealed(message, datagram.len())?;
        let found = KeyId::new(id).and_then(|key| Some((key, self.code(key, from)?)));
        let Some((key, (nve, mut right))) = found else { return Err(AuthError::UnknownKey(id)) };
        right.update(covered);
        right.verify_truncated_left(code).map_err(|_| AuthError::WrongSeal(key))?;
        Ok(Opened { header, kind, key, nve, number: u64::from_be_bytes(*number), body })
    }

    /// Seals an encoded message as the end `from`. On an error the message is unchanged.
    ///
    /// # Errors
    /// The ring does not have `key`, or `message` is not a message. The message must not be sent.
    pub fn seal(&self, from: Party, key: KeyId, number: u64, message: &mut Vec<u8>) -> Result<(), SealError> {
        let length = message.len();
        let (_, mut code) = self.code(key, from).ok_or(SealError::UnknownKey(key))?;
        let sealed = u16::try_from(length.saturating_add(SEAL_LEN)).unwrap_or(u16::MAX).to_be_bytes();
        match message.first_chunk_mut::<{ Header::LEN }>() {
            Some([_, _, flags, trailer, high, low, key_high, key_low, ..]) if length <= MAX_MESSAGE => {
                (*flags, *trailer) = (SEALED, SEAL_LEN as u8);
                [*high, *low] = sealed;
                [*key_high, *key_low] = key.get().to_be_bytes();
            }
            _ => return Err(SealError::NotAMessage { length }),
        }
        message.extend_from_slice(&number.to_be_bytes());
        code.update(message);
        message.extend(code.finalize().into_bytes().iter().take(CODE));
        Ok(())
    }
}
