//! The answers to queries and *Resync*: one address, or everything that an NVE may have missed.

use super::members::members;
use super::room::Publish;
use crate::nva::facts::Facts;
use crate::nva::peers::Letter;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use nvo3_nva_proto::{
    Address, Answer, Lifetime, Mapping, Message, MoveId, NveId, Query, Response, Resync, TsiKey, Update, Version,
};
use nvo3_wire::Vni;

impl Publish {
    /// The directory's answer for an address. The NVE that asks becomes interested in it.
    pub(in crate::nva) fn answer(&mut self, facts: &Facts, from: NveId, transaction: u32, query: Query) -> Letter {
        let Query { vn, address } = query;
        let found = facts.book().find(vn, address).and_then(|key| Some((key, facts.mapping(&key)?)));
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

    /// Takes the restated interest of an NVE, and gives everything that it may have missed (DAP-03).
    pub(in crate::nva) fn resync(
        &mut self,
        facts: &Facts,
        from: NveId,
        transaction: u32,
        resync: &Resync,
    ) -> Vec<Letter> {
        let book = facts.book();
        let mut wanted: BTreeMap<Vni, BTreeMap<TsiKey, Mapping>> = BTreeMap::new();
        for (vn, address) in &resync.mappings {
            let key = match (book.find(*vn, *address), address) {
                (Some(key), _) => key,
                (None, Address::Mac(mac)) => TsiKey { vn: *vn, mac: *mac },
                (None, Address::Ip(_)) => continue,
            };
            self.note_interest(facts, key, from);
            wanted.entry(*vn).or_default().insert(key, mapping_or_gone(facts, &key));
        }
        for vn in &resync.vns {
            self.subscribe(*vn, from);
            for (key, _) in book.in_vn(*vn) {
                wanted.entry(*vn).or_default().insert(*key, mapping_or_gone(facts, key));
            }
        }
        for vn in book.vns_with(from, None) {
            wanted.entry(vn).or_default();
        }
        let last = wanted.last_key_value().map(|(vn, _)| *vn);
        let mut letters = Vec::new();
        for (vn, mappings) in wanted {
            let nves: Vec<NveId> = book.members(vn).collect();
            let update = Update {
                vn,
                after: nvo3_nva_proto::RecordNo(resync.since.generation),
                upto: self.published,
                mappings: mappings.into_values().collect(),
                members: nves.contains(&from).then(|| members(facts, &nves)),
                synced: Some(vn) == last && !resync.more,
            };
            letters.extend(
                update.split().into_iter().map(|part| Letter::answer(from, transaction, Message::Update(part))),
            );
        }
        letters
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
fn mapping_or_gone(facts: &Facts, key: &TsiKey) -> Mapping {
    let book = facts.book();
    let version = || book.tombstone(key).map_or_else(|| book.newest(), |gone| gone.version);
    let gone = || Mapping { mac: key.mac, ips: Vec::new(), version: version(), place: None };
    facts.mapping(key).unwrap_or_else(gone)
}
