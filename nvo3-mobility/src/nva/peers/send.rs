//! Outgoing messages: letters wait for the records that they rest on, answers to senders without a session wait only for the owner.

use super::letter::{Letter, Receipt};
use super::room::Peers;
use crate::nva::{NvaCounters, Peer};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::seals::Opened;
use nvo3_nva_proto::{ErrorCode, ErrorMessage, Header, Instant, Message, NveId, RecordNo, SessionId};

/// The most parts of lists that are on their way to an NVE.
const LISTED: usize = 16;

/// A datagram of no session, which may be answered.
#[derive(Clone, Copy)]
pub(super) struct Cause<'a> {
    pub(super) from: Peer,
    pub(super) opened: &'a Opened<'a>,
    /// The bytes of the datagram.
    pub(super) length: usize,
}

impl Peers {
    /// An address that got no answers because of its rate, and how many. Gives it once in a while.
    pub(in crate::nva) const fn take_offender(&mut self) -> Option<(IpAddr, u64)> {
        self.answers.take_offender()
    }

    /// Queues a letter. It leaves once this record is durable, and after every letter to the same NVE that was queued before. Only an
    /// answer to a query does not wait for the others.
    pub(in crate::nva) fn send(
        &mut self,
        after: RecordNo,
        durable: RecordNo,
        letter: Letter,
        counters: &mut NvaCounters,
    ) {
        if self.outbox.len() >= self.unpersisted {
            return self.shed(letter.to, counters);
        }
        let Some(edge) = self.edges.get_mut(&letter.to) else { return };
        edge.listed_waiting += usize::from(letter.listed);
        let after = if letter.is_response() {
            after
        } else {
            edge.letters_after = edge.letters_after.max(after);
            edge.letters_after
        };
        self.letters += 1;
        let after = if after <= durable { RecordNo(0) } else { after };
        self.outbox.insert((after, self.letters), letter);
    }

    /// Gives the sessions the letters whose records are durable. Stops at a letter whose NVE has no session that takes it, and gives
    /// the receipt of the letter, which cannot come any more.
    pub(in crate::nva) fn release(
        &mut self,
        durable: RecordNo,
        counters: &mut NvaCounters,
    ) -> Option<(NveId, Receipt)> {
        self.release_in_force(durable);
        while let Some(first) = self.outbox.first_entry().filter(|first| first.key().0 <= durable) {
            let Letter { to, transaction, message, receipt, listed } = first.remove();
            let Some(edge) = self.edges.get_mut(&to) else { continue };
            edge.listed_waiting -= usize::from(listed);
            let sent = match edge.session.as_mut().filter(|session| session.is_up()) {
                Some(session) => session.send(transaction, &message),
                None if receipt.is_some() => return receipt.map(|receipt| (to, receipt)),
                None => continue,
            };
            if let (Ok(sequence), true) = (&sent, listed) {
                edge.listed.push_back(*sequence);
            }
            let lost = match (sent, receipt) {
                (Ok(sequence), Some(receipt)) => {
                    edge.receipts.push_back((sequence, receipt));
                    None
                }
                (Ok(_), None) => None,
                (Err(_), receipt) => {
                    self.shed(to, counters);
                    receipt
                }
            };
            self.touch(to);
            if let Some(receipt) = lost {
                return Some((to, receipt));
            }
        }
        None
    }

    /// True if an NVE has a session that takes another part of a list.
    pub(in crate::nva) fn takes_lists(&self, nve: NveId) -> bool {
        let edge = self.edges.get(&nve).filter(|_| self.is_up(nve));
        edge.is_some_and(|edge| edge.listed.len() + edge.listed_waiting < LISTED)
    }

    /// Closes the session of an NVE that cannot get every message. Its next session begins with everything that it missed (DIR-13).
    fn shed(&mut self, nve: NveId, counters: &mut NvaCounters) {
        counters.shed_sessions += 1;
        if let Some(session) = self.session_mut(nve) {
            session.close();
            self.talkative.insert(nve);
        }
    }

    /// Answers a message of an NVE's session, named by its sequence and type, with an error.
    pub(in crate::nva) fn refuse_message(&mut self, nve: NveId, (sequence, about): (u32, u8), code: ErrorCode) {
        if let Some(session) = self.session_mut(nve) {
            // A session counts the Errors for which it has no room.
            let _ = session.refuse(ErrorMessage { code, about, sequence, offset: 0, tlv: 0 });
            self.talkative.insert(nve);
        }
    }

    /// Answers a message of this type with an error, under the session that it named.
    pub(super) fn refuse(
        &mut self,
        now: Instant,
        to: Cause<'_>,
        session: SessionId,
        (code, about): (ErrorCode, u8),
        counters: &mut NvaCounters,
    ) {
        let error = ErrorMessage { code, about, sequence: 0, offset: 0, tlv: 0 };
        self.answer(now, to, 0, session, &Message::Error(error), counters);
    }

    /// Answers a message of no session, under its key and this number, if the answer can be written and no limit forbids it.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        to: Cause<'_>,
        number: u64,
        session: SessionId,
        message: &Message,
        counters: &mut NvaCounters,
    ) {
        let mut bytes = Vec::new();
        let written = message.encode(&Header { session, ..Header::default() }, &mut bytes).is_ok()
            && self.transport.seal_answer(to.opened, number, &mut bytes).is_ok();
        if written {
            self.answers.put(now, to.from, to.length, bytes, counters);
        } else {
            counters.shed_answers += 1;
        }
    }

    /// Seals a message of an NVE's session. True if the message may leave.
    fn seal(&mut self, nve: NveId, message: &mut Vec<u8>) -> bool {
        let edge = self.edges.get_mut(&nve);
        edge.is_some_and(|edge| self.transport.seal(&mut edge.seals, nve, message).is_ok())
    }

    /// The number of sessions and answers that may have something to send.
    pub(in crate::nva) fn outputs(&self) -> usize {
        self.talkative.len() + self.answers.waiting()
    }

    /// Writes the next datagram into `out`, which is empty, and gives its destination.
    pub(in crate::nva) fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Peer> {
        if let Some((to, bytes)) = self.answers.next() {
            out.extend_from_slice(&bytes);
            return Some(to);
        }
        while let Some(nve) = self.talkative.first().copied() {
            let sent = self.session_mut(nve).is_some_and(|session| session.poll_transmit(now, out));
            if sent && self.seal(nve, out) {
                let peer = self.edges.get(&nve).and_then(|edge| edge.peer);
                if peer.is_some() {
                    return peer;
                }
            }
            self.touch(nve);
            self.talkative.remove(&nve);
        }
        None
    }
}
