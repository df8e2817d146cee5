//! The registrations and results that the authority has to remember (I6).

use crate::sim::net::EdgeNo;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use nvo3_nva_proto::{Message, MoveId, MoveResult, RegistrationResult, TsiKey, Version};

/// The authority's promises to edges: acknowledged registrations and reported results.
#[derive(Clone, Debug, Default)]
pub(super) struct Promises {
    /// The newest version of each TSI that the authority acknowledged to a registrant.
    acknowledged: BTreeMap<TsiKey, Version>,
    /// The TSIs that an edge withdrew and did not claim since, each with the transaction of the withdrawal. An answer to an earlier claim
    /// of the edge promises nothing.
    withdrawn: BTreeMap<(EdgeNo, TsiKey), u32>,
    /// The first result that the authority reported of each move.
    outcomes: BTreeMap<MoveId, MoveResult>,
}

impl Promises {
    /// Takes a message of the authority to an edge; a sentence if it breaks a promise.
    pub(super) fn hear(&mut self, to: EdgeNo, transaction: u32, message: &Message) -> Option<String> {
        match message {
            Message::RegistrationReply(reply) if reply.result == RegistrationResult::Accepted => {
                for tsi in &reply.tsis {
                    let key = TsiKey { vn: reply.vn, mac: tsi.mac };
                    if self.withdrawn.get(&(to, key)).is_some_and(|after| transaction < *after) {
                        continue;
                    }
                    let newest = self.acknowledged.entry(key).or_default();
                    *newest = (*newest).max(tsi.version);
                }
                None
            }
            Message::Outcome(outcome) if outcome.result != MoveResult::Unknown => {
                let first = *self.outcomes.entry(outcome.move_id).or_insert(outcome.result);
                let changed = || format!("{} was {} and is {} now", outcome.move_id, first, outcome.result);
                (first != outcome.result).then(changed)
            }
            Message::Outcome(outcome) => {
                let first = self.outcomes.get(&outcome.move_id)?;
                Some(format!("{} was {} and is unknown now", outcome.move_id, first))
            }
            _ => None,
        }
    }

    /// Management said that the edge of a TSI is gone: nobody has to remember the TSI.
    pub(super) fn forget(&mut self, key: &TsiKey) {
        self.acknowledged.remove(key);
    }

    /// Takes a message of an edge: what it withdraws, nobody has to remember.
    pub(super) fn hear_edge(&mut self, from: EdgeNo, transaction: u32, message: &Message) {
        match message {
            Message::Deregister(request) => {
                for tsi in &request.tsis {
                    let key = TsiKey { vn: request.vn, mac: tsi.mac };
                    self.acknowledged.remove(&key);
                    self.withdrawn.insert((from, key), transaction);
                }
            }
            Message::RegistrationRequest(request) => {
                for claim in &request.claims {
                    let key = (from, TsiKey { vn: request.vn, mac: claim.mac });
                    if self.withdrawn.get(&key).is_some_and(|after| transaction > *after) {
                        self.withdrawn.remove(&key);
                    }
                }
            }
            _ => {}
        }
    }

    /// An edge died: its transactions begin anew.
    pub(super) fn edge_died(&mut self, edge: EdgeNo) {
        self.withdrawn.retain(|(of, _), _| *of != edge);
    }

    /// Describes each registration that the authority acknowledged and lost in a restart. `version` gives the directory's version of a
    /// TSI.
    pub(super) fn broken(&self, version: impl Fn(&TsiKey) -> Option<Version>) -> Vec<String> {
        let all = self.acknowledged.iter().map(|(key, promised)| (key, promised, version(key)));
        all.filter(|(_, promised, now_is)| now_is.is_none_or(|now_is| now_is < **promised))
            .map(|(key, promised, now_is)| {
                let now_is = now_is.map_or_else(|| "not in the directory".into(), |version| format!("at {version}"));
                format!("{key} was acknowledged at {promised} and is {now_is} now")
            })
            .collect()
    }
}
