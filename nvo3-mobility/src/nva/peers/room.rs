//! The NVEs of the domain, and the NVEs with a session.

use super::answers::Answers;
use super::edge::Edge;
use super::letter::Letter;
use super::letter::Receipt;
use crate::Transport;
use crate::nva::{NvaConfig, Peer};
use alloc::collections::BTreeSet;
use alloc::collections::btree_map::{BTreeMap, Entry};
use alloc::vec::Vec;
use nvo3_nva_proto::auth::Keys;
use nvo3_nva_proto::{
    Capabilities, Encapsulations, Instant, Micros, NveId, Place, RecordNo, Session, SessionConfig, SessionCounters,
    SessionId, SessionTimer,
};

/// The NVEs of the domain with their sessions, and the letters and answers that wait.
pub(in crate::nva) struct Peers {
    pub(super) transport: Transport,
    pub(super) session_config: SessionConfig,
    /// The most letters that may wait for the journal.
    pub(super) unpersisted: usize,
    seed: u64,
    sessions_given: u64,
    grace: Option<Instant>,
    pub(super) edges: BTreeMap<NveId, Edge>,
    pub(super) by_session: BTreeMap<SessionId, NveId>,
    /// NVEs whose session may have something to send.
    pub(super) talkative: BTreeSet<NveId>,
    timers: BTreeSet<(Instant, NveId)>,
    /// The letters, by the record that each waits for and by their order.
    pub(super) outbox: BTreeMap<(RecordNo, u64), Letter>,
    pub(super) letters: u64,
    /// The last message of each NVE that is in force once a record is durable.
    pub(super) in_force: BTreeMap<(RecordNo, NveId), u32>,
    pub(super) answers: Answers,
}

impl Peers {
    /// Makes a room without NVEs. Session ids come from `seed`. After a start, NVEs have `NvaConfig.grace` to return.
    pub(in crate::nva) fn new(config: &NvaConfig, transport: Transport, seed: u64, now: Instant) -> Self {
        Self {
            transport,
            session_config: config.session,
            unpersisted: config.unpersisted as usize,
            seed,
            sessions_given: 0,
            grace: Some(now + config.grace),
            edges: BTreeMap::new(),
            by_session: BTreeMap::new(),
            talkative: BTreeSet::new(),
            timers: BTreeSet::new(),
            outbox: BTreeMap::new(),
            letters: 0,
            in_force: BTreeMap::new(),
            answers: Answers::new(config),
        }
    }

    /// Replaces the keys, and seals every message from now on.
    pub(in crate::nva) fn set_keys(&mut self, keys: Keys) {
        self.transport = Transport::Sealed(keys);
    }

    /// Admits an NVE to the domain. False if the domain has `most` NVEs already.
    pub(in crate::nva) fn admit(&mut self, now: Instant, place: Place, most: usize) -> bool {
        let Place { nve, locators } = place;
        let full = self.edges.len() >= most;
        let edge = match self.edges.entry(nve) {
            Entry::Occupied(edge) => edge.into_mut(),
            Entry::Vacant(_) if full => return false,
            Entry::Vacant(edge) => {
                let gone = self.grace.is_none().then_some(now);
                edge.insert(Edge { gone, ..Edge::default() })
            }
        };
        self.answers.admit(nve, edge.locators.replace(locators), locators);
        let other = edge.hello.as_ref().is_some_and(|hello| hello.place.locators != locators);
        if let Some(session) = edge.session.as_mut().filter(|_| other) {
            // The NVE must say the new locators, or hear that they are others.
            session.close();
            self.talkative.insert(nve);
        }
        true
    }

    /// Counts an NVE without a session as gone.
    pub(in crate::nva) fn count_as_gone(&mut self, now: Instant, nve: NveId) {
        if let Some(edge) = self.edges.get_mut(&nve) {
            edge.gone = edge.gone.or(Some(now));
        }
    }

    /// True if an NVE has no session and is not expected to return.
    pub(in crate::nva) fn is_gone(&self, nve: NveId) -> bool {
        self.edges.get(&nve).is_none_or(|edge| edge.gone.is_some())
    }

    /// True if an NVE has been gone for this long.
    pub(in crate::nva) fn is_gone_for(&self, nve: NveId, now: Instant, time: Micros) -> bool {
        self.edges.get(&nve).is_none_or(|edge| edge.gone.is_some_and(|since| now >= since + time))
    }

    /// True if an NVE is admitted, and has a session or had one within this time.
    pub(in crate::nva) fn is_present(&self, nve: NveId, now: Instant, time: Micros) -> bool {
        !self.is_gone_for(nve, now, time)
    }

    /// Closes the session of each NVE: they come back with a new one.
    pub(in crate::nva) fn close_all(&mut self) {
        for (nve, edge) in &mut self.edges {
            if let Some(session) = &mut edge.session {
                session.close();
                self.talkative.insert(*nve);
            }
        }
    }

    /// True if an NVE is admitted.
    pub(in crate::nva) fn is_admitted(&self, nve: NveId) -> bool {
        self.edges.contains_key(&nve)
    }

