//! The receiver's rules that depend on the layers around a layer.

use super::layer::{Found, Layer};
use crate::arp::Arp;
use crate::checksum::{Addresses, Sum};
use crate::{Error, EtherType, Protocol, Rule, ethernet, geneve, icmpv6, ipv4, ipv6, udp, vxlan, vxlan_gpe};

/// From this number on, Geneve's option classes are for experiments (RFC 8926 §7).
const EXPERIMENTAL: u16 = 0xff00;

/// The context that a layer's rules need.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Context<'a> {
    pub(super) network: Network<'a>,
    /// True if this layer or one in front is cut or a first fragment. Then lengths and checksums cover bytes that are
    /// missing.
    pub(super) partial: bool,
    /// An additional UDP port of a tunnel.
    pub(super) vxlan_port: Option<u16>,
    /// The fault of a layer that was decoded only in part.
    pub(super) fault: Option<Error>,
    /// The bytes after the layer's header.
    pub(super) rest: &'a [u8],
}

/// The innermost IP header so far, and its offset.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Network<'a> {
    #[default]
    None,
    V4(ipv4::Packet<'a>, usize),
    V6(ipv6::Packet<'a>, usize),
}

impl Network<'_> {
    /// The pseudo-header sum. `None` if the destination is not yet the one in the sender's checksum.
    fn pseudo_header(&self, protocol: u8, length: usize) -> Option<Sum> {
        match self {
            Self::V4(packet, _) if packet.at_last_destination() => {
                Some(Addresses::from(packet.header).pseudo_header(protocol, length as u32))
            }
            Self::V6(packet, _) if packet.at_last_destination() => Some(packet.pseudo_header(protocol, length as u32)),
            _ => None,
        }
    }
}

