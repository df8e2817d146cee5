//! What the frames of stations show, where the port's policy allows that: the addresses of a TSI that gets them by DHCP or SLAAC, and the
//! TSIs behind a bridge.
//!
//! A learned address is bound to the MAC of its TSI, and the NVA hears of it as of any change of addresses. The NVA refuses an address that
//! another TSI has. The address is then unlearned, and the TSI learns nothing for a while, so that its frames do not ask at their rate (I12).
//! A learned TSI is bound to its port like any other, and is registered, restated and moved as any other. What is not heard for a while
//! ends: [`aging`](super::aging).

use super::Stations;
use super::rules::State;
use super::station::Station;
use crate::fairness::Limit;
use crate::nve::orders::{Orders, Row};
use crate::table::VapId;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use nvo3_nva_proto::{Instant, Role, Tsi, TsiKey};

/// What the NVA knows of a learned address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    No,
    /// It was told that the TSI has the address, and has not answered.
    Claimed,
    /// The NVA accepted it.
    Yes,
}

/// A learned address, and the time at which the TSI last said that it has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub(super) ip: IpAddr,
    pub(super) known: Known,
    pub(super) heard: Instant,
}

/// What was learned of a TSI.
#[derive(Clone, Debug)]
pub(super) struct Learned {
    pub(super) addresses: Vec<Address>,
    /// The IPv4 address that the TSI's DHCP client asked for last. It may have ended.
    pub(super) lease: Option<IpAddr>,
    /// The time at which an address last ended by the word of a DHCP client.
    pub(super) given_up: Option<Instant>,
    /// True if the TSI itself was learned, and the time at which it was last heard.
    pub(super) itself: bool,
    pub(super) heard: Instant,
    /// The time at which the next part of it may have ended.
    pub(super) due: Option<Instant>,
    /// Nothing is learned before this time.
    quiet_until: Option<Instant>,
}

/// The result of a try to learn something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learning {
    /// The TSI has the address from now on, or is behind the port from now on.
    New,
    /// It is known already, or cannot be learned here or now.
    Nothing,
    /// As much was learned as the port's policy allows.
    Full,
    /// There is no room for one more TSI.
    NoRoom,
}

impl Learned {
    pub(super) const fn new() -> Self {
        Self {
            addresses: Vec::new(),
            lease: None,
            given_up: None,
            itself: false,
            heard: Instant(0),
            due: None,
            quiet_until: None,
        }
    }

    /// True if the NVA refused an address a moment ago: nothing is claimed now.
    pub(super) fn is_quiet(&self, now: Instant) -> bool {
        self.quiet_until.is_some_and(|until| now < until)
    }

    pub(super) const fn be_quiet(&mut self, until: Instant) {
        self.quiet_until = Some(until);
    }

    /// The learned addresses.
    pub(super) fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().map(|address| address.ip)
    }

    /// Keeps the addresses of a TSI that was elsewhere or was bound before: all that `ips` has and `own` has not.
    pub(super) fn take_over(&mut self, now: Instant, ips: &[IpAddr], own: &[IpAddr]) {
        self.addresses.retain(|address| !own.contains(&address.ip));
        for ip in ips {
            if !own.contains(ip) && !self.iter().any(|learned| learned == *ip) {
                self.addresses.push(Address { ip: *ip, known: Known::Yes, heard: now });
            }
        }
    }
}

/// True if a station may have the address.
const fn is_own(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !(ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() || ip.is_loopback()),
        IpAddr::V6(ip) => !(ip.is_unspecified() || ip.is_multicast() || ip.is_loopback()),
    }
}

impl Stations {
    /// The address that answers of RARP name as the server's at a port; `None` if this NVE is not the server there.
    pub(crate) fn rarp_server(&self, vap: VapId) -> Option<Ipv4Addr> {
        self.ports.get(&vap)?.policy().rarp_server
    }

    /// True if a TSI has no IPv4 address, and its port lets it get the one that it had.
    pub(crate) fn lacks_address(&self, key: &TsiKey) -> bool {
        let Some((vap, ips)) = self.reach(key) else { return false };
        let policy = self.ports.get(&vap).map(|port| port.policy());
        let may = policy.is_some_and(|policy| policy.rarp_server.is_some() && policy.learn_addresses > 0);
        may && !ips.iter().any(IpAddr::is_ipv4)
    }

