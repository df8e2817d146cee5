//! Decapsulation: from an outer IP packet to virtual network and inner frame.

use super::encap::is_tagged;
use super::outer::Outer;
use super::{Encapsulation, Payload};
use crate::ecn::{self, Ecn, Egress, class_of_frame};
use crate::ethernet::{self, Link};
use crate::geneve::{self, OptionKind, Options};
use crate::{Error, EtherType, Ipv6, Protocol, Rule, Vni, gre, nvgre, udp, vxlan, vxlan_gpe};
use core::fmt;
use core::net::IpAddr;

/// The senders from which a UDP checksum of zero over IPv6 is accepted (U6-03 requires an explicit permission).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ZeroChecksum<'a> {
    /// No sender.
    #[default]
    Nobody,
    /// These tunnel endpoints.
    From(&'a [Ipv6]),
    /// Every sender. Only for a managed network (GNV-09).
    Anyone,
}

/// The UDP ports that IANA has assigned: 4789 for VXLAN, 6081 for Geneve, 4790 for VXLAN-GPE.
pub const PORTS: &[(u16, Encapsulation)] = &[
    (vxlan::PORT, Encapsulation::Vxlan),
    (geneve::PORT, Encapsulation::Geneve),
    (vxlan_gpe::PORT, Encapsulation::VxlanGpe),
];

/// The tunnel packets that an endpoint accepts.
///
/// The default accepts every encapsulation on its assigned port. It accepts no inner tags, no zero checksum over IPv6
/// and no critical Geneve option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept<'a> {
    /// The UDP ports, each with its encapsulation (VXL-03, GNV-07). If a port is there twice, the first entry counts.
    /// NVGRE has no port.
    pub ports: &'a [(u16, Encapsulation)],
    /// True to accept NVGRE. Then every GRE packet is read as NVGRE.
    pub nvgre: bool,
    /// True to accept inner frames with an 802.1Q or 802.1ad tag (VXL-13, NVG-04, GNV-13 allow tags only by agreement).
    pub inner_vlan: bool,
    /// The senders from which a zero UDP checksum over IPv6 is accepted, on each of the ports (U6-03).
    pub zero_checksum_over_ipv6: ZeroChecksum<'a>,
    /// The Geneve options that this endpoint knows. A packet with another critical option is refused (GNV-02).
    pub geneve_options: &'a [OptionKind],
    /// The most bytes of Geneve options that this endpoint handles (GNV-06). Default: 252, the most that a packet can
    /// have.
    pub geneve_options_limit: usize,
}

impl Default for Accept<'_> {
    /// Every encapsulation on its own port, no tags, no zero checksum over IPv6, no known Geneve option.
    fn default() -> Self {
        Self {
            ports: PORTS,
            nvgre: true,
            inner_vlan: false,
            zero_checksum_over_ipv6: ZeroChecksum::Nobody,
            geneve_options: &[],
            geneve_options_limit: geneve::MAX_OPTIONS,
        }
    }
}

/// The content of a tunnel header, and the frame or packet after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Carried<'a> {
    /// The virtual network.
    pub vni: Vni,
    /// The type of `inner`.
    pub payload: Payload,
    /// The inner frame or packet.
    pub inner: &'a [u8],
    /// The offset of `inner` from the first byte of the slice that the caller handed in.
    pub inner_offset: usize,
    /// Geneve options. Empty in other encapsulations.
    pub options: Options<'a>,
}

/// A decapsulated packet: the outer addresses and what the tunnel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decap<'a> {
    /// The encapsulation.
    pub encapsulation: Encapsulation,
    /// Outer source: the ingress endpoint. The caller must check that it belongs to the domain (TUN-10).
    pub source: IpAddr,
    /// Outer destination.
    pub destination: IpAddr,
    /// Outer UDP destination port. `None` for NVGRE.
    pub port: Option<u16>,
    /// Outer ECN codepoint, for [`egress`].
    pub ecn: Ecn,
    /// Outer DSCP, for the uniform model (TUN-05).
    pub dscp: u8,
    /// UDP source port or FlowID: the same for all packets of an inner flow.
    pub entropy: u16,
    /// True if a UDP checksum protects the packet. Without one, nobody may learn from it (U6-06).
    pub checksummed: bool,
    /// The content of the tunnel.
    pub carried: Carried<'a>,
}

