//! The addresses that a TSI's DHCP client asks for and gives up.
//!
//! They are learned addresses ([`learned`](super::learned)). A client of IPv4 has one lease. If there is no room for one more address,
//! its next request ends the address that it asked for before: a client that was refused its old address, or whose network has other
//! addresses now, would have none until that one ages. If there is room, both stay: a MAC may have several clients.
//!
//! An address that ends changes the directory. So a TSI's client ends addresses at one time in a claim interval, and no faster (I12).

use super::Stations;
use super::learned::Learning;
use crate::nve::orders::Orders;
use crate::table::VapId;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, TsiKey};

/// What the word of a DHCP client did to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The address is not the TSI's any more.
    Yes,
    /// It was no learned address of the TSI.
    No,
    /// It is too soon after another one.
    TooSoon,
}

impl Stations {
    /// The DHCP client of a TSI asks for an address. The second value is what that did to the one before.
    pub(crate) fn learn_lease(
        &mut self,
        now: Instant,
        vap: VapId,
        key: TsiKey,
        ip: IpAddr,
        orders: &mut Orders,
    ) -> (Learning, Ended) {
        let (mut learning, mut ended) = (self.learn_address(now, vap, key, ip, orders), Ended::No);
        let before = self.tsis.get(&key).and_then(|station| station.learned.lease);
        if learning == Learning::Full
            && ip.is_ipv4()
            && let Some(before) = before
        {
            ended = self.end_lease(now, vap, &key, before, orders);
            if ended == Ended::Yes {
                learning = self.learn_address(now, vap, key, ip, orders);
            }
        }
        if let Some(station) = self.tsis.get_mut(&key)
            && ip.is_ipv4()
            && station.learned.iter().any(|learned| learned == ip)
        {
            station.learned.lease = Some(ip);
        }
        (learning, ended)
    }

    /// The DHCP client of a TSI behind this port does not have an address any more.
    pub(crate) fn end_lease(
        &mut self,
        now: Instant,
        vap: VapId,
        key: &TsiKey,
        ip: IpAddr,
        orders: &mut Orders,
    ) -> Ended {
        let interval = self.claim_interval;
        let station = self.tsis.get_mut(key).filter(|station| station.vap == Some(vap));
        let Some(learned) = station.map(|station| &mut station.learned) else { return Ended::No };
        if !learned.iter().any(|learned| learned == ip) {
            return Ended::No;
        }
        // One message may end several addresses.
        if learned.given_up.is_some_and(|at| at != now && now < at + interval) {
            return Ended::TooSoon;
        }
        learned.given_up = Some(now);
        if self.end_addresses(key, orders, |address| address.ip == ip) { Ended::Yes } else { Ended::No }
    }
}
