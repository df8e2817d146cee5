//! The way out: from an outer IP packet to virtual network and inner frame.

use super::encap::is_tagged;
use super::outer::Outer;
use super::{Encapsulation, Payload};
use crate::ecn::{self, Ecn, Egress, class_of_frame};
use crate::geneve::{self, OptionKind, Options};
use crate::{Error, EtherType, Ipv6, Protocol, Rule, Vni, ethernet, gre, ipv4, nvgre, udp, vxlan, vxlan_gpe};
use core::fmt;
use core::net::IpAddr;

/// From whom a UDP checksum of zero over IPv6 is accepted (U6-03).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZeroChecksum<'a> {
    /// From nobody.
    #[default]
    Nobody,
    /// From these tunnel ends.
    From(&'a [Ipv6]),
    /// From anyone, for a managed network (GNV-09).
    Anyone,
}

/// What a tunnel end accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept<'a> {
    /// The UDP port of VXLAN, if it is spoken (VXL-03).
    pub vxlan: Option<u16>,
    /// The UDP port of VXLAN-GPE, if it is spoken.
    pub vxlan_gpe: Option<u16>,
    /// The UDP port of Geneve, if it is spoken (GNV-07).
    pub geneve: Option<u16>,
    /// Whether NVGRE is spoken.
    pub nvgre: bool,
    /// Whether inner frames may have an 802.1Q or 802.1ad tag (VXL-13, NVG-04, GNV-13).
    pub inner_vlan: bool,
    /// From whom a zero UDP checksum over IPv6 is accepted, on each of the ports above (U6-03).
    pub zero_checksum_over_ipv6: ZeroChecksum<'a>,
    /// The Geneve options that this end knows; another that is critical is refused (GNV-02).
    pub geneve_options: &'a [OptionKind],
    /// The most bytes of Geneve options that this end handles (GNV-06).
    pub geneve_options_limit: usize,
}

impl Default for Accept<'_> {
    /// Every encapsulation on its own port; no tags, no zero checksum over IPv6, no Geneve option known.
    fn default() -> Self {
        Self {
            vxlan: Some(vxlan::PORT),
            vxlan_gpe: Some(vxlan_gpe::PORT),
            geneve: Some(geneve::PORT),
            nvgre: true,
            inner_vlan: false,
            zero_checksum_over_ipv6: ZeroChecksum::Nobody,
            geneve_options: &[],
            geneve_options_limit: geneve::MAX_OPTIONS,
        }
    }
}

/// What a tunnel header and everything behind it say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried<'a> {
    /// The virtual network.
    pub vni: Vni,
    /// What `inner` is.
    pub payload: Payload,
    /// The inner frame or packet.
    pub inner: &'a [u8],
    /// Where it begins, from the first byte of what was handed in.
    pub inner_offset: usize,
    /// Geneve options.
    pub options: Options<'a>,
}

/// An encapsulated frame and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decap<'a> {
    /// Which tunnel it was in.
    pub encapsulation: Encapsulation,
    /// Outer source: the ingress tunnel end, if it is one of the domain (TUN-10, the caller's to check).
    pub source: IpAddr,
    /// Outer destination.
    pub destination: IpAddr,
    /// Outer ECN, for [`egress`].
    pub ecn: Ecn,
    /// Outer DSCP, for the uniform model (TUN-05).
    pub dscp: u8,
    /// UDP source port or FlowID: one number for all packets of an inner flow.
    pub entropy: u16,
    /// Whether a UDP checksum vouched for all this; without one nothing may be learned (U6-06).
    pub checksummed: bool,
    /// What the tunnel carries.
    pub carried: Carried<'a>,
}

impl fmt::Display for Decap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { encapsulation, source, destination, carried, .. } = self;
        let Carried { vni, payload, inner, .. } = carried;
        write!(f, "{source} > {destination} {encapsulation} VNI {vni}, {payload} of {} bytes", inner.len())
    }
}

/// Decapsulates an outer IPv4 or IPv6 packet, whichever tunnel it is.
///
/// Reserved bits are ignored; a non-zero UDP checksum and the IPv4 header checksum are verified.
///
/// # Errors
/// What makes outer packet or tunnel header invalid, with its offset: a fragment (VXL-07, NVG-05), another protocol or
/// port, a wrong checksum, a zero one over IPv6 from an end of which none is accepted (U6-03), what [`parse`] refuses.
#[inline]
pub fn decap<'a>(packet: &'a [u8], accept: &Accept<'_>) -> Result<Decap<'a>, Error> {
    let outer = Outer::parse(packet)?;
    let (source, destination) = outer.addresses();
    let (encapsulation, entropy, checksummed, at, bytes) = match outer.protocol {
        ipv4::UDP => {
            let udp = outer.datagram(zero_from(accept, source))?;
            let port = Some(udp.header.destination_port.get());
            let encapsulation = match port {
                _ if port == accept.vxlan => Encapsulation::Vxlan,
                _ if port == accept.geneve => Encapsulation::Geneve,
                _ if port == accept.vxlan_gpe => Encapsulation::VxlanGpe,
                _ => {
                    let port = udp.header.destination_port.get();
                    return Err(Error::new(Protocol::Udp, outer.at, Rule::Port(port)));
                }
            };
            let at = outer.at + size_of::<udp::Header>();
            (encapsulation, udp.header.source_port.get(), udp.header.checksum.get() != 0, at, udp.payload)
        }
        gre::PROTOCOL if accept.nvgre => {
            let flow_id = outer.payload.get(7).copied().unwrap_or(0);
            (Encapsulation::Nvgre, u16::from(flow_id), false, outer.at, outer.payload)
        }
        _ => return Err(outer.not_a_tunnel()),
    };
    let carried = parse(encapsulation, bytes, accept).map_err(|e| e.at(at))?;
    let carried = Carried { inner_offset: carried.inner_offset + at, ..carried };
    let (ecn, dscp) = (outer.ecn(), outer.class >> 2);
    Ok(Decap { encapsulation, source, destination, ecn, dscp, entropy, checksummed, carried })
}

