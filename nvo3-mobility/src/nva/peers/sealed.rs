//! What an authority seals and opens, where its transport is not trusted (VMM-10-10, SPL-14, R-38).
//!
//! Before anything else is known of a datagram its seal says which edge sent it; then it is numbered: of a session it comes once, and a
//! Hello opens one only with the challenge that was given last. What is not believed is not answered. Without feature `auth` every
//! transport is trusted.

#[cfg(feature = "auth")]
pub(super) use with_auth::EdgeSeals;
#[cfg(not(feature = "auth"))]
pub(super) use without_auth::EdgeSeals;

#[cfg(feature = "auth")]
mod with_auth {
    use super::super::hear::Heard;
    use super::super::room::Peers;
    use crate::Transport;
    use crate::nva::{NvaCounters, Peer};
    use alloc::vec::Vec;
    use nvo3_nva_proto::auth::{AuthError, Keys, NvaSeals, Opened, Party};
    use nvo3_nva_proto::{Error, ErrorCode, Header, Hello, HelloAck, Instant, Message, NveId, SessionId};

    /// The numbers and challenges of one edge.
    pub(in crate::nva::peers) type EdgeSeals = NvaSeals;

    impl Peers {
        /// Another ring of keys from now on, sealed from now on.
        pub(in crate::nva) fn set_keys(&mut self, keys: Keys) {
            self.transport = Transport::Sealed(keys);
        }

        pub(in crate::nva::peers) const fn is_sealed(&self) -> bool {
            matches!(self.transport, Transport::Sealed(_))
        }

        /// Whether the message of an edge's session may leave, now that it is sealed.
        pub(in crate::nva::peers) fn seal(&mut self, nve: NveId, message: &mut Vec<u8>) -> bool {
            let Transport::Sealed(keys) = &self.transport else { return true };
            self.edges.get_mut(&nve).is_some_and(|edge| edge.seals.seal(keys, nve, message).is_ok())
        }

        /// A datagram where seals are wanted.
        pub(in crate::nva::peers) fn hear_sealed(
            &mut self,
            now: Instant,
            greeting: HelloAck,
            from: Peer,
            datagram: &[u8],
            counters: &mut NvaCounters,
        ) -> Heard {
            let Transport::Sealed(keys) = &self.transport else { return Heard::Nothing };
            let heard = match keys.open(Party::Nve, datagram) {
                Ok(opened) if opened.header.session.0 == 0 => {
                    self.hear_outside(now, greeting, from, &opened, datagram, counters)
                }
                Ok(opened) => self.hear_numbered(now, from, &opened, counters),
                Err(error) => Err(error),
            };
            heard.unwrap_or_else(|error| {
                count_unbelieved(&error, counters);
                Heard::Nothing
            })
        }

        fn hear_numbered(
            &mut self,
            now: Instant,
            from: Peer,
            opened: &Opened<'_>,
            counters: &mut NvaCounters,
        ) -> Result<Heard, AuthError> {
            let session = opened.header.session;
            match self.by_session.get(&session) {
                Some(owner) if *owner != opened.nve => return Err(AuthError::NotBound(opened.nve)),
                Some(_) => {}
                None => {
                    counters.unknown_session += 1;
                    if !matches!(opened.decode(), Ok(Message::Error(_))) {
                        self.refuse_sealed(from, opened, session, ErrorCode::UnknownSession, counters);
                    }
                    return Ok(Heard::Nothing);
                }
            }
            if let Some(edge) = self.edges.get_mut(&opened.nve) {
                edge.seals.take(session, opened)?;
            }
            Ok(match opened.decode() {
                Ok(message) => self.hear_within(now, from, &opened.header, message, counters),
                Err(error) => self.hear_malformed(now, &error, counters),
            })
        }

        fn hear_outside(
            &mut self,
            now: Instant,
            greeting: HelloAck,
            from: Peer,
            opened: &Opened<'_>,
            datagram: &[u8],
            counters: &mut NvaCounters,
        ) -> Result<Heard, AuthError> {
            match opened.decode() {
                Ok(Message::Hello(hello)) if hello.place.nve != opened.nve => Err(AuthError::NotBound(opened.nve)),
                Ok(Message::Hello(hello)) => Ok(self.hear_sealed_hello(now, greeting, from, opened, hello, counters)),
                Ok(_) => {
                    counters.rejected += 1;
                    Ok(Heard::Nothing)
                }
                Err(error) => {
                    if let Some(refused) = Error::refused_hello(datagram, &error) {
                        self.say_sealed(from, opened, 0, SessionId(0), &refused, counters);
                    }
                    Err(AuthError::Malformed(error))
                }
            }
        }

