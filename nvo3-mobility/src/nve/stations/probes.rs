//! The question to a VM whether it is here, after a frame at another NVE showed it there (I11: a running VM is not taken away by a frame
//! elsewhere).
//!
//! The VM is asked a few times. Silence means that it is gone only if it has spoken here before. About a VM that never spoke this NVE says
//! nothing: the NVA decides at its deadline, for a hypervisor's word and against a frame.

use super::Stations;
use alloc::collections::BTreeMap;
use nvo3_nva_proto::{Instant, Micros, TsiKey};

/// The number of times that a VM is asked.
const TIMES: u8 = 3;

/// The VMs that are asked.
#[derive(Debug)]
pub(super) struct Probes {
    /// The time between two questions.
    interval: Micros,
    asked: BTreeMap<TsiKey, (Instant, u8)>,
}

/// What follows after a VM did not answer for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// Ask the VM again.
    Again(TsiKey),
    /// The VM has spoken here before, and is gone.
    Silent(TsiKey),
}

impl Probes {
    /// The VM has this time to answer.
    pub(super) const fn new(time: Micros) -> Self {
        Self { interval: Micros(time.0 / TIMES as u64), asked: BTreeMap::new() }
    }

    pub(super) fn stop(&mut self, key: &TsiKey) {
        self.asked.remove(key);
    }

    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }

    fn next(&self) -> Option<(Instant, TsiKey)> {
        self.asked.iter().map(|(key, (at, _))| (*at, *key)).min()
    }
}

impl Stations {
    /// A VM is asked whether it is here.
    pub(super) fn ask_vm(&mut self, now: Instant, key: TsiKey) {
        self.probes.asked.insert(key, (now + self.probes.interval, 1));
    }

    /// A frame of a VM came in here.
    #[inline]
    pub(crate) fn heard(&mut self, key: &TsiKey) {
        if let Some(station) = self.tsis.get_mut(key) {
            station.heard = true;
        }
        self.scan.heard(key);
    }

    /// The time at which the next VM has not answered a question.
    pub(crate) fn next_unanswered(&self) -> Option<Instant> {
        self.probes.next().map(|(at, _)| at)
    }

    /// A VM that has not answered a question, and what follows.
    pub(crate) fn pop_unanswered(&mut self, now: Instant) -> Option<Unanswered> {
        loop {
            let (at, key) = self.probes.next().filter(|(at, _)| *at <= now)?;
            let (_, times) = self.probes.asked.remove(&key)?;
            if times < TIMES {
                self.probes.asked.insert(key, (at + self.probes.interval, times + 1));
                return Some(Unanswered::Again(key));
            }
            if self.tsis.get(&key).is_some_and(|station| station.heard) {
                return Some(Unanswered::Silent(key));
            }
        }
    }
}
