//! The way out: from an outer IP packet to VNI and inner frame.

use super::header::{Header, PORT, parse};
use crate::ecn::Ecn;
use crate::tunnel::outer::Outer;
use crate::{Error, Protocol, Rule, Vni, udp};
use core::fmt;
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
    let outer = Outer::parse(packet)?;
    let udp = outer.datagram(accept.zero_checksum_over_ipv6)?;
    let port = udp.header.destination_port.get();
    if port != accept.port {
        return Err(Error::new(Protocol::Udp, outer.at, Rule::Port(port)));
    }
    let vxlan_at = outer.at + size_of::<udp::Header>();
    let (vni, inner) = parse(udp.payload).map_err(|e| e.at(vxlan_at))?;
    let (source, destination) = outer.addresses();
    Ok(Decap {
        source,
        destination,
        source_port: udp.header.source_port.get(),
        ecn: outer.ecn(),
        checksummed: udp.header.checksum.get() != 0,
        vni,
        inner,
        inner_offset: vxlan_at + size_of::<Header>(),
    })
}

impl fmt::Display for Decap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, destination, vni, inner, .. } = self;
        write!(f, "{source} > {destination} VXLAN VNI {vni}, {} bytes", inner.len())
    }
}
