//! Addresses that several ports share: virtual routers' MACs with their IP addresses (VRRP, RFC 9568). Where VMs share an address under
//! their own MACs, see [`floating`](super::floating).
//!
//! A shared address is a TSI of its own. It is bound to no port until one that shares it announces it, and to none again when it is
//! elsewhere. Who announces it last has it. The VM that had it before is not asked: it runs on, and a probe would find it. So the NVA
//! takes the claim at once, and counts no duplicate. Until another port announces it, the TSI is as any other: it is registered,
//! restated and moved.

use super::Stations;
use super::ports::Attached;
use super::rules::State;
use crate::nve::io::Error;
use crate::nve::orders::Orders;
use crate::table::{Binding, PortPolicy, VapId};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, MoveId, Role, Tsi, TsiKey};
use nvo3_wire::{Ipv6, Mac, Vni};

/// What an announcement of a shared address changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The port does not share the address, or a move has the TSI in hand.
    No,
    /// The TSI is behind the port, as it was or from now on.
    Here,
    /// The TSI runs here, and is behind this port instead of another one of this NVE.
    FromOtherPort,
    /// There is no room for one more TSI.
    Full,
}

impl Attached {
    pub(super) fn shared(&self, key: &TsiKey) -> Option<&Binding> {
        self.shares_by(key).filter(|shared| shared.mac.is_virtual_router())
    }

    /// What the port shares under the MAC of this TSI, which is a virtual router's or the VM's own.
    pub(super) fn shares_by(&self, key: &TsiKey) -> Option<&Binding> {
        self.policy().shared.iter().find(|shared| shared.mac == key.mac && self.vn == key.vn)
    }
}

impl Stations {
    pub(super) fn shared_fits(&self, vn: Vni, tsis: &[Tsi], policy: &PortPolicy) -> Result<(), Error> {
        for Binding { mac, ips } in &policy.shared {
            let own = tsis.iter().find(|tsi| tsi.key.mac == *mac && !mac.is_virtual_router());
            let is_known = mac.is_virtual_router() || own.is_some_and(|tsi| !ips.iter().any(|ip| tsi.ips.contains(ip)));
            if !is_known || ips.is_empty() {
                return Err(Error::Malformed(TsiKey { vn, mac: *mac }));
            }
            if ips.len() > self.limits.ips_per_tsi {
                return Err(Error::Full("NveConfig.ips_per_tsi"));
            }
        }
        Ok(())
    }

    fn shared(&self, vap: VapId, key: &TsiKey) -> Option<&Binding> {
        self.ports.get(&vap)?.shared(key)
    }

    /// True if the port shares the MAC of this TSI.
    #[inline]
    pub(super) fn is_shared_at(&self, vap: VapId, key: &TsiKey) -> bool {
        self.shared(vap, key).is_some()
    }

    /// True if the port may send with this MAC and address because it shares one of them. A master sends its advertisements from the
    /// virtual router's MAC and from an address of its own (RFC 9568 §5.1.1.1), also before it has the shared address. A host may answer
    /// for the shared address from its own MAC.
    pub(super) fn may_send_shared(&self, vap: VapId, key: &TsiKey, ip: Option<IpAddr>) -> bool {
        let Some(port) = self.ports.get(&vap).filter(|port| !port.policy().shared.is_empty()) else { return false };
        let is_there = port.shared(key).is_some() || (port.vn == key.vn && port.tsis.contains(key));
        is_there && ip.is_none_or(|ip| self.common(port).any(|common| common == ip))
    }

    /// What a port that shares addresses may send.
    pub(super) fn shared_bindings(&self, port: &Attached) -> impl Iterator<Item = Binding> {
        let shares = !port.policy().shared.is_empty();
        Self::macs(port).filter(move |_| shares).map(|mac| Binding { mac, ips: self.common(port).collect() })
    }

    /// The addresses that each MAC of a port may send with if the port shares one.
    fn common(&self, port: &Attached) -> impl Iterator<Item = IpAddr> {
        let shared = port.policy().shared.iter().flat_map(|shared| shared.ips.iter().copied());
        let own = port.tsis.iter().flat_map(|key| self.ips(key).unwrap_or_default().iter().copied());
        shared.chain(own).chain(Self::macs(port).map(|mac| IpAddr::V6(Ipv6::link_local(mac).addr())))
    }

    fn macs(port: &Attached) -> impl Iterator<Item = Mac> {
        let virtual_routers = port.policy().shared.iter().map(|shared| shared.mac).filter(Mac::is_virtual_router);
        port.tsis.iter().map(|key| key.mac).chain(virtual_routers)
    }

    /// A port announced that a MAC has an address.
    pub(crate) fn take_shared(
        &mut self,
        now: Instant,
        vap: VapId,
        key: TsiKey,
        ip: IpAddr,
        orders: &mut Orders,
    ) -> Taken {
        let Some(ips) = self.shared(vap, &key).map(|shared| shared.ips.clone()).filter(|ips| ips.contains(&ip)) else {
            return Taken::No;
        };
        let state = self.state(&key).state;
        let before = self.tsis.get(&key).and_then(|station| station.vap);
        if before == Some(vap) {
            return Taken::Here;
        }
        if state.plan().is_some() {
            return Taken::No;
        }
        if !self.tsis.contains_key(&key) && !self.make_room(1) {
            return Taken::Full;
        }
        self.bind(now, vap, Tsi { key, ips, role: Role::Unknown }, false, orders);
        if state == State::Here { Taken::FromOtherPort } else { Taken::Here }
    }

    /// A shared address, or a TSI that was learned, is elsewhere or nowhere: it is behind no port of this NVE.
    pub(super) fn let_go(&mut self, key: TsiKey, orders: &mut Orders) {
        let Some(station) = self.tsis.get(&key) else { return };
        if station.learned.itself || station.vap.is_some_and(|vap| self.is_shared_at(vap, &key)) {
            self.unbind(key, orders);
        }
    }

    /// Binds the shared addresses and the learned TSIs that come by a move to the port of a TSI that comes with them.
    pub(super) fn bind_coming_in(&mut self, now: Instant, id: MoveId, orders: &mut Orders) {
        for vap in self.in_move(id).iter().filter_map(|key| self.tsis.get(key)?.vap).collect::<Vec<_>>() {
            self.bind_coming_by(now, id, vap, orders);
        }
    }

    /// As [`Stations::bind_coming_in`], for a port that is attached after the new NVE was prepared.
    pub(super) fn bind_coming(&mut self, now: Instant, vap: VapId, orders: &mut Orders) {
        let tsis = self.ports.get(&vap).map(|port| port.tsis.clone()).unwrap_or_default();
        for id in tsis.iter().filter_map(|key| self.tsis.get(key)?.move_id()).collect::<Vec<_>>() {
            self.bind_coming_by(now, id, vap, orders);
        }
    }

    fn bind_coming_by(&mut self, now: Instant, id: MoveId, vap: VapId, orders: &mut Orders) {
        for key in self.in_move(id) {
            let Some(station) = self.tsis.get(&key).filter(|station| station.vap.is_none()) else { continue };
            let Some(port) = self.ports.get(&vap).filter(|port| port.vn == key.vn) else { return };
            if let Some(ips) = port.shared(&key).map(|shared| shared.ips.clone()) {
                self.bind(now, vap, Tsi { key, ips, role: Role::Unknown }, false, orders);
            } else if port.learns_tsis()
                && port.learned.len() < port.policy().learn_macs as usize
                && !key.mac.is_virtual_router()
            {
                let ips = station.ips.clone();
                self.bind_learned(now, vap, key, &ips, orders);
            }
        }
    }
}
