//! One step of the table for one TSI, and what is to be done outside for it.

use super::Stations;
use super::rules::{self, Input, News, Output, State, TsiState, Word};
use super::station::Station;
use crate::nve::orders::{Orders, Row};
use arrayvec::ArrayVec;
use nvo3_nva_proto::{Instant, MoveId, Refusal, TsiKey, Version};

/// What a step asks of the other rooms.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// The TSI's state changed: the owner is told.
    Changed { key: TsiKey, from: State, to: State },
    /// Something of the TSI that the owner waits for.
    News { key: TsiKey, move_id: Option<MoveId>, news: News },
    /// The NVA is told about a move, for all its TSIs.
    Say(MoveId, Version, Word),
    /// The NVA is told that this edge takes no part in a move.
    Refuse(MoveId, Version, Refusal),
    /// The NVA is asked to point the mapping here.
    Register(TsiKey),
    /// The NVA is told that the VM is gone.
    Deregister(TsiKey, Version),
    /// What the state promises holds once the TSI's orders are in force.
    AwaitForwarder(TsiKey),
}

/// What one step asks, in order: a change of state, what the row says, a wait.
pub(crate) type Effects = ArrayVec<Effect, 5>;

impl Stations {
    /// One input for one TSI; adds what is to be done then to `effects`, which is empty. False where the table has no row for the
    /// input: nothing changed.
    #[inline]
    pub(crate) fn step(
        &mut self,
        now: Instant,
        key: TsiKey,
        input: Input,
        orders: &mut Orders,
        effects: &mut Effects,
    ) -> bool {
        let before = self.state(&key);
        let Some((after, outputs)) = rules::step(before, input) else { return false };
        let changed = after.state != before.state;
        if changed || after.floor != before.floor {
            self.enter(key, after, orders);
        }
        if changed {
            effects.push(Effect::Changed { key, from: before.state, to: after.state });
        }
        for output in outputs {
            effects.extend(self.effect(now, key, after, output));
        }
        if after.state.awaits_forwarder() {
            effects.push(Effect::AwaitForwarder(key));
        }
        true
    }

    fn enter(&mut self, key: TsiKey, after: TsiState, orders: &mut Orders) {
        let hold = self.hold;
        let station = self.tsis.entry(key).or_insert_with(|| Station::new(hold));
        if station.enter(after) {
            orders.mark(Row::Tsi(key));
        }
        if !matches!(after.state, State::Forwarding { .. }) {
            self.forward_timers.stop(key, &mut station.forward_ends);
        }
    }

    /// What an output of the table asks of the other rooms, if anything.
    fn effect(&mut self, now: Instant, key: TsiKey, after: TsiState, output: Output) -> Option<Effect> {
        Some(match output {
            Output::Say(id, version, word) => {
                let all_say = match word {
                    Word::OutcomeQuery => self.asks_for_all(id, &key),
                    _ => self.moves.says(id, word, key),
                };
                return all_say.then_some(Effect::Say(id, version, word));
            }
            Output::Refuse(id, version, why) => Effect::Refuse(id, version, why),
            Output::Register => Effect::Register(key),
            Output::Deregister => Effect::Deregister(key, after.floor),
            Output::ForwardFor(which) => {
                let station = self.tsis.get_mut(&key)?;
                self.forward_timers.start(now, which, key, &mut station.forward_ends);
                return None;
            }
            Output::Tell(news) => Effect::News { key, move_id: after.state.plan().map(|plan| plan.id), news },
        })
    }

    /// One TSI asks how a move ended for all that are still in it: others may have left it, refused by the forwarder.
    fn asks_for_all(&self, id: MoveId, key: &TsiKey) -> bool {
        let in_it = |tsi: &&TsiKey| self.state(tsi).state.plan().is_some_and(|plan| plan.id == id);
        self.moves.get(id).is_none_or(|found| found.tsis.iter().find(in_it) == Some(key))
    }
}
