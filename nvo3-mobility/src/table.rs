//! The forwarding table that the control plane orders: entries with an action per ingress, and numbered changes.
//!
//! [`Nve`](crate::nve::Nve) emits [`TableChange`]s. A data plane applies them in order and reports the last one that it applied.
//! This crate's [`Forwarder`](crate::forwarder::Forwarder) is such a data plane. The same changes can program a kernel's FDB, eBPF
//! maps or a DPU.

use crate::nva::Prefix;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr};
use nvo3_nva_proto::{HoldLimits, Instant, Place, TsiKey, Version};
use nvo3_wire::{Mac, Vni};

/// The number of a virtual access point (VAP), the tenant-facing port of an NVE. The owner chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct VapId(pub u32);

impl fmt::Display for VapId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {}", self.0)
    }
}

/// The line of held frames that a frame waits in. All tunnelled frames leave before the first direct one, so that the
/// VM gets frames in the order in which they were sent (VMM-5-09).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Lane {
    /// Frames that the other party of the move tunnelled here.
    Tunnelled,
    /// All other frames.
    Direct,
}

/// The treatment of a unicast frame for a TSI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Action {
    /// The frame leaves by the TSI's own VAP.
    Deliver,
    /// The frame leaves by the tunnel to this NVE.
    Tunnel(Place),
    /// The frame is held in this line, in order, until the entry changes.
    Hold(Lane),
}

/// The treatment of frames that a TSI sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Gate {
    /// The frames are forwarded.
    Open,
    /// The frames are kept, and the forwarder tells the control plane once. A VM's frames must not leave before the VM may
    /// run here.
    Hold,
}

/// The treatment of a TSI's own copy of a broadcast, unknown-unicast or multicast (BUM) frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Bum {
    /// The copy leaves by the TSI's VAP.
    Deliver,
    /// The copy is held in [`Lane::Direct`].
    Hold,
    /// The TSI gets no copy.
    Skip,
}

/// The place where a frame came in, as the entry of its destination sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Ingress {
    /// A VAP of this NVE.
    Vap,
    /// The tunnel of [`Entry::party`], the other party of the move.
    Party,
    /// Any other tunnel.
    Tunnel,
}

/// The treatment of frames for one TSI: an action per ingress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry {
    /// The other party of the move, whose tunnel is [`Ingress::Party`].
    pub party: Option<Place>,
    /// The action for frames of this NVE's own VAPs.
    pub vap: Action,
    /// The action for frames of the other party's tunnel.
    pub from_party: Action,
    /// The action for frames of any other tunnel.
    pub tunnel: Action,
    /// The treatment of the TSI's copy of BUM frames.
    pub bum: Bum,
    /// The treatment of frames that the TSI sends.
    pub gate: Gate,
    /// True: the forwarder remembers the unicast frames that it delivers to the TSI, for a short time.
    /// [`Change::Tsi`]'s `replay_since` needs them. A forwarder may ignore this. Then the frames that were delivered between
    /// the VM's stop and a late *Suspend* are lost.
    pub remember: bool,
}

impl Entry {
    /// An entry with the same action for every ingress, without a party.
    pub const fn all(action: Action, bum: Bum, gate: Gate) -> Self {
        Self { party: None, vap: action, from_party: action, tunnel: action, bum, gate, remember: false }
    }

    /// The entry of a VM that runs here: every frame is delivered.
    pub const DELIVER: Self = Self::all(Action::Deliver, Bum::Deliver, Gate::Open);

    /// [`Entry::DELIVER`] with [`Entry::remember`].
    pub const DELIVER_AND_REMEMBER: Self = Self { remember: true, ..Self::DELIVER };

    /// The ingress of a frame that came in by a VAP of this NVE (`None`), or out of a tunnel from this outer source address.
    #[inline]
    pub fn ingress(&self, from: Option<IpAddr>) -> Ingress {
        match (from, &self.party) {
            (None, _) => Ingress::Vap,
            (Some(from), Some(party)) if party.locators.contains(from) => Ingress::Party,
            (Some(_), _) => Ingress::Tunnel,
        }
    }