impl<'a> Found<'a> {
    /// The bytes between the header and [`Found::end`].
    pub fn payload(&self) -> &'a [u8] {
        self.context.rest
    }

    /// Checks the receiver's rules of this layer, with those that depend on the layers around it.
    ///
    /// - A checksum is only verified if all bytes that it covers are present.
    /// - UDP over IPv6 without a checksum is only valid to the port of a tunnel.
    /// - A critical Geneve option counts as known if its class can be registered. It is refused if its class is for
    ///   experiments (an unknown critical option drops the packet, GNV-02, RFC 8926 §7).
    /// - VXLAN and NVGRE carry no VLAN tag (VXL-13, NVG-04).
    /// - ARP and RARP may have every operation that IANA has assigned to them.
    ///
    /// # Errors
    /// The first broken rule: the error of the layer's own `validate`, with the offset from the first byte of the
    /// frame.
    pub fn validate(&self) -> Result<(), Error> {
        if let Some(error) = self.context.fault {
            return Err(error);
        }
        let at = |error: Error| error.at(self.offset);
        match &self.layer {
            Layer::Ethernet(header) if header.source.is_group() => {
                Err(Error::new(Protocol::Ethernet, self.offset, Rule::MulticastSource))
            }
            Layer::Ethernet(header) => defined(header.ether_type).map_err(at),
            Layer::Vlan(_, tag) if tag.id() == 0xfff => Err(Error::new(Protocol::Ethernet, self.offset, Rule::VlanId)),
            Layer::Vlan(_, tag) => defined(tag.ether_type).map_err(at),
            Layer::Arp(arp) => assigned(arp, Protocol::Arp).map_err(at),
            Layer::Rarp(arp) => assigned(arp, Protocol::Rarp).map_err(at),
            Layer::Ipv4(packet) => self.whole(packet.validate()).map_err(at),
            Layer::Ipv6(_) | Layer::Extension(_) => self.validate_ipv6(),
            Layer::Ila(ila) => ila.address.identifier.validate().map_err(at),
            Layer::Udp(datagram) => self.validate_udp(datagram).map_err(at),
            Layer::Tcp(segment) => match self.pseudo_header(ipv4::TCP, self.len + self.context.rest.len()) {
                Some(pseudo) => segment.validate(pseudo).map_err(at),
                None => Ok(()),
            },
            Layer::Icmpv4(message) if !self.context.partial => message.validate().map_err(at),
            Layer::Igmp(message) if !self.context.partial => message.validate().map_err(|e| e.at(self.network_at())),
            Layer::Nd(message) if !self.context.partial => message.validate().map_err(|e| e.at(self.network_at())),
            Layer::Related(message) if !self.context.partial => message.validate().map_err(|e| e.at(self.network_at())),
            Layer::Mld(message) if !self.context.partial => message.validate().map_err(|e| e.at(self.network_at())),
            Layer::Icmpv6(message) => self.validate_icmpv6(message).map_err(|e| e.at(self.network_at())),
            Layer::Vxlan(header) => header.validate().and_then(|_| self.untagged(Protocol::Vxlan)).map_err(at),
            Layer::VxlanGpe(header) => header.validate().map(drop).map_err(at),
            Layer::Geneve(packet) => packet.validate(|option| option.class < EXPERIMENTAL).map_err(at),
            Layer::Gre(packet) => self.whole(packet.validate()).map_err(at),
            Layer::Nvgre(header) => header.validate().and_then(|_| self.untagged(Protocol::Nvgre)).map_err(at),
            _ => Ok(()),
        }
    }

    /// Drops a verdict that is only about missing bytes.
    fn whole(&self, verdict: Result<(), Error>) -> Result<(), Error> {
        match verdict {
            Err(Error { rule: Rule::FragmentLength(_) | Rule::FragmentEnd(_), .. }) if self.context.partial => Ok(()),
            Err(Error { rule: Rule::Checksum(_), protocol: Protocol::Gre, .. }) if self.context.partial => Ok(()),
            verdict => verdict,
        }
    }

    fn network_at(&self) -> usize {
        match self.context.network {
            Network::None => 0,
            Network::V4(_, at) | Network::V6(_, at) => at,
        }
    }

    fn pseudo_header(&self, protocol: u8, length: usize) -> Option<Sum> {
        if self.context.partial { None } else { self.context.network.pseudo_header(protocol, length) }
    }

    /// Checks those rules of the header chain that are about this header.
    fn validate_ipv6(&self) -> Result<(), Error> {
        let Network::V6(packet, base) = &self.context.network else { return Ok(()) };
        match self.whole(packet.validate()).map_err(|e| e.at(*base)) {
            Err(error) if (self.offset..self.offset + self.len).contains(&error.offset) => Err(error),
            _ => Ok(()),
        }
    }

    fn validate_udp(&self, datagram: &udp::Datagram<'_>) -> Result<(), Error> {
        let Some(pseudo) = self.pseudo_header(ipv4::UDP, datagram.header.length.get().into()) else { return Ok(()) };
        let port = datagram.header.destination_port.get();
        let is_tunnel =
            matches!(port, vxlan::PORT | vxlan_gpe::PORT | geneve::PORT) || self.context.vxlan_port == Some(port);
        match self.context.network {
            Network::V6(..) if !is_tunnel => datagram.validate_checked(pseudo),
            _ => datagram.validate(pseudo),
        }
    }

    fn validate_icmpv6(&self, message: &icmpv6::Message<'_>) -> Result<(), Error> {
        let is_nd = matches!(message.header.kind, icmpv6::ROUTER_SOLICITATION..=icmpv6::REDIRECT);
        match self.context.network {
            Network::V6(..) if is_nd && message.fragment_header => {
                Err(Error::new(Protocol::Icmpv6, message.offset, Rule::Fragment))
            }
            Network::V6(packet, _) if !self.context.partial && is_as_summed(&packet) => message.validate_kind(),
            _ => Ok(()),
        }
    }

    /// Checks that the frame in a tunnel has no VLAN tag.
    fn untagged(&self, protocol: Protocol) -> Result<(), Error> {
        match ethernet::Frame::parse(self.context.rest) {
            Ok(inner) if inner.header.ether_type.is_tag() => Err(Error::new(protocol, self.len, Rule::InnerVlan)),
            _ => Ok(()),
        }
    }
}

/// True if the header's addresses are those in the upper checksum.
fn is_as_summed(packet: &ipv6::Packet<'_>) -> bool {
    packet.at_last_destination() && *packet.upper_source() == packet.header.source
}

/// Refuses 0x05dd–0x05ff, which IEEE 802.3 §3.2.6 leaves undefined.
fn defined(ether_type: EtherType) -> Result<(), Error> {
    match ether_type.get() {
        0x05dd..0x0600 => Err(Error::new(Protocol::Ethernet, 0, Rule::NotEtherType(ether_type.get()))),
        _ => Ok(()),
    }
}

/// Checks that IANA has assigned the operation to this EtherType (RFC 903, RFC 1931, RFC 5494), and that the sender may
/// have its address (RFC 1812 §3.3.2).
fn assigned(arp: &Arp, protocol: Protocol) -> Result<(), Error> {
    match (protocol, arp.operation.get()) {
        (Protocol::Rarp, 3..=7) | (Protocol::Arp, 1 | 2 | 8..=25) => {}
        (_, other) => return Err(Error::new(protocol, 0, Rule::Operation(other))),
    }
    if arp.sender_mac.is_group() {
        return Err(Error::new(protocol, 0, Rule::SenderMac(arp.sender_mac)));
    }
    Ok(())
}