        fn hear_sealed_hello(
            &mut self,
            now: Instant,
            greeting: HelloAck,
            from: Peer,
            opened: &Opened<'_>,
            hello: Hello,
            counters: &mut NvaCounters,
        ) -> Heard {
            let fresh = self.next_session_id().0;
            let Some(edge) = self.edges.get_mut(&opened.nve) else {
                counters.unknown_nve += 1;
                self.refuse_sealed(from, opened, SessionId(0), ErrorCode::UnknownNve, counters);
                return Heard::Nothing;
            };
            let again = edge.hello.as_ref().is_some_and(|before| before.nonce == hello.nonce);
            if again && let Some(session) = &edge.session {
                if edge.seals.is_heard(session.id()) {
                    counters.old_hellos += 1;
                    return Heard::Nothing;
                }
                // The same answer again, to where the edge was heard last.
                return self.hear_hello(now, greeting, from, hello, counters);
            }
            match edge.seals.prove(now, self.session_config.dead_after, opened, fresh) {
                Ok(()) => self.open(now, greeting, from, hello),
                Err(challenge) => {
                    counters.challenges += 1;
                    let ack = Message::HelloAck(HelloAck { session: SessionId(0), nonce: hello.nonce, ..greeting });
                    self.say_sealed(from, opened, challenge, SessionId(0), &ack, counters);
                    Heard::Nothing
                }
            }
        }

        fn refuse_sealed(
            &mut self,
            to: Peer,
            opened: &Opened<'_>,
            session: SessionId,
            code: ErrorCode,
            counters: &mut NvaCounters,
        ) {
            let error = Error { code, about: opened.kind, sequence: 0, offset: 0, tlv: 0 };
            self.say_sealed(to, opened, 0, session, &Message::Error(error), counters);
        }

        /// Says something that is of no session here, under the key of what it answers.
        fn say_sealed(
            &mut self,
            to: Peer,
            opened: &Opened<'_>,
            number: u64,
            session: SessionId,
            message: &Message,
            counters: &mut NvaCounters,
        ) {
            let Transport::Sealed(keys) = &self.transport else { return };
            let mut bytes = Vec::new();
            let written = message.encode(&Header { session, ..Header::default() }, &mut bytes).is_ok()
                && keys.seal(Party::Nva, opened.key, number, &mut bytes).is_ok();
            self.enqueue_answer(to, written.then_some(bytes), counters);
        }
    }

    const fn count_unbelieved(error: &AuthError, counters: &mut NvaCounters) {
        *match error {
            AuthError::NoSeal => &mut counters.unsealed,
            AuthError::UnknownKey(_) => &mut counters.unknown_key,
            AuthError::WrongSeal(_) => &mut counters.wrong_seal,
            AuthError::NotBound(_) => &mut counters.not_bound,
            AuthError::Replayed { .. } => &mut counters.replayed,
            _ => &mut counters.malformed,
        } += 1;
    }
}

#[cfg(not(feature = "auth"))]
mod without_auth {
    use super::super::hear::Heard;
    use super::super::room::Peers;
    use crate::nva::{NvaCounters, Peer};
    use alloc::vec::Vec;
    use nvo3_nva_proto::{HelloAck, Instant, NveId};

    /// Nothing.
    #[derive(Default)]
    pub(in crate::nva::peers) struct EdgeSeals;

    impl Peers {
        pub(in crate::nva::peers) const fn is_sealed(&self) -> bool {
            false
        }

        pub(in crate::nva::peers) const fn seal(&self, _: NveId, _: &mut Vec<u8>) -> bool {
            true
        }

        pub(in crate::nva::peers) const fn hear_sealed(
            &self,
            _: Instant,
            _: HelloAck,
            _: Peer,
            _: &[u8],
            _: &mut NvaCounters,
        ) -> Heard {
            Heard::Nothing
        }
    }
}
