//! The session with the NVA, and hints to and from other edges.
//!
//! In go datagrams, messages to send, and the number up to which table changes are in force. Out come datagrams, the messages of
//! the NVA in order ([`Heard`]), and hints. The room does not keep a message that has no session or no room: the other rooms send
//! it again from their own state. It knows no state of a TSI, no port and no mapping. (Rules: DAP says what the protocol between
//! NVE and NVA must do, VMM-5-06 asks for hints to senders with a stale mapping, VMM-10-10 and R-38 for authenticated messages.)

mod hints;
mod in_force;

use super::config::NveConfig;
use super::counters::NveCounters;
use crate::ConfigError;
use crate::fairness::Sender;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;
use hints::Hints;
use in_force::InForce;
use nvo3_nva_proto::auth::{AuthError, KeyError, Keys};
use nvo3_nva_proto::seals::{EdgeSeals, Opened};
use nvo3_nva_proto::{
    Deregister, DownReason, Header, Hello, Instant, Invalidate, Message, Received, Reject, Session, SessionConfig,
    SessionEvent, SessionTimer, TsiKey, Version,
};

/// The session with the NVA, its seals, and the messages that the NVA must still acknowledge or get.
pub(super) struct Link {
    hello: Hello,
    config: SessionConfig,
    seed: u64,
    session: Option<Session>,
    seals: EdgeSeals,
    in_force: InForce,
    /// The transaction number of the last query.
    transaction: u32,
    /// Withdrawn registrations that the NVA has not acknowledged.
    leaving: BTreeMap<TsiKey, Version>,
    /// True if the session had no room for a message: everything unanswered is sent again once there is room.
    say_again: bool,
    hints: Hints,
}

/// An output of the session.
#[derive(Debug)]
pub(super) enum Heard {
    /// A new session is up.
    Up,
    /// The session is down.
    Down(DownReason),
    /// The session has room again after a message found none.
    RoomAgain,
    /// A message of the NVA. Call [`Link::waits_for`] once it is carried out.
    Message(Received),
}

/// The session's verdict about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    New,
    Repeated,
    Rejected,
}

impl Link {
    pub(super) fn new(config: &NveConfig, seed: u64) -> Result<Self, ConfigError> {
        let hello = Hello {
            place: config.place,
            nonce: 0,
            resumed: false,
            encapsulations: config.encapsulations,
            capabilities: config.capabilities,
        };
        Ok(Self {
            hello,
            config: config.session,
            seed,
            session: None,
            seals: EdgeSeals::new(&config.transport, config.place.nve)?,
            in_force: InForce::default(),
            transaction: 0,
            leaving: BTreeMap::new(),
            say_again: false,
            hints: Hints::new(config),
        })
    }

    /// Replaces the keys.
    pub(super) fn set_keys(&mut self, keys: Keys) -> Result<(), KeyError> {
        self.seals.set_keys(keys)
    }

    /// Asks for a session from now on. False if that is done already.
    pub(super) fn connect(&mut self) -> bool {
        let over = self.session.as_ref().is_none_or(Session::is_over);
        if over {
            // `NveConfig::validate` has checked the configuration of the session.
            self.session = Session::initiate(self.config, self.hello, self.seed).ok();
        }
        over
    }

    /// Closes the session with *Goodbye*.
    pub(super) fn close(&mut self) {
        if let Some(session) = &mut self.session {
            session.close();
        }
    }

