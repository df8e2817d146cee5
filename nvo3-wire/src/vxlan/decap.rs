//! The way out: from an outer IP packet to VNI and inner frame.

use super::header::{Header, PORT, parse};
use crate::ecn::Ecn;
use crate::udp::Datagram;
use crate::{Error, Protocol, Rule, Vni, ipv4, ipv6};
use core::net::IpAddr;

/// What a tunnel end accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    /// The UDP destination port (VXL-03).
    pub port: u16,
    /// A zero UDP checksum over IPv6, to be enabled per port and peer (U6-03).
    pub zero_checksum_over_ipv6: bool,
}

impl Default for Accept {
    /// Port 4789, no zero checksum over IPv6.
    fn default() -> Self {
        Self { port: PORT, zero_checksum_over_ipv6: false }
    }
}

/// An encapsulated frame and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decap<'a> {
    /// Outer source: the ingress tunnel end, if it is one of the domain (TUN-10, the caller's to check).
    pub source: IpAddr,
    /// Outer destination.
    pub destination: IpAddr,
    /// Outer UDP source port.
    pub source_port: u16,
    /// Outer ECN, for [`ecn::egress`](crate::ecn::egress).
    pub ecn: Ecn,
    /// Whether a UDP checksum vouched for all this; without one nothing may be learned (U6-06).
    pub checksummed: bool,
    /// The virtual network.
    pub vni: Vni,
    /// The inner frame.
    pub inner: &'a [u8],
    /// Where the inner frame begins in the packet.
    pub inner_offset: usize,
}

/// Decapsulates with the defaults of [`Accept`].
///
/// # Errors
/// As [`decap_with`].
#[inline]
pub fn decap(packet: &[u8]) -> Result<Decap<'_>, Error> {
    decap_with(packet, &Accept::default())
}

/// Decapsulates an outer IPv4 or IPv6 packet.
///
/// Reserved bits are ignored (VXL-02), a non-zero UDP checksum and the IPv4 header checksum are verified (VXL-06, U6-04).
///
/// # Errors
/// What makes the outer packet or the VXLAN header invalid, with its offset: a fragment (VXL-07), another protocol or
/// port, a wrong checksum, a zero one over IPv6 where none is accepted (U6-03), I=0, an inner frame below 14 bytes.
#[inline]
pub fn decap_with<'a>(packet: &'a [u8], accept: &Accept) -> Result<Decap<'a>, Error> {
    match packet.first().map(|first| first >> 4) {
        Some(6) => over_ipv6(packet, accept),
        _ => over_ipv4(packet, accept),
    }
}

#[inline]
fn over_ipv4<'a>(packet: &'a [u8], accept: &Accept) -> Result<Decap<'a>, Error> {
    let ip = ipv4::Packet::parse(packet)?;
    ip.validate()?;
    let header = ip.header;
    if header.protocol != ipv4::UDP {
        return Err(Error::new(Protocol::Ipv4, 0, Rule::NextHeader(header.protocol)));
    }
    if header.is_fragment() {
        return Err(Error::new(Protocol::Ipv4, 0, Rule::Fragment));
    }
    let at = ip.header_len();
    let udp = Datagram::parse(ip.payload).map_err(|e| e.at(at))?;
    udp.validate(ip.pseudo_header(udp.header.length.get())).map_err(|e| e.at(at))?;
    let (source, destination) = (IpAddr::V4(header.source.addr()), IpAddr::V4(header.destination.addr()));
    inner(udp, at, accept, (source, destination), Ecn::from_class(header.traffic_class))
}

#[inline]
fn over_ipv6<'a>(packet: &'a [u8], accept: &Accept) -> Result<Decap<'a>, Error> {
    let ip = ipv6::Packet::parse(packet)?;
    ip.validate()?;
    let (header, upper) = (ip.header, ip.upper()?);
    if upper.protocol != ipv6::UDP {
        return Err(Error::new(Protocol::Ipv6, 0, Rule::NextHeader(upper.protocol)));
    }
    if upper.fragment {
        return Err(Error::new(Protocol::Ipv6, 0, Rule::Fragment));
    }
    let at = upper.offset;
    let udp = Datagram::parse(upper.payload).map_err(|e| e.at(at))?;
    let pseudo = ip.pseudo_header(ipv6::UDP, u32::from(udp.header.length.get()));
    let verdict = if accept.zero_checksum_over_ipv6 { udp.validate(pseudo) } else { udp.validate_checked(pseudo) };
    verdict.map_err(|e| e.at(at))?;
    let (source, destination) = (IpAddr::V6(header.source.addr()), IpAddr::V6(header.destination.addr()));
    inner(udp, at, accept, (source, destination), Ecn::from_class(header.traffic_class()))
}

#[inline(always)]
fn inner<'a>(
    udp: Datagram<'a>,
    udp_at: usize,
    accept: &Accept,
    (source, destination): (IpAddr, IpAddr),
    ecn: Ecn,
) -> Result<Decap<'a>, Error> {
    let port = udp.header.destination_port.get();
    if port != accept.port {
        return Err(Error::new(Protocol::Udp, udp_at, Rule::Port(port)));
    }
    let vxlan_at = udp_at + size_of::<crate::udp::Header>();
    let (vni, inner) = parse(udp.payload).map_err(|e| e.at(vxlan_at))?;
    Ok(Decap {
        source,
        destination,
        source_port: udp.header.source_port.get(),
        ecn,
        checksummed: udp.header.checksum.get() != 0,
        vni,
        inner,
        inner_offset: vxlan_at + size_of::<Header>(),
    })
}
