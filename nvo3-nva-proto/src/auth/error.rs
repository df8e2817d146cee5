//! Why a datagram is not believed, a message not sealed, a key not taken.

use super::id::KeyId;
use crate::error::DecodeError;
use crate::id::NveId;

/// Why a datagram is not believed. Nothing of it but its header was looked at, and it changed nothing; it is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// Its header cannot be read.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// It has none.
    #[error("there is no seal")]
    NoSeal,
    /// The ring has no such key: it was never given, or is given up.
    #[error("key {0} is not known here")]
    UnknownKey(u16),
    /// It was not sealed with this key by this party, or is not as it was.
    #[error("the seal is not that of key {0}")]
    WrongSeal(KeyId),
    /// It says what this key's NVE may not say: that it is another, or something in another's session.
    #[error("the key is {0}'s, which the message is not")]
    NotBound(NveId),
    /// It came before, or is older than what is remembered.
    #[error("number {number} of its session came before, or too late")]
    Replayed {
        /// Its number.
        number: u64,
    },
}

/// Why a message was not sealed; it may not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The ring has none.
    #[error("there is no key for {0}")]
    NoKey(NveId),
    /// The ring does not have it.
    #[error("key {0} is not known here")]
    UnknownKey(KeyId),
    /// It is shorter than a header or longer than [`crate::MAX_MESSAGE`].
    #[error("{length} bytes are no message: 24 to 1176")]
    NotAMessage {
        /// How long it is.
        length: usize,
    },
}

/// Why a key, or a ring of keys, was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Key ids are used once in a domain.
    #[error("key {0} is there already")]
    Twice(KeyId),
    /// It has none for the NVE that it is to be used by.
    #[error("there is no key for {0}")]
    None(NveId),
    /// It has one of another NVE, which an NVE must not know.
    #[error("key {key} is {nve}'s, which this is not")]
    Foreign {
        /// The key.
        key: KeyId,
        /// Whose it is.
        nve: NveId,
    },
}
