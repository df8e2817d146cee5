//! The session with the NVA, and hints to and from other edges.
//!
//! In go datagrams, messages to send, and the number up to which table changes are in force. Out come datagrams, the messages of
//! the NVA in order ([`Heard`]), and hints. The room does not keep a message that has no session or no room: the other rooms send
//! it again from their own state. It knows no state of a TSI, no port and no mapping. (Rules: DAP says what the protocol between
//! NVE and NVA must do, VMM-5-06 asks for hints to senders with a stale mapping, VMM-10-10 and R-38 for authenticated messages.)

mod hints;
mod in_force;
mod lanes;
mod promises;

use super::config::NveConfig;
use super::counters::NveCounters;
use super::orders::{Orders, Row};
use crate::ConfigError;
use crate::fairness::{Pace, Sender};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;
use hints::Hints;
use in_force::InForce;
use lanes::Lane;
use nvo3_nva_proto::auth::{AuthError, KeyError, Keys};
use nvo3_nva_proto::seals::{EdgeSeals, Opened};
use nvo3_nva_proto::{
    Deregister, DownReason, ErrorCode, Header, Hello, Instant, Invalidate, Message, MoveId, Received, Reject, Seen,
    Session, SessionConfig, SessionCounters, SessionEvent, SessionTimer, TsiKey, TsiVersion, Version,
};
use nvo3_wire::Vni;
use promises::Promises;
pub(super) use promises::Rests;

/// The session with the NVA, its seals, and the messages that the NVA must still acknowledge or get.
pub(super) struct Link {
    hello: Hello,
    config: SessionConfig,
    seed: u64,
    session: Option<Session>,
    seals: EdgeSeals,
    in_force: InForce,
    promises: Promises,
    /// The transaction number of the last query.
    transaction: u32,
    /// Withdrawn registrations that the NVA has not acknowledged.
    leaving: BTreeMap<TsiKey, Version>,
    /// Registrations and lists on their way.
    bulk: Lane,
    /// Queries on their way.
    queries: Lane,
    hints: Hints,
}

/// An output of the session.
#[derive(Debug)]
pub(super) enum Heard {
    /// A new session is up, with the NVA of this epoch.
    Up { epoch: u32 },
    /// The session is down.
    Down(DownReason),
    /// The NVA refuses the session.
    Refused(ErrorCode),
    /// A message of the NVA. Call [`Link::waits_for`] once it is carried out.
    Message(Received),
}

/// The session has no room for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Full;

/// The session's verdict about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    New,
    Repeated,
    Rejected,
}

/// The most messages with registrations or parts of lists that are not in force at the NVA.
const BULK: usize = 16;
/// The most queries that are not in force at the NVA.
const QUERIES: usize = 16;

impl Link {
    pub(super) fn new(config: &NveConfig, seed: u64) -> Result<Self, ConfigError> {
        let hello = Hello {
            place: config.place,
            nonce: 0,
            resumed: false,
            encapsulations: config.encapsulations,
            capabilities: config.capabilities,
            seen: config.seen,
        };
        Ok(Self {
            hello,
            config: config.session,
            seed,
            session: None,
            seals: EdgeSeals::new(&config.transport, config.place.nve)?,
            in_force: InForce::new(config.unapplied as usize),
            promises: Promises::default(),
            transaction: 0,
            leaving: BTreeMap::new(),
            bulk: Lane::new(BULK),
            queries: Lane::new(QUERIES),
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
            if self.session.is_some() {
                // A session that follows a closed one draws other nonces.
                self.seed = self.seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
            }
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

    /// What the next *Hello* says that this NVE has seen.
    pub(super) const fn seen(&self) -> Option<Seen> {
        self.hello.seen
    }

    /// True while the session is up.
    pub(super) fn is_up(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_up)
    }

    /// The counters of the session.
    pub(super) fn session_counters(&self) -> Option<&SessionCounters> {
        self.session.as_ref().map(Session::counters)
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
                SessionEvent::Up(ack) => {
                    (self.hello.resumed, self.hello.seen) = (true, self.hello.seen.max(ack.seen));
                    self.in_force.restart();
                    self.promises.clear();
                    self.bulk.clear();
                    self.queries.clear();
                    return Some(Heard::Up { epoch: ack.epoch });
                }
                SessionEvent::Down(reason) => {
                    self.in_force.forget_waiting();
                    self.promises.clear();
                    return Some(Heard::Down(reason));
                }
                SessionEvent::Acked(ack) => {
                    self.bulk.in_force(ack.in_force);
                    self.queries.in_force(ack.in_force);
                }
                SessionEvent::PeerError(error) => {
                    counters.peer_errors += 1;
                    if !session.is_up() {
                        return Some(Heard::Refused(error.code));
                    }
                }
                _ => {}
            }
        }
        session.poll_message().map(Heard::Message)
    }

    /// Notes that a message of this sequence and type was carried out and changed these rows: it is in force once they are. False if
    /// too many messages wait for the forwarder.
    pub(super) fn waits_for(&mut self, message: (u32, u8), change: u64, rows: Vec<Row>) -> bool {
        self.in_force.waits_for(message, change, rows)
    }

    /// Notes that the forwarder refused the last change of a row. An Error names each message of the NVA that wanted the change.
    pub(super) fn refuse(&mut self, row: Row, counters: &mut NveCounters) {
        counters.not_followed += self.in_force.refuse(row) as u64;
    }

