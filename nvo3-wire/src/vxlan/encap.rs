//! The way in: outer headers built once, stamped per frame.

use super::header::{Header, MIN_INNER, PORT};
use crate::checksum::Sum;
use crate::ecn::Ecn;
use crate::error::place;
use crate::{Error, Ipv4, Ipv6, Protocol, Rule, Vni, ipv4, ipv6, udp};
use core::net::IpAddr;
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The longest outer headers there are, those over IPv6; the headroom that always suffices.
pub const MAX_OVERHEAD: usize = size_of::<OverIpv6>();

const TTL: u8 = 64;
const HEADERS: u16 = (size_of::<udp::Header>() + size_of::<Header>()) as u16;

/// What the outer ECN field is set to (RFC 6040 §4.1, TUN-01).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EcnMode {
    /// Copied from the inner IP packet; Not-ECT where the inner frame carries none.
    #[default]
    Normal,
    /// Not-ECT always, for tunnel ends that do not follow RFC 6040.
    Compatibility,
}

/// The source port of a flow: 49152–65535 (VXL-04).
#[inline]
pub const fn source_port(entropy: u16) -> u16 {
    49152 + entropy % 16384
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct OverIpv4 {
    ip: ipv4::Header,
    udp: udp::Header,
    vxlan: Header,
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct OverIpv6 {
    ip: ipv6::Header,
    udp: udp::Header,
    vxlan: Header,
}

#[derive(Clone, Copy, Debug)]
enum Template {
    Ipv4(OverIpv4),
    Ipv6(OverIpv6),
}

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
pub struct Encap {
    template: Template,
    /// Over what the template fixes: the IPv4 header, or the UDP checksum's share over IPv6 or, if asked for, IPv4.
    ip_sum: Sum,
    udp_sum: Option<Sum>,
    ecn: EcnMode,
}

impl Encap {
    /// Over IPv4: TTL 64, DF, id 0, port 4789, UDP checksum 0 (VXL-03, VXL-05, VXL-07, TUN-06, TUN-08).
    pub fn ipv4(source: Ipv4, destination: Ipv4, vni: Vni) -> Self {
        let template = OverIpv4 {
            ip: ipv4::Header {
                version_words: 0x45,
                traffic_class: 0,
                total_length: U16::ZERO,
                identification: U16::ZERO,
                fragment: U16::new(ipv4::DONT_FRAGMENT),
                ttl: TTL,
                protocol: ipv4::UDP,
                checksum: U16::ZERO,
                source,
                destination,
            },
            udp: udp_header(),
            vxlan: Header::new(vni),
        };
        Self::summed(Template::Ipv4(template), false, EcnMode::Normal)
    }

    /// Over IPv6: hop limit 64, port 4789, UDP checksum computed (VXL-03, U6-01, TUN-06).
    pub fn ipv6(source: Ipv6, destination: Ipv6, vni: Vni) -> Self {
        let template = OverIpv6 {
            ip: ipv6::Header {
                version_class_label: U32::new(6 << 28),
                payload_length: U16::ZERO,
                next_header: ipv6::UDP,
                hop_limit: TTL,
                source,
                destination,
            },
            udp: udp_header(),
            vxlan: Header::new(vni),
        };
        Self::summed(Template::Ipv6(template), true, EcnMode::Normal)
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
    pub fn with_port(mut self, port: u16) -> Self {
        match &mut self.template {
            Template::Ipv4(headers) => headers.udp.destination_port = U16::new(port),
            Template::Ipv6(headers) => headers.udp.destination_port = U16::new(port),
        }
        self.again()
    }

    /// Another TTL or hop limit.
    #[must_use]
    pub fn with_ttl(mut self, ttl: u8) -> Self {
        match &mut self.template {
            Template::Ipv4(headers) => headers.ip.ttl = ttl,
            Template::Ipv6(headers) => headers.ip.hop_limit = ttl,
        }
        self.again()
    }

    /// The outer DSCP, low six bits of `dscp` (pipe model, TUN-05); 0 by default.
    #[must_use]
    pub fn with_dscp(mut self, dscp: u8) -> Self {
        let class = dscp << 2;
        match &mut self.template {
            Template::Ipv4(headers) => headers.ip.traffic_class = class,
            Template::Ipv6(headers) => headers.ip.version_class_label = U32::new(6 << 28 | u32::from(class) << 20),
        }
        self.again()
    }

    /// Whether a UDP checksum is computed: by default not over IPv4 and always over IPv6 (VXL-05, U6-01, U6-02).
    #[must_use]
    pub fn with_udp_checksum(self, on: bool) -> Self {
        Self::summed(self.template, on, self.ecn)
    }

    /// How the outer ECN field is set (TUN-01).
    #[must_use]
    pub fn with_ecn(self, ecn: EcnMode) -> Self {
        Self { ecn, ..self }
    }

    fn again(self) -> Self {
        Self::summed(self.template, self.udp_sum.is_some(), self.ecn)
    }

    fn summed(template: Template, udp_checksum: bool, ecn: EcnMode) -> Self {
        let (ip_sum, udp_sum) = match &template {
            Template::Ipv4(OverIpv4 { ip, udp, vxlan }) => {
                let pseudo = crate::checksum::pseudo_ipv4(&ip.source, &ip.destination, ipv4::UDP, 0);
                (Sum::ZERO.bytes(ip.as_bytes()), pseudo.bytes(udp.as_bytes()).bytes(vxlan.as_bytes()))
            }
            Template::Ipv6(OverIpv6 { ip, udp, vxlan }) => {
                let pseudo = crate::checksum::pseudo_ipv6(&ip.source, &ip.destination, ipv6::UDP, 0);
                (Sum::ZERO, pseudo.bytes(udp.as_bytes()).bytes(vxlan.as_bytes()))
            }
        };
        Self { template, ip_sum, udp_sum: udp_checksum.then_some(udp_sum), ecn }
    }

    /// Length of the outer headers: 36 over IPv4, 56 over IPv6.
    #[inline]
    pub const fn len(&self) -> usize {
        match self.template {
            Template::Ipv4(_) => size_of::<OverIpv4>(),
            Template::Ipv6(_) => size_of::<OverIpv6>(),
        }
    }

    /// Writes outer headers and a copy of `inner`; gives the length of the packet.
    ///
    /// `entropy` is that of the inner flow, see [`flow::entropy`](crate::flow::entropy).
    ///
    /// # Errors
    /// [`Rule::NoRoom`], [`Rule::Truncated`] for an inner frame below 14 bytes, [`Rule::TooLong`] for one beyond 64 KiB.
    #[inline]
    pub fn write(&self, entropy: u16, inner: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let (needed, available) = (self.len() + inner.len(), out.len());
        let Some((headers, payload)) = out.get_mut(..needed).and_then(|out| out.split_at_mut_checked(self.len()))
        else {
            return Err(Error::no_room(Protocol::Vxlan, needed, available));
        };
        self.write_headers(entropy, inner, headers)?;
        payload.copy_from_slice(inner);
        Ok(needed)
    }

    /// Writes the outer headers alone, for scatter output with `inner` behind them; gives their length.
    ///
    /// # Errors
    /// As [`Encap::write`].
    #[inline]
    pub fn write_headers(&self, entropy: u16, inner: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        if inner.len() < MIN_INNER {
            return Err(Error::truncated(Protocol::Ethernet, MIN_INNER, inner.len()));
        }
        let ecn = match self.ecn {
            EcnMode::Normal => Ecn::of_frame(inner),
            EcnMode::Compatibility => Ecn::NotEct,
        };
        let udp_length = length(inner, HEADERS)?;
        let port = source_port(entropy);
        let udp_checksum = match self.udp_sum {
            Some(sum) => sum.word(udp_length).word(udp_length).word(port).bytes(inner).udp_checksum(),
            None => 0,
        };
        match &self.template {
            Template::Ipv4(template) => {
                let total_length = length(inner, HEADERS + 20)?;
                let checksum = self.ip_sum.word(total_length).word(ecn as u16).checksum();
                let (headers, _) = place::<OverIpv4>(out, Protocol::Vxlan)?;
                *headers = *template;
                headers.ip.traffic_class = template.ip.traffic_class | ecn as u8;
                headers.ip.total_length = U16::new(total_length);
                headers.ip.checksum = U16::new(checksum);
                stamp(&mut headers.udp, port, udp_length, udp_checksum);
            }
            Template::Ipv6(template) => {
                let label = u32::from(entropy) + 1; // never zero (TUN-07)
                let (headers, _) = place::<OverIpv6>(out, Protocol::Vxlan)?;
                *headers = *template;
                let class_label = template.ip.version_class_label.get() | (ecn as u32) << 20 | label;
                headers.ip.version_class_label = U32::new(class_label);
                headers.ip.payload_length = U16::new(udp_length);
                stamp(&mut headers.udp, port, udp_length, udp_checksum);
            }
        }
        Ok(self.len())
    }

    /// Writes the outer headers into the headroom of `buffer`, whose inner frame begins at `inner_at`; gives where the
    /// packet begins now. [`MAX_OVERHEAD`] bytes of headroom always suffice.
    ///
    /// # Errors
    /// As [`Encap::write`].
    #[inline]
    pub fn prepend(&self, entropy: u16, buffer: &mut [u8], inner_at: usize) -> Result<usize, Error> {
        let no_room = Error::no_room(Protocol::Vxlan, self.len(), inner_at);
        let Some((headroom, inner)) = buffer.split_at_mut_checked(inner_at) else { return Err(no_room) };
        let Some(start) = inner_at.checked_sub(self.len()) else { return Err(no_room) };
        self.write_headers(entropy, inner, headroom.get_mut(start..).unwrap_or_default())?;
        Ok(start)
    }
}

fn udp_header() -> udp::Header {
    udp::Header { source_port: U16::ZERO, destination_port: U16::new(PORT), length: U16::ZERO, checksum: U16::ZERO }
}

#[inline(always)]
fn stamp(udp: &mut udp::Header, port: u16, length: u16, checksum: u16) {
    udp.source_port = U16::new(port);
    udp.length = U16::new(length);
    udp.checksum = U16::new(checksum);
}

#[inline(always)]
fn length(inner: &[u8], headers: u16) -> Result<u16, Error> {
    match u16::try_from(inner.len()).ok().and_then(|inner| inner.checked_add(headers)) {
        Some(length) => Ok(length),
        None => Err(Error::new(Protocol::Vxlan, 0, Rule::TooLong(inner.len()))),
    }
}
