//! What a hypervisor says about a VM, and what a registration request says of it.

use super::effects::Effect;
use super::rules::{News, State};
use super::{Stations, station::Station};
use crate::nve::io::Error;
use crate::nve::orders::{Orders, Row};
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Lifetime, MoveId, MoveKind, NveId, RegistrationRequest, Tsi, TsiKey, Version};

impl Stations {
    /// Whether the word that the VM runs here says something new.
    ///
    /// # Errors
    /// It may not run here: no port, or not prepared for the move.
    pub(crate) fn may_run(&self, key: TsiKey, move_id: Option<MoveId>) -> Result<bool, Error> {
        let station = self.station(key)?;
        if station.vap.is_none() {
            return Err(Error::NoPort(key));
        }
        let Some(move_id) = move_id else { return Ok(true) };
        // Said again, or after the VM's own frames had said it and the move has been committed.
        if station.brought_by == Some(move_id) {
            return Ok(false);
        }
        let state = station.core.state;
        if state.may_run_for(move_id) {
            Ok(true)
        } else {
            Err(Error::NotPrepared { key, move_id, state: state.name() })
        }
    }

    /// Whether the move took the VM away already and is committed.
    ///
    /// # Errors
    /// The TSI is not known here.
    pub(crate) fn was_taken_by(&self, key: TsiKey, move_id: MoveId) -> Result<bool, Error> {
        Ok(self.station(key)?.taken_by == Some(move_id))
    }

    /// The VM stopped for the move at this time, where that is known: what was delivered since is tunnelled after it.
    pub(crate) fn note_stop(&mut self, key: TsiKey, move_id: MoveId, stopped_at: Option<Instant>) {
        let of_move = self.moves.get(move_id).map(|found| found.tsis.as_slice()).unwrap_or_default();
        for tsi in of_move.iter().chain([&key]) {
            // In a later state the tunnel is in force, and what it was to replay has been ordered.
            if let Some(station) = self.tsis.get_mut(tsi)
                && matches!(station.core.state, State::Suspending(_))
            {
                station.stopped_at = stopped_at.or(station.stopped_at);
            }
        }
    }

    /// The same word when the move that took the VM away is over: what the VM did not read here is sent after it.
    pub(crate) fn note_late_stop(
        &mut self,
        move_id: MoveId,
        stopped_at: Option<Instant>,
        orders: &mut Orders,
    ) -> Vec<Effect> {
        let taken = self.tsis.iter_mut().filter(|(_, station)| station.taken_by == Some(move_id));
        taken
            .map(|(key, station)| {
                if station.stopped_at.is_none() && stopped_at.is_some() {
                    station.stopped_at = stopped_at;
                    orders.mark(Row::Tsi(*key));
                }
                Effect::News { key: *key, move_id: Some(move_id), news: News::Suspended }
            })
            .collect()
    }

    /// The session is lost: moves may end without this edge now.
    pub(crate) fn go_on_alone(&mut self, orders: &mut Orders) {
        for (key, station) in &mut self.tsis {
            if station.go_on_alone() {
                orders.mark(Row::Tsi(*key));
            }
        }
    }

    /// What the NVA is asked to register, where its last statement had this version and named this NVE.
    pub(crate) fn request(&self, key: TsiKey, version: Version, old: Option<NveId>) -> Option<RegistrationRequest> {
        let station = self.tsis.get(&key)?;
        let tsi = Tsi { key, ips: station.ips.clone() };
        let elsewhere = old.is_some_and(|nve| nve != self.place.nve);
        let kind = if elsewhere { MoveKind::Failover } else { MoveKind::Cold };
        // A request that comes late, after the mapping has changed, is refused: what it says may not be so any more.
        let expected = Some(version.max(station.core.floor));
        Some(RegistrationRequest { tsi, kind, old, expected, lifetime: Lifetime::SESSION })
    }

    fn station(&self, key: TsiKey) -> Result<&Station, Error> {
        self.tsis.get(&key).ok_or(Error::UnknownTsi(key))
    }
}
