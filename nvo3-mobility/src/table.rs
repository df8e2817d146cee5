//! What control orders and forwarding obeys: entries with an action per ingress, and numbered changes of them.
//!
//! [`Nve`](crate::nve::Nve) emits [`TableChange`]s; a forwarder applies them in order and reports how far it got. The shipped
//! [`Forwarder`](crate::forwarder::Forwarder) is one such; the same changes can program a kernel's FDB, eBPF maps or a DPU.

use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use nvo3_nva_proto::{HoldLimits, Instant, Place, TsiKey, Version};
use nvo3_wire::{Mac, Vni};

/// A virtual access point: the tenant-facing port of an NVE, numbered by its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct VapId(pub u32);

impl fmt::Display for VapId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {}", self.0)
    }
}

/// Which pass a held frame leaves in (VMM-5-09): first what the move's other party tunnelled here, then
/// what came direct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Lane {
    /// Tunnelled here by the other party of the move.
    Tunnelled,
    /// Everything else.
    Direct,
}

/// What is done with a unicast frame for a TSI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Action {
    /// Out of the TSI's own VAP.
    Deliver,
    /// To another NVE.
    Tunnel(Place),
    /// Kept, in order, until the entry says otherwise.
    Hold(Lane),
}

/// What is done with frames that a TSI sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Gate {
    /// They go their way.
    Open,
    /// They are kept, and control is told that there are some.
    Hold,
}

/// What is done with the TSI's own copy of a broadcast or multicast frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Bum {
    /// Out of its VAP.
    Deliver,
    /// Kept in the direct lane.
    Hold,
    /// No copy.
    Skip,
}

/// Where a frame came in, as far as the entry of its destination is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Ingress {
    /// A VAP of this NVE.
    Vap,
    /// The tunnel of the move's other party.
    Party,
    /// Any other tunnel.
    Tunnel,
}

/// What is done for one TSI: an action per ingress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry {
    /// The other party of the move, whose tunnel is [`Ingress::Party`].
    pub party: Option<Place>,
    /// For frames of this NVE's own VAPs.
    pub vap: Action,
    /// For frames of the other party's tunnel.
    pub from_party: Action,
    /// For frames of any other tunnel.
    pub tunnel: Action,
    /// For its copy of BUM frames.
    pub bum: Bum,
    /// For what it sends.
    pub gate: Gate,
    /// Unicast frames delivered to it are remembered for a short while, for the sake of [`Change::Tsi`]'s `replay_since`.
    /// A forwarder that cannot remember them need not: a late word then costs what was delivered since the stop.
    pub remember: bool,
}

impl Entry {
    /// The same action whatever the ingress.
    pub const fn all(action: Action, bum: Bum, gate: Gate) -> Self {
        Self { party: None, vap: action, from_party: action, tunnel: action, bum, gate, remember: false }
    }

    /// Delivered, whatever the ingress.
    pub const DELIVER: Self = Self::all(Action::Deliver, Bum::Deliver, Gate::Open);

    /// The same, and what is delivered is remembered.
    pub const DELIVER_AND_REMEMBER: Self = Self { remember: true, ..Self::DELIVER };

    /// What is done with a unicast frame that came in at `ingress`.
    pub const fn act(&self, ingress: Ingress) -> Action {
        match ingress {
            Ingress::Vap => self.vap,
            Ingress::Party => self.from_party,
            Ingress::Tunnel => self.tunnel,
        }
    }

    /// Whether a frame of any ingress is delivered here.
    pub fn delivers(&self) -> bool {
        [self.vap, self.from_party, self.tunnel].contains(&Action::Deliver)
    }
}

/// What a mapping pulled or pushed from the NVA says of a TSI that has no [`Entry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Route {
    /// Behind this NVE.
    At(Place),
    /// Nowhere, says the NVA: frames for it are dropped, not held.
    Nowhere,
}

/// A tenant-facing port.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Port {
    /// The VN that it is in.
    pub vn: Vni,
    /// The MACs that may send there; `None` for any (a trusted port, towards a gateway or a bridge).
    pub macs: Option<Vec<Mac>>,
}

/// One thing that changes in the forwarder.
///
/// This enum is exhaustive on purpose: a data plane that skips a kind of change forwards wrongly, so a new kind must not compile in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Change {
    /// Everything known of one TSI, replacing what was known before; all `None` removes it.
    Tsi {
        /// Whose.
        key: TsiKey,
        /// Its port, where it has one here.
        vap: Option<VapId>,
        /// What a move or an attachment orders; it wins over the route.
        entry: Option<Entry>,
        /// What the directory says.
        route: Option<Route>,
        /// The version of the mapping, for hints to stale senders.
        version: Version,
        /// How much may be held for it.
        limits: HoldLimits,
        /// Where this entry delivers nothing: the remembered frames that were delivered at this time or later go where the
        /// entry sends frames, before any other. Without it they are kept while no entry delivers, as long as their age
        /// allows, since the word may come with a later change; with an entry that delivers, or none, they are forgotten.
        replay_since: Option<Instant>,
    },
    /// A port; `None` removes it.
    Port {
        /// Which.
        vap: VapId,
        /// What it is.
        port: Option<Port>,
    },
    /// The underlay addresses to which BUM frames of a VN are replicated; empty removes the list.
    Members {
        /// The VN.
        vn: Vni,
        /// The other NVEs' locators.
        locators: Vec<IpAddr>,
    },
}

/// A numbered order for the forwarder. Numbers grow by one; whoever applies it reports the highest number up to which
/// everything is applied, and each number that it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TableChange {
    /// Its number.
    pub number: u64,
    /// What changes.
    pub change: Change,
}
