//! The mishaps of a run: the time and the progress of each, and the nodes that died for good.
//!
//! In go the events that mishaps wait for, and the ends of mishaps. Out come the times at which they are due. Other rooms carry the
//! mishaps out.

use super::net::{EdgeNo, Node};
use super::random::Random;
use super::scenario::{Mishap, Scenario, Since, Spot, Trouble};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Micros};

/// The time for which a dead node stays down, unless the scenario gives one.
const DOWN: (Micros, Micros) = (Micros(20_000), Micros(400_000));

/// The progress of a mishap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The event that it waits for has not happened.
    Waiting,
    /// The time of the mishap is set, or it lasts.
    Coming,
    /// The mishap is over, or nothing waits for it.
    Over,
}

/// The mishaps of a run, and the progress of each.
pub(super) struct Mishaps {
    all: Vec<(Mishap, Progress)>,
    /// The number of mishaps of each kind that have happened.
    happened: BTreeMap<&'static str, u64>,
    /// The edges that died for good.
    fenced: BTreeSet<EdgeNo>,
    /// The edges of which management has said that they died for good.
    gone: BTreeSet<EdgeNo>,
    /// The time at which a node last returned, a cut ended, or a clock that jumped had caught up.
    last_return: Instant,
    /// Until when the NVA's loss of records explains what an edge drops: without end until the world agrees again.
    rewound: Option<Instant>,
    rtt: Micros,
}

impl Mishaps {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self {
            all: scenario.mishaps.iter().map(|mishap| (*mishap, Progress::Waiting)).collect(),
            happened: BTreeMap::new(),
            fenced: BTreeSet::new(),
            gone: BTreeSet::new(),
            last_return: Instant(0),
            rewound: None,
            rtt: scenario.rtt,
        }
    }

    /// Sets the times of the mishaps that waited for an event. `pause` is the pause of the event's move.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        since: Since,
        pause: Micros,
        random: &mut Random,
    ) -> Vec<(Instant, usize)> {
        let mut due = Vec::new();
        let waiting = self.all.iter_mut().enumerate();
        let waiting = waiting.filter(|(_, (mishap, progress))| mishap.since == since && *progress == Progress::Waiting);
        for (n, (mishap, progress)) in waiting {
            // A VM that does not stop is not resumed, so the run does not wait for this mishap.
            let waited_for = !matches!(mishap.what, Trouble::SelfResume(_));
            *progress = if waited_for { Progress::Coming } else { Progress::Over };
            let drawn = match since {
                Since::Traffic => Micros(0),
                Since::Asked(_) => random.between(Micros(0), Micros(pause.0 + 12 * self.rtt.0 + 3_000)),
                Since::Stopped(_) => random.between(Micros(0), Micros(pause.0.saturating_sub(1))),
            };
            due.push((now + mishap.wait.unwrap_or(drawn), n));
        }
        due
    }

    /// The trouble of a mishap, and the time for which a node stays down if the scenario gives none.
    pub(super) fn due(&self, n: usize, random: &mut Random) -> Option<(Trouble, Micros)> {
        let down = random.between(DOWN.0, DOWN.1);
        Some((self.all.get(n)?.0.what, down))
    }

    /// Notes that a mishap happened.
    pub(super) fn happened(&mut self, trouble: &Trouble) {
        *self.happened.entry(trouble.kind()).or_default() += 1;
    }

    /// Notes that a mishap is over.
    pub(super) fn over(&mut self, n: usize) {
        if let Some((_, progress)) = self.all.get_mut(n) {
            *progress = Progress::Over;
        }
    }

    /// True if a mishap is still to come, or lasts.
    pub(super) fn more(&self) -> bool {
        self.all.iter().any(|(_, progress)| *progress == Progress::Coming)
    }

    /// The number of mishaps of each kind that have happened.
    pub(super) fn into_counts(self) -> BTreeMap<&'static str, u64> {
        self.happened
    }

    // ---- who is gone, and who is back

    /// Notes that an edge died for good.
    pub(super) fn fence(&mut self, edge: EdgeNo) {
        self.fenced.insert(edge);
    }

    /// True if an edge died for good.
    pub(super) fn is_fenced(&self, edge: EdgeNo) -> bool {
        self.fenced.contains(&edge)
    }

    /// Notes that management said of an edge that it died for good.
    pub(super) fn told_gone(&mut self, edge: EdgeNo) {
        self.gone.insert(edge);
    }

    /// True if management has said of an edge that it died for good.
    pub(super) fn is_gone(&self, edge: EdgeNo) -> bool {
        self.gone.contains(&edge)
    }

    /// Notes that this mishap has no effect any more from `at` on.
    pub(super) fn returned(&mut self, at: Instant) {
        self.last_return = self.last_return.max(at);
    }

    /// Makes the time limits count from `at`, whatever returned before.
    pub(super) const fn count_from(&mut self, at: Instant) {
        self.last_return = at;
    }

    /// The time from which time limits count.
    pub(super) const fn last_return(&self) -> Instant {
        self.last_return
    }

    /// Notes that the NVA loses records.
    pub(super) const fn rewind(&mut self) {
        self.rewound = Some(Instant(u64::MAX));
    }

    /// True if the NVA's loss of records explains what an edge drops.
    pub(super) fn is_rewound(&self, now: Instant) -> bool {
        self.rewound.is_some_and(|until| now <= until)
    }

    /// Notes that the directory, the edges and the truth agree: frames that are under way by what was wrong arrive in one round trip.
    pub(super) fn healed(&mut self, now: Instant) {
        if self.rewound == Some(Instant(u64::MAX)) {
            self.rewound = Some(now + self.rtt);
        }
    }

    /// True if the NVA was down and is back.
    pub(super) fn nva_restarted(&self) -> bool {
        let is_nva = |what: &Trouble| match what {
            Trouble::Restart { node, .. } => Node::from(*node) == Node::Nva,
            Trouble::Rewind { .. } => true,
            _ => false,
        };
        self.all.iter().any(|(mishap, progress)| *progress == Progress::Over && is_nva(&mishap.what))
    }

    /// True if a cut between the NVA and an edge is over.
    pub(super) fn was_cut_off(&self, edge: EdgeNo) -> bool {
        let is_between = |(a, b): (Spot, Spot)| {
            let pair = (Node::from(a), Node::from(b));
            pair == (Node::Nva, Node::Edge(edge)) || pair == (Node::Edge(edge), Node::Nva)
        };
        self.all.iter().any(|(mishap, progress)| {
            *progress == Progress::Over && matches!(mishap.what, Trouble::Cut { nodes, .. } if is_between(nodes))
        })
    }
}
