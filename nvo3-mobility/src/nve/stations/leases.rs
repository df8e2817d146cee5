//! The addresses that a TSI's DHCP client asks for and gives up.
//!
//! They are learned addresses ([`learned`](super::learned)). A client of IPv4 has one lease. If there is no room for one more address,
//! its next request ends the address that it asked for before: a client that was refused its old address, or whose network has other
//! addresses now, would have none until that one ages. If there is room, both stay: a MAC may have several clients.

use super::Stations;
use super::learned::Learning;
use crate::nve::orders::Orders;
use crate::table::VapId;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, TsiKey};

impl Stations {
    /// The DHCP client of a TSI asks for an address.
    pub(crate) fn learn_lease(
        &mut self,
        now: Instant,
        vap: VapId,
        key: TsiKey,
        ip: IpAddr,
        orders: &mut Orders,
    ) -> Learning {
        let mut learning = self.learn_address(now, vap, key, ip, orders);
        if learning == Learning::Full && ip.is_ipv4() {
            let before = self.tsis.get_mut(&key).and_then(|station| station.learned.lease.take());
            if self.end_addresses(&key, orders, |address| Some(address.ip) == before) {
                learning = self.learn_address(now, vap, key, ip, orders);
            }
        }
        if let Some(station) = self.tsis.get_mut(&key)
            && ip.is_ipv4()
            && station.learned.iter().any(|learned| learned == ip)
        {
            station.learned.lease = Some(ip);
        }
        learning
    }

    /// The DHCP client of a TSI behind this port does not have an address any more. True if it was a learned one, which ends.
    pub(crate) fn end_lease(&mut self, vap: VapId, key: &TsiKey, ip: IpAddr, orders: &mut Orders) -> bool {
        self.is_behind(vap, key) && self.end_addresses(key, orders, |address| address.ip == ip)
    }
}