    /// A TSI says by its own ARP, ND or DHCP that it has an address, or asks whether it may have it.
    pub(crate) fn learn_address(
        &mut self,
        now: Instant,
        vap: VapId,
        key: TsiKey,
        ip: IpAddr,
        orders: &mut Orders,
    ) -> Learning {
        let Some(policy) = self.ports.get(&vap).map(|port| port.policy()) else { return Learning::Nothing };
        let most = policy.learn_addresses as usize;
        if most == 0 || !is_own(ip) || !policy.may_learn(ip) || self.is_shared_at(vap, &key) {
            return Learning::Nothing;
        }
        if !self.is_bound(vap, &key, None) {
            return Learning::Nothing;
        }
        if let Some(station) = self.tsis.get_mut(&key)
            && let Some(known) = station.learned.addresses.iter_mut().find(|known| known.ip == ip)
        {
            known.heard = now;
            return Learning::Nothing;
        }
        if self.is_bound(vap, &key, Some(ip)) {
            return Learning::Nothing;
        }
        let ips_per_tsi = self.limits.ips_per_tsi;
        let Some(station) = self.tsis.get_mut(&key) else { return Learning::Nothing };
        if station.learned.is_quiet(now) {
            return Learning::Nothing;
        }
        if station.learned.addresses.len() >= most || station.ips.len() >= ips_per_tsi {
            return Learning::Full;
        }
        self.add_learned(now, vap, key, ip, orders);
        Learning::New
    }

    /// A TSI has one more address from now on, which the NVA was not told.
    pub(super) fn add_learned(&mut self, now: Instant, vap: VapId, key: TsiKey, ip: IpAddr, orders: &mut Orders) {
        let Some(station) = self.tsis.get_mut(&key) else { return };
        station.learned.addresses.push(Address { ip, known: Known::No, heard: now });
        station.ips.push(ip);
        station.readdressed |= station.tsi.state != State::Away;
        self.local_ips.insert((key.vn, ip, key.mac), vap);
        self.watch(now, key);
        orders.mark(Row::Port(vap));
    }

    /// A station behind a bridge sent a frame with this source that is no probe. By an announcement, a learned TSI goes from one port of
    /// this NVE to another.
    pub(crate) fn learn_tsi(
        &mut self,
        now: Instant,
        vap: VapId,
        key: TsiKey,
        announces: bool,
        orders: &mut Orders,
    ) -> Learning {
        let Some(port) = self.ports.get(&vap).filter(|port| port.learns_tsis()) else { return Learning::Nothing };
        // A virtual router's MAC needs a port that shares it.
        if !key.mac.is_station() || key.mac.is_virtual_router() {
            return Learning::Nothing;
        }
        let full = port.learned.len() >= port.policy().learn_macs as usize;
        let known = self.tsis.get_mut(&key);
        let is_known = known.is_some();
        let mut ips = Vec::new();
        if let Some(station) = known {
            if station.vap == Some(vap) {
                station.learned.heard = now;
                return Learning::Nothing;
            }
            let goes = announces && station.learned.itself && station.tsi.state == State::Here;
            let refused = station.refused.is_some_and(|(until, _)| now < until);
            if station.tsi.state.plan().is_some() || refused || (station.vap.is_some() && !goes) {
                return Learning::Nothing;
            }
            ips.extend(station.learned.iter());
        }
        if full {
            return Learning::Full;
        }
        if !is_known && !self.make_room(1) {
            return Learning::NoRoom;
        }
        self.forget_learned(key);
        self.bind_learned(now, vap, key, &ips, orders);
        Learning::New
    }

    /// Binds a TSI that was learned at a port, with the addresses that it is known to have.
    pub(super) fn bind_learned(&mut self, now: Instant, vap: VapId, key: TsiKey, ips: &[IpAddr], orders: &mut Orders) {
        let tsi = Tsi { key, ips: ips.to_vec(), role: Role::Unknown };
        self.bind(now, vap, tsi, true, orders);
        if let Some(station) = self.tsis.get_mut(&key) {
            station.learned.take_over(now, ips, &[]);
            (station.learned.itself, station.learned.heard) = (true, now);
        }
        if let Some(port) = self.ports.get_mut(&vap) {
            port.learned.insert(key);
        }
        self.watch(now, key);
    }

