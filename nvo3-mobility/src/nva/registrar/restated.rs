//! What rests at the NVEs: they restate their TSIs in each new session, so that an NVA that lost records learns them again (I9).
//!
//! A restatement claims nothing. The NVA takes up what it lacks, withdraws what its own NVE does not restate, and tells an NVE what it
//! knows better. Where two NVEs name the same TSI, the version decides only against an NVE that has not spoken, or is not protected.

use super::resting::{self, InHand, Judgement, Listed, Said};
use super::room::{Protected, Registrar, Verdict};
use crate::nva::book::Record;
use crate::nva::facts::Facts;
use crate::nva::policy::Quota;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, NveId, RegistrationResult, Resting, Tsi, TsiKey, Version};

/// The decision about a TSI that rests at an NVE.
#[derive(Debug)]
pub(in crate::nva) enum Rests {
    /// The book says the same, or a move in hand decides.
    Known,
    /// Make this record, and answer with its version.
    Enter(Record),
    /// The book says the same, and other NVEs may have a version of a lost record: make this record, and answer with its version.
    Restamp(Record),
    /// The NVE of the book names other addresses, or another role: they count once the move in hand has ended.
    AfterMove,
    /// Make this record of another TSI first.
    Free(Record),
    /// The NVE has missed the newest version of its own mapping, or names addresses that other TSIs have: answer with the version.
    Confirm(Version),
    /// The book knows better: say the mapping, or that there is none.
    Newer,
    /// Another NVE has the TSI, and has not said what rests there: its word comes first. Or a move in hand, which the NVE's version is
    /// beyond, must end first.
    Wait,
    /// Two NVEs name the TSI: ask the NVE that has it whether its VM is there.
    Probe(NveId),
    /// The TSI cannot be entered.
    Refuse(RegistrationResult, Version),
    /// The NVE has its share of TSIs or addresses.
    OverQuota(Quota, Version),
}

/// How far an NVE has restated its TSIs in its session.
#[derive(Debug, Default)]
struct Progress {
    upto: Option<TsiKey>,
    complete: bool,
    /// TSIs that the NVE claimed before it came to them.
    claimed: BTreeSet<TsiKey>,
}

/// What each NVE has restated in its session.
#[derive(Debug, Default)]
pub(in crate::nva) struct Restated {
    progress: BTreeMap<NveId, Progress>,
    /// TSIs that their own NVE did not restate. Each is withdrawn at its time.
    omitted: BTreeMap<TsiKey, Instant>,
    due: BTreeSet<(Instant, TsiKey)>,
    /// TSIs in a move that the NVE of the book passed over. They count as omitted once the move has ended and left them there.
    passed: BTreeSet<(NveId, TsiKey)>,
    /// TSIs that rest at an NVE under a newer version than the book's, and whose NVE of the book has not spoken yet.
    waiting: BTreeMap<TsiKey, (NveId, Resting)>,
}

impl Restated {
    /// An NVE has a new session: it begins to restate.
    pub(in crate::nva) fn begin(&mut self, nve: NveId) {
        self.progress.insert(nve, Progress::default());
        self.passed.retain(|(other, _)| *other != nve);
    }

    /// An NVE has no session any more.
    pub(in crate::nva) fn end(&mut self, nve: NveId) {
        self.progress.remove(&nve);
    }

    /// True if an NVE has said everything that rests at it.
    pub(in crate::nva) fn is_complete(&self, nve: NveId) -> bool {
        self.progress.get(&nve).is_some_and(|progress| progress.complete)
    }

    /// True if the NVE of a TSI did not restate it.
    pub(in crate::nva) fn is_omitted(&self, key: &TsiKey) -> bool {
        self.omitted.contains_key(key)
    }

    /// An NVE claims a TSI that the book has there, or names its move: the NVE has not omitted it.
    pub(in crate::nva) fn claim(&mut self, nve: NveId, key: TsiKey) {
        self.keep(&key);
        self.passed.remove(&(nve, key));
        if let Some(progress) =
            self.progress.get_mut(&nve).filter(|progress| !progress.complete && progress.upto < Some(key))
        {
            progress.claimed.insert(key);
        }
    }

