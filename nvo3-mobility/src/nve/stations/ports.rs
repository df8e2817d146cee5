//! The ports, with the MACs and addresses that are bound to them. A frame with another source is dropped (VMM-10-02).

use super::Stations;
use super::fairness::PortLimits;
use super::learned::Learned;
use super::rules::{self, Input, State};
use super::station::Station;
use crate::nve::io::{Error, Event};
use crate::nve::orders::{Orders, Row};
use crate::table::{Binding, Port, PortPolicy, VapId};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, Tsi, TsiKey};
use nvo3_wire::{Ipv6, Mac, Vni};

/// A port with the TSIs that may be behind it.
#[derive(Clone, Debug)]
pub(super) struct Attached {
    pub(super) vn: Vni,
    /// The TSIs that are bound to the port, without those that it shares.
    pub(super) tsis: Vec<TsiKey>,
    policy: PortPolicy,
    /// The TSIs that were learned at the port.
    pub(super) learned: BTreeSet<TsiKey>,
    alarmed: Option<Instant>,
    pub(super) limits: PortLimits,
}

/// What a port lost or changed when it was attached again.
#[derive(Debug)]
pub(crate) struct Reattached {
    pub(crate) dropped: Vec<TsiKey>,
    pub(crate) changed: Vec<TsiKey>,
}

impl Attached {
    pub(super) const fn policy(&self) -> &PortPolicy {
        &self.policy
    }

    /// True if TSIs are learned at the port.
    pub(super) const fn learns_tsis(&self) -> bool {
        self.policy.trusted && self.policy.learn_macs > 0
    }
}

impl Stations {
    /// Attaches a port with these TSIs behind it, in place of an older port of this number. Gives the TSIs that were behind that and are
    /// not any more, and those with other addresses than before.
    pub(crate) fn attach(
        &mut self,
        now: Instant,
        vap: VapId,
        vn: Vni,
        tsis: Vec<Tsi>,
        policy: PortPolicy,
        orders: &mut Orders,
    ) -> Result<Reattached, Error> {
        let learns = policy.learn_addresses > 0;
        let shares =
            |key: &TsiKey| key.mac.is_virtual_router() && policy.shared.iter().any(|shared| shared.mac == key.mac);
        tsis.iter().try_for_each(|tsi| self.fits((!shares(&tsi.key)).then_some(vap), vn, tsi, learns))?;
        self.shared_fits(vn, &tsis, &policy)?;
        let new = tsis.iter().filter(|tsi| !self.tsis.contains_key(&tsi.key)).count();
        if self.ports.len() >= self.limits.ports && !self.ports.contains_key(&vap) {
            return Err(Error::Full("NveConfig.ports"));
        }
        if !self.make_room(new) {
            return Err(Error::Full("NveConfig.tsis"));
        }
        let keys: Vec<TsiKey> = tsis.iter().map(|tsi| tsi.key).filter(|key| !shares(key)).collect();
        let limits = self.ports.get(&vap).map(|port| port.limits).unwrap_or_default();
        let before = self.behind(vap).unwrap_or_default();
        let learned = self.ports.get(&vap).map(|port| port.learned.clone()).unwrap_or_default();
        let mut attached = Attached { vn, tsis: keys, policy, learned: BTreeSet::new(), alarmed: None, limits };
        if attached.learns_tsis() {
            attached.learned = learned.into_iter().filter(|key| key.vn == vn && !attached.tsis.contains(key)).collect();
        }
        let stays = |key: &TsiKey| {
            attached.tsis.contains(key) || attached.learned.contains(key) || attached.shared(key).is_some()
        };
        let dropped: Vec<TsiKey> = before.into_iter().filter(|key| !stays(key)).collect();
        if let Some(kept) = dropped.iter().find(|key| rules::step(self.state(key), Input::Detach).is_none()) {
            return Err(Error::out_of_place(*kept, &self.state(kept).state, &Input::Detach));
        }
        self.forget_announcing(vap);
        if attached.policy.announce {
            self.announcing_ports.insert((vn, vap));
        }
        self.ports.insert(vap, attached);
        orders.mark(Row::Port(vap));
        let changed = tsis.into_iter().filter_map(|tsi| self.bind(now, vap, tsi, learns, orders)).collect();
        self.bind_coming(now, vap, orders);
        Ok(Reattached { dropped, changed })
    }