#[inline]
fn zero_from(accept: &Accept<'_>, source: IpAddr) -> bool {
    match (accept.zero_checksum_over_ipv6, source) {
        (ZeroChecksum::Nobody, _) => false,
        (ZeroChecksum::Anyone, _) => true,
        (ZeroChecksum::From(peers), IpAddr::V6(source)) => peers.contains(&source.into()),
        (ZeroChecksum::From(_), IpAddr::V4(_)) => false,
    }
}

/// Reads what a UDP socket (or, for NVGRE, a raw one) gives: tunnel header first. The ports in `accept` play no part.
///
/// # Errors
/// A cut header, an invalid VNI, an unknown version, payload type or critical option, a control packet (GNV-04), more
/// options than are handled (GNV-06), a reserved VSID, an inner frame below 14 bytes or with a tag not agreed on, an IP
/// packet of another version than said.
#[inline]
pub fn parse<'a>(encapsulation: Encapsulation, bytes: &'a [u8], accept: &Accept<'_>) -> Result<Carried<'a>, Error> {
    let error = |rule| Err(Error::new(encapsulation.protocol(), 0, rule));
    let (vni, payload, inner, options) = match encapsulation {
        Encapsulation::Vxlan => {
            let (vni, inner) = vxlan::parse(bytes)?;
            (vni, Payload::Ethernet, inner, Options::NONE)
        }
        Encapsulation::VxlanGpe => {
            let (header, next, inner) = vxlan_gpe::parse(bytes)?;
            if header.is_control() {
                return error(Rule::Control);
            }
            (header.vni(), next.try_into()?, inner, Options::NONE)
        }
        Encapsulation::Geneve => {
            let packet = geneve::Packet::parse(bytes)?;
            packet.validate(|kind| accept.geneve_options.contains(&kind))?;
            if packet.header.is_control() {
                return error(Rule::Control);
            }
            let (length, limit) = (packet.header.options_len(), accept.geneve_options_limit);
            if length > limit {
                return error(Rule::OptionsBeyond { length, limit });
            }
            let payload = match packet.header.protocol {
                EtherType::IPV4 => Payload::Ipv4,
                EtherType::IPV6 => Payload::Ipv6,
                _ => Payload::Ethernet,
            };
            (packet.header.vni(), payload, packet.payload, packet.options)
        }
        Encapsulation::Nvgre => {
            let (header, inner) = nvgre::parse(bytes, accept.inner_vlan)?;
            (header.vsid(), Payload::Ethernet, inner, Options::NONE)
        }
    };
    let inner_offset = bytes.len() - inner.len();
    match (payload, inner) {
        (Payload::Ethernet, _) if inner.len() < size_of::<ethernet::Header>() => {
            return Err(Error::truncated(Protocol::Ethernet, 14, inner.len()).at(inner_offset));
        }
        (Payload::Ethernet, _) if !accept.inner_vlan && is_tagged(inner) => {
            return Err(Error::new(encapsulation.protocol(), inner_offset, Rule::InnerVlan));
        }
        (Payload::Ipv4, [first, ..]) if first >> 4 != 4 => return error(Rule::InnerVersion(first >> 4)),
        (Payload::Ipv6, [first, ..]) if first >> 4 != 6 => return error(Rule::InnerVersion(first >> 4)),
        (Payload::Ipv4, []) => return Err(Error::truncated(Protocol::Ipv4, 20, 0).at(inner_offset)),
        (Payload::Ipv6, []) => return Err(Error::truncated(Protocol::Ipv6, 40, 0).at(inner_offset)),
        _ => {}
    }
    Ok(Carried { vni, payload, inner, inner_offset, options })
}

/// Brings the outer ECN into an inner frame or packet in place, as the table of RFC 6040 §4.2 says (TUN-02, TUN-04,
/// GNV-10); what is no IP is left alone (TUN-03). Where the verdict has no inner codepoint, drop it.
///
/// # Errors
/// [`Rule::Truncated`] for an inner IP header that is cut where its codepoint is to be changed.
pub fn egress(inner: &mut [u8], payload: Payload, outer: Ecn) -> Result<Egress, Error> {
    let at = match payload {
        Payload::Nsh => None,
        Payload::Ipv4 | Payload::Ipv6 => Some(0),
        Payload::Ethernet => {
            let frame = ethernet::Frame::parse(inner)?;
            ecn::class_of(&frame).map(|_| frame.offset())
        }
    };
    let class = match (payload, &*inner) {
        (Payload::Ethernet, frame) => class_of_frame(frame),
        (Payload::Ipv4, [_, class, ..]) => *class,
        (Payload::Ipv6, [first, second, ..]) => first << 4 | second >> 4,
        _ => 0,
    };
    match at.and_then(|at| Some((at, inner.get_mut(at..)?))) {
        Some((at, packet)) => ecn::leave(packet, class, outer).map_err(|e| e.at(at)),
        None => Ok(Egress { inner: Some(Ecn::NotEct), alarm: false }),
    }
}