    /// Acknowledges the messages whose table changes are in force, and sends the promises that rest on no other change.
    pub(super) fn acknowledge(&mut self, orders: &Orders, counters: &mut NveCounters) {
        if let Some(session) = &mut self.session {
            let upto = self.in_force.advance(orders.in_force(), |error| session.refuse(error));
            session.set_in_force(upto);
        }
        while self.has_room()
            && let Some(message) = self.promises.take(|rests| orders.carries(rests.change, &rests.rows))
        {
            self.send(0, &message, counters);
        }
    }

    /// Sends a message about a move that promises forwarding, once the changes that it rests on are in force.
    pub(super) fn promise(
        &mut self,
        id: MoveId,
        rests: Rests,
        message: Message,
        orders: &Orders,
        counters: &mut NveCounters,
    ) {
        self.promises.forget(id);
        if self.has_room() && orders.carries(rests.change, &rests.rows) {
            self.send(0, &message, counters);
        } else if self.is_up() {
            self.promises.keep(id, rests, message);
        }
    }

    /// Forgets the promise about a move that waits: it is not true any more, or a newer message says more.
    pub(super) fn forget_promise(&mut self, id: MoveId) {
        self.promises.forget(id);
    }

    /// Sends a message in the session. False if the session has no room for it: it is to be sent again. Without a session nothing is
    /// lost: a new session begins with everything.
    pub(super) fn send(&mut self, transaction: u32, message: &Message, counters: &mut NveCounters) -> bool {
        self.queue(transaction, message, counters) != Err(Full)
    }

    /// Sends a registration or a part of a list. Check [`Link::has_room_for_bulk`] first.
    pub(super) fn send_bulk(&mut self, transaction: u32, message: &Message, counters: &mut NveCounters) {
        if let Ok(Some(sequence)) = self.queue(transaction, message, counters) {
            self.bulk.sent(sequence);
        }
    }

    /// Sends a query. Check [`Link::has_room_for_queries`] first.
    pub(super) fn send_query(&mut self, transaction: u32, message: &Message, counters: &mut NveCounters) {
        if let Ok(Some(sequence)) = self.queue(transaction, message, counters) {
            self.queries.sent(sequence);
        }
    }

    /// Gives a message to the session, if it is up.
    fn queue(&mut self, transaction: u32, message: &Message, counters: &mut NveCounters) -> Result<Option<u32>, Full> {
        let Some(session) = self.session.as_mut().filter(|session| session.is_up()) else { return Ok(None) };
        match session.send(transaction, message) {
            Ok(sequence) => Ok(Some(sequence)),
            Err(_) => {
                counters.shed_messages += 1;
                Err(Full)
            }
        }
    }

    /// True if the session is up and takes another registration or part of a list.
    pub(super) fn has_room_for_bulk(&self) -> bool {
        self.is_up() && self.bulk.has_room() && self.has_room()
    }

    /// True if the session is up and takes another query.
    pub(super) fn has_room_for_queries(&self) -> bool {
        self.is_up() && self.queries.has_room() && self.has_room()
    }

    /// True if the session takes a message.
    pub(super) fn has_room(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.is_up() && session.unacknowledged() < usize::from(self.config.queue))
    }

    /// The next transaction number. 0 is for messages that need no answer.
    pub(super) fn next_transaction(&mut self) -> u32 {
        self.transaction = self.transaction.checked_add(1).unwrap_or(1);
        self.transaction
    }

    /// A TSI that was registered under this version has left. The NVA is told in each session until it acknowledges that.
    pub(super) fn leave(&mut self, tsi: TsiKey, version: Version) {
        self.leaving.insert(tsi, version);
    }

    /// The withdrawals that the NVA has not acknowledged.
    pub(super) fn leaving(&self) -> impl Iterator<Item = TsiKey> {
        self.leaving.keys().copied()
    }

    /// The withdrawal of these TSIs of a VN.
    pub(super) fn departure(&self, vn: Vni, keys: &[TsiKey]) -> Deregister {
        let version = |key: &TsiKey| Some(TsiVersion { mac: key.mac, version: *self.leaving.get(key)? });
        Deregister { vn, tsis: keys.iter().filter_map(version).collect() }
    }

    /// Notes that the NVA acknowledged a withdrawal, or that the TSI is here again.
    pub(super) fn deregistered(&mut self, tsi: &TsiKey) {
        self.leaving.remove(tsi);
    }

    /// Sends another NVE the hint that its mapping is old (VMM-5-06).
    pub(super) fn hint(&mut self, now: Instant, tsi: TsiKey, to: Sender, version: Version, counters: &mut NveCounters) {
        let counter = match self.hints.say(now, tsi, to, version) {
            Pace::Due => &mut counters.hints_sent,
            Pace::Repeated => &mut counters.repeated_hints,
            Pace::Limited => &mut counters.shed_hints,
        };
        *counter += 1;
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

    /// Writes the next datagram to the NVA into `out`. False if there is none. Every table change up to `change` is in force.
    #[inline]
    pub(super) fn poll_transmit(&mut self, now: Instant, change: u64, out: &mut Vec<u8>) -> bool {
        let Some(session) = &mut self.session else { return false };
        while session.poll_transmit(now, out) {
            if self.in_force.waits_to_say(change) {
                // The session has room for an Error again.
                let upto = self.in_force.advance(change, |error| session.refuse(error));
                session.set_in_force(upto);
            }
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
        let lanes = self.bulk.len() + self.queries.len();
        self.in_force.len() + self.promises.len() + self.leaving.len() + self.hints.len() + lanes
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
