//! The ring of keys: who may say what, in which direction.

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

/// What is said before it is taken for a key, so that a secret makes keys of no other use.
const LABEL: &[u8] = b"nvo3 nva protocol 1";

/// 32 random bytes that an NVE and its NVA share; forgotten in memory when dropped, and never shown.
#[derive(Clone)]
pub struct Secret([u8; Secret::LEN]);

impl Secret {
    /// Its length in bytes.
    pub const LEN: usize = 32;

    /// To write it where it is kept.
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

/// Keys by their ids, each bound to an NVE; at an NVE only its own.
///
/// The key of an NVE that was added last is the one that the NVE signs with; the NVA signs with the one it heard the NVE use
/// last. So a key is changed without a gap: give the new one to the NVA, then to the NVE, then take the old one from both.
///
/// With `serde` a ring stands for nothing and is read as an empty one, with which nothing is believed: secrets are in no trace.
#[derive(Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Keys {
    #[cfg_attr(feature = "serde", serde(skip))]
    by_id: BTreeMap<KeyId, Pair>,
    #[cfg_attr(feature = "serde", serde(skip))]
    newest: BTreeMap<NveId, KeyId>,
}

impl Keys {
    /// Adds a key of an NVE, which becomes its newest.
    ///
    /// # Errors
    /// The id is in use; nothing changed.
    pub fn add(&mut self, id: KeyId, nve: NveId, secret: &Secret) -> Result<(), KeyError> {
        if self.by_id.contains_key(&id) {
            return Err(KeyError::Twice(id));
        }
        let pair = Pair { nve, from_nve: derive(secret, Party::Nve, nve), from_nva: derive(secret, Party::Nva, nve) };
        self.by_id.insert(id, pair);
        self.newest.insert(nve, id);
        Ok(())
    }

    /// Whether an NVE can use the ring: it has a key, and nobody else does.
    ///
    /// # Errors
    /// Why not.
    pub fn validate_for(&self, nve: NveId) -> Result<(), KeyError> {
        match self.by_id.iter().find(|(_, pair)| pair.nve != nve) {
            Some((key, pair)) => Err(KeyError::Foreign { key: *key, nve: pair.nve }),
            None => self.newest(nve).map(|_| ()).ok_or(KeyError::None(nve)),
        }
    }

    /// The NVE's key that was added last.
    pub fn newest(&self, nve: NveId) -> Option<KeyId> {
        self.newest.get(&nve).copied()
    }

    /// Whose key it is.
    pub fn nve(&self, id: KeyId) -> Option<NveId> {
        self.by_id.get(&id).map(|pair| pair.nve)
    }

    /// The largest id that is in use.
    pub fn last(&self) -> Option<KeyId> {
        self.by_id.last_key_value().map(|(id, _)| *id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none: nothing is believed, and nothing can be said.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Whose the key is, and what it seals with in this direction.
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

/// The key of one direction: the code, under the secret, of what it is for.
fn derive(secret: &Secret, from: Party, nve: NveId) -> Code {
    let direction = match from {
        Party::Nve => 1_u8,
        Party::Nva => 2,
    };
    let mut code = Code::new(&block(secret.expose()));
    code.update(LABEL);
    code.update(&[direction]);
    code.update(&nve.0.to_be_bytes());
    let mut key = block(&code.finalize().into_bytes());
    let derived = Code::new(&key);
    key.zeroize();
    derived
}

/// A key as HMAC takes it: filled with zeros to a block of SHA-256.
fn block(key: &[u8]) -> hmac::digest::Key<Code> {
    let mut block = hmac::digest::Key::<Code>::default();
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    block
}
