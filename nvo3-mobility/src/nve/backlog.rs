//! What this NVE has to say to the NVA and has not said in this session.
//!
//! The rooms note that something is to be said; the machine says it when the session has room for its kind, in this order: what a move
//! waits for, registrations and withdrawals, then what a new session begins with (the TSIs that rest here, then the interest in
//! mappings), then questions. Nothing is said twice in a session: the session repeats what is lost. (Rules: DAP-03 wants a restatement
//! after each loss of the session; I12 wants that one kind does not delay another.)

use alloc::collections::BTreeSet;
use nvo3_nva_proto::{Address, TsiKey};
use nvo3_wire::Vni;

/// How far the beginning of a session has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// Everything is said.
    #[default]
    Done,
    /// The TSIs after this one come next.
    Tsis { after: Option<TsiKey> },
    /// The subscriptions after this VN come next.
    Subscriptions { after: Option<Vni>, transaction: u32 },
    /// The interest in mappings after this TSI comes next.
    Interest { after: Option<TsiKey>, transaction: u32 },
}

/// What is to be said, each kind without repetition.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    stage: Stage,
    again: BTreeSet<TsiKey>,
    claims: BTreeSet<TsiKey>,
    /// Claims that wait until it is known which address the TSI had.
    held: BTreeSet<TsiKey>,
    leaving: BTreeSet<TsiKey>,
    vns: BTreeSet<Vni>,
    queries: BTreeSet<(Vni, Address)>,
}

impl Backlog {
    /// A new session begins: the TSIs and the interest are said from the beginning. Give what is open: withdrawals and queries.
    pub(super) fn begin(
        &mut self,
        leaving: impl IntoIterator<Item = TsiKey>,
        queries: impl IntoIterator<Item = (Vni, Address)>,
    ) {
        *self = Self {
            stage: Stage::Tsis { after: None },
            leaving: leaving.into_iter().collect(),
            queries: queries.into_iter().collect(),
            ..Self::default()
        };
    }

    /// The session is over: the next one begins anew.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) const fn stage(&self) -> Stage {
        self.stage
    }

    pub(super) const fn set_stage(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// A message of a TSI found no room.
    pub(super) fn say_again(&mut self, key: TsiKey) {
        self.again.insert(key);
    }

    pub(super) fn pop_again(&mut self) -> Option<TsiKey> {
        self.again.pop_first()
    }

    /// A TSI is to be registered.
    pub(super) fn claim(&mut self, key: TsiKey) {
        self.leaving.remove(&key);
        self.claims.insert(key);
    }

    /// The claim of a TSI waits until [`Backlog::release`].
    pub(super) fn hold(&mut self, key: TsiKey) {
        self.held.insert(key);
    }

    /// The claim of a TSI waits no more, if it did.
    pub(super) fn release(&mut self, key: TsiKey) {
        if self.held.remove(&key) {
            self.claim(key);
        }
    }

    /// A TSI has left.
    pub(super) fn leave(&mut self, key: TsiKey) {
        self.claims.remove(&key);
        self.held.remove(&key);
        self.leaving.insert(key);
    }

    /// A TSI that had left is here again.
    pub(super) fn stays(&mut self, key: &TsiKey) {
        self.leaving.remove(key);
    }

    /// The next VN with TSIs to register, or that have left, with these TSIs; at most `most`.
    pub(super) fn pop_claims(&mut self, most: usize) -> Option<(Vni, alloc::vec::Vec<TsiKey>)> {
        pop_vn(&mut self.claims, most)
    }

    pub(super) fn pop_leaving(&mut self, most: usize) -> Option<(Vni, alloc::vec::Vec<TsiKey>)> {
        pop_vn(&mut self.leaving, most)
    }

    /// A VN was subscribed to, or its subscription ended.
    pub(super) fn subscribe(&mut self, vn: Vni) {
        self.vns.insert(vn);
    }

    pub(super) fn pop_vn(&mut self) -> Option<Vni> {
        self.vns.pop_first()
    }

    /// An address is to be queried.
    pub(super) fn query(&mut self, vn: Vni, address: Address) {
        self.queries.insert((vn, address));
    }

    pub(super) fn pop_query(&mut self) -> Option<(Vni, Address)> {
        self.queries.pop_first()
    }

    /// True if something waits that a move may wait for.
    pub(super) fn has_urgent(&self) -> bool {
        !self.again.is_empty()
    }

    /// True if a list or registrations wait.
    pub(super) fn has_bulk(&self) -> bool {
        self.stage != Stage::Done || !self.claims.is_empty() || !self.leaving.is_empty() || !self.vns.is_empty()
    }

    pub(super) fn has_queries(&self) -> bool {
        !self.queries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.again.len()
            + self.claims.len()
            + self.held.len()
            + self.leaving.len()
            + self.vns.len()
            + self.queries.len()
    }
}

fn pop_vn(keys: &mut BTreeSet<TsiKey>, most: usize) -> Option<(Vni, alloc::vec::Vec<TsiKey>)> {
    let vn = keys.first()?.vn;
    let popped: alloc::vec::Vec<_> = keys.iter().take(most).take_while(|key| key.vn == vn).copied().collect();
    for key in &popped {
        keys.remove(key);
    }
    Some((vn, popped))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_wire::Mac;

    fn key(vn: u32, n: u8) -> TsiKey {
        TsiKey { vn: Vni::new(vn).unwrap(), mac: Mac([2, 0, 0, 0, 0, n]) }
    }

    #[test]
    fn claims_come_by_vn_and_the_last_wish_about_a_tsi_counts() {
        let mut backlog = Backlog::default();
        [key(1, 1), key(1, 2), key(2, 1), key(1, 3)].into_iter().for_each(|key| backlog.claim(key));
        backlog.leave(key(1, 3));

        assert_eq!(backlog.pop_claims(8), Some((key(1, 0).vn, alloc::vec![key(1, 1), key(1, 2)])));
        assert_eq!(backlog.pop_claims(8), Some((key(2, 0).vn, alloc::vec![key(2, 1)])));
        assert_eq!(backlog.pop_claims(8), None);
        assert_eq!(backlog.pop_leaving(8), Some((key(1, 0).vn, alloc::vec![key(1, 3)])));
    }
}