    /// The action for a unicast frame that came in at `ingress`.
    pub const fn act(&self, ingress: Ingress) -> Action {
        match ingress {
            Ingress::Vap => self.vap,
            Ingress::Party => self.from_party,
            Ingress::Tunnel => self.tunnel,
        }
    }

    /// True if the entry delivers frames of at least one ingress.
    pub fn delivers(&self) -> bool {
        [self.vap, self.from_party, self.tunnel].contains(&Action::Deliver)
    }
}

/// The place of a TSI without an [`Entry`], as the NVA's mapping says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Route {
    /// The TSI is behind this NVE.
    At(Place),
    /// The NVA says that the TSI is nowhere: frames for it are dropped, not held.
    Nowhere,
    /// The TSI is behind this NVE, and the lifetime of the mapping ends soon. Frames go there, and the data plane tells of the next one by
    /// [`Notice::Miss`](crate::forwarder::Notice::Miss): only a mapping that is in use is asked for again. A data plane that cannot tell
    /// of a frame gives the notice at once.
    Due(Place),
}

impl Route {
    /// The NVE to which frames go; `None` if they are dropped.
    pub const fn place(&self) -> Option<Place> {
        match self {
            Self::At(place) | Self::Due(place) => Some(*place),
            Self::Nowhere => None,
        }
    }
}

/// A MAC that may send at a port, with its IP addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Binding {
    /// The MAC.
    pub mac: Mac,
    /// The IP addresses that frames of the MAC may carry as theirs. The link-local address that the MAC gives
    /// ([`Ipv6::link_local`](nvo3_wire::Ipv6::link_local)) is allowed too, and is not in the list.
    pub ips: Vec<IpAddr>,
}

/// The policy of a port: what may come in there. The owner gives it with [`Input::Attach`](crate::nve::Input::Attach).
///
/// Start from [`PortPolicy::untrusted`] or [`PortPolicy::trusted`], and set other fields afterwards. With the feature `serde`, a
/// field that a stored form lacks is as in an untrusted port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct PortPolicy {
    /// True: frames of any source may come in, because a gateway or a bridge is behind the port. False: only the stations that are
    /// bound to the port may send, with their own addresses (VMM-10-02). Default: false.
    pub trusted: bool,
    /// True: a router is behind the port. It may send Router Advertisements and Redirects, with addresses that it may claim.
    /// Default: false, or true in [`PortPolicy::trusted`].
    pub router_advertisements: bool,
    /// True: a DHCP server or relay is behind the port. It may send UDP from the server's port (67, or 547 for DHCPv6) and to the
    /// client's (68, or 546). Default: false, or true in [`PortPolicy::trusted`].
    pub dhcp_server: bool,
    /// The most IP addresses that each MAC at the port may have by its own ARP, NS, NA or DHCP, besides those that are bound to it. The
    /// NVA refuses an address that another TSI has. 0: only bound addresses count. A station without a bound address may be attached if this
    /// is not 0. Default: 0.
    pub learn_addresses: u32,
    /// The prefixes that learned addresses must be in; empty: any address may be learned. Default: empty.
    pub learn_within: Vec<Prefix>,
    /// True: a legacy segment or a gateway is behind the port that learns where a VM is by announcements alone. The NVE announces there each VM
    /// of the VN that begins to run behind another port of this NVE: by a gratuitous ARP request or an unsolicited NA for each address, and by
    /// RARP for the MAC; at once, after 1 s and after 3 s (VMM-4.2-01, VMM-4.2-19, VMM-4.2-21, ARMD-07). Default: false.
    pub announce: bool,
    /// The NVE is a RARP server for the stations at the port: it answers a request with the IPv4 address that the station has here, or that
    /// the NVA has for its MAC. A station that has none yet gets that one, if `learn_addresses` lets it, and is registered with it. Answers
    /// name this address as the server's, from which a client may load its system; 0.0.0.0 names none. `None`: no request is answered, and
    /// all are forwarded. Default: `None`, because hypervisors announce a VM by the same frame (VMM-4.2-13 … VMM-4.2-18, R-14).
    pub rarp_server: Option<Ipv4Addr>,
    /// The most TSIs that are learned at a trusted port: the MACs behind a bridge, by their own ARP, NS, NA or DHCP. Their addresses are learned
    /// up to `learn_addresses` for each. 0: frames of other MACs than the bound ones pass, and nobody is told where those are. Default: 0.
    pub learn_macs: u32,
    /// The addresses that the port shares with other ports of the VN, here or at other NVEs: virtual routers' MACs
    /// ([`Mac::is_virtual_router`]) and MACs of the port's own stations, each with at least one IP address that is not bound to it. For
    /// those of its stations, the NVA's [`Policy::share`](crate::nva::Policy::share) says who else has the address. The port that announced
    /// one last, by a gratuitous ARP or an unsolicited NA, has it. A port without it in its policy cannot have it. Default: none.
    pub shared: Vec<Binding>,
}

