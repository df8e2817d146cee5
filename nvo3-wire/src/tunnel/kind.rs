//! The encapsulations and their payloads.

use crate::vxlan_gpe::Next;
use crate::{Error, EtherType, Protocol, Rule, geneve, vxlan, vxlan_gpe};
use core::fmt;

/// An encapsulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
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
    /// The UDP port that IANA has assigned; `None` for NVGRE, which has none.
    pub const fn port(self) -> Option<u16> {
        match self {
            Self::Vxlan => Some(vxlan::PORT),
            Self::VxlanGpe => Some(vxlan_gpe::PORT),
            Self::Geneve => Some(geneve::PORT),
            Self::Nvgre => None,
        }
    }

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

/// The type of the bytes after a tunnel header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Payload {
    /// An Ethernet frame without FCS. Every tunnel can carry it.
    #[default]
    Ethernet,
    /// An IPv4 packet. Only in VXLAN-GPE and Geneve.
    Ipv4,
    /// An IPv6 packet. Only in VXLAN-GPE and Geneve.
    Ipv6,
    /// A network service header (RFC 8300). Only in VXLAN-GPE.
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

impl TryFrom<Next> for Payload {
    type Error = Error;

    /// [`Rule::PayloadType`] for [`Next::Unknown`].
    fn try_from(next: Next) -> Result<Self, Error> {
        match next {
            Next::Ethernet => Ok(Self::Ethernet),
            Next::Ipv4 => Ok(Self::Ipv4),
            Next::Ipv6 => Ok(Self::Ipv6),
            Next::Nsh => Ok(Self::Nsh),
            Next::Unknown(other) => Err(Error::new(Protocol::VxlanGpe, 0, Rule::PayloadType(EtherType([0, other])))),
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.next().fmt(f)
    }
}
