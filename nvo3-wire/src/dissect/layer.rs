//! The layers that a walk finds.

use super::rules::Context;
use crate::ethernet::{self, Llc, Snap, Tag};
use crate::nd::{Nd, Related};
use crate::{Error, EtherType, Rule, arp, geneve, gre, icmpv4, icmpv6, igmp, ila, ipv4, ipv6, mld, tcp, udp};
use crate::{nvgre, vxlan, vxlan_gpe};
use core::fmt;

/// The kind of a layer. The text form is a short name such as `ipv6.frag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Ethernet II.
    Ethernet,
    /// IEEE 802.3: a length in the place of Ethernet II's EtherType.
    Ieee8023,
    /// An 802.1Q or 802.1ad tag.
    Vlan,
    /// IEEE 802.2 LLC.
    Llc,
    /// SNAP after LLC.
    Snap,
    /// ARP.
    Arp,
    /// RARP.
    Rarp,
    /// IPv4.
    Ipv4,
    /// IPv6 without its extension headers.
    Ipv6,
    /// Hop-by-hop options.
    HopByHop,
    /// Destination options.
    DestinationOptions,
    /// A routing header.
    Routing,
    /// A fragment header.
    Fragment,
    /// An authentication header, also in IPv4.
    Authentication,
    /// An ILA destination address.
    Ila,
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// ICMP for IPv4.
    Icmpv4,
    /// IGMP.
    Igmp,
    /// ICMPv6, Neighbor Discovery and MLD included.
    Icmpv6,
    /// VXLAN.
    Vxlan,
    /// VXLAN-GPE.
    VxlanGpe,
    /// Geneve.
    Geneve,
    /// GRE and NVGRE.
    Gre,
    /// Bytes that are none of the layers above.
    Payload,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ethernet => "eth",
            Self::Ieee8023 => "eth_802_3",
            Self::Vlan => "vlan",
            Self::Llc => "llc",
            Self::Snap => "snap",
            Self::Arp => "arp",
            Self::Rarp => "rarp",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::HopByHop => "ipv6.hbh",
            Self::DestinationOptions => "ipv6.dst",
            Self::Routing => "ipv6.rt",
            Self::Fragment => "ipv6.frag",
            Self::Authentication => "ah",
            Self::Ila => "ila",
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Icmpv4 => "icmp",
            Self::Igmp => "igmp",
            Self::Icmpv6 => "icmpv6",
            Self::Vxlan => "vxlan",
            Self::VxlanGpe => "vxlan_gpe",
            Self::Geneve => "geneve",
            Self::Gre => "gre",
            Self::Payload => "payload",
        })
    }
}

