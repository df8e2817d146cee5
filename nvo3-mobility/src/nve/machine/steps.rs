//! The effects of a step of the table, one by one.

use super::Nve;
use crate::nve::io::{Error, Event};
use crate::nve::orders::Row;
use crate::nve::rules::{Input, News, Word};
use crate::nve::stations::{Effect, Effects};
use nvo3_nva_proto::{Address, Message, MoveId, MoveWord, Query, Ready, Refusal, TsiKey, Version};
use nvo3_wire::Vni;

impl Nve {
    /// Gives one input to one TSI. False if it is out of place, which is counted.
    pub(super) fn step(&mut self, key: TsiKey, input: Input) -> bool {
        let in_place = self.step_if_it_fits(key, input);
        self.counters.out_of_place += u64::from(!in_place);
        in_place
    }

    /// As [`Nve::step`], for an input that changes nothing in some states: it is not counted.
    #[inline]
    pub(super) fn step_if_it_fits(&mut self, key: TsiKey, input: Input) -> bool {
        let mut effects = Effects::new();
        let in_place = self.stations.step(self.now, key, input, &mut self.orders, &mut effects);
        for effect in &effects {
            self.carry_out(*effect);
        }
        in_place
    }

    /// Gives an input of one TSI to all TSIs that move with it.
    pub(super) fn step_together(&mut self, key: TsiKey, input: Input) -> Result<(), Error> {
        let others = self.stations.moving_with(&key);
        if !self.step(key, input) {
            return Err(self.out_of_place(key, input));
        }
        for tsi in others {
            self.step(tsi, input);
        }
        Ok(())
    }

    /// Gives one input to each TSI of a move.
    pub(super) fn step_move(&mut self, id: MoveId, input: Input) {
        for key in self.stations.in_move(id) {
            self.step(key, input);
        }
    }

    pub(super) fn out_of_place(&self, key: TsiKey, input: Input) -> Error {
        Error::out_of_place(key, &self.stations.state(&key).state, &input)
    }

    /// Carries an effect of a step to its room.
    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Changed { key, from, to } => self.tell(Event::State { key, from, to }),
            Effect::News { key, move_id, news } => {
                self.tell(Event::News { key, move_id, news });
                if news == News::Running {
                    self.answer_for(key);
                }
            }
            Effect::Say(move_id, version, word) => self.say(&message(move_id, version, word)),
            Effect::Refuse(move_id, version, why) => self.refuse(move_id, version, why),
            Effect::Register(key) => self.register(key),
            Effect::Deregister(key, version) => self.link.deregister(key, version, &mut self.counters),
            Effect::AwaitForwarder(key) => {
                if !self.orders.is_pending(Row::Tsi(key)) {
                    self.step(key, Input::Applied);
                }
            }
        }
    }

    pub(super) fn register(&mut self, key: TsiKey) {
        let (version, place) = self.mappings.get(&key).unwrap_or_default();
        if let Some(request) = self.stations.request(key, version, place.map(|place| place.nve)) {
            self.link.request(&Message::RegistrationRequest(request), &mut self.counters);
        }
    }

    /// Answers the stations that wait for the addresses of a VM that runs here now.
    fn answer_for(&mut self, key: TsiKey) {
        for ip in self.stations.ips(&key).unwrap_or_default() {
            self.proxy.found(key.vn, *ip, key.mac, &mut self.counters);
        }
    }

    /// Queries the NVA for an address. There is at most one open query per address (VMM-4.2-10).
    pub(super) fn ask(&mut self, vn: Vni, address: nvo3_nva_proto::Address) {
        if self.mappings.needs_query(vn, address, &mut self.counters) {
            let transaction = self.link.next_transaction();
            self.mappings.asked(vn, address, transaction);
            self.query(vn, address, transaction);
        }
    }

    /// Sends a query. A query that is sent again keeps its transaction number (DIR-04).
    pub(super) fn query(&mut self, vn: Vni, address: Address, transaction: u32) {
        self.counters.queries += 1;
        self.link.send(transaction, &Message::Query(Query { vn, address }), &mut self.counters);
    }

    pub(super) fn refuse(&mut self, move_id: MoveId, version: Version, why: Refusal) {
        self.say(&Message::Ready(Ready { move_id, version, refused: Some(why) }));
    }

    /// Sends a message to the NVA that is no answer and gets none.
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

/// The message about a move.
const fn message(move_id: MoveId, version: Version, word: Word) -> Message {
    let named = MoveWord { move_id, version };
    match word {
        Word::Ready => Message::Ready(Ready { move_id, version, refused: None }),
        Word::Suspended => Message::Suspended(named),
        Word::Activated => Message::Activated(named),
        Word::Resumed => Message::Resumed(named),
        Word::Revoked => Message::Revoked(named),
        Word::OutcomeQuery => Message::OutcomeQuery(move_id),
    }
}
