//! What comes of a step of the table, effect by effect.

use super::Nve;
use crate::nve::io::{Error, Event};
use crate::nve::orders::Row;
use crate::nve::rules::{Input, News};
use crate::nve::stations::Effect;
use nvo3_nva_proto::{Message, MoveId, Query, TsiKey};
use nvo3_wire::Vni;

impl Nve {
    /// One input for one TSI; false where it is out of place.
    pub(super) fn step(&mut self, key: TsiKey, input: Input) -> bool {
        let in_place = self.step_if_it_fits(key, input);
        self.counters.out_of_place += u64::from(!in_place);
        in_place
    }

    /// As [`Nve::step`], for an input that says nothing new in some states.
    pub(super) fn step_if_it_fits(&mut self, key: TsiKey, input: Input) -> bool {
        let Some(effects) = self.stations.step(self.now, key, input, &mut self.orders) else { return false };
        for effect in effects {
            self.carry_out(effect);
        }
        true
    }

    /// Any TSI's word stands for all that move with it.
    pub(super) fn step_together(&mut self, key: TsiKey, input: Input) -> Result<(), Error> {
        let others = self.stations.moving_with(&key);
        if !self.step(key, input) {
            return Err(self.out_of_place(key));
        }
        for other in others {
            self.step(other, input);
        }
        Ok(())
    }

    /// One input for each TSI of a move.
    pub(super) fn step_move(&mut self, id: MoveId, input: Input) {
        for key in self.stations.in_move(id) {
            self.step(key, input);
        }
    }

    pub(super) fn out_of_place(&self, key: TsiKey) -> Error {
        Error::OutOfPlace { key, state: self.stations.state(&key).state.name() }
    }

    /// Brings an effect of a step to the room that it is for.
    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Changed { key, from, to } => self.tell(Event::State { key, from, to }),
            Effect::News { key, move_id, news } => {
                self.tell(Event::News { key, move_id, news });
                if news == News::Running {
                    self.answer_for(key);
                }
            }
            Effect::Say(message) => self.say(&message),
            Effect::Register(key) => self.register(key),
            Effect::Deregister(key, version) => self.link.deregister(key, version, &mut self.counters),
            Effect::AwaitForwarder(key) => {
                if !self.orders.is_pending(Row::Tsi(key)) {
                    self.step(key, Input::Applied);
                }
            }
        }
    }

    fn register(&mut self, key: TsiKey) {
        let (version, place) = self.mappings.get(&key).unwrap_or_default();
        if let Some(request) = self.stations.request(key, version, place.map(|place| place.nve)) {
            self.link.request(&Message::RegistrationRequest(request), &mut self.counters);
        }
    }

    /// The VM is delivered to here: whoever waits for its addresses has an answer now.
    fn answer_for(&mut self, key: TsiKey) {
        for ip in self.stations.ips(&key).unwrap_or_default() {
            self.proxy.found(key.vn, *ip, key.mac, &mut self.counters);
        }
    }

    /// Asks where an address is: one question an address until it is answered (VMM-4.2-10).
    pub(super) fn ask(&mut self, vn: Vni, address: nvo3_nva_proto::Address) {
        if self.mappings.needs_query(vn, address, &mut self.counters) {
            let transaction = self.link.next_transaction();
            self.mappings.asked(vn, address, transaction);
            self.query(vn, address, transaction);
        }
    }

    /// A question that is asked again keeps its number (DIR-04).
    pub(super) fn query(&mut self, vn: Vni, address: nvo3_nva_proto::Address, transaction: u32) {
        self.counters.queries += 1;
        self.link.send(transaction, &Message::Query(Query { vn, address }), &mut self.counters);
    }

    /// Says something to the NVA that it did not ask for and does not answer.
    pub(super) fn say(&mut self, message: &Message) {
        self.link.send(0, message, &mut self.counters);
    }

    pub(super) fn tell(&mut self, event: Event) {
        if self.events.len() < self.config.queue as usize {
            self.events.push_back(event);
        } else {
            self.counters.shed_events += 1;
        }
    }
}
