//! One TSI as the forwarder knows it, and which way a frame for it goes.

use super::counters::{DropReason, HeldFrames, TsiCounters};
use super::pool::Queue;
use crate::table::{Action, Bum, Entry, Gate, Ingress, Lane, Route, VapId};
use core::net::IpAddr;
use nvo3_nva_proto::{HoldLimits, Instant, Locators, Version};

/// Where a frame came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A VAP of this NVE.
    Vap(VapId),
    /// A tunnel: the outer source address.
    Tunnel(IpAddr),
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Deliver(VapId),
    /// Into a tunnel; `stale`: whoever sent it here by a tunnel should know better.
    Tunnel {
        to: IpAddr,
        stale: bool,
    },
    /// Held; `asked`: until control has found out where it goes.
    Hold {
        lane: Lane,
        asked: bool,
    },
    Drop(DropReason),
}

/// What control said of a TSI, and what is held for it.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// Control said something of it; otherwise it is merely being asked for.
    pub(super) known: bool,
    pub(super) vap: Option<VapId>,
    /// The VAP, once it is a port of the same VN.
    pub(super) out: Option<VapId>,
    pub(super) entry: Option<Entry>,
    pub(super) route: Option<Route>,
    pub(super) version: Version,
    pub(super) limits: HoldLimits,
    /// The other party of the move as long as something is held: a changed entry may no longer name it.
    pub(super) party: Option<Locators>,
    pub(super) tunnelled: Queue,
    pub(super) direct: Queue,
    pub(super) kept: Queue,
    /// What was delivered lately, while the entry has it remembered and a little longer.
    pub(super) recent: Queue,
    /// When that is forgotten, once no more is remembered.
    pub(super) forgets: Option<Instant>,
    /// When the newest frame was delivered that should be in there and is not any more.
    pub(super) forgotten: Option<Instant>,
    /// The first pass is over: something of the direct lane has left.
    pub(super) direct_began: bool,
    pub(super) missed: bool,
    pub(super) seen: bool,
    /// When its ages are looked at.
    pub(super) armed: Option<Instant>,
    pub(super) counters: TsiCounters,
}

impl Slot {
    pub(super) fn new(limits: HoldLimits) -> Self {
        Self {
            known: false,
            vap: None,
            out: None,
            entry: None,
            route: None,
            version: Version::default(),
            limits,
            party: None,
            tunnelled: Queue::EMPTY,
            direct: Queue::EMPTY,
            kept: Queue::EMPTY,
            recent: Queue::EMPTY,
            forgets: None,
            forgotten: None,
            direct_began: false,
            missed: false,
            seen: false,
            armed: None,
            counters: TsiCounters::default(),
        }
    }

    /// Which way a frame for it goes (R-37: a route never returns it to where it came from, an entry may).
    #[inline]
    pub(super) fn way(&self, own: &Locators, origin: Origin, group: bool) -> Way {
        let way = match (&self.entry, &self.route) {
            (Some(entry), _) => match entry.act(ingress(entry, origin)) {
                Action::Deliver => match self.out {
                    Some(vap) if origin == Origin::Vap(vap) => Way::Drop(DropReason::Hairpin),
                    Some(vap) => Way::Deliver(vap),
                    None => Way::Hold { lane: self.pass(origin), asked: false },
                },
                Action::Hold(lane) => Way::Hold { lane, asked: false },
                Action::Tunnel(place) => match place.locators.reachable_from(own) {
                    Some(to) => Way::Tunnel { to, stale: ingress(entry, origin) == Ingress::Tunnel },
                    None => Way::Drop(DropReason::NoCommonUnderlay),
                },
            },
            (None, Some(Route::At(place))) => match (place.locators.reachable_from(own), origin) {
                _ if same(&place.locators, own) => Way::Hold { lane: Lane::Direct, asked: true },
                (_, Origin::Tunnel(from)) if place.locators.contains(from) => Way::Drop(DropReason::Loop),
                (Some(to), _) => Way::Tunnel { to, stale: matches!(origin, Origin::Tunnel(_)) },
                (None, _) => Way::Drop(DropReason::NoCommonUnderlay),
            },
            (None, Some(Route::Nowhere)) => Way::Drop(DropReason::UnknownDestination),
            (None, None) => Way::Hold { lane: Lane::Direct, asked: true },
        };
        if group { self.group_way(way) } else { way }
    }

    /// A held copy of a group frame goes where a unicast frame would, but never into a tunnel, and nowhere once its
    /// TSI is to get none.
    fn group_way(&self, way: Way) -> Way {
        match (self.entry, way) {
            (None, _) | (_, Way::Tunnel { .. }) | (Some(Entry { bum: Bum::Skip, .. }), _) => {
                Way::Drop(DropReason::BumNotTunnelled)
            }
            _ => way,
        }
    }