    /// Takes the TSIs up to which an NVE restates, in order; `None`: all others are omitted. Gives the TSIs of the book that the NVE
    /// passed over. False if the order is wrong: then nothing counts as passed over.
    pub(in crate::nva) fn advance(
        &mut self,
        facts: &Facts,
        nve: NveId,
        tsis: &[TsiKey],
        last: bool,
    ) -> Option<Vec<TsiKey>> {
        let progress = self.progress.get_mut(&nve)?;
        let ordered = tsis.is_sorted_by(|a, b| a < b) && tsis.first().is_none_or(|first| progress.upto < Some(*first));
        if !ordered || progress.complete {
            return None;
        }
        let upto = tsis.last().copied().or(progress.upto);
        let named = |key: &TsiKey| tsis.binary_search(key).is_ok() || progress.claimed.contains(key);
        let passed = facts.book().at_nve(nve, progress.upto);
        let passed = passed.take_while(|key| last || Some(*key) <= upto).filter(|key| !named(key));
        let (moving, omitted): (Vec<_>, Vec<_>) = passed.partition(|key| facts.book().move_with(key).is_some());
        self.passed.extend(moving.into_iter().map(|key| (nve, key)));
        progress.upto = upto;
        progress.complete = last;
        progress.claimed.retain(|key| Some(*key) > upto && !last);
        Some(omitted)
    }

    /// An NVE did not restate a TSI of the book: it is withdrawn at this time.
    pub(in crate::nva) fn omit(&mut self, key: TsiKey, at: Instant) {
        self.keep(&key);
        self.omitted.insert(key, at);
        self.due.insert((at, key));
    }

    /// True if a TSI whose move has ended was passed over by this NVE, where it is. It is said once.
    pub(in crate::nva) fn take_passed(&mut self, nve: NveId, key: TsiKey) -> bool {
        self.passed.remove(&(nve, key))
    }

    /// A TSI is at its NVE after all.
    fn keep(&mut self, key: &TsiKey) {
        if let Some(at) = self.omitted.remove(key) {
            self.due.remove(&(at, *key));
        }
    }

    /// Keeps what rests at an NVE until the NVE of the book has spoken. Of two NVEs, the one with the newer version waits.
    pub(in crate::nva) fn wait(&mut self, key: TsiKey, nve: NveId, resting: Resting) {
        let newer = self.waiting.get(&key).is_none_or(|(_, other)| other.version < resting.version);
        if newer {
            self.waiting.insert(key, (nve, resting));
        }
    }

    /// True if a TSI rests where a version says so that the book has not decided about.
    pub(in crate::nva) fn is_waiting(&self, key: &TsiKey) -> bool {
        self.waiting.contains_key(key)
    }

    /// What waited for another NVE's word about a TSI.
    pub(in crate::nva) fn take_waiting(&mut self, key: &TsiKey) -> Option<(NveId, Resting)> {
        self.waiting.remove(key)
    }