impl fmt::Display for Decap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { encapsulation, source, destination, carried, .. } = self;
        let Carried { vni, payload, inner, .. } = carried;
        write!(f, "{source} > {destination} {encapsulation} VNI {vni}, {payload} of {} bytes", inner.len())
    }
}

/// Decapsulates an outer IPv4 or IPv6 packet of any accepted tunnel.
///
/// There are four results:
///
/// | result | the packet | the caller |
/// |---|---|---|
/// | `Ok(Some(…))` | belongs to a tunnel, and is whole | takes the inner frame |
/// | `Ok(None)` | is not a tunnel's: another protocol or port | gives it to the IP stack |
/// | an error of VXLAN, VXLAN-GPE, Geneve, GRE, NVGRE or Ethernet | belongs to a tunnel, and its tunnel header or inner frame is broken | drops it |
/// | an error of IPv4, IPv6, UDP or an authentication header | is broken before the tunnel header | drops it |
///
/// The function does not verify checksums and fragments of a packet that is not a tunnel's. A fragment other than the
/// first has no port, so it is not a tunnel's. A packet with an authentication header is not a tunnel's either: the IP
/// stack verifies that header first.
///
/// The function verifies the IPv4 header checksum and a non-zero UDP checksum of a tunnel's packet. It ignores reserved
/// bits.
///
/// ```
/// use nvo3_wire::tunnel::{Accept, Encap, Encapsulation, decap};
/// use nvo3_wire::{Ipv4, Vni};
///
/// let (from, to, vni) = (Ipv4([198, 51, 100, 1]), Ipv4([198, 51, 100, 2]), Vni::try_from(7).unwrap());
/// let old_linux = Encap::new(Encapsulation::Vxlan, from, to, vni)?.with_port(8472);
/// let mut packet = [0; 96];
/// old_linux.write(0, &[0; 60], &mut packet)?;
///
/// assert_eq!(decap(&packet, &Accept::default())?, None);
/// let ports = &[(4789, Encapsulation::Vxlan), (8472, Encapsulation::Vxlan), (6081, Encapsulation::Geneve)];
/// let outer = decap(&packet, &Accept { ports, ..Accept::default() })?.expect("a tunnel on 8472");
/// assert_eq!((outer.port, outer.carried.vni, outer.carried.inner_offset), (Some(8472), vni, 36));
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
///
/// The four results in a match:
///
/// ```
/// use nvo3_wire::tunnel::{Accept, Encap, Encapsulation, decap};
/// use nvo3_wire::{Ipv4, Protocol, Vni};
///
/// fn sort(packet: &[u8]) -> &'static str {
///     match decap(packet, &Accept::default()) {
///         Ok(Some(_)) => "a tunnel packet",
///         Ok(None) => "for the IP stack",
///         Err(error) => match error.protocol {
///             Protocol::Ipv4 | Protocol::Ipv6 | Protocol::Udp | Protocol::Authentication => "a broken IP packet",
///             _ => "a broken tunnel packet",
///         },
///     }
/// }
///
/// let encap = Encap::new(Encapsulation::Vxlan, Ipv4([198, 51, 100, 1]), Ipv4([198, 51, 100, 2]), Vni::new(7).unwrap())?;
/// let mut packet = [0; 96];
/// encap.write(0, &[0; 60], &mut packet)?;
/// assert_eq!(sort(&packet), "a tunnel packet");
/// packet[28] = 0; // the I flag of VXLAN
/// assert_eq!(sort(&packet), "a broken tunnel packet");
/// packet[23] = 1; // the destination port
/// assert_eq!(sort(&packet), "for the IP stack");
/// assert_eq!(sort(&packet[..19]), "a broken IP packet");
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
///
/// # Errors
/// Offsets count from the outer IP header.
///
/// - An error of IPv4, IPv6 or an authentication header if the outer headers cannot be read, or an error of UDP if the
///   UDP header is cut. Nobody can say then whether the packet is a tunnel's.
/// - Of a tunnel's packet, an error of IPv4 or IPv6 with [`Rule::Fragment`] (VXL-07 and NVG-05 allow no fragments) or
///   another rule of [`ipv4::Packet::validate`](crate::ipv4::Packet::validate) or
///   [`ipv6::Packet::validate`](crate::ipv6::Packet::validate).
/// - Of a tunnel's packet, an error of UDP with a wrong length, with [`Rule::Checksum`], or with [`Rule::ZeroChecksum`]
///   over IPv6 from a sender that [`Accept::zero_checksum_over_ipv6`] does not name (U6-03 requires an explicit
///   permission).
/// - The errors of [`parse`]. One of them has the protocol IPv4 or IPv6: the inner packet is empty.
#[inline]
pub fn decap<'a>(packet: &'a [u8], accept: &Accept<'_>) -> Result<Option<Decap<'a>>, Error> {
    let outer = Outer::parse(packet)?;
    let (source, destination) = outer.addresses();
    let port = outer.port()?;
    let is_on = |(number, encapsulation): &&(u16, Encapsulation)| {
        Some(*number) == port && *encapsulation != Encapsulation::Nvgre
    };
    let (encapsulation, entropy, checksummed, at, bytes) = match accept.ports.iter().find(is_on) {
        Some((_, encapsulation)) => {
            outer.validate()?;
            let udp = outer.datagram(zero_from(accept, source))?;
            let at = outer.at + size_of::<udp::Header>();
            (*encapsulation, udp.header.source_port.get(), udp.header.checksum.get() != 0, at, udp.payload)
        }
        None if accept.nvgre && outer.protocol == gre::PROTOCOL => {
            outer.validate()?;
            let flow_id = outer.payload.get(7).copied().unwrap_or(0);
            (Encapsulation::Nvgre, u16::from(flow_id), false, outer.at, outer.payload)
        }
        None => return Ok(None),
    };
    let carried = parse(encapsulation, bytes, accept).map_err(|e| e.at(at))?;
    let carried = Carried { inner_offset: carried.inner_offset + at, ..carried };
    let (ecn, dscp) = (outer.ecn(), outer.class >> 2);
    Ok(Some(Decap { encapsulation, source, destination, port, ecn, dscp, entropy, checksummed, carried }))
}