impl PortPolicy {
    /// The policy of a port whose stations may send only what is theirs. They configure no other station.
    pub const fn untrusted() -> Self {
        Self {
            trusted: false,
            router_advertisements: false,
            dhcp_server: false,
            learn_addresses: 0,
            learn_within: Vec::new(),
            announce: false,
            rarp_server: None,
            learn_macs: 0,
            shared: Vec::new(),
        }
    }

    /// True if an address is in one of the prefixes that addresses are learned of.
    pub fn may_learn(&self, ip: IpAddr) -> bool {
        self.learn_within.is_empty() || self.learn_within.iter().any(|prefix| prefix.contains(ip))
    }

    /// The policy of a port with a gateway or a bridge behind it.
    pub const fn trusted() -> Self {
        let mut policy = Self::untrusted();
        (policy.trusted, policy.router_advertisements, policy.dhcp_server) = (true, true, true);
        policy
    }
}

/// A tenant-facing port of an NVE.
///
/// At a port that is not trusted, a data plane must drop a frame whose source MAC, or whose claim about an IP address, is not in the
/// bindings, and a frame that it cannot judge (VMM-10-02). The [guide](crate::guide::trust) has the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Port {
    /// The VN of the port.
    pub vn: Vni,
    /// What may come in at the port.
    pub policy: PortPolicy,
    /// The stations that may send at the port. At a trusted port any station may send, whatever is in here.
    pub bindings: Vec<Binding>,
}

impl Port {
    /// A port at which only these stations may send.
    pub const fn untrusted(vn: Vni, bindings: Vec<Binding>) -> Self {
        Self { vn, policy: PortPolicy::untrusted(), bindings }
    }

    /// A port at which any station may send.
    pub const fn trusted(vn: Vni) -> Self {
        Self { vn, policy: PortPolicy::trusted(), bindings: Vec::new() }
    }
}

/// One change of the forwarder's tables.
///
/// This enum is exhaustive on purpose: a data plane that skips a kind of change forwards wrongly, so a new kind must not compile in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Change {
    /// The whole row of one TSI; it replaces the row before. A row with no VAP, entry and route removes the TSI.
    Tsi {
        /// The TSI.
        key: TsiKey,
        /// The TSI's port, if it has one here.
        vap: Option<VapId>,
        /// The entry that a move or an attachment orders. It has precedence over the route.
        entry: Option<Entry>,
        /// The place that the NVA's directory has.
        route: Option<Route>,
        /// The version of the mapping. Hints to NVEs that send to a stale place carry it.
        version: Version,
        /// The limits on frames that are held for the TSI.
        limits: HoldLimits,
        /// The time at which the VM stopped. If the entry delivers nothing, the forwarder sends the frames that it
        /// delivered at this time or later where the entry sends frames, before any other frame. `None`: the forwarder keeps
        /// remembered frames up to their age while no entry delivers, because a later change may bring the time. With an
        /// entry that delivers, or without an entry, it forgets them.
        replay_since: Option<Instant>,
    },
    /// One port; `None` removes it.
    Port {
        /// The number of the port.
        vap: VapId,
        /// The new content.
        port: Option<Port>,
    },
    /// The other NVEs of one VN: the underlay addresses that get its BUM frames, and those from which its frames come. Two empty lists
    /// remove the VN's list.
    Members {
        /// The VN.
        vn: Vni,
        /// The locators of the other NVEs of the VN, one for each.
        locators: Vec<IpAddr>,
        /// The addresses from which tunnelled frames of the VN may come: all locators of the other NVEs, and of those that left the VN
        /// lately.
        ///
        /// A data plane must give no tenant a frame from another address (TUN-10), unless it is from [`Entry::party`] for the TSI
        /// of that entry, or its source is a TSI whose [`Route`] leads to that address. The first frames of an NVE may come before the list that names it; a data plane that drops them at
        /// once loses them.
        sources: Vec<IpAddr>,
    },
}