    /// Checks a TSI for a port. `only`: no other port than this one may have it.
    fn fits(&self, only: Option<VapId>, vn: Vni, tsi: &Tsi, learns: bool) -> Result<(), Error> {
        if (tsi.ips.is_empty() && !learns) || tsi.key.vn != vn || tsi.key.mac.is_group() {
            return Err(Error::Malformed(tsi.key));
        }
        if tsi.ips.len() > self.limits.ips_per_tsi {
            return Err(Error::Full("NveConfig.ips_per_tsi"));
        }
        let bound = self.tsis.get(&tsi.key).and_then(|station| station.vap);
        let taken = only.is_some_and(|vap| bound.is_some_and(|other| other != vap));
        if taken { Err(Error::Taken(tsi.key)) } else { Ok(()) }
    }

    /// Binds a TSI to a port. Gives the TSI if its VM may be here under other addresses, or in another role.
    pub(super) fn bind(
        &mut self,
        now: Instant,
        vap: VapId,
        tsi: Tsi,
        learns: bool,
        orders: &mut Orders,
    ) -> Option<TsiKey> {
        let Tsi { key, mut ips, role } = tsi;
        let kept = self.learned_before(now, vap, &key, &ips);
        if learns || !kept.is_empty() {
            ips.extend(kept);
            ips.truncate(self.limits.ips_per_tsi);
            self.watch(now, key);
        } else {
            self.forget_learned(key);
        }
        for ip in self.ips(&key).unwrap_or_default().to_vec() {
            self.local_ips.remove(&(key.vn, ip, key.mac));
        }
        // They are claimed at once, and a claim under way may name those that are not listed any more.
        let again = self.tsis.get(&key).is_some_and(|station| !station.contested.ips.is_empty());
        self.keep_contested(&key, &ips);
        if let Some(station) = self.tsis.get(&key) {
            ips.retain(|ip| !station.contested.ips.contains(ip));
        }
        for ip in &ips {
            self.local_ips.insert((key.vn, *ip, key.mac), vap);
        }
        let station = self.station_mut(key);
        let role = role.or(station.role);
        let is_away = station.tsi.state == State::Away;
        let changed = ((&station.ips, station.role) != (&ips, role) || again) && !is_away;
        station.vap = Some(vap);
        station.learned.itself = false;
        (station.ips, station.role) = (ips, role);
        station.readdressed |= changed;
        orders.mark(Row::Tsi(key));
        changed.then_some(key)
    }

    /// True if the VM of a TSI is here under addresses, or in a role, that the NVA was not told. That is said once.
    pub(crate) fn take_readdressed(&mut self, key: &TsiKey) -> bool {
        let station =
            self.tsis.get_mut(key).filter(|station| matches!(station.tsi.state, State::Here | State::Halted { .. }));
        station.is_some_and(|station| core::mem::take(&mut station.readdressed))
    }

    /// The addresses that a TSI keeps at a port besides its own: those that it has learned, or had where it comes from.
    fn learned_before(&mut self, now: Instant, vap: VapId, key: &TsiKey, own: &[IpAddr]) -> Vec<IpAddr> {
        let Some(station) = self.tsis.get(key) else { return Vec::new() };
        let comes = station.vap.is_none() && station.tsi.state != State::Away;
        let known = if comes { station.ips.clone() } else { Vec::new() };
        let known: Vec<IpAddr> =
            station.learned.iter().chain(known).filter(|ip| self.may_keep(vap, key, *ip)).collect();
        let Some(station) = self.tsis.get_mut(key) else { return Vec::new() };
        station.learned.addresses.retain(|address| known.contains(&address.ip));
        station.learned.take_over(now, &known, own);
        station.learned.iter().collect()
    }

    /// True if a TSI that comes to a port keeps an address that is not bound to it there. In a move it keeps what it has.
    pub(super) fn may_keep(&self, vap: VapId, key: &TsiKey, ip: IpAddr) -> bool {
        self.may_learn_at(vap) || self.floats(vap, key, ip) || self.state(key).state.plan().is_some()
    }

    fn may_learn_at(&self, vap: VapId) -> bool {
        self.ports.get(&vap).is_some_and(|port| port.policy().learn_addresses > 0)
    }

    /// The addresses of a TSI that its port neither lists nor lets it learn or share.
    pub(crate) fn unlisted(&self, key: &TsiKey) -> Vec<IpAddr> {
        let Some(station) = self.tsis.get(key) else { return Vec::new() };
        let Some(vap) = station.vap.filter(|vap| !self.may_learn_at(*vap)) else { return Vec::new() };
        station.learned.iter().filter(|ip| !self.floats(vap, key, *ip)).collect()
    }

