//! The records that a journal does not need any more.

use super::fold::Book;
use super::record::Record;
use crate::nva::NvaConfig;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use nvo3_nva_proto::{MoveId, RecordNo, TsiKey, Version};

/// One pass over a journal, which finds the records that newer ones replace.
///
/// A record that is replaced stays replaced. So a journal can be shortened while it grows: give the records to a sweep in order, a few
/// at a time, with a [`Book`] that has every record so far. Each record costs a look-up, except an old [`Record::Rewound`], which costs
/// a look at each TSI.
///
/// ```
/// use nvo3_mobility::nva::{Book, Record, Sweep};
/// use nvo3_nva_proto::{NveId, Version};
///
/// let nve = NveId(7);
/// let journal = [Record::Fenced { nve }, Record::Returned { nve }, Record::Epoch];
/// let journal: Vec<_> = (1..).map(|generation| Version { epoch: 1, generation }).zip(journal).collect();
/// let (book, mut sweep) = (Book::fold(100, 100, &journal), Sweep::default());
///
/// let kept = journal.iter().filter(|(at, record)| !sweep.is_superseded(&book, *at, record));
///
/// assert_eq!(kept.count(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    /// The TSIs of the moves whose first record was seen and whose last one was not.
    moves: BTreeMap<MoveId, Vec<TsiKey>>,
}

impl Sweep {
    /// True if the book is the same without this record, now and after any further records. An owner may remove such records from its
    /// journal, all or the first ones. The other records keep their numbers. The last record always stays, because it gives the next
    /// number.
    pub fn is_superseded(&mut self, book: &Book, at: Version, record: &Record) -> bool {
        let tsis = match record {
            Record::Planned(plan) | Record::Restored { plan, .. } => {
                self.moves.insert(plan.id, plan.tsis.clone());
                plan.tsis.clone()
            }
            Record::Committed { id } | Record::Aborted { id } => self.moves.get(id).cloned().unwrap_or_default(),
            Record::Closed { id } => self.moves.remove(id).unwrap_or_default(),
            _ => Vec::new(),
        };
        !book.rests_on(RecordNo(at.generation), record, &tsis)
    }
}

