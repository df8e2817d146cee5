//! The ring of keys where the feature `auth` is off: there is none.

use super::error::{AuthError, KeyError, SealError};
use super::id::{KeyId, Party};
use super::opened::Opened;
use crate::id::NveId;
use alloc::vec::Vec;
use core::convert::Infallible;

/// A ring of keys, which only the feature `auth` can make.
#[derive(Clone, Debug)]
pub struct Keys(Infallible);

impl Keys {
    /// Whether an NVE can use the ring.
    ///
    /// # Errors
    /// Why not.
    pub const fn validate_for(&self, _: NveId) -> Result<(), KeyError> {
        match self.0 {}
    }

    /// The NVE's key that was added last.
    pub const fn newest(&self, _: NveId) -> Option<KeyId> {
        match self.0 {}
    }

    /// Whose key it is.
    pub const fn nve(&self, _: KeyId) -> Option<NveId> {
        match self.0 {}
    }

    /// Opens a datagram.
    ///
    /// # Errors
    /// Why it is not believed.
    pub const fn open<'a>(&self, _: Party, _: &'a [u8]) -> Result<Opened<'a>, AuthError> {
        match self.0 {}
    }

    /// Seals a message.
    ///
    /// # Errors
    /// It must not be sent then.
    pub const fn seal(&self, _: Party, _: KeyId, _: u64, _: &mut Vec<u8>) -> Result<(), SealError> {
        match self.0 {}
    }
}
