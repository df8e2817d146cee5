//! Errors of seals and keys.

use super::id::KeyId;
use crate::error::DecodeError;
use crate::id::NveId;

/// The reason why a datagram is not believed.
///
/// Only its header was read; the datagram changed nothing and is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The header cannot be read.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// The datagram has no seal.
    #[error("the message has no seal")]
    NoSeal,
    /// The ring has no key with this id: the key was never added, or was taken out.
    #[error("key {0} is not in the ring")]
    UnknownKey(u16),
    /// This party did not seal the datagram with this key, or the datagram was changed.
    #[error("the seal does not match key {0}")]
    WrongSeal(KeyId),
    /// The NVE of the key claims to be another NVE, or uses the session of another NVE.
    #[error("the key belongs to {0}, and the message to another NVE")]
    NotBound(NveId),
    /// The datagram is a replay, or is too old to tell.
    #[error("number {number} of its session was received before, or comes too late")]
    Replayed {
        /// The number in the seal.
        number: u64,
    },
}

/// The error that a Hello does not answer the current challenge, so it may be a replay.
///
/// The authority sends `number` in the seal of a HelloAck of session 0; the next Hello answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Hello does not answer the challenge: send challenge {number} in a HelloAck of session 0")]
pub struct Challenge {
    /// The number of the challenge.
    pub number: u64,
}

/// The reason why a message was not sealed. It must not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The ring has no key of this NVE.
    #[error("the ring has no key for {0}")]
    NoKey(NveId),
    /// The ring has no key with this id.
    #[error("key {0} is not in the ring")]
    UnknownKey(KeyId),
    /// The message to answer has no seal, so no key is known for the answer.
    #[error("the message to answer has no seal: its answer needs the key of a sealed message")]
    NoSeal,
    /// The message is shorter than a header or longer than [`MAX_MESSAGE`](crate::MAX_MESSAGE).
    #[error("the message has {length} bytes: must be 24 to 1176")]
    NotAMessage {
        /// The length of the message.
        length: usize,
    },
}

/// The reason why a key, or a ring of keys, was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The ring has a key with this id. A domain uses each key id once.
    #[error("key {0} is already in the ring: use another id")]
    Twice(KeyId),
    /// The ring has no key of the NVE that is to use it.
    #[error("the ring has no key for {0}")]
    None(NveId),
    /// The ring has a key of another NVE, which this NVE must not know.
    #[error("key {key} belongs to {nve}: an NVE must have its own keys only")]
    Foreign {
        /// The key.
        key: KeyId,
        /// The NVE of the key.
        nve: NveId,
    },
}
