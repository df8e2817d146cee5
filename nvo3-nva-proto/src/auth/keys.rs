//! The ring of keys: the NVE of each key, and its key in each direction.

use super::error::KeyError;
use super::id::{KeyId, Party};
use crate::id::NveId;
use alloc::collections::BTreeMap;
use core::fmt;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroize;

/// HMAC-SHA-256 with its key taken in, so that a message costs only its own blocks.
pub(super) type Code = Hmac<Sha256>;

/// The label that goes into each key, so that the same secret gives other keys in another protocol.
const LABEL: &[u8] = b"nvo3 nva protocol 1";

/// A secret of 32 random bytes that an NVE shares with its NVA.
///
/// It is cleared in memory when dropped, and `Debug` does not show it.
#[derive(Clone)]
pub struct Secret([u8; Secret::LEN]);

impl Secret {
    /// The length of a secret in bytes: 32.
    pub const LEN: usize = 32;

    /// The bytes, to store the secret.
    pub const fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl From<[u8; Secret::LEN]> for Secret {
    fn from(bytes: [u8; Secret::LEN]) -> Self {
        Self(bytes)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[derive(Clone)]
struct Pair {
    nve: NveId,
    from_nve: Code,
    from_nva: Code,
}

/// A ring of keys by id, each bound to an NVE. The ring of an NVE has its own keys only.
///
/// An NVE seals with its key that was added last. The NVA seals with the key that the NVE used last. To change a key without a gap, give
/// the new key to the NVA, then to the NVE, and then take the old key from both.
///
/// With `serde` the keys are left out, so that no trace has secrets. A ring that is read back is empty and believes nobody.
#[derive(Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Keys {
    #[cfg_attr(feature = "serde", serde(skip))]
    by_id: BTreeMap<KeyId, Pair>,
    #[cfg_attr(feature = "serde", serde(skip))]
    newest: BTreeMap<NveId, KeyId>,
}

impl Keys {
    /// Adds a key of an NVE, which becomes its newest key.
    ///
    /// # Errors
    /// [`KeyError::Twice`] if the id is in use; nothing changed.
    pub fn add(&mut self, id: KeyId, nve: NveId, secret: &Secret) -> Result<(), KeyError> {
        if self.by_id.contains_key(&id) {
            return Err(KeyError::Twice(id));
        }
        let pair = Pair { nve, from_nve: derive(secret, Party::Nve, nve), from_nva: derive(secret, Party::Nva, nve) };
        self.by_id.insert(id, pair);
        self.newest.insert(nve, id);
        Ok(())
    }

    /// Checks that an NVE can use the ring.
    ///
    /// # Errors
    /// [`KeyError::Foreign`] if the ring has a key of another NVE, [`KeyError::None`] if it has none of this NVE.
    pub fn validate_for(&self, nve: NveId) -> Result<(), KeyError> {
        match self.by_id.iter().find(|(_, pair)| pair.nve != nve) {
            Some((key, pair)) => Err(KeyError::Foreign { key: *key, nve: pair.nve }),
            None => self.newest(nve).map(|_| ()).ok_or(KeyError::None(nve)),
        }
    }

    /// The key of the NVE that was added last.
    pub fn newest(&self, nve: NveId) -> Option<KeyId> {
        self.newest.get(&nve).copied()
    }

    /// The NVE of a key.
    pub fn nve(&self, id: KeyId) -> Option<NveId> {
        self.by_id.get(&id).map(|pair| pair.nve)
    }

    /// The largest id in use.
    pub fn last(&self) -> Option<KeyId> {
        self.by_id.last_key_value().map(|(id, _)| *id)
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// True if the ring has no keys: it believes nobody and seals nothing.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The NVE of a key, and the key of this direction.
    pub(super) fn code(&self, id: KeyId, from: Party) -> Option<(NveId, Code)> {
        let pair = self.by_id.get(&id)?;
        let code = match from {
            Party::Nve => &pair.from_nve,
            Party::Nva => &pair.from_nva,
        };
        Some((pair.nve, code.clone()))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.by_id.iter().map(|(id, pair)| (id.get(), pair.nve))).finish()
    }
}

/// The key of one direction: the code of its purpose under the secret.
fn derive(secret: &Secret, from: Party, nve: NveId) -> Code {
    let direction = match from {
        Party::Nve => 1_u8,
        Party::Nva => 2,
    };
    let mut code = self::code(secret.expose());
    code.update(LABEL);
    code.update(&[direction]);
    code.update(&nve.0.to_be_bytes());
    let mut key = block(&code.finalize().into_bytes());
    let derived = Code::new(&key);
    key.zeroize();
    derived
}

/// HMAC-SHA-256 under this key.
pub(super) fn code(key: &[u8]) -> Code {
    Code::new(&block(key))
}

/// A key as HMAC takes it: filled with zeros to a block of SHA-256.
fn block(key: &[u8]) -> hmac::digest::Key<Code> {
    let mut block = hmac::digest::Key::<Code>::default();
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    block
}
