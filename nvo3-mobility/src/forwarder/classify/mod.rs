//! The part of a frame that forwarding reads, and the judgement of what a frame of a port says about its sender.
//!
//! [`judge`] fails closed: a frame passes only if every claim in it is bound to the port (VMM-10-02), and a frame whose claims it
//! cannot find is dropped. A claim is a pair of a MAC and an IP address that says "I am here": the source of an IP packet, the sender
//! of ARP, and the addresses of Neighbor Discovery. Packets of an unknown protocol, and later fragments, have no claim but their
//! source.

mod ip;
mod neighbor;
#[cfg(test)]
mod tests;

pub(crate) use neighbor::is_router_advertisement;

use super::DropReason;
use crate::table::PortPolicy;
use core::net::IpAddr;
use nvo3_wire::ethernet::Frame;
use nvo3_wire::{EtherType, Ipv6, Mac};

/// The longest frame that the forwarder takes, in bytes.
pub(super) const MAX_FRAME: usize = 65_535;

/// The class of a frame of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The frame goes on.
    Data,
    /// The frame goes on. Its sender has no address yet, so the frame does not show that the sender's VM runs at the port.
    Joining,
    /// ARP, RARP, NS, NA or RA in the VN's own network, or DHCP to a server at a port that learns addresses: the control plane answers it,
    /// or learns from it and lets it pass.
    Control,
    /// As [`Class::Control`], and an ARP probe or a DAD NS. A probe does not show that its sender's VM runs at the port.
    Probe,
    /// Only the control plane may have the frame. It claims an address that is not bound to its sender, or it probes for such an
    /// address, or it breaks a rule of its protocol.
    ControlOnly,
}

impl Class {
    pub(crate) const fn is_for_control(self) -> bool {
        matches!(self, Self::Control | Self::Probe | Self::ControlOnly)
    }

    /// True if the frame shows that its sender's VM runs at the port.
    pub(crate) const fn shows_sender(self) -> bool {
        matches!(self, Self::Data | Self::Control)
    }
}

/// Reads the Ethernet header and at most one tag; `None` if the frame is too short or too long.
pub(super) fn parse(frame: &[u8]) -> Option<Frame<'_>> {
    if frame.len() > MAX_FRAME { None } else { Frame::parse(frame).ok() }
}

/// True if the frame belongs to a VLAN of the tenant. A frame without a tag, or with the VLAN id 0, which only gives a priority,
/// belongs to the VN's own network: the network that the NVA's directory describes.
#[inline]
pub(crate) fn is_in_tenant_vlan(frame: &Frame<'_>) -> bool {
    frame.tag.is_some_and(|tag| tag.id() != 0)
}

/// The class of a frame of a trusted port, from which every claim is believed. What cannot be judged passes.
///
/// # Errors
/// The port's policy forbids the frame.
pub(super) fn trusted(bytes: &[u8], frame: &Frame<'_>, policy: &PortPolicy) -> Result<Class, DropReason> {
    match judge(bytes, frame, policy, |_, _| true) {
        Ok(Class::ControlOnly) => Ok(Class::Control),
        Err(reason @ (DropReason::RouterNotAllowed | DropReason::DhcpServerNotAllowed)) => Err(reason),
        Err(_) => Ok(Class::Data),
        judged => judged,
    }
}

/// The class of a frame of a port that is not trusted, and has this policy. `holds` says whether a MAC, and an address if there is one, are bound to the
/// port. The caller has checked the frame's source MAC.
///
/// # Errors
/// The reason to drop the frame.
#[inline]
pub(crate) fn judge(
    bytes: &[u8],
    frame: &Frame<'_>,
    policy: &PortPolicy,
    holds: impl Fn(&Mac, Option<IpAddr>) -> bool,
) -> Result<Class, DropReason> {
    match frame.ether_type() {
        EtherType::IPV4 => ip::v4(frame, policy, holds),
        EtherType::IPV6 => ip::v6(bytes, frame, policy, holds),
        EtherType::ARP | EtherType::RARP => Ok(neighbor::arp(bytes, frame, holds)),
        other if other.is_tag() => Err(DropReason::TooManyTags),
        other if other.get() < 0x0600 && hides_protocol(frame.payload) => Err(DropReason::HiddenProtocol),
        _ => Ok(Class::Data),
    }
}

/// The source address of an IP packet.
pub(super) fn source(frame: &Frame<'_>) -> Option<IpAddr> {
    match (frame.ether_type(), frame.payload) {
        (EtherType::IPV4, [_, _, _, _, _, _, _, _, _, _, _, _, a, b, c, d, ..]) => Some(IpAddr::from([*a, *b, *c, *d])),
        (EtherType::IPV6, packet) => {
            packet.get(8..24)?.first_chunk::<16>().map(|source| IpAddr::V6(Ipv6(*source).addr()))
        }
        _ => None,
    }
}

/// True if a SNAP header names an EtherType (RFC 1042, and IEEE 802.1H for bridges).
fn hides_protocol(llc: &[u8]) -> bool {
    matches!(llc, [0xaa, 0xaa, 0x03, 0, 0, 0 | 0xf8, ..])
}
