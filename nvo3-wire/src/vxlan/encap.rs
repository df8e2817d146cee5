//! The way in: outer headers built once, stamped per frame.

use super::header::{Header, MIN_INNER, PORT};
use crate::ecn::class_of_frame;
use crate::tunnel::template::{EcnMode, Packet, Template, Udp};
use crate::{Error, Ipv4, Ipv6, Protocol, Vni, ipv6, udp};
use core::net::IpAddr;

/// The longest outer headers there are, those over IPv6; the headroom that always suffices.
pub const MAX_OVERHEAD: usize = size_of::<ipv6::Header>() + size_of::<udp::Header>() + size_of::<Header>();

/// The outer headers of one tunnel: IP, UDP and VXLAN, prebuilt with what all its packets share.
///
/// ```
/// use nvo3_wire::{Ipv4, Vni, flow, vxlan};
///
/// let encap = vxlan::Encap::ipv4(Ipv4([198, 51, 100, 1]), Ipv4([198, 51, 100, 2]), Vni::new(7).unwrap());
/// let inner = [0u8; 60];
/// let mut packet = [0u8; 96];
/// assert_eq!(encap.write(flow::entropy(&inner), &inner, &mut packet)?, encap.len() + inner.len());
///
/// let outer = vxlan::decap(&packet)?;
/// assert_eq!((outer.vni.get(), outer.inner), (7, &inner[..]));
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[allow(clippy::len_without_is_empty)]
pub struct Encap(Template<Udp<Header>>);

impl Encap {
    /// Over IPv4: TTL 64, DF, id 0, port 4789, UDP checksum 0 (VXL-03, VXL-05, VXL-07, TUN-06, TUN-08).
    pub fn ipv4(source: Ipv4, destination: Ipv4, vni: Vni) -> Self {
        Self(Template::v4(source, destination, Udp::new(PORT, Header::new(vni))))
    }

    /// Over IPv6: hop limit 64, port 4789, UDP checksum computed (VXL-03, U6-01, TUN-06).
    pub fn ipv6(source: Ipv6, destination: Ipv6, vni: Vni) -> Self {
        Self(Template::v6(source, destination, Udp::new(PORT, Header::new(vni))).with_udp_checksum(true))
    }

    /// Over whatever family both locators are of; `None` if they differ.
    pub fn new(source: IpAddr, destination: IpAddr, vni: Vni) -> Option<Self> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Some(Self::ipv4(source.into(), destination.into(), vni)),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Self::ipv6(source.into(), destination.into(), vni)),
            _ => None,
        }
    }

    /// Another destination port (VXL-03).
    #[must_use]
    pub fn with_port(self, port: u16) -> Self {
        Self(self.0.with_upper(|upper| upper.udp.destination_port = port.into()))
    }

    /// Another TTL or hop limit.
    #[must_use]
    pub fn with_ttl(self, ttl: u8) -> Self {
        Self(self.0.with_ttl(ttl))
    }

    /// The outer DSCP, low six bits of `dscp` (pipe model, TUN-05); 0 by default.
    #[must_use]
    pub fn with_dscp(self, dscp: u8) -> Self {
        Self(self.0.with_dscp(Some(dscp)))
    }

    /// Whether a UDP checksum is computed: by default not over IPv4 and always over IPv6 (VXL-05, U6-01, U6-02).
    #[must_use]
    pub fn with_udp_checksum(self, on: bool) -> Self {
        Self(self.0.with_udp_checksum(on))
    }

    /// How the outer ECN field is set (TUN-01).
    #[must_use]
    pub fn with_ecn(self, ecn: EcnMode) -> Self {
        Self(self.0.with_ecn(ecn))
    }

    /// Length of the outer headers: 36 over IPv4, 56 over IPv6.
    #[inline]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Writes outer headers and a copy of `inner`; gives the length of the packet.
    ///
    /// `entropy` is that of the inner flow, see [`flow::entropy`](crate::flow::entropy).
    ///
    /// # Errors
    /// [`Rule::NoRoom`](crate::Rule::NoRoom), [`Rule::Truncated`](crate::Rule::Truncated) for an inner frame below 14 bytes, [`Rule::TooLong`](crate::Rule::TooLong) for one beyond 64 KiB.
    #[inline(always)]
    pub fn write(&self, entropy: u16, inner: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        self.0.write(&packet(entropy), inner, out)
    }

    /// Writes the outer headers alone, for scatter output with `inner` behind them; gives their length.
    ///
    /// # Errors
    /// As [`Encap::write`].
    #[inline(always)]
    pub fn write_headers(&self, entropy: u16, inner: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        self.0.write_headers(&packet(entropy), inner, out)
    }

    /// Writes the outer headers into the headroom of `buffer`, whose inner frame begins at `inner_at`; gives where the
    /// packet begins now. [`MAX_OVERHEAD`] bytes of headroom always suffice.
    ///
    /// # Errors
    /// As [`Encap::write`].
    #[inline(always)]
    pub fn prepend(&self, entropy: u16, buffer: &mut [u8], inner_at: usize) -> Result<usize, Error> {
        self.0.prepend(&packet(entropy), buffer, inner_at)
    }
}

#[inline(always)]
const fn packet(entropy: u16) -> Packet<'static, impl Fn(&[u8]) -> Result<u8, Error>> {
    Packet { protocol: Protocol::Vxlan, entropy, options: &[], class }
}

/// Traffic class of an inner frame, which has an Ethernet header at least (VXL-12).
#[inline(always)]
fn class(inner: &[u8]) -> Result<u8, Error> {
    if inner.len() < MIN_INNER {
        return Err(Error::truncated(Protocol::Ethernet, MIN_INNER, inner.len()));
    }
    Ok(class_of_frame(inner))
}
