//! Telling the NVEs of a VN who they are (VMM-4.3-06): each change at once, but a VN of which much changes not again and
//! again. A thousand NVEs that come together are told of a thousand, not a thousand times.

use super::machine::{Nva, Tracked};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Members, Message, NveId, TsiKey, Update};
use nvo3_wire::Vni;

/// What was pushed of each VN, and what is to be pushed when.
#[derive(Debug, Default)]
pub(super) struct MemberPushes {
    last: BTreeMap<Vni, (Instant, Vec<NveId>)>,
    due: BTreeSet<(Instant, Vni)>,
}

impl MemberPushes {
    pub(super) fn next(&self) -> Option<(Instant, Vni)> {
        self.due.first().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.last.len() + self.due.len()
    }
}

impl Nva {
    pub(super) fn push_members_of(&mut self, keys: &[TsiKey]) {
        let vns: BTreeSet<Vni> = keys.iter().map(|key| key.vn).collect();
        for vn in vns {
            self.push_members(vn);
        }
    }

    /// Pushes the list if it has changed, now or when it may be pushed again.
    pub(super) fn push_members(&mut self, vn: Vni) {
        let nves = self.directory.members(vn);
        if let Some((at, told)) = self.member_pushes.last.get(&vn) {
            let again = *at + self.config.members_interval;
            if *told == nves {
                return;
            }
            if self.now < again {
                self.member_pushes.due.insert((again, vn));
                return;
            }
        }
        let update = Update {
            vn,
            after: self.published,
            upto: self.published,
            mappings: Vec::new(),
            members: Some(self.members(&nves)),
            synced: false,
        };
        let parts = update.split();
        for nve in &nves {
            for part in &parts {
                self.send(*nve, 0, Message::Update(part.clone()), Tracked::Nothing);
            }
        }
        if nves.is_empty() {
            self.member_pushes.last.remove(&vn);
        } else {
            self.member_pushes.last.insert(vn, (self.now, nves));
        }
    }

    /// Pushes what waited for its time.
    pub(super) fn push_due_members(&mut self) {
        while let Some((at, vn)) = self.member_pushes.next().filter(|(at, _)| *at <= self.now) {
            self.member_pushes.due.remove(&(at, vn));
            self.push_members(vn);
        }
    }

    pub(super) fn members(&self, nves: &[NveId]) -> Members {
        Members { places: nves.iter().filter_map(|nve| self.place_of(*nve)).collect(), more: false }
    }
}
