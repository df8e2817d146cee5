//! Receiving: the session, the kind and the place of each message.

use super::{Opening, Session, is_internal};
use crate::error::DecodeError;
use crate::header::Header;
use crate::id::SessionId;
use crate::message::{ErrorCode, ErrorMessage, Hello, HelloAck, Message, type_name};
use crate::session::state::{Input, Role, State};
use crate::session::{DownReason, Reject};
use crate::time::Instant;

impl Session {
    /// Takes a message of the peer.
    ///
    /// # Errors
    /// The reason why the message changed nothing; it is counted.
    pub fn handle(&mut self, now: Instant, header: &Header, message: Message) -> Result<(), Reject> {
        let now = self.clock(now);
        let result = match message {
            Message::Hello(hello) => self.handle_hello(&hello),
            Message::HelloAck(ack) => self.handle_hello_ack(header, ack),
            Message::Error(error) if header.session.0 == 0 => self.handle_refused_hello(error),
            message => self.check_session(header.session).and_then(|()| {
                self.heard = now;
                self.handle_within(now, header, message)
            }),
        };
        result.inspect_err(|reject| self.count(reject))
    }

    /// Takes a message of the peer that could not be decoded. An Error refuses it; if it has a sequence, the order skips it.
    ///
    /// # Errors
    /// The reason why the message changed nothing; it is counted.
    pub fn handle_undecodable(&mut self, now: Instant, error: &DecodeError) -> Result<(), Reject> {
        let now = self.clock(now);
        let result = self.check_session(error.session).and_then(|()| {
            self.heard = now;
            if error.sequence == 0 { Ok(()) } else { self.inbound.insert(error.sequence, 0, None) }
        });
        match &result {
            Ok(()) => {
                self.counters.undecodable = self.counters.undecodable.saturating_add(1);
                self.refuse_undecodable(error);
            }
            // The Error that told the peer may have been lost.
            Err(Reject::Repeated { .. }) => self.refuse_undecodable(error),
            Err(_) => {}
        }
        result.inspect_err(|reject| self.count(reject))
    }

    /// An Error is not answered by an Error: two peers that do not understand each other would never end.
    fn refuse_undecodable(&mut self, error: &DecodeError) {
        if type_name(error.about) != Some("Error") {
            // A peer that repeats the message is told again.
            let _ = self.refuse(error.reply());
        }
    }

    fn check_session(&self, found: SessionId) -> Result<(), Reject> {
        if self.is_up() && found == self.id { Ok(()) } else { Err(Reject::WrongSession { found }) }
    }

    fn handle_hello(&mut self, hello: &Hello) -> Result<(), Reject> {
        let up = self.is_up();
        match &mut self.opening {
            Opening::Answer { ack, due } if up && ack.nonce == hello.nonce => *due = true,
            Opening::Answer { .. } => return Err(Reject::NewHello { nonce: hello.nonce }),
            Opening::Ask { .. } => return Err(Reject::Unexpected { name: "Hello" }),
        }
        Ok(())
    }

    fn handle_hello_ack(&mut self, header: &Header, ack: HelloAck) -> Result<(), Reject> {
        let now = self.now;
        let Opening::Ask { hello, due, .. } = &mut self.opening else {
            return Err(Reject::Unexpected { name: "HelloAck" });
        };
        if ack.nonce != hello.nonce {
            return Err(Reject::OldNonce { nonce: ack.nonce });
        }
        if ack.session != header.session || self.state != State::Connecting {
            return Err(Reject::Unexpected { name: "HelloAck" });
        }
        if ack.session.0 == 0 {
            // A challenge, which is in the seal: the next Hello answers it.
            *due = now;
            return Ok(());
        }
        self.step(Input::Granted, Some(ack));
        Ok(())
    }

    /// An NVA refuses to grant a session, or cannot.
    fn handle_refused_hello(&mut self, error: ErrorMessage) -> Result<(), Reject> {
        // Only an NVE is ever in this state.
        if self.state != State::Connecting {
            return Err(Reject::Unexpected { name: "Error" });
        }
        self.peer_error(error);
        Ok(())
    }

    fn handle_within(&mut self, now: Instant, header: &Header, message: Message) -> Result<(), Reject> {
        let internal = is_internal(&message);
        if internal != (header.sequence == 0) {
            return Err(Reject::Unexpected { name: message.name() });
        }
        match message {
            Message::Keepalive => {}
            Message::Goodbye => self.step(Input::Lost(DownReason::PeerClosed), None),
            Message::Ack(ack) => {
                self.counters.acks_received = self.counters.acks_received.saturating_add(1);
                if let Some(ack) = self.outbound.acknowledged(&self.config, now, ack)? {
                    self.events.acked(ack);
                }
            }
            Message::Error(error) if error.code == ErrorCode::UnknownSession && self.role == Role::Initiator => {
                self.step(Input::Lost(DownReason::UnknownSession), None);
            }
            Message::Error(error) => self.peer_error(error),
            message => {
                self.inbound.insert(header.sequence, header.transaction, Some(message))?;
                self.counters.received = self.counters.received.saturating_add(1);
            }
        }
        Ok(())
    }

    fn count(&mut self, reject: &Reject) {
        let c = &mut self.counters;
        let counter = match reject {
            Reject::WrongSession { .. } => &mut c.wrong_session,
            Reject::OutOfWindow { .. } => &mut c.out_of_window,
            Reject::Repeated { .. } => &mut c.repeated,
            _ => &mut c.unexpected,
        };
        *counter = counter.saturating_add(1);
    }
}