/// A numbered change for a data plane. Numbers grow by one.
///
/// The data plane reports the highest number up to which it has applied every change, and each number that it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TableChange {
    /// The number of the change.
    pub number: u64,
    /// The change.
    pub change: Change,
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_nva_proto::{Locators, NveId};

    const AT: Place = Place { nve: NveId(2), locators: Locators::V4(core::net::Ipv4Addr::new(192, 0, 2, 2)) };

    #[test]
    fn an_entry_gives_each_ingress_its_own_action_and_delivers_if_one_of_them_does() {
        let (vap, from_party) = (Action::Hold(Lane::Direct), Action::Hold(Lane::Tunnelled));
        let held = Entry { vap, from_party, tunnel: Action::Tunnel(AT), ..Entry::all(vap, Bum::Skip, Gate::Hold) };
        let acts = [Ingress::Vap, Ingress::Party, Ingress::Tunnel].map(|ingress| held.act(ingress));
        assert_eq!(acts, [vap, from_party, Action::Tunnel(AT)]);

        let deliver = Action::Deliver;
        let delivers = [
            Entry { vap: deliver, ..held },
            Entry { from_party: deliver, ..held },
            Entry { tunnel: deliver, ..held },
            Entry::DELIVER,
            Entry::DELIVER_AND_REMEMBER,
        ];
        assert!(!held.delivers() && delivers.iter().all(Entry::delivers));
        let remember = [Entry::DELIVER, Entry::DELIVER_AND_REMEMBER].map(|entry| entry.remember);
        assert_eq!(remember, [false, true]);
    }

    #[test]
    fn a_route_that_ends_soon_leads_where_it_led_and_one_to_nowhere_leads_nowhere() {
        let places = [Route::At(AT), Route::Due(AT), Route::Nowhere].map(|route| route.place());
        assert_eq!(places, [Some(AT), Some(AT), None]);
    }

    #[test]
    fn a_trusted_port_may_do_all_and_an_untrusted_one_nothing() {
        let rights = |policy: PortPolicy| [policy.trusted, policy.router_advertisements, policy.dhcp_server];
        assert_eq!(rights(Port::trusted(Vni::MAX).policy), [true; 3]);
        assert_eq!(rights(Port::untrusted(Vni::MAX, Vec::new()).policy), [false; 3]);
        assert_eq!(PortPolicy::default(), PortPolicy::untrusted());
        assert_eq!(alloc::format!("{}", VapId(7)), "port 7");
    }

    #[test]
    fn an_address_is_learned_in_the_prefixes_of_a_port_and_everywhere_without_one() {
        let mut policy = PortPolicy::untrusted();
        let [inside, outside] = ["192.0.2.9", "198.51.100.9"].map(|ip| ip.parse().unwrap());
        assert!(policy.may_learn(inside) && policy.may_learn(outside));

        policy.learn_within = ["2001:db8::/32", "192.0.2.0/24"].map(|prefix| prefix.parse().unwrap()).into();

        assert!(policy.may_learn(inside) && !policy.may_learn(outside));
    }
}