    /// The TSIs that wait for another NVE's word, in order.
    pub(in crate::nva) fn waiting(&self) -> Vec<TsiKey> {
        self.waiting.keys().copied().collect()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// An omitted TSI whose time has come; each comes once.
    pub(in crate::nva) fn pop_omitted(&mut self, now: Instant) -> Option<TsiKey> {
        let (_, key) = *self.due.first().filter(|(at, _)| *at <= now)?;
        self.keep(&key);
        Some(key)
    }

    /// Forgets a TSI that is gone. What rests at other NVEs and waits is judged anew.
    pub(super) fn forget(&mut self, key: &TsiKey) {
        self.keep(key);
        self.passed.retain(|(_, passed)| passed != key);
    }

    pub(super) fn len(&self) -> usize {
        let claimed: usize = self.progress.values().map(|progress| 1 + progress.claimed.len()).sum();
        claimed + 2 * self.omitted.len() + self.passed.len() + self.waiting.len()
    }
}

impl Registrar {
    /// Judges a TSI that rests at an NVE. `full`: no more records can be made now. `late`: the grace after the start is over.
    pub(in crate::nva) fn judge_resting(
        &self,
        facts: &Facts,
        (full, late): (bool, bool),
        protected: Protected<'_>,
        from: NveId,
        key: TsiKey,
        resting: &Resting,
    ) -> Rests {
        let book = facts.book();
        let registration = book.get(&key);
        let said = Said { version: resting.version, lost: facts.is_lost(resting.version) };
        let can_have = self.can_have(facts, (full, false), protected, key, &resting.ips);
        let in_hand = book.move_with(&key).and_then(|id| book.get_move(id)).map(|this_move| InHand {
            beyond: facts.is_beyond(this_move, from, &key, resting.version),
            differs: registration.is_some_and(|at| at.nve() == from && !at.says(&resting.ips, resting.role)),
        });
        let current = registration.map(|registration| registration.version()).unwrap_or_default();
        if in_hand.is_none() && !facts.config().policy.allows(from, &key, &resting.ips) {
            return Rests::Refuse(RegistrationResult::NotAuthorised, current);
        }
        let listed = match registration {
            None => Listed::Nowhere(book.tombstone(&key).map(|gone| gone.version)),
            Some(at) if at.nve() == from => {
                let restamps = facts.has_lost() && at.version().epoch < book.epoch() && !full;
                Listed::Here { version: at.version(), same: at.says(&can_have, resting.role), restamps }
            }
            Some(at) => {
                let spoke = late || self.restated().is_complete(at.nve());
                Listed::There { version: at.version(), holds: self.holds(protected, &key, at.nve()), spoke }
            }
        };
        match resting::judge(in_hand, listed, said) {
            Judgement::Known if in_hand.is_none() && can_have != resting.ips => Rests::Confirm(current),
            Judgement::Known => Rests::Known,
            Judgement::AfterMove => Rests::AfterMove,
            Judgement::Confirm(version) => Rests::Confirm(version),
            Judgement::Newer => Rests::Newer,
            Judgement::Wait => Rests::Wait,
            Judgement::Probe => registration.map_or(Rests::Known, |at| Rests::Probe(at.nve())),
            Judgement::Restamp => registration
                .map_or(Rests::Known, |at| Rests::Restamp(Record::Registered { tsi: at.tsi(key), nve: from })),
            Judgement::Enter => match self.judge_entry(facts, full, protected, from, key, (&resting.ips, &can_have)) {
                None => {
                    let role = resting.role.or(registration.map(|at| at.role()).unwrap_or_default());
                    let tsi = Tsi { key, ips: can_have, role };
                    Rests::Enter(Record::Registered { tsi, nve: from })
                }
                Some(Verdict::Free(record)) => Rests::Free(record),
                Some(Verdict::Answer(result, version)) => Rests::Refuse(result, version),
                Some(Verdict::OverQuota(quota, version)) => Rests::OverQuota(quota, version),
                Some(_) => Rests::Known,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_nva_proto::Role;
    use nvo3_wire::{Mac, Vni};

    #[test]
    fn all_that_is_kept_is_counted_and_what_waits_is_taken_once() {
        let key = TsiKey { vn: Vni::MAX, mac: Mac([2, 0, 0, 0, 0, 1]) };
        let resting = Resting { mac: key.mac, version: Version::default(), ips: Vec::new(), role: Role::Unknown };
        let mut restated = Restated::default();
        restated.begin(NveId(1));
        restated.omit(key, Instant(9));
        restated.wait(key, NveId(2), resting.clone());
        assert_eq!(restated.len(), 1 + 2 + 1);

        assert_eq!(restated.take_waiting(&key), Some((NveId(2), resting)));

        assert_eq!((restated.take_waiting(&key), restated.len()), (None, 1 + 2));
    }
}
