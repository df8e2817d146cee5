//! Which tunnel, and what is in it.

use crate::vxlan_gpe::Next;
use crate::{EtherType, Protocol};
use core::fmt;

/// An encapsulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Encapsulation {
    /// VXLAN (RFC 7348).
    Vxlan,
    /// VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe).
    VxlanGpe,
    /// Geneve (RFC 8926).
    Geneve,
    /// NVGRE (RFC 7637).
    Nvgre,
}

impl Encapsulation {
    pub(crate) const fn protocol(self) -> Protocol {
        match self {
            Self::Vxlan => Protocol::Vxlan,
            Self::VxlanGpe => Protocol::VxlanGpe,
            Self::Geneve => Protocol::Geneve,
            Self::Nvgre => Protocol::Nvgre,
        }
    }
}

impl fmt::Display for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.protocol().fmt(f)
    }
}

/// What a tunnel header is in front of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Payload {
    /// An Ethernet frame without FCS: in any tunnel.
    #[default]
    Ethernet,
    /// An IPv4 packet: in VXLAN-GPE and Geneve.
    Ipv4,
    /// An IPv6 packet: in VXLAN-GPE and Geneve.
    Ipv6,
    /// A network service header (RFC 8300): in VXLAN-GPE.
    Nsh,
}

impl Payload {
    pub(crate) const fn ether_type(self) -> EtherType {
        match self {
            Self::Ethernet => EtherType::BRIDGING,
            Self::Ipv4 => EtherType::IPV4,
            Self::Ipv6 => EtherType::IPV6,
            Self::Nsh => EtherType([0x89, 0x4f]),
        }
    }

    pub(crate) const fn next(self) -> Next {
        match self {
            Self::Ethernet => Next::Ethernet,
            Self::Ipv4 => Next::Ipv4,
            Self::Ipv6 => Next::Ipv6,
            Self::Nsh => Next::Nsh,
        }
    }
}

impl From<Next> for Payload {
    fn from(next: Next) -> Self {
        match next {
            Next::Ethernet => Self::Ethernet,
            Next::Ipv4 => Self::Ipv4,
            Next::Ipv6 => Self::Ipv6,
            Next::Nsh => Self::Nsh,
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.next().fmt(f)
    }
}