    /// What a port had learned before this NVE restarted. Gives the TSIs that are behind it from now on.
    pub(crate) fn relearn(&mut self, now: Instant, vap: VapId, tsis: Vec<Tsi>, orders: &mut Orders) -> Vec<TsiKey> {
        let mut new = Vec::new();
        for Tsi { key, ips, .. } in tsis {
            let Some(policy) = self.ports.get(&vap).map(|port| port.policy()) else { break };
            let most = policy.learn_addresses as usize;
            let (floating, others): (Vec<IpAddr>, _) = ips.into_iter().partition(|ip| self.floats(vap, &key, *ip));
            let others = others.into_iter().filter(|ip| policy.may_learn(*ip)).take(most);
            let ips: Vec<IpAddr> = others.chain(floating).collect();
            if self.is_behind(vap, &key) {
                let own = self.ips(&key).unwrap_or_default().to_vec();
                let all = own.iter().chain(ips.iter().filter(|ip| !own.contains(ip))).take(self.limits.ips_per_tsi);
                let all: Vec<IpAddr> = all.copied().collect();
                if let Some(station) = self.tsis.get_mut(&key) {
                    station.learned.take_over(now, &all, &own);
                    station.ips.clone_from(&all);
                }
                self.local_ips.extend(all.into_iter().map(|ip| ((key.vn, ip, key.mac), vap)));
                self.watch(now, key);
                orders.mark(Row::Port(vap));
            } else if self.learn_tsi(now, vap, key, false, orders) == Learning::New {
                self.bind_learned(now, vap, key, &ips, orders);
                new.push(key);
            }
        }
        new
    }

    /// What each port has learned: the learned addresses of each TSI, also of those that were learned themselves.
    pub(crate) fn learned(&self) -> impl Iterator<Item = (VapId, Tsi)> + '_ {
        let some = self.tsis.iter().filter(|(_, station)| station.learned.due.is_some());
        some.filter_map(|(key, station)| {
            Some((station.vap?, Tsi { key: *key, ips: station.learned.iter().collect(), role: station.role }))
        })
    }

    /// Notes that a port has no room for one more learned TSI. If an event about it is due, gives the number of times since the last one.
    pub(crate) fn note_full(&mut self, now: Instant, vap: VapId) -> (Limit, Option<u64>) {
        let port = self.ports.get_mut(&vap);
        (Limit::Stations, port.and_then(|port| port.limits.note_full(now)))
    }

    /// The addresses of a TSI are said to the NVA.
    pub(crate) fn said(&mut self, key: &TsiKey) {
        self.each_learned(key, Known::No, Known::Claimed);
    }

    pub(super) fn each_learned(&mut self, key: &TsiKey, from: Known, to: Known) {
        let learned = self.tsis.get_mut(key).map(|station| &mut station.learned.addresses);
        for address in learned.into_iter().flatten().filter(|address| address.known == from) {
            address.known = to;
        }
    }

    /// Another TSI has one of the addresses that a TSI claimed: the learned ones that the NVA has not accepted are unlearned, or else
    /// those that go from one TSI to another. True if there is one: then the TSI claims the others again.
    pub(crate) fn unlearn(&mut self, now: Instant, key: &TsiKey, orders: &mut Orders) -> bool {
        let quiet_until = now + self.claim_interval;
        let vap = self.tsis.get(key).and_then(|station| station.vap);
        let floating = vap.map(|vap| self.floating(vap, key).to_vec()).unwrap_or_default();
        let gone = self.end_addresses(key, orders, |address| address.known == Known::Claimed)
            || self.end_addresses(key, orders, |address| floating.contains(&address.ip));
        if let Some(station) = self.tsis.get_mut(key).filter(|_| gone) {
            station.learned.be_quiet(quiet_until);
        }
        gone
    }

    /// Ends some of the learned addresses of a TSI. True if there are such.
    pub(super) fn end_addresses(&mut self, key: &TsiKey, orders: &mut Orders, ends: impl Fn(&Address) -> bool) -> bool {
        let Some(station) = self.tsis.get_mut(key) else { return false };
        let Station { learned, ips, readdressed, tsi, vap, .. } = station;
        let before = ips.len();
        for Address { ip, .. } in learned.addresses.extract_if(.., |address| ends(address)) {
            ips.retain(|bound| *bound != ip);
            self.local_ips.remove(&(key.vn, ip, key.mac));
        }
        let gone = ips.len() != before;
        if gone {
            *readdressed |= tsi.state != State::Away;
            vap.iter().for_each(|vap| orders.mark(Row::Port(*vap)));
        }
        gone
    }
}
