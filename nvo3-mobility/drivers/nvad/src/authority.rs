//! The machine, the journal that its messages wait for, and the callers that wait for its events.

use crate::addresses::Addresses;
use crate::waiters::Waiters;
use nvad::sockets::Sockets;
use nvad::store::{self, Writer, WriterCounters};
use nvo3_mobility::nva::{Event, Input, Nva};
use nvo3_nva_proto::{Instant, NveId, Place, Version};
use nvoctl::Reply;
use nvoctl::daemon::{Caller, Unbelieved};
use nvoctl::keys::Trust;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The most replies that wait for the disk. Further callers are refused, and counted.
const LATER: usize = 65_536;

/// The place that records go to.
pub(crate) enum Journal {
    /// The records are kept in memory only, and are lost with the process.
    Memory,
    /// The thread of the store.
    Store { writer: Writer, path: PathBuf },
}

/// The inputs that [`Authority::happened`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    /// Every record up to this one is durable.
    Persisted(Version),
    /// The store has failed, and no more records become durable. [`Authority::end`] gives the error.
    StoreFailed,
    /// Edges have sent datagrams.
    Heard,
}

/// The authority of a domain.
pub(crate) struct Authority {
    pub(super) nva: Nva,
    pub(super) places: Vec<Place>,
    pub(super) trust: Trust,
    pub(super) journal: Journal,
    /// The newest record.
    pub(super) last: Version,
    /// Every record up to this one is durable.
    durable: Version,
    pub(super) written: WriterCounters,
    pub(super) sockets: Sockets,
    pub(super) waiters: Waiters,
    /// Replies that leave once every record that was made before them is durable.
    later: VecDeque<(Version, Caller, Reply)>,
    pub(super) shed_later: u64,
    datagram: Vec<u8>,
    unbelieved: Unbelieved,
    addresses: Addresses,
    /// The peers of the NVEs that have a session. Each may have a socket of its own.
    own_sockets: BTreeMap<NveId, SocketAddr>,
}

impl Authority {
    /// An authority whose machine has replayed the journal up to its `last` record.
    pub(crate) fn new(
        nva: Nva,
        places: Vec<Place>,
        trust: Trust,
        journal: Journal,
        last: Version,
        sockets: Sockets,
    ) -> Self {
        Self {
            nva,
            places,
            trust,
            journal,
            last,
            durable: last,
            written: WriterCounters::default(),
            sockets,
            waiters: Waiters::default(),
            later: VecDeque::new(),
            shed_later: 0,
            datagram: Vec::new(),
            unbelieved: Unbelieved::default(),
            addresses: Addresses::default(),
            own_sockets: BTreeMap::new(),
        }
    }

    /// Receives the datagrams that wait, and hands them to the machine.
    pub(crate) fn receive(&mut self, now: Instant) {
        let nva = &mut self.nva;
        self.sockets.receive(|from: SocketAddr, datagram| nva.handle_datagram(now, from, datagram));
    }

    /// Waits until records are durable or an edge has sent something.
    pub(crate) async fn happened(&mut self) -> Happened {
        let Self { journal, sockets, .. } = self;
        let progress = async {
            match journal {
                Journal::Memory => std::future::pending().await,
                Journal::Store { writer, .. } => writer.progressed().await,
            }
        };
        tokio::select! {
            biased;
            progress = progress => match progress {
                Some(progress) => {
                    self.written = progress.counters;
                    Happened::Persisted(progress.upto)
                }
                None => Happened::StoreFailed,
            },
            () = sockets.readable() => Happened::Heard,
        }
    }

    /// Tells the machine that every record up to this one is durable.
    pub(crate) fn release(&mut self, now: Instant, upto: Version) {
        self.durable = upto;
        // The machine takes this input always.
        let _ = self.nva.handle(now, Input::Persisted(upto));
    }

    /// Carries out the machine's outputs. Gives the time until the machine's next deadline.
    pub(crate) fn carry_out(&mut self, now: Instant) -> Duration {
        self.nva.handle_timeout(now);
        self.unbelieved.note(self.nva.counters().unbelieved());
        self.hand_over(now);
        while let Some(to) = self.nva.poll_transmit(now, &mut self.datagram) {
            self.sockets.send(to, &self.datagram);
        }
        while let Some(event) = self.nva.poll_event() {
            match event {
                Event::NveUp { nve, .. } => self.note_address(now, nve),
                Event::NveDown { nve, .. } => {
                    if let Some(peer) = self.own_sockets.remove(&nve) {
                        self.sockets.take_own(peer);
                    }
                }
                _ => {}
            }
            self.waiters.tell(now, &event);
        }
        while self.later.front().is_some_and(|(after, ..)| *after <= self.durable) {
            let Some((_, caller, reply)) = self.later.pop_front() else { break };
            caller.reply(reply);
        }
        let due = self.nva.poll_timeout().map_or(Duration::MAX, |(at, _)| Duration::from_micros((at - now).0));
        due.min(Duration::from_secs(3_600))
    }

    fn note_address(&mut self, now: Instant, nve: NveId) {
        let Some(peer) = self.nva.heard_from(nve) else { return };
        if let Some(before) = self.own_sockets.insert(nve, peer).filter(|before| *before != peer) {
            self.sockets.take_own(before);
        }
        self.sockets.give_own(peer);
        if let Some(before) = self.addresses.note(now, nve, peer.ip()) {
            tracing::warn!(
                %nve, address = %peer.ip(), %before,
                "an edge has a session from another address than before: two edges have this id, or the edge has a new address"
            );
        }
    }

    /// Replies once every record until now is durable, so that the reply is true after a crash too.
    pub(super) fn reply_durably(&mut self, now: Instant, caller: Caller, reply: Reply) {
        self.hand_over(now);
        if self.later.len() < LATER {
            self.later.push_back((self.last, caller, reply));
        } else {
            self.shed_later += 1;
            caller.reply(Reply::refused(format!("{LATER} replies wait for the store already")));
        }
    }

    fn hand_over(&mut self, now: Instant) {
        while let Some((at, record)) = self.nva.poll_persist() {
            self.last = at;
            match &self.journal {
                Journal::Memory => {}
                // If the thread has failed, `happened` says so.
                Journal::Store { writer, .. } => drop(writer.append(at, record)),
            }
        }
        if matches!(self.journal, Journal::Memory) && self.durable < self.last {
            self.release(now, self.last);
        }
    }

    /// Closes the sockets, then waits until every record is durable.
    pub(crate) fn end(mut self) -> Result<(), store::Error> {
        self.hand_over(nvoctl::clock::now());
        let Self { journal, sockets, waiters, .. } = self;
        drop((sockets, waiters));
        match journal {
            Journal::Memory => Ok(()),
            Journal::Store { writer, .. } => writer.finish(),
        }
    }
}