    /// The address that an NVE was heard from last.
    pub(in crate::nva) fn heard_from(&self, nve: NveId) -> Option<Peer> {
        self.edges.get(&nve)?.peer
    }

    /// True while an NVE has a session.
    pub(in crate::nva) fn is_up(&self, nve: NveId) -> bool {
        self.edges.get(&nve).and_then(|edge| edge.session.as_ref()).is_some_and(Session::is_up)
    }

    /// The counters of an NVE's session.
    pub(in crate::nva) fn session_counters(&self, nve: NveId) -> Option<&SessionCounters> {
        self.edges.get(&nve)?.session.as_ref().map(Session::counters)
    }

    /// The number of NVEs with a session.
    pub(in crate::nva) fn sessions(&self) -> usize {
        self.by_session.len()
    }

    /// The abilities that an NVE named in *Hello*; `None` without a session.
    pub(in crate::nva) fn abilities(&self, nve: NveId) -> Option<(Encapsulations, Capabilities)> {
        let edge = self.edges.get(&nve)?;
        edge.session.as_ref().filter(|session| session.is_up())?;
        edge.hello.as_ref().map(|hello| (hello.encapsulations, hello.capabilities))
    }

    /// The time at which the grace after a start ends.
    pub(in crate::nva) const fn grace(&self) -> Option<Instant> {
        self.grace
    }

    /// Ends the grace if it is over, and gives the NVEs that have no session.
    pub(in crate::nva) fn end_grace(&mut self, now: Instant) -> Vec<NveId> {
        if self.grace.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.grace = None;
        self.edges.iter().filter(|(_, edge)| edge.session.is_none()).map(|(nve, _)| *nve).collect()
    }

    /// The next deadline of a session.
    pub(in crate::nva) fn next_timer(&self) -> Option<(Instant, NveId, SessionTimer)> {
        let (_, nve) = self.timers.first()?;
        let (at, which) = self.edges.get(nve)?.session.as_ref()?.poll_timeout()?;
        Some((at, *nve, which))
    }

    /// The next deadline of a session; `None` while a session may have something to send, since that may be what is due.
    pub(in crate::nva) fn next_deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at).filter(|_| self.talkative.is_empty())
    }

    /// The NVEs whose sessions have a deadline that has passed.
    pub(in crate::nva) fn due(&self, now: Instant) -> Vec<NveId> {
        self.timers.iter().take_while(|(at, _)| *at <= now).map(|(_, nve)| *nve).collect()
    }

    /// Handles the deadlines of a session that have passed.
    pub(in crate::nva) fn handle_timeout(&mut self, now: Instant, nve: NveId) {
        if let Some(session) = self.session_mut(nve) {
            session.handle_timeout(now);
        }
    }

    /// The number of all things that the room keeps.
    pub(in crate::nva) fn footprint(&self) -> usize {
        let in_edges: usize = self.edges.values().map(|edge| edge.receipts.len() + edge.answered.len()).sum();
        self.edges.len()
            + in_edges
            + self.by_session.len()
            + self.outbox.len()
            + self.in_force.len()
            + self.answers.footprint()
    }

    pub(super) fn session_mut(&mut self, nve: NveId) -> Option<&mut Session> {
        self.edges.get_mut(&nve).and_then(|edge| edge.session.as_mut())
    }

    pub(super) fn next_session_id(&mut self) -> SessionId {
        loop {
            self.sessions_given += 1;
            let id = SessionId(mix(self.seed ^ mix(self.sessions_given)));
            if id.0 != 0 && !self.by_session.contains_key(&id) {
                return id;
            }
        }
    }

    /// Forgets a session. Gives the receipts that cannot come any more.
    pub(super) fn drop_session(&mut self, nve: NveId) -> Vec<Receipt> {
        let Some(edge) = self.edges.get_mut(&nve) else { return Vec::new() };
        if let Some(session) = edge.session.take() {
            self.by_session.remove(&session.id());
            edge.in_force_after = RecordNo(0);
            self.in_force.retain(|(_, other), _| *other != nve);
        }
        if let Some(at) = edge.timer.take() {
            self.timers.remove(&(at, nve));
        }
        self.talkative.remove(&nve);
        edge.listed.clear();
        edge.receipts.drain(..).map(|(_, receipt)| receipt).collect()
    }

    /// Updates the timer of a session that was used, and notes that it may have something to send.
    pub(in crate::nva) fn touch(&mut self, nve: NveId) {
        let Some(edge) = self.edges.get_mut(&nve) else { return };
        let next = edge.session.as_ref().and_then(Session::poll_timeout).map(|(at, _)| at);
        if edge.timer != next {
            if let Some(before) = edge.timer {
                self.timers.remove(&(before, nve));
            }
            if let Some(at) = next {
                self.timers.insert((at, nve));
            }
            edge.timer = next;
        }
        if edge.session.is_some() {
            self.talkative.insert(nve);
        }
    }
}

/// A bijection of 64 bits that spreads every input bit (the finalizer of SplitMix64).
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
