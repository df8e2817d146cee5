//! What each NVE is still to be told in lists: the answer to its *Resync*, and mappings that changed since.
//!
//! A list is read from the book when its next part leaves, and as many parts are on their way as the NVE keeps up with. A mapping that
//! changes again before it was told is told once (I13: lists are sent by a cursor, never queued whole).

use super::answers::mapping_or_gone;
use super::members::members;
use super::room::Publish;
use crate::nva::facts::Facts;
use crate::nva::peers::Letter;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use nvo3_nva_proto::{Address, Mapping, Message, NveId, RecordNo, Resync, TsiKey, Update};
use nvo3_wire::{Mac, Vni};

/// The most mappings in a part of a list.
const MAPPINGS: usize = 24;
/// The most mappings that are looked at for a part of a list.
const LOOKED_AT: usize = 1_024;
/// The most parts of *Resync* messages that wait; the NVE's next messages wait until there are fewer.
const JOBS: usize = 32;

/// A list, or the rest of it.
#[derive(Clone, Debug)]
enum Job {
    /// The mappings of these addresses, as far as they changed after the record; `None`: all.
    Mappings { addresses: VecDeque<(Vni, Address)>, since: Option<RecordNo> },
    /// The mappings of a VN after this MAC, as far as they changed after the record; `None`: all.
    Vn { vn: Vni, after: Option<Mac>, since: Option<RecordNo> },
    /// The replication lists of the NVE's VNs after this one.
    Members { after: Option<Vni> },
    /// The end of the answer to this transaction.
    Synced { transaction: u32 },
}

/// What one NVE is still to be told.
#[derive(Debug, Default)]
struct Feed {
    jobs: VecDeque<Job>,
    changed: BTreeSet<TsiKey>,
    /// Addresses that the book does not have, and that an NVE may restate yet.
    unsure: VecDeque<(Vni, Address)>,
    /// The record up to which the NVE was told everything, before what waits.
    complete: RecordNo,
}

impl Feed {
    fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.changed.is_empty() && self.unsure.is_empty()
    }
}

/// What the NVEs are still to be told.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    feeds: BTreeMap<NveId, Feed>,
    /// NVEs that have something new to be told.
    woken: BTreeSet<NveId>,
}

impl Feeds {
    /// The feed of an NVE that was told everything up to this record until now.
    fn feed(&mut self, nve: NveId, complete: RecordNo) -> &mut Feed {
        self.woken.insert(nve);
        self.feeds.entry(nve).or_insert_with(|| Feed { complete, ..Feed::default() })
    }

    /// A mapping changed that an NVE is interested in. Before the change it was told everything up to this record.
    pub(super) fn changed(&mut self, nve: NveId, key: TsiKey, before: RecordNo) {
        self.feed(nve, before).changed.insert(key);
    }

    /// The record up to which an NVE has been told everything, if this is the newest published one.
    pub(super) fn complete(&self, nve: NveId, published: RecordNo) -> RecordNo {
        self.feeds.get(&nve).map_or(published, |feed| feed.complete)
    }

    pub(super) fn len(&self) -> usize {
        self.feeds.values().map(|feed| 1 + feed.jobs.len() + feed.changed.len() + feed.unsure.len()).sum::<usize>()
            + self.woken.len()
    }
}

impl Publish {
    /// Takes the restated interest of an NVE. What it may have missed follows in parts (DAP-03). False if it has its share of
    /// subscriptions: then some VNs are not subscribed to.
    pub(in crate::nva) fn resync(&mut self, facts: &Facts, from: NveId, transaction: u32, resync: Resync) -> bool {
        let since = facts.book().known_since(resync.since);
        let mut vns = resync.vns;
        let wanted = vns.len();
        vns.retain(|vn| self.subscribe(facts, *vn, from));
        let all = vns.len() == wanted;
        let feed = self.feeds.feed(from, self.published);
        feed.jobs.extend(vns.into_iter().map(|vn| Job::Vn { vn, after: None, since }));
        if !resync.mappings.is_empty() {
            feed.jobs.push_back(Job::Mappings { addresses: resync.mappings.into(), since });
        }
        if !resync.more {
            feed.jobs.extend([Job::Members { after: None }, Job::Synced { transaction }]);
        }
        all
    }

    /// True while an NVE's lists take up no more of its messages.
    pub(in crate::nva) fn is_busy(&self, nve: NveId) -> bool {
        self.feeds.feeds.get(&nve).is_some_and(|feed| feed.jobs.len() >= JOBS)
    }

    /// An NVE that has something new to be told; each comes once.
    pub(in crate::nva) fn pop_woken(&mut self) -> Option<NveId> {
        self.feeds.woken.pop_first()
    }

    /// Forgets what an NVE without a session was to be told: its next session begins with its *Resync*.
    pub(in crate::nva) fn stop_feeding(&mut self, nve: NveId) {
        self.feeds.feeds.remove(&nve);
        self.feeds.woken.remove(&nve);
    }

    /// Every NVE has restated what rests at it, or the grace is over: what the book does not have does not exist.
    pub(in crate::nva) fn become_sure(&mut self) {
        for (nve, feed) in &mut self.feeds.feeds {
            if !feed.unsure.is_empty() {
                let addresses = core::mem::take(&mut feed.unsure);
                feed.jobs.push_front(Job::Mappings { addresses, since: None });
                self.feeds.woken.insert(*nve);
            }
        }
    }

