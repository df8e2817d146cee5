//! Addresses that VMs share under their own MACs: a cluster's address, or that of a virtual router without a MAC of its own (keepalived
//! does so by default). The VM that announced one last has it.
//!
//! Such an address is one more learned address of the VM that has it. The claim that follows its announcement takes it from the VM that had
//! it before, if the NVA's [`Policy`](crate::nva::Policy) says that the address is shared. The NVE of that VM hears that the mapping has
//! fewer addresses ([`contested`](super::contested)).

use super::Stations;
use super::learned::Learning;
use crate::nve::orders::Orders;
use crate::table::VapId;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, TsiKey};

impl Stations {
    /// The addresses that a TSI shares with TSIs of other MACs.
    pub(super) fn floating(&self, vap: VapId, key: &TsiKey) -> &[IpAddr] {
        let shared = self.ports.get(&vap).and_then(|port| port.shares_by(key));
        shared.filter(|_| !key.mac.is_virtual_router()).map_or(&[], |shared| &shared.ips)
    }

    pub(super) fn floats(&self, vap: VapId, key: &TsiKey, ip: IpAddr) -> bool {
        self.floating(vap, key).contains(&ip)
    }

    /// A TSI announced that it has an address. If the port shares it, the TSI has it from now on.
    pub(crate) fn take_floating(
        &mut self,
        now: Instant,
        vap: VapId,
        key: TsiKey,
        ip: IpAddr,
        orders: &mut Orders,
    ) -> Learning {
        let Some(station) = self.tsis.get(&key).filter(|station| station.vap == Some(vap)) else {
            return Learning::Nothing;
        };
        if !self.floats(vap, &key, ip) || station.ips.contains(&ip) || station.learned.is_quiet(now) {
            return Learning::Nothing;
        }
        if station.ips.len() >= self.limits.ips_per_tsi {
            return Learning::Full;
        }
        self.add_learned(now, vap, key, ip, orders);
        Learning::New
    }
}
