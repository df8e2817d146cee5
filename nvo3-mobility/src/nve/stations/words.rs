//! The hypervisor's inputs about a VM, and the registration request for a VM.

use super::effects::Effect;
use super::rules::{News, Sign, State};
use super::{Stations, station::Station};
use crate::nve::io::Error;
use crate::nve::orders::{Orders, Row};
use alloc::vec::Vec;
use nvo3_nva_proto::{Claim, Instant, MoveId, MoveKind, NveId, TsiKey, Version};

impl Stations {
    /// Checks *Activate*. False if it is a repetition that changes nothing.
    ///
    /// # Errors
    /// The VM may not run here: it has no port, or the NVE is not prepared for the move.
    pub(crate) fn may_run(&self, key: TsiKey, move_id: Option<MoveId>) -> Result<bool, Error> {
        let station = self.station(key)?;
        if station.vap.is_none() {
            return Err(Error::NoPort(key));
        }
        let Some(move_id) = move_id else { return Ok(true) };
        // A repetition, or the VM's own frames activated the move before and it is committed.
        if station.brought_by == Some(move_id) {
            return Ok(false);
        }
        let state = station.tsi.state;
        if state.may_run_for(move_id) {
            Ok(true)
        } else {
            Err(Error::NotPrepared { key, move_id, state: state.summary() })
        }
    }

    /// True if the move took the VM away already and is committed.
    ///
    /// # Errors
    /// The TSI is not known here.
    pub(crate) fn was_taken_by(&self, key: TsiKey, move_id: MoveId) -> Result<bool, Error> {
        Ok(self.station(key)?.taken_by == Some(move_id))
    }

    /// Notes the time at which the VM stopped for the move, if known: frames delivered since then are tunnelled after the VM.
    pub(crate) fn note_stop(&mut self, key: TsiKey, move_id: MoveId, stopped_at: Option<Instant>) {
        let tsis = self.moves.get(move_id).map(|found| found.tsis.as_slice()).unwrap_or_default();
        for tsi in tsis.iter().chain([&key]) {
            // In a later state the tunnel is in force, and the replay has been ordered.
            if let Some(station) = self.tsis.get_mut(tsi)
                && matches!(station.tsi.state, State::Suspending(_))
            {
                station.stopped_at = stopped_at.or(station.stopped_at);
            }
        }
    }

    /// Handles *Suspend* after the move that took the VM away has ended: the frames that the VM did not read here are sent after it.
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

    /// The session is lost: from now on moves may end without this NVE.
    pub(crate) fn go_on_alone(&mut self, orders: &mut Orders) {
        for (key, station) in &mut self.tsis {
            if station.go_on_alone() {
                orders.mark(Row::Tsi(*key));
            }
        }
    }

    /// The claim of a TSI that waits for its registration, after the NVA's last statement with this version, which named the NVE `old`.
    pub(crate) fn claim(&self, key: TsiKey, version: Version, old: Option<NveId>) -> Option<Claim> {
        let station = self.tsis.get(&key)?;
        let by_word = match station.tsi.state {
            State::Claiming { sign, .. } => sign == Sign::Word,
            // That an address is free now is nobody's word.
            State::Here | State::Halted { .. } => station.contested.ips.is_empty(),
            _ => return None,
        };
        let is_remote = old.is_some_and(|nve| nve != self.place.nve);
        let kind = if is_remote { MoveKind::Failover } else { MoveKind::Cold };
        // The NVA refuses a claim that comes after the mapping has changed, because it may be out of date.
        let expected = Some(version.max(station.tsi.floor));
        let ips = station.ips.iter().chain(&station.contested.ips).take(self.limits.ips_per_tsi).copied().collect();
        Some(Claim { mac: key.mac, kind, by_word, old, expected, ips, role: station.role })
    }

    fn station(&self, key: TsiKey) -> Result<&Station, Error> {
        self.tsis.get(&key).ok_or(Error::UnknownTsi(key))
    }
}