    /// True while the session is up.
    pub(super) fn is_up(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_up)
    }

    /// Takes a datagram. Gives the hint if it is one of another NVE.
    pub(super) fn receive(&mut self, now: Instant, datagram: &[u8], counters: &mut NveCounters) -> Option<Invalidate> {
        let session = self.session.as_ref().map(Session::id).unwrap_or_default();
        match self.seals.open(session, datagram) {
            Ok(opened) => self.take(now, &opened, counters),
            Err(error) => {
                count_unbelieved(&error, counters);
                None
            }
        }
    }

    fn take(&mut self, now: Instant, opened: &Opened<'_>, counters: &mut NveCounters) -> Option<Invalidate> {
        match opened.decode() {
            // A hint of another NVE has no seal. All it can cause is a query.
            Ok((header, Message::Invalidate(hint))) if header.session.0 == 0 && opened.sealed().is_none() => {
                return Some(hint);
            }
            Ok((header, message)) => {
                let challenge = matches!(message, Message::HelloAck(_)) && header.session.0 == 0;
                match self.hand_over(now, &header, message) {
                    Taken::New if challenge => self.seals.challenged(opened),
                    Taken::New => {}
                    Taken::Repeated => counters.repeated += 1,
                    Taken::Rejected => counters.rejected += 1,
                }
            }
            Err(error) => {
                counters.malformed += 1;
                if let Some(session) = &mut self.session {
                    // A datagram of another session gets no answer.
                    let _ = session.handle_undecodable(now, &error);
                }
            }
        }
        None
    }

    /// Gives a message to the session.
    fn hand_over(&mut self, now: Instant, header: &Header, message: Message) -> Taken {
        let Some(session) = &mut self.session else { return Taken::Rejected };
        // The answer to a Hello that was sent again before the first answer came.
        let granted = matches!(message, Message::HelloAck(_)) && session.is_up() && session.id() == header.session;
        match session.handle(now, header, message) {
            Ok(()) => Taken::New,
            Err(Reject::Repeated { .. }) => Taken::Repeated,
            Err(_) if granted => Taken::Repeated,
            Err(_) => Taken::Rejected,
        }
    }

    /// The next output of the session.
    pub(super) fn poll(&mut self, counters: &mut NveCounters) -> Option<Heard> {
        let session = self.session.as_mut()?;
        while let Some(event) = session.poll_event() {
            match event {
                SessionEvent::Up(_) => {
                    self.in_force.restart();
                    return Some(Heard::Up);
                }
                SessionEvent::Down(reason) => {
                    self.in_force.forget_waiting();
                    return Some(Heard::Down(reason));
                }
                SessionEvent::Acked(_) if self.say_again => return Some(Heard::RoomAgain),
                SessionEvent::PeerError(_) => counters.peer_errors += 1,
                _ => {}
            }
        }
        session.poll_message().map(Heard::Message)
    }

    /// Notes that a message was carried out: it is in force once this table change is.
    pub(super) fn waits_for(&mut self, sequence: u32, change: u64) {
        self.in_force.waits_for(sequence, change);
    }

    /// Acknowledges the messages whose table changes are in force: every change up to this number is.
    pub(super) fn acknowledge(&mut self, change: u64) {
        let upto = self.in_force.advance(change);
        if let Some(session) = &mut self.session {
            session.set_in_force(upto);
        }
    }

    /// Sends a message in the session. Without a session nothing is lost: a new session sends everything unanswered again.
    pub(super) fn send(&mut self, transaction: u32, message: &Message, counters: &mut NveCounters) {
        let Some(session) = self.session.as_mut().filter(|session| session.is_up()) else { return };
        if session.send(transaction, message).is_err() {
            counters.shed_messages += 1;
            self.say_again = true;
        }
    }

    /// Sends a message that the NVA answers, under the next transaction number.
    pub(super) fn request(&mut self, message: &Message, counters: &mut NveCounters) {
        let transaction = self.next_transaction();
        self.send(transaction, message, counters);
    }

    /// The next transaction number. 0 is for messages that need no answer.
    pub(super) fn next_transaction(&mut self) -> u32 {
        self.transaction = self.transaction.checked_add(1).unwrap_or(1);
        self.transaction
    }

    /// Withdraws a registration, and repeats that until the NVA acknowledges it.
    pub(super) fn deregister(&mut self, tsi: TsiKey, version: Version, counters: &mut NveCounters) {
        self.leaving.insert(tsi, version);
        self.request(&Message::Deregister(Deregister { tsi, version }), counters);
    }

    /// Notes that the NVA acknowledged a withdrawal.
    pub(super) fn deregistered(&mut self, tsi: &TsiKey) {
        self.leaving.remove(tsi);
    }

    /// Notes that everything unanswered is about to be sent again.
    pub(super) const fn begin_again(&mut self) {
        self.say_again = false;
    }

    /// Sends the withdrawals again that the NVA has not acknowledged.
    pub(super) fn deregister_again(&mut self, counters: &mut NveCounters) {
        let leaving: Vec<_> = self.leaving.iter().map(|(tsi, version)| (*tsi, *version)).collect();
        for (tsi, version) in leaving {
            self.request(&Message::Deregister(Deregister { tsi, version }), counters);
        }
    }

    /// Sends another NVE the hint that its mapping is old (VMM-5-06).
    pub(super) fn hint(&mut self, now: Instant, tsi: TsiKey, to: Sender, version: Version, counters: &mut NveCounters) {
        if self.hints.say(now, tsi, to, version) {
            counters.hints_sent += 1;
        } else {
            counters.shed_hints += 1;
        }
    }

    /// The number of hints that wait to be sent.
    pub(super) fn hints(&self) -> usize {
        self.hints.waiting()
    }

    /// Writes the next hint into `out`, which is empty, and gives its destination.
    #[inline]
    pub(super) fn poll_hint(&mut self, out: &mut Vec<u8>) -> Option<IpAddr> {
        self.hints.poll(out)
    }

    /// Writes the next datagram to the NVA into `out`. False if there is none.
    #[inline]
    pub(super) fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        let Some(session) = &mut self.session else { return false };
        while session.poll_transmit(now, out) {
            if self.seals.seal(out).is_ok() {
                return true;
            }
        }
        false
    }

    /// The session's next deadline.
    pub(super) fn poll_timeout(&self) -> Option<(Instant, SessionTimer)> {
        self.session.as_ref().and_then(Session::poll_timeout)
    }

    /// Handles the session's deadlines that have passed.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(session) = &mut self.session {
            session.handle_timeout(now);
        }
        self.hints.forget_before(now);
    }

    /// The number of all things that the room keeps.
    pub(super) fn footprint(&self) -> usize {
        self.in_force.len() + self.leaving.len() + self.hints.len()
    }
}

const fn count_unbelieved(error: &AuthError, counters: &mut NveCounters) {
    *match error {
        AuthError::NoSeal => &mut counters.unsealed,
        AuthError::UnknownKey(_) => &mut counters.unknown_key,
        AuthError::Replayed { .. } => &mut counters.replayed,
        AuthError::WrongSeal(_) | AuthError::NotBound(_) => &mut counters.wrong_seal,
        _ => &mut counters.malformed,
    } += 1;
}
