//! The order of the control plane for one TSI, and the way of a frame for the TSI.

use super::way::Way;
use super::{DropReason, Origin};
use crate::table::{Action, Bum, Entry, Gate, Ingress, Route, VapId};
use nvo3_nva_proto::{Locators, Version};

/// The newest order for a TSI. Without an order, the forwarder is only asking the control plane for the TSI.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Directive {
    vap: Option<VapId>,
    /// The TSI's VAP, once it is a port of the TSI's VN.
    out: Option<VapId>,
    entry: Option<Entry>,
    route: Option<Route>,
    version: Version,
}

impl Directive {
    pub(super) const fn new(vap: Option<VapId>, entry: Option<Entry>, route: Option<Route>, version: Version) -> Self {
        Self { vap, out: None, entry, route, version }
    }

    /// True if the control plane has ordered something for the TSI.
    pub(super) const fn is_known(&self) -> bool {
        self.is_local() || self.route.is_some()
    }

    /// True if the TSI has a VAP or an entry here.
    pub(super) const fn is_local(&self) -> bool {
        self.vap.is_some() || self.entry.is_some()
    }

    pub(super) const fn vap(&self) -> Option<VapId> {
        self.vap
    }

    pub(super) const fn out(&self) -> Option<VapId> {
        self.out
    }

    /// Sets the port of the TSI. True if it changed.
    pub(super) fn set_out(&mut self, out: Option<VapId>) -> bool {
        core::mem::replace(&mut self.out, out) != out
    }

    pub(super) const fn entry(&self) -> Option<&Entry> {
        self.entry.as_ref()
    }

    pub(super) const fn version(&self) -> Version {
        self.version
    }

    /// The other party of the move that the entry belongs to.
    pub(super) fn party(&self) -> Option<Locators> {
        self.entry.and_then(|entry| entry.party).map(|party| party.locators)
    }

    /// The locators of the NVE where the NVA's directory has the TSI.
    pub(super) fn located(&self) -> Option<Locators> {
        self.route.and_then(|route| route.place()).map(|place| place.locators)
    }

    /// True if the control plane wants to hear of the next frame.
    pub(super) const fn is_due(&self) -> bool {
        self.entry.is_none() && matches!(self.route, Some(Route::Due(_)))
    }

    /// The treatment of frames that the TSI sends. An attached TSI without an entry is not active, so no traffic of it passes (SPL-02).
    pub(super) fn gate(&self) -> Gate {
        self.entry.map_or(Gate::Hold, |entry| entry.gate)
    }

    /// The treatment of the TSI's copy of a group frame.
    pub(super) fn bum(&self) -> Bum {
        self.entry.map_or(Bum::Skip, |entry| entry.bum)
    }

    /// True if the frames that are delivered to the TSI are remembered.
    #[inline]
    pub(super) fn remembers(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| entry.remember)
    }

    /// The way of a unicast frame for the TSI. A route never returns a frame to the NVE that it came from; an entry may.
    #[inline]
    pub(super) fn way(&self, own: &Locators, origin: Origin) -> Way {
        match (&self.entry, &self.route) {
            (Some(entry), _) => {
                let ingress = entry.ingress(match origin {
                    Origin::Vap(_) => None,
                    Origin::Tunnel(from) => Some(from),
                });
                match entry.act(ingress) {
                    Action::Deliver => match self.out {
                        Some(vap) if origin == Origin::Vap(vap) => Way::Drop(DropReason::Hairpin),
                        Some(vap) => Way::Deliver(vap),
                        None => Way::AwaitPort,
                    },
                    Action::Hold(lane) => Way::Hold(lane),
                    Action::Tunnel(place) => match place.locators.reachable_from(own) {
                        Some(to) => Way::Tunnel { to, stale: ingress == Ingress::Tunnel },
                        None => Way::Drop(DropReason::NoCommonUnderlay),
                    },
                }
            }
            (None, Some(Route::At(place) | Route::Due(place))) => match (place.locators.reachable_from(own), origin) {
                _ if is_same_nve(&place.locators, own) => Way::AwaitAnswer,
                (_, Origin::Tunnel(from)) if place.locators.contains(from) => Way::Drop(DropReason::Loop),
                (Some(to), _) => Way::Tunnel { to, stale: matches!(origin, Origin::Tunnel(_)) },
                (None, _) => Way::Drop(DropReason::NoCommonUnderlay),
            },
            (None, Some(Route::Nowhere)) => Way::Drop(DropReason::UnknownDestination),
            (None, None) => Way::AwaitAnswer,
        }
    }

    /// The way of the TSI's held copy of a group frame. It is that of a unicast frame, but the copy is dropped if it would go into a
    /// tunnel, or if the TSI gets no copy any more.
    pub(super) fn way_of_copy(&self, own: &Locators, origin: Origin) -> Way {
        match (self.entry, self.way(own, origin)) {
            (None, _) | (_, Way::Tunnel { .. }) | (Some(Entry { bum: Bum::Skip, .. }), _) => {
                Way::Drop(DropReason::BumNotTunnelled)
            }
            (_, way) => way,
        }
    }
}

/// True if both locators have an address in common.
fn is_same_nve(a: &Locators, b: &Locators) -> bool {
    let v4 = a.v4().is_some() && a.v4() == b.v4();
    v4 || a.v6().is_some() && a.v6() == b.v6()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{IpAddr, Ipv4Addr};
    use nvo3_nva_proto::{NveId, Place};

    const fn locators(n: u8) -> Locators {
        Locators::V4(Ipv4Addr::new(192, 0, 2, n))
    }

    const fn place(n: u8) -> Place {
        Place { nve: NveId(n as u64), locators: locators(n) }
    }

    fn from(n: u8) -> Origin {
        Origin::Tunnel(IpAddr::V4(Ipv4Addr::new(192, 0, 2, n)))
    }

    fn directive(entry: Option<Entry>, route: Option<Route>) -> Directive {
        Directive::new(None, entry, route, Version::default())
    }

    /// Checks R-37, VMM-5-10.
    #[test]
    fn a_route_never_returns_a_frame_and_an_entry_may() {
        let route = directive(None, Some(Route::At(place(2))));
        let entry = directive(Some(Entry::all(Action::Tunnel(place(2)), Bum::Skip, Gate::Open)), None);
        let to = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

        assert_eq!(route.way(&locators(1), from(2)), Way::Drop(DropReason::Loop));
        assert_eq!(route.way(&locators(1), from(3)), Way::Tunnel { to, stale: true });
        assert_eq!(entry.way(&locators(1), from(2)), Way::Tunnel { to, stale: true });
        assert_eq!(entry.way(&locators(1), Origin::Vap(VapId(1))), Way::Tunnel { to, stale: false });
    }

    #[test]
    fn ways_by_what_is_known() {
        let v6 = Place { locators: Locators::V6(core::net::Ipv6Addr::LOCALHOST), ..place(2) };
        #[rustfmt::skip]
        let table = [
            ("nothing",          None,                 None,                        Way::AwaitAnswer),
            ("points here",      None,                 Some(Route::At(place(1))),   Way::AwaitAnswer),
            ("nowhere",          None,                 Some(Route::Nowhere),        Way::Drop(DropReason::UnknownDestination)),
            ("other underlay",   None,                 Some(Route::At(v6)),         Way::Drop(DropReason::NoCommonUnderlay)),
            ("here, no port",    Some(Entry::DELIVER), Some(Route::At(place(2))),   Way::AwaitPort),
        ];

        for (name, entry, route, way) in table {
            assert_eq!(directive(entry, route).way(&locators(1), from(3)), way, "{name}");
        }
    }
}
