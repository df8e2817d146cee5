//! Whether tenants' frames fit the underlay.
//!
//! VXLAN packets are not fragmented, so a tenant's MTU must be smaller than that of the underlay: by 50 bytes over IPv4, by 70 bytes
//! over IPv6, and by 4 bytes more for a VLAN tag of the tenant. The room asks the kernel for the way to each NVE, and compares.

use super::paths::{Access, Paths};
use crate::kernel::{Kernel, Route};
use nvo3_nva_proto::{Instant, Micros};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

/// The most ways that are remembered. One more lets the room ask for all of them anew.
const MOST: usize = 4_096;

/// The time for which the kernel's answer is believed. News of the way's interface ends it early.
const BELIEVED: Micros = Micros::from_secs(10);

/// The most ports that one line of the log names.
const NAMED: usize = 8;

/// The length of an Ethernet header without tags.
const ETHERNET: usize = 14;

/// The headers of the tunnel: Ethernet of the tenant, VXLAN, UDP, and IP of the underlay.
const fn overhead(to: IpAddr) -> u32 {
    match to {
        IpAddr::V4(_) => 50,
        IpAddr::V6(_) => 70,
    }
}

/// The MTU of the underlay on the narrowest way, and the largest MTU of tenants that fits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Narrowest {
    pub(super) underlay: u32,
    pub(super) tenant: u32,
}

/// The ways to other NVEs.
#[derive(Debug)]
pub(super) struct Mtus {
    kernel: Kernel,
    now: Instant,
    routes: BTreeMap<IpAddr, (Instant, Option<Route>)>,
    /// True if a way or a port may have changed since [`Mtus::take_changed`].
    changed: bool,
}

impl Mtus {
    pub(super) fn open(nva: IpAddr) -> io::Result<Self> {
        let mut mtus =
            Self { kernel: Kernel::open()?, now: Instant::default(), routes: BTreeMap::new(), changed: true };
        // Until frames go to other NVEs, the way to the authority tells the underlay's MTU.
        mtus.longest_frame(nva);
        Ok(mtus)
    }

    /// The kernel, for other questions.
    pub(super) const fn kernel(&mut self) -> &mut Kernel {
        &mut self.kernel
    }

    /// The MTU of a port's interface; `None` if there is none, or the kernel does not tell.
    pub(super) fn mtu(&mut self, interface: u32) -> Option<u32> {
        self.changed = true;
        self.kernel.mtu(interface).ok().flatten()
    }

    /// Says what the time is.
    pub(super) const fn at(&mut self, now: Instant) {
        self.now = now;
    }

    /// The longest frame that the way to an NVE takes, in bytes, Ethernet header included; `usize::MAX` if there is no way.
    pub(super) fn longest_frame(&mut self, to: IpAddr) -> usize {
        let known = self.routes.get(&to).filter(|(asked, _)| self.now - *asked < BELIEVED);
        let route = known.map(|(_, route)| *route).unwrap_or_else(|| self.ask(to));
        let limit = |route: Route| route.mtu.saturating_sub(overhead(to)) as usize + ETHERNET;
        route.map_or(usize::MAX, limit)
    }

    fn ask(&mut self, to: IpAddr) -> Option<Route> {
        let route = self.kernel.route(to).unwrap_or_else(|error| {
            tracing::warn!(%to, %error, "the kernel does not tell the way to another edge, and so not its MTU");
            None
        });
        if self.routes.len() >= MOST && !self.routes.contains_key(&to) {
            self.routes.clear();
        }
        let before = self.routes.insert(to, (self.now, route));
        self.changed |= before.is_none_or(|(_, before)| before != route);
        route
    }

    /// Asks anew about the ways by an interface that has changed; `None` if that may be any.
    pub(super) fn ask_again(&mut self, interface: Option<u32>) {
        let concerned = |route: &Option<Route>| match (interface, route) {
            (Some(index), Some(route)) => route.interface == index,
            _ => true,
        };
        let again: Vec<IpAddr> =
            self.routes.iter().filter(|(_, (_, route))| concerned(route)).map(|(to, _)| *to).collect();
        for to in again {
            self.ask(to);
        }
    }

    /// Asks anew about the way to an NVE: the kernel has found it narrower than it said.
    pub(super) fn doubt(&mut self, to: IpAddr) {
        self.routes.remove(&to);
    }

    /// The narrowest way; `None` if no way is known.
    pub(super) fn narrowest(&self) -> Option<Narrowest> {
        let of = |(to, (_, route)): (&IpAddr, &(Instant, Option<Route>))| {
            let underlay = (*route)?.mtu;
            Some(Narrowest { underlay, tenant: underlay.saturating_sub(overhead(*to)) })
        };
        self.routes.iter().filter_map(of).min_by_key(|narrowest| narrowest.tenant)
    }

