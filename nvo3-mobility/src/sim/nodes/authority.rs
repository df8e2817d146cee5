//! The NVA with its disk, and its return after a death.

use super::clock::Clock;
use crate::Transport;
use crate::nva::{self, Nva, NvaConfig, Record};
use crate::sim::scenario::Scenario;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use nvo3_nva_proto::{Instant, MoveId, MoveResult, NveId, Place, TsiKey, Version};

/// More things than a world of this size makes the NVA keep.
const MOST_KEPT: usize = 2_000;

/// An event of a move for management.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthorityNews {
    MaySuspend(MoveId),
    Ended(MoveId, MoveResult),
    Converged(MoveId),
    Other,
}

/// The NVA's answer when management asks about a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MoveStatus {
    Nothing,
    InHand,
    Ended(MoveResult),
}

impl From<&nva::Event> for AuthorityNews {
    fn from(event: &nva::Event) -> Self {
        match event {
            nva::Event::MaySuspend(id) => Self::MaySuspend(*id),
            nva::Event::Ended { id, result } => Self::Ended(*id, *result),
            nva::Event::Converged { id, .. } => Self::Converged(*id),
            _ => Self::Other,
        }
    }
}

/// The NVA of a world.
pub(crate) struct Authority {
    config: NvaConfig,
    seed: u64,
    clock: Clock,
    places: Vec<Place>,
    /// The edges that will not return. Management gives them again at each start.
    fenced: Vec<NveId>,
    live: Option<Nva>,
    /// The number of starts: a write of the disk for an earlier start does not count any more.
    start: u32,
    /// The records on the disk, each with the time at which it was written.
    disk: Vec<(Instant, Version, Record)>,
    writing: Vec<(Version, Record)>,
    wake: Option<Instant>,
}

impl Authority {
    pub(crate) fn new(scenario: &Scenario, places: Vec<Place>) -> Self {
        let config = NvaConfig { hold: scenario.hold, ..NvaConfig::new(Transport::Trusted) };
        Self {
            config,
            seed: scenario.seed,
            clock: Clock::default(),
            places,
            fenced: Vec::new(),
            live: None,
            start: 0,
            disk: Vec::new(),
            writing: Vec::new(),
            wake: None,
        }
    }

    /// Starts with the records on the disk.
    pub(crate) fn start(&mut self, now: Instant) {
        self.start += 1;
        let seed = self.seed.wrapping_add(u64::from(self.start));
        let records = self.disk.iter().map(|(_, number, record)| (*number, record.clone()));
        self.live = Nva::replay(self.config.clone(), seed, self.clock.local(now), records).ok();
        for place in self.places.clone() {
            // The NVEs of the domain are configuration, given at each start.
            let _ = self.tell(now, nva::Input::Admit(place));
        }
        for nve in self.fenced.clone() {
            let _ = self.tell(now, nva::Input::Fenced(nve));
        }
    }

    /// Gives the NVA, now and at each start, that an edge will not return.
    pub(crate) fn fence(&mut self, now: Instant, nve: NveId) {
        self.fenced.push(nve);
        let _ = self.tell(now, nva::Input::Fenced(nve));
    }

    /// Dies with everything that is not on the disk.
    pub(crate) fn die(&mut self) {
        (self.live, self.wake) = (None, None);
        self.writing.clear();
    }

    /// Loses every record that was written after this time; all of them if it is `None`.
    pub(crate) fn lose_records(&mut self, after: Option<Instant>) {
        self.disk.retain(|(written, ..)| after.is_some_and(|after| *written <= after));
    }

    /// Lets the clock jump.
    pub(crate) const fn jump(&mut self, by: i64) {
        self.clock.jump(by);
    }

    /// A sentence if the NVA keeps more than its bounds (memory stays within its bounds, I7).
    pub(crate) fn overfull(&self) -> Option<String> {
        let kept = self.live.as_ref()?.footprint();
        (kept > MOST_KEPT).then(|| format!("the NVA keeps {kept} things"))
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.live.is_some()
    }

    pub(crate) const fn wake(&self) -> Option<Instant> {
        self.wake
    }

    /// The directory's mapping of a TSI; `None` while the NVA is down.
    pub(crate) fn lookup(&self, key: &TsiKey) -> Option<(Version, Option<Place>)> {
        let mapping = self.live.as_ref()?.lookup(key)?;
        Some((mapping.version, mapping.place))
    }

    /// The number of addresses of a TSI in the directory.
    pub(crate) fn addresses(&self, key: &TsiKey) -> usize {
        self.live.as_ref().and_then(|nva| nva.lookup(key)).map_or(0, |mapping| mapping.ips.len())
    }

    /// The NVA's answer about a move; `None` while it is down.
    pub(crate) fn knows(&self, id: MoveId) -> Option<MoveStatus> {
        Some(match self.live.as_ref()?.move_state(id) {
            None => MoveStatus::Nothing,
            Some(nva::rules::State::Ended(result)) => MoveStatus::Ended(result),
            Some(_) => MoveStatus::InHand,
        })
    }

    /// Gives the NVA an input of management.
    pub(crate) fn tell(&mut self, now: Instant, input: nva::Input) -> Result<(), Option<nva::Error>> {
        let now = self.clock.local(now);
        self.live.as_mut().ok_or(None)?.handle(now, input).map_err(Some)
    }

    /// Takes a control datagram.
    pub(crate) fn hear(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        if let Some(nva) = &mut self.live {
            nva.handle_datagram(self.clock.local(now), from, datagram);
        }
    }

    /// Handles a deadline.
    pub(crate) fn time_passed(&mut self, now: Instant) {
        if let Some(nva) = &mut self.live {
            nva.handle_timeout(self.clock.local(now));
        }
    }

    /// Gives the new records to the disk: the number of the last one, and the start.
    pub(crate) fn take_records(&mut self) -> Option<(Version, u32)> {
        let mut upto = None;
        while let Some((number, record)) = self.live.as_mut()?.poll_persist() {
            upto = Some(number);
            self.writing.push((number, record));
        }
        Some((upto?, self.start))
    }

    /// The disk has written the records.
    pub(crate) fn synced(&mut self, now: Instant, upto: Version, start: u32) {
        if start != self.start || self.live.is_none() {
            return;
        }
        let done = self.writing.iter().take_while(|(number, _)| *number <= upto).count();
        self.disk.extend(self.writing.drain(..done).map(|(number, record)| (now, number, record)));
        // The NVA always takes Persisted.
        let _ = self.tell(now, nva::Input::Persisted(upto));
    }

    /// The next datagram of the NVA.
    pub(crate) fn take_datagram(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        let mut bytes = Vec::new();
        let to = self.live.as_mut()?.poll_transmit(self.clock.local(now), &mut bytes)?;
        Some((to, bytes))
    }

    /// The next event for management. The last one of a drain also sets the alarm.
    pub(crate) fn take_event(&mut self, now: Instant) -> Option<nva::Event> {
        let nva = self.live.as_mut()?;
        let event = nva.poll_event();
        if event.is_none() {
            self.wake = nva.poll_timeout().map(|(at, _)| self.clock.world(at).max(Instant(now.0 + 1)));
        }
        event
    }
}
