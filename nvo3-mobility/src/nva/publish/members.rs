//! The replication lists of VNs (VMM-4.3-06). The NVA pushes a change at once, but a list that changes often at most once per
//! interval: if a thousand NVEs come together, each gets one list of a thousand, not a thousand lists.
//!
//! An NVE that left a VN may still tunnel frames of the VN for `NvaConfig.in_flight`. An NVE that comes into the VN then hears of it
//! too: its first list names those that left lately, and the list of the members follows (TUN-10, R-37).

use super::room::Publish;
use crate::nva::facts::Facts;
use crate::nva::peers::Letter;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Members, Message, MoveId, NveId, Place, TsiKey, Update};
use nvo3_wire::Vni;

/// The most NVEs that left a VN and are remembered; the one that left first makes room.
const LEFT: usize = 64;

/// The members of a VN at its last change, and those that left it lately, in the order of the time.
#[derive(Debug, Default)]
struct Seen {
    members: Vec<NveId>,
    left: VecDeque<(Instant, NveId)>,
}

/// The list that was pushed for each VN, and the time of its next push.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pushed: BTreeMap<Vni, (Instant, Vec<Place>)>,
    due: BTreeSet<(Instant, Vni)>,
    seen: BTreeMap<Vni, Seen>,
}

/// A list to push.
struct Push {
    /// The members, which all get the list.
    nves: Vec<NveId>,
    /// The NVEs that left lately.
    left: Vec<NveId>,
    /// The members that have not heard of an NVE that left.
    unaware: Vec<NveId>,
}

impl Lists {
    pub(super) fn next(&self) -> Option<(Instant, Vni)> {
        self.due.first().copied()
    }

    pub(super) fn len(&self) -> usize {
        let seen: usize = self.seen.values().map(|seen| seen.members.len() + seen.left.len()).sum();
        self.pushed.len() + self.due.len() + seen
    }

    /// Compares the members of a VN with those of before.
    fn note_left(&mut self, facts: &Facts, vn: Vni) {
        let (now, in_flight) = (facts.now(), facts.config().in_flight);
        let nves: Vec<NveId> = facts.book().members(vn).collect();
        let Seen { members, left } = self.seen.entry(vn).or_default();
        left.extend(members.iter().filter(|nve| nves.binary_search(nve).is_err()).map(|nve| (now, *nve)));
        left.retain(|(at, nve)| *at + in_flight > now && nves.binary_search(nve).is_err());
        left.drain(..left.len().saturating_sub(LEFT));
        *members = nves;
        if members.is_empty() && left.is_empty() {
            self.seen.remove(&vn);
        }
    }

    /// The list of a VN to push now, if it has changed and its interval has passed.
    fn take(&mut self, facts: &Facts, vn: Vni) -> Option<Push> {
        self.note_left(facts, vn);
        let (now, book) = (facts.now(), facts.book());
        if let Some((at, pushed)) = self.pushed.get(&vn) {
            if places(facts, book.members(vn)).eq(pushed.iter().copied()) {
                return None;
            }
            let again = *at + facts.config().members_interval;
            if now < again {
                self.due.insert((again, vn));
                return None;
            }
        }
        let nves: Vec<NveId> = book.members(vn).collect();
        if nves.is_empty() {
            self.pushed.remove(&vn);
            return None;
        }
        let list = places(facts, nves.iter().copied()).collect();
        let (last, pushed) = self.pushed.insert(vn, (now, list)).unwrap_or_default();
        let was_listed = |nve: &NveId| pushed.iter().any(|place| place.nve == *nve);
        let left = self.seen.get(&vn).map(|seen| &seen.left);
        let brief = left.into_iter().flatten().any(|(at, nve)| *at >= last && !was_listed(nve));
        let unaware = nves.iter().copied().filter(|nve| brief || !was_listed(nve)).collect();
        Some(Push { nves, left: left.into_iter().flatten().map(|(_, nve)| *nve).collect(), unaware })
    }

    fn take_due(&mut self, now: Instant) -> Option<Vni> {
        let (at, vn) = self.next().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, vn));
        Some(vn)
    }
}

impl Publish {
    /// Pushes the lists of these TSIs' VNs that have changed.
    pub(super) fn push_lists(&mut self, facts: &Facts, keys: &[TsiKey]) -> Vec<Letter> {
        let vns: BTreeSet<Vni> = keys.iter().map(|key| key.vn).collect();
        vns.into_iter().flat_map(|vn| self.push_list(facts, vn)).collect()
    }

    /// Pushes the lists whose interval has passed.
    pub(in crate::nva) fn push_due_lists(&mut self, facts: &Facts) -> Vec<Letter> {
        let mut letters = Vec::new();
        while let Some(vn) = self.lists.take_due(facts.now()) {
            letters.extend(self.push_list(facts, vn));
        }
        letters
    }

    /// Pushes the lists of an NVE's VNs, because its place changed.
    pub(in crate::nva) fn moved(&mut self, facts: &Facts, nve: NveId) -> Vec<Letter> {
        let vns: Vec<Vni> = facts.book().vns_with(nve, None).collect();
        vns.into_iter().flat_map(|vn| self.push_list(facts, vn)).collect()
    }

    pub(super) fn push_list(&mut self, facts: &Facts, vn: Vni) -> Vec<Letter> {
        let Some(Push { nves, left, unaware }) = self.lists.take(facts, vn) else { return Vec::new() };
        let all: Vec<NveId> = nves.iter().chain(&left).copied().collect();
        let unaware = unaware.into_iter().filter(|_| !left.is_empty());
        let mut letters = self.list_to(facts, vn, &all, unaware);
        letters.extend(self.list_to(facts, vn, &nves, nves.iter().copied()));
        letters
    }

    /// The lists of a move's VNs for a party that is told how the move ended, as far as it is in a VN no more. Frames still come to it,
    /// and it sends them on if they come from an NVE of the VN (TUN-10). Without the list it does not know these NVEs if it restarted.
    pub(in crate::nva) fn lists_for_party(&self, facts: &Facts, id: MoveId, party: NveId) -> Vec<Letter> {
        let Some(plan) = facts.book().plan(id) else { return Vec::new() };
        let vns: BTreeSet<Vni> = plan.tsis.iter().map(|key| key.vn).collect();
        let lists = vns.into_iter().map(|vn| (vn, facts.book().members(vn).collect::<Vec<NveId>>()));
        let left = lists.filter(|(_, nves)| !nves.is_empty() && !nves.contains(&party));
        left.flat_map(|(vn, nves)| self.list_to(facts, vn, &nves, [party])).collect()
    }

    /// The letters that name these NVEs of a VN to the receivers.
    fn list_to(&self, facts: &Facts, vn: Vni, nves: &[NveId], to: impl IntoIterator<Item = NveId>) -> Vec<Letter> {
        let list = members(facts, nves);
        let letters = |nve: NveId| {
            let upto = self.feeds.complete(nve, self.published);
            let (mappings, members) = (Vec::new(), Some(list.clone()));
            let parts = Update { vn, after: upto, upto, mappings, members, synced: false }.split();
            parts.into_iter().map(move |part| Letter::new(nve, Message::Update(part)))
        };
        to.into_iter().flat_map(letters).collect()
    }
}

/// The places of these NVEs.
pub(super) fn members(facts: &Facts, nves: &[NveId]) -> Members {
    Members { places: places(facts, nves.iter().copied()).collect(), more: false }
}

fn places(facts: &Facts, nves: impl Iterator<Item = NveId>) -> impl Iterator<Item = Place> {
    nves.filter_map(|nve| facts.place(nve))
}