/// Decapsulates an outer Ethernet frame with up to two tags: see [`decap`].
///
/// Returns `None` also for a frame that carries neither IPv4 nor IPv6.
///
/// # Errors
/// The errors of [`decap`], and those of a frame that cannot be read. Offsets, also that of the inner frame, count from
/// the first byte of `frame`.
#[inline]
pub fn decap_frame<'a>(frame: &'a [u8], accept: &Accept<'_>) -> Result<Option<Decap<'a>>, Error> {
    let link = Link::parse(frame)?;
    let at = link.offset();
    match link.ether_type() {
        Some(EtherType::IPV4 | EtherType::IPV6) => {}
        _ => return Ok(None),
    }
    let outer = decap(link.payload, accept).map_err(|e| e.at(at))?;
    Ok(outer.map(|outer| {
        let carried = Carried { inner_offset: outer.carried.inner_offset + at, ..outer.carried };
        Decap { carried, ..outer }
    }))
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

/// Reads the payload of a UDP socket (for NVGRE of a raw socket), which begins with the tunnel header.
///
/// The ports in `accept` have no effect.
///
/// # Errors
/// The first fault: a cut header, an invalid VNI, an unknown version, payload type or critical option, a control packet
/// (GNV-04), more options than the limit (GNV-06), a reserved VSID, an inner frame below 14 bytes or with a tag that is
/// not accepted, or an inner IP packet whose version contradicts the header.
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

/// Applies the outer ECN codepoint to an inner frame or packet in place, by the table of RFC 6040 §4.2 (TUN-02, TUN-04,
/// GNV-10).
///
/// A payload without IP is not changed (TUN-03). If [`Egress::inner`] is `None`, the caller must drop the packet.
///
/// # Errors
/// [`Rule::Truncated`] if the inner IP header is cut and its codepoint must change.
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
        Some((at, packet)) => ecn::apply_egress(packet, class, outer).map_err(|e| e.at(at)),
        None => Ok(Egress { inner: Some(Ecn::NotEct), alarm: false }),
    }
}