/// The numbers, in order, of the records that are not needed to make the [`Book`] of all these records: those that one [`Sweep`] finds.
pub fn superseded(config: &NvaConfig, records: &[(Version, Record)]) -> Vec<RecordNo> {
    let book = Book::fold(config.ended_moves, config.tombstones, records);
    let mut sweep = Sweep::default();
    let superseded = records.iter().filter(|(at, record)| sweep.is_superseded(&book, *at, record));
    superseded.map(|(at, _)| RecordNo(at.generation)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;
    use crate::nva::Plan;
    use alloc::collections::BTreeSet;
    use alloc::vec;
    use core::net::{IpAddr, Ipv4Addr};
    use nvo3_nva_proto::{Micros, MoveKind, NveId, Role, Tsi};
    use nvo3_wire::{Mac, Vni};
    use proptest::prelude::*;

    const REMEMBERED: usize = 3;

    fn config() -> NvaConfig {
        let remembered = REMEMBERED as u32;
        NvaConfig { ended_moves: remembered, tombstones: remembered, ..NvaConfig::new(Transport::Trusted) }
    }

    fn key(n: u8) -> TsiKey {
        TsiKey { vn: Vni::new(u32::from(n % 2)).unwrap(), mac: Mac([2, 0, 0, 0, 0, n]) }
    }

    /// Records in an order in which an authority makes them.
    struct Scribe {
        epoch: u32,
        journal: Vec<(Version, Record)>,
        at: BTreeMap<TsiKey, NveId>,
        /// The moves in hand: planned, or decided.
        open: BTreeMap<MoveId, (Vec<TsiKey>, NveId, NveId, MoveKind, bool)>,
        closed: Vec<MoveId>,
        fenced: BTreeSet<NveId>,
        frozen: BTreeSet<TsiKey>,
    }

    impl Scribe {
        fn new() -> Self {
            let (journal, at, open, closed) = <_>::default();
            let mut scribe =
                Self { epoch: 1, journal, at, open, closed, fenced: BTreeSet::new(), frozen: BTreeSet::new() };
            scribe.write(Record::Epoch);
            scribe
        }

        fn write(&mut self, record: Record) {
            let generation = self.journal.len() as u64 + 1;
            self.journal.push((Version { epoch: self.epoch, generation }, record));
        }

        fn moving(&self, key: &TsiKey) -> bool {
            self.open.values().any(|(tsis, ..)| tsis.contains(key))
        }

        fn step(&mut self, (kind, n, nve, extra): (u8, u8, u64, u8)) {
            let (key, nve) = (key(n), NveId(nve));
            match kind {
                0 | 1 if !self.moving(&key) => {
                    let ips = vec![IpAddr::V4(Ipv4Addr::new(192, 0, extra, n))];
                    self.at.insert(key, nve);
                    self.write(Record::Registered { tsi: Tsi { key, ips, role: Role::Unknown }, nve });
                }
                2 if !self.moving(&key) && self.at.remove(&key).is_some() => {
                    self.frozen.remove(&key);
                    self.write(if extra % 3 == 0 {
                        Record::Forgotten { tsi: key }
                    } else {
                        Record::Withdrawn { tsi: key }
                    });
                }
                3 => self.plan(key, nve, MoveId(u64::from(extra) + 1), false, extra % 4 == 0),
                4 => self.plan(key, nve, MoveId(u64::from(extra) + 1), extra % 2 == 0, false),
                5 => {
                    let kept = folded(&self.journal).epoch_before();
                    self.epoch += 1 + u32::from(extra % 3);
                    self.write(if extra % 2 == 0 { Record::Rewound { kept } } else { Record::Epoch });
                }
                6 if extra % 2 == 0 => {
                    let fence = self.fenced.insert(nve) || !self.fenced.remove(&nve);
                    self.write(if fence { Record::Fenced { nve } } else { Record::Returned { nve } });
                }
                6 if self.at.contains_key(&key) => {
                    let freeze = self.frozen.insert(key) || !self.frozen.remove(&key);
                    self.write(if freeze { Record::Frozen { tsi: key } } else { Record::Released { tsi: key } });
                }
                _ => self.decide_or_close(extra),
            }
        }

        fn plan(&mut self, key: TsiKey, new: NveId, id: MoveId, failover: bool, restored: bool) {
            let Some(old) = self.at.get(&key).copied().filter(|old| *old != new) else { return };
            let remembered = self.closed.iter().rev().take(REMEMBERED).any(|closed| *closed == id);
            if remembered || self.open.contains_key(&id) || self.moving(&key) {
                return;
            }
            let mut tsis = vec![key];
            if !failover {
                let free = |(tsi, at): &(&TsiKey, &NveId)| **at == old && **tsi != key && !self.moving(tsi);
                tsis.extend(self.at.iter().find(free).map(|(tsi, _)| *tsi));
            }
            let kind = if failover { MoveKind::Failover } else { MoveKind::Hot };
            let (deadline, by_word) = (Micros::from_secs(5), failover);
            let plan = Plan { id, tsis: tsis.clone(), old, new, kind, by_word, deadline };
            let version = Version { epoch: self.epoch - 1, generation: 1_000 };
            self.write(if restored { Record::Restored { plan, version } } else { Record::Planned(plan) });
            self.open.insert(id, (tsis, old, new, kind, false));
        }

        fn decide_or_close(&mut self, how: u8) {
            let Some(id) = self.open.keys().nth(usize::from(how) % self.open.len().max(1)).copied() else { return };
            let Some((tsis, old, new, kind, decided)) = self.open.remove(&id) else { return };
            let refused = kind == MoveKind::Failover && how.is_multiple_of(3);
            if decided || refused {
                self.closed.push(id);
                return self.write(Record::Closed { id });
            }
            let committed = kind == MoveKind::Failover || how.is_multiple_of(2);
            for key in &tsis {
                self.at.insert(*key, if committed { new } else { old });
            }
            self.write(if committed { Record::Committed { id } } else { Record::Aborted { id } });
            self.open.insert(id, (tsis, old, new, kind, true));
        }
    }

    fn folded(records: &[(Version, Record)]) -> Book {
        Book::fold(REMEMBERED as u32, REMEMBERED as u32, records)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_024))]

        /// Checks I6.
        #[test]
        fn what_is_superseded_changes_nothing_now_or_later(
            steps in prop::collection::vec((0u8..9, 0u8..4, 1u64..5, 0u8..12), 0..160),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        ) {
            let mut scribe = Scribe::new();
            steps.into_iter().for_each(|step| scribe.step(step));
            let all = scribe.journal;
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.index(all.len() + 1)).collect();
            cuts.sort_unstable();

            let mut kept: Vec<(Version, Record)> = Vec::new();
            let mut from = 0;
            for cut in cuts {
                kept.extend_from_slice(&all[from..cut]);
                from = cut;
                let gone = superseded(&config(), &kept);
                kept.retain(|(at, _)| !gone.contains(&RecordNo(at.generation)));
                prop_assert_eq!(folded(&kept), folded(&all[..cut]));
                prop_assert!(superseded(&config(), &kept).is_empty());
            }
            kept.extend_from_slice(&all[from..]);
            prop_assert_eq!(folded(&kept), folded(&all));
        }
    }

    #[test]
    fn an_id_that_is_used_again_names_the_later_move() {
        let mut scribe = Scribe::new();
        [(0, 1), (1, 3), (2, 4)].into_iter().for_each(|(n, at)| scribe.step((0, n, at, 0)));
        for (tsi, to, id) in [(0, 2, 1), (1, 1, 2), (1, 3, 3), (1, 1, 4), (2, 2, 1), (1, 3, 5), (1, 1, 6)] {
            scribe.step((3, tsi, to, id - 1));
            scribe.step((7, 0, 1, 0));
            scribe.step((7, 0, 1, 0));
        }
        let mut kept = scribe.journal.clone();
        let gone = superseded(&config(), &kept);
        kept.retain(|(at, _)| !gone.contains(&RecordNo(at.generation)));

        assert_eq!((scribe.journal.len(), gone.len()), (25, 9));
        assert_eq!(folded(&kept), folded(&scribe.journal));
    }

    #[test]
    fn what_is_kept_is_bounded_by_what_is_there() {
        let mut scribe = Scribe::new();
        for n in 0..10_000_u32 {
            let b = n.to_le_bytes();
            scribe.step((b[0] % 9, b[1] % 4, u64::from(n % 4) + 1, (n % 11) as u8));
        }

        let left = scribe.journal.len() - superseded(&config(), &scribe.journal).len();

        assert!(scribe.journal.len() > 1_000 && left < 40, "{left} of {}", scribe.journal.len());
    }
}
