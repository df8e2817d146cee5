//! The record that a message or an event rests on: it leaves once the record is durable (I6).

use super::Nva;
use crate::nva::io::Event;
use alloc::vec::Vec;
use nvo3_nva_proto::{Address, Answer, Message, MoveId, RecordNo, TsiKey};

impl Nva {
    /// The record that a message to an NVE rests on. What is older than that record is durable or does not matter to the message.
    pub(super) fn rests_on(&self, message: &Message) -> RecordNo {
        let undurable = &self.undurable;
        let about = |vn, mac| undurable.about(vn, Address::Mac(mac));
        match message {
            Message::Response(response) => {
                let asked = undurable.about(response.vn, response.address);
                match &response.answer {
                    Answer::Found(mapping) => asked.max(about(response.vn, mapping.mac)),
                    Answer::NotFound | Answer::Prohibited => asked,
                }
            }
            Message::Update(update) => {
                let mappings = update.mappings.iter().map(|mapping| about(update.vn, mapping.mac)).max();
                let members = update.members.as_ref().map(|_| undurable.about_vn(update.vn));
                mappings.max(members).unwrap_or_default().max(update.upto)
            }
            Message::RegistrationReply(reply) => {
                reply.tsis.iter().map(|tsi| about(reply.vn, tsi.mac)).max().unwrap_or_default()
            }
            Message::DeregisterReply(reply) => {
                reply.tsis.iter().map(|tsi| about(reply.vn, tsi.mac)).max().unwrap_or_default()
            }
            Message::Prepare(prepare) => undurable.about_tsis(prepare.tsis.iter().map(|tsi| &tsi.key)),
            Message::Outcome(outcome) => undurable.about_tsis(&outcome.tsis),
            Message::Revoke(word) | Message::Suspended(word) => self.rests_on_move(word.move_id),
            Message::Done(done) => self.rests_on_move(done.move_id),
            _ => self.journal.last(),
        }
    }

    /// The newest record about a move's TSIs that is not durable.
    pub(super) fn rests_on_move(&self, id: MoveId) -> RecordNo {
        self.facts.book().plan(id).map_or(RecordNo(0), |plan| self.undurable.about_tsis(&plan.tsis))
    }

    /// The TSIs that a message of an NVE is about.
    pub(super) fn named(&self, message: &Message) -> Vec<TsiKey> {
        let of_move = |id| self.facts.book().plan(id).map(|plan| plan.tsis.clone()).unwrap_or_default();
        let key = |vn, mac| TsiKey { vn, mac };
        match message {
            Message::RegistrationRequest(request) => {
                request.claims.iter().map(|claim| key(request.vn, claim.mac)).collect()
            }
            Message::Deregister(request) => request.tsis.iter().map(|tsi| key(request.vn, tsi.mac)).collect(),
            Message::Restate(restate) => restate.tsis.iter().map(|tsi| key(restate.vn, tsi.mac)).collect(),
            Message::Ready(ready) => of_move(ready.move_id),
            Message::Suspended(word) | Message::Activated(word) | Message::Resumed(word) | Message::Revoked(word) => {
                of_move(word.move_id)
            }
            _ => Vec::new(),
        }
    }

    /// Tells management about an event, once the record that it rests on is durable.
    pub(super) fn tell(&mut self, event: Event) {
        let after = match &event {
            Event::Refused { id, .. }
            | Event::Move { id, .. }
            | Event::MaySuspend(id)
            | Event::Ended { id, .. }
            | Event::Converged { id, .. }
            | Event::NotFollowed { id, .. } => self.rests_on_move(*id),
            Event::Duplicate(key)
            | Event::TakenUp { key, .. }
            | Event::Omitted { key, .. }
            | Event::Contested { key, .. } => self.undurable.about_tsis([key]),
            Event::DidNotYield { id, .. } => self.rests_on_move(*id),
            Event::Rewound { .. } => self.journal.last(),
            _ => RecordNo(0),
        };
        self.tell_after(after, event);
    }

    /// As [`Nva::tell`], for an event that rests on this record.
    pub(super) fn tell_after(&mut self, after: RecordNo, event: Event) {
        if !self.events.tell(after, self.journal.durable(), event) {
            self.counters.shed_events += 1;
        }
    }
}