    /// The next part for an NVE; empty if it was told everything. `unsure`: the book may lack what NVEs are going to restate.
    pub(in crate::nva) fn feed(&mut self, facts: &Facts, nve: NveId, unsure: bool) -> Vec<Letter> {
        loop {
            let Some(feed) = self.feeds.feeds.get_mut(&nve) else { return Vec::new() };
            let (vn, mappings, members_of, synced) = match feed.jobs.pop_front() {
                Some(Job::Mappings { mut addresses, since }) => {
                    let Some(vn) = addresses.front().map(|(vn, _)| *vn) else { continue };
                    let named = take_vn(&mut addresses, vn);
                    if !addresses.is_empty() {
                        feed.jobs.push_front(Job::Mappings { addresses, since });
                    }
                    (vn, self.asked(facts, nve, vn, &named, since, unsure), None, None)
                }
                Some(Job::Vn { vn, after, since }) => {
                    let (mappings, last) = in_vn(facts, vn, after, since);
                    if let Some(last) = last {
                        feed.jobs.push_front(Job::Vn { vn, after: Some(last), since });
                    }
                    (vn, mappings, None, None)
                }
                Some(Job::Members { after }) => {
                    let Some(vn) = facts.book().vns_with(nve, after).next() else { continue };
                    feed.jobs.push_front(Job::Members { after: Some(vn) });
                    let nves: Vec<NveId> = facts.book().members(vn).collect();
                    (vn, Vec::new(), Some(members(facts, &nves)), None)
                }
                Some(Job::Synced { transaction }) => (Vni::MIN, Vec::new(), None, Some(transaction)),
                None => {
                    let Some(vn) = feed.changed.first().map(|key| key.vn) else {
                        if feed.unsure.is_empty() {
                            self.feeds.feeds.remove(&nve);
                        }
                        return Vec::new();
                    };
                    let keys: Vec<TsiKey> =
                        feed.changed.iter().take(MAPPINGS).take_while(|key| key.vn == vn).copied().collect();
                    for key in &keys {
                        feed.changed.remove(key);
                    }
                    (vn, keys.iter().map(|key| mapping_or_gone(facts, key)).collect(), None, None)
                }
            };
            if mappings.is_empty() && members_of.is_none() && synced.is_none() {
                continue;
            }
            let complete = self.complete_for(nve);
            let update =
                Update { vn, after: complete, upto: complete, mappings, members: members_of, synced: synced.is_some() };
            let parts = update.split().into_iter();
            return parts.map(|part| Letter::list(nve, synced.unwrap_or_default(), Message::Update(part))).collect();
        }
    }

    /// The record up to which an NVE is told everything once the part that is being made has left.
    fn complete_for(&mut self, nve: NveId) -> RecordNo {
        let published = self.published;
        if self.feeds.feeds.get(&nve).is_some_and(Feed::is_empty) {
            self.feeds.feeds.remove(&nve);
        }
        self.feeds.complete(nve, published)
    }

    /// The mappings of these addresses of a VN that changed after the record. The NVE becomes interested in each.
    fn asked(
        &mut self,
        facts: &Facts,
        nve: NveId,
        vn: Vni,
        named: &[Address],
        since: Option<RecordNo>,
        unsure: bool,
    ) -> Vec<Mapping> {
        let mut mappings = Vec::new();
        for address in named {
            let key = match (facts.book().find(vn, *address), address) {
                (Some(key), _) => key,
                (None, Address::Mac(mac)) => TsiKey { vn, mac: *mac },
                (None, Address::Ip(_)) => continue,
            };
            // An NVE may restate yet what the book does not have, also after a second restart, and what an old copy has as withdrawn.
            self.note_use(facts, key, nve);
            let unknown = facts.book().get(&key).is_none() && facts.book().tombstone(&key).is_none();
            if unknown && unsure {
                if let Some(feed) = self.feeds.feeds.get_mut(&nve) {
                    feed.unsure.push_back((vn, *address));
                }
            } else if unknown || has_changed(facts, &key, since) {
                mappings.push(mapping_or_gone(facts, &key));
            }
        }
        mappings
    }
}

fn take_vn(addresses: &mut VecDeque<(Vni, Address)>, vn: Vni) -> Vec<Address> {
    let mut named = Vec::new();
    while named.len() < MAPPINGS && addresses.front().is_some_and(|(next, _)| *next == vn) {
        named.extend(addresses.pop_front().map(|(_, address)| address));
    }
    named
}

/// The next mappings of a VN that changed after the record, and the MAC of the last one that was looked at; `None` at the end.
fn in_vn(facts: &Facts, vn: Vni, after: Option<Mac>, since: Option<RecordNo>) -> (Vec<Mapping>, Option<Mac>) {
    let (mut mappings, mut last) = (Vec::new(), None);
    for (key, _) in facts.book().in_vn_after(vn, after).take(LOOKED_AT) {
        last = Some(key.mac);
        if has_changed(facts, key, since) {
            mappings.push(mapping_or_gone(facts, key));
        }
        if mappings.len() >= MAPPINGS {
            break;
        }
    }
    (mappings, last)
}

/// True if a mapping may have changed after the record. While a move is in hand it may have been told early.
fn has_changed(facts: &Facts, key: &TsiKey, since: Option<RecordNo>) -> bool {
    let (book, Some(since)) = (facts.book(), since) else { return true };
    match (book.get(key), book.tombstone(key)) {
        (Some(registration), _) => registration.changed() > since || book.move_with(key).is_some(),
        (None, Some(gone)) => gone.version.generation > since.0,
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_one_vn_are_taken_together_up_to_a_part() {
        let address = |n: usize| (Vni::from_bytes([0, 0, (n / 30) as u8]), Address::Mac(Mac([2, 0, 0, 0, 0, n as u8])));
        let mut addresses: VecDeque<_> = (0..40).map(address).collect();

        let mut take = |vn| take_vn(&mut addresses, Vni::from_bytes([0, 0, vn])).len();

        assert_eq!([take(1), take(0), take(0), take(0), take(1)], [0, MAPPINGS, 30 - MAPPINGS, 0, 10]);
    }
}
