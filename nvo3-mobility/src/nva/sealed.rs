//! What an authority seals and opens, where its transport is not trusted (VMM-10-10, SPL-14, R-38).
//!
//! Before anything else is known of a datagram its seal says which edge sent it; then it is numbered: of a session it comes once, and a
//! Hello opens one only with the challenge that was given last. What is not believed is not answered.

use super::io::Peer;
use super::machine::Nva;
use crate::Transport;
use alloc::vec::Vec;
use nvo3_nva_proto::auth::{AuthError, Keys, Opened, Party};
use nvo3_nva_proto::{Error, ErrorCode, Header, Hello, HelloAck, Message, NveId, SessionId};

impl Nva {
    /// Another ring of keys from now on, sealed from now on: a key is changed without a gap as [`Keys`] says. What is under a key
    /// that is in it no more is not believed any more.
    pub fn set_keys(&mut self, keys: Keys) {
        self.config.transport = Transport::Sealed(keys);
    }

    /// Whether the message of an edge's session may leave, now that it is sealed.
    pub(super) fn seal(&mut self, nve: NveId, message: &mut Vec<u8>) -> bool {
        let Transport::Sealed(keys) = &self.config.transport else { return true };
        self.edges.get_mut(&nve).is_some_and(|edge| edge.seals.seal(keys, nve, message).is_ok())
    }

    /// A datagram where seals are wanted.
    pub(super) fn handle_sealed(&mut self, from: Peer, datagram: &[u8]) {
        let Transport::Sealed(keys) = &self.config.transport else { return };
        let handled = match keys.open(Party::Nve, datagram) {
            Ok(opened) if opened.header.session.0 == 0 => self.handle_outside(from, &opened, datagram),
            Ok(opened) => self.handle_numbered(from, &opened),
            Err(error) => Err(error),
        };
        if let Err(error) = handled {
            self.count_unbelieved(&error);
        }
    }

    fn handle_numbered(&mut self, from: Peer, opened: &Opened<'_>) -> Result<(), AuthError> {
        let session = opened.header.session;
        match self.by_session.get(&session) {
            Some(owner) if *owner != opened.nve => return Err(AuthError::NotBound(opened.nve)),
            Some(_) => {}
            None => {
                self.counters.unknown_session += 1;
                if !matches!(opened.decode(), Ok(Message::Error(_))) {
                    self.answer(from, opened, session, ErrorCode::UnknownSession);
                }
                return Ok(());
            }
        }
        if let Some(edge) = self.edges.get_mut(&opened.nve) {
            edge.seals.take(session, opened)?;
        }
        match opened.decode() {
            Ok(message) => self.handle_within(from, &opened.header, message),
            Err(error) => self.handle_malformed(&error),
        }
        Ok(())
    }

    fn handle_outside(&mut self, from: Peer, opened: &Opened<'_>, datagram: &[u8]) -> Result<(), AuthError> {
        match opened.decode() {
            Ok(Message::Hello(hello)) if hello.place.nve != opened.nve => Err(AuthError::NotBound(opened.nve)),
            Ok(Message::Hello(hello)) => {
                self.handle_sealed_hello(from, opened, hello);
                Ok(())
            }
            Ok(_) => {
                self.counters.rejected += 1;
                Ok(())
            }
            Err(error) => {
                if let Some(refused) = Error::refused_hello(datagram, &error) {
                    self.answer_sealed(from, opened, 0, SessionId(0), &refused);
                }
                Err(AuthError::Malformed(error))
            }
        }
    }

    fn handle_sealed_hello(&mut self, from: Peer, opened: &Opened<'_>, hello: Hello) {
        let (now, lifetime) = (self.now, self.config.session.dead_after);
        let fresh = self.next_session_id().0;
        let Some(edge) = self.edges.get_mut(&opened.nve) else {
            self.counters.unknown_nve += 1;
            return self.answer(from, opened, SessionId(0), ErrorCode::UnknownNve);
        };
        let again = edge.hello.as_ref().is_some_and(|before| before.nonce == hello.nonce);
        if again && let Some(session) = &edge.session {
            if edge.seals.is_heard(session.id()) {
                self.counters.old_hellos += 1;
                return;
            }
            // The same answer again, to where the edge was heard last.
            return self.handle_hello(from, hello);
        }
        match edge.seals.prove(now, lifetime, opened, fresh) {
            Ok(()) => self.accept(from, hello),
            Err(challenge) => {
                self.counters.challenges += 1;
                let (epoch, published) = (self.config.epoch, self.published);
                let ack = HelloAck { session: SessionId(0), nonce: hello.nonce, epoch, published };
                self.answer_sealed(from, opened, challenge, SessionId(0), &Message::HelloAck(ack));
            }
        }
    }

    fn answer(&mut self, to: Peer, opened: &Opened<'_>, session: SessionId, code: ErrorCode) {
        let error = Error { code, about: opened.kind, sequence: 0, offset: 0, tlv: 0 };
        self.answer_sealed(to, opened, 0, session, &Message::Error(error));
    }

    /// Says something that is of no session here, under the key of what it answers.
    fn answer_sealed(&mut self, to: Peer, opened: &Opened<'_>, number: u64, session: SessionId, message: &Message) {
        let Transport::Sealed(keys) = &self.config.transport else { return };
        let mut bytes = Vec::new();
        let written = message.encode(&Header { session, ..Header::default() }, &mut bytes).is_ok()
            && keys.seal(Party::Nva, opened.key, number, &mut bytes).is_ok();
        self.enqueue_answer(to, written.then_some(bytes));
    }

    const fn count_unbelieved(&mut self, error: &AuthError) {
        let counters = &mut self.counters;
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
