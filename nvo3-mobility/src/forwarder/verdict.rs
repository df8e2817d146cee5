//! The forwarder's verdict about a frame, and the targets of frames.

use super::DropReason;
use crate::table::VapId;
use core::fmt;
use core::net::IpAddr;
use nvo3_wire::Vni;

/// The target of a frame.
///
/// This enum is exhaustive on purpose: a loop that ignores a target loses frames, so a new kind must not compile in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The frame leaves by this VAP.
    Port(VapId),
    /// The frame leaves by the tunnel to another NVE.
    Tunnel {
        /// The locator of the other NVE.
        to: IpAddr,
        /// The VN that the encapsulation carries.
        vn: Vni,
    },
    /// The frame leaves nowhere yet. Let it come in here again, before the next
    /// [`Forwarder::poll_flush`](super::Forwarder::poll_flush).
    Again(Entrance),
}

/// The place where a held frame comes in again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entrance {
    /// The TSI behind this VAP sent the frame while the TSI's gate was closed. Give it to
    /// [`Forwarder::vap_frame`](super::Forwarder::vap_frame).
    Vap(VapId),
    /// The frame came out of a tunnel before the list of the VN named its sender (TUN-10). Give it to
    /// [`Forwarder::tunnel_frame`](super::Forwarder::tunnel_frame).
    Tunnel {
        /// The outer source address.
        from: IpAddr,
        /// The VN that the encapsulation carried.
        vn: Vni,
    },
}

/// The treatment of a frame.
///
/// This enum is exhaustive on purpose: a caller that ignores a verdict loses the frame, so a new kind must not compile in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "the frame is lost unless the verdict is carried out"]
pub enum Verdict {
    /// Send the frame out of this VAP.
    Deliver(VapId),
    /// Send the frame to another NVE.
    Tunnel {
        /// The locator of the other NVE.
        to: IpAddr,
        /// The VN that the encapsulation carries.
        vn: Vni,
    },
    /// Send a copy to each target of [`Forwarder::replicas`](super::Forwarder::replicas).
    Replicate,
    /// Do nothing: the forwarder holds the frame, for the TSIs of [`Forwarder::held_for`](super::Forwarder::held_for).
    Held,
    /// Give the frame to the control plane. It answers the frame, or lets it pass: then call
    /// [`Forwarder::vap_frame_passed`](super::Forwarder::vap_frame_passed).
    Punt,
    /// Do nothing: the forwarder dropped and counted the frame.
    Drop(DropReason),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(vap) => vap.fmt(f),
            Self::Tunnel { to, vn } => write!(f, "the tunnel to {to} in VN {vn}"),
            Self::Again(entrance) => write!(f, "the forwarder again, at {entrance}"),
        }
    }
}

impl fmt::Display for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vap(vap) => vap.fmt(f),
            Self::Tunnel { from, vn } => write!(f, "the tunnel from {from} in VN {vn}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deliver(vap) => write!(f, "delivered to {vap}"),
            Self::Tunnel { to, vn } => write!(f, "tunnelled to {to} in VN {vn}"),
            Self::Replicate => f.write_str("replicated"),
            Self::Held => f.write_str("held"),
            Self::Punt => f.write_str("given to the control plane"),
            Self::Drop(reason) => write!(f, "dropped: {reason}"),
        }
    }
}