/// A layer with its own view.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Layer<'a> {
    /// Ethernet II, or IEEE 802.3 where [`ethernet::Header::ether_type`] is a length.
    Ethernet(&'a ethernet::Header),
    /// A tag, with the EtherType that announced it.
    Vlan(EtherType, &'a Tag),
    /// LLC. SNAP is a layer of its own.
    Llc(Llc<'a>),
    /// SNAP.
    Snap(&'a Snap),
    /// ARP for IPv4 over Ethernet.
    Arp(&'a arp::Arp),
    /// RARP.
    Rarp(&'a arp::Arp),
    /// IPv4 with its options.
    Ipv4(ipv4::Packet<'a>),
    /// IPv6. Each extension header is a layer of its own.
    Ipv6(ipv6::Packet<'a>),
    /// An extension header, or the authentication header of an IPv4 packet.
    Extension(ipv6::Extension<'a>),
    /// The destination of the IPv6 header in front, if the caller gave a SIR prefix.
    Ila(Ila<'a>),
    /// UDP.
    Udp(udp::Datagram<'a>),
    /// TCP.
    Tcp(tcp::Segment<'a>),
    /// ICMP.
    Icmpv4(icmpv4::Message<'a>),
    /// IGMP: the whole message.
    Igmp(igmp::Message<'a>),
    /// Neighbor Discovery: the whole message. Options from a broken one on are left out.
    Nd(Nd<'a>),
    /// A message of another RFC with options of Neighbor Discovery. Options from a broken one on are left out.
    Related(Related<'a>),
    /// MLD: the whole message.
    Mld(mld::Message<'a>),
    /// Any other ICMPv6 message.
    Icmpv6(icmpv6::Message<'a>),
    /// VXLAN.
    Vxlan(&'a vxlan::Header),
    /// VXLAN-GPE.
    VxlanGpe(&'a vxlan_gpe::Header),
    /// Geneve with its options.
    Geneve(geneve::Packet<'a>),
    /// GRE other than NVGRE.
    Gre(gre::Packet<'a>),
    /// GRE around Ethernet with a key and no other option. NVGRE looks so, and so does Ethernet over GRE with a key.
    Nvgre(&'a nvgre::Header),
    /// Bytes that are none of the layers above, or that the walk does not enter.
    Payload(&'a [u8]),
}

/// An ILA address, and the SIR prefix that its translation restores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ila<'a> {
    /// The address on the wire: locator and identifier.
    pub address: &'a ila::Address,
    /// The domain's SIR prefix.
    pub sir: ila::Prefix,
}

impl Ila<'_> {
    /// The SIR address: the address that applications see.
    ///
    /// # Errors
    /// [`Rule::IdentifierType`] if the identifier is of a type that is not translated.
    pub fn sir_address(&self) -> Result<ila::Address, Error> {
        let locator = self.address.prefix;
        let translation = ila::Translation { sir: self.sir, locator, mode: ila::Mode::Neutral };
        translation.to_sir((*self.address).into()).map(Into::into)
    }
}

/// A layer and its place in the frame.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Found<'a> {
    /// The offset of its header from the first byte of the frame.
    pub offset: usize,
    /// The length of the header in bytes, with options and extension data. For ARP, IGMP, ND and MLD the length of the
    /// message.
    pub len: usize,
    /// The end of its payload according to its length field, without padding; or the end of the capture if that is
    /// earlier.
    pub end: usize,
    /// The layer.
    pub layer: Layer<'a>,
    /// The number of missing payload bytes, as the error with which a strict walk ends. Only set by [`Dissect::lax`]
    /// and [`Dissect::captured`], and inside the first fragment of a packet.
    ///
    /// [`Dissect::lax`]: super::Dissect::lax
    /// [`Dissect::captured`]: super::Dissect::captured
    pub cut: Option<Error>,
    pub(super) context: Context<'a>,
}

impl Found<'_> {
    /// The kind of this layer.
    pub fn kind(&self) -> Kind {
        match self.layer {
            Layer::Ethernet(header) if ethernet::is_length(header.ether_type) => Kind::Ieee8023,
            Layer::Ethernet(_) => Kind::Ethernet,
            Layer::Vlan(..) => Kind::Vlan,
            Layer::Llc(_) => Kind::Llc,
            Layer::Snap(_) => Kind::Snap,
            Layer::Arp(_) => Kind::Arp,
            Layer::Rarp(_) => Kind::Rarp,
            Layer::Ipv4(_) => Kind::Ipv4,
            Layer::Ipv6(_) => Kind::Ipv6,
            Layer::Extension(extension) => extension_kind(extension.kind),
            Layer::Ila(_) => Kind::Ila,
            Layer::Udp(_) => Kind::Udp,
            Layer::Tcp(_) => Kind::Tcp,
            Layer::Icmpv4(_) => Kind::Icmpv4,
            Layer::Igmp(_) => Kind::Igmp,
            Layer::Nd(_) | Layer::Related(_) | Layer::Mld(_) | Layer::Icmpv6(_) => Kind::Icmpv6,
            Layer::Vxlan(_) => Kind::Vxlan,
            Layer::VxlanGpe(_) => Kind::VxlanGpe,
            Layer::Geneve(_) => Kind::Geneve,
            Layer::Gre(_) | Layer::Nvgre(_) => Kind::Gre,
            Layer::Payload(_) => Kind::Payload,
        }
    }
}

pub(super) const fn extension_kind(number: u8) -> Kind {
    match number {
        ipv6::HOP_BY_HOP => Kind::HopByHop,
        ipv6::ROUTING => Kind::Routing,
        ipv6::FRAGMENT => Kind::Fragment,
        ipv6::AUTHENTICATION => Kind::Authentication,
        _ => Kind::DestinationOptions,
    }
}

/// For example `IPv4 192.0.2.1 > 192.0.2.2, …`: a packet analyser's line for this layer alone.
impl fmt::Display for Layer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ethernet(header) => header.fmt(f),
            Self::Vlan(ether_type, tag) => write!(f, "{ether_type} {tag}"),
            Self::Llc(llc) => llc.fmt(f),
            Self::Snap(Snap { oui: [a, b, c], protocol }) => write!(f, "oui {a:02x}{b:02x}{c:02x} protocol {protocol}"),
            Self::Arp(arp) | Self::Rarp(arp) => arp.fmt(f),
            Self::Ipv4(packet) => packet.fmt(f),
            Self::Ipv6(packet) => packet.fmt(f),
            Self::Extension(extension) => extension.fmt(f),
            Self::Ila(ila) => {
                ila.address.fmt(f)?;
                match ila.sir_address() {
                    Ok(sir) => write!(f, ", is {}", crate::Ipv6::from(sir)),
                    Err(_) => Ok(()),
                }
            }
            Self::Udp(datagram) => datagram.fmt(f),
            Self::Tcp(segment) => segment.fmt(f),
            Self::Icmpv4(message) => message.fmt(f),
            Self::Igmp(message) => message.fmt(f),
            Self::Nd(message) => message.fmt(f),
            Self::Related(message) => message.fmt(f),
            Self::Mld(message) => message.fmt(f),
            Self::Icmpv6(message) => message.fmt(f),
            Self::Vxlan(header) => header.fmt(f),
            Self::VxlanGpe(header) => header.fmt(f),
            Self::Geneve(packet) => packet.fmt(f),
            Self::Gre(packet) => packet.fmt(f),
            Self::Nvgre(header) => header.fmt(f),
            Self::Payload(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

/// The layer at which a walk ended, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {error}{}", if *cut { ", where the capture was cut" } else { "" })]
#[non_exhaustive]
pub struct Stop {
    /// The layer that could not be decoded.
    pub kind: Kind,
    /// The reason, with the offset from the first byte of the frame.
    pub error: Error,
    /// True if the capture ends in the middle of the header, so that the header is cut and not broken. Only set by
    /// [`Dissect::lax`] and [`Dissect::captured`].
    ///
    /// [`Dissect::lax`]: super::Dissect::lax
    /// [`Dissect::captured`]: super::Dissect::captured
    pub cut: bool,
}

impl Stop {
    /// The number of bytes needed and the number of bytes present. `None` if the reason is another one.
    pub const fn missing(&self) -> Option<(usize, usize)> {
        match self.error.rule {
            Rule::Truncated { needed, available } | Rule::OptionTruncated { needed, available, .. } => {
                Some((needed, available))
            }
            _ => None,
        }
    }
}
