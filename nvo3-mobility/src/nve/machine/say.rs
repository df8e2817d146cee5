//! What this NVE says to the NVA when the session has room for it, from the state of now.

use super::Nve;
use crate::nve::backlog::Stage;
use crate::nve::mappings::Room;
use crate::nve::rules::Input;
use crate::nve::stations::Standing;
use crate::table::VapId;
use alloc::vec::Vec;
use nvo3_nva_proto::{Address, Claim, Lifetime, Message, Query, RegistrationRequest, Restate, TsiKey};
use nvo3_wire::Vni;

/// The most TSIs that are looked at for one message.
const TSIS: usize = 64;
/// The most VNs, and the most addresses, in one message.
const NAMES: usize = 96;

impl Nve {
    /// A new session is up: everything that rests here or has no answer is said in it.
    pub(super) fn begin_session(&mut self, epoch: u32) {
        let queries: Vec<_> = self.mappings.unanswered().into_iter().map(|(vn, address, _)| (vn, address)).collect();
        self.backlog.begin(self.link.leaving(), queries);
        self.mappings.begin_session(epoch);
    }

    /// True if the session has room for something that waits.
    pub(super) fn can_say(&self) -> bool {
        (self.backlog.has_urgent() && self.link.has_room())
            || (self.backlog.has_bulk() && self.link.has_room_for_bulk())
            || (self.backlog.has_queries() && self.link.has_room_for_queries())
    }

    /// Says what waits, as far as the session has room.
    pub(super) fn say_what_waits(&mut self) {
        while self.link.has_room()
            && let Some(key) = self.backlog.pop_again()
        {
            self.step_if_it_fits(key, Input::Again);
        }
        while self.link.has_room_for_bulk() && self.backlog.has_bulk() {
            self.say_bulk();
        }
        while self.link.has_room_for_queries()
            && let Some((vn, address)) = self.backlog.pop_query()
        {
            if let Some(transaction) = self.mappings.transaction(vn, address) {
                self.link.send_query(transaction, &Message::Query(Query { vn, address }), &mut self.counters);
            }
        }
    }

    /// Says one part: registrations and withdrawals first, then what the session begins with.
    fn say_bulk(&mut self) {
        if let Some((vn, keys)) = self.backlog.pop_leaving(TSIS) {
            let departure = self.link.departure(vn, &keys);
            for part in departure.split() {
                self.request(&Message::Deregister(part));
            }
        } else if let Some((vn, keys)) = self.backlog.pop_claims(TSIS) {
            self.say_claims(vn, &keys);
        } else if let Some(vn) = self.backlog.pop_vn() {
            self.say_subscription(vn);
        } else {
            self.say_stage();
        }
    }

    /// Sends a request. Gives its transaction.
    fn request(&mut self, message: &Message) -> u32 {
        let transaction = self.link.next_transaction();
        self.link.send_bulk(transaction, message, &mut self.counters);
        transaction
    }

    fn say_claims(&mut self, vn: Vni, keys: &[TsiKey]) {
        let (waiting, keys): (Vec<_>, Vec<_>) = keys.iter().copied().partition(|key| self.is_recalling(key));
        waiting.into_iter().for_each(|key| self.backlog.hold(key));
        let claim = |key: &TsiKey| {
            let (version, place) = self.mappings.get(key).unwrap_or_default();
            self.stations.suppose_role(key, self.mappings.role(key));
            self.stations.claim(*key, version, place.map(|place| place.nve))
        };
        let claims: Vec<Claim> = keys.iter().filter_map(claim).collect();
        if claims.is_empty() {
            return;
        }
        for part in
            (RegistrationRequest { vn, lifetime: Lifetime::new(self.config.registration_lifetime), claims }).split()
        {
            let keys: Vec<_> = part.claims.iter().map(|claim| TsiKey { vn, mac: claim.mac }).collect();
            let transaction = self.request(&Message::RegistrationRequest(part));
            keys.iter().for_each(|key| self.stations.claimed(key, transaction));
        }
    }

