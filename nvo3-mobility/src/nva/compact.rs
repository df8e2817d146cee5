//! Which records a journal no longer needs.
//!
//! A TSI is where its last registration or the last decided move put it; a withdrawn one is nowhere. A move matters while it
//! is open, while its outcome is remembered, and while it is what put a TSI where it is.

use super::config::NvaConfig;
use super::journal::Record;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use nvo3_nva_proto::{MoveId, RecordNo, TsiKey};

/// What a TSI's mapping rests on.
#[derive(Clone, Copy)]
struct Ground {
    registered: RecordNo,
    /// The index of the move that has placed it since.
    placed: Option<usize>,
}

struct Told<'a> {
    tsis: &'a [TsiKey],
    records: Vec<RecordNo>,
}

/// The records that change nothing of what [`Nva::replay`](super::Nva::replay) makes of all of these, in order.
///
/// An owner may remove them from its journal, all or some; the others keep their numbers. The last one always stays, since
/// it says which number comes next.
pub fn superseded(config: &NvaConfig, records: &[(RecordNo, Record)]) -> Vec<RecordNo> {
    let mut grounds: BTreeMap<TsiKey, Ground> = BTreeMap::new();
    let mut moves: Vec<Told<'_>> = Vec::new();
    let mut open: BTreeMap<MoveId, usize> = BTreeMap::new();
    let mut closed: Vec<usize> = Vec::new();
    for (number, record) in records {
        match record {
            Record::Registered { tsi, .. } => {
                grounds.insert(tsi.key, Ground { registered: *number, placed: None });
            }
            Record::Withdrawn { tsi } => {
                grounds.remove(tsi);
            }
            Record::Planned { id, tsis, .. } => {
                open.insert(*id, moves.len());
                moves.push(Told { tsis, records: Vec::from([*number]) });
            }
            Record::Committed { id } | Record::Aborted { id } | Record::Closed { id } => {
                let Some((n, of)) = open.get(id).and_then(|n| Some((*n, moves.get_mut(*n)?))) else { continue };
                of.records.push(*number);
                if matches!(record, Record::Closed { .. }) {
                    open.remove(id);
                    closed.push(n);
                    continue;
                }
                for key in of.tsis {
                    if let Some(ground) = grounds.get_mut(key) {
                        ground.placed = Some(n);
                    }
                }
            }
        }
    }
    let remembered = closed.iter().rev().take(config.ended_moves as usize);
    let placing = grounds.values().filter_map(|ground| ground.placed.as_ref());
    let needed_moves: BTreeSet<usize> = open.values().chain(remembered).chain(placing).copied().collect();
    let of_moves = needed_moves.iter().filter_map(|n| moves.get(*n)).flat_map(|of| of.records.iter().copied());
    let of_tsis = grounds.values().map(|ground| ground.registered);
    let last = records.last().map(|(number, _)| *number);
    let needed: BTreeSet<RecordNo> = of_moves.chain(of_tsis).chain(last).collect();
    records.iter().map(|(number, _)| *number).filter(|number| !needed.contains(number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nva::{Input, Nva};
    use alloc::format;
    use alloc::string::String;
    use alloc::vec;
    use core::net::{IpAddr, Ipv4Addr};
    use nvo3_nva_proto::{Instant, Locators, Micros, MoveKind, NveId, Place, Tsi};
    use nvo3_wire::{Mac, Vni};
    use proptest::prelude::*;

    const REMEMBERED: usize = 3;

    fn config() -> NvaConfig {
        NvaConfig { ended_moves: REMEMBERED as u32, ..NvaConfig::default() }
    }

    fn key(n: u8) -> TsiKey {
        TsiKey { vn: Vni::new(u32::from(n % 2)).unwrap(), mac: Mac([2, 0, 0, 0, 0, n]) }
    }

    /// Records as an authority makes them.
    #[derive(Default)]
    struct Scribe {
        journal: Vec<(RecordNo, Record)>,
        at: BTreeMap<TsiKey, NveId>,
        /// With how far it is: planned, decided.
        open: BTreeMap<MoveId, (Vec<TsiKey>, NveId, NveId, MoveKind, bool)>,
        closed: Vec<MoveId>,
    }

    impl Scribe {
        fn write(&mut self, record: Record) {
            self.journal.push((RecordNo(self.journal.len() as u64 + 1), record));
        }

        fn moving(&self, key: &TsiKey) -> bool {
            self.open.values().any(|(tsis, ..)| tsis.contains(key))
        }

        fn step(&mut self, (what, n, nve, other): (u8, u8, u64, u8)) {
            let (key, nve) = (key(n), NveId(nve));
            match what {
                0 | 1 if !self.moving(&key) => {
                    let ips = vec![IpAddr::V4(Ipv4Addr::new(192, 0, other, n))];
                    self.at.insert(key, nve);
                    self.write(Record::Registered { tsi: Tsi { key, ips }, nve });
                }
                2 if !self.moving(&key) && self.at.remove(&key).is_some() => {
                    self.write(Record::Withdrawn { tsi: key });
                }
                3 | 4 => self.plan(key, nve, MoveId(u64::from(other) + 1), what == 4 && other % 2 == 0),
                _ => self.go_on(other),
            }
        }

        fn plan(&mut self, key: TsiKey, new: NveId, id: MoveId, failover: bool) {
            let Some(old) = self.at.get(&key).copied().filter(|old| *old != new) else { return };
            let remembered = self.closed.iter().rev().take(REMEMBERED).any(|closed| *closed == id);
            if remembered || self.open.contains_key(&id) || self.moving(&key) {
                return;
            }
            let mut tsis = vec![key];
            if !failover {
                let free = |(of, at): &(&TsiKey, &NveId)| **at == old && **of != key && !self.moving(of);
                tsis.extend(self.at.iter().find(free).map(|(of, _)| *of));
            }
            let kind = if failover { MoveKind::Failover } else { MoveKind::Hot };
            self.write(Record::Planned { id, tsis: tsis.clone(), old, new, kind, deadline: Micros::from_secs(5) });
            self.open.insert(id, (tsis, old, new, kind, false));
        }

        fn go_on(&mut self, how: u8) {
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

    /// All that a replay can show.
    fn shown(records: &[(RecordNo, Record)]) -> String {
        let mut nva = Nva::replay(config(), 1, Instant(0), records.iter().cloned()).unwrap();
        for n in 1..5 {
            let locators = Locators::V4(Ipv4Addr::new(198, 51, 100, n));
            nva.handle(Instant(0), Input::Admit(Place { nve: NveId(n.into()), locators })).unwrap();
        }
        let members = [0, 1].map(|vn| nva.directory.members(Vni::new(vn).unwrap()));
        let mappings: Vec<_> = nva.mappings().collect();
        let moves: Vec<_> = nva.moves().collect();
        let last = nva.journal.last();
        format!("{mappings:?} {moves:?} {} {members:?} {last:?} {:?}", nva.moves.open(), nva.poll_timeout())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_024))]

        /// Checks I6.
        #[test]
        fn what_is_superseded_changes_nothing_now_or_later(
            steps in prop::collection::vec((0u8..8, 0u8..4, 1u64..5, 0u8..12), 0..120),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        ) {
            let mut scribe = Scribe::default();
            steps.into_iter().for_each(|step| scribe.step(step));
            let all = scribe.journal;
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.index(all.len() + 1)).collect();
            cuts.sort_unstable();

            let mut kept: Vec<(RecordNo, Record)> = Vec::new();
            let mut from = 0;
            for cut in cuts {
                kept.extend_from_slice(&all[from..cut]);
                from = cut;
                let gone = superseded(&config(), &kept);
                kept.retain(|(number, _)| !gone.contains(number));
                prop_assert_eq!(shown(&kept), shown(&all[..cut]));
                prop_assert!(superseded(&config(), &kept).is_empty());
            }
            kept.extend_from_slice(&all[from..]);
            prop_assert_eq!(shown(&kept), shown(&all));
        }
    }

    #[test]
    fn an_id_that_is_used_again_names_the_later_move() {
        let mut scribe = Scribe::default();
        [(0, 1), (1, 3), (2, 4)].into_iter().for_each(|(n, at)| scribe.step((0, n, at, 0)));
        for (tsi, to, id) in [(0, 2, 1), (1, 1, 2), (1, 3, 3), (1, 1, 4), (2, 2, 1), (1, 3, 5), (1, 1, 6)] {
            scribe.step((3, tsi, to, id - 1));
            scribe.step((7, 0, 1, 0));
            scribe.step((7, 0, 1, 0));
        }
        let mut kept = scribe.journal.clone();
        let gone = superseded(&config(), &kept);
        kept.retain(|(number, _)| !gone.contains(number));

        assert_eq!((scribe.journal.len(), gone.len()), (24, 9));
        assert_eq!(shown(&kept), shown(&scribe.journal));
    }

    #[test]
    fn what_is_kept_is_bounded_by_what_is_there() {
        let mut scribe = Scribe::default();
        for n in 0..10_000_u32 {
            let b = n.to_le_bytes();
            scribe.step((b[0] % 8, b[1] % 4, u64::from(n % 4) + 1, (n % 11) as u8));
        }

        let left = scribe.journal.len() - superseded(&config(), &scribe.journal).len();

        assert!(scribe.journal.len() > 1_000 && left < 40, "{left} of {}", scribe.journal.len());
    }
}
