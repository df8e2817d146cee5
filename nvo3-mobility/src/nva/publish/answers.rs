//! The answers to queries, and mappings that one NVE is told again.

use super::room::Publish;
use crate::nva::facts::Facts;
use crate::nva::peers::Letter;
use alloc::vec::Vec;
use nvo3_nva_proto::{
    Address, Answer, Lifetime, Mapping, Message, MoveId, NveId, Query, Response, Role, TsiKey, Version,
};

impl Publish {
    /// The directory's answer for an address. The NVE that asks becomes interested in it.
    pub(in crate::nva) fn answer(&mut self, facts: &Facts, from: NveId, transaction: u32, query: Query) -> Letter {
        let Query { vn, address } = query;
        let found = facts.book().find(vn, address).and_then(|key| Some((key, facts.mapping(&key)?)));
        // An NVE that is not admitted has no place: nobody reaches the TSI.
        let found = found.filter(|(_, mapping)| mapping.place.is_some());
        let (answer, lifetime) = match found {
            Some((key, mapping)) => {
                self.note_interest(facts, key, from);
                (Answer::Found(mapping), facts.config().lifetime)
            }
            None => {
                self.note_absent(facts, vn, address, from);
                (Answer::NotFound, facts.config().negative_lifetime)
            }
        };
        let response = Response { vn, address, answer, lifetime: Lifetime::new(lifetime) };
        Letter::answer(from, transaction, Message::Response(response))
    }

    /// The mapping of a TSI, or that there is none, for an NVE that believes something older.
    pub(in crate::nva) fn say_again(&mut self, facts: &Facts, nve: NveId, key: TsiKey) -> Letter {
        self.note_interest(facts, key, nve);
        self.update_one(nve, key.vn, mapping_or_gone(facts, &key))
    }

    /// The newer mappings for an NVE that is told the outcome of a move under this version, which may be old.
    pub(in crate::nva) fn catch_up(&mut self, facts: &Facts, nve: NveId, id: MoveId, told: Version) -> Vec<Letter> {
        let keys = facts.book().plan(id).map_or(&[][..], |plan| &plan.tsis);
        keys.iter().filter_map(|key| self.catch_up_with(facts, nve, *key, told)).collect()
    }

    fn catch_up_with(&mut self, facts: &Facts, nve: NveId, key: TsiKey, told: Version) -> Option<Letter> {
        self.note_interest(facts, key, nve);
        match facts.book().get(&key) {
            Some(registration) if registration.version() <= told => return None,
            Some(_) => {}
            None => self.note_absent(facts, key.vn, Address::Mac(key.mac), nve),
        }
        Some(self.update_one(nve, key.vn, mapping_or_gone(facts, &key)))
    }
}

/// The mapping of a TSI, or a mapping without a place if the TSI is gone.
pub(super) fn mapping_or_gone(facts: &Facts, key: &TsiKey) -> Mapping {
    let book = facts.book();
    let version = || book.tombstone(key).map_or_else(|| book.newest(), |gone| gone.version);
    let gone = || Mapping { mac: key.mac, ips: Vec::new(), role: Role::Unknown, version: version(), place: None };
    facts.mapping(key).unwrap_or_else(gone)
}
