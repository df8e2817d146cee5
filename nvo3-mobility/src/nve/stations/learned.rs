//! The addresses of a TSI that its own frames show, where the port's policy allows that: a VM that gets its addresses by DHCP or SLAAC.
//!
//! A learned address is bound to the MAC of its TSI, and the NVA hears of it as of any change of addresses. The NVA refuses an address that
//! another TSI has. The address is then unlearned, and the TSI learns nothing for a while, so that its frames do not ask at their rate (I12).

use super::Stations;
use super::rules::State;
use super::station::Station;
use crate::nve::orders::{Orders, Row};
use crate::table::VapId;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, TsiKey};

/// What the NVA knows of a learned address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    No,
    /// A claim with the address has no answer.
    Claimed,
    /// The NVA accepted it.
    Yes,
}

/// The learned addresses of a TSI.
#[derive(Clone, Debug)]
pub(super) struct Learned {
    addresses: Vec<(IpAddr, Known)>,
    /// Nothing is learned before this time.
    quiet_until: Option<Instant>,
}

/// The result of a try to learn an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learning {
    /// The TSI has the address from now on.
    New,
    /// The address is bound already, or cannot be learned here or now.
    Nothing,
    /// The TSI has learned as many addresses as the port's policy allows.
    Full,
}

impl Learned {
    pub(super) const fn new() -> Self {
        Self { addresses: Vec::new(), quiet_until: None }
    }

    /// The learned addresses.
    pub(super) fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().map(|(ip, _)| *ip)
    }

    /// Keeps the addresses of a TSI that was elsewhere or was bound before: all that `ips` has and `own` has not.
    pub(super) fn take_over(&mut self, ips: &[IpAddr], own: &[IpAddr]) {
        self.addresses.retain(|(ip, _)| !own.contains(ip));
        for ip in ips {
            if !own.contains(ip) && !self.iter().any(|learned| learned == *ip) {
                self.addresses.push((*ip, Known::Yes));
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
    /// A TSI says by its own ARP or ND that it has an address.
    pub(crate) fn learn_address(
        &mut self,
        now: Instant,
        vap: VapId,
        key: TsiKey,
        ip: IpAddr,
        orders: &mut Orders,
    ) -> Learning {
        let most = self.ports.get(&vap).map_or(0, |port| port.policy().learn_addresses) as usize;
        if most == 0
            || !is_own(ip)
            || self.is_shared_at(vap, &key)
            || !self.is_bound(vap, &key, None)
            || self.is_bound(vap, &key, Some(ip))
        {
            return Learning::Nothing;
        }
        let ips_per_tsi = self.limits.ips_per_tsi;
        let Some(station) = self.tsis.get_mut(&key) else { return Learning::Nothing };
        if station.learned.quiet_until.is_some_and(|until| now < until) {
            return Learning::Nothing;
        }
        if station.learned.addresses.len() >= most || station.ips.len() >= ips_per_tsi {
            return Learning::Full;
        }
        station.learned.addresses.push((ip, Known::No));
        station.ips.push(ip);
        station.readdressed |= station.tsi.state != State::Away;
        self.local_ips.insert((key.vn, ip, key.mac), vap);
        orders.mark(Row::Port(vap));
        Learning::New
    }

    /// The claim of a TSI is sent, with every learned address.
    pub(crate) fn claimed(&mut self, key: &TsiKey) {
        self.each_learned(key, Known::No, Known::Claimed);
    }

    /// The NVA accepted the claim of a TSI.
    pub(crate) fn accepted(&mut self, key: &TsiKey) {
        self.each_learned(key, Known::Claimed, Known::Yes);
    }

    fn each_learned(&mut self, key: &TsiKey, from: Known, to: Known) {
        let learned = self.tsis.get_mut(key).map(|station| &mut station.learned.addresses);
        for (_, known) in learned.into_iter().flatten().filter(|(_, known)| *known == from) {
            *known = to;
        }
    }

    /// Another TSI has one of the addresses that a TSI claimed: the learned ones that the NVA has not accepted are unlearned. True if
    /// there is one: then the TSI claims the others again.
    pub(crate) fn unlearn(&mut self, now: Instant, key: &TsiKey, orders: &mut Orders) -> bool {
        let quiet_until = now + self.claim_interval;
        let Some(station) = self.tsis.get_mut(key) else { return false };
        let Station { learned, ips, readdressed, tsi, vap, .. } = station;
        let before = ips.len();
        for (ip, _) in learned.addresses.extract_if(.., |(_, known)| *known == Known::Claimed) {
            ips.retain(|bound| *bound != ip);
            self.local_ips.remove(&(key.vn, ip, key.mac));
        }
        if ips.len() == before {
            return false;
        }
        learned.quiet_until = Some(quiet_until);
        *readdressed |= tsi.state != State::Away;
        vap.iter().for_each(|vap| orders.mark(Row::Port(*vap)));
        true
    }
}