    /// Says that a VN is subscribed to, and asks for its mappings; or that the subscription has ended.
    fn say_subscription(&mut self, vn: Vni) {
        if !self.mappings.is_subscribed(vn) {
            self.link.send_bulk(0, &Message::Unsubscribe(vn), &mut self.counters);
            return;
        }
        self.link.send_bulk(0, &Message::Subscribe(vn), &mut self.counters);
        // Until then the session's own Resync asks for it.
        if !matches!(self.backlog.stage(), Stage::Tsis { .. }) {
            let transaction = self.link.next_transaction();
            let resync = self.mappings.ask_for(vn, transaction);
            self.link.send_bulk(transaction, &Message::Resync(resync), &mut self.counters);
        }
    }

    /// Says the next part of what a session begins with.
    fn say_stage(&mut self) {
        match self.backlog.stage() {
            Stage::Done => {}
            Stage::Tsis { after } => self.restate(after),
            Stage::Subscriptions { after, transaction } => {
                let (resync, last) = self.mappings.resync_subscriptions(after, NAMES, transaction);
                let next = match last {
                    Some(vn) => Stage::Subscriptions { after: Some(vn), transaction },
                    None => Stage::Interest { after: None, transaction },
                };
                self.backlog.set_stage(next);
                if let Some(resync) = resync {
                    self.link.send_bulk(transaction, &Message::Resync(resync), &mut self.counters);
                }
            }
            Stage::Interest { after, transaction } => {
                let (resync, last) = self.mappings.resync_interest(after, NAMES);
                let next = last.map_or(Stage::Done, |key| Stage::Interest { after: Some(key), transaction });
                self.backlog.set_stage(next);
                for part in resync.split() {
                    self.link.send_bulk(transaction, &Message::Resync(part), &mut self.counters);
                }
            }
        }
    }

    /// Restates the next TSIs: each that rests here, each move in hand, and each registration without an answer.
    fn restate(&mut self, after: Option<TsiKey>) {
        let standing = self.stations.standing(after, TSIS);
        let Some(last) = standing.last().map(|(key, _)| *key) else {
            let transaction = self.link.next_transaction();
            self.backlog.set_stage(Stage::Subscriptions { after: None, transaction });
            let complete = Restate { vn: Vni::MIN, more: false, tsis: Vec::new() };
            return self.link.send_bulk(0, &Message::Restate(complete), &mut self.counters);
        };
        let (mut resting, mut upto) = (Vec::new(), last);
        for (key, what) in standing {
            match what {
                Standing::Rests(rests) => {
                    if resting.first().is_some_and(|(vn, _)| *vn != key.vn) {
                        break;
                    }
                    resting.push((key.vn, rests));
                    self.stations.said(&key);
                }
                Standing::Moves(said) => {
                    if let Some(said) = said {
                        self.link.send_bulk(0, &Message::RestateMove(said), &mut self.counters);
                    }
                    self.step_if_it_fits(key, Input::Again);
                }
                Standing::Claims => self.backlog.claim(key),
                Standing::Nothing => {}
            }
            upto = key;
        }
        self.backlog.set_stage(Stage::Tsis { after: Some(upto) });
        let Some((vn, _)) = resting.first() else { return };
        let restate = Restate { vn: *vn, more: true, tsis: resting.into_iter().map(|(_, tsi)| tsi).collect() };
        for part in restate.split() {
            self.link.send_bulk(0, &Message::Restate(part), &mut self.counters);
        }
    }

    /// Queries the NVA for an address, because of a frame of this port or for another reason. There is at most one open query per
    /// address (VMM-4.2-10), and one that is sent again keeps its transaction number (DIR-04). False if there is none and no room for one.
    pub(super) fn ask(&mut self, vn: Vni, address: Address, vap: Option<VapId>) -> bool {
        match self.mappings.room_for_query(vn, address, vap) {
            Room::Free => {
                let transaction = self.link.next_transaction();
                self.mappings.asked(vn, address, vap, transaction);
                self.backlog.query(vn, address);
                self.counters.queries += 1;
            }
            Room::Asked => {}
            Room::Full => {
                self.counters.shed_queries += 1;
                return false;
            }
            Room::NoShare(vap) => {
                self.no_share(vap);
                return false;
            }
        }
        true
    }
}
