//! The messages of NVEs: datagrams in, messages of sessions out.

use super::letter::Receipt;
use super::room::Peers;
use super::send::Cause;
use crate::nva::facts::Facts;
use crate::nva::policy::LocatorsFrom;
use crate::nva::{NvaCounters, Peer};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::auth::AuthError;
use nvo3_nva_proto::{
    DecodeError, DownReason, ErrorCode, ErrorMessage, Header, Hello, HelloAck, Instant, Locators, Message, NveId,
    Place, RecordNo, Reject, Seen, Session, SessionEvent, SessionId,
};

/// The number of answered *Hello* messages that are remembered per NVE.
const ANSWERED_HELLOS: usize = 16;

/// The result of a datagram.
#[derive(Debug)]
pub(in crate::nva) enum Heard {
    /// Nothing for another room.
    Nothing,
    /// The session of an NVE may have messages: see [`Peers::poll`].
    Session(NveId),
    /// An NVE has seen what the book does not have. The *Hello* was not answered: the NVE sends it again.
    Behind { nve: NveId, seen: Seen, granted: bool },
    /// A *Hello* named other locators than management, and was refused.
    OtherLocators { nve: NveId, hello: Locators },
    /// A *Hello* came from another address than the session that the NVE has, and was refused.
    TwoPlaces { nve: NveId, at: IpAddr, other: IpAddr },
    /// An NVE has a new session.
    Opened {
        /// The NVE, with the locators of its *Hello*.
        place: Place,
        /// True if the NVE has restarted and remembers nothing.
        restarted: bool,
        /// The receipts of the NVE's last session, which cannot come any more.
        lost: Vec<Receipt>,
    },
}

/// An output of a session.
#[derive(Debug)]
pub(in crate::nva) enum Said {
    /// The session is over, and these receipts cannot come any more.
    Down(DownReason, Vec<Receipt>),
    /// The messages of these receipts are in force.
    InForce(Vec<Receipt>),
    /// The NVE's forwarder refused what a message asked for: the one of this receipt, if it has one.
    NotFollowed(Option<Receipt>),
    /// The NVE's next message. Give its sequence to [`Peers::set_in_force`].
    Message { sequence: u32, transaction: u32, message: Message },
}

/// What a *HelloAck* says, made only if one is sent.
#[derive(Clone, Copy)]
pub(in crate::nva) struct Greeting<'a> {
    pub(in crate::nva) facts: &'a Facts,
    /// The newest published record that is durable.
    pub(in crate::nva) published: RecordNo,
}

impl Greeting<'_> {
    fn ack(&self) -> HelloAck {
        self.facts.greeting(self.published)
    }

    /// True if an NVE that was admitted with these locators may have a session at this place.
    fn accepts(&self, admitted: Option<Locators>, place: &Place) -> bool {
        match self.facts.config().locators {
            _ if admitted == Some(place.locators) => true,
            LocatorsFrom::Admitted => false,
            LocatorsFrom::Hello => !self.facts.has_locator_of_another(place),
        }
    }

    fn is_behind(&self, seen: &Seen, granted: bool) -> bool {
        self.facts.epoch_after(seen, granted).is_some()
    }
}

impl Peers {
    /// Takes a datagram of the control port.
    pub(in crate::nva) fn hear(
        &mut self,
        now: Instant,
        greeting: Greeting<'_>,
        from: Peer,
        datagram: &[u8],
        counters: &mut NvaCounters,
    ) -> Heard {
        let opened = self.transport.open(datagram);
        let heard = opened.and_then(|opened| {
            let cause = Cause { from, opened: &opened, length: datagram.len() };
            self.hear_opened(now, greeting, cause, datagram, counters)
        });
        heard.unwrap_or_else(|error| {
            count_unbelieved(&error, counters);
            Heard::Nothing
        })
    }

    /// Finds the NVE of a message by its seal. A message of a session counts once. Outside a session only *Hello* counts.
    fn hear_opened(
        &mut self,
        now: Instant,
        greeting: Greeting<'_>,
        cause: Cause<'_>,
        datagram: &[u8],
        counters: &mut NvaCounters,
    ) -> Result<Heard, AuthError> {
        let opened = cause.opened;
        let sealed = opened.sealed().map(|sealed| sealed.header.session);
        let owner = sealed.and_then(|session| self.by_session.get(&session));
        if let (Some(sealed), Some(nve)) = (opened.sealed(), owner) {
            if *nve != sealed.nve {
                return Err(AuthError::NotBound(sealed.nve));
            }
            if let Some(edge) = self.edges.get_mut(nve) {
                edge.seals.take(sealed.header.session, sealed)?;
            }
        }
        let stranger = owner.is_none();
        Ok(match (opened.decode(), sealed) {
            (Ok((_, Message::Hello(hello))), None | Some(SessionId(0))) => {
                return self.hear_hello(now, greeting, cause, hello, counters);
            }
            (Ok(_), Some(SessionId(0))) => {
                counters.rejected += 1;
                Heard::Nothing
            }
            (Ok((header, message)), _) => self.hear_within(now, cause, &header, message, counters),
            (Err(error), Some(session)) if stranger && session.0 != 0 => {
                counters.unknown_session += 1;
                self.refuse(now, cause, session, (ErrorCode::UnknownSession, error.about), counters);
                Heard::Nothing
            }
            (Err(error), _) => {
                if let Some(refused) = ErrorMessage::refused_hello(datagram, &error) {
                    self.answer(now, cause, 0, SessionId(0), &refused, counters);
                }
                self.hear_malformed(now, &error, counters)
            }
        })
    }