    /// The lane in which a frame waits that could go if nothing were before it.
    pub(super) fn lane(&self, origin: Origin) -> Lane {
        match (origin, self.party) {
            (Origin::Tunnel(from), Some(party)) if party.contains(from) => Lane::Tunnelled,
            _ => Lane::Direct,
        }
    }

    /// The same, but the other party's frames come too late for their pass once the second has begun.
    pub(super) fn pass(&self, origin: Origin) -> Lane {
        if self.direct_began { Lane::Direct } else { self.lane(origin) }
    }

    pub(super) const fn queue(&self, lane: Lane) -> &Queue {
        match lane {
            Lane::Tunnelled => &self.tunnelled,
            Lane::Direct => &self.direct,
        }
    }

    /// Nothing is held that a frame for it could overtake.
    #[inline]
    pub(super) const fn lanes_empty(&self) -> bool {
        self.tunnelled.is_empty() && self.direct.is_empty()
    }

    pub(super) const fn holds_nothing(&self) -> bool {
        self.lanes_empty() && self.kept.is_empty()
    }

    /// What is done with what it sends; attached but without an entry, it is not active yet (SPL-02).
    pub(super) fn gate(&self) -> Gate {
        self.entry.map_or(Gate::Hold, |entry| entry.gate)
    }

    /// Whether what is delivered is remembered.
    #[inline]
    pub(super) fn remembers(&self) -> bool {
        self.entry.is_some_and(|entry| entry.remember)
    }

    pub(super) const fn held(&self) -> HeldFrames {
        HeldFrames {
            frames: self.tunnelled.frames + self.direct.frames + self.kept.frames,
            bytes: self.tunnelled.bytes + self.direct.bytes + self.kept.bytes,
            tunnelled: self.tunnelled.frames,
            direct: self.direct.frames,
            kept: self.kept.frames,
        }
    }
}

/// The ingress, in the entry's words.
fn ingress(entry: &Entry, origin: Origin) -> Ingress {
    match (origin, entry.party) {
        (Origin::Vap(_), _) => Ingress::Vap,
        (Origin::Tunnel(from), Some(party)) if party.locators.contains(from) => Ingress::Party,
        (Origin::Tunnel(_), _) => Ingress::Tunnel,
    }
}

/// Whether both name the same NVE.
fn same(a: &Locators, b: &Locators) -> bool {
    let v4 = a.v4().is_some() && a.v4() == b.v4();
    v4 || a.v6().is_some() && a.v6() == b.v6()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
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

    fn slot(entry: Option<Entry>, route: Option<Route>) -> Slot {
        Slot { entry, route, ..Slot::new(HoldLimits { frames: 1, bytes: 1, age_ms: 1 }) }
    }

    /// Checks R-37, VMM-5-10.
    #[test]
    fn a_route_never_returns_a_frame_and_an_entry_may() {
        let route = slot(None, Some(Route::At(place(2))));
        let entry = slot(Some(Entry::all(Action::Tunnel(place(2)), Bum::Skip, Gate::Open)), None);
        let to = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

        assert_eq!(route.way(&locators(1), from(2), false), Way::Drop(DropReason::Loop));
        assert_eq!(route.way(&locators(1), from(3), false), Way::Tunnel { to, stale: true });
        assert_eq!(entry.way(&locators(1), from(2), false), Way::Tunnel { to, stale: true });
        assert_eq!(entry.way(&locators(1), Origin::Vap(VapId(1)), false), Way::Tunnel { to, stale: false });
    }

    #[test]
    fn ways_by_what_is_known() {
        let v6 = Place { locators: Locators::V6(core::net::Ipv6Addr::LOCALHOST), ..place(2) };
        let asked = Way::Hold { lane: Lane::Direct, asked: true };
        #[rustfmt::skip]
        let table = [
            ("nothing",          None,                 None,                        asked),
            ("points here",      None,                 Some(Route::At(place(1))),   asked),
            ("nowhere",          None,                 Some(Route::Nowhere),        Way::Drop(DropReason::UnknownDestination)),
            ("other underlay",   None,                 Some(Route::At(v6)),         Way::Drop(DropReason::NoCommonUnderlay)),
            ("here, no port",    Some(Entry::DELIVER), Some(Route::At(place(2))),   Way::Hold { lane: Lane::Direct, asked: false }),
        ];

        for (name, entry, route, way) in table {
            assert_eq!(slot(entry, route).way(&locators(1), from(3), false), way, "{name}");
        }
    }
}
