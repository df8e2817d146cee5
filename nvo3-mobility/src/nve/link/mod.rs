//! The session with the NVA, and hints to and from other edges.
//!
//! In come datagrams, messages to send, and how far the forwarder's table is in force. Out go datagrams, the messages of the NVA
//! in their order ([`Heard`]), and hints. Whatever is said without a session, or finds no room in it, is not kept here: the
//! rooms say it again from what they hold. Knows no TSI's state, no port and no mapping. (DAP, VMM-5-06, VMM-10-10, R-38.)

mod hints;
mod in_force;

use super::config::NveConfig;
use super::counters::NveCounters;
use crate::ConfigError;
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

/// The session, its seals, and what is owed to the other end.
pub(super) struct Link {
    hello: Hello,
    config: SessionConfig,
    seed: u64,
    session: Option<Session>,
    seals: EdgeSeals,
    in_force: InForce,
    /// The number of the last question to the NVA.
    transaction: u32,
    /// Registrations taken back and not acknowledged yet.
    leaving: BTreeMap<TsiKey, Version>,
    /// The session had no room: everything unanswered is said again once it has.
    say_again: bool,
    hints: Hints,
}

/// What comes out of the session.
#[derive(Debug)]
pub(super) enum Heard {
    /// There is a new session.
    Up,
    /// There is none any more.
    Down(DownReason),
    /// There is room again after a message found none.
    RoomAgain,
    /// A message of the NVA. [`Link::waits_for`] follows once it has been carried out.
    Message(Received),
}

/// What a message is to the session.
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
            hints: Hints::new(config.place.nve, config.hint_interval, config.queue as usize),
        })
    }

    /// Another ring of keys from now on.
    pub(super) fn set_keys(&mut self, keys: Keys) -> Result<(), KeyError> {
        self.seals.set_keys(keys)
    }

    /// Asks for a session from now on; false where that is done already.
    pub(super) fn connect(&mut self) -> bool {
        let over = self.session.as_ref().is_none_or(Session::is_over);
        if over {
            self.session = Some(Session::initiate(self.config, self.hello, self.seed));
        }
        over
    }

    /// Ends the session in order.
    pub(super) fn close(&mut self) {
        if let Some(session) = &mut self.session {
            session.close();
        }
    }

    /// Whether there is a session.
    pub(super) fn is_up(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_up)
    }

    /// Takes in a datagram; gives the hint of another edge, if it is one.
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
            // Another edge's, which nobody vouches for.
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
                    // A datagram of no session of ours gets no answer.
                    let _ = session.handle_undecodable(now, &error);
                }
            }
        }
        None
    }

    /// Gives a message to the session.
    fn hand_over(&mut self, now: Instant, header: &Header, message: Message) -> Taken {
        let Some(session) = &mut self.session else { return Taken::Rejected };
        // The answer to a Hello that was said again before the first answer came.
        let granted = matches!(message, Message::HelloAck(_)) && session.is_up() && session.id() == header.session;
        match session.handle(now, header, message) {
            Ok(()) => Taken::New,
            Err(Reject::Repeated { .. }) => Taken::Repeated,
            Err(_) if granted => Taken::Repeated,
            Err(_) => Taken::Rejected,
        }
    }

    /// The next thing that the session has to say.
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

    /// A message was carried out; it is in force once this change of the table is.
    pub(super) fn waits_for(&mut self, sequence: u32, change: u64) {
        self.in_force.waits_for(sequence, change);
    }

    /// Acknowledges what has come into force in the forwarder: every change up to this one.
    pub(super) fn acknowledge(&mut self, change: u64) {
        let upto = self.in_force.advance(change);
        if let Some(session) = &mut self.session {
            session.set_in_force(upto);
        }
    }

    /// Sends within the session. Without one nothing is lost: a new session has everything unanswered said again.
    pub(super) fn send(&mut self, transaction: u32, message: &Message, counters: &mut NveCounters) {
        let Some(session) = self.session.as_mut().filter(|session| session.is_up()) else { return };
        if session.send(transaction, message).is_err() {
            counters.shed_messages += 1;
            self.say_again = true;
        }
    }

    /// Sends what the NVA is to answer, under the next number.
    pub(super) fn request(&mut self, message: &Message, counters: &mut NveCounters) {
        let transaction = self.next_transaction();
        self.send(transaction, message, counters);
    }

    /// What names the next question to the NVA; 0 is for what is said unasked.
    pub(super) fn next_transaction(&mut self) -> u32 {
        self.transaction = self.transaction.checked_add(1).unwrap_or(1);
        self.transaction
    }

    /// Takes a registration back, until the NVA acknowledges that.
    pub(super) fn deregister(&mut self, tsi: TsiKey, version: Version, counters: &mut NveCounters) {
        self.leaving.insert(tsi, version);
        self.request(&Message::Deregister(Deregister { tsi, version }), counters);
    }

    /// The NVA has taken a registration back.
    pub(super) fn deregistered(&mut self, tsi: &TsiKey) {
        self.leaving.remove(tsi);
    }

    /// Everything unanswered is about to be said again.
    pub(super) const fn begin_again(&mut self) {
        self.say_again = false;
    }

    /// Says again which registrations are taken back.
    pub(super) fn deregister_again(&mut self, counters: &mut NveCounters) {
        let leaving: Vec<_> = self.leaving.iter().map(|(tsi, version)| (*tsi, *version)).collect();
        for (tsi, version) in leaving {
            self.request(&Message::Deregister(Deregister { tsi, version }), counters);
        }
    }

    /// Hints to another edge that its mapping is old (VMM-5-06).
    pub(super) fn hint(&mut self, now: Instant, tsi: TsiKey, to: IpAddr, version: Version, counters: &mut NveCounters) {
        if self.hints.say(now, tsi, to, version) {
            counters.hints_sent += 1;
        } else {
            counters.shed_hints += 1;
        }
    }

    /// How many hints wait to be sent.
    pub(super) fn hints(&self) -> usize {
        self.hints.waiting()
    }

    /// The next hint, written into `out`, which is empty; gives where it goes.
    #[inline]
    pub(super) fn poll_hint(&mut self, out: &mut Vec<u8>) -> Option<IpAddr> {
        self.hints.poll(out)
    }

    /// The next message to the NVA, written into `out`.
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

    /// Lets time pass.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(session) = &mut self.session {
            session.handle_timeout(now);
        }
        self.hints.forget_before(now);
    }

    /// How many things are kept.
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
