//! What goes wrong in a run: when each mishap is due, how far it has come, and who has died for good.
//!
//! In goes what mishaps wait for and that one is over; out come the times at which they are due. What a mishap does,
//! others do.

use super::net::{EdgeNo, Node};
use super::random::Random;
use super::scenario::{Mishap, Scenario, Since, Spot, Trouble};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Micros};

/// How long a dead node stays down, unless the scenario says.
const DOWN: (Micros, Micros) = (Micros(20_000), Micros(400_000));

/// How far one has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// What it waits for has not happened.
    Waiting,
    /// Its time is set, or it lasts.
    Coming,
    /// It is over, or nothing waits for it.
    Over,
}

/// See the module.
pub(super) struct Mishaps {
    all: Vec<(Mishap, Progress)>,
    /// How many of each kind have happened.
    happened: BTreeMap<&'static str, u64>,
    /// Who died for good.
    fenced: BTreeSet<EdgeNo>,
    /// When a node last came back, a cut was mended or a clock that jumped had caught up.
    last_return: Instant,
    rtt: Micros,
}

impl Mishaps {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self {
            all: scenario.mishaps.iter().map(|mishap| (*mishap, Progress::Waiting)).collect(),
            happened: BTreeMap::new(),
            fenced: BTreeSet::new(),
            last_return: Instant(0),
            rtt: scenario.rtt,
        }
    }

    /// What mishaps wait for has happened; `pause` is that of the move in which. When each of them is due.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        since: Since,
        pause: Micros,
        random: &mut Random,
    ) -> Vec<(Instant, usize)> {
        let mut due = Vec::new();
        let waiting = self.all.iter_mut().enumerate();
        let waiting = waiting.filter(|(_, one)| one.0.since == since && one.1 == Progress::Waiting);
        for (n, (mishap, progress)) in waiting {
            // A VM that does not stop is not resumed: the run need not wait for that.
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

    /// What one does, and how long a node is down that dies by it and for which the scenario does not say.
    pub(super) fn due(&self, n: usize, random: &mut Random) -> Option<(Trouble, Micros)> {
        let down = random.between(DOWN.0, DOWN.1);
        Some((self.all.get(n)?.0.what, down))
    }

    /// One came about.
    pub(super) fn happened(&mut self, what: &Trouble) {
        *self.happened.entry(what.kind()).or_default() += 1;
    }

    /// One is over.
    pub(super) fn over(&mut self, n: usize) {
        if let Some((_, progress)) = self.all.get_mut(n) {
            *progress = Progress::Over;
        }
    }

    /// Whether one is still to come or lasts.
    pub(super) fn more(&self) -> bool {
        self.all.iter().any(|(_, progress)| *progress == Progress::Coming)
    }

    /// How many of each kind have happened.
    pub(super) fn into_counts(self) -> BTreeMap<&'static str, u64> {
        self.happened
    }

    // ---- who is gone, and who is back

    /// An edge died for good.
    pub(super) fn fence(&mut self, edge: EdgeNo) {
        self.fenced.insert(edge);
    }

    /// Whether it did.
    pub(super) fn is_fenced(&self, edge: EdgeNo) -> bool {
        self.fenced.contains(&edge)
    }

    /// All is as it should be from `at` on, as far as this mishap goes.
    pub(super) fn returned(&mut self, at: Instant) {
        self.last_return = self.last_return.max(at);
    }

    /// The same, whatever was before.
    pub(super) const fn count_from(&mut self, at: Instant) {
        self.last_return = at;
    }

    /// From when times count.
    pub(super) const fn last_return(&self) -> Instant {
        self.last_return
    }

    /// Whether a cut between the authority and an edge is over.
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