    /// Removes a TSI from its port.
    pub(crate) fn unbind(&mut self, key: TsiKey, orders: &mut Orders) {
        self.forget_learned(key);
        self.keep_contested(&key, &[]);
        let Some(station) = self.tsis.get_mut(&key) else { return };
        (station.vap, station.wanted) = (None, false);
        for ip in &station.ips {
            self.local_ips.remove(&(key.vn, *ip, key.mac));
        }
        orders.mark(Row::Tsi(key));
    }

    pub(super) fn forget_learned(&mut self, key: TsiKey) {
        self.unwatch(key);
        let Some(station) = self.tsis.get_mut(&key) else { return };
        if station.learned.itself
            && let Some(port) = station.vap.and_then(|vap| self.ports.get_mut(&vap))
        {
            port.learned.remove(&key);
        }
        station.learned = Learned::new();
    }

    /// The TSIs that may be behind a port.
    pub(crate) fn behind(&self, vap: VapId) -> Result<Vec<TsiKey>, Error> {
        let attached = self.ports.get(&vap).ok_or(Error::UnknownPort(vap))?;
        let shared = attached.policy.shared.iter().map(|shared| TsiKey { vn: attached.vn, mac: shared.mac });
        let held = shared.filter(|key| key.mac.is_virtual_router() && self.is_behind(vap, key));
        Ok(attached.tsis.iter().chain(&attached.learned).copied().chain(held).collect())
    }

    /// Removes a port that no TSI is bound to.
    pub(crate) fn remove_port(&mut self, vap: VapId, orders: &mut Orders) {
        self.forget_announcing(vap);
        self.ports.remove(&vap);
        orders.mark(Row::Port(vap));
    }

    fn forget_announcing(&mut self, vap: VapId) {
        if let Some(port) = self.ports.get(&vap) {
            self.announcing_ports.remove(&(port.vn, vap));
        }
    }

    /// The table row of a port.
    pub(crate) fn port(&self, vap: VapId) -> Option<Port> {
        let attached = self.ports.get(&vap)?;
        let ips = |key: &TsiKey| self.ips(key).unwrap_or_default().to_vec();
        let own = attached.tsis.iter().map(|key| Binding { mac: key.mac, ips: ips(key) });
        let bindings = own.chain(self.shared_bindings(attached)).collect();
        Some(Port { vn: attached.vn, policy: attached.policy.clone(), bindings })
    }

    /// The VN and the policy of a port.
    #[inline]
    pub(crate) fn ingress(&self, vap: VapId) -> Option<(Vni, &PortPolicy)> {
        self.ports.get(&vap).map(|attached| (attached.vn, &attached.policy))
    }

    /// True if the TSI is behind this port.
    #[inline]
    pub(crate) fn is_behind(&self, vap: VapId, key: &TsiKey) -> bool {
        self.tsis.get(key).is_some_and(|station| station.vap == Some(vap))
    }

    /// True if the TSI is behind a port of this NVE.
    pub(crate) fn is_attached(&self, key: &TsiKey) -> bool {
        self.tsis.get(key).is_some_and(|station| station.vap.is_some())
    }

    /// True if the MAC of `key`, and the address if there is one, are bound to the port (VMM-10-02). The link-local address that
    /// the MAC gives is bound with the MAC.
    #[inline]
    pub(crate) fn is_bound(&self, vap: VapId, key: &TsiKey, ip: Option<IpAddr>) -> bool {
        let own = |ip| ip == IpAddr::V6(Ipv6::link_local(key.mac).addr());
        let holds = |station: &Station| ip.is_none_or(|ip| station.ips.contains(&ip) || own(ip));
        self.tsis.get(key).is_some_and(|station| station.vap == Some(vap) && holds(station))
            || self.may_send_shared(vap, key, ip)
    }

    /// A station claimed an address that is not bound to it. Gives the event for the owner, at most once per interval and port.
    pub(crate) fn alarm(&mut self, now: Instant, vap: VapId, mac: Mac, ip: Option<IpAddr>) -> Option<Event> {
        let attached = self.ports.get_mut(&vap)?;
        let due = attached.alarmed.is_none_or(|at| now - at >= self.alarm_interval);
        due.then(|| {
            attached.alarmed = Some(now);
            Event::Spoofed { vap, mac, ip }
        })
    }
}
