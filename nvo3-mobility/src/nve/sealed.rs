//! What an edge seals and opens, where its transport is not trusted (VMM-10-10, SPL-14, R-38).

use super::machine::Nve;
use alloc::vec::Vec;
use nvo3_nva_proto::auth::{AuthError, KeyError, Keys, NveSeals};
use nvo3_nva_proto::{Message, type_name};

impl Nve {
    /// Another ring of keys from now on, sealed from now on: a key is changed without a gap as [`Keys`] says.
    ///
    /// # Errors
    /// This edge cannot use it; nothing changed.
    pub fn set_keys(&mut self, keys: Keys) -> Result<(), KeyError> {
        match &mut self.seals {
            Some(seals) => seals.set_keys(keys)?,
            None => self.seals = Some(NveSeals::new(keys, self.config.place.nve)?),
        }
        Ok(())
    }

    /// Whether the message may leave, now that it is sealed.
    pub(super) fn seal(&mut self, message: &mut Vec<u8>) -> bool {
        self.seals.as_mut().is_none_or(|seals| seals.seal(message).is_ok())
    }

    /// A datagram where seals are wanted: of the NVA, or a hint, which nobody vouches for and which can cause no more than a question.
    pub(super) fn handle_sealed(&mut self, datagram: &[u8]) {
        let (Some(seals), Some(session)) = (&mut self.seals, &mut self.session) else {
            self.counters.rejected += 1;
            return;
        };
        let opened = match seals.open(session.id(), datagram) {
            Ok(opened) => opened,
            Err(AuthError::NoSeal) if is_invalidate(datagram) => return self.handle_unsealed_hint(datagram),
            Err(error) => return self.count_unbelieved(&error),
        };
        match opened.decode() {
            Ok(message) => {
                let challenge = matches!(message, Message::HelloAck(_)) && opened.header.session.0 == 0;
                match session.handle(self.now, &opened.header, message) {
                    Ok(()) if challenge => seals.challenged(opened.number),
                    Ok(()) => {}
                    Err(_) => self.counters.rejected += 1,
                }
            }
            Err(error) => {
                self.counters.malformed += 1;
                // A datagram of no session of ours gets no answer.
                let _ = session.handle_undecodable(self.now, &error);
            }
        }
    }

    fn handle_unsealed_hint(&mut self, datagram: &[u8]) {
        match Message::decode(datagram) {
            Ok((header, Message::Invalidate(hint))) if header.session.0 == 0 => self.handle_hint(&hint),
            Ok(_) => self.counters.unsealed += 1,
            Err(_) => self.counters.malformed += 1,
        }
    }

    const fn count_unbelieved(&mut self, error: &AuthError) {
        let counters = &mut self.counters;
        *match error {
            AuthError::NoSeal => &mut counters.unsealed,
            AuthError::UnknownKey(_) => &mut counters.unknown_key,
            AuthError::Replayed { .. } => &mut counters.replayed,
            AuthError::WrongSeal(_) | AuthError::NotBound(_) => &mut counters.wrong_seal,
            _ => &mut counters.malformed,
        } += 1;
    }
}

/// Whether the header says so; more of a message without a seal is not looked at.
fn is_invalidate(datagram: &[u8]) -> bool {
    datagram.get(1).and_then(|kind| type_name(*kind)) == Some("Invalidate")
}