    fn hear_malformed(&mut self, now: Instant, error: &DecodeError, counters: &mut NvaCounters) -> Heard {
        counters.malformed += 1;
        let Some(nve) = self.by_session.get(&error.session).copied() else { return Heard::Nothing };
        if let Some(session) = self.session_mut(nve) {
            // The session counts the reason.
            let _ = session.handle_undecodable(now, error);
        }
        Heard::Session(nve)
    }

    fn hear_within(
        &mut self,
        now: Instant,
        cause: Cause<'_>,
        header: &Header,
        message: Message,
        counters: &mut NvaCounters,
    ) -> Heard {
        let Some(nve) = self.by_session.get(&header.session).copied() else {
            counters.unknown_session += 1;
            if !matches!(message, Message::Error(_)) {
                let error = (ErrorCode::UnknownSession, message.type_code());
                self.refuse(now, cause, header.session, error, counters);
            }
            return Heard::Nothing;
        };
        if let Some(edge) = self.edges.get_mut(&nve)
            && let Some(session) = &mut edge.session
        {
            match session.handle(now, header, message) {
                Ok(()) => edge.peer = Some(cause.from),
                Err(Reject::Repeated { .. }) => counters.repeated += 1,
                Err(_) => counters.rejected += 1,
            }
        }
        Heard::Session(nve)
    }

    /// Refuses old *Hello* messages: by a challenge under a seal, by the answered nonces without a seal.
    fn hear_hello(
        &mut self,
        now: Instant,
        greeting: Greeting<'_>,
        cause: Cause<'_>,
        hello: Hello,
        counters: &mut NvaCounters,
    ) -> Result<Heard, AuthError> {
        let nve = hello.place.nve;
        let proof = match cause.opened.sealed() {
            Some(sealed) if sealed.nve != nve => return Err(AuthError::NotBound(sealed.nve)),
            sealed => sealed.map(|sealed| (sealed, self.next_session_id().0)),
        };
        let Some(edge) = self.edges.get_mut(&nve) else {
            counters.unknown_nve += 1;
            let error = (ErrorCode::UnknownNve, Message::Hello(hello).type_code());
            self.refuse(now, cause, SessionId(0), error, counters);
            return Ok(Heard::Nothing);
        };
        let granted = edge.granted;
        if let Some(seen) = hello.seen.filter(|seen| greeting.is_behind(seen, granted)) {
            return Ok(Heard::Behind { nve, seen, granted });
        }
        let same = edge.hello.as_ref().is_some_and(|before| before.nonce == hello.nonce);
        if same && let Some(session) = &mut edge.session {
            if edge.seals.is_heard(session.id()) {
                counters.old_hellos += 1;
                return Ok(Heard::Nothing);
            }
            let to = cause.from.ip();
            if !self.answers.allow_hello(now, to, (nve, hello.nonce), counters)
                || !self.answers.allow(now, to, counters)
            {
                return Ok(Heard::Nothing);
            }
            // A repetition of the Hello that made the session is answered again, at the address that the NVE used last.
            let _ = session.handle(now, &Header::default(), Message::Hello(hello));
            return Ok(Heard::Session(nve));
        }
        if let Some((sealed, fresh)) = proof {
            if let Err(challenge) = edge.seals.prove(now, self.session_config.dead_after, sealed, fresh) {
                counters.challenges += 1;
                if self.answers.allow_hello(now, cause.from.ip(), (nve, hello.nonce), counters) {
                    let ack = HelloAck { nonce: hello.nonce, seen: None, ..greeting.ack() };
                    self.answer(now, cause, challenge.number, SessionId(0), &Message::HelloAck(ack), counters);
                }
                return Ok(Heard::Nothing);
            }
        } else if edge.answered.contains(&hello.nonce) {
            counters.old_hellos += 1;
            return Ok(Heard::Nothing);
        }
        let place = hello.place;
        let refused = if !greeting.accepts(edge.locators, &place) {
            Heard::OtherLocators { nve, hello: place.locators }
        } else if let Some(at) = edge.elsewhere(cause.from) {
            Heard::TwoPlaces { nve, at, other: cause.from.ip() }
        } else {
            return Ok(self.open(now, greeting, cause.from, hello));
        };
        let error = (ErrorCode::NotAllowed, Message::Hello(hello).type_code());
        self.refuse(now, cause, SessionId(0), error, counters);
        Ok(refused)
    }

