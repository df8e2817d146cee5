//! The ring of keys without the feature `auth`: nobody can make one.
//!
//! No method is `const`, because no method of the ring with the feature is: turning the feature on must break no caller.

use super::error::{AuthError, KeyError, SealError};
use super::id::{KeyId, Party};
use super::opened::Opened;
use crate::id::{NveId, RecordNo};
use crate::message::Seen;
use alloc::vec::Vec;
use core::convert::Infallible;

/// A ring of keys. It cannot be made without the feature `auth`.
#[derive(Clone, Debug)]
pub struct Keys(Infallible);

impl Keys {
    /// Checks that an NVE can use the ring.
    ///
    /// # Errors
    /// The NVE cannot use the ring.
    pub fn validate_for(&self, _: NveId) -> Result<(), KeyError> {
        match self.0 {}
    }

    /// The key of the NVE that was added last.
    pub fn newest(&self, _: NveId) -> Option<KeyId> {
        match self.0 {}
    }

    /// The NVE of a key.
    pub fn nve(&self, _: KeyId) -> Option<NveId> {
        match self.0 {}
    }

    /// Opens a datagram.
    ///
    /// # Errors
    /// The reason why the datagram is not believed.
    pub fn open<'a>(&self, _: Party, _: &'a [u8]) -> Result<Opened<'a>, AuthError> {
        match self.0 {}
    }

    /// Seals a message.
    ///
    /// # Errors
    /// The message must not be sent.
    pub fn seal(&self, _: Party, _: KeyId, _: u64, _: &mut Vec<u8>) -> Result<(), SealError> {
        match self.0 {}
    }
}

/// The key by which an authority knows its own [`Seen`] again. It cannot be made without the feature `auth`.
#[derive(Clone, Debug)]
pub struct SeenKey(Infallible);

impl SeenKey {
    /// The statement that this authority has published this record in this epoch.
    pub fn prove(&self, _: u32, _: RecordNo, _: u32) -> Seen {
        match self.0 {}
    }

    /// True if this key made the statement.
    pub fn made(&self, _: &Seen) -> bool {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So no method of them is ever called, and a transport is never a sealed one.
    #[test]
    fn without_the_feature_there_is_neither_a_ring_nor_a_key() {
        assert_eq!((size_of::<Option<Keys>>(), size_of::<Option<SeenKey>>()), (0, 0));
    }
}
