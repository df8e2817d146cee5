//! What each TSI of this NVE says at the beginning of a session.

use super::Stations;
use super::rules::State;
use alloc::vec::Vec;
use nvo3_nva_proto::{MoveId, PartyState, RestateMove, Resting, Side, Tsi, TsiKey};

/// What a TSI says at the beginning of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Its registration was accepted.
    Rests(Resting),
    /// It takes part in a move. The first TSI of the move says the move.
    Moves(Option<RestateMove>),
    /// Its registration has no answer.
    Claims,
    /// Nothing: its VM is not here.
    Nothing,
}

impl Stations {
    /// The next TSIs in order, after `after` if it is given; at most `most`.
    pub(crate) fn standing(&self, after: Option<TsiKey>, most: usize) -> Vec<(TsiKey, Standing)> {
        use core::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.tsis.range((from, Unbounded)).take(most).map(|(key, station)| (*key, self.stands(key, station))).collect()
    }

    fn stands(&self, key: &TsiKey, station: &super::Station) -> Standing {
        let (side, party) = match &station.tsi.state {
            State::Away | State::Forwarding { .. } => return Standing::Nothing,
            State::Claiming { .. } => return Standing::Claims,
            State::Here | State::Halted { .. } => {
                let (version, ips, role) = (station.tsi.floor, station.ips.clone(), station.role);
                return Standing::Rests(Resting { mac: key.mac, version, ips, role });
            }
            State::Leaving(_) | State::Confirming(_) | State::Resuming(_) => (Side::Old, PartyState::Runs),
            State::Suspending(_) | State::Vacating(_) | State::Suspended(_) | State::Vacated(_) => {
                (Side::Old, PartyState::Stopped)
            }
            State::Installing(_) | State::Prepared(_) | State::Holding(_) => (Side::New, PartyState::Stopped),
            State::Activating(_) | State::Active(_) => (Side::New, PartyState::Runs),
            State::Revoked(_) => (Side::New, PartyState::Revoked),
        };
        Standing::Moves(station.move_id().and_then(|id| self.restated(id, key, side, party)))
    }

    /// The move of a TSI, if it is the first of the move's TSIs.
    fn restated(&self, move_id: MoveId, key: &TsiKey, side: Side, party: PartyState) -> Option<RestateMove> {
        let plan = self.plan(move_id)?;
        let keys = self.in_move(move_id);
        if keys.iter().min() != Some(key) {
            return None;
        }
        let tsi = |key: &TsiKey| Some(Tsi { key: *key, ips: self.ips(key)?.to_vec(), role: self.role(key) });
        let tsis = keys.iter().filter_map(tsi).collect();
        Some(RestateMove { move_id, version: plan.version, side, party, peer: plan.peer.nve, tsis })
    }
}
