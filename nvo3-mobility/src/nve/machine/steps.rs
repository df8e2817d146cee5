//! The effects of a step of the table, one by one.

use super::Nve;
use crate::fairness::Limit;
use crate::nve::io::{Error, Event};
use crate::nve::link::Rests;
use crate::nve::orders::Row;
use crate::nve::rules::{Input, News, State, Word};
use crate::nve::stations::{Effect, Effects};
use crate::table::VapId;
use nvo3_nva_proto::{Message, MoveId, MoveWord, Ready, Refusal, TsiKey, Version};

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
            Effect::Changed { key, from, to } => {
                self.tell(Event::State { key, from, to });
                if let Some(party) = from.party().filter(|party| to.party() != Some(*party)) {
                    self.mappings.note_party(self.now, key.vn, party, &mut self.orders, &mut self.counters);
                }
                if to.needs_port() {
                    self.link.deregistered(&key);
                    self.backlog.stays(&key);
                }
                if to == State::Here && !self.stations.is_attached(&key) {
                    // The port went while another NVE claimed the TSI.
                    self.step_if_it_fits(key, Input::Detach);
                }
                self.claim_new_addresses(key);
            }
            Effect::News { key, move_id, news } => {
                self.tell_news(key, move_id, news);
                match news {
                    News::Running => {
                        self.answer_for(key);
                        self.stations.announce(self.now, &key);
                        self.announce_due();
                    }
                    News::Gone | News::Displaced => self.stations.scan(self.now, &key),
                    _ => {}
                }
            }
            Effect::Say(key, move_id, version, word) => self.say_word(key, move_id, version, word),
            Effect::Refuse(move_id, version, why) => self.refuse(move_id, version, why),
            Effect::Probe(key) => self.probe(key),
            Effect::Register(key) => self.backlog.claim(key),
            Effect::Deregister(key, version) => {
                self.link.leave(key, version);
                self.backlog.leave(key);
            }
            Effect::AwaitForwarder(key) => self.hear_forwarder(key),
        }
    }

    /// Asks a VM whether it is here.
    pub(super) fn probe(&mut self, key: TsiKey) {
        if let Some((vap, ips)) = self.stations.reach(&key) {
            for ip in ips {
                self.proxy.probe(vap, key.mac, *ip, &mut self.counters);
            }
        }
    }

    /// Gives a TSI that waits for the forwarder the forwarder's answer, if there is one about each of its rows.
    pub(super) fn hear_forwarder(&mut self, key: TsiKey) {
        let rows = self.stations.rests_on(&key);
        if self.stations.state(&key).state.awaits_forwarder() && !rows.iter().any(|row| self.orders.is_pending(*row)) {
            let refused = rows.iter().any(|row| self.orders.is_refused(*row));
            self.step(key, if refused { Input::Refused } else { Input::Applied });
        }
    }

    /// Tells the owner news about a TSI. News that promise forwarding wait for the TSI's row, and no longer than until newer news.
    pub(super) fn tell_news(&mut self, key: TsiKey, move_id: Option<MoveId>, news: News) {
        let row = Row::Tsi(key);
        self.promised.remove(&key);
        if news.promises_forwarding() && (self.orders.is_pending(row) || self.orders.is_refused(row)) {
            self.promised.insert(key, (move_id, news));
        } else {
            self.tell(Event::News { key, move_id, news });
        }
    }

    /// Tells the owner the news about a TSI that waited for its row, if the row is in force.
    pub(super) fn tell_promised(&mut self, key: TsiKey) {
        if let Some((move_id, news)) = self.promised.remove(&key) {
            self.tell_news(key, move_id, news);
        }
    }

    /// Sends a message about a move. A message that promises forwarding waits for the changes that it rests on.
    fn say_word(&mut self, key: TsiKey, id: MoveId, version: Version, word: Word) {
        let message = message(id, version, word);
        match word {
            Word::Ready | Word::Suspended | Word::Activated => {
                let change = self.orders.newest_waiting();
                let tsis = self.stations.in_move(id);
                let rows = tsis.iter().flat_map(|key| self.stations.rests_on(key)).collect();
                return self.link.promise(id, Rests { change, rows }, message, &self.orders, &mut self.counters);
            }
            Word::Resumed | Word::Revoked => self.link.forget_promise(id),
            Word::OutcomeQuery => {}
        }
        if !self.say(&message) {
            self.backlog.say_again(key);
        }
    }

    /// Answers the stations that wait for the addresses of a VM that runs here now.
    fn answer_for(&mut self, key: TsiKey) {
        let holder = (key.mac, self.stations.role(&key));
        for ip in self.stations.ips(&key).unwrap_or_default() {
            self.proxy.found(key.vn, *ip, holder, &mut self.counters);
        }
    }

    /// Notes that a query was not sent, because its port has no share left.
    pub(super) fn no_share(&mut self, vap: VapId) {
        self.counters.limited_queries += 1;
        let due = self.stations.note_no_share(self.now, vap);
        self.tell_limited(vap, Limit::Queries, due);
    }

    /// Tells the owner that a port exceeds a limit, if that is due, with the number of refusals.
    pub(super) fn tell_limited(&mut self, vap: VapId, what: Limit, due: Option<u64>) {
        if let Some(count) = due {
            self.tell(Event::Limited { vap, what, count });
        }
    }

    pub(super) fn refuse(&mut self, move_id: MoveId, version: Version, why: Refusal) {
        self.link.forget_promise(move_id);
        self.say(&Message::Ready(Ready { move_id, version, refused: Some(why) }));
    }

    /// Sends a message to the NVA that is no answer and gets none. False if the session has no room for it.
    pub(super) fn say(&mut self, message: &Message) -> bool {
        self.link.send(0, message, &mut self.counters)
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