    /// Begins a session, in place of an older one.
    fn open(&mut self, now: Instant, greeting: Greeting<'_>, from: Peer, hello: Hello) -> Heard {
        let place = hello.place;
        let nve = place.nve;
        let lost = self.drop_session(nve);
        let session = self.next_session_id();
        let ack = HelloAck { session, ..greeting.ack() };
        let restarted = !hello.resumed;
        let Some(edge) = self.edges.get_mut(&nve) else { return Heard::Nothing };
        // `NvaConfig::validate` has checked the configuration of the session.
        edge.session = Session::accept(self.session_config, now, &hello, ack).ok();
        edge.peer = Some(from);
        edge.gone = None;
        edge.granted = true;
        edge.answered.push_back(hello.nonce);
        if edge.answered.len() > ANSWERED_HELLOS {
            edge.answered.pop_front();
        }
        edge.hello = Some(hello);
        self.by_session.insert(session, nve);
        Heard::Opened { place, restarted, lost }
    }

    /// The next output of the session of an NVE. `busy`: its messages wait.
    pub(in crate::nva) fn poll(&mut self, nve: NveId, busy: bool) -> Option<Said> {
        loop {
            let edge = self.edges.get_mut(&nve)?;
            let session = edge.session.as_mut()?;
            match session.poll_event() {
                Some(SessionEvent::Down(reason)) => return Some(Said::Down(reason, self.drop_session(nve))),
                Some(SessionEvent::Acked(ack)) => {
                    let told = edge.listed.iter().take_while(|sequence| **sequence <= ack.in_force).count();
                    edge.listed.drain(..told);
                    let count = edge.receipts.iter().take_while(|(sequence, _)| *sequence <= ack.in_force).count();
                    return Some(Said::InForce(edge.receipts.drain(..count).map(|(_, receipt)| receipt).collect()));
                }
                Some(SessionEvent::PeerError(error)) if error.code == ErrorCode::Forwarder => {
                    let at = edge.receipts.iter().position(|(sequence, _)| *sequence == error.sequence);
                    let receipt = at.and_then(|at| edge.receipts.remove(at)).map(|(_, receipt)| receipt);
                    return Some(Said::NotFollowed(receipt));
                }
                Some(_) => {}
                None if busy => return None,
                None => {
                    let received = session.poll_message()?;
                    let (sequence, transaction) = (received.sequence, received.transaction);
                    return Some(Said::Message { sequence, transaction, message: received.message });
                }
            }
        }
    }

    /// Notes that every message of an NVE up to this one was handled. The NVE hears so once this record is durable.
    pub(in crate::nva) fn set_in_force(&mut self, nve: NveId, sequence: u32, after: RecordNo, durable: RecordNo) {
        let Some(edge) = self.edges.get_mut(&nve) else { return };
        edge.in_force_after = edge.in_force_after.max(after);
        if edge.in_force_after > durable {
            self.in_force.insert((edge.in_force_after, nve), sequence);
        } else if let Some(session) = &mut edge.session {
            session.set_in_force(sequence);
        }
    }

    /// Acknowledges what waited for records that are durable now.
    pub(super) fn release_in_force(&mut self, durable: RecordNo) {
        while let Some(first) = self.in_force.first_entry().filter(|first| first.key().0 <= durable) {
            let ((_, nve), sequence) = first.remove_entry();
            if let Some(session) = self.session_mut(nve) {
                session.set_in_force(sequence);
            }
            self.touch(nve);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;
    use crate::nva::{Book, NvaConfig};
    use nvo3_nva_proto::{Capabilities, Encapsulations, Locators, Place};
    use nvo3_wire::Vni;

    fn datagram(header: Header, message: &Message) -> Vec<u8> {
        let mut bytes = Vec::new();
        message.encode(&header, &mut bytes).unwrap();
        bytes
    }

    /// Checks VMM-10-10.
    #[test]
    fn what_cannot_be_decoded_comes_at_its_time_and_not_before_it() {
        let (now, nve, from) = (Instant(1_000), NveId(1), Peer::from(([198, 51, 100, 1], 1)));
        let mut counters = NvaCounters::default();
        let mut peers = Peers::new(&NvaConfig::new(Transport::Trusted), Transport::Trusted, 7, now);
        let facts = Facts::new(now, NvaConfig::new(Transport::Trusted), Book::new(1, 1), true);
        let greeting = || Greeting { facts: &facts, published: RecordNo(0) };
        let place = Place { nve, locators: Locators::V4([198, 51, 100, 1].into()) };
        peers.admit(now, place, 1);
        let (encapsulations, capabilities) = (Encapsulations::VXLAN, Capabilities::HOLD);
        let hello = Message::Hello(Hello { place, nonce: 9, resumed: false, encapsulations, capabilities, seen: None });
        peers.hear(now, greeting(), from, &datagram(Header::default(), &hello), &mut counters);
        let session = peers.session_mut(nve).unwrap().id();
        let header = Header { session, sequence: 1, ..Header::default() };
        let mut cut = datagram(header, &Message::Subscribe(Vni::MAX));
        cut.truncate(cut.len() - 1);

        peers.hear(now, greeting(), from, &cut, &mut counters);

        let session = peers.session_mut(nve).unwrap();
        assert_eq!((counters.malformed, session.counters().undecodable), (1, 1));
        assert_eq!(session.counters().clock_backwards, 0);
    }
}
