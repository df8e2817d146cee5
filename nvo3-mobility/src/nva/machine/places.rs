//! The places of NVEs: admitted by management, or taken over from a *Hello*.

use super::Nva;
use crate::nva::book::Record;
use crate::nva::io::{Error, Event};
use crate::nva::registrar::Answers;
use alloc::vec::Vec;
use nvo3_nva_proto::{NveId, Place, RegistrationResult, TsiKey};

impl Nva {
    pub(super) fn admit(&mut self, place: Place) -> Result<(), Error> {
        if !self.peers.admit(self.facts.now(), place, self.facts.config().nves as usize) {
            return Err(Error::Full("NvaConfig.nves"));
        }
        let before = self.facts.set_place(place);
        if before.is_some_and(|before| before != place) {
            self.push_place(place.nve);
            self.pump(place.nve);
        }
        Ok(())
    }

    /// An NVE has a session, and its *Hello* named this place.
    pub(super) fn take_over_place(&mut self, place: Place) {
        let Some(before) = self.facts.place(place.nve).filter(|before| *before != place) else { return };
        let most = self.facts.config().nves as usize;
        self.peers.admit(self.facts.now(), place, most);
        self.facts.set_place(place);
        self.counters.readdressed += 1;
        self.tell(Event::Readdressed { nve: place.nve, before: before.locators, now: place.locators });
        self.push_place(place.nve);
    }

    /// The locators of an NVE changed: tells every interested NVE, under a new version of each mapping. A TSI in a move has a new
    /// version when the move ends.
    fn push_place(&mut self, nve: NveId) {
        let at_nve: Vec<TsiKey> = self.facts.book().at_nve(nve, None).collect();
        let mut answers: Option<(nvo3_wire::Vni, Answers)> = None;
        for key in at_nve {
            let book = self.facts.book();
            let Some(tsi) = book.get(&key).map(|registration| registration.tsi(key)) else { continue };
            if book.move_with(&key).is_some() || self.is_full() {
                continue;
            }
            let version = self.record(Record::Registered { tsi, nve });
            if let Some((_, done)) = answers.take_if(|(vn, _)| *vn != key.vn) {
                self.answer_claims(nve, 0, done);
            }
            let (_, answers) = answers.get_or_insert_with(|| (key.vn, Answers::new(key.vn)));
            answers.add(&self.facts, key, RegistrationResult::Accepted, version);
        }
        if let Some((_, answers)) = answers {
            self.answer_claims(nve, 0, answers);
        }
        let lists = self.publish.moved(&self.facts, nve);
        self.send_all(lists);
    }
}
