//! What the link seals and opens (VMM-10-10, SPL-14, R-38). The one place that knows whether there are seals at all.

use nvo3_nva_proto::{DecodeError, Header, Invalidate, Message};

#[cfg(feature = "auth")]
pub(super) use sealed::Seals;
#[cfg(not(feature = "auth"))]
pub(super) use trusted::Seals;

/// A datagram that is believed, as far as it goes.
pub(super) enum Opened {
    /// Another edge's, of no session: it can cause no more than a question.
    Hint(Invalidate),
    /// The session decides about it. `number` is its seal's, 0 without one.
    Message { header: Header, message: Message, number: u64 },
    /// No message.
    Undecodable(DecodeError),
}

/// A datagram of a transport that is trusted.
fn unsealed(datagram: &[u8]) -> Opened {
    match Message::decode(datagram) {
        Ok((header, Message::Invalidate(hint))) if header.session.0 == 0 => Opened::Hint(hint),
        Ok((header, message)) => Opened::Message { header, message, number: 0 },
        Err(error) => Opened::Undecodable(error),
    }
}

#[cfg(not(feature = "auth"))]
mod trusted {
    use super::{Opened, unsealed};
    use crate::ConfigError;
    use crate::nve::{NveConfig, NveCounters};
    use alloc::vec::Vec;
    use nvo3_nva_proto::SessionId;

    /// There are no seals: the transport is trusted.
    pub(in super::super) struct Seals;

    impl Seals {
        pub(in super::super) const fn new(_: &NveConfig) -> Result<Self, ConfigError> {
            Ok(Self)
        }

        pub(in super::super) fn open(
            &self,
            _: SessionId,
            datagram: &[u8],
            _: &mut NveCounters,
        ) -> Option<Opened> {
            Some(unsealed(datagram))
        }

        pub(in super::super) const fn challenged(&self, _: u64) {}

        pub(in super::super) const fn seal(&self, _: &mut Vec<u8>) -> bool {
            true
        }
    }
}

#[cfg(feature = "auth")]
mod sealed {
    use super::{Opened, unsealed};
    use crate::nve::link::Link;
    use crate::nve::{NveConfig, NveCounters};
    use crate::{ConfigError, Transport};
    use alloc::vec::Vec;
    use nvo3_nva_proto::auth::{AuthError, KeyError, Keys, NveSeals};
    use nvo3_nva_proto::{SessionId, type_name};

    /// The seals, where the transport is not trusted.
    pub(in super::super) struct Seals(Option<NveSeals>);

    impl Seals {
        pub(in super::super) fn new(config: &NveConfig) -> Result<Self, ConfigError> {
            Ok(Self(match &config.transport {
                Transport::Trusted => None,
                Transport::Sealed(keys) => Some(NveSeals::new(keys.clone(), config.place.nve)?),
            }))
        }

        /// Opens a datagram under the session that there is, 0 for none; counts what is not believed.
        pub(in super::super) fn open(
            &mut self,
            session: SessionId,
            datagram: &[u8],
            counters: &mut NveCounters,
        ) -> Option<Opened> {
            let Some(seals) = &mut self.0 else { return Some(unsealed(datagram)) };
            match seals.open(session, datagram) {
                Ok(opened) => Some(match opened.decode() {
                    Ok(message) => Opened::Message { header: opened.header, message, number: opened.number },
                    Err(error) => Opened::Undecodable(error),
                }),
                Err(AuthError::NoSeal) if is_invalidate(datagram) => hint(datagram, counters),
                Err(error) => {
                    count(&error, counters);
                    None
                }
            }
        }

        /// The NVA wants this number in the next Hello.
        pub(in super::super) fn challenged(&mut self, number: u64) {
            if let Some(seals) = &mut self.0 {
                seals.challenged(number);
            }
        }

        /// Whether the message may leave, now that it is sealed.
        pub(in super::super) fn seal(&mut self, message: &mut Vec<u8>) -> bool {
            self.0.as_mut().is_none_or(|seals| seals.seal(message).is_ok())
        }
    }

    impl Link {
        /// Another ring of keys from now on.
        pub(crate) fn set_keys(&mut self, keys: Keys) -> Result<(), KeyError> {
            match &mut self.seals.0 {
                Some(seals) => seals.set_keys(keys)?,
                None => self.seals.0 = Some(NveSeals::new(keys, self.hello.place.nve)?),
            }
            Ok(())
        }
    }

    /// A hint needs no seal: nobody vouches for it, and it can cause no more than a question.
    fn hint(datagram: &[u8], counters: &mut NveCounters) -> Option<Opened> {
        match unsealed(datagram) {
            Opened::Hint(hint) => return Some(Opened::Hint(hint)),
            Opened::Message { .. } => counters.unsealed += 1,
            Opened::Undecodable(_) => counters.malformed += 1,
        }
        None
    }

    const fn count(error: &AuthError, counters: &mut NveCounters) {
        *match error {
            AuthError::NoSeal => &mut counters.unsealed,
            AuthError::UnknownKey(_) => &mut counters.unknown_key,
            AuthError::Replayed { .. } => &mut counters.replayed,
            AuthError::WrongSeal(_) | AuthError::NotBound(_) => &mut counters.wrong_seal,
            _ => &mut counters.malformed,
        } += 1;
    }

    /// Whether the header says so; more of a message without a seal is not looked at.
    fn is_invalidate(datagram: &[u8]) -> bool {
        datagram.get(1).and_then(|kind| type_name(*kind)) == Some("Invalidate")
    }
}
