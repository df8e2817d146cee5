//! The receiver's rules, for which a layer has to know those around it.

use super::layer::{Found, Layer};
use crate::arp::Arp;
use crate::checksum::{Addresses, Sum};
use crate::{Error, EtherType, Protocol, Rule, ethernet, geneve, icmpv6, ipv4, ipv6, udp, vxlan, vxlan_gpe};

/// From here on option classes of Geneve are for experiments (RFC 8926 §7).
const EXPERIMENTAL: u16 = 0xff00;

/// What a layer's rules need of the layers around it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Context<'a> {
    pub(super) network: Network<'a>,
    /// This or a layer before is cut, or a first fragment: what is there is not all that lengths and checksums are about.
    pub(super) partial: bool,
    /// UDP to this port is a tunnel too.
    pub(super) vxlan_port: Option<u16>,
    /// What was wrong with the layer though it decodes in part.
    pub(super) fault: Option<Error>,
    /// What lies behind the layer's header.
    pub(super) rest: &'a [u8],
}

/// The innermost IP header so far, and where it begins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Network<'a> {
    #[default]
    None,
    V4(ipv4::Packet<'a>, usize),
    V6(ipv6::Packet<'a>, usize),
}

impl Network<'_> {
    /// The pseudo-header sum; `None` where the destination is not yet the one that the sender's checksum is over.
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
    /// The bytes between header and [`Found::end`].
    pub fn payload(&self) -> &'a [u8] {
        self.context.rest
    }

    /// The receiver's rules of this layer, those of its place among the others included; the first that fails.
    ///
    /// Checksums are verified where all that they are over is there. UDP over IPv6 without a checksum passes to a
    /// tunnel's port alone. A critical Geneve option is taken for known to the ends if its class can be registered, and
    /// refused if it is one for experiments (GNV-02, RFC 8926 §7). No VLAN tag is agreed on for VXLAN or NVGRE (VXL-13,
    /// NVG-04). ARP and RARP may have any operation that was assigned to them.
    ///
    /// # Errors
    /// Those of the layer's own `validate`, with the offset from the first byte of the frame.
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

    /// A verdict, if it is not about what is missing.
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

    /// The rules of the whole header chain, as far as they are about this header.
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

    /// No tag in the frame that a tunnel carries.
    fn untagged(&self, protocol: Protocol) -> Result<(), Error> {
        match ethernet::Frame::parse(self.context.rest) {
            Ok(inner) if inner.header.ether_type.is_tag() => Err(Error::new(protocol, self.len, Rule::InnerVlan)),
            _ => Ok(()),
        }
    }
}

/// Whether the header's addresses are those that an upper checksum is over.
fn is_as_summed(packet: &ipv6::Packet<'_>) -> bool {
    packet.at_last_destination() && *packet.upper_source() == packet.header.source
}

/// IEEE 802.3 §3.2.6 leaves 0x05dd–0x05ff undefined.
fn defined(ether_type: EtherType) -> Result<(), Error> {
    match ether_type.get() {
        0x05dd..0x0600 => Err(Error::new(Protocol::Ethernet, 0, Rule::NotEtherType(ether_type.get()))),
        _ => Ok(()),
    }
}

/// An operation that IANA has assigned, under the EtherType that it belongs to (RFC 903, RFC 1931, RFC 5494), and a
/// sender that may have it (RFC 1812 §3.3.2).
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
