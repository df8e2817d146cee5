//! The proof in [`Seen`]: what an edge has seen counts only if the authority itself said it.

use super::keys::{Code, Secret};
use crate::id::RecordNo;
use crate::message::Seen;
use core::fmt;
use hmac::Mac;

/// The label of the code, so that the key makes no other code that looks the same.
const LABEL: &[u8] = b"nvo3 seen";

/// The key by which an authority knows its own [`Seen`] again. No edge has it.
///
/// Keep it apart from the store: it must outlive the loss of the store.
#[derive(Clone)]
pub struct SeenKey(Code);

impl SeenKey {
    /// Makes the key from a secret that only the authority has.
    pub fn new(secret: &Secret) -> Self {
        Self(super::keys::code(secret.expose()))
    }

    /// The statement that this authority has published this record in this epoch.
    pub fn prove(&self, epoch: u32, record: RecordNo, shard: u32) -> Seen {
        let code = self.code(epoch, record, shard).finalize().into_bytes();
        let mut proof = [0; 16];
        for (to, from) in proof.iter_mut().zip(code) {
            *to = from;
        }
        Seen { epoch, record, shard, proof }
    }

    /// True if this key made the statement. The proof is compared in constant time.
    pub fn made(&self, seen: &Seen) -> bool {
        self.code(seen.epoch, seen.record, seen.shard).verify_truncated_left(&seen.proof).is_ok()
    }

    fn code(&self, epoch: u32, record: RecordNo, shard: u32) -> Code {
        let mut code = self.0.clone();
        code.update(LABEL);
        code.update(&epoch.to_be_bytes());
        code.update(&record.0.to_be_bytes());
        code.update(&shard.to_be_bytes());
        code
    }
}

impl fmt::Debug for SeenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeenKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_show_what_it_was_made_of() {
        assert_eq!(alloc::format!("{:?}", SeenKey::new(&Secret::from([1; 32]))), "SeenKey(..)");
    }

    #[test]
    fn only_the_key_that_proved_believes_and_only_what_it_said() {
        let (own, other) = (SeenKey::new(&Secret::from([1; 32])), SeenKey::new(&Secret::from([2; 32])));
        let seen = own.prove(7, RecordNo(9), 1);

        assert!(own.made(&seen) && !other.made(&seen));
        let mut proof = seen.proof;
        proof[15] ^= 1;
        let changed = [
            Seen { epoch: 8, ..seen },
            Seen { record: RecordNo(10), ..seen },
            Seen { shard: 0, ..seen },
            Seen { proof, ..seen },
            Seen { proof: [0; 16], ..seen },
        ];
        assert!(changed.iter().all(|seen| !own.made(seen)));
    }
}
