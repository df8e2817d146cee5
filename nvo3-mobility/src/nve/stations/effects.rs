//! One step of the table for one TSI, and its effects on the other rooms.

use super::Stations;
use super::rules::{self, Input, News, Output, State, TsiState, Word};
use super::station::Station;
use crate::nve::orders::{Orders, Row};
use arrayvec::ArrayVec;
use nvo3_nva_proto::{Instant, MoveId, Refusal, TsiKey, Version};

/// An effect of a step on the other rooms.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// The state of the TSI changed: tell the owner.
    Changed { key: TsiKey, from: State, to: State },
    /// News about the TSI: tell the owner.
    News { key: TsiKey, move_id: Option<MoveId>, news: News },
    /// Send a message about a move to the NVA, for all TSIs of the move.
    Say(TsiKey, MoveId, Version, Word),
    /// Tell the NVA that this NVE refuses a move.
    Refuse(MoveId, Version, Refusal),
    /// Ask the VM whether it is here.
    Probe(TsiKey),
    /// Ask the NVA to point the mapping here.
    Register(TsiKey),
    /// Tell the NVA that the VM is gone.
    Deregister(TsiKey, Version),
    /// The state waits for the TSI's table changes to be in force.
    AwaitForwarder(TsiKey),
}

/// The effects of one step, in order: a change of state, the outputs of the row, a wait.
pub(crate) type Effects = ArrayVec<Effect, 5>;

impl Stations {
    /// Gives one input to one TSI, and adds the effects to `effects`, which is empty. False if the table has no row for the input:
    /// then nothing has changed.
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
        if self.is_quiet(now, &key, input) {
            return true;
        }
        let Some((after, outputs)) = rules::step(before, input) else { return false };
        let changed = after.state != before.state;
        if changed || after.floor != before.floor {
            self.enter(now, key, after, input, orders);
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

    fn enter(&mut self, now: Instant, key: TsiKey, after: TsiState, input: Input, orders: &mut Orders) {
        let hold = self.hold;
        let station = self.tsis.entry(key).or_insert_with(|| Station::new(hold));
        let committed = match input {
            Input::Committed(id, ..) => Some(id),
            _ => None,
        };
        if station.enter(after, committed) {
            orders.mark(Row::Tsi(key));
        }
        if matches!(after.state, State::Away | State::Forwarding { .. }) {
            self.let_go(key, orders);
        }
        if !matches!(after.state, State::Confirming(_)) {
            self.probes.stop(&key);
        }
        let Some(station) = self.tsis.get_mut(&key) else { return };
        match after.state {
            State::Forwarding { .. } => {}
            State::Halted { .. } if station.vap.is_none() => {
                self.forward_timers.start_without_port(now, key, &mut station.forward_ends);
            }
            _ => self.forward_timers.stop(key, &mut station.forward_ends),
        }
    }

    /// The effect of an output on the other rooms, if any.
    fn effect(&mut self, now: Instant, key: TsiKey, after: TsiState, output: Output) -> Option<Effect> {
        Some(match output {
            Output::Say(id, version, word) => {
                let all_say = match word {
                    Word::OutcomeQuery => self.asks_for_all(id, &key),
                    _ => self.moves.says(id, word, key),
                };
                return all_say.then_some(Effect::Say(key, id, version, word));
            }
            Output::Refuse(id, version, why) => Effect::Refuse(id, version, why),
            Output::Register => Effect::Register(key),
            Output::Deregister => Effect::Deregister(key, after.floor),
            Output::Probe => {
                self.ask_vm(now, key);
                Effect::Probe(key)
            }
            Output::ForwardFor(which) => {
                let station = self.tsis.get_mut(&key)?;
                self.forward_timers.start(now, which, key, &mut station.forward_ends);
                return None;
            }
            Output::Tell(news) => Effect::News { key, move_id: after.state.plan().map(|plan| plan.id), news },
        })
    }

    /// True for one TSI of a move, which asks for all: the first that is still in the move. A TSI whose change the forwarder
    /// refused has left the move.
    fn asks_for_all(&self, id: MoveId, key: &TsiKey) -> bool {
        let is_in_move = |tsi: &&TsiKey| self.state(tsi).state.plan().is_some_and(|plan| plan.id == id);
        self.moves.get(id).is_none_or(|found| found.tsis.iter().find(is_in_move) == Some(key))
    }
}