    /// True once after each change of a way or a port.
    pub(super) const fn take_changed(&mut self) -> bool {
        std::mem::replace(&mut self.changed, false)
    }
}

impl Paths {
    /// Asks anew for the MTUs that hang on an interface; `None` if that may be any.
    pub(super) fn interface_changed(&mut self, interface: Option<u32>) {
        self.mtus.ask_again(interface);
        for access in self.ports.values_mut().filter(|access| interface.is_none() || access.index == interface) {
            access.mtu = access.index.and_then(|index| self.mtus.mtu(index));
        }
    }

    /// Compares the MTUs of ports with the underlay's, if one may have changed. The log names ports that have become too large.
    pub(super) fn compare_mtus(&mut self, now: Instant) {
        self.mtus.at(now);
        if !self.mtus.take_changed() {
            return;
        }
        let Some(narrowest) = self.mtus.narrowest() else { return };
        let mut said: Vec<&Access> = Vec::new();
        for access in self.ports.values_mut() {
            let pair = access.mtu.filter(|mtu| *mtu > narrowest.tenant).map(|mtu| (mtu, narrowest.tenant));
            if std::mem::replace(&mut access.mtu_said, pair) != pair && pair.is_some() {
                said.push(access);
            }
        }
        warn(&said, narrowest);
    }

    /// The ports whose MTU is larger than fits.
    pub(super) fn above(&self) -> impl Iterator<Item = &str> {
        self.ports.values().filter(|access| access.mtu_said.is_some()).map(|access| access.name.as_str())
    }
}

fn warn(ports: &[&Access], narrowest: Narrowest) {
    let Some(largest) = ports.iter().filter_map(|access| access.mtu).max() else { return };
    let names: Vec<&str> = ports.iter().take(NAMED).map(|access| access.name.as_str()).collect();
    tracing::warn!(
        ports = names.join(", "),
        others = ports.len().saturating_sub(NAMED),
        port_mtu = largest,
        underlay_mtu = narrowest.underlay,
        "frames of the full MTU of these ports do not fit the underlay: the tunnel adds {} bytes, so their tenants need an MTU of {} or \
         less (4 less with a VLAN tag), or the underlay one of {} or more",
        narrowest.underlay - narrowest.tenant,
        narrowest.tenant,
        largest + (narrowest.underlay - narrowest.tenant),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mtus(routes: &[(&str, u32)]) -> Mtus {
        let mut mtus = Mtus::open([127, 0, 0, 1].into()).unwrap();
        let route =
            |(to, mtu): &(&str, u32)| (to.parse().unwrap(), (mtus.now, Some(Route { interface: 9, mtu: *mtu })));
        mtus.routes = routes.iter().map(route).collect();
        mtus
    }

    #[test]
    fn a_frame_fits_if_the_underlay_takes_it_with_its_tunnel() {
        let mut mtus = mtus(&[("198.51.100.2", 1_550), ("2001:db8::2", 1_570), ("198.51.100.3", 1_400)]);

        assert_eq!(mtus.longest_frame([198, 51, 100, 2].into()), 1_514);
        assert_eq!(mtus.longest_frame("2001:db8::2".parse().unwrap()), 1_514);
        assert_eq!(mtus.narrowest(), Some(Narrowest { underlay: 1_400, tenant: 1_350 }));
    }

    #[test]
    fn a_way_is_asked_for_anew_after_ten_seconds_or_when_its_interface_changes() {
        let here = IpAddr::from([127, 0, 0, 1]);
        let mut mtus = mtus(&[("127.0.0.1", 1_400)]);
        let real = mtus.kernel().mtu(1).unwrap().unwrap() as usize - 50 + ETHERNET;

        assert_eq!(mtus.longest_frame(here), 1_364);
        mtus.ask_again(Some(8));
        assert_eq!(mtus.longest_frame(here), 1_364);
        mtus.at(Instant::default() + BELIEVED);
        assert_eq!(mtus.longest_frame(here), real);

        mtus.routes.insert(here, (mtus.now, Some(Route { interface: 9, mtu: 1_400 })));
        assert!(mtus.take_changed() && !mtus.take_changed());
        mtus.ask_again(Some(9));
        assert_eq!((mtus.longest_frame(here), mtus.take_changed()), (real, true));
    }

    #[test]
    fn the_ways_that_are_remembered_are_bounded() {
        let mut mtus = mtus(&[]);

        for n in 0..=u32::try_from(MOST).unwrap() {
            mtus.longest_frame(std::net::Ipv4Addr::from_bits(0x7f00_0001 + n).into());
        }

        assert_eq!(mtus.routes.len(), 1);
    }
}
